//! Runs as one JSON text.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::micros;
use super::case::{Beside, Cases, is_bad, result};
use super::fixed::verdict;
use super::html::cut;
use super::store::{Room, Store};
use crate::event::{CaseRef, Event, Finished, Head, Outcome, Proof, Tally};
use crate::report::head::interruption;

/// For all runs: with 10,000 cases the page stays below 8 MB.
const ROOM: Room = Room { details: 2 << 20, streams: 1_250_000, reasons: 500_000 };
/// Notices of a run that are kept, and characters of each.
const MOST_NOTICES: usize = 200;
const MOST_OF_NOTICE: usize = 4_000;

/// All that the page's scripts show.
pub(super) fn data(runs: &[Vec<Event>]) -> String {
    let mut store = Store::new(ROOM);
    let mut cases = Cases::default();
    // What there is no room for shall be missing from old runs.
    let mut rows: Vec<Value> = runs.iter().rev().map(|events| run(events, &mut cases, &mut store)).collect();
    rows.reverse();
    format!(
        "{{\"texts\":{},\n\"runs\":{},\n\"cases\":{},\n\"calls\":{},\n\"streams\":{},\n\"details\":{},\n\"bare\":{}}}",
        store.texts.texts(),
        Value::from(rows),
        cases.rows(),
        store.calls.rows(),
        store.streams.rows(),
        store.details.rows(),
        store.bare_streams,
    )
}

fn run(events: &[Event], cases: &mut Cases, store: &mut Store) -> Value {
    let mut tally = Tally::default();
    let mut head = Head::default();
    let (mut total, mut deselected) = (0, 0);
    let mut notices = Vec::new();
    let mut given_up = Vec::new();
    let mut ended = None;
    let mut end = json!({"broken": true});
    let mut finished: Vec<&Finished> = Vec::new();
    let mut beside: BTreeMap<usize, Beside<'_>> = BTreeMap::new();
    for event in events {
        tally.count(event);
        match event {
            Event::Started(started) => head = (**started).clone(),
            Event::Collected { total: all, deselected: left } => (total, deselected) = (*all, *left),
            Event::CaseRerun(case) => beside.entry(case.index).or_default().reruns += 1,
            Event::CaseTeardown(case) => beside.entry(case.index).or_default().teardown = Some(case),
            Event::CaseFinished(case) => finished.push(case),
            Event::CaseGivenUp { id } => given_up.push(id.as_str()),
            Event::Notice(text) => notices.push(cut(text, MOST_OF_NOTICE)),
            Event::Finished { duration, interrupted, proof } => {
                ended = Some(*interrupted);
                let why = interrupted.map(interruption);
                end = json!({"us": micros(*duration), "interrupted": why, "proof": proved(proof)});
            }
            Event::CaseStarted { .. } => {}
        }
    }
    finished.sort_by_key(|case| case.index);
    let mut results = results(&finished, &beside, cases, store);
    for id in given_up {
        let case = CaseRef { id: id.to_owned(), ..CaseRef::default() };
        results.push(json!([cases.number(&case, store), 7, 0]));
    }
    if total == 0 {
        // Nobody knew how many sessions of the proxy would come.
        total = results.len();
    }
    let more_notices = notices.len().saturating_sub(MOST_NOTICES);
    notices.truncate(MOST_NOTICES);
    json!({
        "head": head,
        "verdict": verdict(&tally, ended),
        "end": end,
        "total": total,
        "deselected": deselected,
        "notRun": (total - deselected.min(total)).saturating_sub(results.len()),
        "reruns": tally.reruns,
        "notices": notices,
        "moreNotices": more_notices,
        "results": results,
    })
}

/// A row for each case, in order. What failed is put in first, for its details come before those of others.
fn results(
    finished: &[&Finished],
    beside: &BTreeMap<usize, Beside<'_>>,
    cases: &mut Cases,
    store: &mut Store,
) -> Vec<Value> {
    let alone = Beside::default();
    let of = |case: &Finished| beside.get(&case.index).unwrap_or(&alone);
    let comes_first = |case: &Finished| is_bad(case) || of(case).teardown.is_some();
    let mut rows: Vec<Value> = vec![Value::Null; finished.len()];
    let numbers: Vec<usize> = finished.iter().map(|case| cases.number(&case.case, store)).collect();
    for bad in [true, false] {
        for (at, case) in finished.iter().enumerate().filter(|(_, case)| comes_first(case) == bad) {
            rows[at] = result(case, numbers[at], of(case), store);
        }
    }
    rows
}

fn proved(proof: &Proof) -> Value {
    let counts = &proof.recordings;
    json!({
        "network": proof.network_requests,
        "protocol": proof.protocol,
        "secrets": proof.secrets,
        "revision": proof.revision,
        "real": counts.real,
        "simulated": counts.simulated,
        "edited": counts.edited,
        "imported": counts.imported,
        "unused": counts.unused,
        "oldest": counts.oldest_ms,
    })
}

/// Whether a case is among those that the summary without scripts tells of.
pub(super) fn is_told(event: &Event) -> Option<&Finished> {
    match event {
        Event::CaseTeardown(finished) => Some(finished),
        Event::CaseFinished(finished) if matches!(finished.outcome, Outcome::Failed(_) | Outcome::Error(_)) => {
            Some(finished)
        }
        _ => None,
    }
}
