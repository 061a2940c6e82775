//! How much of the runs a page keeps, so that it stays below its size whatever it is made of.

use super::store::Room;

/// Which calls are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    All,
    /// Those of the run that the page shows.
    OfLast,
    /// Those of its cases that failed.
    OfBad,
    None,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) calls: Calls,
    pub(super) room: Room,
    /// Runs, the last ones.
    pub(super) runs: usize,
    /// Cases of each run, failed ones first.
    pub(super) cases: usize,
}

/// The usual room for what may be large: with 10,000 cases the page stays below its size.
const ROOM: Room = Room { details: 2 << 20, streams: 1_250_000, reasons: 500_000 };
/// Where nothing else helps.
const LITTLE: Room = Room { details: 300_000, streams: 0, reasons: 0 };

impl Kept {
    /// Everything that there is room for.
    pub(super) fn all(runs: usize) -> Self {
        Kept { calls: Calls::All, room: ROOM, runs, cases: usize::MAX }
    }

    /// The same without the calls of earlier runs.
    pub(super) fn without_earlier_calls(self) -> Self {
        Kept { calls: Calls::OfLast, ..self }
    }

    /// Less than this, the least useful first; `None` if nothing more can be left out. `most` is how many cases a run
    /// has.
    pub(super) fn less(self, most: usize) -> Option<Self> {
        Some(match self {
            Kept { calls: Calls::All, .. } => Kept { calls: Calls::OfLast, ..self },
            Kept { calls: Calls::OfLast, .. } => Kept { calls: Calls::OfBad, ..self },
            Kept { calls: Calls::OfBad, .. } => Kept { calls: Calls::None, ..self },
            _ if self.room != LITTLE => Kept { room: LITTLE, ..self },
            _ if self.runs > 2 => Kept { runs: self.runs / 2, ..self },
            _ if self.runs == 2 => Kept { runs: 1, ..self },
            _ if self.cases > 0 => Kept { cases: self.cases.min(most) / 2, ..self },
            _ => return None,
        })
    }

    /// What is left out, for people.
    pub(super) fn left_out(self, runs: usize) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(match self.calls {
            Calls::All => None,
            Calls::OfLast => Some("calls of earlier runs".to_owned()),
            Calls::OfBad => Some("calls of earlier runs, and of cases that did not fail".to_owned()),
            Calls::None => Some("calls".to_owned()),
        });
        if self.room == LITTLE {
            words.push("details of most failures".to_owned());
        }
        match runs.saturating_sub(self.runs) {
            0 => {}
            1 => words.push("the oldest run".to_owned()),
            count => words.push(format!("the {count} oldest runs")),
        }
        if self.cases < usize::MAX {
            words.push(format!("cases beyond {} of a run, those that passed first", self.cases));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_useful_goes_first_and_in_the_end_everything_has_gone() {
        let mut kept = Kept::all(5);
        let mut told = Vec::new();
        while let Some(less) = kept.less(10) {
            kept = less;
            told.push(kept.left_out(5).pop().unwrap());
        }
        let expected = [
            "calls of earlier runs",
            "calls of earlier runs, and of cases that did not fail",
            "calls",
            "details of most failures",
            "the 3 oldest runs",
            "the 4 oldest runs",
            "cases beyond 5 of a run, those that passed first",
            "cases beyond 2 of a run, those that passed first",
            "cases beyond 1 of a run, those that passed first",
            "cases beyond 0 of a run, those that passed first",
        ];
        assert_eq!(told, expected);
    }
}
