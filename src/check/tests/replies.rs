//! Replies as a whole: status, headers, body, errors, times.

use proptest::prelude::*;

use super::*;
use crate::suite::CaptureFrom;

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
fn a_body_that_is_no_json_is_a_violation_where_json_is_read() {
    assert_eq!(unmet("{text: {contains: a}}", 200, "text/plain", "oops"), ["body"]);
    assert_eq!(unmet("{json: {$.a: 1}}", 200, "application/json", "{"), ["body"]);
    assert_eq!(unmet("{status: 200}", 200, "text/plain", "ok"), NOTHING);
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
