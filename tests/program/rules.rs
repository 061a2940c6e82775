//! Replies that a suite is content with and a client is not.

use crate::world::{Dir, Ran};

const PROVIDERS: &str = "\
providers:
  odd:
    type: remote::odd
    base_url: http://127.0.0.1:9/v1
";
const SETUPS: &str = "setups:\n  odd: {provider: odd, models: {text: odd/m}}\n";
const SUITE: &str = "cases:
  - name: chat
    model: text
    request: {post: /v1/chat/completions, body: {model: '${model}', messages: [{role: user, content: hi}]}}
    expect: {text: Sol}
  - name: models
    request: {get: /v1/models}
";

/// A folder whose provider answers a chat with these members besides, and lists its models as `list`.
fn folder(besides: &str, list: &str) -> Dir {
    let dir = Dir::new();
    dir.write("suites/providers.yaml", PROVIDERS);
    dir.write("suites/setups.yaml", SETUPS);
    dir.write("suites/a.yaml", SUITE);
    let chat = format!(
        "{{object: chat.completion, created: 1, model: m, choices: [{{index: 0, message: {{role: assistant, content: Sol}}, finish_reason: stop}}], {besides}}}"
    );
    let rules = format!(
        "rules:\n- {{when: {{method: GET}}, reply: {{json: {list}}}}}\n- {{when: {{}}, reply: {{json: {chat}}}}}\n"
    );
    dir.write("script.yaml", &rules);
    dir
}

fn run(dir: &Dir, words: &str) -> Ran {
    let live = "--mode live --provider odd=script:script.yaml --stack-config direct";
    dir.retake(&format!("test --setup odd {live} {words}")).run()
}

const GOOD: &str = "id: c, usage: {total_tokens: 1}";
const LIST: &str = "{object: list, data: [{id: m}]}";

#[test]
fn a_reply_that_a_client_cannot_use_fails_a_case_that_is_content_with_it() {
    let dir = folder(GOOD, "[{id: m}]");
    let ran = run(&dir, "").exits(1).says("1 failed, 1 passed");
    ran.says("error: rule models-list does not hold")
        .says("expected: an object whose `data` is a list of models with an `id`")
        .says("actual:   a bare array; SDKs raise, or list nothing")
        .says("suites/a.yaml:6: protocol violation");
    run(&dir, "--protocol off").exits(0).says("2 passed");
    dir.write("suites/a.yaml", &SUITE.replace("/v1/models}", "/v1/models}\n    expect: {protocol: [models-list]}"));
    run(&dir, "").exits(0).says("2 passed");
    run(&dir, "--protocol strct").exits(4).says("did you mean `strict`?");
    dir.write("suites/a.yaml", &SUITE.replace("/v1/models}", "/v1/models}\n    expect: {protocol: [model-list]}"));
    run(&dir, "").exits(4).says("unknown rule `model-list`").says("did you mean `models-list`?");
}

#[test]
fn what_clients_live_with_is_told_and_fails_a_strict_run() {
    let dir = folder("id: c", LIST);
    let ran = run(&dir, "").exits(0).says("2 passed");
    ran.says("= protocol =").says("usage-missing: none: 1 case, first suites/a.yaml::chat[txt=odd/m]");
    run(&dir, "--protocol strict").exits(1).says("error: rule usage-missing does not hold");
    let good = run(&folder(GOOD, LIST), "--protocol strict").exits(0);
    assert!(!good.stdout.contains("protocol"), "{}", good.stdout);
}

#[test]
fn what_a_provider_is_known_to_break_is_no_news_until_it_is_mended() {
    let known = format!("{PROVIDERS}    deviates: {{models-list: {{reason: a bare list, endpoints: [/v1/models]}}}}\n");
    let dir = folder(GOOD, "[{id: m}]");
    dir.write("suites/providers.yaml", &known);
    let ran = run(&dir, "").exits(0).says("2 passed");
    assert!(!ran.stdout.contains("protocol"), "{}", ran.stdout);
    let told = run(&dir, "-v").exits(0).says("models-list (known of odd: a bare list): 1 case");
    told.says("a.yaml::models PASSED (known: models-list)");
    let mended = folder(GOOD, LIST);
    mended.write("suites/providers.yaml", &known);
    mended
        .retake("test --setup odd --mode record --provider odd=script:script.yaml --stack-config direct")
        .run()
        .exits(0);
    mended
        .retake("test --setup odd --stack-config direct")
        .run()
        .exits(0)
        .says("odd is known to break the rule models-list, and every reply kept it: take it out of `deviates`");
    mended.write("suites/providers.yaml", &known.replace("models-list", "model-list"));
    run(&mended, "").exits(4).says("unknown rule `model-list`");
}

#[test]
fn the_rules_are_listed() {
    let dir = Dir::new();
    let ran = dir.retake("rules").run().exits(0);
    ran.says("tool-call-index (violation)\n    an index for every piece of a tool call")
        .says("    else: `stream()` of the SDKs raises");
}

#[test]
fn recordings_are_held_to_the_rules_offline() {
    let dir = folder("id: c", "[{id: m}]");
    let record =
        "test --setup odd --mode record --provider odd=script:script.yaml --stack-config direct --protocol off";
    dir.retake(record).run().exits(0);
    let ran = dir.retake("check").run().exits(1);
    ran.says("2 recordings: 1 violation, 1 deviation, 0 known").says(": violation models-list\n");
    let by_endpoint = dir.retake("check recordings/odd --by endpoint").run().exits(1);
    by_endpoint.says("/v1/models                     1           1           0      0  models-list ×1");
    let json: serde_json::Value = serde_json::from_str(&dir.retake("check --json").run().exits(1).stdout).unwrap();
    assert_eq!((&json["recordings"], &json["findings"][0]["provider"]), (&2.into(), &"odd".into()));
    let known = "    deviates: {models-list: a bare list, usage-missing: {reason: none, models: [m]}}\n";
    dir.write("suites/providers.yaml", &format!("{PROVIDERS}{known}"));
    dir.retake("check").run().exits(0).says("2 recordings: 0 violations, 0 deviations, 2 known");
    dir.write("suites/providers.yaml", &format!("{PROVIDERS}    deviates: {{models-list: a bare list}}\n"));
    dir.retake("check").run().exits(0).says("1 deviation");
    dir.retake("check --protocol strict").run().exits(1);
    dir.write("recordings/odd/torn.json", "{\"request\": ");
    dir.retake("check").run().exits(1).says("recordings/odd/torn.json: cannot be read: line 1");
    dir.retake("check recordingz").run().exits(4).says("did you mean `recordings`?");
    Dir::new().retake("check .").run().exits(5);
}

#[test]
fn members_of_recordings_are_held_to_the_reference_and_to_each_other() {
    let dir = folder("id: 5, seed: 7, usage: {prompt_tokens: 1, completion_tokens: 1}", LIST);
    let record = "test --setup odd --mode record --provider odd=script:script.yaml --stack-config direct";
    dir.retake(record).run().exits(0).says("2 passed");
    let ran = dir.retake("check").run().exits(1).says("2 recordings: 5 violations, 0 deviations, 0 known");
    ran.says("violation member-type\n    expected: members of the types that the API's reference names")
        .says("    actual:   `id`: the integer 5, and the reference has a string")
        .says("    actual:   `usage.total_tokens`: none")
        .says("    actual:   `data[].created`: none");
    let known = "    deviates:\n      member-type id: a number\n      member-missing usage.total_tokens, data[].created: {reason: none}\n";
    dir.write("suites/providers.yaml", &format!("{PROVIDERS}{known}"));
    let left = dir.retake("check").run().exits(1).says("2 violations, 0 deviations, 3 known");
    left.says("(known: a number)").says("`data[].owned_by`: none").says("`data[].object`: none");
    let json: serde_json::Value = serde_json::from_str(&dir.retake("check --json").run().exits(1).stdout).unwrap();
    let members: Vec<_> = json["findings"].as_array().unwrap().iter().map(|found| &found["member"]).collect();
    assert!(members.contains(&&"usage.total_tokens".into()), "{members:?}");
    dir.write("suites/providers.yaml", &format!("{PROVIDERS}    deviates: {{member-typ id: a number}}\n"));
    dir.retake("check").run().exits(4).says("unknown rule `member-typ`").says("did you mean `member-type`?");
}

#[test]
fn a_recording_that_lacks_what_all_others_have_is_told() {
    let dir = folder("id: c, seed: 7, usage: {prompt_tokens: 1, completion_tokens: 1, total_tokens: 2}", LIST);
    let asks = ["hi", "ho", "hu"].map(|word| {
        format!(
            "  - name: chat_{word}\n    model: text\n    request: {{post: /v1/chat/completions, body: {{model: '${{model}}', messages: [{{role: user, content: {word}}}]}}}}\n"
        )
    });
    dir.write("suites/a.yaml", &format!("cases:\n{}", asks.concat()));
    let record = "test --setup odd --mode record --provider odd=script:script.yaml --stack-config direct";
    dir.retake(record).run().exits(0).says("3 passed");
    dir.retake("check").run().exits(0).says("3 recordings: 0 violations, 0 deviations, 0 known");
    let file =
        std::fs::read_dir(dir.path().join("recordings/odd")).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"seed\": 7", "\"sead\": 7")).unwrap();
    let ran = dir.retake("check").run().exits(0).says("3 recordings: 0 violations, 1 deviation, 0 known");
    ran.says("deviation member-dropped").says("`seed`: none; 2 others have it");
    dir.retake("check --protocol strict").run().exits(1);
}

#[test]
fn a_step_holds_a_reply_to_the_reference_when_it_asks_for_it() {
    let dir = folder("id: c, usage: {prompt_tokens: 1, completion_tokens: two, total_tokens: 3}", LIST);
    let with = |expect: &str| SUITE.replace("expect: {text: Sol}", &format!("expect: {{text: Sol, {expect}}}"));
    run(&dir, "").exits(0).says("2 passed");
    dir.write("suites/a.yaml", &with("conforms: openai"));
    let ran = run(&dir, "").exits(1).says("1 failed, 1 passed");
    ran.says("error: rule member-type does not hold")
        .says("actual:   `usage.completion_tokens`: the string \"two\", and the reference has an integer")
        .says("--> suites/a.yaml:5:35")
        .says("suites/a.yaml:2: protocol violation");
    dir.write("suites/a.yaml", &with("conforms: openai, protocol: [member-type]"));
    run(&dir, "").exits(0).says("2 passed");
    dir.write("suites/a.yaml", &with("conforms: anthropic"));
    run(&dir, "").exits(1).says("expected: a reply of an endpoint of anthropic").says("the endpoint is openai");
    dir.write("suites/a.yaml", &with("conforms: opnai"));
    run(&dir, "").exits(4).says("unknown API `opnai`").says("did you mean `openai`?");
    let known = format!("{PROVIDERS}    deviates: {{member-type usage.completion_tokens: words for numbers}}\n");
    dir.write("suites/providers.yaml", &known);
    dir.write("suites/a.yaml", &with("conforms: openai"));
    run(&dir, "").exits(0).says("2 passed");
}
