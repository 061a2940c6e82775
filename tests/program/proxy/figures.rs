//! What `retake run` and `retake serve` say at their end: silence, figures, and recordings that nobody used.

use super::provider::Provider;
use super::run::Waiting;
use super::{post, serve};
use crate::world::{Dir, Ran, Running};

const CHAT: &str = r#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#;

fn ollama(provider: &Provider, mode: &str) -> String {
    format!("--mode {mode} --provider ollama=http://127.0.0.1:{}/v1", provider.port)
}

/// The lines about providers, without what is only true of this machine.
fn figures(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| line.contains(" request") && line.contains(" recorded")).collect()
}

#[test]
fn a_command_that_asks_nothing_is_told_what_that_means() {
    let dir = Dir::new();
    for mode in ["replay", "record", "record-if-missing"] {
        let ran = dir.retake(&format!("run --no-intercept --mode {mode} -- true")).run().exits(0);
        let ran = ran.says("retake: warning: no request came to the proxy").says("OpenAI(base_url=");
        let ran = ran.says("os.environ[\"OPENAI_BASE_URL\"]").says("the variables that lead here: OPENAI_BASE_URL, ");
        assert!(!ran.stderr.contains("exit 1"));
    }
    // A command that failed may have failed because of that.
    dir.retake("run -- false").run().exits(1).says("no request came to the proxy");
    dir.retake("run -- true").run().exits(0).says("its client uses neither OPENAI_BASE_URL nor HTTPS_PROXY");
    let setup = dir.retake("run --no-intercept --setup together -- true").run().exits(0);
    setup.says("os.environ[\"TOGETHER_BASE_URL\"]");
    // Live, nothing is lost.
    assert_eq!(dir.retake("run --mode live -- true").run().exits(0).stderr, "");
}

#[test]
fn requests_may_be_demanded() {
    let dir = Dir::new();
    let ran = dir.retake("run --require-requests -- true").run().exits(1);
    ran.says("the command succeeded, but sent no request (--require-requests): exit 1");
    dir.retake("run --mode live --require-requests -- true").run().exits(1).says("no request came to the proxy");
    dir.retake("run --require-requests -- sh -c").arg("exit 7").run().exits(7);
}

#[tokio::test]
async fn a_command_that_asks_is_not_told_that_it_was_silent() {
    let dir = Dir::new();
    let asking = Waiting::start(&dir, "--require-requests", "OLLAMA_HOST");
    assert_eq!(asking.ask("/api/chat").await, 424);
    let ran = asking.end(0).exits(1).says("1 request had no answer: exit 1");
    assert!(!ran.stderr.contains("no request came"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_recording_run_ends_with_its_figures() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let recording = Waiting::start(&dir, &ollama(&provider, "record"), "OLLAMA_HOST");
    assert_eq!((recording.ask("/api/chat").await, recording.ask("/api/counted").await), (200, 200));
    let ran = recording.end(0).exits(0);
    assert_eq!(figures(&ran), ["retake: ollama: 2 requests, 2 recorded (recordings/ollama)"]);
    let again = Waiting::start(&dir, &ollama(&provider, "record"), "OLLAMA_HOST");
    assert_eq!((again.ask("/api/chat").await, again.ask("/api/counted").await), (200, 200));
    let ran = again.end(0).exits(0);
    assert_eq!(figures(&ran), ["retake: ollama: 2 requests, 0 recorded, 2 replaced (recordings/ollama)"]);
    let known = Waiting::start(&dir, &ollama(&provider, "record-if-missing"), "OLLAMA_HOST");
    assert_eq!((known.ask("/api/chat").await, known.ask("/api/new").await), (200, 200));
    let ran = known.end(0).exits(0);
    assert_eq!(figures(&ran), ["retake: ollama: 2 requests, 1 recorded (recordings/ollama)"]);
    // What a command that failed recorded is not kept, which the figures tell; its code is its own.
    let failed = Waiting::start(&dir, &ollama(&provider, "record"), "OLLAMA_HOST");
    assert_eq!((failed.ask("/api/counted").await, failed.ask("/api/newer").await), (200, 200));
    let ran = failed.end(3).exits(3);
    let said = "retake: ollama: 2 requests, 0 recorded, 1 kept as it was, 1 not written (recordings/ollama)";
    assert_eq!(figures(&ran), [said]);
}

#[tokio::test]
async fn the_same_replies_again_are_worth_a_run() {
    let dir = Dir::new();
    dir.write("script.yaml", "rules:\n  - reply: {text: Hello}\n");
    let flags = "--mode record --provider openai=script:script.yaml";
    for said in ["1 request, 1 recorded (", "1 request, 0 recorded, 1 unchanged ("] {
        let recording = Waiting::start(&dir, flags, "OPENAI_BASE_URL");
        assert_eq!(recording.ask_with("/chat/completions", CHAT).await, 200);
        recording.end(0).exits(0).says(said);
    }
}

#[tokio::test]
async fn a_run_that_asked_and_recorded_nothing_fails_and_says_why() {
    let dir = Dir::new();
    // Nobody listens there.
    let flags = "--mode record --provider ollama=http://127.0.0.1:9/v1";
    let alone = Waiting::start(&dir, flags, "OLLAMA_HOST");
    assert_eq!(alone.ask("/api/chat").await, 502);
    let ran = alone.end(0).exits(1).says("ollama: 1 request, 0 recorded, 1 without a reply (recordings/ollama)");
    let ran = ran.says("POST /api/chat: no reply came").says("127.0.0.1:9");
    ran.says("the command succeeded, but 1 recording could not be made: exit 1");
    let provider = Provider::start().await;
    let flags = ollama(&provider, "record") + " --max-recording-size 1KiB";
    let large = Waiting::start(&dir, &flags, "OLLAMA_HOST");
    assert_eq!(large.ask("/api/speech").await, 200);
    let ran = large.end(0).exits(1).says("larger than 1KiB").says("1 request, 0 recorded, 1 not written");
    ran.says("nothing was recorded, although 1 request was sent");
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_recorded_ends_with_its_figures_too() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let mut command = dir.retake(&format!("serve --port 0 {}", ollama(&provider, "record")));
    let told = dir.path().join("told");
    command.0.stderr(std::fs::File::create(&told).unwrap());
    let running = Running::with(command);
    assert_eq!(post(&running, "/ollama/api/chat", "{}").await.status(), 200);
    running.end();
    let said = std::fs::read_to_string(&told).unwrap();
    assert!(said.contains("ollama: 1 request, 1 recorded (recordings/ollama)"), "{said}");
    let running = serve(&dir, "--mode record --provider ollama=http://127.0.0.1:9/v1");
    assert_eq!(post(&running, "/ollama/api/chat", "{}").await.status(), 502);
    running.ends(1);
}

#[tokio::test]
async fn what_a_run_did_not_use_is_counted_and_removed_on_demand() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let recording = Waiting::start(&dir, &ollama(&provider, "record"), "OLLAMA_HOST");
    assert_eq!((recording.ask("/api/chat").await, recording.ask("/api/old").await), (200, 200));
    recording.end(0).exits(0);
    let suites = dir.files("recordings")[0].1.clone();
    let suites = String::from_utf8(suites).unwrap();
    let mut of_a_suite: serde_json::Value = serde_json::from_str(&suites).unwrap();
    of_a_suite["retake"]["cases"] = serde_json::json!({"suites/a.yaml::one": "1"});
    of_a_suite["request"]["endpoint"] = "/api/of-a-suite".into();
    dir.write("recordings/ollama/of-a-suite.json", &of_a_suite.to_string());
    dir.write("recordings/openai/of-another.json", &suites);
    assert_eq!(dir.files("recordings").len(), 4);
    let whole = Waiting::start(&dir, "", "OLLAMA_HOST");
    assert_eq!(whole.ask("/api/chat").await, 200);
    whole.end(0).exits(0).says("retake: 1 recording used by no request of this run (--prune removes them)");
    // A command that failed may have ended before it came to the rest.
    let failed = Waiting::start(&dir, "--prune", "OLLAMA_HOST");
    assert_eq!(failed.ask("/api/chat").await, 200);
    failed.end(1).exits(1);
    assert_eq!(dir.files("recordings").len(), 4);
    let pruning = Waiting::start(&dir, "--prune", "OLLAMA_HOST");
    assert_eq!(pruning.ask("/api/chat").await, 200);
    pruning.end(0).exits(0).says("retake: removed 1 recording that no request of this run used:");
    let left: Vec<String> = dir.files("recordings").into_iter().map(|(name, _)| name).collect();
    assert!(left.len() == 3 && left.contains(&"recordings/ollama/of-a-suite.json".to_owned()), "{left:?}");
    dir.retake("run --mode live --prune -- true").run().exits(4).says("--prune wants");
}
