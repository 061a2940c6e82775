//! Each rule, with replies that break it and nothing else, and good ones that break none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::wire::read;

const CHAT: &str = "/v1/chat/completions";
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// The ids of the rules that a reply breaks.
fn broken(asked: &Asked, status: u16, content_type: &str, body: &str) -> Vec<&'static str> {
    let reading = read(content_type, body.as_bytes());
    let found = judge(asked, &Reply { status, content_type, reading: &reading });
    let mut ids: Vec<&str> = found.iter().map(|finding| finding.rule.id).collect();
    ids.dedup();
    ids
}

fn asked(path: &str, body: &Value) -> Asked {
    Asked::new("POST", path, body.to_string().as_bytes())
}

fn streamed() -> Asked {
    asked(CHAT, &json!({"model": "m", "stream": true}))
}

/// An event of a chat with this choice.
fn event(choice: &Value) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})
}

fn delta(delta: &Value) -> Value {
    event(&json!({"index": 0, "delta": delta, "finish_reason": null}))
}

fn finish(reason: &str) -> Value {
    event(&json!({"index": 0, "delta": {}, "finish_reason": reason}))
}

fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// What a stream of these events breaks, with `[DONE]` at its end.
fn stream(events: &[Value]) -> Vec<&'static str> {
    broken(&streamed(), 200, EVENTS, &format!("{}data: [DONE]\n\n", sse(events)))
}

/// What a whole chat breaks, with `change` in the place of its members.
fn whole(change: &Value) -> Vec<&'static str> {
    let mut reply = json!({
        "id": "c1", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Sol"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    });
    for (name, value) in change.as_object().unwrap() {
        reply[name] = value.clone();
    }
    broken(&asked(CHAT, &json!({"model": "m"})), 200, JSON, &reply.to_string())
}

/// A stream with these pieces of tool calls.
fn tools(pieces: &[Value]) -> Vec<&'static str> {
    let mut events: Vec<Value> = pieces.iter().map(|piece| delta(&json!({"tool_calls": [piece]}))).collect();
    events.push(finish("tool_calls"));
    stream(&events)
}

fn piece(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn embeddings(indexes: &[Value], lengths: &[usize], total: u64) -> Vec<&'static str> {
    let data =
        indexes.iter().zip(lengths).map(|(index, length)| json!({"index": index, "embedding": vec![0.5; *length]}));
    let reply = json!({"data": data.collect::<Vec<_>>(), "usage": {"prompt_tokens": 3, "total_tokens": total}});
    broken(&asked("/v1/embeddings", &json!({"input": ["a", "b"]})), 200, JSON, &reply.to_string())
}

const NOTHING: [&str; 0] = [];

#[test]
fn good_replies_break_no_rule() {
    assert_eq!(whole(&json!({})), NOTHING);
    assert_eq!(whole(&json!({"error": false, "detail": "x", "model": "M"})), NOTHING);
    assert_eq!(
        stream(&[delta(&json!({"role": "assistant"})), delta(&json!({"content": "Sol"})), finish("stop")]),
        NOTHING
    );
    let usage = json!({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": {"total_tokens": 1}});
    assert_eq!(stream(&[delta(&json!({"content": "a"})), finish("stop"), usage]), NOTHING);
    let parallel =
        [piece(0, "a", "f", "{"), json!({"index": 0, "function": {"arguments": "}"}}), piece(1, "b", "f", "{}")];
    assert_eq!(tools(&parallel), NOTHING);
    let cut =
        json!([{"index": 0, "message": {"tool_calls": [piece(0, "a", "f", "{\"ci")]}, "finish_reason": "length"}]);
    assert_eq!(whole(&json!({"choices": cut})), NOTHING, "a limit of tokens cut the arguments");
    assert_eq!(embeddings(&[json!(0), json!(1)], &[3, 3], 3), NOTHING);
    let list = json!({"object": "list", "data": [{"id": "m"}]}).to_string();
    assert_eq!(broken(&Asked::new("GET", "/v1/models", b""), 200, JSON, &list), NOTHING);
    for error in [json!({"error": {"message": "no"}}), json!([{"error": {"message": "no"}}])] {
        assert_eq!(broken(&streamed(), 400, JSON, &error.to_string()), NOTHING);
    }
    let unknown = Asked::new("POST", "/v1/tools/x", b"{\"stream\": true}");
    assert_eq!(broken(&unknown, 200, "text/plain", "hello"), NOTHING, "no rule is known there");
}

#[test]
fn models_are_the_same_with_a_date_a_prefix_or_other_letters() {
    let other = |asked_model: &str, told: &str| {
        let reply = json!({"id": "c", "object": "chat.completion", "model": told, "usage": {"total_tokens": 1},
                           "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]});
        !broken(&asked(CHAT, &json!({"model": asked_model})), 200, JSON, &reply.to_string()).is_empty()
    };
    for (wanted, told) in
        [("gpt-4o", "gpt-4o-2024-08-06"), ("together/meta/Llama", "meta/llama"), ("claude-latest", "claude-4")]
    {
        assert!(!other(wanted, told), "{wanted} {told}");
    }
    for (wanted, told) in [("gpt-4o", "gpt-4o-mini"), ("gpt-4o", "gpt-4"), ("a/x", "a/y")] {
        assert!(other(wanted, told), "{wanted} {told}");
    }
}

/// For each rule, what breaks it, and what that breaks.
fn breaches() -> Vec<(&'static str, Vec<&'static str>)> {
    let text = |text: &str| delta(&json!({"content": text}));
    let ends = [text("a"), finish("stop")];
    let good = sse(&ends);
    let of_stream = |end: &str| broken(&streamed(), 200, EVENTS, &format!("{good}{end}"));
    let of_call = |call: &Value| {
        let message = json!({"message": {"tool_calls": [call]}, "index": 0, "finish_reason": "tool_calls"});
        whole(&json!({"choices": [message]}))
    };
    let both = json!([{"index": 0, "finish_reason": "tool_calls",
                       "message": {"tool_calls": [piece(0, "a", "f", "{}"), piece(1, "a", "f", "{}")]}}]);
    let responses = asked("/v1/responses", &json!({"stream": true}));
    let models = |list: &Value| broken(&Asked::new("GET", "/v1/models", b""), 200, JSON, &list.to_string());
    let whole_text = json!({"choices": []}).to_string();
    vec![
        ("body-json", broken(&asked(CHAT, &json!({})), 200, JSON, "busy")),
        ("body-type", broken(&Asked::new("GET", "/v1/models", b""), 200, "text/html", "{\"data\": []}")),
        ("error-in-success", whole(&json!({"error": {"message": "busy"}}))),
        ("event-after-done", of_stream("data: [DONE]\n\ndata: {\"choices\": []}\n\n")),
        ("event-form", of_stream("busy\n\ndata: [DONE]\n\n")),
        ("event-json", of_stream("data: {oops\n\ndata: [DONE]\n\n")),
        ("event-object", of_stream("data: \"[DONE]\"\n\n")),
        ("event-type", broken(&streamed(), 200, JSON, &format!("{good}data: [DONE]\n\n"))),
        ("stream-asked", broken(&asked(CHAT, &json!({})), 200, EVENTS, &format!("{good}data: [DONE]\n\n"))),
        ("stream-cut", of_stream("data: {\"cho")),
        ("stream-empty", broken(&streamed(), 200, EVENTS, "")),
        ("stream-end", broken(&responses, 200, EVENTS, "data: {\"type\": \"response.created\"}\n\n")),
        ("choices-empty", whole(&json!({"choices": []}))),
        ("choice-form", whole(&json!({"choices": [{"index": 0, "text": "Sol", "finish_reason": "stop"}]}))),
        ("finish-missing", stream(&[text("a")])),
        ("text-after-finish", stream(&[text("a"), finish("stop"), text("b")])),
        ("tool-call-index", tools(&[piece(1, "a", "f", "{}")])),
        ("tool-call-merged", tools(&[piece(0, "a", "f", "{}"), piece(0, "b", "f", "{}")])),
        ("tool-call-id", of_call(&piece(0, "", "f", "{}"))),
        ("tool-call-id-doubled", whole(&json!({"choices": both}))),
        ("tool-call-name", of_call(&piece(0, "a", "", "{}"))),
        ("tool-call-repeated", tools(&[piece(0, "a", "f", "{"), piece(0, "a", "f", "}")])),
        ("tool-call-arguments-text", of_call(&json!({"id": "a", "function": {"name": "f", "arguments": {}}}))),
        ("tool-call-arguments-object", of_call(&piece(0, "a", "f", "\"Paris\""))),
        ("done-missing", of_stream("")),
        ("done-repeated", of_stream("data: [DONE]\n\ndata: [DONE]\n\n")),
        ("finish-repeated", stream(&[text("a"), finish("stop"), finish("stop")])),
        ("finish-tool-calls", stream(&[delta(&json!({"tool_calls": [piece(0, "a", "f", "{}")]})), finish("stop")])),
        (
            "id-changes",
            stream(&[
                text("a"),
                json!({"id": "c2", "object": "chat.completion.chunk", "model": "m",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            ]),
        ),
        ("id-missing", whole(&json!({"id": ""}))),
        (
            "model-changes",
            stream(&[
                text("a"),
                json!({"id": "c1", "object": "chat.completion.chunk", "model": "n",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            ]),
        ),
        ("model-other", whole(&json!({"model": "n"}))),
        ("object", whole(&json!({"object": ""}))),
        ("usage-missing", whole(&json!({"usage": null}))),
        (
            "usage-repeated",
            stream(&[
                json!({"id": "c1", "object": "chat.completion.chunk", "model": "m", "usage": {"total_tokens": 1},
                   "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null}]}),
                json!({"id": "c1", "object": "chat.completion.chunk", "model": "m", "usage": {"total_tokens": 1},
                   "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            ]),
        ),
        ("usage-sum", whole(&json!({"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 9}}))),
        ("embeddings-count", embeddings(&[json!(0)], &[3], 3)),
        ("embeddings-index", embeddings(&[json!(null), json!(null)], &[3, 3], 3)),
        ("embeddings-index", embeddings(&[json!(0), json!(0)], &[3, 3], 3)),
        ("embeddings-length", embeddings(&[json!(0), json!(1)], &[3, 4], 3)),
        ("embeddings-order", embeddings(&[json!(1), json!(0)], &[3, 3], 3)),
        ("models-list", models(&json!([{"id": "m"}]))),
        ("models-list", models(&json!({"data": [{"name": "m"}]}))),
        ("stream-asked", broken(&streamed(), 200, JSON, &whole_text).into_iter().take(1).collect()),
    ]
}

#[test]
fn each_rule_is_broken_by_its_own_fault_alone() {
    for (id, found) in breaches() {
        assert_eq!(found, [id]);
    }
    let mut bytes = sse(&[delta(&json!({"content": "a"})), finish("stop")]).into_bytes();
    bytes.extend_from_slice(b"data: {\"x\": \"\xFF\"}\n\ndata: [DONE]\n\n");
    let reading = read(EVENTS, &bytes);
    let found = judge(&streamed(), &Reply { status: 200, content_type: EVENTS, reading: &reading });
    assert_eq!(found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), ["event-utf8"]);
}

#[test]
fn no_rule_is_without_a_reply_that_breaks_it() {
    let covered: BTreeSet<&str> = breaches().iter().map(|(id, _)| *id).chain(["event-utf8"]).collect();
    // What is about members, the tests of schemas and shapes break.
    let all: BTreeSet<&str> = RULES.iter().filter(|rule| !rule.is_about_members()).map(|rule| rule.id).collect();
    assert_eq!(covered, all);
}

#[test]
fn what_is_found_fails_is_told_or_is_known() {
    let asked = asked("/v1/embeddings", &json!({"model": "p/m", "input": "a"}));
    let found = || {
        ["body-json", "usage-missing"]
            .map(|id| Finding { rule: rule(id).unwrap(), member: None, actual: "none".into() })
            .to_vec()
    };
    let ids = |findings: &[Finding]| findings.iter().map(|finding| finding.rule.id).collect::<Vec<_>>();
    let weigh = |mode, known: &[Known], ignored: Option<&[&'static Rule]>| {
        let policy = Policy { mode, known: known.into() };
        let weighed = policy.weigh(found(), ignored, &asked);
        let known = weighed.known.iter().map(|(finding, reason)| (finding.rule.id, reason.clone())).collect::<Vec<_>>();
        (ids(&weighed.failing), ids(&weighed.told), known)
    };
    assert_eq!(weigh(Mode::Standard, &[], Some(&[])), (vec!["body-json"], vec!["usage-missing"], vec![]));
    assert_eq!(weigh(Mode::Strict, &[], Some(&[])), (vec!["body-json", "usage-missing"], vec![], vec![]));
    assert_eq!(weigh(Mode::Off, &[], Some(&[])), (vec![], vec![], vec![]));
    assert_eq!(weigh(Mode::Strict, &[], None), (vec![], vec![], vec![]));
    assert_eq!(weigh(Mode::Strict, &[], Some(&[rule("body-json").unwrap()])).0, ["usage-missing"]);
    let known = |models: &[&str], endpoints: &[&str]| Known {
        rule: rule("usage-missing").unwrap(),
        members: Vec::new(),
        reason: "why".into(),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        endpoints: endpoints.iter().map(|endpoint| (*endpoint).to_owned()).collect(),
    };
    let is_known = |known| weigh(Mode::Strict, &[known], Some(&[])).2 == [("usage-missing", "why".to_owned())];
    assert!(is_known(known(&[], &[])) && is_known(known(&["m"], &["/v1/embeddings"])));
    assert!(!is_known(known(&["n"], &[])) && !is_known(known(&[], &["/v1/models"])));
}

#[test]
fn a_rule_about_members_may_be_known_of_one_of_them() {
    let asked = asked("/v1/responses", &json!({"model": "m"}));
    let rule = rule("member-missing").unwrap();
    let found =
        ["created", "usage"].map(|name| Finding { rule, member: Some(name.into()), actual: name.into() }).to_vec();
    let known = Known {
        rule,
        members: vec!["usage".into()],
        reason: "why".into(),
        models: vec![],
        endpoints: vec!["/v1/responses".into()],
    };
    let weighed = Policy { mode: Mode::Standard, known: [known].into() }.weigh(found, Some(&[]), &asked);
    assert_eq!(weighed.failing.iter().map(|finding| finding.actual.as_str()).collect::<Vec<_>>(), ["created"]);
    assert_eq!(weighed.known.iter().map(|(finding, _)| finding.actual.as_str()).collect::<Vec<_>>(), ["usage"]);
    assert!(weighed.kept.is_empty(), "a run that does not look at members says nothing of them");
}
