//! Tests every rule with replies that break only this rule, and with good replies that break none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::wire::read;

#[path = "../../tests/corpus/dialects.rs"]
#[allow(dead_code, reason = "what a server means is for the SDKs")]
mod dialects;

use dialects::{Dialect, dialects};

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

/// The rules that a stream of these events breaks. `[DONE]` is added at its end.
fn stream(events: &[Value]) -> Vec<&'static str> {
    broken(&streamed(), 200, EVENTS, &format!("{}data: [DONE]\n\n", sse(events)))
}

/// The rules that a whole chat completion breaks if its members are replaced with those of `change`.
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

/// The rules that a stream with these pieces of tool calls breaks.
fn tools(pieces: &[Value]) -> Vec<&'static str> {
    let mut events: Vec<Value> =
        pieces.iter().map(|piece| delta(&json!({"role": "assistant", "tool_calls": [piece]}))).collect();
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
    assert_eq!(stream(&[delta(&json!({"role": "assistant", "content": "a"})), finish("stop"), usage]), NOTHING);
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
fn another_model_is_told_unless_it_is_an_alias() {
    let reply = json!({"id": "c", "object": "chat.completion", "model": "n", "usage": {"total_tokens": 1},
                       "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]});
    let found = |asked: &Asked| broken(asked, 200, JSON, &reply.to_string());
    let asked = asked(CHAT, &json!({"model": "p/m"}));
    assert_eq!(found(&asked), ["model-other"]);
    let aliases = [Alias { asked: "m".into(), told: vec!["n".into()] }];
    assert_eq!(found(&asked.known_as(&aliases.into())), NOTHING);
}

#[test]
fn each_reply_of_the_corpus_breaks_the_rules_that_it_is_there_for_and_no_other() {
    let mut others = Vec::new();
    for Dialect { name, method, path, body, breaks, content_type, reply, .. } in dialects() {
        let reading = read(&content_type, &reply);
        let asked = Asked::new(&method, &path, body.to_string().as_bytes());
        let found = judge(&asked, &Reply { status: 200, content_type: &content_type, reading: &reading });
        let mut ids: Vec<&str> = found.iter().map(|finding| finding.rule.id).collect();
        ids.dedup();
        if ids != breaks {
            others.push(format!("{name}: {}", ids.join(", ")));
        }
    }
    assert!(others.is_empty(), "\n{}", others.join("\n"));
}

#[test]
fn no_rule_is_without_a_reply_that_breaks_it_alone() {
    let alone = dialects().into_iter().filter(|dialect| dialect.breaks.len() == 1);
    let covered: BTreeSet<String> = alone.flat_map(|dialect| dialect.breaks).collect();
    // The tests of `members` and `shape` cover the rules about members.
    let all = RULES.iter().filter(|rule| !rule.is_about_members());
    let all: BTreeSet<String> = all.map(|rule| rule.id.to_owned()).collect();
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
        let policy = Policy { mode, known: known.into(), ..Policy::default() };
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
    let weighed = Policy { known: [known].into(), ..Policy::default() }.weigh(found, Some(&[]), &asked);
    assert_eq!(weighed.failing.iter().map(|finding| finding.actual.as_str()).collect::<Vec<_>>(), ["created"]);
    assert_eq!(weighed.known.iter().map(|(finding, _)| finding.actual.as_str()).collect::<Vec<_>>(), ["usage"]);
    assert!(weighed.kept.is_empty(), "a run that does not look at members says nothing of them");
}
