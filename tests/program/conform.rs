//! `retake conform`: what the shipped suites find out of an API.

use std::collections::{BTreeMap, BTreeSet};

use retake::yaml::{self, Source};
use serde_json::{Value, json};

use super::world::{Dir, Ran, TestCommand, package};

/// A provider that does everything.
const GOOD: &str = include_str!("../../examples/conformance-script.yaml");
/// Dialects that must be found out, each instead of one of its replies.
const TWINS: &str = include_str!("../corpus/conformance-twins.yaml");

fn read(name: &str, text: &str) -> Value {
    yaml::from_source(&Source { name: name.into(), text: text.into() }).unwrap()
}

/// The good provider with some replies instead of its own, by the names of their rules.
fn dialect<'t>(dir: &Dir, twins: impl IntoIterator<Item = &'t Value>) -> String {
    let mut script = read("script", GOOD);
    let rules = script["rules"].as_array_mut().unwrap();
    for twin in twins {
        let rule = rules.iter_mut().find(|rule| rule["name"] == twin["rule"]);
        rule.unwrap_or_else(|| panic!("no rule {}", twin["rule"]))["reply"] = twin["reply"].clone();
    }
    dir.write("script.yaml", &script.to_string()).display().to_string()
}

fn conform(dir: &Dir, script: &str, words: &str) -> Ran {
    dir.retake(&format!("conform --provider twin=script:{script} {words}")).run()
}

fn verdict(ran: Ran) -> Value {
    serde_json::from_str(&ran.exits(0).stdout).unwrap()
}

/// The cases that are not simply good, by name: their reason, or the rules that they break.
fn found(verdict: &Value) -> BTreeMap<String, String> {
    let cases = verdict["capabilities"].as_array().unwrap().iter().flat_map(|row| row["cases"].as_array().unwrap());
    cases
        .filter(|case| case["verdict"] != "yes")
        .map(|case| {
            let rules =
                case["rules"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
            let why = case["reason"].as_str().map_or(rules, str::to_owned);
            (case["name"].as_str().unwrap().to_owned(), format!("{}: {why}", case["verdict"].as_str().unwrap()))
        })
        .collect()
}

fn twins() -> Vec<Value> {
    read("twins", TWINS).as_array().unwrap().clone()
}

/// The case that a rule of the script answers.
fn case_of(rule: &Value) -> String {
    rule.as_str().unwrap().split(':').next().unwrap().to_owned()
}

#[test]
fn a_good_provider_can_do_everything() {
    let dir = Dir::new();
    let verdict = verdict(conform(&dir, &dialect(&dir, []), "--json"));
    assert_eq!(found(&verdict), BTreeMap::new());
    let verdicts = verdict["capabilities"].as_array().unwrap().iter().map(|row| row["verdict"].as_str().unwrap());
    assert_eq!(verdicts.collect::<BTreeSet<_>>(), ["yes"].into());
    assert_eq!(verdict["entry"], "  twin:\n    type: remote::twin\n    base_url: \"https://twin.invalid/v1\"\n");
}

#[test]
fn each_dialect_fails_its_own_case_alone_and_is_called_by_its_name() {
    let twins = twins();
    for round in 1..=4 {
        let twins: Vec<&Value> = twins.iter().filter(|twin| twin["round"] == round).collect();
        let dir = Dir::new();
        let found = found(&verdict(conform(&dir, &dialect(&dir, twins.iter().copied()), "--json")));
        let names: BTreeSet<String> = twins.iter().map(|twin| case_of(&twin["rule"])).collect();
        assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), names, "round {round}: {found:#?}");
        for twin in twins {
            let why = &found[&case_of(&twin["rule"])];
            let wanted = match (twin["says"].as_str(), twin["breaks"].as_str()) {
                (Some(says), _) => why.starts_with("no: ") && why.contains(says),
                (None, breaks) => Some(why.as_str()) == breaks.map(|rule| format!("deviates: {rule}")).as_deref(),
            };
            assert!(wanted, "{twin}\n{why}");
        }
    }
}

#[test]
fn no_case_is_without_a_dialect_that_it_finds_out() {
    let script = read("script", GOOD);
    let cases: BTreeSet<String> =
        script["rules"].as_array().unwrap().iter().map(|rule| case_of(&rule["name"])).collect();
    assert_eq!(twins().iter().map(|twin| case_of(&twin["rule"])).collect::<BTreeSet<_>>(), cases);
    let dir = Dir::new();
    let verdict = verdict(conform(&dir, &dialect(&dir, []), "--json"));
    let rows = verdict["capabilities"].as_array().unwrap().iter();
    let asked =
        rows.flat_map(|row| row["cases"].as_array().unwrap()).map(|case| case["name"].as_str().unwrap().to_owned());
    assert_eq!(asked.collect::<BTreeSet<_>>(), cases);
}

#[test]
fn what_follows_for_the_providers_file_makes_the_same_cases_green() {
    let twins = twins();
    let dir = Dir::new();
    let script = dialect(&dir, twins.iter().filter(|twin| twin["round"] == 2));
    let verdict = verdict(conform(&dir, &script, "--json"));
    let entry = verdict["entry"].as_str().unwrap();
    for line in [
        "      vision: {reason: \"500 instead of 2xx: image input is not supported\", models: [good-model]}\n",
        "    broken:\n      json_schema: {reason: \"chat_json_schema_stream (1 of 2 cases fails so): ",
        "      embeddings-order: {reason: ",
    ] {
        assert!(entry.contains(line), "{line}\n{entry}");
    }
    let shipped = std::fs::read_to_string(package().join("suites/providers.yaml")).unwrap();
    let capabilities = shipped.split("\nproviders:").next().unwrap();
    dir.copy("conformance");
    dir.write("conformance/providers.yaml", &format!("{capabilities}\nproviders:\n{entry}"));
    let models = "{text: twin/good-model, embedding: twin/good-model, vision: twin/good-model}";
    dir.write("conformance/setups.yaml", &format!("setups: {{twin: {{provider: twin, models: {models}}}}}"));
    let words = format!(
        "test --suites conformance --setup twin --mode live --stack-config direct --provider twin=script:{script}"
    );
    let ran = dir.retake(&words).env("CONFORMANCE_SCRIPT", "1").run().exits(1);
    // Of what every case needs nothing can be lacking: it stays red.
    let red: Vec<_> = ran.outcomes().into_iter().filter(|(_, word)| word == "FAILED" || word == "ERROR").collect();
    assert_eq!(red.len(), 1, "{red:?}");
    assert!(red[0].0.contains("::chat_turns["), "{red:?}");
}

#[test]
fn where_chat_does_not_work_that_is_said_at_once_and_nothing_else_is_tried() {
    let dir = Dir::new();
    let script = dir.write(
        "script.yaml",
        "rules: [{reply: {error: {status: 401, message: Incorrect API key provided., type: invalid_request_error}}}]",
    );
    let script = script.display();
    let ran = conform(&dir, &script.to_string(), "--model m").exits(1);
    let ran = ran.says("chat does not work, so nothing else was tried: 401 instead of 2xx: Incorrect API key");
    assert!(!ran.stdout.contains("embeddings") && ran.stdout.contains("--key VARIABLE"), "{}", ran.stdout);
    // Without a model there is nothing to ask.
    conform(&dir, &script.to_string(), "").exits(1).says("its list of models is not available: 401").says("--model M");
    let ran = dir.retake("conform --provider twin=http://127.0.0.1:9/v1").run().exits(1);
    ran.says("twin: its list of models is not available: GET http://127.0.0.1:9/v1/models: no connection");
}

#[test]
fn a_verdict_of_recordings_is_the_verdict_that_was_recorded() {
    let twins = twins();
    let dir = Dir::new();
    let script = dialect(&dir, twins.iter().filter(|twin| twin["round"] == 3));
    let recorded = verdict(conform(&dir, &script, "--json --mode record"));
    let mut replayed = verdict(conform(&dir, &script, "--json --mode replay"));
    replayed["mode"] = json!("record");
    assert_eq!(replayed, recorded);
}

#[test]
fn a_person_reads_a_table_and_the_entry() {
    let dir = Dir::new();
    let twins = twins();
    let script = dialect(
        &dir,
        twins.iter().filter(|twin| ["chat_image", "embeddings_many"].contains(&case_of(&twin["rule"]).as_str())),
    );
    let ran = conform(&dir, &script, "--model good-model,audio=speaker").exits(0);
    let line = |start: &str| ran.stdout.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert!(line("models:").contains("models: text: good-model (given);"), "{}", ran.stdout);
    assert!(line("vision ").contains("no        500 instead of 2xx"), "{}", ran.stdout);
    assert!(line("embeddings ").contains("deviates  embeddings-order (violation)"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 deviates, 1 no, 0 not tried"), "{}", ran.stdout);
    assert!(ran.stdout.contains("# a violation: users who go by position"), "{}", ran.stdout);
}

#[test]
fn mistakes_are_told_before_anything_is_asked() {
    for (words, says) in [
        ("--provider nobody", "for another one, write --provider nobody=BASE_URL"),
        ("--provider opneai", "did you mean `openai`?"),
        ("--provider a=b", "a base URL starts with `http://` or `https://`"),
        ("--provider a=http://127.0.0.1:1/v1 --model visoin=m", "did you mean `vision`?"),
        ("--provider a=http://127.0.0.1:1/v1 --mode rplay", "did you mean `replay`?"),
    ] {
        TestCommand::new(package(), &format!("conform {words}")).run().exits(4).says(says);
    }
}
