//! Tool calls.

use super::*;

#[cfg(feature = "schema")]
#[test]
fn every_call_has_json_arguments_and_wanted_ones_come_in_order() {
    let call = |name: &str, arguments: &str| json!({"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}});
    let reply = |yaml: &str, calls: Value| {
        json_reply(yaml, 200, json!({"choices": [{"index": 0, "message": {"content": null, "tool_calls": calls}}]}))
    };
    let three = json!([call("f", "{\"a\":1}"), call("g", ""), call("f", "{\"a\":2}")]);
    let second = "{tool_calls: {calls: [{name: f, arguments: {equals: {a: 2}}}]}}";
    assert_eq!(reply(second, three.clone()), NOTHING);
    assert_eq!(reply("{tool_calls: {calls: [{name: f}, {name: f}]}}", three.clone()), NOTHING);
    assert_eq!(reply("{tool_calls: {calls: [{name: g}, {name: g}]}}", three.clone()), ["tool_calls[2].name"]);
    assert_eq!(reply("{tool_calls: {calls: [{arguments: {equals: {}}}]}}", three), NOTHING);
    assert_eq!(reply("{tool_calls: {count: 1}}", json!([call("f", "{a")])), ["tool_calls[0].arguments"]);
    assert_eq!(reply("{tool_calls: {calls: [{name: f}]}}", json!([])), ["tool_calls[0]"]);
    let remote = "{tool_calls: {calls: [{arguments: {schema: {$ref: 'https://example.com/s.json'}}}]}}";
    assert_eq!(reply(remote, json!([call("f", "{}")])), ["tool_calls[0].arguments"]);
}

#[cfg(feature = "schema")]
#[test]
fn tool_calls_are_compared_by_name_and_arguments() {
    let call = |arguments: &str| json!({"choices": [{"index": 0, "message": {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}]}}]});
    let tokyo = call(r#"{"city":"Tokyo","unit":"c"}"#);
    assert_eq!(
        json_reply(
            "{tool_calls: {count: 1, calls: [{name: get_weather, arguments: {subset: {city: Tokyo}}}]}}",
            200,
            tokyo.clone()
        ),
        NOTHING
    );
    assert_eq!(
        json_reply("{tool_calls: {calls: [{arguments: {equals: {city: Tokyo}}}]}}", 200, tokyo.clone()),
        ["tool_calls[0].arguments"]
    );
    assert_eq!(
        json_reply("{tool_calls: {calls: [{arguments: {schema: {required: [town]}}}]}}", 200, tokyo.clone()),
        ["tool_calls[0].arguments"]
    );
    assert_eq!(
        json_reply("{tool_calls: {calls: [{name: f}, {name: g}]}}", 200, tokyo),
        ["tool_calls[0].name", "tool_calls[1]"]
    );
    assert_eq!(
        json_reply("{tool_calls: {calls: [{name: get_weather}]}}", 200, call("{oops")),
        ["tool_calls[0].arguments"]
    );
    assert_eq!(json_reply("{tool_calls: {count: 0}}", 200, chat("a")), NOTHING);
}

#[test]
fn calls_of_other_choices_and_of_other_forms_are_seen() {
    let call = |name: &str| json!({"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let reply = json!({"choices": [
        {"index": 0, "message": {"content": "a", "function_call": {"name": "old", "arguments": "{}"}}},
        {"index": 1, "message": {"content": null, "tool_calls": [call("f"), call("g")]}},
    ]});
    let off = |yaml: &str| format!("{{protocol: off, tool_calls: {yaml}}}");
    assert_eq!(said_of(&off("{choice: 1, count: 2, calls: [{name: f}, {name: g}]}"), 200, &reply), "");
    assert_eq!(
        said_of(&off("{}"), 200, &reply),
        r#"tool_calls: a tool call, not the text is "a"; choice 0 has a `function_call` of old: old; choice 1 has tool calls: f, g"#
    );
    assert!(said_of(&off("{choice: 2, count: 0}"), 200, &reply).starts_with("tool_calls: a choice 2, not {"));
    let custom = json!({"choices": [{"message": {"tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls -l"}}]}}]});
    assert_eq!(said_of(&off("{calls: [{name: sh, arguments: {equals: ls -l}}]}"), 200, &custom), "");
}
