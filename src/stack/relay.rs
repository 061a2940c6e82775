//! A streamed reply, relayed event by event and kept when it ends.

use async_stream::stream;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};

use super::gather::Gather;
use super::keeping::Keeping;
use super::quirks::Changes;
use crate::upstream::{Error, ErrorKind, Reply};
use crate::wire::sse::{self, Cutter};

/// The events of `reply` as the caller gets them: at most one chunk out for each that comes in, and at once. What
/// breaks off above breaks off here.
pub(super) fn events(
    mut reply: Reply,
    changes: Changes,
    keeping: Option<Keeping>,
    gives_done: bool,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    stream! {
        let mut relay = Relay { cutter: Cutter::default(), changes, gather: Gather::default(), done: false, gives_done };
        let mut keeping = keeping;
        while let Some(chunk) = reply.body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    let rest = relay.cutter.rest();
                    if !rest.is_empty() {
                        yield Ok(Bytes::from(rest));
                    }
                    // A server drops what it has not written yet when a body fails: let it write first.
                    tokio::task::yield_now().await;
                    yield Err(error);
                    return;
                }
            };
            let out = relay.push(&chunk);
            // Before the chunk that tells the caller that all is there.
            if relay.done && let Some(keeping) = keeping.take() && let Err(error) = relay.keep(keeping).await {
                yield Err(error);
                return;
            }
            if !out.is_empty() {
                yield Ok(Bytes::from(out));
            }
        }
        let out = relay.end();
        // Some APIs send no `[DONE]`: there, the end of the connection is the end.
        if let Some(keeping) = keeping.take() && let Err(error) = relay.keep(keeping).await {
            yield Err(error);
            return;
        }
        if !out.is_empty() {
            yield Ok(Bytes::from(out));
        }
    }
}

struct Relay {
    cutter: Cutter,
    changes: Changes,
    gather: Gather,
    /// `[DONE]` came.
    done: bool,
    /// The caller gets `[DONE]` too.
    gives_done: bool,
}

impl Relay {
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let events = self.cutter.push(bytes);
        let mut out = Vec::with_capacity(bytes.len() + 64);
        events.into_iter().for_each(|event| self.event(&event, &mut out));
        out
    }

    /// The last event of a stream that ends without a blank line.
    fn end(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let rest = self.cutter.rest();
        self.event(&rest, &mut out);
        out
    }

    fn event(&mut self, event: &[u8], out: &mut Vec<u8>) {
        let Some((text, data)) = std::str::from_utf8(event).ok().and_then(|text| Some((text, sse::data(text)?))) else {
            return out.extend_from_slice(event);
        };
        let done = data == "[DONE]";
        self.done |= done;
        if done && !self.gives_done {
            return;
        }
        match self.changes.event(&data) {
            Some(changed) => {
                out.extend_from_slice(sse::with_data(text, &changed).as_bytes());
                self.gather.push(&changed);
            }
            None => {
                out.extend_from_slice(event);
                self.gather.push(&data);
            }
        }
    }

    async fn keep(&self, keeping: Keeping) -> Result<(), Error> {
        let Some(completion) = self.gather.completion(&self.changes.model) else { return Ok(()) };
        let kept = keeping.keep(&completion.to_string()).await;
        kept.map_err(|refusal| Error::new(ErrorKind::Other, refusal.message))
    }
}
