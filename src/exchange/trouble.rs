//! Whether a reply is a lasting answer, or reports a problem that the next try may not have.

use std::borrow::Cow;

use serde::Deserialize;

use super::format::content_type;
use super::model::{End, Reply};
use crate::wire::{self, BodyKind, Ending};

/// Statuses that are about the moment or the caller's account, not about the request.
const PASSING_STATUSES: [u16; 5] = [401, 403, 408, 425, 429];

/// Why a reply must not replace a better one: an error that may pass, an error under a status of success, or an answer
/// without its end. `None` means a good answer, or an error about the request itself (a 400, a 404).
pub fn trouble(reply: &Reply) -> Option<String> {
    if let End::Broken(how) = &reply.end {
        return Some(format!("the reply broke off ({how})"));
    }
    if PASSING_STATUSES.contains(&reply.status) || reply.status >= 500 {
        return Some(format!("the provider answered {}", reply.status));
    }
    if !(200..300).contains(&reply.status) {
        return None;
    }
    match ending(reply) {
        Ending::Error(_) if wire_kind(reply).is_stream() => Some("the stream holds an error".to_owned()),
        Ending::Error(_) => Some(format!("the provider answered {} with an error in the body", reply.status)),
        Ending::Empty => Some("the stream holds no event".to_owned()),
        Ending::Open => Some("the stream ended without its last event".to_owned()),
        Ending::Cut => Some("the stream ended within an event".to_owned()),
        Ending::Whole | Ending::Unknown => None,
    }
}

/// How a reply ended, by its protocol.
pub(super) fn ending(reply: &Reply) -> Ending {
    match &reply.end {
        End::Broken(_) => Ending::Cut,
        // Of a large body that is no stream, only the status tells whether it is an error.
        End::Complete if reply.large.is_some() && !wire_kind(reply).is_stream() => Ending::Unknown,
        End::Complete => wire::read(content_type(&reply.headers), &ends(reply)).ending(),
    }
}

/// How a reply ended by its protocol, as its file records it. A whole reply without an error, and a reply of which no
/// known protocol says how it ends, have nothing to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ended {
    /// A stream with the last event of its protocol.
    Terminal,
    /// A stream without the last event of its protocol.
    Open,
    /// A stream that ends in the middle of an event, or before the first one.
    Cut,
    /// An error, in whatever form.
    Error,
}

impl Ended {
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        match ending(reply) {
            Ending::Whole => wire_kind(reply).is_stream().then_some(Ended::Terminal),
            Ending::Open => Some(Ended::Open),
            Ending::Cut | Ending::Empty => Some(Ended::Cut),
            Ending::Error(_) => Some(Ended::Error),
            Ending::Unknown => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Ended::Terminal => "terminal",
            Ended::Open => "open",
            Ended::Cut => "cut",
            Ended::Error => "error",
        }
    }
}

pub(super) fn wire_kind(reply: &Reply) -> BodyKind {
    BodyKind::of(content_type(&reply.headers), &ends(reply))
}

/// The body; of a large one, both ends. What cannot be read has no end.
fn ends(reply: &Reply) -> Cow<'_, [u8]> {
    match &reply.large {
        None => Cow::Borrowed(&reply.body),
        Some(large) => large.ends().unwrap_or_default().into(),
    }
}

/// Whether the stream of a reply ended with OpenAI's `[DONE]`.
pub fn has_end_mark(reply: &Reply) -> bool {
    ends(reply).trim_ascii_end().ends_with(b"data: [DONE]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, kind: &str, body: &str) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: body.to_owned().into(),
            large: None,
            chunks: Vec::new(),
            end: End::Complete,
        }
    }

    fn stream(body: &str) -> Option<String> {
        trouble(&reply(200, "text/event-stream", body))
    }

    #[test]
    fn errors_of_the_moment_and_errors_under_a_200_are_trouble() {
        for status in [401, 403, 408, 429, 500, 503, 529] {
            assert!(trouble(&reply(status, "application/json", "{}")).is_some_and(|why| why.contains("answered")));
        }
        for body in [r#"{"error": {"message": "x"}}"#, r#"{"detail": "no"}"#, r#"{"type": "error"}"#] {
            assert!(trouble(&reply(200, "application/json", body)).is_some(), "{body}");
        }
        for (status, body) in [
            (400, r#"{"error": {"message": "x"}}"#),
            (404, "gone"),
            (200, r#"{"error": null, "choices": []}"#),
            (200, r#"{"error": {}, "id": "resp_1"}"#),
            (200, "[]"),
            (200, "plain"),
            (204, ""),
        ] {
            assert_eq!(trouble(&reply(status, "application/json", body)), None, "{status} {body}");
        }
        assert!(trouble(&Reply { end: End::Broken("reset".into()), ..reply(200, "text/plain", "a") }).is_some());
    }

    #[test]
    fn a_stream_without_its_end_is_trouble() {
        assert_eq!(stream("data: {\"choices\": []}\n\ndata: [DONE]\n\n"), None);
        assert_eq!(stream("data: {\"some\": \"other protocol\"}\n\n"), None);
        for (cut, why) in [
            ("", "no event"),
            ("data: {\"choices\": [{\"finish_reason\": null}]}\n\n", "without its last event"),
            ("data: {\"choices\": []}\n\ndata: {\"id\"", "within an event"),
            ("event: error\ndata: overloaded\n\n", "an error"),
        ] {
            assert!(stream(cut).is_some_and(|said| said.contains(why)), "{cut}: {:?}", stream(cut));
        }
    }

    #[test]
    fn a_file_says_how_a_reply_ended_by_its_protocol() {
        for (kind, body, ended) in [
            ("text/event-stream", "data: {\"choices\": []}\n\ndata: [DONE]\n\n", Some("terminal")),
            ("text/event-stream", "data: {\"choices\": [{\"finish_reason\": null}]}\n\n", Some("open")),
            ("text/event-stream", "data: {\"choices\": []}\n\ndata: {\"id\"", Some("cut")),
            ("text/event-stream", "", Some("cut")),
            ("text/event-stream", "data: {\"some\": \"other protocol\"}\n\n", None),
            ("application/json", "{\"error\": {\"message\": \"x\"}}", Some("error")),
            ("application/json", "{\"choices\": []}", None),
        ] {
            assert_eq!(Ended::of(&reply(200, kind, body)).map(Ended::name), ended, "{body}");
        }
    }
}
