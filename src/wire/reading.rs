//! Reads a reply's body once for all who need its content: checks, the gateway and its store, the recorder.

use serde_json::{Map, Value};

use super::answer::Answer;
use super::body::{BodyKind, without_bom};
use super::error::{as_object, of_failed_body};
use super::sse::{self, Event};
use super::{ending::Protocol, lenient, ndjson};

/// The content of a body.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The form of the body.
    pub kind: BodyKind,
    /// The answer, merged from all pieces.
    pub answer: Answer,
    /// The JSON value; for a stream, the array of its JSON values.
    pub json: Option<Value>,
    /// Why a whole body is not JSON.
    pub not_json: Option<String>,
    /// Flaws that a client would stumble over.
    pub flaws: Vec<Flaw>,
    pub(super) protocol: Protocol,
}

/// A flaw that a client would stumble over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub kind: FlawKind,
    /// What was found.
    pub actual: String,
    /// The text that has the flaw.
    pub text: Option<String>,
}

/// Kinds of flaws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlawKind {
    /// A block that is neither an event nor a comment.
    NoEvent,
    /// The stream ends within an event.
    Cut,
    /// An event comes after `[DONE]`.
    AfterDone,
    /// An event is not UTF-8.
    NotUtf8,
    /// An event is not JSON.
    NotJson,
}

/// Reads a body that came under this content type.
pub fn read(content_type: &str, body: &[u8]) -> Reading {
    let mut reader = Reader::new(BodyKind::of(content_type, body));
    match reader.reading.kind {
        BodyKind::Whole => reader.whole(body),
        BodyKind::Events => {
            for segment in sse::parse(body) {
                if let sse::Kind::Event(event) = segment.kind {
                    reader.event(&event);
                }
            }
        }
        BodyKind::Lines => ndjson::parse(body).iter().for_each(|line| reader.line(line)),
    }
    reader.finish()
}

/// Reads a body piece by piece.
#[derive(Debug, Clone)]
pub struct Reader {
    reading: Reading,
    items: Vec<Value>,
    blocks: usize,
}

impl Reader {
    /// A reader of a body of this kind.
    pub fn new(kind: BodyKind) -> Self {
        let reading = Reading {
            kind,
            answer: Answer::default(),
            json: None,
            not_json: None,
            flaws: Vec::new(),
            protocol: Protocol::default(),
        };
        Reader { reading, items: Vec::new(), blocks: 0 }
    }

    /// The answer so far.
    pub fn answer(&self) -> &Answer {
        &self.reading.answer
    }

    /// Takes a whole body.
    pub fn whole(&mut self, body: &[u8]) {
        if without_bom(body).trim_ascii().is_empty() {
            self.reading.not_json = Some("the body is empty".to_owned());
            return;
        }
        match lenient::read_bytes(body) {
            Ok(read) => {
                self.reading.not_json = read.oddity.map(|oddity| format!("it holds {oddity}"));
                self.reading.answer.push_event(&read.value);
                self.reading.protocol.event(None, &read.value);
                self.reading.json = Some(read.value);
            }
            Err(why) => self.reading.not_json = Some(why),
        }
    }

    /// Takes the next event of a stream.
    pub fn event(&mut self, event: &Event) {
        let index = self.blocks;
        self.blocks += 1;
        if let Some(words) = event.error.as_deref().filter(|words| !words.is_empty()) {
            let error = lenient::read(words).map_or_else(|_| Value::from(words), |read| read.value);
            self.error(error);
        }
        let Some(data) = &event.data else {
            if *event == (Event { unterminated: event.unterminated, is_lossy: event.is_lossy, ..Event::default() }) {
                self.flaw(FlawKind::NoEvent, format!("block {index} is neither"));
            }
            return;
        };
        if data.trim() == "[DONE]" {
            self.reading.answer.push_done();
            return;
        }
        if event.unterminated {
            // Clients never get an event without its end, whether or not its data is whole.
            self.reading.protocol.is_cut = true;
            self.flaw(FlawKind::Cut, format!("an end within event {index}"));
            return;
        }
        if self.reading.answer.done {
            self.flaw(FlawKind::AfterDone, format!("event {index} comes after it"));
        }
        if event.is_lossy {
            self.reading.answer.damage();
            self.flaw(FlawKind::NotUtf8, format!("event {index} holds bytes that are not UTF-8"));
        }
        self.item(data, event.event.as_deref(), "event", index);
    }

    /// Takes the next line of a stream.
    pub fn line(&mut self, line: &ndjson::Line) {
        let index = self.blocks;
        self.blocks += 1;
        if !line.is_blank() {
            self.item(&line.text, None, "line", index);
        }
    }

    fn item(&mut self, text: &str, name: Option<&str>, word: &str, index: usize) {
        let flaw = |actual: String| Flaw { kind: FlawKind::NotJson, actual, text: Some(text.to_owned()) };
        match lenient::read(text) {
            Ok(read) => {
                if let Some(oddity) = read.oddity {
                    self.reading.flaws.push(flaw(format!("{word} {index} holds {oddity}")));
                }
                self.reading.answer.push_event(&read.value);
                self.reading.protocol.event(name, &read.value);
                if name == Some("error") {
                    self.error(read.value.clone());
                }
                self.items.push(read.value);
            }
            Err(error) => {
                self.reading.protocol.unknown_event();
                self.reading.flaws.push(flaw(format!("{word} {index} is not JSON: {error}")));
                if name == Some("error") {
                    self.error(text.into());
                } else {
                    self.reading.answer.damage();
                }
            }
        }
    }

    /// Notes an error that the server named in another way than by an `error` member.
    fn error(&mut self, error: Value) {
        let inner = super::error::error_in(&error).cloned();
        self.reading.answer.error.get_or_insert(inner.unwrap_or(error));
    }

    fn flaw(&mut self, kind: FlawKind, actual: String) {
        self.reading.flaws.push(Flaw { kind, actual, text: None });
    }

    /// Ends the body.
    pub fn finish(mut self) -> Reading {
        self.reading.answer.finish();
        if self.reading.kind.is_stream() {
            self.reading.json = Some(Value::Array(self.items));
        }
        self.reading
    }
}

impl Reading {
    /// The error of a reply with this status, as an object with, if known, `message`, `type`, `code` and `param`. Under
    /// a status of 4xx or 5xx, whatever the body holds becomes an error.
    pub fn error(&self, status: u16, text: &str) -> Option<Map<String, Value>> {
        match &self.answer.error {
            Some(error) => Some(as_object(error)),
            None if status < 400 || self.kind.is_stream() => None,
            None => of_failed_body(self.json.as_ref(), text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(content_type: &str, body: &[u8]) -> Vec<(FlawKind, String)> {
        read(content_type, body).flaws.into_iter().map(|flaw| (flaw.kind, flaw.actual)).collect()
    }

    #[test]
    fn what_a_client_would_stumble_over_is_told_with_its_place() {
        let events = "text/event-stream";
        let good = "data: {\"a\": 1}\n\n: ping\n\nevent: ping\ndata: {}\n\n";
        assert_eq!(flaws(events, format!("{good}data: [DONE]\n\n").as_bytes()), []);
        for (end, kind, place) in [
            ("busy\n\n", FlawKind::NoEvent, "block 2 is neither"),
            ("data: {\"a\"", FlawKind::Cut, "an end within event 2"),
            ("data: [DONE]\n\ndata: {}\n\n", FlawKind::AfterDone, "event 3 comes after it"),
            ("data: oops\n\n", FlawKind::NotJson, "event 2 is not JSON"),
            ("data: NaN\n\n", FlawKind::NotJson, "event 2 holds a number"),
        ] {
            let found = flaws(events, format!("{good}{end}").as_bytes());
            assert!(found.len() == 1 && found[0].0 == kind && found[0].1.starts_with(place), "{end:?}: {found:?}");
        }
        let lossy = flaws(events, b"data: \"\xFF\"\n\n");
        assert_eq!(lossy, [(FlawKind::NotUtf8, "event 0 holds bytes that are not UTF-8".to_owned())]);
        let lines = flaws("application/x-ndjson", b"{\"a\": 1}\n\n{oops\n");
        assert!(lines.len() == 1 && lines[0].1.starts_with("line 2 is not JSON"), "{lines:?}");
        // A block that is no event is reported as that, even if it is unfinished or not text.
        assert_eq!(flaws(events, b"busy")[0].0, FlawKind::NoEvent);
        assert_eq!(flaws(events, b"bus\xFF\n\n")[0].0, FlawKind::NoEvent);
        assert_eq!(flaws(events, b"busy: \xFF\n\n")[0].0, FlawKind::NoEvent);
    }

    #[test]
    fn a_whole_body_is_read_once_and_says_why_it_is_not_json() {
        let mut reader = Reader::new(BodyKind::Whole);
        reader.whole(b"{\"id\": \"c1\", \"choices\": [{\"message\": {\"content\": \"a\"}}]}");
        assert_eq!((reader.answer().id.as_deref(), reader.answer().text()), (Some("c1"), Some("a")));
        let not_json = |body: &str| read("application/json", body.as_bytes()).not_json;
        assert_eq!(not_json("\u{feff} ").as_deref(), Some("the body is empty"));
        assert_eq!(not_json("{}"), None);
        assert!(not_json("{\"a\": NaN}").is_some_and(|why| why.starts_with("it holds a number")));
        assert!(not_json("busy").is_some());
    }

    #[test]
    fn a_failed_status_makes_an_error_of_a_whole_body_alone() {
        let error = |content_type: &str, status: u16, body: &str| {
            let error = read(content_type, body.as_bytes()).error(status, body);
            error.map(|error| error.get("message").cloned().unwrap_or_default())
        };
        let (json, events) = ("application/json", "text/event-stream");
        assert_eq!(error(json, 400, "{\"message\": \"no\"}"), Some("no".into()));
        assert_eq!(error(json, 399, "{\"message\": \"no\"}"), None);
        assert_eq!(error(json, 200, "{\"error\": {\"message\": \"no\"}}"), Some("no".into()));
        assert_eq!(
            error(events, 500, "data: {\"message\": \"no\"}\n\n"),
            None,
            "a stream's events are no error's body"
        );
        assert_eq!(error(events, 500, "data: {\"error\": \"no\"}\n\n"), Some("no".into()));
        assert_eq!(error("text/plain", 502, "Bad Gateway"), Some("Bad Gateway".into()));
    }
}
