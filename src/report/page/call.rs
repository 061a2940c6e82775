//! Calls in figures, as rows.

use std::time::Duration;

use serde_json::{Value, json};

use super::store::{Store, row};
use crate::event::{Call, Chunk, Origin, Recorded};

/// Pieces of a stream that a timeline has; more of them would be closer than the eye can tell apart.
const MOST_PIECES: usize = 240;

/// Microseconds, as events have them.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Real => "real",
        Origin::Simulated => "simulated",
        Origin::Edited => "edited",
    }
}

/// `[file, origin, recorded_ms]`
pub(super) fn recorded(recorded: &Recorded, store: &mut Store) -> Value {
    let file = store.maybe(recorded.file.as_deref());
    let origin = store.text(origin(recorded.origin));
    json!([file, origin, recorded.recorded_ms])
}

/// The number of the call's row. Its columns: part, step, attempt, method, endpoint, status, model, first byte, last byte,
/// finish, input, output, dollars, recording, stream, pieces left out, provider. Many cases of a replay have the same row.
pub(super) fn number(call: &Call, store: &mut Store) -> usize {
    let stream = stream(call, store);
    let usage = call.usage;
    let cells = vec![
        store.text(call.part.name()),
        store.maybe(call.step.as_deref()),
        json!(call.attempt),
        store.text(&call.method),
        store.text(&call.endpoint),
        json!(call.status),
        store.maybe(call.model.as_deref()),
        json!(call.first_byte.map(micros)),
        json!(call.last_byte.map(micros)),
        store.maybe(call.finish_reason.as_deref()),
        json!(usage.map(|usage| usage.input)),
        json!(usage.map(|usage| usage.output)),
        json!(call.usd),
        call.recording.as_ref().map_or(Value::Null, |kept| recorded(kept, store)),
        stream,
        json!((call.more_chunks > 0).then_some(call.more_chunks)),
        store.maybe(call.provider.as_deref()),
    ];
    store.calls.number(&row(cells).to_string())
}

/// The number of the pieces, or how many there are where no room is left for them: `[12]`.
fn stream(call: &Call, store: &mut Store) -> Value {
    if call.chunks.is_empty() {
        return Value::Null;
    }
    let text = pieces(&call.chunks);
    if let Some(number) = store.streams.find(&text) {
        return json!(number);
    }
    match store.room.streams.checked_sub(text.len()) {
        Some(room) => store.room.streams = room,
        None => {
            store.bare_streams += 1;
            return json!([call.chunks.len()]);
        }
    }
    json!(store.streams.number(&text))
}

/// `[count, steps]`: the steps are the time since the piece before in tenths of a millisecond, then its bytes. Of very many
/// pieces, neighbours are joined: each step then stands for several, at the time of the first.
fn pieces(chunks: &[Chunk]) -> String {
    let joined = chunks.len().div_ceil(MOST_PIECES);
    let mut before = 0;
    let mut steps = Vec::new();
    for group in chunks.chunks(joined) {
        let at = group.first().map_or(0, |chunk| micros(chunk.at) / 100);
        steps.push(json!(at.saturating_sub(before)));
        steps.push(json!(group.iter().map(|chunk| chunk.bytes).sum::<usize>()));
        before = at.max(before);
    }
    json!([chunks.len(), steps]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::store::Room;

    fn chunk(ms: u64, bytes: usize) -> Chunk {
        Chunk { at: Duration::from_millis(ms), bytes }
    }

    #[test]
    fn pieces_are_steps_in_tenths_of_a_millisecond() {
        assert_eq!(pieces(&[chunk(200, 10), chunk(205, 20), chunk(205, 7)]), "[3,[2000,10,50,20,0,7]]");
        let many: Vec<Chunk> = (0..1000).map(|at| chunk(at, 1)).collect();
        let text = pieces(&many);
        assert!(text.starts_with("[1000,[0,5,50,5,50,5,"), "{text}");
    }

    #[test]
    fn equal_calls_are_one_row_and_a_stream_without_room_says_how_long_it_is() {
        let call = Call { chunks: vec![chunk(1, 2); 3], method: "POST".into(), ..Call::default() };
        let mut store = Store::new(Room { details: 0, streams: 1_000, reasons: 0 });
        assert_eq!((number(&call, &mut store), number(&call, &mut store)), (0, 0));
        store.room.streams = 3;
        let other = Call { chunks: vec![chunk(2, 2); 3], ..call };
        assert_eq!(number(&other, &mut store), 1);
        assert_eq!(store.bare_streams, 1);
        assert!(store.calls.rows().contains(",[3]]"), "{}", store.calls.rows());
    }
}
