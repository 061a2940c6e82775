//! Faults made by changing real replies.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::format::kind_of;
use super::model::{ChunkMark, End, Reply};
use crate::wire::{BodyKind, ndjson, sse};

/// Something that goes wrong with a provider's replies, and which calls it hits.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// How many calls of the provider go well before it.
    pub after_calls: u32,
    /// How many calls it hits; `None` means all that follow.
    pub times: Option<u32>,
    /// What goes wrong.
    pub what: What,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The body breaks off.
    Stop(Cut),
    /// The body pauses for a time, then goes on.
    Stall(Cut, Duration),
    /// Each chunk comes this long after the one before.
    Slow(Duration),
    /// A stream ends without its last event: `[DONE]`, or whatever it ends with.
    DropEnd,
    /// The JSON of this event, counted from 1, is cut in half; in a body that is not a stream, the whole body is.
    Malformed(usize),
    /// An error comes instead of the reply. The provider is not asked.
    Status {
        /// 400 to 599.
        code: u16,
        /// Seconds, for `Retry-After`.
        retry_after: Option<u32>,
    },
    /// The connection is lost before the first byte of a reply. The provider is not asked.
    Reset,
}

/// A place in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After this many events of a stream.
    Events(usize),
    /// After this many bytes.
    Bytes(usize),
}

/// The error text for the client of a connection that was broken on purpose.
pub const BROKEN_ON_PURPOSE: &str = "a fault of the test broke it off";

/// The reply with its fault, and its chunks with the times at which to send them. `speed` is the multiple of the
/// recorded pace; `None` sends everything at once, except for what the fault delays. [`What::Status`] and
/// [`What::Reset`] replace a reply, so they leave this one unchanged.
pub fn faulted(reply: &Reply, what: &What, speed: Option<f64>) -> Reply {
    let mut faulted = Reply { chunks: paced(reply, speed), ..reply.clone() };
    match what {
        What::Stop(cut) => {
            let at = place(reply, *cut);
            replace(&mut faulted, at..reply.body.len(), b"");
            faulted.end = End::Broken(BROKEN_ON_PURPOSE.to_owned());
        }
        What::Stall(cut, pause) => stall(&mut faulted, place(reply, *cut), *pause),
        What::Slow(gap) => {
            for (chunk, times) in faulted.chunks.iter_mut().zip(1..) {
                chunk.at_ms = chunk.at_ms.max(milliseconds(gap.saturating_mul(times)));
            }
        }
        What::DropEnd => {
            if let Some(last) = events(reply).pop() {
                replace(&mut faulted, last, b"");
            }
        }
        What::Malformed(event) => {
            let whole = 0..reply.body.len();
            let raw = events(reply).get(event - 1).cloned().or_else(|| (!is_stream(reply)).then_some(whole));
            if let Some(raw) = raw {
                let rest = second_half(&reply.body, raw);
                replace(&mut faulted, rest, b"");
            }
        }
        What::Status { .. } | What::Reset => {}
    }
    faulted
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn paced(reply: &Reply, speed: Option<f64>) -> Vec<ChunkMark> {
    let at = |at_ms: u64| speed.map_or(0, |speed| (at_ms as f64 / speed) as u64);
    let mut chunks: Vec<ChunkMark> =
        reply.chunks.iter().map(|chunk| ChunkMark { at_ms: at(chunk.at_ms), ..*chunk }).collect();
    let known: usize = chunks.iter().map(|chunk| chunk.size).sum();
    if known < reply.body.len() {
        let at_ms = chunks.last().map_or(0, |chunk| chunk.at_ms);
        chunks.push(ChunkMark { size: reply.body.len() - known, at_ms });
    }
    chunks
}

fn is_stream(reply: &Reply) -> bool {
    kind_of(&reply.headers) != BodyKind::Whole
}

/// The byte range of each event with data; in a stream of lines, of each line that is not blank.
fn events(reply: &Reply) -> Vec<Range<usize>> {
    match kind_of(&reply.headers) {
        BodyKind::Whole => Vec::new(),
        BodyKind::Events => {
            let has_data = |kind: &sse::Kind| matches!(kind, sse::Kind::Event(event) if event.data.is_some());
            sse::parse(&reply.body).into_iter().filter(|part| has_data(&part.kind)).map(|part| part.raw).collect()
        }
        BodyKind::Lines => {
            ndjson::parse(&reply.body).into_iter().filter(|line| !line.is_blank()).map(|line| line.raw).collect()
        }
    }
}

/// The offset of the cut, at most the length of the body.
fn place(reply: &Reply, cut: Cut) -> usize {
    match cut {
        Cut::Bytes(bytes) => bytes.min(reply.body.len()),
        Cut::Events(0) => 0,
        Cut::Events(count) => events(reply).get(count - 1).map_or(reply.body.len(), |event| event.end),
    }
}

/// The second half of an event's JSON, up to the line end that closes it.
fn second_half(body: &[u8], event: Range<usize>) -> Range<usize> {
    let text = body[event.clone()].trim_ascii_end();
    let json = text.iter().position(|byte| matches!(byte, b'{' | b'[')).unwrap_or(0);
    let mut middle = event.start + (json + 1 + text.len()) / 2;
    // Half a character would be another fault.
    while middle > event.start && body.get(middle).is_some_and(|byte| byte & 0xC0 == 0x80) {
        middle -= 1;
    }
    middle..event.start + text.len()
}

/// Replaces bytes of the body. Each chunk keeps what is left of its bytes, and its time.
fn replace(reply: &mut Reply, range: Range<usize>, new: &[u8]) {
    let mut body = reply.body.to_vec();
    body.splice(range.clone(), new.iter().copied());
    reply.body = Bytes::from(body);
    let mut start = 0;
    for chunk in &mut reply.chunks {
        let end = start + chunk.size;
        let overlap = end.min(range.end).saturating_sub(start.max(range.start));
        let begins_here = (start..end).contains(&range.start);
        chunk.size = chunk.size - overlap + if begins_here { new.len() } else { 0 };
        start = end;
    }
    reply.chunks.retain(|chunk| chunk.size > 0);
}

/// Delays everything from this byte on.
fn stall(reply: &mut Reply, at: usize, pause: Duration) {
    let (mut chunks, mut start) = (Vec::new(), 0);
    for chunk in &reply.chunks {
        let before = at.saturating_sub(start).min(chunk.size);
        let late = chunk.at_ms.saturating_add(milliseconds(pause));
        let parts = [ChunkMark { size: before, ..*chunk }, ChunkMark { size: chunk.size - before, at_ms: late }];
        chunks.extend(parts.into_iter().filter(|part| part.size > 0));
        start += chunk.size;
    }
    reply.chunks = chunks;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = "data: {\"a\":\"é\"}\n\n: hm\n\ndata: {\"b\":1}\n\ndata: [DONE]\n\n";

    fn reply(kind: &str, body: &str, sizes: &[usize]) -> Reply {
        Reply {
            status: 200,
            headers: vec![("content-type".into(), kind.into())],
            body: Bytes::copy_from_slice(body.as_bytes()),
            large: None,
            chunks: sizes.iter().zip(1..).map(|(size, at)| ChunkMark { size: *size, at_ms: at * 10 }).collect(),
            end: End::Complete,
        }
    }

    fn events() -> Reply {
        reply("text/event-stream", BODY, &[20, BODY.len() - 20])
    }

    fn text(reply: &Reply) -> String {
        String::from_utf8_lossy(&reply.body).into_owned()
    }

    fn marks(reply: &Reply) -> Vec<(usize, u64)> {
        reply.chunks.iter().map(|chunk| (chunk.size, chunk.at_ms)).collect()
    }

    #[test]
    fn a_stop_comes_after_an_event_or_within_a_character() {
        let stopped = faulted(&events(), &What::Stop(Cut::Events(1)), None);
        assert_eq!(text(&stopped), "data: {\"a\":\"é\"}\n\n");
        assert_eq!((marks(&stopped), stopped.end), (vec![(18, 0)], End::Broken(BROKEN_ON_PURPOSE.into())));
        let within = faulted(&events(), &What::Stop(Cut::Bytes(13)), None);
        assert!(std::str::from_utf8(&within.body).is_err());
        assert_eq!(faulted(&events(), &What::Stop(Cut::Events(9)), None).body, BODY, "it ends before that");
    }

    #[test]
    fn a_stall_holds_up_what_follows() {
        let stall = What::Stall(Cut::Bytes(5), Duration::from_secs(1));
        assert_eq!(marks(&faulted(&events(), &stall, None)), [(5, 0), (15, 1000), (BODY.len() - 20, 1000)]);
        assert_eq!(marks(&faulted(&events(), &stall, Some(2.0))), [(5, 5), (15, 1005), (BODY.len() - 20, 1010)]);
        let slow = faulted(&events(), &What::Slow(Duration::from_millis(200)), None);
        assert_eq!(marks(&slow), [(20, 200), (BODY.len() - 20, 400)]);
    }

    #[test]
    fn the_end_of_a_stream_can_be_missing() {
        let dropped = faulted(&events(), &What::DropEnd, None);
        assert_eq!((text(&dropped).as_str(), &dropped.end), (&BODY[..BODY.len() - 14], &End::Complete));
        let lines = reply("application/x-ndjson", "{\"a\":1}\n{\"done\":true}\n", &[]);
        assert_eq!(text(&faulted(&lines, &What::DropEnd, None)), "{\"a\":1}\n");
        let whole = reply("application/json", "{}", &[2]);
        assert_eq!(faulted(&whole, &What::DropEnd, None).body, "{}");
    }

    #[test]
    fn a_malformed_event_is_half_of_one() {
        let malformed = faulted(&events(), &What::Malformed(2), None);
        assert_eq!(text(&malformed), BODY.replace("{\"b\":1}", "{\"b\""));
        let whole = reply("application/json", r#"{"a": "b"}"#, &[10]);
        assert_eq!(text(&faulted(&whole, &What::Malformed(1), None)), r#"{"a":"#, "half of it");
    }

    proptest! {
        #[test]
        fn chunks_add_up_whatever_goes_wrong(
            sizes in proptest::collection::vec(0..20_usize, 0..5),
            events in 0..5_usize, bytes in 0..70_usize, kind in 0..3_usize,
        ) {
            let kind = ["text/event-stream", "application/x-ndjson", "application/json"][kind];
            let total: usize = sizes.iter().sum();
            let reply = reply(kind, &BODY.repeat(2)[..BODY.len() * 2], &sizes);
            prop_assume!(total <= reply.body.len());
            for what in [
                What::Stop(Cut::Events(events)), What::Stop(Cut::Bytes(bytes)), What::DropEnd, What::Malformed(events + 1),
                What::Stall(Cut::Bytes(bytes), Duration::from_millis(5)), What::Slow(Duration::from_millis(5)),
            ] {
                let faulted = faulted(&reply, &what, None);
                let sum: usize = faulted.chunks.iter().map(|chunk| chunk.size).sum();
                prop_assert_eq!(sum, faulted.body.len(), "{:?}", what);
            }
        }
    }
}
