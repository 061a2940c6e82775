//! A reply's body, read once, for everyone who wants to know what is in it: checks, the gateway and its store, the
//! recorder.

use serde_json::{Map, Value};

use super::answer::Answer;
use super::body::{BodyKind, without_bom};
use super::error::{as_object, of_failed_body};
use super::sse::{self, Event};
use super::{ending::Protocol, lenient, ndjson};

/// What a body holds.
#[derive(Debug, Clone)]
pub struct Reading {
    /// How it holds it.
    pub kind: BodyKind,
    /// The answer, put together.
    pub answer: Answer,
    /// The value; for a stream, the array of the JSON values in it.
    pub json: Option<Value>,
    /// Why a whole body is no JSON.
    pub not_json: Option<String>,
    /// What a client would stumble over.
    pub flaws: Vec<Flaw>,
    pub(super) protocol: Protocol,
}

/// What a client would stumble over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub kind: FlawKind,
    /// What is.
    pub actual: String,
    /// The text that it is about.
    pub text: Option<String>,
}

/// Kinds of what a client would stumble over in a stream.
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

    /// What was put together so far.
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
            // Clients never get it, whether or not it is whole.
            self.reading.protocol.is_cut = true;
            self.flaw(FlawKind::Cut, format!("an end within event {index}"));
            return;
        }
        if self.reading.answer.done {
            self.flaw(FlawKind::AfterDone, format!("event {index} comes after it"));
        }
        if event.is_lossy {
            self.reading.answer.damage();
            self.flaw(FlawKind::NotUtf8, format!("event {index} holds bytes that are none"));
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
                self.reading.flaws.push(flaw(format!("{word} {index} is no JSON: {error}")));
                if name == Some("error") {
                    self.error(text.into());
                } else {
                    self.reading.answer.damage();
                }
            }
        }
    }

    /// The server says that something went wrong, in another place than a value's own.
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
    /// The error in a reply of this status, as an object with, at best, `message`, `type`, `code` and `param`. A status
    /// of 4xx or 5xx makes an error of what stands in the body, however it is said.
    pub fn error(&self, status: u16, text: &str) -> Option<Map<String, Value>> {
        match &self.answer.error {
            Some(error) => Some(as_object(error)),
            None if status < 400 || self.kind.is_stream() => None,
            None => of_failed_body(self.json.as_ref(), text),
        }
    }
}
