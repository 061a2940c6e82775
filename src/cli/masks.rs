//! The masks that a run declares, and those that have no effect.

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::Mask;
use crate::matrix::Case;

use super::tapes::Tapes;

/// How many masks are named.
const MOST_NAMED: usize = 10;

/// The masks of these cases' suites and of their providers, as messages show them.
pub(super) fn declared<'c>(cases: impl Iterator<Item = &'c Case>, tapes: &Tapes<'_>) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = BTreeSet::new();
    for case in cases.filter(|case| case.skip.is_none()) {
        all.extend(case.suite.masks.iter().map(Mask::to_string));
    }
    for tape in tapes.set.tapes() {
        all.extend(tape.library().rules().masks.iter().map(Mask::to_string));
    }
    all
}

/// The lines about them in the head of a run.
pub(super) fn lines(declared: &BTreeSet<String>) -> Vec<String> {
    let mut lines: Vec<String> = declared.iter().take(MOST_NAMED).map(|mask| format!("mask: {mask}")).collect();
    if let Some(more) = declared.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        lines.push(format!("and {more} more masks"));
    }
    lines
}

/// Messages about masks that matched nothing in any request of a run: they are misspelt, or no longer needed.
pub(super) fn idle<'d>(declared: impl Iterator<Item = &'d String>, seen: &BTreeMap<String, bool>) -> Vec<String> {
    declared
        .filter(|mask| !seen.get(*mask).is_some_and(|has_hit| *has_hit))
        .map(|mask| format!("the mask {mask} hit nothing: correct its place or its pattern, or remove it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_that_hit_nothing_or_was_never_used_is_idle() {
        let declared: BTreeSet<String> = ["hit", "missed", "unused"].map(str::to_owned).into();
        let seen = [("hit".to_owned(), true), ("missed".to_owned(), false)].into();
        let idle = idle(declared.iter(), &seen);
        assert_eq!(idle.len(), 2);
        assert!(
            idle[0].starts_with("the mask missed hit nothing") && idle[1].starts_with("the mask unused"),
            "{idle:?}"
        );
    }
}
