//! When a reply was received, and whether that was within the limits.

use std::fmt;
use std::time::Duration;

use super::expectation::Checker;
use super::unmet::Unmet;
use crate::suite::TimeExpect;

/// When a reply was received, counted from the moment when its request was sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timing {
    /// When each chunk of the body was received, in order. Empty if the body is empty or the times are unknown.
    pub chunks: Vec<Duration>,
    /// Where these times come from.
    pub clock: Clock,
}

/// Where times come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Clock {
    /// They were measured while the reply was received.
    Measured,
    /// The reply was replayed at once: the times are those of its recording.
    Recorded,
    /// The reply was replayed at this multiple of its recorded pace. The times were measured and multiplied by the same
    /// number.
    Replayed(f64),
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clock::Measured => f.write_str("measured"),
            Clock::Recorded => f.write_str("as recorded"),
            Clock::Replayed(speed) => write!(f, "replayed at {speed} times the recorded pace"),
        }
    }
}

impl Timing {
    fn gap(&self) -> Option<Duration> {
        let gaps = self.chunks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        self.chunks.first().map(|_| gaps.max().unwrap_or_default())
    }
}

impl Checker<'_> {
    pub(super) fn time(&mut self, expect: &TimeExpect) {
        let timing = &self.seen.timing;
        for (path, limit, took) in [
            ("time.first_byte", expect.first_byte, timing.chunks.first().copied()),
            ("time.gap", expect.gap, timing.gap()),
            ("time.whole", expect.whole, timing.chunks.last().copied()),
        ] {
            let Some((limit, place)) = limit else { continue };
            let actual = match took {
                Some(took) if took <= limit => continue,
                Some(took) => format!("{took:?} ({})", timing.clock),
                None if timing.clock == Clock::Recorded => "the recording says no times: record it anew".to_owned(),
                None => "no body at all".to_owned(),
            };
            self.record(place, path, Err(Unmet::new(format!("at most {limit:?}"), actual)));
        }
    }
}
