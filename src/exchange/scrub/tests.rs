use proptest::prelude::*;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::exchange::model::{Auth, ChunkMark, End, Exchange, Origin, Reply, Request};

const KEY: &str = "sk-Test/4+7=\"q\\z";

fn secrets() -> Secrets {
    Secrets::new([("API_KEY".to_owned(), KEY.to_owned()), ("SHORT".to_owned(), "none".to_owned())])
}

fn clean(text: &str) -> String {
    let out = secrets().text(text);
    assert_eq!(secrets().find(out.as_bytes()), None, "{out}");
    out
}

#[test]
fn finds_every_form() {
    let json = serde_json::to_string(KEY).unwrap();
    let twice = serde_json::to_string(&json).unwrap();
    let percent = percent_encoding::utf8_percent_encode(KEY, percent_encoding::NON_ALPHANUMERIC).to_string();
    let units: String = KEY.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    assert_eq!(clean(&format!("a {KEY} b")), "a $API_KEY b");
    assert_eq!(clean(&json), "\"$API_KEY\"");
    assert_eq!(clean(&twice), "\"\\\"$API_KEY\\\"\"");
    assert_eq!(clean(&format!("?key={percent}&x")), "?key=$API_KEY&x");
    assert_eq!(clean(&percent.to_lowercase().replace("test", "Test")), "$API_KEY");
    assert_eq!(clean(&units), "$API_KEY");
    for user in ["", "u", "us", "user:", "x".repeat(40).as_str()] {
        for tail in ["", "!", "!!", "more"] {
            let value = STANDARD_NO_PAD.encode(format!("{user}{KEY}{tail}"));
            assert!(clean(&format!("Basic {value}")).contains("$API_KEY"), "{user} {tail}");
        }
    }
}

#[test]
fn bytes_that_can_be_read_in_two_ways_are_read_in_both() {
    let secrets = Secrets::new([("K".to_owned(), r#"key"\ %42\""#.to_owned())]);
    let thrice = (0..3).fold(r#"key"\ %42\""#.to_owned(), |text, _| serde_json::Value::from(text).to_string());
    for text in [r"key%22%5C%20%2542%5C%22", r#"key\u0022%5c+%42\\\""#, &thrice] {
        let scrubbed = secrets.text(text);
        assert!(scrubbed.contains("$K") && !scrubbed.contains("key"), "{text} became {scrubbed}");
    }
}

#[test]
fn leaves_short_values_and_other_text_alone() {
    let text = "none of this is sk-Test, nor %20 or \\u0041";
    assert_eq!(clean(text), text);
}

#[test]
fn the_longer_value_wins() {
    let secrets = Secrets::new([("A".into(), "12345678".into()), ("B".into(), "1234567890".into())]);
    assert_eq!(secrets.text("1234567890 12345678"), "$B $A");
}

#[test]
fn keeps_only_listed_request_headers_and_no_cookies() {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("authorization", "Bearer x"), ("x-api-key", "x"), ("cookie", "x"), ("content-type", "application/json")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let request = Request {
        method: http::Method::POST,
        endpoint: format!("/v1/x?key={KEY}"),
        headers,
        body: format!("{{\"a\":{}}}", serde_json::to_string(KEY).unwrap()).into(),
        auth: Auth::Provider,
        case: None,
    };
    let reply = Reply {
        status: 200,
        headers: vec![("set-cookie".into(), "a=b".into()), ("x-echo".into(), KEY.into())],
        body: Bytes::new(),
        chunks: vec![],
        end: End::Broken(format!("no {KEY}")),
    };
    let exchange =
        Exchange { request, url: format!("http://h/?k={KEY}"), reply, recorded_at: None, origin: Origin::Real };
    let kept = secrets().exchange(&exchange);
    assert_eq!(kept.request.headers.len(), 1);
    assert_eq!(kept.request.endpoint, "/v1/x?key=$API_KEY");
    assert_eq!(kept.request.body, "{\"a\":\"$API_KEY\"}");
    assert_eq!(kept.url, "http://h/?k=$API_KEY");
    assert_eq!(kept.reply.headers, [("x-echo".to_owned(), "$API_KEY".to_owned())]);
    assert_eq!(kept.reply.end, End::Broken("no $API_KEY".to_owned()));
}

#[test]
fn a_secret_in_a_compressed_body_is_taken_out_of_what_is_in_it() {
    let packed = |text: &str| {
        let mut pack = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut pack, text.as_bytes()).unwrap();
        Request {
            method: http::Method::POST,
            endpoint: "/v1/x".to_owned(),
            headers: HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]),
            body: pack.finish().unwrap().into(),
            auth: Auth::Provider,
            case: None,
        }
    };
    let kept = secrets().request(&packed(&format!("my key is {KEY}")));
    assert_eq!((kept.body.as_ref(), kept.headers.len()), (&b"my key is $API_KEY"[..], 0));
    let honest = packed("nothing");
    let kept = secrets().request(&honest);
    assert_eq!((kept.body, kept.headers.len()), (honest.body, 1));
}

#[test]
fn a_declared_header_is_kept_unless_it_carries_a_key() {
    let mut request = Request {
        method: http::Method::GET,
        endpoint: "/v1/x".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        auth: Auth::Provider,
        case: None,
    };
    for name in ["x-team", "x-other", "x-api-key", "accept"] {
        request.headers.insert(name, HeaderValue::from_static("v"));
    }
    let declared = ["x-team", "x-api-key", "accept"].map(str::to_owned);
    let kept = secrets().keeping(&declared).request(&request).headers;
    assert_eq!(kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept", "x-team"]);
}

fn pieces() -> impl Strategy<Value = Vec<String>> {
    let json = serde_json::to_string(KEY).unwrap();
    let percent = percent_encoding::utf8_percent_encode(KEY, percent_encoding::NON_ALPHANUMERIC).to_string();
    let piece = prop_oneof![
        ".{0,12}",
        "[\\\\%a-z0-9]{0,6}",
        Just(KEY.to_owned()),
        Just(json[1..json.len() - 1].to_owned()),
        Just(percent),
        Just(STANDARD_NO_PAD.encode(KEY)),
        Just(STANDARD_NO_PAD.encode(format!("u:{KEY}"))),
    ];
    proptest::collection::vec(piece, 0..8)
}

proptest! {
    #[test]
    fn nothing_remains_and_chunks_add_up(pieces in pieces(), cuts in proptest::collection::vec(0..200usize, 0..8)) {
        let body = pieces.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.push(body.len());
        cuts.sort_unstable();
        let mut before = 0;
        let chunks: Vec<ChunkMark> = cuts.iter().map(|&cut| {
            let size = cut - before;
            before = cut;
            ChunkMark { size, at_ms: 1 }
        }).collect();
        let reply = Reply { status: 200, headers: vec![], body: body.into(), chunks, end: End::Complete };
        let kept = secrets().reply(&reply);
        prop_assert!(secrets().find(&kept.body).is_none());
        prop_assert_eq!(kept.chunks.iter().map(|chunk| chunk.size).sum::<usize>(), kept.body.len());
        prop_assert_eq!(secrets().reply(&kept), kept);
    }

    #[test]
    fn without_secrets_nothing_changes(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let none = Secrets::default();
        prop_assert_eq!(none.bytes(&body).into_owned(), body);
    }
}
