//! Passes a reply to the caller: reads it as it comes, changes it, and stores it when it is complete.

use async_stream::stream;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};

use super::completion_writer::CompletionWriter;
use super::quirks::Changes;
use crate::upstream::{Error, ErrorKind, Reply};
use crate::wire::sse::{self, Cutter};
use crate::wire::{BodyKind, Reader, words};

/// How many bytes show the kind of a body; if they do not, the declared kind counts.
const TELLING: usize = 16;

/// How many bytes are held of a reply: of a whole body that is changed, of one event, and of a stream that is stored at
/// its end. No answer is so large.
const MOST_HELD: usize = 32 << 20;

/// The bytes of `reply` as the caller gets them. For each chunk of an event stream, at most one chunk is sent, at once.
/// If the reply breaks off, so does this.
pub(super) fn relayed(mut reply: Reply, mut relay: Relay) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    stream! {
        while let Some(chunk) = reply.body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    let rest = relay.rest();
                    if !rest.is_empty() {
                        yield Ok(Bytes::from(rest));
                    }
                    // A server drops unwritten bytes when a body fails: let it write first.
                    tokio::task::yield_now().await;
                    yield Err(error);
                    return;
                }
            };
            match relay.push(&chunk).await {
                Ok(out) if out.is_empty() => {}
                Ok(out) => yield Ok(Bytes::from(out)),
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
        match relay.end().await {
            Ok(out) if out.is_empty() => {}
            Ok(out) => yield Ok(Bytes::from(out)),
            Err(error) => yield Err(error),
        }
    }
}

/// The state of one reply.
pub(super) struct Relay {
    /// The kind of reply that the content type and the request lead to expect.
    expected: BodyKind,
    changes: Changes,
    writer: Option<CompletionWriter>,
    /// Whether the caller gets `[DONE]`, too.
    gives_done: bool,
    state: State,
    /// The number of bytes held.
    held: usize,
    id: Id,
}

enum State {
    /// The bytes so far do not show the kind.
    Unknown(Vec<u8>),
    /// One value, which is changed when it is complete.
    Whole(Vec<u8>),
    Events {
        cutter: Cutter,
        reader: Box<Reader>,
    },
}

/// The id of the completion.
#[derive(Default)]
struct Id {
    /// The provider's first id that is not empty.
    said: Option<String>,
    /// The id that the caller gets instead, or if the provider gives none.
    given: Option<String>,
}

impl Relay {
    /// `expected` is the kind if the first bytes do not show it.
    pub(super) fn new(
        expected: BodyKind,
        changes: Changes,
        writer: Option<CompletionWriter>,
        gives_done: bool,
    ) -> Self {
        Relay { expected, changes, writer, gives_done, state: State::Unknown(Vec::new()), held: 0, id: Id::default() }
    }

    /// Takes the next bytes and returns those for the caller.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        self.held += bytes.len();
        if self.held > MOST_HELD {
            let message = format!("the reply is larger than {} MiB, the most that the stack can hold", MOST_HELD >> 20);
            return Err(Error::new(ErrorKind::Broken, message));
        }
        let first = match &mut self.state {
            State::Whole(body) => {
                body.extend_from_slice(bytes);
                return Ok(Vec::new());
            }
            State::Events { .. } => return self.events(bytes).await,
            State::Unknown(held) => {
                held.extend_from_slice(bytes);
                let told = held.trim_ascii_start().len() >= TELLING;
                let Some(kind) = BodyKind::begins_as(held).or(told.then_some(self.expected)) else {
                    return Ok(Vec::new());
                };
                let held = std::mem::take(held);
                if kind != BodyKind::Events {
                    self.state = State::Whole(held);
                    return Ok(Vec::new());
                }
                held
            }
        };
        self.state = State::Events { cutter: Cutter::default(), reader: Box::new(Reader::new(BodyKind::Events)) };
        self.events(&first).await
    }

    async fn events(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let State::Events { cutter, .. } = &mut self.state else { return Ok(bytes.to_vec()) };
        let events = cutter.push(bytes);
        if !events.is_empty() && self.writer.is_none() {
            // The text of the stream so far is not held; of the next event there is at most this much.
            self.held = bytes.len();
        }
        let mut out = Vec::with_capacity(bytes.len() + 64);
        for event in events {
            self.event(&event, &mut out).await?;
        }
        Ok(out)
    }

    /// Ends the reply and returns the rest: a whole body, or the last event of a stream if no blank line ended it.
    pub(super) async fn end(&mut self) -> Result<Vec<u8>, Error> {
        let rest = self.rest();
        if matches!(self.state, State::Events { .. }) {
            let mut out = Vec::new();
            if !rest.is_empty() {
                self.event(&rest, &mut out).await?;
            }
            // Some APIs send no `[DONE]`: there the end of the connection is the end.
            self.keep().await?;
            return Ok(out);
        }
        self.whole(rest).await
    }

    /// The bytes that were not sent yet.
    fn rest(&mut self) -> Vec<u8> {
        match &mut self.state {
            State::Unknown(body) | State::Whole(body) => std::mem::take(body),
            State::Events { cutter, .. } => cutter.rest(),
        }
    }

    async fn whole(&mut self, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let mut reader = Reader::new(BodyKind::Whole);
        reader.whole(&body);
        let Some(text) = std::str::from_utf8(&body).ok().map(|text| text.trim_start_matches('\u{feff}')) else {
            return Ok(body);
        };
        let is_completion = reader.answer().is_chat();
        self.find_id(reader.answer().id.as_deref(), is_completion).await?;
        let changed = self.changes.whole(text, self.id.given.as_deref().filter(|_| is_completion));
        if let Some(writer) = self.writer.take() {
            let id = self.id.given.clone().or_else(|| self.id.said.clone());
            writer.write_whole(&reader.finish(), id, changed.as_deref().unwrap_or(text)).await.map_err(of_store)?;
        }
        Ok(changed.map_or(body, String::into_bytes))
    }

    async fn event(&mut self, event: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let text = std::str::from_utf8(event).ok();
        let data = text.and_then(sse::data);
        if let Some(data) = data.as_deref().filter(|_| self.writer.is_some()) {
            let (said, is_last) = completion_id(data);
            self.find_id(said.as_deref(), is_last).await?;
        }
        let id = self.id.given.as_deref().map(|given| (self.id.said.as_deref(), given));
        let changed = text
            .zip(data.as_deref())
            .and_then(|(text, data)| Some(sse::with_data(text, &self.changes.event(data, id)?)));
        let event = changed.as_deref().map_or(event, str::as_bytes);
        let is_done = data.as_deref() == Some("[DONE]");
        if !is_done || self.gives_done {
            out.extend_from_slice(event);
        }
        // The store gets the same text as the caller.
        let State::Events { reader, .. } = &mut self.state else { return Ok(()) };
        if self.writer.is_none() {
            return Ok(());
        }
        for segment in sse::parse(event) {
            if let sse::Kind::Event(event) = segment.kind {
                reader.event(&event);
            }
        }
        // Stored before the caller gets the chunk that says that the answer is complete.
        if is_done { self.keep().await } else { Ok(()) }
    }

    /// Decides the id once: the first id that is not empty, unless the store has it already; or an id of our own if the
    /// provider gives none until `is_last`.
    async fn find_id(&mut self, said: Option<&str>, is_last: bool) -> Result<(), Error> {
        let Some(writer) = self.writer.as_ref().filter(|_| self.id.said.is_none() && self.id.given.is_none()) else {
            return Ok(());
        };
        match said.filter(|said| !said.is_empty()) {
            Some(said) => {
                self.id.said = Some(said.to_owned());
                self.id.given = Some(writer.id_in_the_place_of(said).await.map_err(of_store)?);
            }
            None if is_last => self.id.given = Some(super::completion_writer::own_id()),
            None => {}
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), Error> {
        let State::Events { reader, .. } = &self.state else { return Ok(()) };
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let reading = (**reader).clone().finish();
        writer.write_streamed(&reading, self.id.given.clone()).await.map_err(of_store)
    }
}

/// The id of a completion's event, and whether one of its choices ends with it.
fn completion_id(data: &str) -> (Option<String>, bool) {
    let Ok(event) = crate::wire::lenient::read(data) else { return (None, false) };
    let Some(choices) = event.value["choices"].as_array() else { return (None, false) };
    let is_last = choices.iter().any(|choice| !choice["finish_reason"].is_null());
    (words(&event.value["id"]).map(str::to_owned), is_last)
}

fn of_store(refusal: super::refusal::Refusal) -> Error {
    Error::new(ErrorKind::Other, refusal.message)
}
