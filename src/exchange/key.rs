//! What counts as the same request: one function for recorder and player.
//!
//! Strict but for what is declared here:
//! - fields that the provider ignores at this endpoint are no part of the match;
//! - `extra_body` is a member of Python's client and never goes over the wire: a completion without it has `{}`, as
//!   the recordings of other tools have it, and elsewhere an empty one is none;
//! - no body is the body `{}`;
//! - the boundary of a multipart body, which every client draws at random, is always the same word;
//! - a request that is to go without a key is another one than with it (`"auth": "none"`).
//!
//! A body that is a JSON object or array is compared as JSON, any other text as text (`"body": "…"`), and bytes that
//! are no text as `{"__base64__": "…"}`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::python;
use super::{Auth, Exchange, FieldStep, Ignored, Request};

/// The identity of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The first 12 hex digits of the SHA-256 of `canonical`: the stem of the recording's file name.
    pub name: String,
    /// What is compared: Python's `json.dumps(…, sort_keys=True)` of body, endpoint and method.
    pub canonical: String,
}

impl Key {
    fn of(canonical: String) -> Self {
        let name = Sha256::digest(canonical.as_bytes())[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Key { name, canonical }
    }
}

/// The key of a request to a provider with this declared base URL.
pub fn key(request: &Request, base_url: &str, ignores: &[Ignored]) -> Key {
    let path = format!("{}{}", path_of(base_url).trim_end_matches('/'), request.endpoint);
    Key::of(canonical(request, &path, ignores))
}

/// The key of a recorded request, by the URL that was recorded.
pub fn key_of_recorded(exchange: &Exchange, ignores: &[Ignored]) -> Key {
    Key::of(canonical(&exchange.request, path_of(&exchange.url), ignores))
}

/// The host of a URL in lower case, with its port when it has one; the names of this machine are one host.
pub fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name.to_owned(), format!(":{port}")),
        _ => (host, String::new()),
    };
    match name.as_str() {
        "127.0.0.1" | "0.0.0.0" | "[::1]" | "[::]" => format!("localhost{port}"),
        _ => format!("{name}{port}"),
    }
}

/// The path of a URL with its query.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    path.split('#').next().unwrap_or("")
}

fn canonical(request: &Request, path: &str, ignores: &[Ignored]) -> String {
    let mut out = String::from("{");
    if request.auth == Auth::None {
        out.push_str("\"auth\": \"none\", ");
    }
    out.push_str("\"body\": ");
    body(request, ignores, &mut out);
    out.push_str(", \"endpoint\": ");
    python::string(path, &mut out);
    out.push_str(", \"method\": ");
    python::string(request.method.as_str(), &mut out);
    out.push('}');
    out
}

fn body(request: &Request, ignores: &[Ignored], out: &mut String) {
    let bytes = without_boundary(&request.headers, &request.body);
    let endpoint = request.endpoint.split('?').next().unwrap_or_default();
    match Content::of(&bytes) {
        Content::Empty => normalised(BTreeMap::new(), endpoint, ignores, out),
        Content::Json(text) => match python::members(text) {
            Some(members) => normalised(members, endpoint, ignores, out),
            None => out.push_str(&python::dumps(text).unwrap_or_default()),
        },
        Content::Text(text) => python::string(text, out),
        Content::Binary(bytes) => {
            out.push_str("{\"__base64__\": \"");
            out.push_str(&STANDARD.encode(bytes));
            out.push_str("\"}");
        }
    }
}

fn normalised(members: BTreeMap<String, &RawValue>, endpoint: &str, ignores: &[Ignored], out: &mut String) {
    let ignored = ignores.iter().filter(|ignored| ignored.endpoint == endpoint);
    let left_out: Vec<&[FieldStep]> =
        ignored.flat_map(|ignored| &ignored.fields).map(|path| path.0.as_slice()).collect();
    let mut members: BTreeMap<&str, &str> = members.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
    if endpoint == "/v1/completions" {
        members.entry("extra_body").or_insert("{}");
    } else if members.get("extra_body").is_some_and(|text| is_empty_object(text)) {
        members.remove("extra_body");
    }
    // `Content::of` has printed all of it before, so that no member can fail here.
    let _ = python::object(members.into_iter(), &left_out, out);
}

fn is_empty_object(text: &str) -> bool {
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).is_some_and(|text| text.trim().is_empty())
}

/// What a request's body is, for matching and for the file.
pub(super) enum Content<'a> {
    /// No byte.
    Empty,
    /// A JSON object or array.
    Json(&'a str),
    /// Any other text, single JSON values and broken JSON included.
    Text(&'a str),
    /// No UTF-8.
    Binary(&'a [u8]),
}

impl<'a> Content<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        if bytes.is_empty() {
            return Content::Empty;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Content::Binary(bytes) };
        let structured = text.trim_start().starts_with(['{', '[']);
        // The form that binary bodies take must not be taken by another body.
        let stands_for_bytes = || {
            text.contains("__base64__")
                && python::members(text).is_some_and(|members| members.len() == 1 && members.contains_key("__base64__"))
        };
        if structured && python::dumps(text).is_some() && !stands_for_bytes() {
            Content::Json(text)
        } else {
            Content::Text(text)
        }
    }
}

fn without_boundary<'a>(headers: &HeaderMap, body: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
    let Some(boundary) = boundary(headers) else { return body.into() };
    let mark = format!("--{boundary}").into_bytes();
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"--boundary");
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out.into()
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    kind.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty()).then(|| value.to_owned())
    })
}

/// Whether a request of this method without a body may be written as `{}` and come back as none.
pub(super) fn has_no_body_by_nature(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::FieldPath;

    const TOGETHER: &str = "https://api.together.xyz/v1";

    fn request(method: Method, endpoint: &str, body: &str) -> Request {
        Request {
            method,
            endpoint: endpoint.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
            auth: Auth::Provider,
            case: None,
        }
    }

    fn ignored(endpoint: &str, field: &str) -> Ignored {
        let step = |name: &str| if name == "*" { FieldStep::Every } else { FieldStep::Member(name.to_owned()) };
        Ignored { endpoint: endpoint.to_owned(), fields: vec![FieldPath(field.split('/').map(step).collect())] }
    }

    #[test]
    fn what_is_ignored_may_lie_deep() {
        let key_of = |body: &str| {
            let ignores =
                [ignored("/v1/x", "messages/*/id"), ignored("/v1/x", "metadata/trace"), ignored("/v1/y", "a")];
            key(&request(Method::POST, "/v1/x", body), TOGETHER, &ignores).canonical
        };
        let plain =
            r#"{"a": 1, "messages": [{"id": 1, "text": "a"}, {"text": "b"}], "metadata": {"trace": "x", "user": 1}}"#;
        let other =
            r#"{"a": 1, "messages": [{"text": "a"}, {"id": [2], "text": "b"}], "metadata": {"user": 1, "trace": {}}}"#;
        assert_eq!(key_of(plain), key_of(other));
        for changed in [("\"a\": 1", "\"a\": 2"), ("\"text\": \"b\"", "\"text\": \"c\""), ("\"user\"", "\"id\"")] {
            assert_ne!(key_of(plain), key_of(&plain.replacen(changed.0, changed.1, 1)), "{changed:?}");
        }
    }

    fn post(endpoint: &str, body: &str) -> Key {
        key(&request(Method::POST, endpoint, body), TOGETHER, &[])
    }

    #[test]
    fn names_are_those_that_python_gives() {
        let chat = "/v1/chat/completions";
        let model = "meta-llama/Llama-3.3-70B-Instruct-Turbo-Free";
        let multi_turn = format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":"Message A: What is the capital of France?"}},{{"role":"assistant","content":"The capital of France is Paris."}},{{"role":"user","content":"Message B: What about Spain?"}},{{"role":"assistant","content":"The capital of Spain is Madrid."}},{{"role":"user","content":"Message C: And Italy?"}}],"response_format":{{"type":"text"}},"stream":true}}"#
        );
        assert_eq!(post(chat, &multi_turn).name, "7550dd0d24bc");
        let completion = format!(
            r#"{{"model":"{model}","prompt":"Respond to this question and explain your answer. Complete the sentence using one word: Roses are red, violets are ","max_tokens":50,"stream":true}}"#
        );
        assert_eq!(post("/v1/completions", &completion).name, "511eb1b92e34");
        let hello =
            format!(r#"{{"stream":true,"messages":[{{"content":"Hello, world!","role":"user"}}],"model":"{model}"}}"#);
        assert_eq!(post(chat, &hello).name, "6730dcde0b73");
    }

    #[test]
    fn canonical_text_is_python_json() {
        insta::assert_snapshot!(
            post("/v1/completions", r#"{"prompt": "sōl", "temperature": 1e-5}"#).canonical,
            @r#"{"body": {"extra_body": {}, "prompt": "s\u014dl", "temperature": 1e-05}, "endpoint": "/v1/v1/completions", "method": "POST"}"#
        );
        insta::assert_snapshot!(
            key(&request(Method::GET, "/v1/models?limit=2", ""), "http://localhost:11434/", &[]).canonical,
            @r#"{"body": {}, "endpoint": "/v1/models?limit=2", "method": "GET"}"#
        );
    }

    #[test]
    fn what_is_below_the_base_and_what_is_at_the_root_of_the_server_are_two_requests() {
        let groq = |endpoint| key(&request(Method::POST, endpoint, "{}"), "https://api.groq.com/openai/v1", &[]);
        let (below, at_root) = (groq("/v1/chat/completions"), groq("//v1/chat/completions"));
        assert_ne!(below, at_root);
        let recorded = Exchange {
            request: request(Method::POST, "//v1/chat/completions", "{}"),
            url: "https://api.groq.com/openai/v1//v1/chat/completions".to_owned(),
            reply: crate::exchange::Reply {
                status: 200,
                headers: Vec::new(),
                body: Bytes::new(),
                chunks: Vec::new(),
                end: crate::exchange::End::Complete,
            },
            recorded_at: None,
            origin: crate::exchange::Origin::Real,
        };
        assert_eq!(key_of_recorded(&recorded, &[]), at_root);
    }

    #[test]
    fn extra_body_is_the_same_absent_or_empty() {
        assert_eq!(post("/v1/completions", "{}"), post("/v1/completions", r#"{"extra_body": { }}"#));
        assert_eq!(post("/v1/chat/completions", "{}"), post("/v1/chat/completions", r#"{"extra_body":{}}"#));
        assert_ne!(post("/v1/completions", "{}"), post("/v1/completions", r#"{"extra_body":{"a":1}}"#));
    }

    #[test]
    fn only_declared_fields_are_ignored_and_only_there() {
        let ignores = [ignored("/v1/embeddings", "encoding_format")];
        let key_of = |endpoint: &str, body: &str| key(&request(Method::POST, endpoint, body), TOGETHER, &ignores);
        let asked = r#"{"input":"a","encoding_format":"base64"}"#;
        assert_eq!(key_of("/v1/embeddings", asked), key_of("/v1/embeddings", r#"{"input":"a"}"#));
        assert_ne!(key_of("/v1/other", asked), key_of("/v1/other", r#"{"input":"a"}"#));
        assert_ne!(
            key_of("/v1/embeddings", r#"{"input":{"encoding_format":1}}"#),
            key_of("/v1/embeddings", r#"{"input":{}}"#)
        );
    }

    #[test]
    fn a_call_without_key_is_another_request() {
        let mut without = request(Method::POST, "/v1/embeddings", "{}");
        without.auth = Auth::None;
        assert_eq!(
            key(&without, TOGETHER, &[]).canonical,
            r#"{"auth": "none", "body": {}, "endpoint": "/v1/v1/embeddings", "method": "POST"}"#
        );
    }

    #[test]
    fn bodies_of_different_kinds_never_meet() {
        let bodies: [&[u8]; 6] = [b"{\"a\":", b"\xff\xfe", b"\"x\"", b"x", b"{\"__base64__\":\"//4=\"}", b"[]"];
        let mut seen = std::collections::BTreeSet::new();
        for body in bodies {
            let mut request = request(Method::POST, "/v1/x", "");
            request.body = Bytes::from_static(body);
            assert!(seen.insert(key(&request, TOGETHER, &[]).canonical), "{body:?}");
        }
    }

    #[test]
    fn a_multipart_boundary_does_not_count() {
        let form = |boundary: &str, text: &str| {
            let mut request = request(Method::POST, "/v1/audio/transcriptions", "");
            let kind = format!("multipart/form-data; boundary={boundary}");
            request.headers.insert("content-type", kind.parse().unwrap());
            request.body = format!("--{boundary}\r\n\r\n{text}\r\n--{boundary}--\r\n").into();
            key(&request, TOGETHER, &[])
        };
        assert_eq!(form("abc123", "hello"), form("xyz", "hello"));
        assert_ne!(form("abc123", "hello"), form("abc123", "hullo"));
    }

    #[test]
    fn names_of_this_machine_are_one_host() {
        for url in
            ["http://localhost:11434/v1", "http://127.0.0.1:11434", "http://0.0.0.0:11434/", "http://[::1]:11434"]
        {
            assert_eq!(host_of(url), "localhost:11434");
        }
        assert_eq!(host_of("https://user:word@API.together.xyz/v1"), "api.together.xyz");
    }

    proptest! {
        #[test]
        fn any_body_has_a_key_and_member_order_does_not_count(a in ".*", b in any::<f64>(), raw in proptest::collection::vec(any::<u8>(), 0..64)) {
            let (a, b) = (serde_json::to_string(&a).unwrap(), serde_json::to_string(&b).unwrap());
            prop_assert_eq!(
                post("/v1/x", &format!("{{\"a\":{a},\"b\":{b}}}")),
                post("/v1/x", &format!("{{ \"b\" : {b} , \"a\" : {a} }}"))
            );
            let mut request = request(Method::POST, "/v1/x", "");
            request.body = raw.into();
            prop_assert_eq!(key(&request, TOGETHER, &[]).name.len(), 12);
        }
    }
}
