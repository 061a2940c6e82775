//! When a reply came, and whether that was in time.

use std::fmt;
use std::time::Duration;

use super::expectation::Checker;
use super::unmet::Unmet;
use crate::suite::TimeExpect;

/// When a reply came, from sending its request on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timing {
    /// When each chunk of the body came, in order; none for a body without bytes, or where nobody knows.
    pub chunks: Vec<Duration>,
    /// Where these times come from.
    pub clock: Clock,
}

/// Where times come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Clock {
    /// The reply was waited for.
    Measured,
    /// The reply was replayed at once: the times are those of its recording.
    Recorded,
    /// The reply was replayed at a multiple of its recorded pace, waited for, and its times multiplied by it.
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
