//! A session as somebody types it who knows pytest.

mod real;

use super::world::{Dir, Ran, Running};

const SCRIPT: &str = "\
rules:
  - when: {method: GET, endpoint: /v1/models}
    reply: {json: {object: list, data: [{id: m}]}}
";

const SUITE: &str = "\
cases:
  - name: good
    keywords: [quick]
    request: {get: /v1/models}
    expect: {status: 200}
  - name: bad
    keywords: [quick, known]
    params: {p: [{id: 'stream=False'}, {id: 'a b*'}]}
    request: {get: /v1/models}
    expect:
      json: {$.object: nonsense}
  - name: away
    skip: not today
    request: {get: /v1/models}
    expect: {status: 200}
  - name: known_trouble
    xfail: {reason: it never did}
    request: {get: /v1/models}
    expect: {status: 201}
";

const OTHER: &str = "\
cases:
  - name: last
    request: {get: /v1/models}
    expect: {status: 200}
";

fn project() -> Dir {
    let dir = Dir::new();
    dir.write("script.yaml", SCRIPT);
    dir.write("suites/a/first.yaml", SUITE);
    dir.write("suites/b/second.yaml", OTHER);
    dir.write(
        "suites/providers.yaml",
        "providers:\n  local:\n    type: remote::openai\n    base_url: http://127.0.0.1:9/v1\n",
    );
    dir.write("suites/setups.yaml", "setups:\n  local:\n    provider: local\n");
    dir
}

/// What is typed, split as a shell would.
fn typed(dir: &Dir, words: &[&str]) -> Ran {
    let base = "test --setup local --stack-config direct --provider local=script:script.yaml";
    let mode = if words.contains(&"--mode") { "" } else { " --mode live" };
    words.iter().fold(dir.retake(&format!("{base}{mode}")), |command, word| command.arg(word)).run()
}

/// Without what takes its own time.
fn plain(ran: &Ran) -> String {
    let lines = ran.stdout.lines().map(|line| {
        let (start, end) = (line.find(" in "), line.find("s ="));
        match (start, end) {
            (Some(start), Some(_)) if line.starts_with('=') => line[..start].trim_matches(['=', ' ']).to_owned(),
            (Some(start), None) if line.ends_with('s') && line[start..].contains('.') => line[..start].to_owned(),
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_session_typed_by_habit() {
    let dir = project();
    insta::assert_snapshot!(plain(&typed(&dir, &[]).exits(1)), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: live, stack: direct, setup: local
    suites: suites (2 files)
    collected 6 items

    suites/a/first.yaml::good PASSED                                         [ 16%]
    suites/a/first.yaml::bad[stream=False] FAILED                            [ 33%]
    suites/a/first.yaml::bad[a b*] FAILED                                    [ 50%]
    suites/a/first.yaml::away SKIPPED (not today)                            [ 66%]
    suites/a/first.yaml::known_trouble XFAIL (it never did)                  [ 83%]
    suites/b/second.yaml::last PASSED                                        [100%]

    =================================== FAILURES ===================================
    ______________________________ bad[stream=False] _______________________________
    error: $.object does not hold
      --> suites/a/first.yaml:11:14
       |
    11 |       json: {$.object: nonsense}
       |              ^^^^^^^^^^^^^^^^^^
      path:     $.object
      expected: "nonsense"
      actual:   "list"
      reply:    200 OK
      start:    retake script script.yaml --port 8322
      request:  curl 'http://127.0.0.1:8322/v1/models'

    suites/a/first.yaml:6: wrong answer
    rerun: retake test --provider local=script:script.yaml --stack-config direct --setup local --mode live -k 'suites/a/first.yaml::bad[stream=False]'
    __________________________________ bad[a b*] ___________________________________
    error: $.object does not hold
      --> suites/a/first.yaml:11:14
       |
    11 |       json: {$.object: nonsense}
       |              ^^^^^^^^^^^^^^^^^^
      path:     $.object
      expected: "nonsense"
      actual:   "list"
      reply:    200 OK
      start:    retake script script.yaml --port 8322
      request:  curl 'http://127.0.0.1:8322/v1/models'

    suites/a/first.yaml:6: wrong answer
    rerun: retake test --provider local=script:script.yaml --stack-config direct --setup local --mode live -k 'suites/a/first.yaml::bad[a b*]'
    =========================== short test summary info ============================
    FAILED suites/a/first.yaml::bad[stream=False] - $.object: expected "nonsense"...
    FAILED suites/a/first.yaml::bad[a b*] - $.object: expected "nonsense", got "l...
    2 failed, 2 passed, 1 skipped, 1 xfailed
    "#);
    insta::assert_snapshot!(plain(&typed(&dir, &["--lf", "--tb=short"]).exits(1)), @r#"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: live, stack: direct, setup: local
    suites: suites (2 files)
    collected 6 items / 4 deselected / 2 selected
    run-last-failure: rerun previous 2 failures

    suites/a/first.yaml::bad[stream=False] FAILED                            [ 50%]
    suites/a/first.yaml::bad[a b*] FAILED                                    [100%]

    =================================== FAILURES ===================================
    ______________________________ bad[stream=False] _______________________________
    error: $.object does not hold
      --> suites/a/first.yaml:11:14
       |
    11 |       json: {$.object: nonsense}
       |              ^^^^^^^^^^^^^^^^^^
      path:     $.object
      expected: "nonsense"
      actual:   "list"
    __________________________________ bad[a b*] ___________________________________
    error: $.object does not hold
      --> suites/a/first.yaml:11:14
       |
    11 |       json: {$.object: nonsense}
       |              ^^^^^^^^^^^^^^^^^^
      path:     $.object
      expected: "nonsense"
      actual:   "list"
    =========================== short test summary info ============================
    FAILED suites/a/first.yaml::bad[stream=False] - $.object: expected "nonsense"...
    FAILED suites/a/first.yaml::bad[a b*] - $.object: expected "nonsense", got "l...
    2 failed, 4 deselected
    "#);
    insta::assert_snapshot!(plain(&typed(&dir, &["--ff", "-x", "-q", "--tb=line"]).exits(1)), @r#"
    F
    =================================== FAILURES ===================================
    suites/a/first.yaml:6: $.object: expected "nonsense", got "list"
    =========================== short test summary info ============================
    FAILED suites/a/first.yaml::bad[stream=False] - $.object: expected "nonsense"...
    !!!!!!!!!!!!!!!!!!!!!!!!!! stopping after 1 failures !!!!!!!!!!!!!!!!!!!!!!!!!!!
    1 failed
    "#);
    insta::assert_snapshot!(plain(&typed(&dir, &["-ra", "--tb=no", "--no-header"]).exits(1)), @r#"
    ============================= test session starts ==============================
    collected 6 items

    suites/a/first.yaml::good PASSED                                         [ 16%]
    suites/a/first.yaml::bad[stream=False] FAILED                            [ 33%]
    suites/a/first.yaml::bad[a b*] FAILED                                    [ 50%]
    suites/a/first.yaml::away SKIPPED (not today)                            [ 66%]
    suites/a/first.yaml::known_trouble XFAIL (it never did)                  [ 83%]
    suites/b/second.yaml::last PASSED                                        [100%]

    =========================== short test summary info ============================
    SKIPPED [1] suites/a/first.yaml:12: not today
    XFAIL suites/a/first.yaml::known_trouble - it never did
    FAILED suites/a/first.yaml::bad[stream=False] - $.object: expected "nonsense"...
    FAILED suites/a/first.yaml::bad[a b*] - $.object: expected "nonsense", got "l...
    2 failed, 2 passed, 1 skipped, 1 xfailed
    "#);
}

#[test]
fn what_would_run_is_shown() {
    let dir = project();
    insta::assert_snapshot!(plain(&typed(&dir, &["--collect-only"]).exits(0)), @"
    ============================= test session starts ==============================
    retake 0.1.0 -- mode: live, stack: direct, setup: local
    suites: suites (2 files)
    collected 6 items

    <Dir suites>
      <Dir a>
        <Suite first.yaml>
          <Case good>
          <Case bad[stream=False]>
          <Case bad[a b*]>
          <Case away> SKIPPED (not today)
          <Case known_trouble>
      <Dir b>
        <Suite second.yaml>
          <Case last>

    6 tests collected
    ");
    insta::assert_snapshot!(plain(&typed(&dir, &["--co", "-q", "-m", "quick"]).exits(0)), @"
    suites/a/first.yaml::good
    suites/a/first.yaml::bad[stream=False]
    suites/a/first.yaml::bad[a b*]

    3/6 tests collected (3 deselected)
    ");
    insta::assert_snapshot!(plain(&typed(&dir, &["--co", "-qq"]).exits(0)), @"
    suites/a/first.yaml: 5
    suites/b/second.yaml: 1
    ");
    assert_eq!(typed(&dir, &["--co", "-k", "absent"]).exits(5).last_line(), "no tests collected (6 deselected)");
}

#[test]
fn a_failure_stops_at_the_count_that_is_said() {
    let dir = project();
    let ran = typed(&dir, &["--maxfail=2"]).exits(1).says("!! stopping after 2 failures !!");
    assert_eq!(ran.last_line(), "2 failed, 1 passed");
    let ran = typed(&dir, &["-x"]).exits(1).says("!! stopping after 1 failures !!");
    assert_eq!(ran.last_line(), "1 failed, 1 passed");
}

#[test]
fn stepwise_goes_on_where_it_stopped() {
    let dir = project();
    let first = typed(&dir, &["--sw"]).exits(2).says("stepwise: no previously failed tests, not skipping.");
    let first = first.says("!! Interrupted: Test failed, continuing from this test next run. !!");
    assert_eq!(first.last_line(), "1 failed, 1 passed");
    let second = typed(&dir, &["--sw"]).exits(2).says("stepwise: skipping 1 already passed items");
    assert_eq!(second.last_line(), "1 failed, 1 deselected");
    let third = typed(&dir, &["--sw", "--sw-skip"]).exits(2);
    assert_eq!(third.last_line(), "2 failed, 1 deselected");
}

#[test]
fn paths_and_node_ids_are_arguments() {
    let dir = project();
    let outcomes = |words: &[&str]| typed(&dir, words).outcomes().len();
    assert_eq!(outcomes(&["suites/b"]), 1);
    assert_eq!(outcomes(&["./suites/a/first.yaml"]), 5);
    assert_eq!(outcomes(&["suites/a/first.yaml::bad", "suites/b/second.yaml"]), 3);
    assert_eq!(outcomes(&["suites/a/first.yaml::bad[a b*]"]), 1);
    assert_eq!(outcomes(&["good", "last"]), 2, "any other words are libtest's filters");
    assert_eq!(outcomes(&["--deselect", "suites/a/first.yaml::bad", "--deselect=suites/b"]), 3);
    let absent = typed(&dir, &["suites/a/first.yaml::bat"]).exits(4);
    absent.says("not found: suites/a/first.yaml::bat; did you mean suites/a/first.yaml::");
    typed(&dir, &["suites/a/frist.yaml"]).exits(4).says("did you mean `suites/a/first.yaml`?");
    typed(&dir, &["nothing"]).exits(5);
}

#[test]
fn expressions_take_what_ids_hold() {
    let dir = project();
    let count = |flag: &str, text: &str| typed(&dir, &[flag, text]).outcomes().len();
    assert_eq!(count("-k", "stream=False"), 1);
    assert_eq!(count("-k", "a b*"), 1);
    assert_eq!(count("-k", "b* or last"), 2);
    assert_eq!(count("-k", "'a b' or good"), 2);
    assert_eq!(count("-m", "quick and not known"), 1);
    assert_eq!(count("-m", "quic"), 0);
    typed(&dir, &["-k", "gpt?"]).exits(4).says("at column 4: unexpected character \"?\"");
    typed(&dir, &["-m", "quik", "--strict-markers"]).exits(4).says("no mark `quik`; did you mean `quick`?");
}

#[test]
fn shards_are_all_cases_once() {
    let dir = project();
    let mut all = Vec::new();
    for part in 1..=3 {
        let ran = typed(&dir, &["--shard", &format!("{part}/3")]).says(&format!("shard: {part}/3"));
        all.extend(ran.outcomes());
    }
    all.sort();
    assert_eq!(all, typed(&dir, &[]).outcomes());
    typed(&dir, &["--shard", "4/3"]).exits(4).says("PART/PARTS");
}

#[test]
fn workers_change_no_line() {
    let dir = project();
    let one = plain(&typed(&dir, &[]));
    assert_eq!(plain(&typed(&dir, &["-n", "auto"])), one);
    let finished = typed(&dir, &["-n", "2", "--order", "finish"]);
    assert_eq!(finished.outcomes(), typed(&dir, &[]).outcomes());
}

const VARIES: &str = "\
rules:
  - when: {method: GET, endpoint: /v1/models}
    reply: {json: {object: nonsense, data: []}}
    times: 2
  - when: {method: GET, endpoint: /v1/models}
    reply: {json: {object: list, data: []}}
    times: 6
  - when: {method: GET, endpoint: /v1/models}
    reply: {json: {object: nonsense, data: []}}
";

fn varying(repeat: &str) -> Dir {
    let dir = project();
    std::fs::remove_dir_all(dir.path().join("suites/a")).unwrap();
    dir.write("script.yaml", VARIES);
    dir.write(
        "suites/b/second.yaml",
        &format!(
            "cases:\n  - name: varies\n    {repeat}\n    request: {{get: /v1/models}}\n    expect: {{json: {{$.object: list}}}}\n"
        ),
    );
    dir
}

#[test]
fn a_case_is_repeated_until_its_rate_is_certain_and_replays_alike() {
    let replay = |dir: &Dir| dir.retake("test --setup local --stack-config direct").run();
    let record = |dir: &Dir| typed(dir, &["--mode", "record"]);
    let enough = varying("repeat: 10\n    pass_rate: 0.5");
    record(&enough).exits(0).says("suites/b/second.yaml::varies PASSED (5/7)");
    assert_eq!(enough.files("recordings").len(), 2, "a reply like the one before it needs no file");
    replay(&enough).exits(0).says("suites/b/second.yaml::varies PASSED (5/7)");
    let few = varying("repeat: 10\n    pass_rate: 0.9");
    let ran = typed(&few, &[]).exits(1).says("suites/b/second.yaml::varies FAILED (0/2)");
    ran.says("0 of 2 tries passed, at least 9 must; the last failed so:");
    assert_eq!(few.files("recordings").len(), 0);
}

#[test]
fn a_case_runs_again_only_where_the_transport_failed() {
    let dir = project();
    let busy = SCRIPT.replace(
        "rules:",
        "rules:\n  - when: {method: GET, endpoint: /v1/models}\n    reply: {error: {status: 503, message: busy}}\n    times: 2",
    );
    dir.write("script.yaml", &busy);
    let ran = typed(&dir, &["--reruns", "2"]).exits(1);
    ran.says("suites/a/first.yaml::good RERUN").says("suites/a/first.yaml::good FLAKY (provider down: ");
    let ran = typed(&dir, &["--reruns", "2"]);
    assert_eq!(ran.last_line(), "2 failed, 1 passed, 1 flaky, 1 skipped, 1 xfailed, 2 rerun");
    assert_eq!(typed(&dir, &["--reruns=1"]).last_line(), "3 failed, 1 passed, 1 skipped, 1 xfailed, 1 rerun");
}

#[test]
fn the_printed_request_reaches_something() {
    let dir = Dir::new();
    dir.copy("suites");
    dir.copy("recordings");
    let suite = "cases:\n- name: gone\n  request: {get: /v1/chat/completions/none}\n  expect: {status: 200}\n";
    dir.write("suites/gone.yaml", suite);
    let ran = dir.retake("test --setup together suites/gone.yaml").run().exits(1);
    // The gateway of the run has no port: it is started on one first.
    let start = ran.stdout.lines().find_map(|line| line.strip_prefix("  start:    retake ")).expect("a command");
    assert_eq!(start, "stack --setup together");
    let stack = Running::start(dir.path(), &format!("{start} --port 0"));
    let line = ran.stdout.lines().find_map(|line| line.strip_prefix("  request:  curl '")).expect("a request");
    let path = line.trim_end_matches('\'').strip_prefix("http://127.0.0.1:8321").expect("the stack's port");
    let reply = stack.ask("GET", path, "");
    assert!(reply.starts_with("HTTP/1.1 404"), "{reply}");
    ran.says("suites/gone.yaml::gone - status: expected 200, got 404");
}

#[test]
fn cases_that_run_for_one_of_several_setups_are_told() {
    let dir = Dir::new();
    dir.copy("recordings");
    let suite =
        "cases:\n- {name: list, request: {get: /v1/models}}\n- {name: chat, model: text, request: {get: /v1/models}}\n";
    dir.write("suites/a.yaml", suite);
    let ran = dir.retake("test --co").run().exits(0);
    assert_eq!((ran.stdout.matches("<Case list>").count(), ran.stdout.matches("<Case chat[").count()), (1, 2));
    ran.says(
        "not run for llama-cpp: 1 case that names no model and runs for another setup (to run them: --setup llama-cpp)",
    );
    let alone = dir.retake("test --co --setup llama-cpp").run().exits(0);
    assert!(!alone.stdout.contains("not run for"), "{}", alone.stdout);
    alone.says("<Case list>");
    let named = dir.retake("test --co -k chat").run().exits(0);
    assert!(!named.stdout.contains("not run for"), "{}", named.stdout);
}
