//! Decides which of several recordings of equal requests answers a case. Pure.

use std::sync::Arc;

use super::file_cache::Found;
use crate::exchange::{Named, Owners, Repeats, Times, is_same_case};

/// Who asks, and how often it has asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    /// The case as recordings name it; `None` for requests that no case makes.
    pub(super) label: Option<&'a str>,
    /// The provider that is asked.
    pub(super) provider: &'a str,
    /// Which of its equal requests this is, from 1.
    pub(super) nth: u32,
    /// The case whose recordings answered it before, if it has none of its own.
    pub(super) lender: Option<&'a str>,
}

/// What answers a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// This file. `lender` is the case that it belongs to, if the asker has no recordings of its own.
    File { at: usize, lender: Option<&'a str> },
    /// The asker has replies to equal requests, but none to this one.
    NoReply {
        /// How many there are.
        known: u32,
        /// The first earlier reply that is missing too, if the recordings have a gap.
        first_gap: Option<u32>,
    },
    /// No reply is known at all.
    Unknown,
}

/// Chooses the file that answers; all `files` have equal requests.
pub(super) fn answer<'a>(files: &'a [Arc<Found>], asker: &Asker<'_>) -> Answer<'a> {
    if files.is_empty() {
        return Answer::Unknown;
    }
    if let Some(label) = asker.label {
        if let Some(name) = own_name(files, label, asker.provider) {
            return of_owner(files, Some(name), asker.nth, None);
        }
        if let Some(at) = of_foreign_test(files, label, asker) {
            return Answer::File { at, lender: None };
        }
    }
    let by_order = by_order(files, asker.nth);
    if let Answer::File { .. } | Answer::NoReply { .. } = by_order {
        return again_of_none(files, by_order, asker);
    }
    let lender = asker.lender.and_then(|lender| own_name(files, lender, asker.provider)).or_else(|| first_owner(files));
    match lender {
        Some(lender) => again_of_none(files, of_owner(files, Some(lender), asker.nth, Some(lender)), asker),
        None => Answer::Unknown,
    }
}

/// The name that recordings use for the case that asks, if they name it.
fn own_name<'a>(files: &'a [Arc<Found>], label: &str, provider: &str) -> Option<&'a str> {
    let named = || files.iter().filter_map(|file| file.named());
    let exact = named().find_map(|named| named.cases.get_key_value(label));
    exact.map(|(name, _)| name.as_str()).or_else(|| {
        named()
            .flat_map(|named| named.cases.keys())
            .map(String::as_str)
            .find(|name| is_same_case(name, label, provider))
    })
}

/// A recording of another tool that names the test that asks. It holds one reply for any number of requests.
fn of_foreign_test(files: &[Arc<Found>], label: &str, asker: &Asker<'_>) -> Option<usize> {
    files.iter().position(|file| match &file.recording.owners {
        Owners::ByOrder { times: Times::Any, cases } => {
            cases.iter().any(|case| is_same_case(case, label, asker.provider))
        }
        _ => false,
    })
}

fn of_owner<'a>(files: &'a [Arc<Found>], name: Option<&str>, nth: u32, lender: Option<&'a str>) -> Answer<'a> {
    let repeats = |file: &'a Arc<Found>| file.named().and_then(|named| Some((named, named.repeats_of(name)?)));
    let mut known = Repeats::default();
    for (at, file) in files.iter().enumerate() {
        let Some((named, repeats)) = repeats(file) else { continue };
        if repeats.has(nth) || (named.and_further && repeats.first().is_some_and(|first| first <= nth)) {
            return Answer::File { at, lender };
        }
        repeats.iter().for_each(|nth| known.add(nth));
    }
    no_reply(&known)
}

fn no_reply<'a>(known: &Repeats) -> Answer<'a> {
    let Some(last) = known.last() else { return Answer::Unknown };
    Answer::NoReply { known: known.iter().count() as u32, first_gap: (1..last).find(|nth| !known.has(*nth)) }
}

/// Recordings for everyone: files of older versions and other tools in their order, and those recorded without a case.
fn by_order<'a>(files: &[Arc<Found>], nth: u32) -> Answer<'a> {
    let mut known = Repeats::default();
    for (at, (file, places)) in files.iter().zip(places(files)).enumerate() {
        let further = match &file.recording.owners {
            Owners::ByOrder { times, .. } => *times == Times::Any,
            Owners::Named(named) => named.and_further,
        };
        if places.has(nth) || (further && places.first().is_some_and(|first| first <= nth)) {
            return Answer::File { at, lender: None };
        }
        places.iter().for_each(|nth| known.add(nth));
    }
    no_reply(&known)
}

/// For each file, which of the equal requests of everyone it answers. Files that do not say it take the numbers that
/// are left, in their order.
pub(super) fn places(files: &[Arc<Found>]) -> Vec<Repeats> {
    let mut next = 1;
    let place = |file: &Arc<Found>| match &file.recording.owners {
        Owners::Named(named) => named.anyone.clone(),
        Owners::ByOrder { times, .. } => {
            let count = match times {
                Times::Count(count) => *count,
                Times::Any => 1,
            };
            let places = Repeats::range(next, count);
            next = next.saturating_add(count);
            places
        }
    };
    files.iter().map(place).collect()
}

/// The case whose recordings are lent to a case that has none: the first by name in the first file.
fn first_owner(files: &[Arc<Found>]) -> Option<&str> {
    files.iter().filter_map(|file| file.named()).find_map(|named| named.cases.keys().next()).map(String::as_str)
}

/// Requests without a case have no end: if only one reply is known, it is given again and again.
fn again_of_none<'a>(files: &[Arc<Found>], answer: Answer<'a>, asker: &Asker<'_>) -> Answer<'a> {
    match answer {
        Answer::NoReply { .. } if asker.label.is_none() && files.len() == 1 => Answer::File { at: 0, lender: None },
        answer => answer,
    }
}

/// The explicit owners of each file: files that stood for everyone by their order get their numbers. A file of an older
/// version that lists cases belongs to these.
pub(super) fn spelt_out(files: &[Arc<Found>]) -> Vec<Named> {
    let places = places(files);
    let named = |(file, places): (&Arc<Found>, Repeats)| match &file.recording.owners {
        Owners::Named(named) => named.clone(),
        Owners::ByOrder { times, cases } => {
            let and_further = *times == Times::Any;
            match cases.is_empty() {
                true => Named { anyone: places, and_further, ..Named::default() },
                false => Named {
                    cases: cases.iter().map(|case| (case.clone(), places.clone())).collect(),
                    and_further,
                    ..Named::default()
                },
            }
        }
    };
    files.iter().zip(places).map(named).collect()
}
