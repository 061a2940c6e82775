//! Reads the `retake` section, and the recordings that have one.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::digest::digest;
use super::extra::{Extra, Segments};
use super::file::{self, File, Headers, OF_FILE, OF_REQUEST, OF_RESPONSE};
use super::format::kind_of;
use super::framing::{self, Segment};
use super::key::has_no_body_by_nature;
use super::large::Large;
use super::model::{Auth, ChunkMark, End, Exchange, Origin, Reply, Request};
use super::owners::{MOST_REPEATS, Named, Owners, Repeats, Times};
use super::parts::{FormatError, Members, Text};
use super::recording::{RecordedRequest, Recording};
use super::trouble::Ended;
use super::version::{CURRENT, Version};
use crate::wire::BodyKind;

/// All members of the section, read by [`Head`] and [`Body`].
const MEMBERS: &[&str] = &[
    "version",
    "status",
    "headers",
    "recorded_at",
    "auth",
    "times",
    "repeat",
    "repeats",
    "cases",
    "expected",
    "chunks",
    "segments",
    "end",
    "ended",
    "digest",
    "origin",
];
const MEMBERS_OF_SEGMENT: &[&str] = &["count", "before", "after", "spaced", "text", "base64", "item"];

/// No reply takes longer than a day: a later time is a mistake, and replay must not wait for it.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;

/// The owners and the origin of a recording: all that an index needs.
struct Head {
    auth: Asker,
    times: Option<u32>,
    repeat: bool,
    repeats: Option<String>,
    cases: Cases,
    expected: bool,
    origin: Source,
}

impl Head {
    fn read<'a>(text: Text<'a>, section: &Members<'a>) -> Result<Self, FormatError> {
        Ok(Head {
            auth: section.or_default(text, "auth")?,
            times: section.or_default(text, "times")?,
            repeat: section.or_default(text, "repeat")?,
            repeats: section.or_default(text, "repeats")?,
            cases: section.or_default(text, "cases")?,
            expected: section.or_default(text, "expected")?,
            origin: section.or_default(text, "origin")?,
        })
    }
}

/// The part of the section about the reply.
struct Body {
    status: u16,
    headers: Headers,
    recorded_at: Option<String>,
    chunks: Vec<(usize, u64)>,
    end: Ending,
    digest: Option<String>,
    /// For people and other tools only: retake goes by the bytes of the reply.
    _ended: Option<Ended>,
}

impl Body {
    fn read<'a>(text: Text<'a>, section: &Members<'a>) -> Result<Self, FormatError> {
        Ok(Body {
            status: section.need(text, "status")?,
            headers: section.or_default(text, "headers")?,
            recorded_at: section.or_default(text, "recorded_at")?,
            chunks: section.or_default(text, "chunks")?,
            end: section.or_default(text, "end")?,
            digest: section.or_default(text, "digest")?,
            _ended: section.or_default(text, "ended")?,
        })
    }
}

#[derive(Deserialize)]
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

/// The cases that a recording is for: with their repeats, or without them in files of older versions.
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

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Asker {
    #[default]
    Provider,
    None,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Ending {
    #[default]
    Complete,
    Broken(String),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Source {
    #[default]
    Real,
    Simulated,
}

/// The section of a file, with the head already read.
struct Section<'a> {
    text: Text<'a>,
    members: Members<'a>,
    head: Head,
    newer: Option<Version>,
}

/// Reads a file that has our section. `large` is the body, if it was left out of the text; `None` if what was left out
/// is not the whole body.
pub(super) fn recording(
    file: &File<'_>,
    section: &str,
    large: Option<Large>,
) -> Result<Option<Recording>, FormatError> {
    let section = Section::open(file.text, section)?;
    let (owners, request, url) = section.asked(file)?;
    let response = file.response()?;
    let body = Body::read(file.text, &section.members).map_err(|error| with_hint(error, section.newer))?;
    let headers = body.headers.pairs().map_err(|reason| section.wrong("headers", reason))?;
    let (bytes, segments) = section.bytes(file, &response, kind_of(&headers))?;
    if large.is_some() && !(bytes.is_empty() && segments.is_empty()) {
        return Ok(None);
    }
    let length = large.as_ref().map_or(bytes.len() as u64, Large::length);
    let chunks: Vec<ChunkMark> = body.chunks.into_iter().map(|(size, at_ms)| ChunkMark { size, at_ms }).collect();
    let sum = chunks.iter().fold(0_u64, |sum, chunk| sum.saturating_add(chunk.size as u64));
    if !chunks.is_empty() && sum != length {
        let reason = format!(
            "the chunks add up to {sum} bytes, but the body has {length}: `\"chunks\": []` gives it in one piece"
        );
        return Err(section.wrong("chunks", reason));
    }
    if let Some(late) = chunks.iter().find(|chunk| chunk.at_ms > LONGEST_MS) {
        let reason = format!(
            "a chunk that came after {} ms, which is more than a day: correct the time, or record the exchange anew",
            late.at_ms
        );
        return Err(section.wrong("chunks", reason));
    }
    let end = match body.end {
        Ending::Complete => End::Complete,
        Ending::Broken(how) => End::Broken(how),
    };
    let reply = Reply { status: body.status, headers, body: bytes.into(), large, chunks, end };
    let origin = section.origin();
    let exchange = Exchange { request, url, reply, recorded_at: body.recorded_at, origin };
    let edited = match body.digest {
        Some(recorded) => {
            let now = digest(&exchange).map_err(|error| section.wrong("segments", error.to_string()))?;
            (recorded != now).then_some(recorded)
        }
        None => None,
    };
    Ok(Some(Recording {
        edited,
        expected: section.head.expected,
        extra: Extra {
            newer: section.newer,
            file: file.top.beside(OF_FILE),
            request: file.request.beside(OF_REQUEST),
            response: response.beside(OF_RESPONSE),
            section: section.members.beside(MEMBERS),
            segments,
        },
        ..Recording::new(exchange, owners)
    }))
}

/// Reads everything except the reply.
pub(super) fn recorded_request(file: &File<'_>, section: &str) -> Result<RecordedRequest, FormatError> {
    let section = Section::open(file.text, section)?;
    let (owners, request, url) = section.asked(file)?;
    let (origin, expected) = (section.origin(), section.head.expected);
    Ok(RecordedRequest { request, url, owners, origin, expected, is_foreign: false })
}

impl<'a> Section<'a> {
    fn open(text: Text<'a>, section: &'a str) -> Result<Self, FormatError> {
        let members = text.members(section)?;
        let version = version_of(text, &members)?;
        let newer = (version > CURRENT).then_some(version);
        if newer.is_none() {
            only_known(text, &members, MEMBERS, "the `retake` section")?;
        }
        let head = Head::read(text, &members).map_err(|error| with_hint(error, newer))?;
        Ok(Section { text, members, head, newer })
    }

    fn parse<T: Deserialize<'a>>(&self, part: &'a str) -> Result<T, FormatError> {
        self.text.parse(part).map_err(|error| with_hint(error, self.newer))
    }

    fn wrong(&self, member: &str, reason: String) -> FormatError {
        with_hint(self.text.error(self.members.place(member), reason), self.newer)
    }

    fn origin(&self) -> Origin {
        match self.head.origin {
            Source::Real => Origin::Real,
            Source::Simulated => Origin::Simulated,
        }
    }

    /// Which cases the recording is for, the request, and the URL that it was sent to.
    fn asked(&self, file: &File<'_>) -> Result<(Owners, Request, String), FormatError> {
        let mut owners = self.head.owners().map_err(|(member, reason)| self.wrong(member, reason))?;
        if let (Owners::ByOrder { cases, .. }, Some(test)) = (&mut owners, file.test_id()) {
            cases.insert(test);
        }
        let method = file.method()?;
        let body = file.request.get("body").map(file::request_body).unwrap_or_default();
        let body = if has_no_body_by_nature(&method) && body.as_ref() == b"{}" { Default::default() } else { body };
        let auth = match self.head.auth {
            Asker::Provider => Auth::Provider,
            Asker::None => Auth::None,
        };
        let endpoint = file.request.need(file.text, "endpoint")?;
        let url = file.request.need(file.text, "url")?;
        Ok((owners, file.asked(method, endpoint, body, auth)?, url))
    }

    /// The bytes of the body; also the segments, if any of them has unknown members.
    fn bytes(
        &self,
        file: &File<'a>,
        response: &Members<'a>,
        kind: BodyKind,
    ) -> Result<(Vec<u8>, Segments), FormatError> {
        let items = file::items(file.text, response)?;
        let items: Vec<&str> = items.iter().map(|item| item.data).collect();
        let wrong = |reason| self.wrong("segments", reason);
        let Some(listed) = self.members.get("segments") else {
            let bytes = framing::assemble(&items, &usual(items.len(), kind), kind).map_err(wrong)?;
            return Ok((bytes, Vec::new()));
        };
        let listed: Vec<&RawValue> = self.parse(listed)?;
        let (mut segments, mut beside) = (Vec::with_capacity(listed.len()), Vec::new());
        for raw in listed {
            let members = self.text.members(raw.get())?;
            if self.newer.is_none() {
                only_known(self.text, &members, MEMBERS_OF_SEGMENT, "a segment")?;
            }
            segments.push(self.parse::<FileSegment>(raw.get())?.checked(kind).map_err(wrong)?);
            beside.push(members.beside(MEMBERS_OF_SEGMENT));
        }
        let bytes = framing::assemble(&items, &segments, kind).map_err(wrong)?;
        if beside.iter().all(Vec::is_empty) {
            return Ok((bytes, Vec::new()));
        }
        Ok((bytes, segments.into_iter().zip(beside).collect()))
    }
}

fn version_of(text: Text<'_>, section: &Members<'_>) -> Result<Version, FormatError> {
    let Some(json) = section.get("version") else {
        return Err(text.error(section.whole, "missing field `version`"));
    };
    let Some(version) = Version::parse(json) else {
        let reason = format!("`{json}` is not a version: this retake writes \"{CURRENT}\"");
        return Err(text.error(json, reason));
    };
    if version.major == 0 || version.major > CURRENT.major {
        let reason = format!(
            "the recording has version {version}, and this retake reads up to {}.x: update retake, or record \
             the exchange anew",
            CURRENT.major
        );
        return Err(text.error(json, reason));
    }
    Ok(version)
}

/// In a file of a known version an unknown member is a misspelt one, which would have no effect: that is an error.
fn only_known(text: Text<'_>, members: &Members<'_>, known: &[&str], whose: &str) -> Result<(), FormatError> {
    let Some((name, place)) = members.unknown(known) else { return Ok(()) };
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let reason = format!("unknown member `{name}`: {whose} has {}; correct it, or take it out", known.join(", "));
    Err(text.error(place, reason))
}

/// Adds a hint that the file may be right, but was written by a newer retake.
fn with_hint(error: FormatError, newer: Option<Version>) -> FormatError {
    let Some(version) = newer else { return error };
    let reason = format!(
        "{}; the file has version {version}, and this retake knows {CURRENT}: a newer retake may read it",
        error.reason
    );
    FormatError { reason, ..error }
}

impl Head {
    /// Which cases the recording is for. `Err` names the wrong member.
    fn owners(&self) -> Result<Owners, (&'static str, String)> {
        let times = match (self.repeat, self.times) {
            (true, _) => Times::Any,
            (false, None) => Times::Count(1),
            (false, Some(times @ 1..=MOST_REPEATS)) => Times::Count(times),
            (false, Some(_)) => {
                let reason = format!("`times` is from 1 to {MOST_REPEATS}; `\"repeat\": true` allows any number");
                return Err(("times", reason));
            }
        };
        let repeats = |text: &str, member| text.parse::<Repeats>().map_err(|reason| (member, reason));
        let anyone = self.repeats.as_deref().map(|text| repeats(text, "repeats")).transpose()?;
        let cases: BTreeMap<String, Repeats> = match (&self.cases, &anyone) {
            (Cases::Plain(cases), None) => return Ok(Owners::ByOrder { times, cases: cases.clone() }),
            (Cases::WithRepeats(cases), _) => {
                let cases = cases.iter().map(|(case, text)| Ok((case.clone(), repeats(text, "cases")?)));
                cases.collect::<Result<_, _>>()?
            }
            (Cases::Plain(cases), Some(_)) => cases.iter().map(|case| (case.clone(), Repeats::one(1))).collect(),
        };
        Ok(Owners::Named(Named { anyone: anyone.unwrap_or_default(), cases, and_further: self.repeat }))
    }
}

/// How items are framed in a file written by hand that does not say it.
fn usual(count: usize, kind: BodyKind) -> Vec<Segment> {
    let (before, after) = framing::frame(kind);
    let mut segments =
        vec![Segment::Items { count, before: before.to_owned(), after: after.to_owned(), spaced: false }];
    if kind == BodyKind::Events {
        segments.push(Segment::Raw { bytes: b"data: [DONE]\n\n".to_vec(), item: false });
    }
    segments
}

impl FileSegment {
    fn checked(self, kind: BodyKind) -> Result<Segment, String> {
        let (before, after) = framing::frame(kind);
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

#[cfg(test)]
#[path = "section_tests.rs"]
mod tests;
