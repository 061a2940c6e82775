//! Writes a recording as text: the format of llama-stack's recordings, with the other HTTP details in a section of our
//! own.

use std::fmt::Write as _;
use std::io;

use super::digest::digest;
use super::extra::{Member, Segments, write_members};
use super::framing::{self, Segment};
use super::header;
use super::key::{Content, has_no_body_by_nature};
use super::large::Large;
use super::model::{Auth, ChunkMark, End, Exchange, Origin, Request};
use super::owners::{Owners, Times};
use super::recording::Recording;
use super::spacing;
use super::trouble::Ended;
use crate::wire::{BodyKind, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A recording's file, to be written.
pub(crate) struct Written {
    /// The text, except for the bytes of a large body.
    pub(crate) text: String,
    /// A large body, and where in the text its base64 belongs.
    large: Option<(usize, Large)>,
}

impl Written {
    /// Writes the whole file; a large body is read meanwhile.
    pub(crate) fn to(&self, out: &mut impl io::Write) -> io::Result<()> {
        let Some((at, large)) = &self.large else { return out.write_all(self.text.as_bytes()) };
        let (before, after) = self.text.split_at(*at);
        out.write_all(before.as_bytes())?;
        let mut base64 = base64::write::EncoderWriter::new(&mut *out, &STANDARD);
        for piece in large.pieces() {
            io::Write::write_all(&mut base64, &piece?)?;
        }
        base64.finish()?;
        drop(base64);
        out.write_all(after.as_bytes())
    }
}

/// The text of a recording's file, with the whole body. It is empty if a large body cannot be read.
pub fn write(recording: &Recording) -> String {
    let mut out = Vec::new();
    let whole = written(recording).and_then(|written| written.to(&mut out));
    whole.ok().and_then(|()| String::from_utf8(out).ok()).unwrap_or_default()
}

/// A recording's file, to be written.
pub(crate) fn written(recording: &Recording) -> io::Result<Written> {
    let exchange = &recording.exchange;
    let kind = kind_of(&exchange.reply.headers);
    // This comes first because it needs much memory for a moment, and nothing else is held yet.
    let ended = Ended::of(&exchange.reply);
    let digest = match &recording.edited {
        Some(recorded) => recorded.clone(),
        None => digest(exchange)?,
    };
    let framed = framing::take_apart(&exchange.reply.body, kind);
    // Replies may be large: base64 makes them a third larger, and JSON laid out is little more.
    let mut out = String::with_capacity(exchange.reply.body.len() / 2 * 3 + exchange.request.body.len() + 4096);
    out.push_str("{\n  \"request\": {\n");
    write_request(recording, &mut out);
    out.push_str("  },\n  \"response\": {\n    \"body\": ");
    write_items(&framed.items, type_of(exchange, kind), kind, &mut out);
    out.push_str(",\n");
    write_members(&recording.extra.response, 4, &mut out);
    let _ = write!(out, "    \"is_streaming\": {}\n  }},\n", kind != BodyKind::Whole);
    write_members(&recording.extra.file, 2, &mut out);
    out.push_str("  \"retake\": {\n");
    let segments = recording.extra.segments(framed, &exchange.reply.body, kind);
    let gap = write_section(recording, (kind, ended, &digest), &segments, &mut out);
    out.push_str("  }\n}\n");
    Ok(Written { text: out, large: exchange.reply.large.clone().map(|large| (gap, large)) })
}

/// The kind of body that these headers declare.
pub(super) fn kind_of(headers: &[(String, String)]) -> BodyKind {
    BodyKind::declared(content_type(headers))
}

/// The content type in these headers; empty if there is none.
pub(super) fn content_type(headers: &[(String, String)]) -> &str {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    found.map_or("", |(_, value)| value)
}

fn write_request(recording: &Recording, out: &mut String) {
    let exchange = &recording.exchange;
    let request = &exchange.request;
    let headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| (name.to_string(), header::text(value.as_bytes()))).collect();
    let _ = writeln!(out, "    \"method\": {},", quoted(request.method.as_str()));
    let _ = writeln!(out, "    \"url\": {},", quoted(&exchange.url));
    let _ = writeln!(out, "    \"headers\": {},", headers_json(&headers));
    let _ = writeln!(out, "    \"body\": {},", body_json(request));
    let _ = writeln!(out, "    \"endpoint\": {},", quoted(&request.endpoint));
    write_members(&recording.extra.request, 4, out);
    let _ = writeln!(out, "    \"model\": {}", quoted(&model(request)));
}

fn body_json(request: &Request) -> String {
    match Content::of(&request.body) {
        Content::Empty if has_no_body_by_nature(&request.method) => "{}".to_owned(),
        Content::Empty => "null".to_owned(),
        Content::Json { text, .. } => json::pretty(text, 4),
        Content::Text(text) => quoted(text),
        Content::Binary(bytes) => format!("{{\"__base64__\": {}}}", quoted(&STANDARD.encode(bytes))),
    }
}

fn model(request: &Request) -> String {
    #[derive(serde::Deserialize)]
    struct Named {
        model: String,
    }
    serde_json::from_slice(&request.body).map_or_else(|_| String::new(), |named: Named| named.model)
}

fn write_items(items: &[&str], type_name: &str, kind: BodyKind, out: &mut String) {
    let type_name = quoted(type_name);
    if kind == BodyKind::Whole {
        match items.first() {
            Some(item) => {
                let _ = write!(out, "{{\n      \"__type__\": {type_name},\n      \"__data__\": ");
                json::write_pretty(item, 6, out);
                out.push_str("\n    }");
            }
            None => out.push_str("null"),
        }
        return;
    }
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        let _ = write!(out, "      {{\"__type__\": {type_name}, \"__data__\": {}}}", spacing::minify(item));
    }
    out.push_str(if items.is_empty() { "]" } else { "\n    ]" });
}

/// The type that llama-stack's replayer makes from an item; a neutral name if it has none.
fn type_of(exchange: &Exchange, kind: BodyKind) -> &'static str {
    if exchange.reply.status >= 400 {
        return "retake.Error";
    }
    match (exchange.request.endpoint.split('?').next().unwrap_or_default(), kind) {
        ("/v1/chat/completions", BodyKind::Whole) => "openai.types.chat.chat_completion.ChatCompletion",
        ("/v1/chat/completions", _) => "openai.types.chat.chat_completion_chunk.ChatCompletionChunk",
        ("/v1/completions", _) => "openai.types.completion.Completion",
        ("/v1/embeddings", _) => "openai.types.create_embedding_response.CreateEmbeddingResponse",
        ("/api/chat", _) => "ollama._types.ChatResponse",
        ("/api/generate", _) => "ollama._types.GenerateResponse",
        ("/api/embed", _) => "ollama._types.EmbedResponse",
        ("/api/tags", _) => "ollama._types.ListResponse",
        _ => "retake.Json",
    }
}

/// Writes our section, and returns where the base64 of a large body belongs. `origin` comes last, so that the end of a
/// file is enough to find it.
fn write_section(
    recording: &Recording,
    (kind, ended, digest): (BodyKind, Option<Ended>, &str),
    segments: &Segments,
    out: &mut String,
) -> usize {
    let exchange = &recording.exchange;
    let reply = &exchange.reply;
    let _ = writeln!(out, "    \"version\": \"{}\",", recording.extra.version());
    let _ = writeln!(out, "    \"status\": {},", reply.status);
    let _ = writeln!(out, "    \"headers\": {},", headers_json(&reply.headers));
    if let Some(time) = &exchange.recorded_at {
        let _ = writeln!(out, "    \"recorded_at\": {},", quoted(time));
    }
    if exchange.request.auth == Auth::None {
        out.push_str("    \"auth\": \"none\",\n");
    }
    write_owners(&recording.owners, out);
    if recording.expected {
        out.push_str("    \"expected\": true,\n");
    }
    out.push_str("    \"chunks\": ");
    write_chunks(&reply.chunks, out);
    out.push_str(",\n");
    let mut gap = 0;
    if reply.large.is_some() {
        // Bytes in one piece: no items, no events, and nothing that needs the whole body.
        out.push_str("    \"segments\": [\n      {\"base64\": \"");
        gap = out.len();
        out.push_str("\"}\n    ],\n");
    } else if segments.is_empty() {
        out.push_str("    \"segments\": [],\n");
    } else {
        for (at, (segment, beside)) in segments.iter().enumerate() {
            out.push_str(if at == 0 { "    \"segments\": [\n      " } else { ",\n      " });
            write_segment(segment, beside, kind, out);
        }
        out.push_str("\n    ],\n");
    }
    match &reply.end {
        End::Complete => out.push_str("    \"end\": \"complete\",\n"),
        End::Broken(how) => {
            let _ = writeln!(out, "    \"end\": {{\"broken\": {}}},", quoted(how));
        }
    }
    if let Some(ended) = ended {
        let _ = writeln!(out, "    \"ended\": \"{}\",", ended.name());
    }
    let _ = writeln!(out, "    \"digest\": {},", quoted(digest));
    write_members(&recording.extra.section, 4, out);
    let origin = match exchange.origin {
        Origin::Real => "real",
        Origin::Simulated => "simulated",
    };
    let _ = writeln!(out, "    \"origin\": \"{origin}\"");
    gap
}

/// Writes one line per case, so that a diff shows whose recording changed.
fn write_owners(owners: &Owners, out: &mut String) {
    match owners {
        Owners::Named(named) => {
            if !named.anyone.is_empty() {
                let _ = writeln!(out, "    \"repeats\": \"{}\",", named.anyone);
            }
            if named.and_further {
                out.push_str("    \"repeat\": true,\n");
            }
            if !named.cases.is_empty() {
                let cases = named.cases.iter();
                let lines: Vec<String> =
                    cases.map(|(case, repeats)| format!("      {}: \"{repeats}\"", quoted(case))).collect();
                let _ = writeln!(out, "    \"cases\": {{\n{}\n    }},", lines.join(",\n"));
            }
        }
        Owners::ByOrder { times, cases } => {
            match times {
                Times::Count(1) => {}
                Times::Count(times) => {
                    let _ = writeln!(out, "    \"times\": {times},");
                }
                Times::Any => out.push_str("    \"repeat\": true,\n"),
            }
            if !cases.is_empty() {
                let lines: Vec<String> = cases.iter().map(|case| format!("      {}", quoted(case))).collect();
                let _ = writeln!(out, "    \"cases\": [\n{}\n    ],", lines.join(",\n"));
            }
        }
    }
}

fn write_chunks(chunks: &[ChunkMark], out: &mut String) {
    out.push('[');
    for (at, chunk) in chunks.iter().enumerate() {
        let _ = write!(out, "{}[{}, {}]", if at == 0 { "" } else { ", " }, chunk.size, chunk.at_ms);
    }
    out.push(']');
}

fn write_segment(segment: &Segment, beside: &[Member], kind: BodyKind, out: &mut String) {
    match segment {
        Segment::Items { count, before, after, spaced } => {
            let _ = write!(out, "{{\"count\": {count}");
            let (usual_before, usual_after) = framing::frame(kind);
            if before != usual_before {
                let _ = write!(out, ", \"before\": {}", quoted(before));
            }
            if after != usual_after {
                let _ = write!(out, ", \"after\": {}", quoted(after));
            }
            if *spaced {
                out.push_str(", \"spaced\": true");
            }
        }
        Segment::Raw { bytes, item } => {
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    out.push_str("{\"text\": ");
                    out.push_str(&quoted(text));
                }
                Err(_) => {
                    // Base64 has no character that needs an escape.
                    out.push_str("{\"base64\": \"");
                    STANDARD.encode_string(bytes, out);
                    out.push('"');
                }
            }
            out.push_str(if *item { ", \"item\": true" } else { "" });
        }
    }
    for member in beside {
        let _ = write!(out, ", {}", member.on_one_line());
    }
    out.push('}');
}

/// Headers as an object, with an array for a name that repeats; as a list of pairs if an object would lose the order of
/// different names.
fn headers_json(headers: &[(String, String)]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, value) in headers {
        match groups.last_mut() {
            Some((last, values)) if *last == name => values.push(value),
            _ => groups.push((name, vec![value])),
        }
    }
    let mut names: Vec<&str> = groups.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        let pairs = headers.iter().map(|(name, value)| format!("[{}, {}]", quoted(name), quoted(value)));
        return format!("[{}]", pairs.collect::<Vec<_>>().join(", "));
    }
    let members = groups.iter().map(|(name, values)| match values.as_slice() {
        [value] => format!("{}: {}", quoted(name), quoted(value)),
        _ => {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("{}: [{}]", quoted(name), values.join(", "))
        }
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    // A string always has a JSON form.
    serde_json::to_string(text).unwrap_or_default()
}
