use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, Method};
use proptest::prelude::*;

use super::*;
use crate::exchange::{
    Auth, ChunkMark, End, Exchange, Key, Named, Origin, Owners, Repeats, Reply, Request, Rules, Times, key, write,
};

fn key_of(request: &Request) -> Key {
    key(request, "https://h.example/v1", &Rules::default())
}

fn by_order(times: Times) -> Owners {
    Owners::ByOrder { times, cases: BTreeSet::new() }
}

fn recording(endpoint: &str, content_type: &str, body: &[u8]) -> Recording {
    let request = Request {
        method: Method::POST,
        endpoint: endpoint.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"model\":\"m\",\"temperature\":1E5}"),
        auth: Auth::Provider,
        case: None,
    };
    let reply = Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: Bytes::copy_from_slice(body),
        large: None,
        chunks: vec![ChunkMark { size: body.len(), at_ms: 12 }],
        end: End::Complete,
    };
    let exchange = Exchange {
        request,
        url: format!("https://api.together.xyz/v1{endpoint}"),
        reply,
        recorded_at: Some("2026-11-21T07:00:00Z".to_owned()),
        origin: Origin::Real,
    };
    Recording::new(exchange, by_order(Times::Count(1)))
}

#[test]
fn a_stream_is_one_line_an_event() {
    let body = b"data: {\"id\":\"a\",\"n\":9314001608812126000}\n\ndata: {\"id\": \"a\", \"x\": 1.0}\n\n: ping\n\ndata: [DONE]\n\n";
    let text = write(&recording("/v1/chat/completions", "text/event-stream; charset=utf-8", body));
    insta::assert_snapshot!(text, @r#"
    {
      "request": {
        "method": "POST",
        "url": "https://api.together.xyz/v1/v1/chat/completions",
        "headers": {},
        "body": {
          "model": "m",
          "temperature": 1E5
        },
        "endpoint": "/v1/chat/completions",
        "model": "m"
      },
      "response": {
        "body": [
          {"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": {"id":"a","n":9314001608812126000}},
          {"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": {"id":"a","x":1.0}}
        ],
        "is_streaming": true
      },
      "retake": {
        "version": "1.1",
        "status": 200,
        "headers": {"content-type": "text/event-stream; charset=utf-8"},
        "recorded_at": "2026-11-21T07:00:00Z",
        "chunks": [[93, 12]],
        "segments": [
          {"count": 1},
          {"count": 1, "spaced": true},
          {"text": ": ping\n\ndata: [DONE]\n\n"}
        ],
        "end": "complete",
        "ended": "terminal",
        "digest": "sha256:e4cfb1ce8a02aad453674f2ebaf618ecaeb02f2f41e0cd5e2ad6b32f51c403e7",
        "origin": "real"
      }
    }
    "#);
    assert_eq!(read(&text).unwrap().exchange.reply.body, body[..]);
}

#[test]
fn a_whole_reply_keeps_its_bytes() {
    for body in [
        &b"{\"a\": 1E5, \"v\": [1, 2]}\n"[..],
        b"{\"a\":\n 1}",
        b"null",
        b"",
        b"Internal Server Error",
        b"\xff\x00",
        b"\"text\"",
    ] {
        let text = write(&recording("/v1/embeddings", "application/json", body));
        assert_eq!(read(&text).unwrap().exchange.reply.body, body, "{text}");
    }
}

#[test]
fn a_file_that_was_reformatted_gives_the_same_bytes() {
    let body = b"data: {\"id\":\"a\",\"v\":[1.0,{\"b\":null}]}\n\ndata: [DONE]\n\n";
    let text = write(&recording("/v1/chat/completions", "text/event-stream", body));
    let reformatted = crate::wire::json::pretty(&text, 0);
    assert_ne!(text, reformatted);
    assert_eq!(read(&reformatted).unwrap().exchange.reply.body, body[..]);
}

#[test]
fn recordings_of_llama_stack_are_read() {
    let head = r#"{"request": {"method": "POST", "url": "http://0.0.0.0:11434/v1/v1/completions", "headers": {},
        "body": {"model": "m", "extra_body": {}}, "endpoint": "/v1/completions", "model": "m"}, "response": "#;
    let streamed = format!(
        r#"{head} {{"body": [{{"__type__": "openai.types.completion.Completion", "__data__": {{"a": 1 , "b": "x y"}} }}], "is_streaming": true}}}}"#
    );
    let read_back = read(&streamed).unwrap();
    let reply = &read_back.exchange.reply;
    assert_eq!(reply.body, "data: {\"a\":1,\"b\":\"x y\"}\n\ndata: [DONE]\n\n");
    assert_eq!(reply.chunks.iter().map(|chunk| chunk.size).collect::<Vec<_>>(), [25, 14]);
    assert_eq!((reply.status, &read_back.owners), (200, &by_order(Times::Any)));
    let ollama = streamed.replace("openai.types.completion.Completion", "ollama._types.ChatResponse");
    assert_eq!(read(&ollama).unwrap().exchange.reply.body, "{\"a\":1,\"b\":\"x y\"}\n");
    let whole = format!(r#"{head} {{"body": {{"__type__": "x", "__data__": {{"a": 1}}}}, "is_streaming": false}}}}"#);
    let whole = read(&whole).unwrap().exchange;
    assert_eq!(whole.reply.body, "{\"a\":1}");
    let asked = Request { body: Bytes::from_static(b"{\"model\":\"m\"}"), ..whole.request.clone() };
    assert_eq!(key_of(&asked), key_of(&whole.request));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let good = write(&recording("/v1/chat/completions", "text/event-stream", b"data: {\"a\":1}\n\n"));
    let broken = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        read(&good.replacen(from, to, 1)).unwrap_err().to_string()
    };
    let all = [
        broken("\"status\": 200,", "\"status\": 200"),
        broken("\"status\": 200", "\"status\": \"ok\""),
        broken("\"version\": \"1.1\"", "\"version\": \"2.0\""),
        broken("[[15, 12]]", "[[14, 12]]"),
        broken("\"count\": 1", "\"count\": 2"),
        broken("\"origin\"", "\"origins\""),
        broken("\"method\": \"POST\"", "\"method\": \"\""),
        broken("\"end\": \"complete\"", "\"end\": \"complete\", \"times\": 0"),
        read("").unwrap_err().to_string(),
        read("[]").unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    line 22, column 5: expected `,` or `}`
    line 21, column 18: invalid type: string "ok", expected u16
    line 20, column 16: the recording has version 2.0, and this retake reads up to 1.x: update retake, or record the exchange anew
    line 24, column 15: the chunks add up to 14 bytes, but the body has 15: `"chunks": []` gives it in one piece
    line 25, column 17: `segments` ask for more items than the reply's body holds
    line 30, column 6: unknown member `origins`: the `retake` section has `version`, `status`, `headers`, `recorded_at`, `auth`, `times`, `repeat`, `repeats`, `cases`, `expected`, `chunks`, `segments`, `end`, `ended`, `digest`, `origin`; correct it, or take it out
    line 3, column 15: `` is not an HTTP method
    line 28, column 33: `times` is from 1 to 10000; `"repeat": true` allows any number
    line 1, column 1: the file is empty
    line 1, column 1: a recording is a JSON object with `request` and `response`
    "#);
}

fn any_recording() -> impl Strategy<Value = Recording> {
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..120),
        proptest::collection::vec(
            prop_oneof![
                Just("data: {\"a\":1}\n\n".to_owned()),
                Just("event: x\ndata: {\"a\": 1.50}\r\n\r\n".to_owned()),
                Just("{\"a\":1}\n".to_owned()),
                Just(": c\n\n".to_owned()),
                Just("data: [DONE]\n\n".to_owned()),
                ".{0,8}",
            ],
            0..8
        )
        .prop_map(|parts| parts.concat().into_bytes()),
    ];
    let headers = proptest::collection::vec(("[a-c]", "[ -~é]{0,8}"), 0..4);
    let kind = prop_oneof![Just("text/event-stream"), Just("application/json"), Just("application/x-ndjson")];
    let asked = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        Just(b"{\"model\":\"m\",\"a\":[1,{\"b\":\"\\u00e9\"}]}".to_vec()),
        "[\\[\\]{}\"a-c:,1 ]{0,12}".prop_map(String::into_bytes),
    ];
    (body, headers, kind, asked, 100..600_u16, any::<[u8; 3]>(), ".{0,10}", any::<bool>()).prop_map(
        |(body, headers, kind, asked, status, cuts, how, flag)| {
            let mut recording = recording("/v1/x?y=1", kind, &body);
            let mut sizes = Vec::new();
            let mut left = body.len();
            for cut in cuts {
                let size = usize::from(cut).min(left);
                sizes.push(ChunkMark { size, at_ms: u64::from(cut) });
                left -= size;
            }
            sizes.push(ChunkMark { size: left, at_ms: 99 });
            let exchange = &mut recording.exchange;
            exchange.reply.chunks = sizes;
            exchange.reply.status = status;
            exchange.reply.headers.extend(headers);
            exchange.request.body = asked.into();
            if flag {
                exchange.reply.end = End::Broken(how);
                exchange.origin = Origin::Simulated;
                exchange.request.auth = Auth::None;
                let cases = [("a.yaml::b".to_owned(), Repeats::range(1, 3))].into();
                recording.owners = Owners::Named(Named { cases, ..Named::of(None, 2) });
                recording.expected = true;
            }
            recording
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(recording in any_recording()) {
        let text = write(&recording);
        let back = read(&text).unwrap();
        prop_assert_eq!(&back.exchange.reply, &recording.exchange.reply);
        prop_assert_eq!((&back.owners, back.expected), (&recording.owners, recording.expected));
        prop_assert_eq!(back.exchange.origin, recording.exchange.origin);
        prop_assert_eq!(key_of(&back.exchange.request), key_of(&recording.exchange.request));
        prop_assert_eq!(write(&back), text);
    }

    #[test]
    fn no_text_makes_reading_panic(text in ".{0,200}", at in 0..900_usize, with in "[\\[\\]{}\",:0-9a-z]{0,3}") {
        let _ = read(&text);
        let good = write(&recording("/v1/x", "text/event-stream", b"data: {\"a\":1}\n\n: x\n\n"));
        let at = at.min(good.len());
        let _ = read(&format!("{}{with}{}", &good[..at], &good[(at + with.len()).min(good.len())..]));
    }
}

#[test]
fn whom_it_is_for_is_kept_one_a_line() {
    let cases = [("b.yaml::x[1]".to_owned(), Repeats::one(1)), ("a.yaml::\"q\"".to_owned(), Repeats::range(2, 3))];
    let owners = Owners::Named(Named { cases: cases.into(), ..Named::of(None, 1) });
    let text = write(&Recording { owners: owners.clone(), ..recording("/v1/embeddings", "application/json", b"{}") });
    let part = &text[text.find("    \"recorded_at\"").unwrap()..text.find("    \"chunks\"").unwrap()];
    insta::assert_snapshot!(part, @r#"
    "recorded_at": "2026-11-21T07:00:00Z",
    "repeats": "1",
    "cases": {
      "a.yaml::\"q\"": "2-4",
      "b.yaml::x[1]": "1"
    },
    "#);
    assert_eq!(read(&text).unwrap().owners, owners);
    assert_eq!(read_request(&text).unwrap().owners, owners);
}

#[test]
fn cases_without_repeats_are_those_of_an_older_retake() {
    let cases: BTreeSet<String> = ["a.yaml::x".to_owned()].into();
    let owners = Owners::ByOrder { times: Times::Count(2), cases };
    let text = write(&Recording { owners: owners.clone(), ..recording("/v1/embeddings", "application/json", b"{}") });
    let old = text.replace("\"1.1\"", "1");
    assert!(old.contains("\"times\": 2") && old.contains("\"version\": 1,"), "{old}");
    assert_eq!(read(&old).unwrap().owners, owners);
    assert_eq!(read_request(&old).unwrap().owners, owners);
}

#[test]
fn the_test_that_another_tool_names_is_the_case_and_anything_else_there_is_its_own_affair() {
    let of = |id: &str| {
        let text = format!(
            "{{{id}\"request\": {{\"method\": \"POST\", \"url\": \"u\", \"endpoint\": \"/v1/x\", \"body\": {{}}}}, \
             \"response\": {{\"body\": {{}}, \"is_streaming\": false}}}}"
        );
        let owners = read(&text).unwrap().owners;
        assert_eq!(owners, read_request(&text).unwrap().owners);
        owners.cases().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("\"test_id\": \"tests/test_a.py::test_b\", "), ["tests/test_a.py::test_b"]);
    assert!(["", "\"test_id\": null, ", "\"test_id\": {\"a\": [1]}, "].into_iter().all(|id| of(id).is_empty()));
}
