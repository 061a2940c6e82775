//! What a body holds: one value, an event stream, or a value a line.

use super::{lenient, sse};

/// How a body holds its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// One value, or none.
    Whole,
    /// Server-Sent Events.
    Events,
    /// One value a line (NDJSON, JSON Lines).
    Lines,
}

/// What lines of an event stream begin with.
const FIELDS: [&str; 6] = ["data:", "event:", "id:", "retry:", "error:", ":"];

impl BodyKind {
    /// What a content type says. Any other type than those of streams holds one value.
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

    /// What a body is: what its content type says, unless its bytes plainly say otherwise.
    pub fn of(content_type: &str, body: &[u8]) -> Self {
        match (BodyKind::declared(content_type), BodyKind::begins_as(body)) {
            // Servers send errors, and answers that nobody wanted streamed, under the type that was asked for.
            (BodyKind::Events, Some(BodyKind::Whole)) => BodyKind::Whole,
            (BodyKind::Whole, Some(BodyKind::Events)) if holds_events(body) => BodyKind::Events,
            (declared, _) => declared,
        }
    }

    /// What the first bytes of a body tell of it: JSON, or the fields of an event stream. `None` where they tell nothing,
    /// or not yet.
    pub fn begins_as(body: &[u8]) -> Option<Self> {
        let body = without_bom(body).trim_ascii_start();
        if body.starts_with(b"{") || body.starts_with(b"[") {
            return Some(BodyKind::Whole);
        }
        FIELDS.iter().any(|field| body.starts_with(field.as_bytes())).then_some(BodyKind::Events)
    }

    /// Whether the values come in pieces, as events or lines.
    pub fn is_stream(self) -> bool {
        self != BodyKind::Whole
    }
}

/// A body without the mark that some servers put before UTF-8. Clients pass over it.
pub(super) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Whether the first event with data has a JSON object in it, or is `[DONE]`.
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
