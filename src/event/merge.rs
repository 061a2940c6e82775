//! Several runs as one: shards, setups, nights, sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::case::{CaseRef, Finished, Outcome};
use super::proof::{Proof, RecordingCounts, UsedRecording};
use super::{Event, Head, Interruption};

/// A case in all runs: the last one counts, and failures before it are reruns.
#[derive(Default)]
struct Merged {
    reruns: Vec<Finished>,
    /// The teardown of a run that is not finished yet.
    torn: Option<Box<Finished>>,
    teardown: Option<Box<Finished>>,
    finished: Option<Box<Finished>>,
}

/// The runs as one. One alone stays as it is; of several, each case counts once, as the latest run has it.
pub(crate) fn merged(mut runs: Vec<Vec<Event>>) -> Vec<Event> {
    runs.iter_mut().for_each(ended);
    if runs.len() == 1 {
        return runs.remove(0);
    }
    runs.sort_by_key(|run| head_of(run).map(|head| head.started_ms));
    let heads: Vec<Head> = runs.iter().filter_map(|run| head_of(run)).cloned().collect();
    let total = total(&runs);
    let (mut cases, mut given_up, mut notices) = (HashMap::new(), Vec::new(), Vec::new());
    let (mut duration, mut interrupted, mut proofs) = (Duration::ZERO, None, Vec::new());
    for event in runs.into_iter().flatten() {
        match event {
            Event::CaseRerun(rerun) => of(&mut cases, &rerun.case).reruns.push(*rerun),
            Event::CaseTeardown(torn) => {
                let case = of(&mut cases, &torn.case);
                case.torn = Some(torn);
            }
            Event::CaseFinished(finished) => of(&mut cases, &finished.case).take(finished),
            Event::CaseGivenUp { id } => given_up.push(id),
            Event::Notice(text) if !notices.contains(&text) => notices.push(text),
            Event::Finished { duration: took, interrupted: why, proof } => {
                duration += took;
                interrupted = interrupted.or(why);
                proofs.push(*proof);
            }
            Event::Started(_) | Event::Collected { .. } | Event::CaseStarted { .. } | Event::Notice(_) => {}
        }
    }
    let mut cases: Vec<Merged> = cases.into_values().collect();
    cases.sort_by(|a, b| a.place().cmp(&b.place()));
    let ids: BTreeSet<&str> = cases.iter().filter_map(|case| Some(&*case.finished.as_ref()?.case.id)).collect();
    given_up.retain(|id: &String| !ids.contains(id.as_str()));
    let selected = cases.len() + given_up.len();
    let total = total.max(selected);
    let mut events = vec![Event::Started(Box::new(head(heads)))];
    events.push(Event::Collected { total, deselected: total - selected });
    events.extend(notices.into_iter().map(Event::Notice));
    events.extend(cases.into_iter().enumerate().flat_map(|(index, case)| case.events(index)));
    events.extend(given_up.into_iter().map(|id| Event::CaseGivenUp { id }));
    events.push(Event::Finished { duration, interrupted, proof: Box::new(proof(proofs)) });
    events
}

/// A run whose process was killed has no end: it gets one that says so.
fn ended(run: &mut Vec<Event>) {
    if !run.iter().any(|event| matches!(event, Event::Finished { .. })) {
        let interrupted = Some(Interruption::Cut);
        run.push(Event::Finished { duration: Duration::ZERO, interrupted, proof: Box::default() });
    }
}

fn head_of(run: &[Event]) -> Option<&Head> {
    run.iter().find_map(|event| match event {
        Event::Started(head) => Some(&**head),
        _ => None,
    })
}

/// How many cases there are: shards and nights of the same setups select from the same ones.
fn total(runs: &[Vec<Event>]) -> usize {
    let mut groups: BTreeMap<(&[String], &str), usize> = BTreeMap::new();
    for run in runs {
        let Some(head) = head_of(run) else { continue };
        let all = run.iter().find_map(|event| match event {
            Event::Collected { total, .. } => Some(*total),
            _ => None,
        });
        let group = groups.entry((&head.setups, &head.suites)).or_default();
        *group = (*group).max(all.unwrap_or_default());
    }
    groups.values().sum()
}

/// The case, which another setup may have under the same id.
fn of<'c>(cases: &'c mut HashMap<(String, String), Merged>, case: &CaseRef) -> &'c mut Merged {
    cases.entry((case.id.clone(), case.setup.clone())).or_default()
}

impl Merged {
    /// A later run of the case.
    fn take(&mut self, finished: Box<Finished>) {
        self.teardown = self.torn.take();
        let before = self.finished.replace(finished);
        let failed = before.filter(|before| matches!(before.outcome, Outcome::Failed(_) | Outcome::Error(_)));
        self.reruns.extend(failed.map(|failed| *failed));
    }

    /// Where the case stands: by its file and line, then by its id.
    fn place(&self) -> Option<(&str, u32, &str, &str)> {
        let case = &self.finished.as_ref().or(self.torn.as_ref())?.case;
        Some((&case.suite, case.line, &case.id, &case.setup))
    }

    fn events(self, index: usize) -> Vec<Event> {
        let id = self.place().map(|(_, _, id, _)| id.to_owned()).unwrap_or_default();
        let begun = Event::CaseStarted { index, id };
        let at = |mut finished: Box<Finished>| {
            finished.index = index;
            finished
        };
        let reruns = self.reruns.into_iter().map(Box::new).map(at).map(Event::CaseRerun);
        let teardown = self.teardown.or(self.torn).map(at).map(Event::CaseTeardown);
        let finished = self.finished.map(at).map(Event::CaseFinished);
        std::iter::once(begun).chain(reruns).chain(teardown).chain(finished).collect()
    }
}

fn head(heads: Vec<Head>) -> Head {
    let each = |of: fn(&Head) -> String| distinct(heads.iter().map(of)).join(", ");
    let shards: BTreeSet<_> = heads.iter().map(Head::shard).collect();
    // All parts of one whole are the whole.
    let parts = shards.first().copied().flatten().map_or(0, |(_, parts)| parts);
    let is_whole = (1..=parts).map(|part| Some((part, parts))).eq(shards.iter().copied());
    Head {
        format: super::FORMAT,
        retake: each(|head| head.retake.clone()),
        mode: each(|head| head.mode.clone()),
        stack: each(|head| head.stack.clone()),
        setups: distinct(heads.iter().flat_map(|head| head.setups.clone())),
        suites: each(|head| head.suites.clone()),
        files: heads.iter().map(|head| head.files).max().unwrap_or_default(),
        shard: Some(distinct(heads.iter().filter_map(|head| head.shard.clone())).join(", "))
            .filter(|shards| !is_whole && !shards.is_empty()),
        argv: heads.first().map(|head| head.argv.clone()).unwrap_or_default(),
        started_ms: heads.iter().map(|head| head.started_ms).min().unwrap_or_default(),
        notes: distinct(heads.iter().flat_map(|head| head.notes.clone())),
    }
}

fn proof(proofs: Vec<Proof>) -> Proof {
    let each = |of: fn(&Proof) -> &Option<String>| {
        Some(distinct(proofs.iter().filter_map(|proof| of(proof).clone())).join(", ")).filter(|all| !all.is_empty())
    };
    let used: BTreeMap<&str, &UsedRecording> =
        proofs.iter().flat_map(|proof| &proof.used).map(|used| (used.file.as_str(), used)).collect();
    let used: Vec<UsedRecording> = used.into_values().cloned().collect();
    let secrets: BTreeSet<&String> = proofs.iter().flat_map(|proof| &proof.secrets).collect();
    Proof {
        network_requests: proofs.iter().map(|proof| proof.network_requests).sum(),
        // A recording that one run did not use may be another one's.
        recordings: RecordingCounts::of(&used, None),
        used,
        protocol: each(|proof| &proof.protocol),
        secrets: secrets.into_iter().cloned().collect(),
        revision: each(|proof| &proof.revision),
    }
}

/// Each once, in the order of the first.
fn distinct(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for one in all {
        if !known.contains(&one) {
            known.push(one);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Origin, Tally};

    fn finished(id: &str, outcome: Outcome) -> Event {
        let case = CaseRef { id: id.into(), suite: "a.yaml".into(), ..CaseRef::default() };
        Event::CaseFinished(Box::new(Finished { case, outcome, ..Finished::default() }))
    }

    fn run(started_ms: u64, shard: Option<&str>, total: usize, cases: Vec<Event>) -> Vec<Event> {
        let head = Head { started_ms, shard: shard.map(str::to_owned), setups: vec!["s".into()], ..Head::default() };
        let mut events = vec![Event::Started(Box::new(head))];
        events.push(Event::Collected { total, deselected: total - cases.len() });
        events.extend(cases);
        let used = vec![UsedRecording {
            file: "r/1.json".into(),
            origin: Origin::Real,
            imported: false,
            recorded_ms: Some(7),
        }];
        let proof = Proof { network_requests: 1, used, ..Proof::default() };
        events.push(Event::Finished { duration: Duration::from_secs(1), interrupted: None, proof: Box::new(proof) });
        events
    }

    fn tally(events: &[Event]) -> Tally {
        let mut tally = Tally::default();
        events.iter().for_each(|event| tally.count(event));
        tally
    }

    #[test]
    fn all_shards_are_the_whole_and_count_a_shared_recording_once() {
        let parts = |of: &[&str]| {
            let ids = [("1/2", "b"), ("2/2", "a")].into_iter().filter(|(part, _)| of.contains(part));
            merged(ids.map(|(part, id)| run(5, Some(part), 2, vec![finished(id, Outcome::Passed)])).collect())
        };
        let whole = parts(&["1/2", "2/2"]);
        assert_eq!((tally(&whole).passed, tally(&whole).deselected), (2, 0));
        assert_eq!(head_of(&whole).and_then(|head| head.shard.clone()), None);
        let Some(Event::Finished { proof, duration, .. }) = whole.last() else { panic!("no end") };
        assert_eq!((proof.network_requests, proof.recordings.real, proof.recordings.oldest_ms), (2, 1, Some(7)));
        assert_eq!(*duration, Duration::from_secs(2));
        let half = parts(&["1/2"]);
        assert_eq!(
            (tally(&half).deselected, head_of(&half).and_then(|head| head.shard.clone())),
            (1, Some("1/2".into()))
        );
    }

    #[test]
    fn of_two_nights_the_later_counts_and_a_failure_before_it_is_a_rerun() {
        let failed = || Outcome::Failed(Box::default());
        let first = run(1, None, 2, vec![finished("a", failed()), finished("b", Outcome::Passed)]);
        let second = run(2, None, 2, vec![finished("a", Outcome::Passed), finished("b", failed())]);
        // Whatever the order of the files.
        let both = merged(vec![second, first]);
        let tally = tally(&both);
        assert_eq!((tally.passed, tally.failed, tally.reruns, tally.deselected), (1, 1, 1, 0));
    }

    #[test]
    fn a_run_that_was_killed_says_so() {
        let mut one = run(1, None, 2, vec![finished("a", Outcome::Passed)]);
        one.pop();
        let cut = merged(vec![one]);
        assert!(matches!(cut.last(), Some(Event::Finished { interrupted: Some(Interruption::Cut), .. })));
    }
}
