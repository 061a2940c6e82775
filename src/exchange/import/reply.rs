//! Builds the reply of a llama-stack recording. The file has only bodies, so status, headers and framing are the usual
//! ones.

use super::super::file::{self, Item, is_list, is_streaming};
use super::super::framing::frame;
use super::super::parts::{FormatError, Members, Text};
use super::super::spacing;
use super::super::{ChunkMark, End, Reply};
use super::exception::Exception;
use super::request::SentRequest;
use crate::wire::BodyKind;

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";

pub(super) fn reply<'a>(text: Text<'a>, response: &Members<'a>, asked: &SentRequest) -> Result<Reply, FormatError> {
    if let Some(exception) = Exception::of(text, response)? {
        return failed(text, response, asked, exception);
    }
    if asked.is_plain {
        return plain(text, response);
    }
    let items = file::items(text, response)?;
    if is_streaming(text, response)? {
        return Ok(streamed(&items, asked, End::Complete));
    }
    let Some(body) = response.get("body") else {
        // An SDK would take a 200 without a body for a success, and return nothing.
        let reason = "the response has neither a body nor `is_exception`: record the exchange anew";
        return Err(text.error(response.whole, reason));
    };
    let all: Vec<String> = items.iter().map(|item| spacing::minify(item.data)).collect();
    let body = match (is_list(body), asked.is_list) {
        // The recording holds the items that the SDK made from a list. Clients read a list of OpenAI's form; those of a
        // provider with bare lists accept that form too.
        (true, true) => format!("{{\"object\":\"list\",\"data\":[{}]}}", all.join(",")),
        (true, false) => format!("[{}]", all.join(",")),
        (false, _) => all.concat(),
    };
    Ok(made(200, Some(JSON), vec![body], End::Complete))
}

/// A reply made of these pieces, each sent as one chunk.
pub(super) fn made(status: u16, content_type: Option<&str>, pieces: Vec<String>, end: End) -> Reply {
    Reply {
        status,
        headers: content_type.map(|kind| ("content-type".to_owned(), kind.to_owned())).into_iter().collect(),
        chunks: pieces.iter().map(|piece| ChunkMark { size: piece.len(), at_ms: 0 }).collect(),
        body: pieces.concat().into(),
        large: None,
        end,
    }
}

/// An error reply; if chunks of a stream came before the error, these chunks and then a broken connection.
fn failed<'a>(
    text: Text<'a>,
    response: &Members<'a>,
    asked: &SentRequest,
    exception: Exception,
) -> Result<Reply, FormatError> {
    if response.get("body").is_some_and(is_list) {
        let items = file::items(text, response)?;
        if !items.is_empty() && asked.is_plain {
            return Ok(Reply { end: End::Broken(exception.message), ..plain_stream(text, response, 200)? });
        }
        if !items.is_empty() {
            return Ok(streamed(&items, asked, End::Broken(exception.message)));
        }
    }
    Ok(exception.reply(&asked.endpoint))
}

/// A stream of an SDK's chunks. A stream that broke off has no end mark.
fn streamed(items: &[Item<'_>], asked: &SentRequest, end: End) -> Reply {
    let of_ollama = match items.first() {
        Some(item) if !item.type_name.is_empty() => item.type_name.starts_with("ollama."),
        _ => asked.endpoint.starts_with("/api/"),
    };
    let (kind, content_type) = if of_ollama { (BodyKind::Lines, LINES) } else { (BodyKind::Events, EVENTS) };
    let (before, after) = frame(kind);
    let mut pieces: Vec<String> =
        items.iter().map(|item| format!("{before}{}{after}", spacing::minify(item.data))).collect();
    if kind == BodyKind::Events && end == End::Complete {
        pieces.push("data: [DONE]\n\n".to_owned());
    }
    made(200, Some(content_type), pieces, end)
}

/// A reply that was recorded as plain HTTP, with its JSON or its text as the body.
fn plain<'a>(text: Text<'a>, response: &Members<'a>) -> Result<Reply, FormatError> {
    let place = if response.has("status") { "status" } else { "status_code" };
    let status: Option<u16> = response.or_default(text, place)?;
    let status = status.unwrap_or(200);
    if !(100..600).contains(&status) {
        return Err(text.error(response.place(place), format!("{status} is not an HTTP status")));
    }
    if is_streaming(text, response)? {
        return plain_stream(text, response, status);
    }
    let Some(body) = response.get("body") else { return Ok(made(status, None, Vec::new(), End::Complete)) };
    let (content_type, body) = match serde_json::from_str::<String>(body) {
        Ok(text) => (TEXT, text),
        Err(_) => (JSON, spacing::minify(body)),
    };
    Ok(made(status, Some(content_type), vec![body], End::Complete))
}

fn plain_stream<'a>(text: Text<'a>, response: &Members<'a>, status: u16) -> Result<Reply, FormatError> {
    let body = response.get("body").unwrap_or("[]");
    let lines: Vec<String> = match serde_json::from_str::<String>(body) {
        Ok(whole) => whole.lines().map(str::to_owned).collect(),
        Err(_) => text.parse(body)?,
    };
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end_matches(['\r', '\n'])).collect();
    let of_json = lines.iter().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with('{'));
    if of_json {
        let pieces = lines.iter().filter(|line| !line.is_empty()).map(|line| format!("{line}\n"));
        return Ok(made(status, Some(LINES), pieces.collect(), End::Complete));
    }
    Ok(made(status, Some(EVENTS), events(&lines), End::Complete))
}

/// Groups the lines of a stream into events. If the recorder dropped blank lines, each `data:` line ends an event.
fn events(lines: &[&str]) -> Vec<String> {
    let has_blanks = lines.iter().any(|line| line.is_empty());
    let mut events = Vec::new();
    let mut event = String::new();
    for line in lines {
        let is_end = if has_blanks { line.is_empty() } else { line.starts_with("data:") };
        if !line.is_empty() {
            event.push_str(line);
            event.push('\n');
        }
        if is_end && !event.is_empty() {
            events.push(std::mem::take(&mut event) + "\n");
        }
    }
    if !event.is_empty() {
        events.push(event + "\n");
    }
    events
}
