//! How providers are asked live, and how long their replies may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::server::serve;
use super::world::{Dir, Ran, Running};

const MODELS: &str = r#"{"object": "list", "data": []}"#;

fn models() -> (u16, String, String) {
    (200, String::new(), MODELS.to_owned())
}

/// A folder with `cases` cases, each of which lists the models.
fn folder(cases: usize, expect: &str) -> Dir {
    let dir = Dir::new();
    let case = |n| format!("  - name: case_{n}\n    request: {{get: /v1/models?n={n}}}\n    expect: {expect}\n");
    dir.write("suites/models.yaml", &format!("cases:\n{}", (0..cases).map(case).collect::<String>()));
    dir
}

fn live(dir: &Dir, base: &str, words: &str) -> Ran {
    let mode = if words.contains("--mode") { "" } else { "--mode live" };
    let words = format!("test --setup together --stack-config direct {mode} --provider together={base} {words}");
    dir.retake(&words).env("TOGETHER_API_KEY", "key-of-the-test").run()
}

/// A provider that refuses two requests of three.
fn busy() -> String {
    let asked = AtomicUsize::new(0);
    serve(move |_| match asked.fetch_add(1, Ordering::SeqCst) % 3 {
        2 => models(),
        _ => (429, "retry-after: 0\r\n".to_owned(), r#"{"error": {"message": "slow down"}}"#.to_owned()),
    })
}

#[test]
fn a_busy_provider_is_asked_again_as_often_as_flag_and_data_say() {
    let dir = folder(1, "{status: 200}");
    live(&dir, &busy(), "").exits(0);
    live(&dir, &busy(), "--retries 1").exits(1).says("rate limited").says("slow down");
    let providers = |times: u32| {
        let text = format!(
            "providers:\n  together:\n    type: remote::together\n    base_url: https://api.together.xyz/v1\n    retries: {{times: {times}}}\n"
        );
        dir.write("suites/providers.yaml", &text);
        dir.write("suites/setups.yaml", "setups:\n  together: {provider: together}\n");
    };
    providers(0);
    live(&dir, &busy(), "").exits(1).says("rate limited");
    live(&dir, &busy(), "--retries 2").exits(0);
    providers(2);
    live(&dir, &busy(), "").exits(0);
}

#[test]
fn no_more_requests_are_under_way_than_is_allowed() {
    let dir = folder(12, "{status: 200}");
    let most = |words: &str| {
        let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        let base = serve(move |_| {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(40));
            now.fetch_sub(1, Ordering::SeqCst);
            models()
        });
        live(&dir, &base, words).exits(0);
        most.load(Ordering::SeqCst)
    };
    assert!(most("-n 6") > 2, "six workers ask at once");
    assert_eq!(most("-n 6 --at-once 2"), 2);
}

#[test]
fn a_silent_provider_is_given_up() {
    let base = serve(|_| {
        std::thread::sleep(Duration::from_secs(5));
        models()
    });
    let ran = live(&folder(1, "{status: 200}"), &base, "--retries 0 --first-byte-timeout 50ms").exits(1);
    ran.says("provider down").says("no reply within 50ms");
}

#[test]
fn flags_of_live_requests_want_sense() {
    let dir = folder(1, "{}");
    live(&dir, "http://127.0.0.1:9/v1", "--gap-timeout soon").exits(4).says("such as `10s`");
    live(&dir, "http://127.0.0.1:9/v1", "--per-minute 0").exits(4);
    live(&dir, "http://127.0.0.1:9/v1", "--replay-speed 0").exits(4).says("multiple of the recorded pace");
}

#[test]
fn a_time_is_checked_live_and_offline_and_says_by_which_clock() {
    let within = |limit: &str| format!("{{time: {{first_byte: {limit}, whole: 1m}}}}");
    let dir = folder(1, &within("1m"));
    let base = serve(|_| {
        std::thread::sleep(Duration::from_millis(120));
        models()
    });
    let recorded = live(&dir, &base, "--mode record");
    recorded.exits(0);
    for words in ["", "--replay-speed 1", "--replay-speed 3"] {
        dir.retake(&format!("test --setup together --stack-config direct {words}")).run().exits(0);
    }
    let suite = folder(1, &within("100ms"));
    std::fs::copy(suite.path().join("suites/models.yaml"), dir.path().join("suites/models.yaml")).unwrap();
    for (words, clock) in [
        ("--stack-config direct", "as recorded"),
        ("--stack-config direct --replay-speed 1", "replayed at 1 times the recorded pace"),
        ("--stack-config direct --replay-speed 2", "replayed at 2 times the recorded pace"),
    ] {
        let ran = dir.retake(&format!("test --setup together {words}")).run().exits(1);
        ran.says("time.first_byte").says("at most 100ms").says(clock);
    }
    live(&dir, &base, "").exits(1).says("time.first_byte").says("(measured)");
}

/// Answers every question with a new id, which the next question sends back.
fn ever_new() -> String {
    let asked = AtomicUsize::new(0);
    serve(move |_| {
        let id = format!("resp-{:04}", asked.fetch_add(1, Ordering::SeqCst));
        (200, String::new(), format!(r#"{{"id": "{id}", "object": "list", "data": []}}"#))
    })
}

#[test]
fn recording_twice_shows_what_changed_and_writes_nothing() {
    let dir = Dir::new();
    let ask = "request: {post: /v1/x, body: {n: 1}}\n        capture: {id: $.id}";
    let again = "request: {post: /v1/x, body: {n: 2, previous: \"${id}\"}}";
    dir.write("suites/x.yaml", &format!("cases:\n  - name: a\n    steps:\n      - {ask}\n      - {again}\n"));
    let base = ever_new();
    let words = format!("record --twice --setup together --stack-config direct --provider together={base}");
    let ran = dir.retake(&words).env("TOGETHER_API_KEY", "key-of-the-test").run().exits(0);
    let account = ran.stdout.rsplit_once("together: ").expect("an account").1;
    insta::assert_snapshot!(account, @r#"
    2 requests were recorded twice, aside.
      Fields of requests that changed:
        /v1/x $.previous (1 times): "resp-0000" then "resp-0002"
          came in a reply before, so that replay repeats it: nothing is to be done
      Fields of replies that changed. They are replayed as recorded; expect no exact value of:
        /v1/x $.id (2 times): "resp-0000" then "resp-0002"
    "#);
    assert!(dir.files("recordings").is_empty());
    dir.retake("record --mode live").run().exits(4).says("leave --mode live out");
}

#[test]
fn cases_beyond_the_budget_are_skipped_and_replay_costs_nothing() {
    let dir = Dir::new();
    let case = |n| {
        format!(
            "  - name: case_{n}\n    model: text\n    request: {{post: /v1/chat/completions, body: {{model: \"${{model}}\", n: 1, max_tokens: 1000, messages: [{{role: user, content: \"{n}\"}}]}}}}\n"
        )
    };
    dir.write("suites/chat.yaml", &format!("cases:\n{}", (0..4).map(case).collect::<String>()));
    let providers = |prices: &str| {
        let text = format!(
            "providers:\n  together:\n    type: remote::together\n    base_url: https://api.together.xyz/v1\n    key: TOGETHER_API_KEY\n{prices}"
        );
        dir.write("suites/providers.yaml", &text);
        dir.write("suites/setups.yaml", "setups:\n  together: {provider: together, models: {text: together/m-1}}\n");
    };
    providers("");
    let base =
        serve(|_| (200, String::new(), r#"{"choices": [{"index": 0, "message": {"content": "a"}}]}"#.to_owned()));
    live(&dir, &base, "--max-cost 1").exits(4).says("no price of together/m-1 is known").says("prices:");
    providers("    prices: {\"m-*\": {input: 1, output: 1000}}\n");
    let ran = live(&dir, &base, "-v --max-cost $2.50").exits(0);
    assert_eq!(ran.last_line(), "2 passed, 2 skipped");
    ran.says("SKIPPED (budget: more than");
    assert_eq!(live(&dir, &base, "--max-tokens 1100").exits(0).last_line(), "1 passed, 3 skipped");
    live(&dir, &base, "--max-cost free").exits(4).says("write US dollars");
    live(&dir, &base, "--co --cost").exits(0).says("estimate: 4 cases ask about").says("$4.00");
    live(&dir, &base, "--mode record").exits(0);
    let replay = "test --setup together --stack-config direct --max-cost 0";
    assert_eq!(dir.retake(replay).run().exits(0).last_line(), "4 passed");
}

/// Cases that ask for so many tokens at most, of a provider without a key.
fn asking(dir: &Dir, most: u32, more: &str) {
    let case = |n| {
        format!(
            "  - name: case_{n}\n    model: text\n    request: {{post: /v1/chat/completions, body: {{model: \"${{model}}\", max_tokens: {most}{more}, messages: [{{role: user, content: \"{n}\"}}]}}}}\n"
        )
    };
    dir.write("suites/chat.yaml", &format!("cases:\n{}", (0..4).map(case).collect::<String>()));
    let provider = "providers:\n  local:\n    type: remote::openai\n    base_url: http://127.0.0.1:9/v1\n    prices: {\"*\": {input: 1000, output: 1000}}\n";
    dir.write("suites/providers.yaml", provider);
    dir.write("suites/setups.yaml", "setups:\n  local: {provider: local, models: {text: local/m}}\n");
}

const REPORTING: &str = "rules:
  - when: {endpoint: /v1/chat/completions}
    reply:
      json:
        choices: [{index: 0, message: {role: assistant, content: hi}}]
        usage: {prompt_tokens: 40, completion_tokens: 50, total_tokens: 90}
";

#[test]
fn the_budget_goes_by_what_replies_report() {
    let dir = Dir::new();
    dir.write("script.yaml", REPORTING);
    let live = |more: &str| {
        let words = "test --setup local --mode live --provider local=script:script.yaml";
        dir.retake(&format!("{words} {more}")).run().exits(0)
    };
    // 10 tokens are asked for, 90 are reported.
    asking(&dir, 10, "");
    for stack in ["ci-tests", "direct", "server:ci-tests:0"] {
        let ran = live(&format!("--max-tokens 200 --stack-config {stack}"));
        assert_eq!(ran.last_line(), "2 passed, 2 skipped", "{stack}: {}", ran.stdout);
        ran.says("spent: $0.1800 for 180 tokens, as 2 replies reported (estimated before the run: ");
    }
    // A stack that runs elsewhere is asked by somebody else: what it costs stands in its replies.
    let stack =
        Running::start(dir.path(), "stack --setup local --mode live --provider local=script:script.yaml --port 0");
    for place in [format!("http://127.0.0.1:{}", stack.port), format!("server:ci-tests:{}", stack.port)] {
        let ran = live(&format!("--max-tokens 200 --stack-config {place}"));
        assert_eq!(ran.last_line(), "2 passed, 2 skipped", "{place}: {}", ran.stdout);
        ran.says("spent: $0.1800 for 180 tokens, as 2 replies reported (");
    }
    let ran = live("-v --max-cost 0.25");
    assert_eq!(ran.last_line(), "3 passed, 1 skipped");
    ran.says("SKIPPED (budget: more than\n--max-cost 0.25 by estimate and what was spent)");
    // 1000 are asked for: what one case leaves is there for the next, also for those that run at once.
    asking(&dir, 1000, "");
    for workers in [1, 4] {
        let ran = live(&format!("--max-tokens 1500 -n {workers}"));
        assert_eq!(ran.last_line(), "4 passed", "{}", ran.stdout);
    }
    assert_eq!(live("--max-tokens 1200").last_line(), "3 passed, 1 skipped");
    assert_eq!(live("--max-tokens 100").last_line(), "4 skipped");
}

#[test]
fn a_reply_that_reports_no_usage_costs_its_estimate_and_a_replayed_one_nothing() {
    let dir = Dir::new();
    dir.write("script.yaml", "rules:\n  - when: {endpoint: /v1/chat/completions}\n    reply: {text: Hi.}\n");
    let words = "test --setup local --provider local=script:script.yaml";
    let run = |more: &str| dir.retake(&format!("{words} {more}")).run().exits(0);
    asking(&dir, 1000, ", stream: true");
    let ran = run("--mode live --max-tokens 2500");
    assert_eq!(ran.last_line(), "2 passed, 2 skipped", "{}", ran.stdout);
    ran.says("by estimate: 2 replies reported no usage (estimated before the run: ");
    // A stream that ends with its usage costs what it says.
    asking(&dir, 1000, ", stream: true, stream_options: {include_usage: true}");
    let ran = run("--mode record --max-tokens 2500 --deselect suites/chat.yaml::case_3");
    assert!(ran.last_line().starts_with("3 passed"), "{}", ran.stdout);
    ran.says(", as 3 replies reported (");
    // Three are played, one is asked.
    let ran = run("--mode record-if-missing --max-tokens 2500");
    assert_eq!(ran.last_line(), "4 passed");
    ran.says(", as 1 reply reported (");
    let ran = run("--mode replay --max-tokens 1");
    assert_eq!(ran.last_line(), "4 passed");
    assert!(!ran.stdout.contains("spent: "), "{}", ran.stdout);
}
