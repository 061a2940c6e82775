//! The last events of a stream, and when they came.

use std::time::Duration;

use crate::event::{StreamEnd, StreamEvent};
use crate::wire::sse::{Kind, Parser};

/// How many events are kept.
const MOST: usize = 3;
/// The last events of an event stream, given in its chunks, and when each came, if known. `None` for other bodies.
pub(super) fn tail(body: &[u8], sizes: &[usize], times: &[Duration]) -> Option<StreamEnd> {
    let mut parser = Parser::new();
    let (mut events, mut at) = (Vec::new(), 0);
    for (index, size) in sizes.iter().enumerate() {
        let end = (at + size).min(body.len());
        // Only if the counts are equal is it known which time belongs to which chunk.
        let time = times.get(index).filter(|_| times.len() == sizes.len()).copied();
        events.extend(parser.feed(&body[at..end]).into_iter().map(|segment| (time, segment.kind)));
        at = end;
    }
    events.extend(parser.finish().into_iter().map(|segment| (times.last().copied(), segment.kind)));
    let data: Vec<(Option<Duration>, String)> = events
        .into_iter()
        .filter_map(|(time, kind)| match kind {
            Kind::Event(event) => Some((time, event.data?)),
            Kind::Quiet => None,
        })
        .collect();
    if data.is_empty() {
        return None;
    }
    let before = data.len().saturating_sub(MOST);
    let events = data.into_iter().skip(before).map(|(at, data)| StreamEvent { at, data }).collect();
    Some(StreamEnd { before, events })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_shown_with_their_times() {
        let chunks = ["data: {\"a\":1}\n\ndata: 2\n\n", "data: 3", "\n\ndata: [DONE]\n\n"];
        let sizes: Vec<usize> = chunks.iter().map(|chunk| chunk.len()).collect();
        let times: Vec<Duration> = [20, 340, 1200].map(Duration::from_millis).to_vec();
        let end = tail(chunks.concat().as_bytes(), &sizes, &times).unwrap();
        let told = |end: &StreamEnd| -> Vec<(Option<u128>, String)> {
            end.events.iter().map(|event| (event.at.map(|at| at.as_millis()), event.data.clone())).collect()
        };
        assert_eq!(end.before, 1);
        let last = "[DONE]".to_owned();
        assert_eq!(told(&end), [(Some(20), "2".into()), (Some(1200), "3".into()), (Some(1200), last.clone())]);
        let unknown = tail(chunks.concat().as_bytes(), &sizes, &times[..1]).unwrap();
        assert_eq!(told(&unknown), [(None, "2".into()), (None, "3".into()), (None, last)]);
        assert_eq!(tail(b"{\"a\": 1}", &[8], &[Duration::ZERO]), None);
        assert_eq!(tail(b"", &[], &[]), None);
    }
}
