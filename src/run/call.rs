//! An exchange of a case in figures.

use http::header::CONTENT_TYPE;

use crate::check::Seen;
use crate::event::{Call, Chunk, Part, Usage};
use crate::exchange::Request;
use crate::protocol::Asked;
use crate::suite::Step;
use crate::wire::{BodyKind, usage};

use super::answer::{Answer, timing};
use super::judge::{Judged, named};
use super::{Price, Replayed};

/// How many pieces of a stream are kept one by one. A long answer has a few hundred.
const MOST_CHUNKS: usize = 2_000;

/// A request that is about to be sent, in the attempt of this number.
pub(super) fn begun(request: &Request, (part, step): (Part, &Step), attempt: usize) -> Call {
    Call {
        part,
        step: step.name.clone(),
        attempt,
        method: request.method.to_string(),
        endpoint: request.endpoint.clone(),
        ..Call::default()
    }
}

/// Adds the reply. `times` is when each chunk of the body came, by the clock that tells of the provider.
pub(super) fn answered(call: &mut Call, answer: &Answer, times: &[std::time::Duration], replayed: Option<&Replayed>) {
    let kind = answer.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let kind = kind.unwrap_or_default();
    call.status = Some(answer.status);
    (call.first_byte, call.last_byte) = (times.first().copied(), times.last().copied());
    call.usage = usage(&kind, &answer.body).map(|usage| Usage { input: usage.input, output: usage.output });
    call.recording = replayed.map(|replayed| replayed.recording.clone());
    if BodyKind::of(&kind, &answer.body).is_stream() {
        let sizes = match replayed {
            Some(Replayed { speed: None, sizes, .. }) => sizes,
            _ => &answer.sizes,
        };
        // Only if the counts are equal is it known which time belongs to which chunk.
        let known = if sizes.len() == times.len() { times.len() } else { 0 };
        let chunks = times.iter().zip(sizes).take(known.min(MOST_CHUNKS));
        call.chunks = chunks.map(|(at, bytes)| Chunk { at: *at, bytes: *bytes }).collect();
        call.more_chunks = known.saturating_sub(MOST_CHUNKS);
    }
}

/// Adds what the reply was found to say. `asked` is the model that the request names.
pub(super) fn judged(call: &mut Call, judged: &Judged, asked: Option<&str>, price: &Price) {
    call.model.clone_from(&judged.model);
    call.finish_reason.clone_from(&judged.finish_reason);
    call.usd = asked.zip(call.usage).and_then(|(model, usage)| price(model, usage));
}

/// Adds the reply to a request that no case sent, and that nothing checks.
pub(crate) fn complete(
    call: &mut Call,
    answer: &Answer,
    asked: Asked,
    replayed: Option<&Replayed>,
    price: Option<&Price>,
) {
    let timing = timing(answer, replayed);
    answered(call, answer, &timing.chunks, replayed);
    let model = asked.model().map(str::to_owned);
    call.usd = price.zip(model).zip(call.usage).and_then(|((price, model), usage)| price(&model, usage));
    let seen = Seen::new(answer.observed(timing, asked));
    (call.model, call.finish_reason) = named(&seen);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::*;
    use crate::event::{Origin, Recorded};

    fn answer(count: usize) -> Answer {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, "text/event-stream".parse().unwrap())]);
        let body = "data: {\"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 4}}\n\n".into();
        Answer { status: 200, headers, body, chunks: Vec::new(), sizes: vec![7; count], broken: None }
    }

    fn times(count: usize) -> Vec<Duration> {
        (1..=count as u64).map(Duration::from_micros).collect()
    }

    #[test]
    fn of_a_long_stream_the_first_pieces_are_kept_and_the_rest_is_counted() {
        let mut call = Call::default();
        answered(&mut call, &answer(MOST_CHUNKS + 5), &times(MOST_CHUNKS + 5), None);
        assert_eq!((call.chunks.len(), call.more_chunks), (MOST_CHUNKS, 5));
        assert_eq!(call.chunks[1], Chunk { at: Duration::from_micros(2), bytes: 7 });
        assert_eq!((call.usage, call.status), (Some(Usage { input: 3, output: 4 }), Some(200)));
        assert_eq!(call.last_byte, Some(Duration::from_micros(MOST_CHUNKS as u64 + 5)));
    }

    #[test]
    fn a_replayed_stream_has_the_pieces_of_its_recording_and_one_of_unknown_times_none() {
        let recording = Recorded { file: None, origin: Origin::Real, recorded_ms: None };
        let replayed = Replayed { chunks: times(2), sizes: vec![1, 2], speed: None, recording };
        let mut call = Call::default();
        answered(&mut call, &answer(5), &times(2), Some(&replayed));
        assert_eq!(call.chunks.iter().map(|chunk| chunk.bytes).collect::<Vec<_>>(), [1, 2]);
        let mut call = Call::default();
        answered(&mut call, &answer(5), &times(2), None);
        assert_eq!((call.chunks.len(), call.more_chunks), (0, 0));
    }
}
