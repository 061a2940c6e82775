//! What the provider of a reply reports: its model, its tokens, and what a gateway hides.

use super::*;
use crate::protocol::{Rule, rule};

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
