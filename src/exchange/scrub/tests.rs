use std::sync::LazyLock;

use proptest::prelude::*;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::exchange::model::{Auth, ChunkMark, End, Exchange, Origin, Reply, Request};

const KEY: &str = "sk-Test/4+7=\"q\\z";

/// Only digits, like the keys of some services.
const DIGITS: &str = "4815162342108";

fn secrets() -> Secrets {
    static SECRETS: LazyLock<Secrets> = LazyLock::new(|| {
        let values = [("API_KEY", KEY), ("SHORT", "none"), ("DIGITS_KEY", DIGITS)];
        Secrets::new(values.map(|(variable, value)| (variable.to_owned(), value.to_owned())))
    });
    SECRETS.clone()
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
        large: None,
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

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut pack = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut pack, text).unwrap();
    pack.finish().unwrap()
}

/// A short text coded as Brotli, without compression.
fn brotli(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len() - 1).unwrap();
    [&[0x0B | (length & 1) << 7, length >> 1, 0x80], text, &[0x03]].concat()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn a_secret_in_a_compressed_body_is_taken_out_of_what_is_in_it() {
    type Pack = fn(&[u8]) -> Vec<u8>;
    let codings: [(&str, Pack); 3] = [("gzip", gzip), ("br", brotli), ("zstd", zstd)];
    for (coding, pack) in codings {
        let packed = |text: &str| {
            let mut request = asked("");
            request.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            request.body = pack(text.as_bytes()).into();
            request
        };
        let holding = packed(&format!("my key is {KEY}"));
        let kept = secrets().request(&holding);
        assert_eq!((kept.body.as_ref(), kept.headers.len()), (&b"my key is $API_KEY"[..], 0), "{coding}");
        assert_eq!(secrets().find_in_request(&holding), Some("API_KEY"), "{coding}");
        let honest = packed("nothing");
        let kept = secrets().request(&honest);
        assert_eq!((kept.body, kept.headers.len()), (honest.body, 1), "{coding}");
    }
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

fn streamed(content_type: &str, body: &str) -> Reply {
    let chunks = body.as_bytes().chunks(7).map(|chunk| ChunkMark { size: chunk.len(), at_ms: 1 }).collect();
    Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: body.to_owned().into(),
        large: None,
        chunks,
        end: End::Complete,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The ways in which streams split a text into pieces: the content type, and the body for each piece.
type Told = (&'static str, &'static str, fn(&str) -> String);

const TOLD: [Told; 9] = [
    ("content", "text/event-stream", |piece| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"choices\":[{{\"delta\":{{\"content\":{}}},\"index\":0}}]}}\n\n",
            quoted(piece)
        )
    }),
    ("reasoning", "text/event-stream", |piece| {
        format!(
            "data: {{\"choices\": [{{\"index\": 0, \"delta\": {{\"reasoning_content\": {}}}}}]}}\n\n",
            quoted(piece)
        )
    }),
    ("arguments", "text/event-stream", |piece| {
        let function = format!("{{\"arguments\":{}}}", quoted(piece));
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":0,\"function\":{function}}}]}}}}]}}\n\n"
        )
    }),
    ("anthropic", "text/event-stream", |piece| {
        let delta = format!("{{\"type\":\"input_json_delta\",\"partial_json\":{}}}", quoted(piece));
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{delta}}}\n\n"
        )
    }),
    ("responses", "text/event-stream", |piece| {
        format!(
            "data: {{\"type\":\"response.output_text.delta\",\"delta\":{},\"output_index\":0}}\r\n\r\n",
            quoted(piece)
        )
    }),
    ("ollama", "application/x-ndjson", |piece| format!("{{\"message\":{{\"content\":{}}}}}\n", quoted(piece))),
    ("lines of an event", "text/event-stream", |piece| format!("data: {piece}\n")),
    ("events of text", "text/event-stream", |piece| format!("data: {piece}\n\n")),
    ("lines", "application/jsonl", |piece| format!("{piece}\n")),
];

#[test]
fn a_secret_told_in_pieces_is_taken_out_of_the_first_and_the_rest() {
    for (name, content_type, told) in TOLD {
        for size in [1, 2, 5, 9] {
            let text: Vec<char> = format!("see {KEY}, so").chars().collect();
            let body: String = text.chunks(size).map(|piece| told(&piece.iter().collect::<String>())).collect();
            let reply = streamed(content_type, &body);
            let kept = secrets().reply(&reply);
            let text = String::from_utf8_lossy(&kept.body).into_owned();
            assert_eq!(secrets().find_in_reply(&kept), None, "{name} {size}: {text}");
            assert_eq!(text.matches("$API_KEY").count(), 1, "{name} {size}: {text}");
            assert_eq!(text.lines().count(), body.lines().count(), "{name} {size}: {text}");
            assert_eq!(kept.chunks.iter().map(|chunk| chunk.size).sum::<usize>(), kept.body.len(), "{name} {size}");
            let payloads =
                text.lines().map(|line| line.trim_start_matches("data: ")).filter(|line| line.starts_with('{'));
            for payload in payloads {
                assert!(serde_json::from_str::<serde_json::Value>(payload).is_ok(), "{name} {size}: {payload}");
            }
            assert_eq!(secrets().reply(&kept), kept, "{name} {size}");
        }
    }
}

#[test]
fn pieces_of_several_choices_are_told_apart() {
    let delta = |index: usize, piece: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":{}}},\"index\":{index}}}]}}\n\n", quoted(piece))
    };
    let (half, rest) = KEY.split_at(6);
    let body = delta(0, half) + &delta(1, "other") + &delta(0, rest) + &delta(1, "text");
    let kept = secrets().reply(&streamed("text/event-stream", &body));
    let wanted = delta(0, "$API_KEY") + &delta(1, "other") + &delta(0, "") + &delta(1, "text");
    assert_eq!(String::from_utf8_lossy(&kept.body), wanted);
}

#[test]
fn tokens_of_a_whole_reply_are_pieces_too_and_their_numbers_are_told_of() {
    let token = |piece: &str| format!("{{\"token\":{},\"bytes\":{:?}}}", quoted(piece), piece.as_bytes());
    let (half, rest) = KEY.split_at(6);
    let body = format!("{{\"choices\":[{{\"logprobs\":{{\"content\":[{},{}]}}}}]}}", token(half), token(rest));
    let kept = secrets().reply(&streamed("application/json", &body));
    let text = String::from_utf8_lossy(&kept.body).into_owned();
    assert!(text.contains("\"token\":\"$API_KEY\"") && text.contains("\"token\":\"\""), "{text}");
    assert_eq!(secrets().find_in_reply(&kept), Some("API_KEY"));
}

#[test]
fn hex_wrapped_and_doubled_base64_are_found() {
    let hex = crate::wire::hex::hex(KEY.as_bytes());
    assert_eq!(clean(&format!("0x{hex}, {}", hex.to_uppercase())), "0x$API_KEY, $API_KEY");
    for before in ["", "u", "us", "user:"] {
        let once = STANDARD_NO_PAD.encode(format!("{before}{KEY} and more"));
        let twice = STANDARD_NO_PAD.encode(format!("{before}{once}"));
        assert!(clean(&twice).contains("$API_KEY"), "{before}");
        for (width, end) in [(4, "\n"), (7, "\r\n"), (10, "\\n"), (5, "\\r\\n  "), (9, "\\\\n"), (6, "%0A")] {
            let lines: Vec<&str> =
                once.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let wrapped = lines.join(end);
            assert!(clean(&format!("\"{wrapped}\"")).contains("$API_KEY"), "{wrapped}");
        }
    }
}

#[test]
fn a_number_that_is_a_secret_becomes_a_string() {
    let body =
        format!("{{\"id\":{DIGITS},\"list\":[-{DIGITS}.5, 1{DIGITS}{DIGITS}],\"text\":\"no {DIGITS}\",\"n\":7}}");
    let wanted = r#"{"id":"$DIGITS_KEY","list":["$DIGITS_KEY", "$DIGITS_KEY"],"text":"no $DIGITS_KEY","n":7}"#;
    for content_type in ["application/json", "application/x-ndjson"] {
        assert_eq!(secrets().reply(&streamed(content_type, &body)).body, wanted);
    }
    let event = secrets().reply(&streamed("text/event-stream", &format!("data: {body}\n\n")));
    assert_eq!(event.body, format!("data: {wanted}\n\n"));
    assert_eq!(secrets().request(&asked(&body)).body, wanted);
    let text = secrets().reply(&streamed("text/plain", &format!("it is {DIGITS}.")));
    assert_eq!(text.body, "it is $DIGITS_KEY.");
}

fn asked(body: &str) -> Request {
    Request {
        method: http::Method::POST,
        endpoint: "/v1/x".to_owned(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
        auth: Auth::Provider,
        case: None,
    }
}

fn exchanged(request: Request, headers: &[(&str, &str)], body: &str) -> (Exchange, Secrets) {
    let secrets = secrets().of(&request).into_owned();
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let reply = Reply { headers, ..streamed("", body) };
    let url = format!("https://me:pw@h.example{}", request.endpoint);
    let exchange = Exchange { request, url, reply, recorded_at: None, origin: Origin::Real };
    (secrets.exchange(&exchange), secrets)
}

#[test]
fn what_a_request_shows_itself_with_is_kept_nowhere() {
    let mut request = asked("{\"echo\":\"cl1ent-own-cr3d\"}");
    request.endpoint = "/v1/x?SIG=s1gned-by-m3&a=1;api%5Fkey=other-k3y-1".to_owned();
    request.headers.insert("x-portkey-api-key", HeaderValue::from_static("cl1ent-own-cr3d"));
    request.headers.insert("helicone-auth", HeaderValue::from_static("Bearer hel1cone-cr3d"));
    request.headers.insert("authorization", HeaderValue::from_static("Bearer anything"));
    let (kept, _) = exchanged(request, &[], "cl1ent-own-cr3d s1gned-by-m3 other-k3y-1 hel1cone-cr3d anything");
    assert_eq!(kept.request.body, "{\"echo\":\"$CLIENT_X_PORTKEY_API_KEY\"}");
    assert_eq!(kept.request.endpoint, "/v1/x?SIG=$CREDENTIAL&a=1;api%5Fkey=$CREDENTIAL");
    assert_eq!(kept.url, "https://$CREDENTIAL@h.example/v1/x?SIG=$CREDENTIAL&a=1;api%5Fkey=$CREDENTIAL");
    assert_eq!(kept.reply.body, "$CLIENT_X_PORTKEY_API_KEY $CREDENTIAL $CREDENTIAL $CLIENT_HELICONE_AUTH anything");
    assert!(kept.request.headers.is_empty());
}

#[test]
fn what_a_reply_tells_of_accounts_sessions_and_places_is_not_kept() {
    let headers = [
        ("openai-organization", "org-a8fq2lkz0pwm"),
        ("set-cookie", "id=c00kie-of-m1ne; Expires=Wed, 01 Jan 2031 00:00:00 GMT; Path=/"),
        ("location", "https://u:p@h.example/x?sig=1&a=2"),
        ("x-amz-security-token", "t"),
        ("x-request-id", "req_011CQa8Fq2LkZ0pW"),
        ("x-ratelimit-remaining-tokens", "149984"),
    ];
    let (kept, _) = exchanged(asked(""), &headers, "org-a8fq2lkz0pwm c00kie-of-m1ne req_011CQa8Fq2LkZ0pW");
    let headers: Vec<String> = kept.reply.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let wanted = [
        "openai-organization: $CREDENTIAL",
        "location: https://$CREDENTIAL@h.example/x?sig=$CREDENTIAL&a=2",
        "x-amz-security-token: $CREDENTIAL",
        "x-request-id: req_011CQa8Fq2LkZ0pW",
        "x-ratelimit-remaining-tokens: 149984",
    ];
    assert_eq!(headers, wanted);
    assert_eq!(kept.reply.body, "$CREDENTIAL $CREDENTIAL req_011CQa8Fq2LkZ0pW");
}

#[test]
fn a_key_of_a_known_form_is_kept_nowhere_although_nobody_declared_it() {
    let key = "sk-proj-a8Fq2LkZ0pWmX7vT1cRb9YdN";
    let (kept, _) = exchanged(asked(&quoted(key)), &[("x-echo", key)], &format!("{{\"k\":\"a\\n{key}\"}}"));
    assert_eq!(kept.request.body, "\"$CREDENTIAL\"");
    assert_eq!(kept.reply.headers[0].1, "$CREDENTIAL");
    assert_eq!(kept.reply.body, "{\"k\":\"a\\n$CREDENTIAL\"}");
    let (told, content_type) = (TOLD[0].2, TOLD[0].1);
    let body: String = key.as_bytes().chunks(3).map(|piece| told(std::str::from_utf8(piece).unwrap())).collect();
    let kept = secrets().reply(&streamed(content_type, &body));
    assert_eq!(String::from_utf8_lossy(&kept.body).matches("$CREDENTIAL").count(), 1);
}

#[test]
fn what_stands_next_to_a_signed_url_in_a_list_stays() {
    let url = |name: &str| format!("https://b.example/{name}.png?se=2026&sig=a8Fq2LkZ0pWm");
    let body = format!("{{\"data\":[{{\"url\":\"{}\"}},{{\"url\":\"{}\"}},{{\"url\":\"next\"}}]}}", url("a"), url("b"));
    let kept = secrets().reply(&streamed("application/json", &body));
    assert_eq!(String::from_utf8_lossy(&kept.body), body.replace("a8Fq2LkZ0pWm", "$CREDENTIAL"));
}

#[test]
fn a_request_recorded_with_a_credential_in_it_is_still_the_same() {
    let rules = crate::exchange::Rules::default();
    let mut request = asked("{\"messages\":[{\"content\":\"sk-proj-a8Fq2LkZ0pWmX7vT1cRb9YdN\"}]}");
    request.endpoint = "/v1/x?token=abc".to_owned();
    let key = |request: &Request| crate::exchange::key(request, "https://h.example/v1", &rules);
    assert_eq!(key(&request), key(&Secrets::default().request(&request)));
    assert_ne!(key(&request), key(&asked("{}")));
}

#[test]
fn a_request_that_holds_a_secret_is_told_of() {
    assert_eq!(secrets().find_in_request(&asked(&quoted(KEY))), Some("API_KEY"));
    assert_eq!(secrets().find_in_request(&asked("sk-proj-a8Fq2LkZ0pWmX7vT1cRb9YdN")), None);
}

/// For any text, the time to search it grows only with its length.
#[test]
fn no_text_takes_long() {
    let start = std::time::Instant::now();
    for unit in
        ["\\", "%", "%25", "\\u005c", "\\n", "sk-", "{\"", "[", "{\"index\":", "data: \\\n\n", "eyJaaaaaaaa.", "?sig="]
    {
        let text = unit.repeat(200_000 / unit.len());
        for content_type in ["text/event-stream", "application/json", "application/x-ndjson"] {
            secrets().reply(&streamed(content_type, &text));
        }
        secrets().request(&asked(&text));
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

/// Ids, vectors and prompts can look like credentials.
#[test]
fn the_recordings_that_come_with_this_stay_as_they_are() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let mut folders = vec![root];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(recording) = crate::exchange::read(&std::fs::read_to_string(&path).unwrap_or_default()) {
                let exchange = recording.exchange;
                let kept = secrets().exchange(&exchange);
                let of = |exchange: &Exchange| (exchange.request.body.clone(), exchange.request.endpoint.clone());
                assert_eq!(
                    (kept.reply.clone(), of(&kept)),
                    (exchange.reply.clone(), of(&exchange)),
                    "{}",
                    path.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "{seen}");
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
        let reply = Reply { status: 200, headers: vec![], body: body.into(), large: None, chunks, end: End::Complete };
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
