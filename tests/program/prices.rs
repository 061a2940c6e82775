//! `retake prices update`, and what is told of models that retire.

use crate::world::{Dir, Ran};

/// A list with the fields of litellm's.
const LIST: &str = r#"{
  "sample_spec": {"litellm_provider": "one of https://docs.litellm.ai/docs/providers", "deprecation_date": "date"},
  "old": {
    "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "litellm_provider": "openai", "mode": "chat",
    "deprecation_date": "2020-01-14", "successor_model": "new", "supports_vision": true, "rpm": [1], "later_field": {}
  },
  "new": {"input_cost_per_token": 1e-07, "output_cost_per_token": 5e-07, "litellm_provider": "openai", "mode": "chat"},
  "together_ai/a/b": {"input_cost_per_token": 3e-07, "output_cost_per_token": 3e-07, "litellm_provider": "together_ai"}
}"#;
const SETUPS: &str =
    "setups:\n  mine:\n    provider: openai\n    models: {text: openai/old, embedding: openai/unheard}\n";

/// A folder with a list, a setup of one's own and a case.
fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("list.json", LIST);
    dir.write("suites/setups.yaml", SETUPS);
    let case = "cases:\n  - name: a\n    model: text\n    request:\n      post: /v1/chat/completions\n      body: {model: \"${model}\", messages: [{role: user, content: Hello}]}\n";
    dir.write("suites/chat.yaml", case);
    dir.write("hello.yaml", "rules:\n  - reply: {text: Hello.}\n");
    dir
}

fn update(dir: &Dir, more: &str) -> Ran {
    dir.retake(&format!("prices update --from list.json {more}")).run()
}

fn file(dir: &Dir) -> String {
    std::fs::read_to_string(dir.path().join("suites/prices.yaml")).unwrap_or_default()
}

/// The file below its head.
fn entries(dir: &Dir) -> String {
    file(dir).lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_list_fills_what_setups_and_recordings_use_and_all_of_it_on_request() {
    let dir = folder();
    let ran = update(&dir, "").exits(0).says("wrote suites/prices.yaml: 1 model of 1 provider, of 3 that the list has");
    let ran =
        ran.says("\n  not in the list: openai/unheard\n  + openai/old: {input: 2.5, output: 10, retired: 2020-01-14");
    ran.says("warning: old of setup mine is retired since 2020-01-14: new replaces it (suites/setups.yaml:4)");
    let old = "    old: {input: 2.5, output: 10, retired: 2020-01-14, successor: new}\n";
    assert_eq!(entries(&dir), format!("prices:\n  openai:\n{old}"));
    let head = file(&dir);
    assert!(head.starts_with("# What models cost") && head.contains("\n# list.json of "), "{head}");
    update(&dir, "").exits(0).says("no price and no date changed");

    // A model that only a recording asks.
    let record = "record --setup mine --text-model openai/new --provider openai=script:hello.yaml";
    dir.retake(record).run().exits(0);
    update(&dir, "").exits(0).says("  + openai/new: {input: 0.1, output: 0.5}\n");
    update(&dir, "--all").exits(0).says("wrote suites/prices.yaml: 3 models of 2 providers").says("+ together/a/b: ");
    assert!(file(&dir).contains("`retake prices update --all --from FILE`"), "{}", file(&dir));
    update(&dir, "").exits(0).says("  - together/a/b: {input: 0.3, output: 0.3}\n");
    let schema: serde_json::Value =
        serde_json::from_str(&dir.retake("schema prices").run().exits(0).stdout).expect("a schema");
    assert_eq!(schema["title"], "retake prices");
}

#[test]
fn a_run_that_may_ask_the_provider_tells_what_retires_and_a_replay_is_the_same_on_every_day() {
    let dir = folder();
    update(&dir, "").exits(0);
    let told = "\nwarning: old of setup mine is retired since 2020-01-14: new replaces it (suites/setups.yaml:4)\n";
    for mode in ["record", "record-if-missing", "live"] {
        let words = format!("test --setup mine --mode {mode} --provider openai=script:hello.yaml");
        dir.retake(&words).run().exits(0).says(told);
    }
    let ran = dir.retake("test --setup mine").run().exits(0);
    assert!(!ran.stdout.contains("retired") && !ran.stderr.contains("retired"), "{}", ran.stdout);
    dir.retake("doctor").env("PATH", "/nowhere").run().exits(0).says(told);
    // The flag's model is asked, and not the setup's.
    let other = "test --setup mine --mode live --text-model openai/new --provider openai=script:hello.yaml";
    let ran = dir.retake(other).run().exits(0);
    assert!(!ran.stdout.contains("retired"), "{}", ran.stdout);
    // A date that is announced, and near.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
    let list = LIST.replace("2020-01-14", &soon.to_string()[..10]);
    dir.write("list.json", &list);
    update(&dir, "").exits(0).says(" -> {input: 2.5, output: 10, retired: ").says("will be retired on ");
}

#[test]
fn a_price_of_the_list_counts_for_estimates_and_one_that_is_written_by_hand_wins() {
    let dir = folder();
    let cost = |dir: &Dir| dir.retake("test --setup mine --co --cost").run();
    cost(&dir).exits(4).says("no price of openai/old is known").says("retake prices update --from FILE");
    update(&dir, "").exits(0);
    cost(&dir).exits(0).says("at most about 512: $0.0052");
    let provider = "providers:\n  openai:\n    base_url: https://api.openai.com/v1\n    key: OPENAI_API_KEY\n    prices: {o*: {input: 0, output: 1000}}\n";
    dir.write("suites/providers.yaml", provider);
    cost(&dir).exits(0).says("at most about 512: $0.5120");
}

#[test]
fn another_file_than_the_list_changes_nothing() {
    let dir = folder();
    update(&dir, "").exits(0);
    let before = file(&dir);
    for (text, said) in [
        ("{\"a\": 1,\n  \"b\" 2}", "--> list.json:2:7"),
        ("[]", "this is no list of models"),
        ("{}", "no entry has a `litellm_provider`"),
        (
            "{\"x/y\": {\"litellm_provider\": \"x\", \"input_cost_per_token\": 1}}",
            "say in providers.yaml, as `litellm`",
        ),
    ] {
        dir.write("list.json", text);
        update(&dir, "").exits(4).says(said).says("list.json:");
    }
    dir.write("list.json", &LIST.replace("\"old\"", "\"older\"").replace("\"new\": {", "\"newer\": {"));
    update(&dir, "")
        .exits(5)
        .says("no model of setups and recordings is among the 3")
        .says("not in the list: openai/old");
    dir.retake("prices update --from lits.json").run().exits(4).says("did you mean `list.json`?");
    dir.retake("prices update --from list.json --suites suitse").run().exits(4).says("did you mean `suites`?");
    dir.retake("prices update").run().exits(4).says("--from <FILE>");
    assert_eq!(file(&dir), before);
    let left: Vec<String> = dir.files("suites").into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["suites/chat.yaml", "suites/prices.yaml", "suites/setups.yaml"]);
}

#[test]
fn an_entry_that_says_nonsense_is_left_out_and_told() {
    let dir = folder();
    dir.write("list.json", &LIST.replace("1e-07", "\"cheap\""));
    let ran = update(&dir, "--all").exits(0).says("wrote suites/prices.yaml: 2 models of 2 providers");
    ran.says("warning: left out: list.json:7: new: input_cost_per_token is \"cheap\", which is no price");
}

#[test]
fn a_file_that_a_hand_made_is_not_replaced_and_one_that_is_broken_is_made_anew() {
    let dir = folder();
    let own = "prices: {openai: {old: {input: 1, output: 1}}}\n";
    dir.write("suites/prices.yaml", own);
    update(&dir, "").exits(4).says("suites/prices.yaml was not made by `retake prices update`, and is not replaced");
    assert_eq!(file(&dir), own);
    std::fs::remove_file(dir.path().join("suites/prices.yaml")).unwrap();
    update(&dir, "").exits(0);
    let made = file(&dir);
    // What a hand did to it is told.
    dir.write("suites/prices.yaml", &made.replace("output: 10", "output: 11"));
    update(&dir, "").exits(0).says("  ~ openai/old: {input: 2.5, output: 11, ").says(" -> {input: 2.5, output: 10, ");
    dir.write("suites/prices.yaml", &made.replace("openai:", "opnai:"));
    dir.retake("test --setup mine").run().exits(4).says("suites/prices.yaml:").says("did you mean `openai`?");
    update(&dir, "").exits(0);
    assert_eq!(file(&dir), made);
}
