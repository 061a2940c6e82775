//! Whose a recording is, where suites record it: cases that share a step, and setups that share a provider.

use super::world::{Dir, Ran};

const PROVIDERS: &str = "providers:\n  shared: {type: remote::shared, base_url: https://shared.example/v1}\n";
const SETUPS: &str = "setups:
  first: {provider: shared, models: {text: shared/m-1}}
  second: {provider: shared, models: {text: shared/m-2}}
";
const SUITE: &str = r#"
cases:
  - name: weather
    model: text
    params: {sky: [sunny, rainy, windy]}
    steps:
      - request: {post: /v1/chat/completions, body: {model: m, messages: [{role: user, content: U}]}}
        capture: {call: $.id}
      - request: {post: /v1/chat/completions, body: {model: m, messages: [{role: user, content: "${call} ${sky}"}]}}
"#;

fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("suites/providers.yaml", PROVIDERS);
    dir.write("suites/setups.yaml", SETUPS);
    dir.write("suites/weather.yaml", SUITE);
    for id in ["one", "two"] {
        let rules = "rules: [{when: {}, reply: {json: {id: ID, object: chat.completion, choices: [{index: 0, message: {content: hi}, finish_reason: stop}]}}}]\n";
        dir.write(&format!("{id}.yaml"), &rules.replace("ID", id));
    }
    dir
}

fn run(dir: &Dir, words: &str) -> Ran {
    dir.retake(&format!("test --stack-config direct {words}")).run()
}

#[test]
fn a_case_that_is_recorded_anew_leaves_the_others_their_shared_step() {
    let dir = folder();
    run(&dir, "--setup first --mode record --provider shared=script:one.yaml").exits(0).says("3 passed");
    run(&dir, "--setup first").exits(0).says("3 passed");
    run(&dir, "--setup first --mode record --provider shared=script:two.yaml -k rainy").exits(0).says("1 passed");
    run(&dir, "--setup first").exits(0).says("3 passed");
}

#[test]
fn the_command_that_records_names_the_setup_of_the_case() {
    let dir = folder();
    run(&dir, "--setup first --mode record --provider shared=script:one.yaml -k windy").exits(0);
    for setup in ["first", "second"] {
        let model = if setup == "first" { "m-1" } else { "m-2" };
        let id = format!("suites/weather.yaml::weather[txt=shared/{model}-sunny]");
        // Both run, and share a provider.
        let ran = run(&dir, "").exits(1);
        ran.says(&format!("to record it: retake test --stack-config direct --setup {setup} --mode record -k '{id}'"));
    }
}
