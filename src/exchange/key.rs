//! Decides which requests count as the same: one function for recorder and player.
//!
//! Everything is compared, except for what is declared here and in the [`Rules`]:
//! - fields that the rules ignore at this endpoint are left out, and what their masks match is replaced;
//! - headers are left out, except for those that the rules name;
//! - `extra_body` is an argument of Python's client and is never sent. A completion without it counts as one with `{}`,
//!   as in recordings of other tools; elsewhere an empty one is left out;
//! - a missing body is `null`, or `{}` if requests of this method usually have no body;
//! - a compressed body is compared decoded, and a form by its parts, whatever its boundary;
//! - recognisable credentials are left out, because they are not recorded;
//! - a request that must go without a key differs from the same one with a key (`"auth": "none"`).
//!
//! A body that is a JSON object or array is compared as JSON, any other text as text (`"body": "…"`), and bytes that
//! are not text as `{"__base64__": "…"}`. A form is an object of its parts, with `"form": true` beside it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::body::Body;
use super::edits::{At, Edits, Masker, tree};
use super::model::{Auth, Request};
use super::rules::{Rules, endpoint_of};
use super::scrub::without_credentials;
use super::{header, multipart, python};
use crate::wire::hex::hex;

/// The identity of a request. Two keys are equal if their canonical texts are.
#[derive(Debug, Clone)]
pub struct Key {
    /// The first 12 hex digits of the SHA-256 of `canonical`: the stem of the recording's file name.
    pub name: String,
    /// What is compared: Python's `json.dumps(…, sort_keys=True)` of body, endpoint and method.
    pub canonical: String,
    /// The indexes in [`Rules::masks`] of the masks that matched; not part of the identity.
    pub hits: Vec<u16>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.canonical).cmp(&(&other.name, &other.canonical))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The key of a live or recorded request to a provider with this declared base URL.
pub fn key(request: &Request, base_url: &str, rules: &Rules) -> Key {
    Canon { request: &without_credentials(request), rules, is_older: false }.key(base_url)
}

/// The key that older versions of retake gave a request, if it differs: they took an empty body for `{}`, and did not
/// decode forms and compressed bodies.
pub fn older_key(request: &Request, base_url: &str, rules: &Rules) -> Option<Key> {
    let is_empty = request.body.is_empty() && !has_no_body_by_nature(&request.method);
    let is_packed = request.headers.contains_key(http::header::CONTENT_ENCODING);
    if !is_empty && !is_packed && multipart::boundary(&request.headers).is_none() {
        return None;
    }
    let older = Canon { request: &without_credentials(request), rules, is_older: true }.key(base_url);
    (older != key(request, base_url, rules)).then_some(older)
}

/// The host of a URL in lower case, with its port if it has one. All names of this machine count as one host.
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

/// Writes the canonical text of a request.
struct Canon<'r> {
    request: &'r Request,
    rules: &'r Rules,
    is_older: bool,
}

impl Canon<'_> {
    fn key(&self, base_url: &str) -> Key {
        let mut masker = Masker::new(&self.rules.masks);
        let canonical = self.text(base_url, &mut masker);
        let name = hex(&Sha256::digest(canonical.as_bytes())[..6]);
        Key { name, canonical, hits: masker.hits() }
    }

    fn text(&self, base_url: &str, masker: &mut Masker<'_>) -> String {
        let request = self.request;
        let body = if self.is_older { Body::as_before(request) } else { Body::of(request) };
        let mut out = String::from("{");
        if request.auth == Auth::None {
            out.push_str("\"auth\": \"none\", ");
        }
        out.push_str("\"body\": ");
        self.body(&body, masker, &mut out);
        out.push_str(", \"endpoint\": ");
        python::string(&format!("{}{}", path_of(base_url).trim_end_matches('/'), request.endpoint), &mut out);
        if body.is_form {
            out.push_str(", \"form\": true");
        }
        self.headers(&mut out);
        out.push_str(", \"method\": ");
        python::string(request.method.as_str(), &mut out);
        out.push('}');
        out
    }

    /// Writes the headers that count and are present.
    fn headers(&self, out: &mut String) {
        let mut found = BTreeMap::new();
        for name in &self.rules.match_headers {
            let values: Vec<String> =
                self.request.headers.get_all(name).iter().map(|value| header::text(value.as_bytes())).collect();
            if !values.is_empty() {
                // The values of a header may be sent as one header or as several.
                found.insert(name, values.join(", "));
            }
        }
        for (at, (name, value)) in found.iter().enumerate() {
            out.push_str(if at == 0 { ", \"headers\": {" } else { ", " });
            python::string(name, out);
            out.push_str(": ");
            python::string(value, out);
        }
        if !found.is_empty() {
            out.push('}');
        }
    }

    fn body(&self, body: &Body<'_>, masker: &mut Masker<'_>, out: &mut String) {
        let edits = |tree: &dyn Fn() -> Value| Edits::of(self.rules, endpoint_of(&self.request.endpoint), tree);
        match body.content() {
            Content::Empty if self.is_older || has_no_body_by_nature(&self.request.method) => {
                self.members(BTreeMap::new(), body, &At::default(), masker, out);
            }
            Content::Empty => out.push_str("null"),
            Content::Json { text, printed } => {
                let edits = edits(&|| tree(text));
                if edits.is_none() && !self.has_extra_body(text) {
                    return out.push_str(&printed);
                }
                let at = At::top(edits.as_ref());
                match python::members(text) {
                    Some(members) => self.members(members, body, &at, masker, out),
                    None => {
                        // `Content::of` has printed the same text, so this cannot fail.
                        let _ = python::value(text, &at, masker, out);
                    }
                }
            }
            Content::Text(text) => {
                let edits = edits(&|| text.into());
                python::string(&masker.masked(text, &At::top(edits.as_ref())), out);
            }
            Content::Binary(bytes) => {
                out.push_str("{\"__base64__\": \"");
                out.push_str(&STANDARD.encode(bytes));
                out.push_str("\"}");
            }
        }
    }

    /// Whether `extra_body`, which is never sent, may be present or must be added.
    fn has_extra_body(&self, text: &str) -> bool {
        self.is_completion() || text.contains("extra_body")
    }

    fn is_completion(&self) -> bool {
        self.request.endpoint.split('?').next() == Some("/v1/completions")
    }

    fn members(
        &self,
        members: BTreeMap<String, &RawValue>,
        body: &Body<'_>,
        at: &At<'_>,
        masker: &mut Masker<'_>,
        out: &mut String,
    ) {
        let mut members: BTreeMap<&str, &str> = members.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
        if body.is_form {
            // A form's part may have any name.
        } else if self.is_completion() {
            members.entry("extra_body").or_insert("{}");
        } else if members.get("extra_body").is_some_and(|text| is_empty_object(text)) {
            members.remove("extra_body");
        }
        // `Content::of` has printed all members, so this cannot fail.
        let _ = python::object(members.into_iter(), at, masker, out);
    }
}

fn is_empty_object(text: &str) -> bool {
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).is_some_and(|text| text.trim().is_empty())
}

/// The content of a request's body, for matching and for the file.
pub(super) enum Content<'a> {
    /// No bytes.
    Empty,
    /// A JSON object or array, and the same as Python prints it.
    Json { text: &'a str, printed: String },
    /// Any other text, single JSON values and broken JSON included.
    Text(&'a str),
    /// Not UTF-8.
    Binary(&'a [u8]),
}

impl<'a> Content<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        if bytes.is_empty() {
            return Content::Empty;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Content::Binary(bytes) };
        let structured = text.trim_start().starts_with(['{', '[']);
        // This form is reserved for binary bodies: another body that looks like it must not be mistaken for one.
        let stands_for_bytes = || {
            text.contains("__base64__")
                && python::members(text).is_some_and(|members| members.len() == 1 && members.contains_key("__base64__"))
        };
        match structured.then(|| python::dumps(text)).flatten() {
            Some(printed) if !stands_for_bytes() => Content::Json { text, printed },
            _ => Content::Text(text),
        }
    }
}

/// Whether requests of this method usually have no body: a missing one is then written as `{}` and read back as none.
pub(super) fn has_no_body_by_nature(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS)
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
