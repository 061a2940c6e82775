//! Expectations as they stand in a suite, against replies.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Clock, Heard, Observed, Seen, Timing};
use super::*;
use crate::protocol::{Asked, Rule, rule};
use crate::suite::{CaptureFrom, Known, parse};
use crate::yaml::Source;

fn expect(yaml: &str) -> Expect {
    let text = format!(
        "cases:\n- name: a\n  params: {{v: [{{id: x, value: [1, 0]}}]}}\n  request: {{get: /}}\n  expect: {yaml}\n"
    );
    let source = Arc::new(Source { name: "s.yaml".into(), text: text.into() });
    let suite = parse(source, &Known::default()).unwrap_or_else(|errors| panic!("{}", errors[0].render(false)));
    suite.templates[0].steps[0].expect.clone()
}

fn at_once() -> Timing {
    Timing { chunks: vec![Duration::ZERO], clock: Clock::Measured }
}

/// The paths that do not hold.
fn unmet(yaml: &str, status: u16, kind: &'static str, body: &str) -> Vec<String> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("x-request-id", HeaderValue::from_static("r1"));
    let observed = Observed::of(status, &headers, body.as_bytes(), at_once());
    let mut scope = Scope::new();
    scope.insert("v".into(), json!([1, 0]));
    let verdict = check(&expect(yaml), &scope, &Seen::new(observed), &Policy::default());
    verdict.mismatches.into_iter().map(|mismatch| mismatch.path).collect()
}

fn json_reply(yaml: &str, status: u16, body: Value) -> Vec<String> {
    unmet(yaml, status, "application/json", &body.to_string())
}

const STREAM: &str = "text/event-stream; charset=utf-8";

fn stream(yaml: &str, events: &[Value], end: &str) -> Vec<String> {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    unmet(yaml, 200, STREAM, &format!("{events}{end}"))
}

fn chat(content: &str) -> Value {
    json!({"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]})
}

const NOTHING: [&str; 0] = [];

#[test]
fn the_status_is_2xx_unless_said_otherwise() {
    assert_eq!(json_reply("{}", 200, json!({})), NOTHING);
    assert_eq!(json_reply("{}", 404, json!({})), ["status"]);
    assert_eq!(json_reply("{}", 302, json!({})), ["status"]);
    assert_eq!(json_reply("{status: 404}", 404, json!({})), NOTHING);
    assert_eq!(json_reply("{status: {ge: 400}}", 200, json!({})), ["status"]);
    assert_eq!(json_reply("{error: true}", 400, json!({"error": {"message": "no"}})), NOTHING);
    assert_eq!(json_reply("{error: true}", 200, json!({})), ["status"]);
}

#[test]
fn text_headers_and_paths_are_looked_at() {
    let body = chat("The name is Sōl.");
    assert_eq!(
        json_reply(
            "{text: {contains: sol, fold: true}, json: {'$.choices[0].finish_reason': stop}}",
            200,
            body.clone()
        ),
        NOTHING
    );
    assert_eq!(json_reply("{text: {contains: Luna}}", 200, body.clone()), ["text"]);
    assert_eq!(json_reply("{json: {'$.nope': 1}}", 200, body.clone()), ["$.nope"]);
    assert_eq!(json_reply("{headers: {X-Request-Id: r1, content-type: {contains: json}}}", 200, body.clone()), NOTHING);
    assert_eq!(json_reply("{headers: {x-request-id: r2}}", 200, body.clone()), ["header x-request-id"]);
    assert_eq!(json_reply("{headers: {x-none: {exists: true}}}", 200, body.clone()), ["header x-none"]);
    assert_eq!(json_reply("{headers: {x-none: {exists: false}}}", 200, body), NOTHING);
}

#[test]
fn a_body_that_is_no_json_is_a_violation_where_json_is_read() {
    assert_eq!(unmet("{text: {contains: a}}", 200, "text/plain", "oops"), ["body"]);
    assert_eq!(unmet("{json: {$.a: 1}}", 200, "application/json", "{"), ["body"]);
    assert_eq!(unmet("{status: 200}", 200, "text/plain", "ok"), NOTHING);
}

#[test]
fn a_stream_is_put_together_and_its_parts_are_checked() {
    let events = [
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "b"}, "finish_reason": "stop"}], "usage": {"total_tokens": 2}}),
    ];
    let all = "{text: ab, stream: {chunks: 2, finish_reasons: [stop], roles: [assistant], usage: {contains: {total_tokens: 2}}, choices: {length: 1}, done: true}}";
    assert_eq!(stream(all, &events, "data: [DONE]\n\n"), NOTHING);
    assert_eq!(stream(all, &events, ""), ["stream.done"]);
    assert_eq!(
        stream("{stream: {chunks: 3, finish_reasons: [length], roles: [], usage: null}}", &events, ""),
        ["stream.chunks", "stream.finish_reasons", "stream.usage", "stream.roles"]
    );
}

/// What does not hold, in words.
fn said(yaml: &str, observed: Observed<'_>) -> String {
    let scope = Scope::from_iter([("v".to_owned(), json!([1, 0]))]);
    let verdict = check(&expect(yaml), &scope, &Seen::new(observed), &Policy::default());
    let lines =
        verdict.mismatches.iter().map(|unmet| format!("{}: {}, not {}", unmet.path, unmet.expected, unmet.actual));
    lines.collect::<Vec<_>>().join("\n")
}

fn said_of(yaml: &str, status: u16, body: &Value) -> String {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    said(yaml, Observed::of(status, &headers, body.to_string().as_bytes(), at_once()))
}

#[test]
fn that_it_is_no_stream_can_be_asked() {
    assert_eq!(json_reply("{stream: false}", 200, chat("a")), NOTHING);
    assert_eq!(unmet("{stream: false}", 200, "text/plain", "ok"), NOTHING);
    assert_eq!(stream("{stream: false}", &[chat("a")], "data: [DONE]\n\n"), ["stream"]);
    assert_eq!(unmet("{stream: false}", 200, "application/x-ndjson", "{\"done\": true}\n"), ["stream"]);
    assert_eq!(json_reply("{stream: '${v}'}", 200, chat("a")), ["stream"], "`v` is no boolean");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = chat("a").to_string();
    for (is_stream, paths) in [(true, vec!["stream"]), (false, vec![])] {
        let scope = Scope::from_iter([("v".to_owned(), Value::Bool(is_stream))]);
        let seen = Seen::new(Observed::of(200, &headers, body.as_bytes(), at_once()));
        let verdict = check(&expect("{stream: '${v}'}"), &scope, &seen, &Policy::default());
        assert_eq!(verdict.mismatches.iter().map(|unmet| &unmet.path).collect::<Vec<_>>(), paths);
    }
}

#[test]
fn what_carries_nothing_is_no_chunk() {
    let empty = json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]});
    let all = json!({"choices": [{"index": 0, "delta": {"content": "all at once"}, "finish_reason": "stop"}]});
    let events = [empty.clone(), empty, all];
    assert_eq!(stream("{stream: {chunks: {gt: 1}}}", &events, ""), ["stream.chunks"]);
    assert_eq!(stream("{stream: {chunks: 1, events: 3}}", &events, ""), NOTHING);
    let messages = [json!({"type": "message_start"}), json!({"type": "message_stop"})];
    assert_eq!(stream("{stream: {chunks: 2}}", &messages, ""), NOTHING, "another protocol's are not told apart");
    let asked = Asked::new("POST", "/v1/chat/completions", b"{\"stream\": true}");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(STREAM))]);
    let body = b"data: {\"choices\": []}\n\ndata: {\"choices\": []}\n\n";
    let observed = Observed { asked, ..Observed::of(200, &headers, body, at_once()) };
    assert!(said("{stream: {chunks: 2}, protocol: off}", observed).starts_with("stream.chunks: 2, not 0"));
}

#[test]
fn tokens_that_are_reported_must_add_up() {
    let reply = |usage: Value| json!({"choices": [{"message": {"content": "a"}}], "usage": usage});
    let good = json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3});
    let all = "{usage: {adds_up: true, prompt_tokens: 1, completion_tokens: {gt: 1}, total_tokens: 3}}";
    assert_eq!(json_reply(all, 200, reply(good.clone())), NOTHING);
    assert_eq!(stream(all, &[reply(Value::Null), reply(good.clone())], ""), NOTHING);
    assert_eq!(json_reply("{usage: {adds_up: false}}", 200, reply(good)), ["usage.adds_up"]);
    let bad = json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 2});
    assert_eq!(json_reply(all, 200, reply(bad.clone())), ["usage.total_tokens", "usage.adds_up"]);
    assert_eq!(json_reply("{usage: {adds_up: false}}", 200, reply(bad)), NOTHING);
    assert_eq!(json_reply("{usage: {adds_up: true}}", 200, reply(json!({"total_tokens": 3}))), ["usage.adds_up"]);
    let minus = json!({"prompt_tokens": -1, "completion_tokens": -1, "total_tokens": -1});
    assert_eq!(json_reply("{usage: {adds_up: true}}", 200, reply(minus)), ["usage.adds_up"], "nothing was counted");
    assert_eq!(json_reply("{usage: true}", 200, reply(Value::Null)), ["usage"]);
    assert_eq!(json_reply("{usage: true}", 200, reply(json!({"input_tokens": 1}))), NOTHING);
}

#[test]
fn the_model_that_answered_is_the_providers() {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = json!({"model": "openai/gpt-4o", "choices": []}).to_string();
    let observed = || Observed::of(200, &headers, body.as_bytes(), at_once());
    let off = |yaml: &str| format!("{{protocol: off, model: {yaml}}}");
    assert_eq!(said(&off("gpt-4o"), observed()), "");
    assert_eq!(said(&off("gpt-4"), observed()), r#"model: "gpt-4", not "openai/gpt-4o""#);
    let told = || Observed { model: Some("gpt-4o-2024-08-06"), ..observed() };
    assert_eq!(said(&off("gpt-4o"), told()), "", "a dated version of it");
    assert_eq!(said(&off("{contains: '2024-08'}"), told()), "");
    assert_eq!(said(&off("gpt-4o-2024-05-13"), told()), r#"model: "gpt-4o-2024-05-13", not "gpt-4o-2024-08-06""#);
    let heard = |status: u16, body: &'static str| Heard {
        asked: Asked::new("POST", "/v1/chat/completions", b"{\"model\": \"gpt-4o\"}"),
        status,
        content_type: "application/json".into(),
        body: body.into(),
        mended: Arc::default(),
    };
    let both = [heard(200, r#"{"model": "gpt-4o-mini", "choices": []}"#), heard(500, r#"{"model": "x"}"#)];
    let behind = || Observed { heard: &both, ..told() };
    assert_eq!(said(&off("gpt-4o-mini"), behind()), "", "the last good reply behind the gateway");
    assert_eq!(said(&off("gpt-4o"), behind()), r#"model: "gpt-4o", not "gpt-4o-mini""#);
    assert_eq!(
        said_of(&off("m"), 200, &json!({"choices": []})),
        "model: the model that answered, not the reply names none"
    );
    let events = [json!({"model": "m", "choices": []}), json!({"model": "n", "choices": []})];
    assert_eq!(stream(&off("m"), &events, ""), ["model"], "each that is named");
}

#[test]
fn what_a_gateway_hides_of_its_providers_reply_is_found() {
    let asked = Asked::new("POST", "/v1/chat/completions", b"{\"model\": \"m\", \"messages\": []}");
    let reply = |model: &str, content: Value| {
        json!({"id": "c", "object": "chat.completion", "model": model, "usage": {"total_tokens": 1},
               "choices": [{"index": 0, "message": content, "finish_reason": "stop"}]})
        .to_string()
    };
    let given = reply("m", json!({"content": "a"}));
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let rules_but = |mended: &[&'static Rule], body: String, yaml: &str| {
        let content_type = "application/json".to_owned();
        let heard =
            [Heard { asked: asked.clone(), status: 200, content_type, body: body.into(), mended: mended.into() }];
        let observed = Observed {
            asked: asked.clone(),
            heard: &heard,
            ..Observed::of(200, &headers, given.as_bytes(), at_once())
        };
        let verdict = check(&expect(yaml), &Scope::new(), &Seen::new(observed), &Policy::default());
        let told = verdict.protocol.told.iter().map(|finding| format!("{}: {}", finding.rule.id, finding.actual));
        told.chain(verdict.mismatches.into_iter().map(|unmet| unmet.path)).collect::<Vec<_>>()
    };
    let rules = |body: String, yaml: &str| rules_but(&[], body, yaml);
    assert_eq!(rules(given.clone(), "{}"), NOTHING);
    let other = reply("n", json!({"content": "a"}));
    assert_eq!(rules(other.clone(), "{}"), ["model-other: n, and m was asked (in the reply that the gateway got)"]);
    assert_eq!(rules(other.clone(), "{protocol: [model-other]}"), NOTHING);
    assert_eq!(rules_but(&[rule("model-other").unwrap()], other, "{}"), NOTHING, "the gateway is there to mend it");
    assert_eq!(rules(reply("m", Value::Null), "{}"), ["rule choice-form"], "a violation fails");
}

#[test]
fn a_failure_tells_why_there_is_no_text() {
    let choice = json!({"index": 0, "finish_reason": "length", "message": {"content": "", "reasoning_content": "hmm hmm", "refusal": "I won't"}});
    assert_eq!(
        said_of("{text: Sol}", 200, &json!({"choices": [choice]})),
        r#"text: "Sol", not "" (finish_reason length, refusal "I won't", reasoning of 7 characters)"#
    );
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let calling =
        json!({"index": 0, "finish_reason": "tool_calls", "message": {"content": null, "tool_calls": [call]}});
    assert_eq!(
        said_of("{text: Sol}", 200, &json!({"choices": [calling]})),
        r#"text: "Sol", not "" (finish_reason tool_calls, tool calls: 1)"#
    );
    let long = "x".repeat(900);
    let said = said_of("{text: Sol}", 200, &json!({"output": long}));
    assert!(said.contains(&long), "{said}");
}

#[test]
fn a_servers_words_stand_beside_every_wrong_member_of_its_error() {
    let error = json!({"error": {"message": "overloaded, come back later", "code": 529}});
    let said = said_of("{error: {code: 503}}", 500, &error);
    assert_eq!(said, r#"error.code: 503, not 529 in {"message":"overloaded, come back later","code":529}"#);
    let long = json!({"error": {"trace": "x".repeat(500), "message": "overloaded"}});
    assert!(said_of("{}", 503, &long).contains("overloaded"));
    assert!(said_of("{}", 200, &long).contains("overloaded"));
    assert!(
        said_of(
            "{error: true, status: 200, text: a, protocol: off}",
            200,
            &json!({"error": "busy", "choices": [{"message": {"content": ""}}]})
        )
        .contains("busy")
    );
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

#[test]
fn a_stream_is_never_green_by_accident() {
    assert_eq!(stream("{}", &[], ""), ["rule stream-empty"]);
    assert_eq!(stream("{}", &[], "data: [DONE]\n\n"), ["rule stream-empty"]);
    assert_eq!(stream("{}", &[json!({"error": {"message": "busy"}})], ""), ["rule error-in-success"]);
    assert_eq!(stream("{error: {message: busy}, status: 200}", &[json!({"error": {"message": "busy"}})], ""), NOTHING);
    assert_eq!(stream("{}", &[json!({"choices": []})], "data: {oops\n\n"), ["rule event-json"]);
    assert_eq!(json_reply("{stream: true}", 200, chat("a")), ["stream"]);
    assert_eq!(json_reply("{}", 200, json!({"error": {"message": "busy"}})), ["rule error-in-success"]);
    let headers = HeaderMap::new();
    let observed = Observed { broken: Some("reset"), ..Observed::of(200, &headers, b"{}", at_once()) };
    assert_eq!(
        check(&expect("{}"), &Scope::new(), &Seen::new(observed), &Policy::default()).mismatches[0].path,
        "body"
    );
}

#[test]
fn a_stream_that_a_client_would_stumble_over_is_a_violation() {
    let event = [json!({"choices": [{"index": 0, "delta": {"content": "a"}}]})];
    let after = "data: [DONE]\n\ndata: {\"choices\":[]}\n\n";
    for (end, rule) in [
        ("data: {\"choices\":[]}\n", "rule stream-cut"),
        ("data: {\"cho", "rule stream-cut"),
        (after, "rule event-after-done"),
        ("{\"error\":\"busy\"}\n\n", "rule event-form"),
        ("data: busy\n\n", "rule event-json"),
    ] {
        assert_eq!(stream("{text: a}", &event, end), [rule], "{end:?}");
        assert_eq!(stream("{text: a, protocol: off}", &event, end), NOTHING, "{end:?}");
        let ignored = format!("{{text: a, protocol: [{}]}}", rule.trim_start_matches("rule "));
        assert_eq!(stream(&ignored, &event, end), NOTHING, "{end:?}");
    }
    for end in [": ping\n\n", "event: ping\n\n", "id: 7\r\n\r\n", "data: [DONE]\n", "data: [DONE]\r\r"] {
        assert_eq!(stream("{text: a}", &event, end), NOTHING, "{end:?}");
    }
    assert_eq!(stream("{stream: {done: true, chunks: 1}}", &event, "data: [DONE]"), NOTHING);
}

#[test]
fn what_a_body_is_goes_by_its_type_unless_the_bytes_say_otherwise() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    assert_eq!(unmet("{stream: true, text: a}", 200, STREAM, events), NOTHING);
    assert_eq!(unmet("{stream: true, text: a}", 200, "application/json", events), ["rule event-type"]);
    assert_eq!(unmet("{error: {message: busy}}", 503, STREAM, "{\"error\": \"busy\"}"), NOTHING);
    assert_eq!(
        unmet("{error: {message: busy}}", 500, "application/json", "data: {\"error\": \"busy\"}\n\n"),
        ["rule event-type"]
    );
    assert_eq!(unmet("{stream: true}", 200, STREAM, "{\"choices\": []}"), ["stream"]);
    let lines = "{\"a\": 1}\n\n{\"a\": 2}";
    assert_eq!(unmet("{json: {'$[*].a': {gt: 0}, '$[1].a': 2}}", 200, "application/x-ndjson", lines), NOTHING);
    assert_eq!(unmet("{json: {'$[0].a': 1}}", 200, "application/x-ndjson", "{\"a\": 1}\n{\"a"), ["rule event-json"]);
    let headers = HeaderMap::new();
    let observed = Observed::of(200, &headers, events.as_bytes(), at_once());
    assert_eq!(
        check(&expect("{stream: true, text: a}"), &Scope::new(), &Seen::new(observed), &Policy::default()).mismatches,
        []
    );
}

#[test]
fn a_reply_without_choices_has_neither_text_nor_tool_calls() {
    for body in [json!({}), json!({"choices": []}), json!({"choices": [{"index": 1, "text": "a"}]})] {
        assert_eq!(json_reply("{text: {not: {contains: b}}}", 200, body.clone()), ["text"]);
        assert_eq!(json_reply("{tool_calls: {count: 0}}", 200, body), ["tool_calls"]);
    }
}

#[test]
fn with_a_wrong_status_the_reason_is_told_and_nothing_else() {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let body = b"{\"error\": {\"message\": \"no such model\"}}";
    let observed = Observed::of(404, &headers, body, at_once());
    for yaml in ["{text: a, stream: true}", "{status: 200, json: {$.a: 1}}"] {
        let verdict = check(&expect(yaml), &Scope::new(), &Seen::new(observed.clone()), &Policy::default());
        assert_eq!(verdict.mismatches.len(), 1, "{yaml}");
        assert!(verdict.mismatches[0].actual.contains("no such model"), "{yaml}");
    }
}

#[test]
fn a_path_to_one_array_means_its_elements_for_any_and_all() {
    let body = json!({"data": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "none": []});
    let reply = |yaml: &str| json_reply(yaml, 200, body.clone());
    assert_eq!(reply("{json: {$.data: {any: {contains: {id: b}}, all: {contains: {}}}}}"), NOTHING);
    assert_eq!(reply("{json: {'$.data[*].n': {any: 2, all: {gt: 0}, count: 2}}}"), NOTHING);
    assert_eq!(reply("{json: {'$.data[*].n': {all: {gt: 1}}}}"), ["$.data[*].n"]);
    assert_eq!(reply("{json: {$.none: {all: {gt: 1}}}}"), ["$.none"]);
    assert_eq!(reply("{json: {$.none: {any: {gt: 1}}}}"), ["$.none"]);
    assert_eq!(reply("{json: {'$.data[*].n': {not: {any: 3}}, $.gone: {not: {exists: true}}}}"), NOTHING);
    assert_eq!(reply("{json: {'$.data[*].n': {not: {any: 2}}}}"), ["$.data[*].n"]);
    assert_eq!(reply("{json: {'$.data[*].n': {not: {count: 2}}}}"), ["$.data[*].n"]);
}

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
fn embeddings_are_vectors() {
    let body = json!({"data": [{"embedding": [1.0, 0.0]}, {"embedding": [0.0, 1.0]}]});
    assert_eq!(
        json_reply(
            "{embeddings: {count: 2, dimensions: 2, finite: true, encoding: float, differ: true, cosine: 0.0}}",
            200,
            body.clone()
        ),
        NOTHING
    );
    assert_eq!(
        json_reply("{embeddings: {count: 1, dimensions: 3, encoding: base64}}", 200, body.clone()),
        [
            "embeddings.count",
            "embeddings[0].dimensions",
            "embeddings[0].encoding",
            "embeddings[1].dimensions",
            "embeddings[1].encoding"
        ]
    );
    assert_eq!(
        json_reply("{embeddings: {differs_from: '${v}', cosine: 1.0, cosine_with: '${v}'}}", 200, body),
        ["embeddings.differs_from"]
    );
    assert_eq!(
        json_reply("{embeddings: {differ: true}}", 200, json!({"data": [{"embedding": [1.0]}]})),
        ["embeddings.differ"]
    );
    let both = json!({"data": [{"embedding": [0.1, 0.0]}, {"embedding": "zczMPQAAAAA="}]});
    assert_eq!(json_reply("{embeddings: {differ: true}}", 200, both.clone()), ["embeddings.differ"]);
    assert_eq!(json_reply("{embeddings: {differ: false, cosine: {ge: 0.99}}}", 200, both.clone()), NOTHING);
    assert_eq!(json_reply("{embeddings: {finite: false}}", 200, both), ["embeddings.finite"]);
    let uneven = json!({"data": [{"embedding": [1.0]}, {"embedding": [1.0, 0.0]}]});
    assert_eq!(json_reply("{embeddings: {cosine: {not: {gt: 0.9}}}}", 200, uneven), ["embeddings.cosine"]);
    assert_eq!(json_reply("{embeddings: {count: 0}}", 200, json!({"data": []})), NOTHING);
    assert_eq!(json_reply("{embeddings: {count: 0, differs_from: '${v}'}}", 200, json!({"data": []})), ["embeddings"]);
    assert_eq!(json_reply("{embeddings: {count: 1}}", 200, json!({"data": [{"embedding": [[0.1]]}]})), ["embeddings"]);
    let same = json!({"data": [{"embedding": [0.0, 0.0]}, {"embedding": [0.0, 0.0]}]});
    assert_eq!(
        json_reply("{embeddings: {finite: true, differ: true}}", 200, same),
        ["embeddings[0]", "embeddings[1]", "embeddings.differ"]
    );
    assert_eq!(json_reply("{embeddings: {finite: true}}", 200, json!({"data": []})), ["embeddings"]);
    assert_eq!(json_reply("{embeddings: {}}", 200, chat("a")), ["embeddings"]);
}

#[test]
fn errors_come_in_several_shapes() {
    let expect = "{error: {message: {contains: bad}}}";
    for body in [
        json!({"error": {"message": "bad"}}),
        json!({"error": "bad"}),
        json!({"detail": "bad"}),
        json!({"detail": [{"loc": ["body"], "msg": "bad"}]}),
        json!({"error": {"detail": {"errors": [{"msg": "bad"}]}}}),
        json!({"object": "error", "message": "bad", "code": 404}),
        json!({"type": "error", "error": {"type": "x", "message": "bad"}}),
        json!({"statusCode": 401, "message": "bad"}),
    ] {
        assert_eq!(json_reply(expect, 400, body.clone()), NOTHING, "{body}");
    }
    assert_eq!(json_reply("{error: true}", 400, json!({"ok": true})), ["error"]);
    assert_eq!(json_reply("{error: {code: {exists: false}, param: null}}", 400, json!({"error": "bad"})), NOTHING);
    assert_eq!(json_reply("{error: {code: {exists: true}}}", 400, json!({"error": "bad"})), ["error.code"]);
    assert_eq!(json_reply("{error: {code: 400}}", 400, json!({"error": {"code": 400}})), NOTHING);
    assert_eq!(unmet(expect, 500, "text/plain", "bad thing"), NOTHING);
    assert_eq!(unmet("{error: true}", 500, "text/plain", ""), ["error"]);
    assert_eq!(
        json_reply(
            "{error: {code: c, type: t, param: p}}",
            400,
            json!({"error": {"code": "c", "type": "t", "param": "p"}})
        ),
        NOTHING
    );
    assert_eq!(json_reply("{error: {code: c}}", 400, json!({"error": {"code": null}})), ["error.code"]);
}

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(
        pieces in prop::collection::vec(prop_oneof![
            Just(b"data: ".to_vec()), Just(b"{\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}".to_vec()),
            Just(b"{\"error\":".to_vec()), Just(b"{\"data\":[{\"embedding\":\"AAAA\"}]}".to_vec()), Just(b"[DONE]".to_vec()),
            Just(b"\n\n".to_vec()), Just(b"\r".to_vec()), prop::collection::vec(any::<u8>(), 0..9),
        ], 0..12),
        kind in prop::sample::select(vec![None, Some(STREAM), Some("application/json"), Some("application/x-ndjson"), Some("é")]),
        status in 0u16..700,
    ) {
        let body = pieces.concat();
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert("content-type", HeaderValue::from_bytes(kind.as_bytes()).unwrap());
        }
        let observed = Observed::of(status, &headers, &body, at_once());
        let seen = Seen::new(observed);
        for yaml in [
            "{status: {ge: 0}, text: {not: {contains: x}}, json: {'$..*': {all: {type: string}}}, tool_calls: {calls: [{name: f}]}}",
            "{status: {ge: 0}, embeddings: {count: 1, finite: true, differ: true, cosine: {gt: 0}, differs_from: '${v}'}, stream: {choices: {length: 1}}}",
            "{status: {ge: 0}, error: {message: {contains: x}, code: null}}",
        ] {
            let _ = check(&expect(yaml), &Scope::new(), &seen, &Policy::default());
        }
        for from in [CaptureFrom::Text, CaptureFrom::ToolCalls, CaptureFrom::Header("content-type".into())] {
            let _ = seen.capture(&from);
        }
    }

    #[test]
    fn any_reply_gets_a_verdict(body in ".*", is_stream: bool, status in 100u16..600) {
        let kind = if is_stream { STREAM } else { "application/json" };
        let all = "{text: a, json: {$.a: 1}, stream: true, tool_calls: {count: 1}, embeddings: {count: 1}, error: {message: x}}";
        prop_assert!(!unmet(all, status, kind, &body).is_empty());
    }
}

#[test]
fn times_are_checked_by_the_clock_they_come_from() {
    let headers = HeaderMap::new();
    let said = |yaml: &str, milliseconds: &[u64], clock: Clock| {
        let chunks = milliseconds.iter().map(|time| Duration::from_millis(*time)).collect();
        let timing = Timing { chunks, clock };
        let observed = Observed::of(200, &headers, b"{}", timing);
        let verdict = check(&expect(yaml), &Scope::new(), &Seen::new(observed), &Policy::default());
        let lines =
            verdict.mismatches.iter().map(|unmet| format!("{}: {}, not {}", unmet.path, unmet.expected, unmet.actual));
        lines.collect::<Vec<_>>().join("\n")
    };
    let all = "{time: {first_byte: 500ms, gap: 1s, whole: 2s}}";
    assert_eq!(said(all, &[500, 1500, 2000], Clock::Measured), "");
    assert_eq!(said(all, &[10], Clock::Recorded), "", "one chunk has no gap");
    insta::assert_snapshot!(said(all, &[501, 1502, 2001], Clock::Recorded), @"
    time.first_byte: at most 500ms, not 501ms (as recorded)
    time.gap: at most 1s, not 1.001s (as recorded)
    time.whole: at most 2s, not 2.001s (as recorded)
    ");
    insta::assert_snapshot!(said(all, &[501], Clock::Replayed(2.5)), @"time.first_byte: at most 500ms, not 501ms (replayed at 2.5 times the recorded pace)");
    insta::assert_snapshot!(said(all, &[], Clock::Recorded), @"
    time.first_byte: at most 500ms, not the recording says no times: record it anew
    time.gap: at most 1s, not the recording says no times: record it anew
    time.whole: at most 2s, not the recording says no times: record it anew
    ");
    insta::assert_snapshot!(said("{time: {whole: 1m}}", &[], Clock::Measured), @"time.whole: at most 60s, not no body at all");
}

/// How expected and actual differ, where that is told line by line.
fn difference(yaml: &str, body: &Value) -> Option<String> {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = body.to_string();
    let observed = Observed::of(200, &headers, body.as_bytes(), at_once());
    let verdict = check(&expect(yaml), &Scope::new(), &Seen::new(observed), &Policy::default());
    let texts = verdict.mismatches.into_iter().next().expect("it does not hold").texts?;
    let diff = crate::diff::Diff::of(&texts.expected, &texts.actual)?;
    Some(diff.shown(crate::diff::Extent::Changes).iter().map(|line| line.text() + "\n").collect())
}

#[test]
fn what_is_long_is_compared_line_by_line_and_what_is_short_is_not() {
    let short = difference("{json: {$.a: {equals: [1, 2]}}}", &json!({"a": [1, 3]}));
    assert_eq!((short, difference("{json: {$.a: {equals: b}}}", &json!({"a": "c"}))), (None, None));
    let kinds = difference(
        "{json: {$.a: {equals: 1}}}",
        &json!({"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]}),
    );
    assert_eq!(kinds, None, "there is nothing to compare");
    let lines = difference("{text: {equals: \"one\\ntwo\\nthree\"}}", &chat("one\n2\nthree")).unwrap();
    assert_eq!(lines, "  one\n- two\n+ 2\n  three\n");
}

#[test]
fn objects_are_compared_as_what_they_mean() {
    let wanted = "{json: {$.a: {fold: true, equals: {name: get_weather, version: 1, arguments: {city: Rome, unit: C}, list: [{x: 1, y: 2}]}}}}";
    let actual = json!({"a": {
        "list": [{"y": 2, "x": 1.0}, {"x": 3}], "version": 1.0,
        "arguments": {"unit": "F", "city": "ROME", "days": 3}, "name": "get_weather",
    }});
    insta::assert_snapshot!(difference(wanted, &actual).unwrap(), @r#"
      ... 3 equal lines
        "arguments": {
          "city": "Rome",
    -     "unit": "C"
    +     "unit": "F",
    +     "days": 3
        },
        "list": [
          {
            "x": 1,
            "y": 2
    +     },
    +     {
    +       "x": 3
          }
        ]
      }
    "#);
}
