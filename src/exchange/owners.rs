//! Which cases a recording is for, and which of their equal requests it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// More replies than this to one request come from a loop, not from a case.
pub(super) const MOST_REPEATS: u32 = 10_000;

/// Which of a case's equal requests a reply answers, counted from 1. As text: `1`, `2-4`, `1,3-5`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeats(BTreeSet<u32>);

impl Repeats {
    /// Only the `nth` request.
    pub fn one(nth: u32) -> Self {
        Repeats(BTreeSet::from([nth]))
    }

    /// `count` requests, beginning with the `first`.
    pub fn range(first: u32, count: u32) -> Self {
        Repeats((first..first.saturating_add(count)).collect())
    }

    /// Whether it answers the `nth` request.
    pub fn has(&self, nth: u32) -> bool {
        self.0.contains(&nth)
    }

    /// Adds the `nth` request.
    pub fn add(&mut self, nth: u32) {
        self.0.insert(nth);
    }

    /// Removes the `nth` request.
    pub fn remove(&mut self, nth: u32) {
        self.0.remove(&nth);
    }

    /// Keeps the requests for which `keep` is true.
    pub fn retain(&mut self, keep: impl FnMut(&u32) -> bool) {
        self.0.retain(keep);
    }

    /// Whether it answers no request.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first request.
    pub fn first(&self) -> Option<u32> {
        self.0.first().copied()
    }

    /// The last request.
    pub fn last(&self) -> Option<u32> {
        self.0.last().copied()
    }

    /// All requests, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }
}

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.iter().copied().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while rest.next_if_eq(&last.saturating_add(1)).is_some() {
                last += 1;
            }
            match last - first {
                0 => write!(f, "{separator}{first}")?,
                _ => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

impl FromStr for Repeats {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` does not say which of the equal requests: write `1`, `2-4` or `1,3-5`, from 1 to {MOST_REPEATS}"
            )
        };
        let mut all = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |digits: &str| digits.trim().parse::<u32>().ok().filter(|n| (1..=MOST_REPEATS).contains(n));
            let (first, last) = (number(first).ok_or_else(wrong)?, number(last).ok_or_else(wrong)?);
            if first > last {
                return Err(wrong());
            }
            all.extend(first..=last);
        }
        Ok(Repeats(all))
    }
}

/// How often a reply is given to one case before the next recording of the same request takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// This often. Never 0.
    Count(u32),
    /// As often as the case asks.
    Any,
}

/// Which cases a recording is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owners {
    /// The recording says which cases it is for.
    Named(Named),
    /// A file of an older retake or another tool. Any case may use it, and the order of the files decides which of the
    /// equal requests each answers.
    ByOrder {
        /// How often it answers before the next file takes over.
        times: Times,
        /// The cases that recorded it, by their [`super::case_label`], if the file names them.
        cases: BTreeSet<String>,
    },
}

/// Which cases a recording names, and which of their requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Which requests it answers that no case made.
    pub anyone: Repeats,
    /// Which requests it answers of each case, by its [`super::case_label`].
    pub cases: BTreeMap<String, Repeats>,
    /// It also answers every later equal request.
    pub and_further: bool,
}

impl Named {
    /// The owners of a single request; `None` is a request that no case made.
    pub fn of(case: Option<&str>, nth: u32) -> Self {
        let mut named = Named::default();
        named.entry(case).add(nth);
        named
    }

    /// The requests of this case, or of no case, that it answers; an empty entry is made if there is none.
    pub fn entry(&mut self, case: Option<&str>) -> &mut Repeats {
        match case {
            None => &mut self.anyone,
            Some(case) => self.cases.entry(case.to_owned()).or_default(),
        }
    }

    /// The requests of exactly this label, or of no case, that it answers.
    pub fn repeats_of(&self, case: Option<&str>) -> Option<&Repeats> {
        match case {
            None => Some(&self.anyone).filter(|repeats| !repeats.is_empty()),
            Some(case) => self.cases.get(case),
        }
    }

    /// Removes the cases of which it answers no request any more.
    pub fn tidy(&mut self) {
        self.cases.retain(|_, repeats| !repeats.is_empty());
    }

    /// Whether it answers nobody's requests.
    pub fn is_empty(&self) -> bool {
        self.anyone.is_empty() && self.cases.values().all(Repeats::is_empty)
    }
}

impl Owners {
    /// The cases that the recording names.
    pub fn cases(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Owners::Named(named) => Box::new(named.cases.keys().map(String::as_str)),
            Owners::ByOrder { cases, .. } => Box::new(cases.iter().map(String::as_str)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_says_no_repeats_is_refused() {
        for text in ["", "0", "a", "3-2", "1,", "1-", "-1", "1-10001", "4294967296"] {
            assert!(text.parse::<Repeats>().is_err_and(|why| why.contains("2-4")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn repeats_read_as_they_are_written(numbers in proptest::collection::btree_set(1..40_u32, 1..20)) {
            let repeats = Repeats(numbers);
            prop_assert_eq!(repeats.to_string().parse::<Repeats>(), Ok(repeats.clone()));
        }
    }
}
