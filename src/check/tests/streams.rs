//! Streams.

use super::*;

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
