//! Small files as other tools write them.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::exchange::Rules;
use crate::exchange::{End, ReadError, RecordedRequest, Recording, key, read, read_request};

const CHAT: &str = "openai.types.chat.chat_completion.ChatCompletion";
const CHUNK: &str = "openai.types.chat.chat_completion_chunk.ChatCompletionChunk";

/// A recording of an SDK's call.
fn call(endpoint: &str, kwargs: &str, response: &str) -> String {
    format!(
        r#"{{"test_id": "tests/test_a.py::test_b", "request": {{"method": "POST", "url": "https://x.ai/v1{endpoint}",
        "headers": {{}}, "body": {kwargs}, "endpoint": "{endpoint}", "model": "m"}},
        "response": {response}, "id_normalization_mapping": {{}}}}"#
    )
}

/// A recording of plain HTTP.
fn plain(method: &str, url: &str, payload: &str, response: &str) -> String {
    format!(
        r#"{{"request": {{"test_id": "t.py::a", "url": "{url}", "method": "{method}", "payload": {payload}}},
        "response": {response}}}"#
    )
}

fn chat(response: &str) -> String {
    call("/v1/chat/completions", r#"{"model": "m", "messages": []}"#, response)
}

/// Reads a file in both ways, and checks that they agree.
fn both(text: &str) -> Result<(Recording, RecordedRequest), ReadError> {
    let (recording, asked) = match (read(text), read_request(text)) {
        (Ok(recording), Ok(asked)) => (recording, asked),
        (Err(error), Ok(_)) => return Err(error),
        (Err(error), Err(other)) => {
            assert_eq!(error, other);
            return Err(error);
        }
        (Ok(_), Err(error)) => panic!("only the request cannot be read: {error}\n{text}"),
    };
    let of = |request| key(request, "https://x.ai/v1", &Rules::default());
    assert_eq!(of(&recording.exchange.request), of(&asked.request), "{text}");
    assert_eq!(recording.exchange.request.endpoint, asked.request.endpoint);
    assert_eq!(recording.exchange.request.body, asked.request.body);
    assert_eq!((&recording.exchange.url, &recording.owners), (&asked.url, &asked.owners));
    assert_eq!((recording.exchange.origin, recording.expected), (asked.origin, asked.expected));
    Ok((recording, asked))
}

fn recording(text: &str) -> Recording {
    let (recording, asked) = both(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(asked.is_foreign && recording.expected && !recording.is_edited());
    assert!(recording.owners.cases().eq(["t.py::a"]) || recording.owners.cases().eq(["tests/test_a.py::test_b"]));
    recording
}

/// The request and the reply in a few lines.
fn shown(text: &str) -> String {
    let exchange = recording(text).exchange;
    let (request, reply) = (&exchange.request, &exchange.reply);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut out = format!("{} {} {}\n", request.method, request.endpoint, text(&request.body));
    let kind = reply.headers.first().map_or("", |(_, value)| value);
    let _ = write!(out, "{} {kind} {:?}", reply.status, text(&reply.body));
    if let End::Broken(how) = &reply.end {
        let _ = write!(out, " broken: {how}");
    }
    let sum: usize = reply.chunks.iter().map(|chunk| chunk.size).sum();
    assert_eq!(sum, reply.body.len());
    out
}

fn all_shown(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().map(|text| shown(&text)).collect::<Vec<_>>().join("\n")
}

fn envelope(type_name: &str, data: &str) -> String {
    format!(r#"{{"__type__": "{type_name}", "__data__": {data}}}"#)
}

fn whole(body: &str) -> String {
    format!(r#"{{"body": {body}, "is_streaming": false}}"#)
}

#[test]
fn a_call_gives_what_went_over_the_wire() {
    let answer = whole(&envelope(CHAT, r#"{"id": "a", "n": 9314001608812126000}"#));
    let of = |kwargs: &str| call("/v1/completions", kwargs, &answer);
    let all = [
        of(r#"{"model": "m", "prompt": "p", "extra_body": {}}"#),
        of(r#"{"model": "m", "prompt": "p", "timeout": 3, "extra_headers": {"a": "b"}, "extra_query": null}"#),
        of(r#"{"model": "m", "n": 1, "prompt": "p", "extra_body": {"top_k": 1E5, "n": [2, "\u00e9"]}}"#),
        of(r#"{"model": "m", "extra_query": {"a b": "x&y", "l": [1, true], "d": {"e": 1.5}, "none": null, "": ""}}"#),
    ];
    insta::assert_snapshot!(all_shown(all), @r#"
    POST /v1/completions {"model":"m","prompt":"p"}
    200 application/json "{\"id\":\"a\",\"n\":9314001608812126000}"
    POST /v1/completions {"model":"m","prompt":"p"}
    200 application/json "{\"id\":\"a\",\"n\":9314001608812126000}"
    POST /v1/completions {"model":"m","n":[2,"\u00e9"],"prompt":"p","top_k":1E5}
    200 application/json "{\"id\":\"a\",\"n\":9314001608812126000}"
    POST /v1/completions?a+b=x%26y&l%5B%5D=1&l%5B%5D=true&d%5Be%5D=1.5 {"model":"m"}
    200 application/json "{\"id\":\"a\",\"n\":9314001608812126000}"
    "#);
}

#[test]
fn an_empty_extra_body_is_none() {
    let of = |kwargs: &str| {
        let text = call("/v1/completions", kwargs, &whole(&envelope(CHAT, "{}")));
        key(&recording(&text).exchange.request, "https://x.ai/v1", &Rules::default())
    };
    assert_eq!(of(r#"{"model": "m", "extra_body": {}}"#), of(r#"{"model": "m"}"#));
    assert_eq!(of(r#"{"model": "m", "extra_body": {"n": 2}}"#), of(r#"{"model": "m", "n": 2}"#));
    assert_ne!(of(r#"{"model": "m", "extra_body": {"n": 2}}"#), of(r#"{"model": "m"}"#));
}

#[test]
fn what_stands_before_an_endpoint_is_no_part_of_it() {
    for (recorded, endpoint) in [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/openai/v1/chat/completions", "/v1/chat/completions"),
        ("/openai/v1/embeddings", "/v1/embeddings"),
        ("/v1/v1/rerank", "/v1/rerank"),
        ("/v1/openai", "/v1/openai"),
        ("/v1beta/openai/chat/completions", "/v1beta/openai/chat/completions"),
        ("/api/chat", "/api/chat"),
    ] {
        let text = call(recorded, "{}", &whole(&envelope(CHAT, "{}")));
        assert_eq!(recording(&text).exchange.request.endpoint, endpoint);
    }
}

#[test]
fn streams_are_framed_as_their_api_does() {
    let chunks = |name: &str| format!("[{}, {}]", envelope(name, r#"{"a": 1}"#), envelope(name, r#"{"b": 2}"#));
    let stream = |body: &str| format!(r#"{{"body": {body}, "is_streaming": true}}"#);
    let all = [
        chat(&stream(&chunks(CHUNK))),
        call("/api/chat", r#"{"model": "m"}"#, &stream(&chunks("ollama._types.ChatResponse"))),
        call("/api/generate", r#"{"model": "m"}"#, &stream("[]")),
        chat(&stream("[]")),
    ];
    insta::assert_snapshot!(all_shown(all), @r#"
    POST /v1/chat/completions {"model":"m","messages":[]}
    200 text/event-stream "data: {\"a\":1}\n\ndata: {\"b\":2}\n\ndata: [DONE]\n\n"
    POST /api/chat {"model":"m"}
    200 application/x-ndjson "{\"a\":1}\n{\"b\":2}\n"
    POST /api/generate {"model":"m"}
    200 application/x-ndjson ""
    POST /v1/chat/completions {"model":"m","messages":[]}
    200 text/event-stream "data: [DONE]\n\n"
    "#);
    let wrong = both(&chat(&stream("{}"))).unwrap_err().to_string();
    assert!(wrong.ends_with("the body of a streamed response is a list with one item a chunk"), "{wrong}");
}

#[test]
fn lists_answer_a_get() {
    let models = format!(
        "[{}, {}]",
        envelope("openai.types.model.Model", r#"{"id": "a"}"#),
        envelope("openai.types.model.Model", r#"{"id": "b"}"#)
    );
    let tags = envelope("ollama._types.ListResponse", r#"{"models": []}"#);
    let all = [
        call("/v1/models", "{}", &whole(&models)),
        call("/v1/openai/v1/models", r#"{"extra_query": {"limit": 2}}"#, &whole("[]")),
        call("/v1/models", "{}", &whole(&envelope("x", r#"{"object": "list", "data": []}"#))),
        call("/v1/models", "{}", &whole(&models)).replace("\"POST\"", "\"GET\""),
        call("/api/tags", "{}", &whole(&tags)),
        call("/api/ps", "{}", &whole(&tags)),
        call("/v1/rerank", "{}", &whole(&models)),
    ];
    insta::assert_snapshot!(all_shown(all), @r#"
    GET /v1/models 
    200 application/json "{\"object\":\"list\",\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}"
    GET /v1/models?limit=2 
    200 application/json "{\"object\":\"list\",\"data\":[]}"
    GET /v1/models 
    200 application/json "{\"object\":\"list\",\"data\":[]}"
    GET /v1/models 
    200 application/json "[{\"id\":\"a\"},{\"id\":\"b\"}]"
    GET /api/tags 
    200 application/json "{\"models\":[]}"
    GET /api/ps 
    200 application/json "{\"models\":[]}"
    POST /v1/rerank {}
    200 application/json "[{\"id\":\"a\"},{\"id\":\"b\"}]"
    "#);
}

#[test]
fn an_exception_is_the_error_that_raised_it() {
    let of = |data: &str, message: &str| {
        chat(&format!(
            r#"{{"body": null, "is_streaming": false, "is_exception": true, "exception_data": {data},
            "exception_message": {message}}}"#
        ))
    };
    let inner = r#"{"message": "no such model", "type": "invalid_request_error", "param": null, "code": 404}"#;
    let all = [
        of(&format!(r#"{{"status_code": 404, "type": "NotFoundError", "body": {inner}}}"#), "\"m\""),
        of(&format!(r#"{{"status": "429", "body": {{"error": {inner}}}}}"#), "\"m\""),
        of(r#"{"status_code": 400, "body": {"object": "error", "message": "of vLLM"}}"#, "\"m\""),
        of(r#"{"status_code": 502, "body": "<html>"}"#, "\"m\""),
        of(r#"{"status_code": 503, "body": "{\"detail\": 1}"}"#, "\"m\""),
        of(r#"{"type": "openai.BadRequestError", "category": "provider_sdk"}"#, "\"wrong\""),
        of(r#"{"type": "RateLimitError", "message": "slow down"}"#, "null"),
        of("null", "\"Error code: 422 - {'a': 1}\""),
        of(r#"{"type": "ValueError", "status_code": 200}"#, "\"odd\""),
        of("{}", "null"),
        of(r#"{"type": "APIConnectionError"}"#, "\"Connection error.\""),
        of(r#"{"type": "openai.APITimeoutError"}"#, "\"Request timed out.\""),
        of("null", "\"at /api\"").replace("/v1/chat/completions", "/api/chat"),
    ];
    insta::assert_snapshot!(all_shown(all), @r#"
    POST /v1/chat/completions {"model":"m","messages":[]}
    404 application/json "{\"error\":{\"message\":\"no such model\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":404}}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    429 application/json "{\"error\":{\"message\":\"no such model\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":404}}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    400 application/json "{\"object\":\"error\",\"message\":\"of vLLM\"}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    502 text/plain; charset=utf-8 "<html>"
    POST /v1/chat/completions {"model":"m","messages":[]}
    503 application/json "{\"detail\": 1}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    400 application/json "{\"error\":{\"message\":\"wrong\",\"type\":\"BadRequestError\"}}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    429 application/json "{\"error\":{\"message\":\"slow down\",\"type\":\"RateLimitError\"}}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    422 application/json "{\"error\":{\"message\":\"Error code: 422 - {'a': 1}\",\"type\":\"invalid_request_error\"}}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    500 application/json "{\"error\":{\"message\":\"odd\",\"type\":\"ValueError\"}}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    500 application/json "{\"error\":{\"message\":\"the call failed when it was recorded\",\"type\":\"server_error\"}}"
    POST /v1/chat/completions {"model":"m","messages":[]}
    502  "" broken: Connection error.
    POST /v1/chat/completions {"model":"m","messages":[]}
    502  "" broken: Request timed out.
    POST /api/chat {"model":"m","messages":[]}
    500 application/json "{\"error\":\"at /api\"}"
    "#);
}

#[test]
fn an_exception_is_never_a_success() {
    for data in ["null", "{}", "{\"status_code\": 200}", "{\"status_code\": 99999}", "{\"type\": \"X\", \"body\": {}}"]
    {
        for class in ["", "\"APITimeoutError\"", "5"] {
            let data = if class.is_empty() { data.to_owned() } else { format!("{{\"type\": {class}}}") };
            for streaming in [true, false] {
                let response = format!(
                    r#"{{"body": {{}}, "is_streaming": {streaming}, "is_exception": true, "exception_data": {data}}}"#
                );
                let reply = recording(&chat(&response)).exchange.reply;
                assert!(reply.status >= 400 && (!reply.body.is_empty() || reply.end != End::Complete), "{response}");
            }
        }
    }
    let empty = both(&chat(&whole("null"))).unwrap_err().to_string();
    assert!(empty.ends_with("record the exchange anew"), "{empty}");
}

#[test]
fn an_exception_in_a_stream_breaks_it_after_its_chunks() {
    let broken = |body: &str, rest: &str| {
        format!(r#"{{"body": {body}, "is_streaming": true, "is_exception": true, "exception_message": "lost"{rest}}}"#)
    };
    let chunk = envelope(CHUNK, r#"{"a": 1}"#);
    let all = [
        chat(&broken(&format!("[{chunk}]"), "")),
        chat(&broken("[]", r#", "exception_data": {"type": "APIConnectionError"}"#)),
        plain("POST", "https://x.ai/v1/x", "{}", &broken(r#"["data: 1"]"#, "")),
    ];
    insta::assert_snapshot!(all_shown(all), @r#"
    POST /v1/chat/completions {"model":"m","messages":[]}
    200 text/event-stream "data: {\"a\":1}\n\n" broken: lost
    POST /v1/chat/completions {"model":"m","messages":[]}
    502  "" broken: lost
    POST /v1/x {}
    200 text/event-stream "data: 1\n\n" broken: lost
    "#);
}

#[test]
fn plain_http_is_what_it_was() {
    let stream = |lines: &str| format!(r#"{{"body": {lines}, "is_streaming": true}}"#);
    let url = "https://api.x.ai/openai/v1/rerank?a=1#top";
    let all = [
        plain(
            "POST",
            url,
            r#"{"query": "q", "extra_body": {"a": 1}, "timeout": 3}"#,
            r#"{"status": 201, "body": {"a": 1E5}}"#,
        ),
        plain("GET", "http://127.0.0.1:11434/api/tags", "null", r#"{"body": [{"__data": 1}], "is_streaming": false}"#),
        plain("GET", "http://127.0.0.1:11434", "{}", r#"{"status": 404, "body": "404 page not found"}"#),
        plain("DELETE", "https://x.ai/v1/files/a", "null", r#"{"status": 204, "body": null}"#),
        plain(
            "POST",
            "https://x.ai/v1/x",
            "{}",
            &stream(r#"["event: a", "data: {\"b\": 1}", "", ": ping", "", "data: [DONE]", ""]"#),
        ),
        plain(
            "POST",
            "https://x.ai/v1/x",
            "{}",
            &stream(r#"["event: a", "data: 1", "data: 2\n", "data: [DONE]", ": end"]"#),
        ),
        plain("POST", "https://x.ai/v1/x", "{}", &stream(r#"["{\"a\": 1}", "{\"b\": 2}\r\n"]"#)),
        plain("POST", "https://x.ai/v1/x", "{}", &stream(r#""data: 1\n\ndata: 2\n\n""#)),
    ];
    insta::assert_snapshot!(all_shown(all), @r#"
    POST /v1/rerank?a=1 {"query":"q","extra_body":{"a":1},"timeout":3}
    201 application/json "{\"a\":1E5}"
    GET /api/tags 
    200 application/json "[{\"__data\":1}]"
    GET / 
    404 text/plain; charset=utf-8 "404 page not found"
    DELETE /v1/files/a 
    204  ""
    POST /v1/x {}
    200 text/event-stream "event: a\ndata: {\"b\": 1}\n\n: ping\n\ndata: [DONE]\n\n"
    POST /v1/x {}
    200 text/event-stream "event: a\ndata: 1\n\ndata: 2\n\ndata: [DONE]\n\n: end\n\n"
    POST /v1/x {}
    200 application/x-ndjson "{\"a\": 1}\n{\"b\": 2}\n"
    POST /v1/x {}
    200 text/event-stream "data: 1\n\ndata: 2\n\n"
    "#);
}

#[test]
fn ids_are_as_the_player_of_the_tool_has_them() {
    let text = call(
        "/v1/chat/completions",
        r#"{"model": "m", "tool_call_id": "call_xyz"}"#,
        &whole(&envelope(CHAT, r#"{"id": "chatcmpl-9", "call": "call_xyz"}"#)),
    );
    let text = text.replace(
        "\"id_normalization_mapping\": {}",
        "\"id_normalization_mapping\": {\"rec-1\": \"chatcmpl-9\", \"call_1\": \"call_xyz\", \"x\": \"\"}",
    );
    insta::assert_snapshot!(shown(&text), @r#"
    POST /v1/chat/completions {"model":"m","tool_call_id":"call_1"}
    200 application/json "{\"id\":\"rec-1\",\"call\":\"call_1\"}"
    "#);
    let again = crate::exchange::write(&recording(&text));
    assert!(again.contains("\"id\": \"rec-1\"") && !again.contains("mapping"), "{again}");
    let endless = text.replace("\"x\": \"\"", &format!("\"{}\": \"e\"", "e".repeat(100)));
    assert!(both(&endless).unwrap_err().to_string().contains("many times as long"));
}

#[test]
fn what_is_beside_is_kept_when_it_is_written_again() {
    let text = chat(&whole(&envelope(CHAT, "{}"))).replacen(
        "\"headers\": {}",
        "\"headers\": {}, \"provider_metadata\": {\"a\": 1}",
        1,
    );
    let again = crate::exchange::write(&recording(&text));
    assert!(again.contains("\"provider_metadata\": {") && again.contains("\"test_id\": \"tests/"), "{again}");
    assert!(!again.contains("id_normalization_mapping"), "{again}");
    assert_eq!(read(&again).unwrap().exchange.reply, recording(&text).exchange.reply);
    assert!(!read_request(&again).unwrap().is_foreign);
}

#[test]
fn other_files_are_called_by_their_names() {
    let tool = r#"{"request": {"provider": "tavily", "tool_name": "search", "kwargs": {}}, "response": {"body": {}}}"#;
    let files = r#"{"request": {"file_processor": "pypdf", "filename": "a"}, "response": {"body": {}}}"#;
    let vertex = call("/v1/x", "{}", "{}").replace("https://", "vertexai://");
    let all = [
        tool,
        files,
        &vertex,
        &vertex.replace("vertexai", "bedrock"),
        r#"{"version": 1, "interactions": []}"#,
        r#"{"http_interactions": [{}], "recorded_with": "VCR 6"}"#,
        "version: 1\ninteractions:\n- request: {}\n",
        r#"{"log": {"version": "1.2", "entries": []}}"#,
        r#"{"log": {"_recordingName": "a", "entries": []}}"#,
        r#"[{"scope": "https://x.ai:443", "method": "GET"}]"#,
        r#"{"mappings": []}"#,
        r#"{"request": {"method": "GET", "url": "/a"}, "response": {"status": 200, "body": "b"}}"#,
        r#"{"request": {"method": "GET", "urlPathPattern": "/a"}, "response": {"status": 200}}"#,
        r#"{"request": {"method": "ANY", "url": "a"}, "response": {"jsonBody": {}}}"#,
        r#"{"fixtures": [{"match": {}, "response": {}}]}"#,
        r#"[{"match": {}, "response": {}}]"#,
        r#"{"Entries": [], "Variables": {}}"#,
        r#"{"retake_index": 1}"#,
    ];
    let named = all.map(|text| match both(text).map(|_| ()).unwrap_err() {
        ReadError::OtherFile(other) => other.to_string(),
        ReadError::Broken(error) => panic!("{error}: {text}"),
    });
    insta::assert_snapshot!(named.join("\n"), @"
    this is a tool recording: it is not HTTP, and only HTTP is replayed
    this is a file processor recording: it is not HTTP, and only HTTP is replayed
    this is a Vertex AI recording: it is not HTTP, and only HTTP is replayed
    this is a Python SDK recording: it is not HTTP, and only HTTP is replayed
    this is a VCR cassette, which retake does not read
    this is a VCR cassette, which retake does not read
    this is a VCR cassette, which retake does not read
    this is a HAR file, which retake does not read
    this is a Polly.js recording, which retake does not read
    this is a nock recording, which retake does not read
    this is a WireMock mapping, which retake does not read
    this is a WireMock mapping, which retake does not read
    this is a WireMock mapping, which retake does not read
    this is a WireMock mapping, which retake does not read
    this is an aimock or llmposter fixture, which retake does not read
    this is an aimock or llmposter fixture, which retake does not read
    this is an Azure SDK recording, which retake does not read
    this is a retake index file, which retake does not read
    ");
}

#[test]
fn what_is_nothing_that_is_known_is_an_error() {
    let all = ["[]", "[1]", "{}", "{\"log\": {}}", "hello", "{\"request\": 1}", "{\"request\": {}, \"response\": {}}"]
        .map(|text| both(text).map(|_| ()).unwrap_err().to_string());
    insta::assert_snapshot!(all.join("\n"), @"
    line 1, column 1: a recording is a JSON object with `request` and `response`
    line 1, column 1: a recording is a JSON object with `request` and `response`
    line 1, column 1: a recording is a JSON object with `request` and `response`; this one has no `request`
    line 1, column 1: a recording is a JSON object with `request` and `response`; this one has no `request`
    line 1, column 1: a recording is a JSON object with `request` and `response`
    line 1, column 13: invalid type: integer `1`, expected an object
    line 1, column 13: missing field `url`
    ");
}

proptest! {
    #[test]
    fn no_file_makes_reading_panic(at in 0..600_usize, with in "[\\[\\]{}\",:0-9a-z/]{0,3}", which in 0..4_usize) {
        let files = [
            chat(&whole(&envelope(CHAT, "{}"))),
            call("/v1/models", r#"{"extra_query": {"a": [1]}}"#, &whole("[]")),
            chat(r#"{"is_exception": true, "exception_data": {"status": 400, "body": {"message": "m"}}}"#),
            plain("POST", "https://x.ai/v1/x", "{}", r#"{"body": ["data: 1", ""], "is_streaming": true}"#),
        ];
        let good = &files[which];
        let at = at.min(good.len());
        let _ = both(&format!("{}{with}{}", &good[..at], &good[(at + with.len()).min(good.len())..]));
    }
}
