//! For whom a recording is, and which of their equal requests it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// So many replies to one request are a loop, and not what a case asks.
pub(super) const MOST_REPEATS: u32 = 10_000;

/// Which of the equal requests of one case a reply answers, each counted from 1. As text: `1`, `2-4`, `1,3-5`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeats(BTreeSet<u32>);

impl Repeats {
    /// Only this one.
    pub fn one(nth: u32) -> Self {
        Repeats(BTreeSet::from([nth]))
    }

    /// `count` of them, beginning with `first`.
    pub fn range(first: u32, count: u32) -> Self {
        Repeats((first..first.saturating_add(count)).collect())
    }

    /// Whether the `nth` is among them.
    pub fn has(&self, nth: u32) -> bool {
        self.0.contains(&nth)
    }

    /// Adds the `nth`.
    pub fn add(&mut self, nth: u32) {
        self.0.insert(nth);
    }

    /// Takes the `nth` away.
    pub fn remove(&mut self, nth: u32) {
        self.0.remove(&nth);
    }

    /// Keeps those of which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&u32) -> bool) {
        self.0.retain(keep);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first one.
    pub fn first(&self) -> Option<u32> {
        self.0.first().copied()
    }

    /// The last one.
    pub fn last(&self) -> Option<u32> {
        self.0.last().copied()
    }

    /// All of them, in order.
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
                "`{text}` says not which of the equal requests: write `1`, `2-4` or `1,3-5`, from 1 to {MOST_REPEATS}"
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

/// How often one case gets a reply before the next one of the same request is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// So often. Never 0.
    Count(u32),
    /// As often as it asks.
    Any,
}

/// For whom a recording is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owners {
    /// It says whose it is.
    Named(Named),
    /// An older retake or another tool wrote it: which of the equal requests it answers follows from the order of the
    /// files, and everyone may have it.
    ByOrder {
        /// How often before the next file's turn.
        times: Times,
        /// The cases that recorded it, as [`super::case_label`] has them, where it says so.
        cases: BTreeSet<String>,
    },
}

/// Whose a recording is, by its own word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Of requests that no case made, those it answers.
    pub anyone: Repeats,
    /// Of each case, as [`super::case_label`] has it, those it answers.
    pub cases: BTreeMap<String, Repeats>,
    /// It answers every further equal request too.
    pub and_further: bool,
}

impl Named {
    /// Of a single request; `None` is one that no case made.
    pub fn of(case: Option<&str>, nth: u32) -> Self {
        let mut named = Named::default();
        named.entry(case).add(nth);
        named
    }

    /// What it answers of a case, or of no case; made where it is missing.
    pub fn entry(&mut self, case: Option<&str>) -> &mut Repeats {
        match case {
            None => &mut self.anyone,
            Some(case) => self.cases.entry(case.to_owned()).or_default(),
        }
    }

    /// What it answers of this very label, or of no case.
    pub fn repeats_of(&self, case: Option<&str>) -> Option<&Repeats> {
        match case {
            None => Some(&self.anyone).filter(|repeats| !repeats.is_empty()),
            Some(case) => self.cases.get(case),
        }
    }

    /// Forgets whoever it answers nothing any more.
    pub fn tidy(&mut self) {
        self.cases.retain(|_, repeats| !repeats.is_empty());
    }

    /// Whether it is nobody's.
    pub fn is_empty(&self) -> bool {
        self.anyone.is_empty() && self.cases.values().all(Repeats::is_empty)
    }
}

impl Owners {
    /// The cases that it names.
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
