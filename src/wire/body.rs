//! The form of a body: one JSON value, an event stream, or one value per line.

use super::{lenient, sse};

/// In which form a body holds its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// One value, or none.
    Whole,
    /// Server-Sent Events.
    Events,
    /// One value per line (NDJSON, JSON Lines).
    Lines,
}

/// How the lines of an event stream begin.
const FIELDS: [&str; 6] = ["data:", "event:", "id:", "retry:", "error:", ":"];

impl BodyKind {
    /// The kind that a content type declares. Any type but those of streams means one value.
    pub fn declared(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match kind.as_str() {
            "text/event-stream" => BodyKind::Events,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                BodyKind::Lines
            }
            _ => BodyKind::Whole,
        }
    }

    /// The kind of a body: the declared one, unless its bytes clearly show another.
    pub fn of(content_type: &str, body: &[u8]) -> Self {
        match (BodyKind::declared(content_type), BodyKind::begins_as(body)) {
            // Servers send errors and whole answers under the stream's content type that the client asked for.
            (BodyKind::Events, Some(BodyKind::Whole)) => BodyKind::Whole,
            (BodyKind::Whole, Some(BodyKind::Events)) if holds_events(body) => BodyKind::Events,
            (declared, _) => declared,
        }
    }

    /// The kind that the first bytes of a body show: JSON, or the fields of an event stream. `None` if they do not show
    /// it, or not yet.
    pub fn begins_as(body: &[u8]) -> Option<Self> {
        let body = without_bom(body).trim_ascii_start();
        if body.starts_with(b"{") || body.starts_with(b"[") {
            return Some(BodyKind::Whole);
        }
        FIELDS.iter().any(|field| body.starts_with(field.as_bytes())).then_some(BodyKind::Events)
    }

    /// Whether the values come one by one, as events or lines.
    pub fn is_stream(self) -> bool {
        self != BodyKind::Whole
    }
}

/// A body without the byte order mark that some servers put before UTF-8. Clients skip it.
pub(super) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Whether the first event with data holds a JSON object or `[DONE]`.
fn holds_events(body: &[u8]) -> bool {
    let data = |segment: sse::Segment| match segment.kind {
        sse::Kind::Event(event) => event.data,
        sse::Kind::Quiet => None,
    };
    let first = sse::parse(body).into_iter().find_map(data);
    first.is_some_and(|data| data == "[DONE]" || lenient::read(&data).is_ok_and(|read| read.value.is_object()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_what_its_type_says_unless_its_bytes_say_otherwise() {
        let events = "text/event-stream; charset=utf-8";
        for (kind, body, is) in [
            (events, "data: {}\n\n", BodyKind::Events),
            (events, "", BodyKind::Events),
            (events, "\u{feff} {\"error\": 1}", BodyKind::Whole),
            (events, "overloaded", BodyKind::Events),
            ("application/json", "\n: ping\n\ndata: {}\n\n", BodyKind::Events),
            ("application/json", "data: [DONE]\n\n", BodyKind::Events),
            ("text/plain", "data: none", BodyKind::Whole),
            ("", "{}", BodyKind::Whole),
            ("Application/X-NDJSON", "{}", BodyKind::Lines),
            ("application/jsonl", "", BodyKind::Lines),
        ] {
            assert_eq!(BodyKind::of(kind, body.as_bytes()), is, "{kind}: {body}");
        }
    }

    #[test]
    fn events_and_lines_are_streams() {
        let kinds = [BodyKind::Whole, BodyKind::Events, BodyKind::Lines];
        assert_eq!(kinds.map(BodyKind::is_stream), [false, true, true]);
    }
}
