//! The steps of a case: request, captures, polling.

use std::time::Duration;

use super::lower::lower_expect;
use super::names::Declared;
use super::parse::Reader;
use super::raw::{RawRequest, RawStep};
use super::{Auth, Body, Capture, CaptureFrom, Expect, RequestTemplate, Step};
use crate::yaml::{Pairs, Place, Spanned};

/// The longest that `eventually` may ask again.
const LONGEST: f64 = 86_400.0;

impl Reader<'_> {
    /// Reads a step; what it captures is declared for the steps after it.
    pub(super) fn step(&mut self, declared: &mut Declared, raw: Spanned<RawStep>) -> Step {
        let (place, raw) = (raw.place, raw.value);
        let request = self.request(declared, raw.request);
        let expect = raw.expect.map_or_else(Expect::default, |expect| lower_expect(self, declared, expect.value));
        let capture = self.captures(declared, raw.capture.unwrap_or_default());
        let eventually = raw.eventually.and_then(|text| self.duration(&text));
        Step { place, name: raw.name, request, expect, capture, eventually }
    }

    fn request(&mut self, declared: &Declared, raw: Spanned<RawRequest>) -> RequestTemplate {
        let (place, raw) = (raw.place, raw.value);
        let methods = [
            (http::Method::GET, raw.get),
            (http::Method::POST, raw.post),
            (http::Method::PUT, raw.put),
            (http::Method::PATCH, raw.patch),
            (http::Method::DELETE, raw.delete),
            (http::Method::HEAD, raw.head),
        ];
        let mut given: Vec<_> = methods.into_iter().filter_map(|(method, path)| Some((method, path?))).collect();
        if given.len() != 1 {
            self.error(place, 1, "a request has exactly one of get, post, put, patch, delete, head")
                .push_help("write `get: /v1/models`, for example");
        }
        let (method, path) = given.pop().unwrap_or((http::Method::GET, Spanned { value: "/".into(), place }));
        self.path(declared, &path);
        let auth = self.auth(raw.auth);
        let headers = raw.headers.0.into_iter().map(|(name, value)| self.sent_header(declared, name, value)).collect();
        let body = self.body(declared, raw.body, raw.raw);
        RequestTemplate { method, path: path.value, headers, body, auth }
    }

    fn path(&mut self, declared: &Declared, path: &Spanned<String>) {
        let text = &path.value;
        if !text.starts_with('/') {
            self.wrong(path, format!("the path `{text}` begins with no `/`"))
                .push_help("write the API's own path, such as `/v1/chat/completions`");
        } else if text.split("${").map(after_name).any(|text| text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#')) {
            self.wrong(path, format!("the path `{}` cannot be sent as it stands", text.escape_debug()))
                .push_help("write `%20` for a space and `%23` for `#`");
        }
        self.names_in_text(declared, path.place, text);
    }

    fn auth(&mut self, word: Option<Spanned<String>>) -> Auth {
        match word {
            None => Auth::Provider,
            Some(word) => match word.value.as_str() {
                "none" => Auth::None,
                "provider" => Auth::Provider,
                _ => {
                    self.unknown(&word, "auth", &["none", "provider"]);
                    Auth::Provider
                }
            },
        }
    }

    fn sent_header(
        &mut self,
        declared: &Declared,
        name: Spanned<String>,
        value: Spanned<String>,
    ) -> (String, String) {
        self.header(&name);
        if http::HeaderValue::from_str(&value.value).is_err() {
            self.error(value.place, 1, format!("the value of header `{}` cannot be sent", name.value))
                .push_help("a header's value is one line of visible characters");
        }
        self.names_in_text(declared, value.place, &value.value);
        (name.value, value.value)
    }

    pub(super) fn header(&mut self, name: &Spanned<String>) {
        if name.value.parse::<http::HeaderName>().is_err() {
            self.wrong(name, format!("`{}` is no header name", name.value))
                .push_help("header names are letters, digits and dashes");
        }
    }

    fn body(&mut self, declared: &Declared, body: Option<Spanned<serde_json::Value>>, raw: Option<Spanned<String>>) -> Body {
        match (body, raw) {
            (None, None) => Body::None,
            (Some(body), None) => {
                self.names(declared, body.place, &body.value);
                Body::Json(body.value)
            }
            (None, Some(raw)) => {
                self.names_in_text(declared, raw.place, &raw.value);
                Body::Raw(raw.value)
            }
            (Some(_), Some(raw)) => {
                self.error(raw.place, 1, "a request has either `body` or `raw`")
                    .push_help("`body` is JSON, `raw` is text sent as it stands: keep one");
                Body::None
            }
        }
    }

    fn captures(&mut self, declared: &mut Declared, raw: Pairs<Spanned<String>>) -> Vec<Capture> {
        let mut captures = Vec::new();
        for (name, from) in raw.0 {
            self.name_of_value(&name, "a capture");
            if declared.params.iter().any(|param| param.name == name.value) {
                self.wrong(&name, format!("`{}` is a parameter already", name.value))
                    .push_help("choose another name for the capture");
            }
            let source = self.capture_from(&from);
            declared.captures.push(name.value.clone());
            captures.extend(source.map(|from| Capture { name: name.value, from, place: name.place }));
        }
        captures
    }

    fn capture_from(&mut self, from: &Spanned<String>) -> Option<CaptureFrom> {
        match from.value.as_str() {
            "text" => Some(CaptureFrom::Text),
            "tool_calls" => Some(CaptureFrom::ToolCalls),
            path if path.starts_with('$') => self.json_path(from).map(CaptureFrom::Json),
            other => {
                if let Some(header) = other.strip_prefix("header ") {
                    let header = header.trim().to_owned();
                    self.header(&Spanned { value: header.clone(), place: from.place });
                    return Some(CaptureFrom::Header(header));
                }
                self.wrong(from, format!("`{other}` is nothing to capture"))
                    .push_help("write a JSONPath (`$.id`), `text`, `tool_calls`, or `header NAME`");
                None
            }
        }
    }

    /// Reads an RFC 9535 JSONPath; a mistake is shown at its place inside the string.
    pub(super) fn json_path(&mut self, text: &Spanned<String>) -> Option<serde_json_path::JsonPath> {
        match serde_json_path::JsonPath::parse(&text.value) {
            Ok(path) => Some(path),
            Err(error) => {
                let before = text.value.get(..error.position()).unwrap_or(&text.value).chars().count() as u32;
                let written = &self.source.text[text.place.to_byte(&self.source.text)..];
                let quote = u32::from(written.starts_with(['"', '\'']));
                let place = Place { column: text.place.column + quote + before, ..text.place };
                let reason = match error.message() {
                    "parser error" => format!("`{}` is no JSONPath", text.value),
                    message => format!("`{}` is no JSONPath: {message}", text.value),
                };
                self.error(place, 1, reason).push_help("paths follow RFC 9535: `$.choices[0].message.content`");
                None
            }
        }
    }

    fn duration(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let digits = text.value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text.value[digits.len()..] {
            "ms" => Some(0.001),
            "s" => Some(1.0),
            "m" => Some(60.0),
            _ => None,
        };
        let time = unit.zip(digits.trim().parse::<f64>().ok()).map(|(unit, number)| number * unit);
        let time = time.filter(|time| *time > 0.0 && *time <= LONGEST).map(Duration::from_secs_f64);
        if time.is_none() {
            self.wrong(text, format!("`{}` is no time", text.value))
                .push_help("write a number with `ms`, `s` or `m`, such as `10s`; a day is the most");
        }
        time
    }
}

/// What follows a `${…}`.
fn after_name(text: &str) -> &str {
    text.split_once('}').map_or(text, |(_, after)| after)
}
