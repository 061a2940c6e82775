//! Keys out of everything that is kept or shown.
//!
//! A secret is found in plain, percent-encoded, JSON-escaped (however many times, or in part: character by character,
//! in any mixture) and inside base64, wherever in the encoded data it starts. Each becomes `$VARIABLE`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::body;
use super::model::{ChunkMark, End, Exchange, Reply, Request};
use crate::wire::headers::{is_credential, is_of_one_hop, sets_cookie};

/// Shorter values are no secrets here. `_NONE_`, `test` or `dummy` stand where a key is not needed; they turn up in
/// honest text, and replacing them would falsify recordings while it protects nothing.
const SHORTEST: usize = 8;

/// Request headers that are kept. Everything else stays out, whatever a key header may be called.
const KEPT_REQUEST_HEADERS: [&str; 6] =
    ["accept", "anthropic-beta", "anthropic-version", "content-encoding", "content-type", "openai-beta"];

/// Whether a header of a reply is kept: not those that belong to one connection or one session, or follow from the body.
pub fn keeps_reply_header(name: &str) -> bool {
    !is_of_one_hop(name) && !sets_cookie(name) && !name.eq_ignore_ascii_case("x-retake-origin")
}

/// The values that must never be kept nor shown, each with the variable it came from.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Longest value first, so that a value which contains another one wins.
    all: Vec<Secret>,
    /// Request headers that are kept besides the usual ones.
    kept_headers: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|secret| &secret.variable)).finish()
    }
}

#[derive(Clone)]
struct Secret {
    variable: String,
    placeholder: String,
    value: Vec<char>,
    /// Byte strings that are the value: as it is, as JSON once and twice, and what base64 makes of it at each of the
    /// three places it can start at, without the characters that neighbouring bytes have a part in.
    forms: Vec<Vec<u8>>,
    /// The bytes that any form can start with: most places are ruled out by one look.
    starts: Vec<u8>,
}

impl Secrets {
    /// Secrets from (variable, value). Values shorter than 8 characters are left out.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all: Vec<Secret> = values
            .into_iter()
            .map(|(variable, value)| (variable, value.trim().to_owned()))
            .filter(|(_, value)| value.len() >= SHORTEST)
            .map(|(variable, value)| Secret::new(variable, &value))
            .collect();
        all.sort_by(|a, b| b.value.len().cmp(&a.value.len()).then_with(|| a.variable.cmp(&b.variable)));
        Secrets { all, kept_headers: Vec::new() }
    }

    /// These, and request headers that are kept besides the usual ones, because they count when requests are compared.
    /// One that carries a key is never kept.
    pub fn keeping(mut self, headers: &[String]) -> Self {
        let new = headers.iter().filter(|name| !is_credential(name));
        self.kept_headers.extend(new.filter(|name| !KEPT_REQUEST_HEADERS.contains(&name.as_str())).cloned());
        self.kept_headers.sort_unstable();
        self.kept_headers.dedup();
        self
    }

    /// The variable whose value is in `bytes`, in whatever form.
    pub fn find(&self, bytes: &[u8]) -> Option<&str> {
        self.hits(bytes, 1).first().map(|hit| hit.secret.variable.as_str())
    }

    /// `bytes` with every secret replaced.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let hits = self.hits(bytes, usize::MAX);
        if hits.is_empty() {
            return Cow::Borrowed(bytes);
        }
        Cow::Owned(replaced(bytes, &hits))
    }

    /// `text` with every secret replaced.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// A request without secrets and without headers that are not kept.
    pub fn request(&self, request: &Request) -> Request {
        let mut headers = HeaderMap::new();
        let more = self.kept_headers.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        for name in KEPT_REQUEST_HEADERS.map(HeaderName::from_static).into_iter().chain(more) {
            for value in request.headers.get_all(&name) {
                if let Ok(value) = HeaderValue::from_bytes(&self.bytes(value.as_bytes())) {
                    headers.append(&name, value);
                }
            }
        }
        // A secret inside of a compressed body can only be taken out of what is in it, which then is kept as it is.
        let unpacked = if self.all.is_empty() { None } else { body::unpacked(request) };
        let body = match unpacked.filter(|plain| self.find(plain).is_some()) {
            Some(plain) => {
                headers.remove(CONTENT_ENCODING);
                self.bytes(&plain).into_owned().into()
            }
            None => self.body(&request.body),
        };
        Request {
            method: request.method.clone(),
            endpoint: self.text(&request.endpoint),
            headers,
            body,
            auth: request.auth,
            case: request.case.clone(),
        }
    }

    /// A reply without secrets and without headers that are not kept. Its chunks still add up to its body: a
    /// placeholder belongs to the chunk in which the secret began.
    pub fn reply(&self, reply: &Reply) -> Reply {
        let hits = self.hits(&reply.body, usize::MAX);
        let headers = reply.headers.iter().filter(|(name, _)| keeps_reply_header(name));
        Reply {
            status: reply.status,
            headers: headers.map(|(name, value)| (name.clone(), self.text(value))).collect(),
            body: if hits.is_empty() { reply.body.clone() } else { replaced(&reply.body, &hits).into() },
            chunks: if hits.is_empty() { reply.chunks.clone() } else { shifted(&reply.chunks, &hits) },
            end: match &reply.end {
                End::Complete => End::Complete,
                End::Broken(how) => End::Broken(self.text(how)),
            },
        }
    }

    /// A whole exchange without secrets.
    pub fn exchange(&self, exchange: &Exchange) -> Exchange {
        Exchange {
            request: self.request(&exchange.request),
            url: self.text(&exchange.url),
            reply: self.reply(&exchange.reply),
            recorded_at: exchange.recorded_at.clone(),
            origin: exchange.origin,
        }
    }

    fn body(&self, body: &Bytes) -> Bytes {
        match self.bytes(body) {
            Cow::Borrowed(_) => body.clone(),
            Cow::Owned(scrubbed) => scrubbed.into(),
        }
    }

    /// Where secrets are, in order and without overlap.
    fn hits(&self, bytes: &[u8], most: usize) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        if self.all.is_empty() {
            return hits;
        }
        let mut at = 0;
        while at < bytes.len() && hits.len() < most {
            let found = self.all.iter().find_map(|secret| Some((secret, secret.length_at(&bytes[at..])?)));
            match found {
                Some((secret, length)) => {
                    hits.push(Hit { range: at..at + length, secret });
                    at += length;
                }
                None => at += 1,
            }
        }
        hits
    }
}

struct Hit<'a> {
    range: Range<usize>,
    secret: &'a Secret,
}

impl Secret {
    fn new(variable: String, value: &str) -> Self {
        let forms = forms(value);
        let mut starts: Vec<u8> = forms.iter().filter_map(|form| form.first().copied()).collect();
        starts.extend(*b"%\\");
        starts.sort_unstable();
        starts.dedup();
        Secret { placeholder: format!("${variable}"), variable, value: value.chars().collect(), forms, starts }
    }

    /// How many bytes at the start of `bytes` are this secret.
    fn length_at(&self, bytes: &[u8]) -> Option<usize> {
        if !self.starts.contains(bytes.first()?) {
            return None;
        }
        let form = self.forms.iter().find(|form| bytes.starts_with(form)).map(Vec::len);
        form.or_else(|| self.escaped_length_at(bytes))
    }

    /// Each character may be written in several ways, and the same bytes may be read as more than one of them (`%25`
    /// begins with a `%`), so that every place a reading can have come to is followed.
    fn escaped_length_at(&self, bytes: &[u8]) -> Option<usize> {
        let mut places = BTreeSet::from([0]);
        for &ch in &self.value {
            places = places.iter().flat_map(|at| lengths(ch, &bytes[*at..]).map(move |length| at + length)).collect();
        }
        places.last().copied()
    }
}

/// How many bytes at the start of `bytes` can say `ch`: as it is, percent-encoded, or escaped as JSON does, however
/// many times over.
fn lengths(ch: char, bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut buffer = [0; 4];
    let plain = ch.encode_utf8(&mut buffer).as_bytes();
    let slashes = bytes.iter().take_while(|byte| **byte == b'\\').count();
    let as_it_is = bytes.starts_with(plain).then_some(plain.len());
    let plus = (ch == ' ' && bytes.first() == Some(&b'+')).then_some(1);
    let escaped = json_escape(ch, &bytes[slashes..]).filter(|_| slashes > 0).map(|length| slashes + length);
    // JSON written n times over makes 2ⁿ of a backslash.
    let most = if ch == '\\' { slashes } else { 0 };
    let doubled = (1..8).map(|times| 1 << times).take_while(move |length| *length <= most);
    [as_it_is, plus, escaped, percent(plain, bytes)].into_iter().flatten().chain(doubled)
}

/// How many bytes at the start of `bytes` are `plain`, percent-encoded.
fn percent(plain: &[u8], bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for &byte in plain {
        let [b'%', high, low, ..] = bytes.get(at..)? else { return None };
        if hex(&[*high, *low])? != u32::from(byte) {
            return None;
        }
        at += 3;
    }
    Some(at)
}

/// How many bytes after a backslash say `ch`.
fn json_escape(ch: char, bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&b'u') {
        let mut at = 0;
        for (place, unit) in ch.encode_utf16(&mut [0; 2]).iter().enumerate() {
            if place > 0 {
                at += bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
            }
            let digits = bytes.get(at + 1..at + 5)?;
            if bytes.get(at) != Some(&b'u') || hex(digits)? != u32::from(*unit) {
                return None;
            }
            at += 5;
        }
        return Some(at);
    }
    let short = match ch {
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        '"' | '/' => ch as u8,
        _ => return None,
    };
    (bytes.first() == Some(&short)).then_some(1)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

fn forms(value: &str) -> Vec<Vec<u8>> {
    let quoted = |text: &str| {
        let json = serde_json::Value::from(text).to_string();
        json[1..json.len() - 1].to_owned()
    };
    let once = quoted(value);
    let mut forms = vec![quoted(&once).into_bytes(), once.into_bytes(), value.as_bytes().to_vec()];
    forms.dedup();
    for offset in 0..3 {
        let mut bytes = vec![0; offset];
        bytes.extend_from_slice(value.as_bytes());
        // Characters before `first` hold bits of what stands before the value, those from `end` on of what follows.
        let (first, end) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        for form in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let form = form.as_bytes()[first..end].to_vec();
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

fn replaced(bytes: &[u8], hits: &[Hit<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for hit in hits {
        out.extend_from_slice(&bytes[at..hit.range.start]);
        out.extend_from_slice(hit.secret.placeholder.as_bytes());
        at = hit.range.end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// The chunks after replacing: each edge goes where its bytes went; a chunk that held nothing but the rest of a
/// secret is gone.
fn shifted(chunks: &[ChunkMark], hits: &[Hit<'_>]) -> Vec<ChunkMark> {
    let mut out = Vec::with_capacity(chunks.len());
    let (mut edge, mut before) = (0, 0);
    for chunk in chunks {
        edge += chunk.size;
        let after = moved_edge(edge, hits);
        if after > before || chunk.size == 0 {
            out.push(ChunkMark { size: after - before, at_ms: chunk.at_ms });
        }
        before = after;
    }
    out
}

fn moved_edge(edge: usize, hits: &[Hit<'_>]) -> usize {
    let mut shifted = edge;
    for hit in hits.iter().take_while(|hit| hit.range.start < edge) {
        // An edge inside a secret goes to the end of its placeholder.
        shifted = shifted + hit.secret.placeholder.len() - (hit.range.end.min(edge) - hit.range.start);
    }
    shifted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::{Auth, Origin};

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
}
