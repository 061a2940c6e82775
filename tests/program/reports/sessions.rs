//! Reports of `retake run` and `retake serve`: each session of the proxy is a case.

use serde_json::{Value, json};

use super::super::world::{Dir, Ran, Running};
use super::{KINDS, all_kinds, quiet, report, serve, text};

/// A client that asks as test runners do: `ask SESSION TEXT` and `post SESSION BODY`. It is told nothing that fails it.
const CLIENT: &str = r#"
ask() {
  curl -s -o "$1.reply" -H 'content-type: application/json' -H 'authorization: Bearer sk-client-0123456789abcdef' \
    "$RETAKE_PROXY_URL${2:+/session/$2}/openai/v1/chat/completions" \
    -d "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"$3\"}]}"
}
post() { curl -s -o /dev/null -X POST "$RETAKE_PROXY_URL/session/$1" -d "$2"; }
"#;

const ALL: &str = r#"
post 'tests%2Ftest_a.py%3A%3Atest_one%5Bx%5D' '{}'
ask 1 'tests%2Ftest_a.py%3A%3Atest_one%5Bx%5D' one
ask 2 'tests%2Ftest_a.py%3A%3Atest_one%5Bx%5D' two
post 'tests%2Ftest_a.py%3A%3Atest_one%5Bx%5D/finish' '{"outcome": "passed"}'
post 'tests%2Ftest_a.py%3A%3Atest_two' '{}'
post 'tests%2Ftest_a.py%3A%3Atest_two/finish' '{"outcome": "failed", "reason": "assert 1 == 2\n  ::error::x"}'
ask 3 open "$WORD"
ask 4 '' none
exit ${CODE:-0}
"#;

/// A folder with this client, and a provider whose replies were recorded.
fn recorded() -> (Dir, Vec<Value>) {
    let dir = Dir::new();
    dir.write("client.sh", &format!("{CLIENT}{ALL}"));
    let provider = serve(|_| {
        let choice = json!({"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"});
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
        let reply = json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
            "choices": [choice], "usage": usage});
        (200, String::new(), reply.to_string())
    });
    run(&dir, &format!("--mode record --provider openai={provider} --report jsonl=record.jsonl"), "three", 0).exits(0);
    let events = events(&dir, "record.jsonl");
    (dir, events)
}

fn run(dir: &Dir, flags: &str, word: &str, code: u8) -> Ran {
    let command = dir.retake(&format!("run {flags} -- sh client.sh")).env("WORD", word).env("CODE", &code.to_string());
    quiet(command.env("OPENAI_API_KEY", "sk-canary-0123456789abcdef")).run()
}

fn events(dir: &Dir, file: &str) -> Vec<Value> {
    text(dir, file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The finished case of this id.
fn case<'e>(events: &'e [Value], id: &str) -> &'e Value {
    let found = events.iter().find(|event| event["event"] == "case_finished" && event["data"]["case"]["id"] == id);
    &found.unwrap_or_else(|| panic!("no case {id}: {events:#?}"))["data"]
}

fn proof(events: &[Value]) -> &Value {
    &events.iter().find(|event| event["event"] == "finished").unwrap()["data"]["proof"]
}

#[test]
fn what_sessions_record_is_in_the_events() {
    let (_, events) = recorded();
    let one = case(&events, "tests/test_a.py::test_one[x]");
    assert_eq!(one["outcome"], "passed");
    assert_eq!(one["recordings"]["written"].as_array().map(Vec::len), Some(2), "{one}");
    let call = &one["calls"][1];
    assert_eq!(
        json!([call["provider"], call["endpoint"], call["status"], call["model"], call["usage"]]),
        json!(["openai", "/v1/chat/completions", 200, "gpt-4o-2024-08-06", {"input": 3, "output": 4}])
    );
    assert!(call.get("recording").is_none(), "the provider answered: {call}");
    // What ended well with the command is of its requests without a session.
    assert_eq!(case(&events, "open")["outcome"], "passed");
    assert_eq!(case(&events, "requests without a session")["outcome"], "passed");
    assert_eq!(proof(&events)["network_requests"], 4);
}

#[test]
fn a_replay_of_sessions_is_in_every_form_and_rendered_again_to_the_same_bytes() {
    let (dir, _) = recorded();
    run(&dir, &all_kinds(), "four", 0).exits(1);
    let events = events(&dir, "out/run.jsonl");
    assert_eq!(proof(&events)["network_requests"], 0);
    assert_eq!(proof(&events)["recordings"]["real"], 3);
    let one = case(&events, "tests/test_a.py::test_one[x]");
    assert_eq!(one["case"]["suite"], "tests/test_a.py");
    assert_eq!(one["calls"][0]["recording"]["origin"], "real");
    assert!(one["recordings"]["used"].as_array().unwrap().contains(&one["calls"][0]["recording"]["file"]));
    let two = &case(&events, "tests/test_a.py::test_two")["outcome"]["failed"];
    assert_eq!(two["problem"]["message"], "assert 1 == 2\n  ::error::x");
    let missed = &case(&events, "open")["outcome"]["failed"];
    assert_eq!(missed["class"], "stale_recording");
    let changed = json!([{"path": "$.messages[0].content", "recorded": "\"three\"", "asked": "\"four\""}]);
    assert_eq!(missed["nearest"]["changed"], changed);
    for (kind, file) in KINDS {
        let written = text(&dir, file);
        report(&dir, &format!("out/run.jsonl --report {kind}=again/{kind}")).exits(0);
        assert_eq!(text(&dir, &format!("again/{kind}")), written, "{kind}");
        for id in ["test_two", "open"] {
            assert!(written.contains(id), "{kind}: {id}");
        }
        assert!(!written.contains("sk-c"), "{kind}: a key");
    }
    report(&dir, "out/run.jsonl").exits(0).says("2 failed, 1 passed, 1 skipped").says("$.messages[0].content");
}

#[test]
fn sessions_and_suites_are_one_run_when_they_are_merged() {
    let (dir, _) = recorded();
    dir.write("script.yaml", "rules:\n  - {reply: {json: {data: []}}}\n");
    dir.write("suites/a.yaml", "cases:\n  - {name: lists, request: {get: /v1/models}}\n");
    dir.write("suites/setups.yaml", "setups:\n  s: {provider: openai, models: {text: openai/m}}\n");
    let words = "test --setup s --stack-config direct --provider openai=script:script.yaml --mode live";
    quiet(dir.retake(&format!("{words} --report jsonl=test.jsonl"))).run().exits(0);
    report(&dir, "record.jsonl test.jsonl").exits(0).says("1 failed, 4 passed").says("collected 5 items");
    report(&dir, "test.jsonl record.jsonl --report junit=both.xml").exits(0);
    let both = text(&dir, "both.xml");
    assert!(both.contains("classname=\"suites.a\"") && both.contains("classname=\"tests.test_a\""), "{both}");
}

#[test]
fn a_session_that_runs_again_counts_as_it_ended_last() {
    let (dir, _) = recorded();
    let again = "ask 1 t one\npost t/finish '{\"outcome\": \"failed\"}'\nask 1 t one\npost t/finish '{\"outcome\": \"passed\"}'\n";
    let set_up = "post u '{}'\npost u/finish '{\"outcome\": \"failed\", \"again\": true}'\npost u '{}'\npost u/finish '{\"outcome\": \"passed\"}'\n";
    let fixture = "post v '{}'\npost v/finish '{\"outcome\": \"passed\", \"part\": true}'\n";
    dir.write("client.sh", &format!("{CLIENT}{again}{set_up}{fixture}"));
    run(&dir, "--report jsonl=run.jsonl", "", 0).exits(0);
    report(&dir, "run.jsonl").exits(0).says("2 passed, 1 rerun");
}

#[test]
fn a_command_that_fails_is_never_reported_as_one_that_did_not() {
    let dir = Dir::new();
    dir.write("client.sh", "exit $CODE\n");
    run(&dir, "--report junit=out.xml --report jsonl=run.jsonl", "", 3).exits(3);
    assert!(text(&dir, "out.xml").contains("message=\"the command ended with 3\""));
    run(&dir, "--report junit=out.xml", "", 0).exits(0);
    let ran = quiet(dir.retake("run --report junit=out.xml -- no-such-command-anywhere")).run();
    ran.exits(127);
    assert!(text(&dir, "out.xml").contains("could not be started"));
}

#[test]
fn a_report_does_not_go_between_the_lines_of_the_command() {
    let dir = Dir::new();
    dir.write("client.sh", "exit 0\n");
    run(&dir, "--report ctrf=-", "", 0).exits(4).says("stdout is the command's; name a file");
    run(&dir, "--report junit=client.sh/x.xml", "", 0).exits(4);
    quiet(dir.retake("serve --port 0 --report tap=-")).run().exits(4).says("name a file");
    run(&dir, "--twice --report junit=out.xml", "", 0).exits(4).says("cannot be used with");
}

#[cfg(unix)]
#[test]
fn a_server_reports_its_sessions_when_they_end_and_the_rest_when_it_does() {
    let (dir, _) = recorded();
    let server = Running::with(quiet(dir.retake("serve --port 0 --report jsonl=serve.jsonl --report junit=serve.xml")));
    let ask = |client: &str| {
        let script = format!("{CLIENT}{client}");
        let mut command = std::process::Command::new("sh");
        command.arg("-c").arg(script).current_dir(dir.path()).env("RETAKE_PROXY_URL", server.url(""));
        assert!(command.status().unwrap().success());
    };
    ask(
        "ask 1 said one; post said/finish '{\"outcome\": \"passed\"}'; ask 1 unsaid one; post unsaid/finish ''; ask 1 left one",
    );
    // Each line is there when its session has ended.
    let so_far = events(&dir, "serve.jsonl");
    assert_eq!(case(&so_far, "said")["outcome"], "passed");
    let unsaid = json!({"skipped": "nobody said how it ended"});
    assert_eq!(case(&so_far, "unsaid")["outcome"], unsaid);
    server.end();
    let all = events(&dir, "serve.jsonl");
    assert_eq!(case(&all, "left")["outcome"], unsaid);
    assert_eq!(proof(&all)["network_requests"], 0);
    assert!(text(&dir, "serve.xml").contains("nobody said how it ended"));
}

#[test]
fn a_case_of_a_suite_tells_the_nearest_recording_as_a_session_does() {
    let dir = Dir::new();
    let suite = |words: &str| {
        let body = format!("{{model: m, messages: [{{role: user, content: {words}}}]}}");
        dir.write(
            "suites/a.yaml",
            &format!("cases:\n  - {{name: asks, request: {{post: /v1/chat/completions, body: {body}}}}}\n"),
        );
    };
    dir.write("script.yaml", "rules: [{reply: {text: hello}}]\n");
    dir.write("suites/setups.yaml", "setups:\n  s: {provider: openai, models: {text: openai/m}}\n");
    suite("three");
    let words = "test --setup s --stack-config direct";
    let record = format!("{words} --mode record --provider openai=script:script.yaml");
    quiet(dir.retake(&record)).run().exits(0);
    suite("four");
    quiet(dir.retake(&format!("{words} --report jsonl=run.jsonl"))).run().exits(1);
    let events = events(&dir, "run.jsonl");
    let nearest = &case(&events, "suites/a.yaml::asks")["outcome"]["failed"]["nearest"];
    let changed = json!([{"path": "$.messages[0].content", "recorded": "\"three\"", "asked": "\"four\""}]);
    assert!(nearest["changed"] == changed && nearest["file"].as_str().unwrap().starts_with("recordings/openai/"));
}
