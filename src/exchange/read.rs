//! The text of a recording's file, ours or another tool's, as a value.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{Recording, kind_of};
use super::framing::{self, Kind, Segment};
use super::key::has_no_body_by_nature;
use super::owners::{MOST_REPEATS, Named, Owners, Repeats, Times};
use super::{Auth, ChunkMark, End, Exchange, Origin, Reply, Request, header, layout};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Why a text is no recording, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct FormatError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong, and what to do about it where that is not plain.
    pub reason: String,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    request: FileRequest<'a>,
    #[serde(borrow)]
    response: FileResponse<'a>,
    #[serde(borrow, default)]
    retake: Option<&'a RawValue>,
    /// The test that recorded it, where another tool says so.
    #[serde(default, deserialize_with = "text_if_any")]
    test_id: Option<String>,
}

#[derive(Deserialize)]
struct FileRequest<'a> {
    method: String,
    url: String,
    #[serde(default)]
    headers: Headers,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    endpoint: String,
}

#[derive(Deserialize)]
struct FileResponse<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    is_streaming: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "__type__", default)]
    type_name: String,
    #[serde(rename = "__data__", borrow)]
    data: &'a RawValue,
}

/// Either way of writing headers.
#[derive(Deserialize, Default)]
#[serde(transparent)]
struct Headers(serde_json::Value);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(rename = "version")]
    _version: IgnoredAny,
    status: u16,
    #[serde(default)]
    headers: Headers,
    recorded_at: Option<String>,
    #[serde(default)]
    auth: SectionAuth,
    times: Option<u32>,
    #[serde(default)]
    repeat: bool,
    repeats: Option<String>,
    #[serde(default)]
    cases: Cases,
    #[serde(default)]
    expected: bool,
    #[serde(default)]
    chunks: Vec<(usize, u64)>,
    segments: Option<Vec<FileSegment>>,
    #[serde(default)]
    end: SectionEnd,
    #[serde(default)]
    origin: SectionOrigin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSegment {
    count: Option<usize>,
    before: Option<String>,
    after: Option<String>,
    #[serde(default)]
    spaced: bool,
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    item: bool,
}

/// The cases that a recording is for: with their repeats, or, in files of an older retake, without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Cases {
    WithRepeats(BTreeMap<String, String>),
    Plain(BTreeSet<String>),
}

impl Default for Cases {
    fn default() -> Self {
        Cases::Plain(BTreeSet::new())
    }
}

impl Cases {
    fn names(self) -> BTreeSet<String> {
        match self {
            Cases::WithRepeats(cases) => cases.into_keys().collect(),
            Cases::Plain(cases) => cases,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum SectionAuth {
    #[default]
    Provider,
    None,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum SectionEnd {
    #[default]
    Complete,
    Broken(String),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum SectionOrigin {
    #[default]
    Real,
    Simulated,
}

/// Reads the text of a recording.
pub fn read(text: &str) -> Result<Recording, FormatError> {
    Reader { text }.recording()
}

/// What was asked, of a recording.
#[derive(Debug)]
pub struct RecordedRequest {
    /// The request.
    pub request: Request,
    /// The URL it went to.
    pub url: String,
    /// The cases that recorded it.
    pub cases: BTreeSet<String>,
}

/// Only what was asked, of a recording's text: for searching among many.
pub fn read_request(text: &str) -> Result<RecordedRequest, FormatError> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        request: FileRequest<'a>,
        #[serde(borrow, default)]
        retake: Option<&'a RawValue>,
        #[serde(default, deserialize_with = "text_if_any")]
        test_id: Option<String>,
    }
    #[derive(Deserialize, Default)]
    struct Asker {
        #[serde(default)]
        auth: SectionAuth,
        #[serde(default)]
        cases: Cases,
    }
    let reader = Reader { text };
    let asked: Asked = reader.parse(text)?;
    let asker = match asked.retake {
        Some(raw) => reader.parse::<Asker>(raw.get())?,
        None => Asker::default(),
    };
    let mut cases = asker.cases.names();
    cases.extend(asked.test_id);
    let url = asked.request.url.clone();
    Ok(RecordedRequest { request: reader.request(asked.request, &asker.auth)?, url, cases })
}

/// What is no text is another tool's own affair.
fn text_if_any<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn recording(&self) -> Result<Recording, FormatError> {
        match self.text.trim_start().chars().next() {
            Some('{') => {}
            None => return Err(self.error(self.text, "the file is empty".to_owned())),
            Some(_) => {
                let reason = "a recording is a JSON object with `request` and `response`".to_owned();
                return Err(self.error(self.text, reason));
            }
        }
        let file: File = self.parse(self.text)?;
        let mut recording = match file.retake {
            Some(raw) => self.ours(file.request, &file.response, raw)?,
            None => self.foreign(file.request, &file.response)?,
        };
        if let (Owners::ByOrder { cases, .. }, Some(test)) = (&mut recording.owners, file.test_id) {
            cases.insert(test);
        }
        Ok(recording)
    }

    fn ours(
        &self,
        request: FileRequest<'_>,
        response: &FileResponse<'a>,
        raw: &'a RawValue,
    ) -> Result<Recording, FormatError> {
        self.check_version(raw)?;
        let mut section: Section = self.parse(raw.get())?;
        let place = |member: &str| raw.get().find(member).map_or(raw.get(), |at| &raw.get()[at..]);
        let headers = section.headers.pairs().map_err(|reason| self.error(place("\"headers\""), reason))?;
        let owners = section.owners().map_err(|(member, reason)| self.error(place(member), reason))?;
        let kind = kind_of(&headers);
        let items = self.items(response)?;
        let items: Vec<&str> = items.iter().map(|item| item.data).collect();
        let body = match section.segments {
            Some(segments) => segments
                .into_iter()
                .map(|segment| segment.checked(kind))
                .collect::<Result<Vec<_>, _>>()
                .and_then(|segments| framing::assemble(&items, &segments, kind)),
            None => framing::assemble(&items, &usual(items.len(), kind), kind),
        }
        .map_err(|reason| self.error(place("\"segments\""), reason))?;
        let chunks: Vec<ChunkMark> =
            section.chunks.into_iter().map(|(size, at_ms)| ChunkMark { size, at_ms }).collect();
        let sum = chunks.iter().fold(0_usize, |sum, chunk| sum.saturating_add(chunk.size));
        if !chunks.is_empty() && sum != body.len() {
            let reason = format!(
                "the chunks add up to {sum} bytes, but the body has {}: `\"chunks\": []` gives it in one piece",
                body.len()
            );
            return Err(self.error(place("\"chunks\""), reason));
        }
        let end = match section.end {
            SectionEnd::Complete => End::Complete,
            SectionEnd::Broken(how) => End::Broken(how),
        };
        let origin = match section.origin {
            SectionOrigin::Real => Origin::Real,
            SectionOrigin::Simulated => Origin::Simulated,
        };
        let url = request.url.clone();
        let request = self.request(request, &section.auth)?;
        let reply = Reply { status: section.status, headers, body: body.into(), chunks, end };
        let exchange = Exchange { request, url, reply, recorded_at: section.recorded_at, origin };
        Ok(Recording { exchange, owners, expected: section.expected })
    }

    fn check_version(&self, raw: &'a RawValue) -> Result<(), FormatError> {
        #[derive(Deserialize)]
        struct VersionOnly<'b> {
            #[serde(borrow)]
            version: &'b RawValue,
        }
        let version = self.parse::<VersionOnly<'_>>(raw.get())?.version.get();
        match version.trim_matches('"').split('.').next().and_then(|major| major.parse::<u32>().ok()) {
            Some(1) => Ok(()),
            _ => Err(self.error(
                raw.get(),
                format!(
                    "the recording has version {version}, and this retake reads up to 1: update retake, or record the \
                     exchange anew"
                ),
            )),
        }
    }

    /// A recording of another tool: only bodies, so the usual status, headers and framing.
    fn foreign(&self, request: FileRequest<'_>, response: &FileResponse<'a>) -> Result<Recording, FormatError> {
        let items = self.items(response)?;
        let of_ollama = items.first().is_some_and(|item| item.type_name.starts_with("ollama."));
        let (kind, content_type) = match (response.is_streaming, of_ollama) {
            (true, true) => (Kind::Lines, "application/x-ndjson"),
            (true, false) => (Kind::Events, "text/event-stream"),
            (false, _) => (Kind::Whole, "application/json"),
        };
        let (before, after) = kind.frame();
        let mut pieces: Vec<String> =
            items.iter().map(|item| format!("{before}{}{after}", layout::minify(item.data))).collect();
        if kind == Kind::Events {
            pieces.push("data: [DONE]\n\n".to_owned());
        }
        if kind == Kind::Whole && is_list(response.body.get()) {
            let list: Vec<String> = items.iter().map(|item| layout::minify(item.data)).collect();
            pieces = vec![format!("[{}]", list.join(","))];
        }
        let reply = Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            chunks: pieces.iter().map(|piece| ChunkMark { size: piece.len(), at_ms: 0 }).collect(),
            body: pieces.concat().into(),
            end: End::Complete,
        };
        let url = request.url.clone();
        let request = self.request(request, &SectionAuth::Provider)?;
        let exchange = Exchange { request, url, reply, recorded_at: None, origin: Origin::Real };
        let owners = Owners::ByOrder { times: Times::Any, cases: BTreeSet::new() };
        Ok(Recording { exchange, owners, expected: true })
    }

    fn items(&self, response: &FileResponse<'a>) -> Result<Vec<Item<'a>>, FormatError> {
        let text = response.body.get();
        if is_list(text) {
            let list: Vec<&RawValue> = self.parse(text)?;
            return list.into_iter().map(|raw| self.item(raw)).collect();
        }
        if response.is_streaming {
            let reason = "the body of a streamed response is a list with one item a chunk".to_owned();
            return Err(self.error(text, reason));
        }
        if text == "null" {
            return Ok(Vec::new());
        }
        Ok(vec![self.item(response.body)?])
    }

    /// What an envelope holds; what has none is the item itself.
    fn item(&self, raw: &'a RawValue) -> Result<Item<'a>, FormatError> {
        if raw.get().starts_with('{') && raw.get().contains("__data__") {
            let envelope: Envelope = self.parse(raw.get())?;
            return Ok(Item { type_name: envelope.type_name, data: envelope.data.get() });
        }
        Ok(Item { type_name: String::new(), data: raw.get() })
    }

    fn request(&self, file: FileRequest<'_>, auth: &SectionAuth) -> Result<Request, FormatError> {
        let place = |member: &str| self.text.find(member).map_or(self.text, |at| &self.text[at..]);
        let method = Method::from_bytes(file.method.as_bytes())
            .map_err(|_| self.error(place("\"method\""), format!("`{}` is no HTTP method", file.method)))?;
        let mut headers = HeaderMap::new();
        for (name, value) in file.headers.pairs().map_err(|reason| self.error(place("\"headers\""), reason))? {
            let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&header::bytes(&value)))
            else {
                return Err(self.error(place("\"headers\""), format!("`{name}` is no header that HTTP can carry")));
            };
            headers.append(name, value);
        }
        let body = file.body.map_or_else(Bytes::new, |raw| request_body(raw.get()));
        let body = if has_no_body_by_nature(&method) && body.as_ref() == b"{}" { Bytes::new() } else { body };
        let auth = match auth {
            SectionAuth::Provider => Auth::Provider,
            SectionAuth::None => Auth::None,
        };
        Ok(Request { method, endpoint: file.endpoint, headers, body, auth, case: None })
    }

    /// Parses a part of the text; errors stand where they are in the whole.
    fn parse<'b, T: Deserialize<'b>>(&self, part: &'b str) -> Result<T, FormatError> {
        serde_json::from_str(part).map_err(|error| {
            let (line, column) = self.place(part);
            let (inner_line, inner_column) = (error.line().max(1), error.column().max(1));
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or_default().to_owned();
            FormatError {
                line: line + inner_line - 1,
                column: if inner_line == 1 { column + inner_column - 1 } else { inner_column },
                reason,
            }
        })
    }

    fn error(&self, part: &str, reason: String) -> FormatError {
        let (line, column) = self.place(part);
        FormatError { line, column, reason }
    }

    /// Line and column of a slice of the text.
    fn place(&self, part: &str) -> (usize, usize) {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl Section {
    /// For whom the recording is. `Err` names the member that is wrong.
    fn owners(&mut self) -> Result<Owners, (&'static str, String)> {
        let times = match (self.repeat, self.times) {
            (true, _) => Times::Any,
            (false, None) => Times::Count(1),
            (false, Some(times @ 1..=MOST_REPEATS)) => Times::Count(times),
            (false, Some(_)) => {
                let reason = format!("`times` is from 1 to {MOST_REPEATS}; `\"repeat\": true` allows any number");
                return Err(("\"times\"", reason));
            }
        };
        let repeats = |text: &str, member| text.parse::<Repeats>().map_err(|reason| (member, reason));
        let anyone = self.repeats.as_deref().map(|text| repeats(text, "\"repeats\"")).transpose()?;
        match (std::mem::take(&mut self.cases), anyone) {
            (Cases::Plain(cases), None) => Ok(Owners::ByOrder { times, cases }),
            (cases, anyone) => {
                let cases = match cases {
                    Cases::WithRepeats(cases) => cases,
                    Cases::Plain(cases) => cases.into_iter().map(|case| (case, "1".to_owned())).collect(),
                };
                let cases = cases.into_iter().map(|(case, text)| Ok((case, repeats(&text, "\"cases\"")?)));
                let cases = cases.collect::<Result<_, _>>()?;
                Ok(Owners::Named(Named { anyone: anyone.unwrap_or_default(), cases, and_further: self.repeat }))
            }
        }
    }
}

struct Item<'a> {
    type_name: String,
    data: &'a str,
}

fn is_list(text: &str) -> bool {
    text.starts_with('[')
}

fn usual(count: usize, kind: Kind) -> Vec<Segment> {
    let (before, after) = kind.frame();
    let mut segments =
        vec![Segment::Items { count, before: before.to_owned(), after: after.to_owned(), spaced: false }];
    if kind == Kind::Events {
        segments.push(Segment::Raw { bytes: b"data: [DONE]\n\n".to_vec(), item: false });
    }
    segments
}

fn request_body(json: &str) -> Bytes {
    if json == "null" {
        return Bytes::new();
    }
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return text.into();
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Binary {
        #[serde(rename = "__base64__")]
        base64: String,
    }
    if let Ok(binary) = serde_json::from_str::<Binary>(json)
        && let Ok(bytes) = STANDARD.decode(binary.base64)
    {
        return bytes.into();
    }
    layout::minify(json).into()
}

impl FileSegment {
    fn checked(self, kind: Kind) -> Result<Segment, String> {
        let (before, after) = kind.frame();
        match (self.count, self.text, self.base64) {
            (Some(count), None, None) if !self.item => Ok(Segment::Items {
                count,
                before: self.before.unwrap_or_else(|| before.to_owned()),
                after: self.after.unwrap_or_else(|| after.to_owned()),
                spaced: self.spaced,
            }),
            (None, Some(text), None) => Ok(Segment::Raw { bytes: text.into_bytes(), item: self.item }),
            (None, None, Some(base64)) => STANDARD
                .decode(base64)
                .map(|bytes| Segment::Raw { bytes, item: self.item })
                .map_err(|error| format!("a segment's `base64` cannot be decoded: {error}")),
            _ => Err("a segment has one of `count`, `text` and `base64`, and `item` only beside the latter two".into()),
        }
    }
}

impl Headers {
    fn pairs(&self) -> Result<Vec<(String, String)>, String> {
        use serde_json::Value;
        let wrong = || "headers are an object of strings or lists of strings, or a list of [name, value]".to_owned();
        let mut pairs = Vec::new();
        match &self.0 {
            Value::Null => {}
            Value::Object(members) => {
                for (name, value) in members {
                    let values = match value {
                        Value::Array(values) => values.as_slice(),
                        one => std::slice::from_ref(one),
                    };
                    for value in values {
                        pairs.push((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned()));
                    }
                }
            }
            Value::Array(list) => {
                for pair in list {
                    let [Value::String(name), Value::String(value)] = pair.as_array().map_or(&[][..], Vec::as_slice)
                    else {
                        return Err(wrong());
                    };
                    pairs.push((name.clone(), value.clone()));
                }
            }
            _ => return Err(wrong()),
        }
        Ok(pairs)
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
