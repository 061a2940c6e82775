//! What suites share, and what a case does before and after its steps, as a user sees it.

use super::world::{Dir, Ran};

const SCRIPT: &str = "\
rules:
- name: models
  when: {endpoint: /v1/models}
  reply: {json: {object: list, data: [{id: m, created: '2026-11-21'}]}}
- name: chat
  when: {endpoint: /v1/chat/completions}
  reply: {text: 'Yes, since 1861-03-17'}
";

fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("script.yaml", SCRIPT);
    dir.write("recordings/.keep", "");
    dir
}

fn live(dir: &Dir, words: &str) -> Ran {
    let mode = if words.contains("--mode") { "" } else { "--mode live" };
    let words =
        format!("test --setup together --stack-config direct --provider together=script:script.yaml {mode} {words}");
    dir.retake(&words).run()
}

#[test]
fn suites_use_what_they_share() {
    let dir = folder();
    dir.write(
        "suites/shared/common.yaml",
        "matchers:\n  iso_date: {matches: '\\d{4}-\\d\\d-\\d\\d'}\nsteps:\n  models: {request: {get: /v1/models}, expect: {json: {'$.data[0].created': {is: iso_date}}}}\n  wrong: {request: {get: /v1/models}, expect: {json: {'$.data[0].id': {is: iso_date}}}}\nparams:\n  cities: {file: cities.csv}\n",
    );
    dir.write("suites/shared/cities.csv", "id,city,country\nfr,Paris,France\nit,Rome,Italy\n");
    dir.write(
        "suites/a.yaml",
        "include: [shared/common.yaml]\ncases:\n- name: good\n  model: text\n  params: {'city,country': {use: cities}}\n  steps:\n  - use: models\n  - request: {post: /v1/chat/completions, body: {model: '${model}', messages: [{role: user, content: 'Is ${city} in ${country}?'}]}}\n    expect: {text: {is: iso_date}}\n- name: bad\n  steps: [{use: wrong}]\n",
    );
    let ran = live(&dir, "").exits(1);
    let outcomes = ran.outcomes();
    let words: Vec<&str> = outcomes.iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words, ["FAILED", "PASSED", "PASSED"]);
    assert!(outcomes[1].0.contains("-fr]") && outcomes[2].0.contains("-it]"), "{outcomes:?}");
    // The failing expectation is shown in the file that it stands in.
    ran.says("suites/shared/common.yaml:5:").says("(is iso_date)");
}

/// Two cases with the same setup and teardown on a script in which nothing can be taken down twice.
fn taking_down(steps: &str, teardown: &str) -> Dir {
    let dir = folder();
    dir.write(
        "script.yaml",
        "rules:\n- {name: made, when: {endpoint: /v1/made}, reply: {json: {id: a1}}}\n\
         - {name: models, when: {endpoint: /v1/models}, reply: {json: {object: list, data: []}}}\n\
         - {name: gone, when: {endpoint: /v1/made/a1}, reply: {json: {deleted: true}}}\n",
    );
    let suite = format!(
        "cases:\n- name: a\n  setup:\n  - request: {{post: /v1/made}}\n    capture: {{id: $.id}}\n  teardown:\n{teardown}  steps:\n{steps}"
    );
    dir.write("suites/a.yaml", &suite);
    dir
}

const DELETE: &str = "  - name: delete\n    request: {delete: '/v1/made/${id}'}\n";
const LIST: &str = "  - request: {get: /v1/models}\n    expect: {json: {$.object: list}}\n";

#[test]
fn teardown_runs_after_a_failure_and_its_own_failure_is_an_error_beside_the_outcome() {
    let fails = "  - request: {get: /v1/models}\n    expect: {json: {$.object: dict}}\n";
    let fails_too = "  - request: {get: /v1/models}\n    expect: {json: {$.data: {length: 7}}}\n";
    let fine = live(&taking_down(LIST, DELETE), "").exits(0);
    assert_eq!(fine.last_line(), "1 passed");
    let failed = live(&taking_down(fails, DELETE), "").exits(1);
    assert_eq!(failed.last_line(), "1 failed");
    // Both teardowns run, the last first, although that one fails.
    let torn = live(&taking_down(LIST, &format!("{DELETE}{fails_too}")), "").exits(1);
    assert_eq!(torn.last_line(), "1 passed, 1 error");
    torn.says("suites/a.yaml::a PASSED")
        .says("suites/a.yaml::a ERROR")
        .says("ERROR suites/a.yaml::a - teardown: $.data: expected");
    let both = live(&taking_down(fails, fails_too), "").exits(1);
    assert_eq!(both.last_line(), "1 failed, 1 error");
}

#[test]
fn a_case_whose_setup_fails_is_an_error_and_what_was_not_made_is_not_taken_down() {
    let dir = taking_down(LIST, DELETE);
    let suite = std::fs::read_to_string(dir.path().join("suites/a.yaml")).unwrap();
    dir.write("suites/a.yaml", &suite.replace("capture: {id: $.id}", "capture: {id: $.name}"));
    let ran = live(&dir, "").exits(1);
    assert_eq!(ran.last_line(), "1 error");
    ran.says("setup: nothing to capture as `id`");
}

#[test]
fn a_recording_run_keeps_what_setup_and_teardown_asked_and_replay_answers_them() {
    let dir = taking_down(LIST, DELETE);
    live(&dir, "--mode record").exits(0);
    assert_eq!(dir.files("recordings/together").len(), 3);
    let replayed = dir.retake("test --setup together --stack-config direct").run().exits(0);
    assert_eq!(replayed.last_line(), "1 passed");
    // Without its recording the step fails; what takes down afterwards is not blamed for it.
    let suite = std::fs::read_to_string(dir.path().join("suites/a.yaml")).unwrap();
    dir.write("suites/a.yaml", &suite.replace("get: /v1/models", "get: /v1/models?limit=2"));
    let missing = dir.retake("test --setup together --stack-config direct").run().exits(1);
    assert_eq!(missing.last_line(), "1 failed");
    missing.says("missing recording");
}

const SECRET: &str = "\
secrets: [MY_TOKEN]
cases:
- name: a
  request: {post: /v1/made, headers: {x-token: '${env.MY_TOKEN}'}, body: {token: '${env.MY_TOKEN}', list: [1]}}
  expect: {json: {$.id: b1}}
- {name: b, if: {env: MY_TOKEN}, request: {get: /v1/models}}
- {name: c, request: {get: /v1/models}}
";

#[test]
fn a_secret_is_sent_and_never_kept_nor_shown() {
    let dir = taking_down(LIST, DELETE);
    dir.write("suites/a.yaml", SECRET);
    let words = "test --setup together --stack-config direct --provider together=script:script.yaml -vv";
    let run = |words: &str| dir.retake(words).env("MY_TOKEN", "canary-1234567890").run();
    let failed = run(&format!("{words} --mode record")).exits(1);
    assert_eq!(failed.last_line(), "1 failed, 2 passed");
    let failed = failed.says("x-token: $MY_TOKEN").says(r#"{"token":"$MY_TOKEN","list":[1]}"#);
    dir.write("suites/a.yaml", &SECRET.replace("b1", "a1"));
    let recorded = run(&format!("{words} --mode record")).exits(0);
    for (name, bytes) in dir.files(".") {
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{name}");
    }
    for said in [&failed, &recorded] {
        assert!(!said.stdout.contains("canary") && !said.stderr.contains("canary"), "{}\n{}", said.stdout, said.stderr);
    }
    // A recording holds the variable's name: whoever replays it needs no secret.
    assert_eq!(run("test --setup together --stack-config direct").exits(0).last_line(), "3 passed");
    let without = dir.retake("test --setup together --stack-config direct").run().exits(0);
    assert_eq!(without.last_line(), "2 passed, 1 skipped");
    let live = dir.retake(&format!("{words} --mode live")).run().exits(0);
    assert_eq!(live.last_line(), "1 passed, 2 skipped");
    live.says("suites/a.yaml::a SKIPPED (MY_TOKEN is not set: export MY_TOKEN=");
}
