//! The end of a stream, as a failure shows it: its last events, and when they came.

use std::time::Duration;

use crate::wire::sse::{Kind, Parser};

/// Events shown.
const MOST: usize = 3;
/// Characters shown of an event.
const MOST_CHARACTERS: usize = 160;

/// The last events of a body that is a stream of them, a line each; the body in its chunks, and when each came where
/// that is known. `None` for other bodies.
pub(super) fn tail(body: &[u8], sizes: &[usize], times: &[Duration]) -> Option<Vec<String>> {
    let mut parser = Parser::new();
    let (mut events, mut at) = (Vec::new(), 0);
    for (index, size) in sizes.iter().enumerate() {
        let end = (at + size).min(body.len());
        // Only when they are as many is it known which time is whose.
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
    let left_out = data.len().saturating_sub(MOST);
    let mut lines: Vec<String> =
        (left_out > 0).then(|| format!("({left_out} events before these)")).into_iter().collect();
    lines.extend(data[left_out..].iter().map(|(time, text)| line(*time, text)));
    Some(lines)
}

fn line(time: Option<Duration>, text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let shown = match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    };
    match time {
        Some(time) => format!("{:>6} ms  {shown}", time.as_millis()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_shown_with_their_times() {
        let chunks = ["data: {\"a\":1}\n\ndata: 2\n\n", "data: 3", "\n\ndata: [DONE]\n\n"];
        let sizes: Vec<usize> = chunks.iter().map(|chunk| chunk.len()).collect();
        let times: Vec<Duration> = [20, 340, 1200].map(Duration::from_millis).to_vec();
        let lines = tail(chunks.concat().as_bytes(), &sizes, &times).unwrap();
        assert_eq!(lines, ["(1 events before these)", "    20 ms  2", "  1200 ms  3", "  1200 ms  [DONE]"]);
        let unknown = tail(chunks.concat().as_bytes(), &sizes, &times[..1]).unwrap();
        assert_eq!(unknown[1..], ["2", "3", "[DONE]"]);
        assert_eq!(tail(b"{\"a\": 1}", &[8], &[Duration::ZERO]), None);
        assert_eq!(tail(b"", &[], &[]), None);
    }
}
