//! What goes wrong on purpose, cut from recordings.

use super::world::Dir;

const SUITE: &str = r#"
anchors:
  ask: &ask
    post: /v1/chat/completions
    body: {model: "${model}", stream: true, messages: [{role: user, content: "What's the name of the Sun in latin?"}]}
cases:
  - name: whole
    model: text
    request: *ask
    expect: {stream: {done: true}, text: {matches: "."}}
  - name: stop
    model: text
    request: *ask
    faults: [{stop: {after_events: 2}}]
    expect: {broken: true, stream: {events: 2, done: false}}
  - name: stop_within_an_event
    model: text
    request: *ask
    faults: [{stop: {after_bytes: 20}}]
    expect: {broken: true}
  - name: drop_end
    model: text
    request: *ask
    faults: [{drop_end: true}]
    expect: {stream: {done: false}}
  - name: stall
    model: text
    request: *ask
    faults: [{stall: {after_events: 1, for: 300ms}}]
    expect: {stream: {done: true}, time: {whole: 200ms}}
  - name: slow
    model: text
    request: *ask
    faults: [{slow: 30ms}]
    expect: {stream: {done: true}, time: {first_byte: 20ms}}
  - name: malformed
    model: text
    request: *ask
    faults: [{malformed: {event: 1}}]
    expect: {stream: true}
  - name: busy_then_fine
    model: text
    steps:
      - name: busy
        request: *ask
        faults: [{status: {code: 429, retry_after: 7}}]
        expect: {status: 429, headers: {retry-after: "7"}, error: {type: rate_limit_error}}
      - name: fine
        request: *ask
        expect: {stream: {done: true}}
  - name: down
    model: text
    request: *ask
    faults: [{status: 500}]
    expect: {status: 500}
  - name: reset
    model: text
    request: *ask
    faults: [{reset: true}]
    expect: {broken: true}
  - name: not_broken
    model: text
    request: *ask
    expect: {broken: true}
"#;

const SCRIPT: &str = r#"
rules:
  - when: {endpoint: /v1/chat/completions}
    reply: {text: "Sol is the name."}
"#;

/// The cases that must not pass, and what is said of them.
const FAILURES: [(&str, &str); 4] = [
    ("stall", "expected: at most 200ms"),
    ("slow", "expected: at most 20ms"),
    ("malformed", "rule event-json does not hold"),
    ("not_broken", "expected: a body that breaks off"),
];

#[test]
fn faults_are_the_same_in_every_stack_and_leave_the_recording_alone() {
    let dir = Dir::new();
    dir.write("suites/faults.yaml", SUITE);
    dir.write("script.yaml", SCRIPT);
    let record = "test --setup together --provider together=script:script.yaml --mode record";
    dir.retake(&format!("{record} -k faults.yaml::whole")).run().exits(0);
    let recorded = dir.files("recordings");
    assert_eq!(recorded.len(), 1);
    for stack in ["ci-tests", "direct", "server:ci-tests:0"] {
        let ran = dir.retake(&format!("test --setup together --stack-config {stack}")).run().exits(1);
        let failed: Vec<String> =
            ran.outcomes().into_iter().filter(|(_, word)| word == "FAILED").map(|(id, _)| id).collect();
        assert_eq!(failed.len(), FAILURES.len(), "{stack}: {}", ran.stdout);
        let ran = FAILURES.iter().fold(ran, |ran, (name, said)| {
            assert!(failed.iter().any(|id| id.contains(&format!("::{name}["))), "{stack}: {name} passed");
            ran.says(said)
        });
        assert!(!ran.stdout.contains("(as recorded)"), "times with a fault are measured");
    }
    let ran = dir.retake(&format!("{record} -k")).arg("faults.yaml::stop[ or faults.yaml::down").run().exits(0);
    assert_eq!(ran.outcomes().len(), 2);
    assert!(without_cases(&dir.files("recordings")) == without_cases(&recorded), "a fault got into a recording");
}

/// The lines of recordings that do not name the cases that made them.
fn without_cases(files: &[(String, Vec<u8>)]) -> Vec<String> {
    let lines = files.iter().flat_map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines());
    lines.filter(|line| !line.trim_start().starts_with("\"suites/")).map(str::to_owned).collect()
}

#[test]
fn a_fault_below_a_stack_that_runs_elsewhere_is_refused() {
    let dir = Dir::new();
    dir.write("suites/faults.yaml", SUITE);
    let ran = dir.retake("test --setup together --stack-config http://127.0.0.1:9 -k faults.yaml::down").run().exits(1);
    ran.says("faults are only possible below a stack that this run starts");
}
