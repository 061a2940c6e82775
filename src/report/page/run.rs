//! Runs as one JSON text.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::call::micros;
use super::case::{Beside, Cases, is_bad, result};
use super::fixed::verdict;
use super::html::cut;
use super::kept::{Calls, Kept};
use super::store::Store;
use crate::event::{Call, CaseRef, Event, Finished, Head, Outcome, Proof, Tally};
use crate::report::head::interruption;

/// Notices of a run that are kept, and characters of each.
const MOST_NOTICES: usize = 200;
const MOST_OF_NOTICE: usize = 4_000;

/// All that the page's scripts show.
pub(super) struct Data {
    pub(super) json: String,
    /// The bytes of a call, on average.
    pub(super) call: usize,
}

/// All that the page's scripts show, as far as it is kept.
pub(super) fn data(runs: &[Vec<Event>], kept: Kept) -> Data {
    let mut store = Store::new(kept.room);
    let mut cases = Cases::default();
    // What there is no room for shall be missing from old runs.
    let of_page = runs.iter().rev().take(kept.runs).enumerate();
    let mut rows: Vec<Value> =
        of_page.map(|(back, events)| run(events, (kept, back == 0), &mut cases, &mut store)).collect();
    rows.reverse();
    let (calls, count) = (store.calls.rows(), store.calls.count().max(1));
    let json = format!(
        "{{\"texts\":{},\n\"runs\":{},\n\"cases\":{},\n\"calls\":{},\n\"streams\":{},\n\"details\":{},\n\"bare\":{},\n\"cut\":{}}}",
        store.texts.texts(),
        Value::from(rows),
        cases.rows(),
        calls,
        store.streams.rows(),
        store.details.rows(),
        store.bare_streams,
        Value::from(kept.left_out(runs.len())),
    );
    Data { json, call: calls.len() / count }
}

/// How many calls of earlier runs would be rows of their own: those of a replay are mostly the same in each run.
pub(super) fn earlier_calls(runs: &[Vec<Event>]) -> usize {
    let earlier = runs.iter().take(runs.len().saturating_sub(1)).flatten();
    let calls = earlier.filter_map(|event| match event {
        Event::CaseFinished(finished) => Some(&finished.calls),
        _ => None,
    });
    let key = |call: &Call| (call.first_byte, call.last_byte, call.status, call.usage.map(|usage| usage.output));
    calls.flatten().map(key).collect::<HashSet<_>>().len()
}

/// How many cases the largest of these runs has.
pub(super) fn most_cases(runs: &[Vec<Event>]) -> usize {
    let is_finished = |event: &&Event| matches!(event, Event::CaseFinished(_));
    runs.iter().map(|run| run.iter().filter(is_finished).count()).max().unwrap_or_default()
}

fn run(events: &[Event], (kept, is_last): (Kept, bool), cases: &mut Cases, store: &mut Store) -> Value {
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
    let all = finished.len();
    if kept.cases < all {
        finished.sort_by_key(|case| (!is_bad(case), case.index));
        finished.truncate(kept.cases);
    }
    let mut results = results(&finished, &beside, (kept.calls, is_last), cases, store);
    given_up.truncate(kept.cases);
    for id in given_up {
        let case = CaseRef { id: id.to_owned(), ..CaseRef::default() };
        results.push(json!([cases.number(&case, store), 7, 0]));
    }
    if total == 0 {
        // Nobody knew how many sessions of the proxy would come.
        total = all;
    }
    let more_notices = notices.len().saturating_sub(MOST_NOTICES);
    notices.truncate(MOST_NOTICES);
    json!({
        "head": short(head),
        "left": all - finished.len(),
        "bare": kept.calls == Calls::None || kept.calls != Calls::All && !is_last,
        "verdict": verdict(&tally, ended),
        "end": end,
        "total": total,
        "deselected": deselected,
        "notRun": (total - deselected.min(total)).saturating_sub(results.len() + all - finished.len()),
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
    (calls, is_last): (Calls, bool),
    cases: &mut Cases,
    store: &mut Store,
) -> Vec<Value> {
    let has_calls = |is_bad: bool| match calls {
        Calls::All => true,
        Calls::OfLast => is_last,
        Calls::OfBad => is_last && is_bad,
        Calls::None => false,
    };
    let alone = Beside::default();
    let of = |case: &Finished| beside.get(&case.index).unwrap_or(&alone);
    let comes_first = |case: &Finished| is_bad(case) || of(case).teardown.is_some();
    let mut rows: Vec<Value> = vec![Value::Null; finished.len()];
    let numbers: Vec<usize> = finished.iter().map(|case| cases.number(&case.case, store)).collect();
    for bad in [true, false] {
        for (at, case) in finished.iter().enumerate().filter(|(_, case)| comes_first(case) == bad) {
            rows[at] = result(case, numbers[at], of(case), has_calls(bad), store);
        }
    }
    rows
}

/// The head with as much of its texts as a page has room for.
fn short(head: Head) -> Head {
    let few = |all: Vec<String>| -> Vec<String> {
        all.into_iter().take(MOST_NOTICES).map(|text| cut(&text, MOST_OF_NOTICE)).collect()
    };
    let [mode, stack, suites, retake] =
        [&head.mode, &head.stack, &head.suites, &head.retake].map(|text| cut(text, MOST_OF_NOTICE));
    Head { mode, stack, suites, retake, setups: few(head.setups), argv: few(head.argv), notes: few(head.notes), ..head }
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
