//! What servers are known to send, each as it looks on the wire.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use retake::upstream::{ErrorKind, Request};

use super::reply::{Heard, Sent};
use super::server::Step;
use super::{request, served, served_as, written};

const EVENTS: &str = "content-type: text/event-stream\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// The steps that write these pieces, each as a read of its own.
fn pieces(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<Step> {
    pieces.into_iter().flat_map(|piece| [Step::Write(piece), Step::Pause(Duration::from_millis(2))]).collect()
}

/// A reply whose body is cut as `chunks` says and comes to its end.
fn chunked(status: &str, headers: &str, chunks: &[&[u8]]) -> Vec<Step> {
    let mut all = broken_off(status, headers, chunks);
    all.extend(pieces([b"0\r\n\r\n".to_vec()]));
    all
}

/// The same without its end.
fn broken_off(status: &str, headers: &str, chunks: &[&[u8]]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}transfer-encoding: chunked\r\n\r\n").into_bytes();
    let chunks = chunks.iter().map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    pieces(std::iter::once(head).chain(chunks))
}

/// A reply that says how long its body is, and comes in two reads.
fn sized(status: &str, headers: &str, body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    let (start, rest) = body.split_at(body.len() / 2);
    pieces([[head.as_slice(), start].concat(), rest.to_vec()])
}

fn ask() -> Request {
    request("POST", "/v1/chat/completions", r#"{"model":"m","messages":[],"stream":true}"#)
}

/// What comes back from record and replay, which must be what these steps sent.
#[track_caller]
fn kept(steps: Vec<Step>) -> impl Future<Output = Heard> {
    let at = std::panic::Location::caller();
    async move { served(steps, ask()).await.unwrap_or_else(|reason| panic!("{at}: {reason}")) }
}

#[tokio::test]
async fn a_stream_with_comments_before_and_between_its_events() {
    let chunks: [&[u8]; 4] =
        [b": PROCESSING\n\n", b": PROCESSING\n\n", b":\ndata: {\"n\": 1}\n\n: ping\n", b"\ndata: [DONE]\n\n"];
    assert_eq!(kept(chunked("200 OK", EVENTS, &chunks)).await.chunks, chunks);
}

#[tokio::test]
async fn a_stream_with_crlf() {
    let chunks: [&[u8]; 3] = [b"data: {\"n\":1}\r\n\r\n", b"data: {\"n\":2}\r\n\r", b"\ndata: [DONE]\r\n\r\n"];
    kept(chunked("200 OK", EVENTS, &chunks)).await;
    kept(chunked("200 OK", EVENTS, &[b"data: {\"n\":1}\r\rdata: {\"n\":2}\n\ndata:{\"n\":3}\r\n\r\n"])).await;
}

#[tokio::test]
async fn a_stream_with_names_ids_and_retries_of_events() {
    let chunks: [&[u8]; 3] = [
        b"event: message_start\ndata: {\"type\": \"message_start\"}\n\n",
        b"retry: 3000\nid: 7\nevent: ping\ndata: {}\n\n",
        b"event: content\ndata: {\"lines\":\ndata:  2}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ];
    kept(chunked("200 OK", EVENTS, &chunks)).await;
}

#[tokio::test]
async fn a_stream_without_an_end_mark() {
    kept(chunked("200 OK", EVENTS, &[b"data: {\"n\":1}\n\n", b"data: {\"n\":2}\n\n"])).await;
    kept(chunked("200 OK", EVENTS, &[b"data: {\"n\":1}\n\n", b"data: {\"n\":2}"])).await;
}

#[tokio::test]
async fn a_stream_that_is_empty() {
    assert!(kept(chunked("200 OK", EVENTS, &[])).await.chunks.is_empty());
}

#[tokio::test]
async fn a_stream_of_nothing_but_an_error() {
    kept(chunked("200 OK", EVENTS, &[b"data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n"])).await;
    kept(chunked("200 OK", EVENTS, &[b"event: error\ndata: {\"error\": {\"message\": \"no\"}}\n\n"])).await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_between_two_events() {
    let heard = kept(broken_off("200 OK", EVENTS, &[b"data: {\"n\":1}\n\n", b"data: {\"n\":2}\n\n"])).await;
    assert_eq!((heard.chunks.len(), heard.broken.unwrap().0), (2, ErrorKind::Broken));
}

#[tokio::test]
async fn a_stream_that_breaks_off_inside_an_event_and_a_chunk() {
    let mut steps = broken_off("200 OK", EVENTS, &[b"data: {\"n\":1}\n\n"]);
    steps.extend(pieces([b"ff\r\ndata: {\"n\":".to_vec()]));
    let heard = kept(steps).await;
    assert_eq!(heard.chunks.concat(), b"data: {\"n\":1}\n\ndata: {\"n\":");
    assert_eq!(heard.broken.unwrap().0, ErrorKind::Broken);
}

#[tokio::test]
async fn a_stream_that_breaks_off_before_its_first_byte() {
    let heard = kept(broken_off("200 OK", EVENTS, &[])).await;
    assert_eq!((heard.chunks.len(), heard.broken.unwrap().0), (0, ErrorKind::Broken));
}

#[tokio::test]
async fn a_chunk_edge_inside_a_character() {
    let text = "data: {\"text\":\"Zürich 🦙\"}\n\ndata: [DONE]\n\n".as_bytes();
    for cut in 1..text.len() {
        if cut % 5 == 0 || text[cut] & 0xC0 == 0x80 {
            let (start, rest) = text.split_at(cut);
            assert_eq!(kept(chunked("200 OK", EVENTS, &[start, rest])).await.chunks, [start, rest]);
        }
    }
}

#[tokio::test]
async fn a_chunk_that_comes_in_several_reads() {
    let mut steps = broken_off("200 OK", EVENTS, &[]);
    let reads: [&[u8]; 5] = [b"1", b"e\r", b"\ndata: {\"n\":1}\n\nda", b"ta: {\"n\":2", b"}\n\n\r\n0\r\n\r\n"];
    steps.extend(pieces(reads.map(<[u8]>::to_vec)));
    kept(steps).await;
}

#[tokio::test]
async fn a_refusal_with_its_limits_and_when_to_come_back() {
    let headers = "Retry-After: 17\r\nX-RateLimit-Limit-Requests: 60\r\nx-ratelimit-remaining-requests: 0\r\n\
                   x-ratelimit-reset-tokens: 6m0s\r\nx-request-id: req_1\r\n";
    let body =
        br#"{"error":{"message":"Rate limit reached","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let heard = kept(sized("429 Too Many Requests", &format!("{headers}{JSON}"), body)).await;
    assert_eq!(heard.status, 429);
    for kept in [("retry-after", "17"), ("x-ratelimit-limit-requests", "60"), ("x-ratelimit-remaining-requests", "0")] {
        let kept = (kept.0.to_owned(), kept.1.as_bytes().to_vec());
        assert!(heard.headers.contains(&kept), "{:?}", heard.headers);
    }
}

#[tokio::test]
async fn an_error_that_is_no_json() {
    let body = b"Internal Server Error";
    let heard = kept(sized("500 Internal Server Error", "content-type: text/plain; charset=utf-8\r\n", body)).await;
    assert_eq!((heard.status, heard.chunks.concat()), (500, body.to_vec()));
    kept(sized("502 Bad Gateway", "content-type: text/html\r\n", b"<html>\r\n<h1>502</h1>\r\n</html>\r\n")).await;
    kept(sized("200 OK", JSON, b"{\"cut\": \"off")).await;
}

#[tokio::test]
async fn lines_of_json() {
    let headers = "content-type: application/x-ndjson\r\n";
    let chunks: [&[u8]; 3] = [
        b"{\"model\":\"m\",\"message\":{\"content\":\"a\"},\"done\":false}\n",
        b"{\"model\": \"m\", \"done\": false}\n\n{\"do",
        b"ne\":true,\"total_duration\":5043500667}",
    ];
    assert_eq!(kept(chunked("200 OK", headers, &chunks)).await.chunks, chunks);
}

#[tokio::test]
async fn a_body_that_is_no_text() {
    let audio: Vec<u8> = (0..40_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let chunks: Vec<&[u8]> = audio.chunks(9_001).collect();
    kept(chunked("200 OK", "content-type: audio/mpeg\r\n", &chunks)).await;
    kept(sized("200 OK", "content-type: application/octet-stream\r\n", &audio)).await;
    kept(chunked("200 OK", EVENTS, &[b"data: \xff\xfe\n\n", b"data: {\"n\":1}\n\n\0"])).await;
}

#[tokio::test]
async fn numbers_as_they_came() {
    let numbers = r#"{"a":1.0,"b":1e5,"c":12345678901234567890,"d":-0.0,"e":0.1E-07,"f":1E400,"g":9314001608812126000,"h":0.30000000000000004}"#;
    kept(sized("200 OK", JSON, numbers.as_bytes())).await;
    kept(sized("200 OK", JSON, b"{\n  \"a\" : 1.50,\n\t\"a\": 1.5, \"\\u00e9\":\"\\/\" }\n")).await;
    kept(chunked("200 OK", EVENTS, &[format!("data: {numbers}\n\n").as_bytes()])).await;
}

#[tokio::test]
async fn headers_that_come_more_than_once() {
    let headers = "link: <a>; rel=next\r\nvary: Origin\r\nlink: <b>\r\nVary: Accept-Encoding\r\nx-empty:\r\n";
    let heard = kept(sized("200 OK", &format!("{headers}{JSON}"), b"[]")).await;
    let links: Vec<_> = heard.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value).collect();
    assert_eq!(links, [b"<a>; rel=next".as_slice(), b"<b>"]);
}

#[tokio::test]
async fn a_header_that_is_no_utf_8() {
    let head =
        [b"HTTP/1.1 200 OK\r\nx-city: K\xf6ln \xff\r\n", JSON.as_bytes(), b"content-length: 2\r\n\r\n{}"].concat();
    let heard = kept(pieces([head])).await;
    assert!(heard.headers.contains(&("x-city".to_owned(), b"K\xf6ln \xff".to_vec())));
}

#[tokio::test]
async fn two_choices_in_one_stream() {
    let chunk = |index: u32, delta: &str| {
        format!(
            "data: {{\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"{delta}\"}},\"logprobs\":{{\"content\":[{{\"token\":\"{delta}\",\"logprob\":-0.25,\"bytes\":null,\"top_logprobs\":[]}}]}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let chunks =
        [chunk(0, "a"), chunk(1, "x"), chunk(1, "y"), chunk(0, "b") + &chunk(1, "z"), "data: [DONE]\n\n".into()];
    let chunks: Vec<&[u8]> = chunks.iter().map(String::as_bytes).collect();
    kept(chunked("200 OK", EVENTS, &chunks)).await;
}

#[tokio::test]
async fn bodies_that_say_how_long_they_are_and_bodies_that_end_with_the_connection() {
    kept(sized("200 OK", JSON, br#"{"object":"list","data":[]}"#)).await;
    kept(sized("200 OK", EVENTS, b"data: {\"n\":1}\n\ndata: [DONE]\n\n")).await;
    kept(sized("200 OK", JSON, b"")).await;
    kept(pieces([b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()])).await;
    let open = format!("HTTP/1.1 200 OK\r\n{EVENTS}connection: close\r\n\r\n").into_bytes();
    kept(pieces([open, b"data: {\"n\":1}\n\n".to_vec(), b"data: [DONE]\n\n".to_vec()])).await;
    let short = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"n\":".to_vec();
    assert!(kept(pieces([short])).await.broken.is_some());
}

/// Each chunk as a compressor gives it out when it is flushed, and at last its end.
macro_rules! packed {
    ($encoder:ident, $chunks:expr) => {{
        let mut pack = $encoder::new(Vec::new(), Compression::default());
        let mut all: Vec<Vec<u8>> = Vec::new();
        for chunk in $chunks {
            pack.write_all(chunk).unwrap();
            pack.flush().unwrap();
            all.push(std::mem::take(pack.get_mut()));
        }
        all.push(pack.finish().unwrap());
        all
    }};
}

#[tokio::test]
async fn compressed_replies_are_what_they_were_before_event_by_event() {
    let events: [&[u8]; 3] = [b"data: {\"n\":1}\n\n", b": ping\n\ndata: {\"n\":2}\n\n", b"data: [DONE]\n\n"];
    for (coding, packed) in [
        ("gzip", packed!(GzEncoder, events)),
        ("deflate", packed!(ZlibEncoder, events)),
        ("deflate", packed!(DeflateEncoder, events)),
    ] {
        let packed: Vec<&[u8]> = packed.iter().map(Vec::as_slice).collect();
        let headers = format!("{EVENTS}content-encoding: {coding}\r\n");
        let plain = Sent::parse(&written(&chunked("200 OK", EVENTS, &events)));
        let heard = served_as(chunked("200 OK", &headers, &packed), ask(), &plain).await.unwrap();
        assert_eq!(heard.chunks, events, "{coding}");
        let cut = Sent::parse(&written(&broken_off("200 OK", EVENTS, &events[..2])));
        served_as(broken_off("200 OK", &headers, &packed[..2]), ask(), &cut).await.unwrap();
        let whole = Sent::parse(&written(&sized("200 OK", EVENTS, &events.concat())));
        served_as(sized("200 OK", &headers, &packed.concat()), ask(), &whole).await.unwrap();
    }
}

#[tokio::test]
async fn a_compressed_reply_that_lacks_its_end_is_recorded_as_broken() {
    let packed = packed!(GzEncoder, [b"{\"n\":1}".as_slice()]).remove(0);
    let heard = Sent { whole: false, ..Sent::parse(&written(&sized("200 OK", JSON, b"{\"n\":1}"))) };
    let headers = format!("{JSON}content-encoding: gzip\r\n");
    let heard = served_as(sized("200 OK", &headers, &packed), ask(), &heard).await.unwrap();
    assert!(heard.broken.unwrap().1.contains("it ends too early"));
}
