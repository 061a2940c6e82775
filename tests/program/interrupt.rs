//! Ctrl-C and SIGTERM while a run is under way.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::server::serve;
use super::world::{Dir, Ran, TestCommand};

const SUITE: &str = r#"
cases:
  - name: passes
    request: &models {get: /v1/models}
    expect: {status: 200}
  - name: fails
    request: *models
    expect: {status: 201}
  - name: hangs
    setup:
      - request: {post: /v1/files, body: {}}
        capture: {id: $.id}
    steps:
      - request: {post: /v1/chat/completions, body: {model: m, messages: []}}
        capture: {answer: $.id}
    teardown:
      - request: {delete: "/v1/files/${id}"}
      - request: {delete: "/v1/chat/completions/${answer}"}
  - name: waits
    request: *models
"#;

/// What a provider was asked: `DELETE /v1/files/a`.
type Log = Receiver<String>;

/// A provider that never answers where the path holds one of these.
fn provider(hangs: &'static [&'static str]) -> (String, Log) {
    let (sender, log) = channel();
    let base = serve(move |asked| {
        let words: Vec<&str> = asked.head.split_whitespace().take(2).collect();
        // The test may have seen enough.
        let _ = sender.send(words.join(" "));
        if hangs.iter().any(|part| words.join(" ").contains(part)) {
            std::thread::sleep(Duration::from_secs(600));
        }
        (200, String::new(), r#"{"id": "a", "object": "list", "data": []}"#.to_owned())
    });
    (base, log)
}

/// Waits until the provider was asked this.
fn until(log: &Log, words: &str) {
    while log.recv_timeout(Duration::from_secs(30)).expect(words) != words {}
}

fn tell(child: &Child, signal: &str) {
    assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
}

fn spawned(command: TestCommand) -> Child {
    let mut command = command.env("TOGETHER_API_KEY", "canary-4711-canary").0;
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    Ran::from(child.wait_with_output().unwrap())
}

/// A recording run of the suite against this provider.
fn started(dir: &Dir, base: &str) -> Child {
    dir.write("suites/a.yaml", SUITE);
    let words = format!("test --setup together --mode record --stack-config direct --provider together={base}");
    spawned(dir.retake(&words))
}

#[test]
fn a_run_that_is_told_to_end_tears_down_and_tells_what_it_knows() {
    for signal in ["-INT", "-TERM"] {
        let (dir, (base, log)) = (Dir::new(), provider(&["/chat/completions"]));
        let child = started(&dir, &base);
        until(&log, "POST /v1/chat/completions");
        tell(&child, signal);
        let ran = ended(child).exits(2);
        // What was made is taken down; what was not captured is not asked for, and no other case begins.
        assert_eq!(log.try_iter().collect::<Vec<_>>(), ["DELETE /v1/files/a"], "{signal}");
        let id = |name| format!("suites/a.yaml::{name}");
        let known = [(id("fails"), "FAILED".to_owned()), (id("passes"), "PASSED".to_owned())];
        assert_eq!(ran.outcomes(), known, "{signal}");
        assert_eq!(ran.last_line(), "1 failed, 1 passed");
        let ran = ran.says("!!! interrupted by the user !!!").says("given up: suites/a.yaml::hangs\n");
        assert!(ran.stderr.contains("once more ends at once"), "{}", ran.stderr);
        // What failed is remembered, and what was good is recorded; of the rest there is nothing, not even a half.
        let kept: Vec<String> = dir.files(".retake").into_iter().map(|(name, _)| name).collect();
        assert_eq!(kept, [".retake/lastfailed.json"]);
        let (_, memory) = &dir.files(".retake")[0];
        let memory: serde_json::Value = serde_json::from_slice(memory).unwrap();
        assert_eq!(memory["failed"], serde_json::json!([id("fails")]));
        let recorded = dir.files("recordings");
        assert!(recorded.len() == 1 && recorded[0].0.ends_with(".json"), "{:?}", recorded[0].0);
        dir.retake("test --setup together --stack-config direct -k passes").run().exits(0);
    }
}

#[test]
fn a_second_time_ends_at_once() {
    let (dir, (base, log)) = (Dir::new(), provider(&["/chat/completions", "DELETE"]));
    let child = started(&dir, &base);
    until(&log, "POST /v1/chat/completions");
    tell(&child, "-INT");
    until(&log, "DELETE /v1/files/a");
    let told = Instant::now();
    tell(&child, "-INT");
    let ran = ended(child).exits(2).says("interrupted by the user");
    assert!(told.elapsed() < Duration::from_secs(4), "{:?}", told.elapsed());
    assert_eq!(ran.last_line(), "1 failed, 1 passed");
}

#[test]
fn a_teardown_that_hangs_is_waited_for_no_longer_than_five_seconds() {
    let (dir, (base, log)) = (Dir::new(), provider(&["/chat/completions", "DELETE"]));
    let child = started(&dir, &base);
    until(&log, "POST /v1/chat/completions");
    tell(&child, "-TERM");
    let ran = ended(child).exits(2).says("In teardown:\nerror: provider down: not done within 5 s of the interruption");
    assert_eq!(ran.last_line(), "1 failed, 1 passed, 1 error");
}

#[test]
fn a_server_of_the_users_ends_with_the_run() {
    let retake = env!("CARGO_BIN_EXE_retake");
    let gateway = format!(
        "exec {retake} stack --mode live --provider together=$RETAKE_PROXY_URL/together/v1 --port $PORT --store store.db"
    );
    // One that never becomes ready, and one that waits for a provider that hangs.
    for (server, is_ready) in [("exec sleep 600", false), (gateway.as_str(), true)] {
        let (dir, (base, log)) = (Dir::new(), provider(&["/chat/completions"]));
        let ask = "{post: /v1/chat/completions, body: {model: together/m, messages: [{role: user, content: hi}]}}";
        dir.write("suites/a.yaml", &format!("cases: [{{name: hangs, request: {ask}}}]"));
        dir.write("start.sh", &format!("echo $$ > pid.new; mv pid.new pid\n{server}\n"));
        let words = format!("test --setup together --mode live --stack-health /v1/health --provider together={base}");
        let child = spawned(dir.retake(&words).arg("--stack-config").arg("command:sh start.sh"));
        let (pid, begun) = (dir.path().join("pid"), Instant::now());
        while !pid.exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it was not started");
            std::thread::sleep(Duration::from_millis(20));
        }
        if is_ready {
            until(&log, "POST /v1/chat/completions");
        }
        tell(&child, "-INT");
        ended(child).exits(2).says("interrupted by the user");
        let pid = std::fs::read_to_string(pid).unwrap();
        let told = Instant::now();
        while lives(pid.trim()) {
            assert!(told.elapsed() < Duration::from_secs(20), "the user's server still runs: {server}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether a process runs. Dead is enough: who buries it is up to the system.
pub(crate) fn lives(pid: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap().stdout;
    !state.is_empty() && !state.starts_with(b"Z")
}
