//! Several runs as one: shards, setups, nights, sessions.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
pub(crate) fn merged(runs: &[Vec<Event>]) -> Cow<'_, [Event]> {
    match runs {
        [one] if has_ended(one) => Cow::Borrowed(one),
        [one] => Cow::Owned(ended(one.clone())),
        _ => Cow::Owned(joined(runs.to_vec())),
    }
}

/// The run with each case once: a session that began anew, as a test that is run again, counts as it ended last.
pub(crate) fn latest(run: Cow<'_, [Event]>) -> Cow<'_, [Event]> {
    let mut known = HashSet::new();
    let key = |finished: &Finished| (finished.case.id.clone(), finished.case.setup.clone());
    let is_once = run.iter().filter_map(finished).all(|finished| known.insert(key(finished)));
    if is_once { run } else { Cow::Owned(joined(vec![run.into_owned()])) }
}

fn joined(runs: Vec<Vec<Event>>) -> Vec<Event> {
    let mut runs: Vec<Vec<Event>> = runs.into_iter().map(ended).collect();
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
fn ended(mut run: Vec<Event>) -> Vec<Event> {
    if !has_ended(&run) {
        let interrupted = Some(Interruption::Cut);
        run.push(Event::Finished { duration: Duration::ZERO, interrupted, proof: Box::default() });
    }
    run
}

fn has_ended(run: &[Event]) -> bool {
    run.iter().any(|event| matches!(event, Event::Finished { .. }))
}

fn head_of(run: &[Event]) -> Option<&Head> {
    run.iter().find_map(|event| match event {
        Event::Started(head) => Some(&**head),
        _ => None,
    })
}

/// How many cases there are: shards and nights of the same setups select from the same ones. Sessions are only those that
/// ran.
fn total(runs: &[Vec<Event>]) -> usize {
    let mut sessions: HashSet<&str> = HashSet::new();
    let mut groups: BTreeMap<(&[String], &str), usize> = BTreeMap::new();
    for run in runs {
        let Some(head) = head_of(run) else { continue };
        let collected = run.iter().find_map(|event| match event {
            Event::Collected { total, .. } => Some(*total),
            _ => None,
        });
        let group = groups.entry((&head.setups, &head.suites)).or_default();
        *group = (*group).max(collected.unwrap_or_default());
        if collected.is_none() {
            sessions.extend(run.iter().filter_map(finished).map(|finished| finished.case.id.as_str()));
        }
    }
    groups.values().sum::<usize>() + sessions.len()
}

fn finished(event: &Event) -> Option<&Finished> {
    match event {
        Event::CaseFinished(finished) => Some(finished),
        _ => None,
    }
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
        suites: distinct(heads.iter().map(|head| head.suites.clone()).filter(|suites| !suites.is_empty())).join(", "),
        files: heads.iter().map(|head| head.files).max().unwrap_or_default(),
        shard: Some(distinct(heads.iter().filter_map(|head| head.shard.clone())).join(", "))
            .filter(|shards| !is_whole && !shards.is_empty()),
        argv: heads.first().map(|head| head.argv.clone()).unwrap_or_default(),
        started_ms: heads.iter().map(|head| head.started_ms).min().unwrap_or_default(),
        notes: distinct(heads.iter().flat_map(|head| head.notes.clone())),
    }
}

fn proof(mut proofs: Vec<Proof>) -> Proof {
    if proofs.len() == 1 {
        return proofs.remove(0);
    }
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

    fn case(id: &str, outcome: Outcome) -> Event {
        let case = CaseRef { id: id.into(), suite: "a.yaml".into(), ..CaseRef::default() };
        Event::CaseFinished(Box::new(Finished { case, outcome, ..Finished::default() }))
    }

    fn run(started_ms: u64, shard: Option<&str>, total: usize, cases: Vec<Event>) -> Vec<Event> {
        let head = Head { started_ms, shard: shard.map(str::to_owned), setups: vec!["s".into()], ..Head::default() };
        let mut events = vec![Event::Started(Box::new(head))];
        events.push(Event::Collected { total, deselected: total.saturating_sub(cases.len()) });
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
            let runs: Vec<_> = ids.map(|(part, id)| run(5, Some(part), 2, vec![case(id, Outcome::Passed)])).collect();
            merged(&runs).into_owned()
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
        let first = run(1, None, 2, vec![case("a", failed()), case("b", Outcome::Passed)]);
        let second = run(2, None, 2, vec![case("a", Outcome::Passed), case("b", failed())]);
        // Whatever the order of the files.
        let both = merged(&[second, first]).into_owned();
        let counted = tally(&both);
        assert_eq!((counted.passed, counted.failed, counted.reruns, counted.deselected), (1, 1, 1, 0));
    }

    #[test]
    fn a_session_that_ran_again_counts_once_and_its_failure_is_a_rerun() {
        let mut one = run(
            1,
            None,
            3,
            vec![case("a", Outcome::Failed(Box::default())), case("b", Outcome::Passed), case("a", Outcome::Passed)],
        );
        one.remove(1);
        let once = latest(Cow::Borrowed(&one)).into_owned();
        let counted = tally(&once);
        assert_eq!((counted.passed, counted.failed, counted.reruns, counted.deselected), (2, 0, 1, 0));
        assert_eq!(once.last(), one.last(), "what it rests on stays");
        let suites = run(2, None, 7, vec![case("c", Outcome::Passed)]);
        let both = tally(&merged(&[one, suites]));
        assert_eq!((both.passed, both.deselected), (3, 6));
    }

    #[test]
    fn a_run_that_was_killed_says_so() {
        let mut one = run(1, None, 2, vec![case("a", Outcome::Passed)]);
        one.pop();
        let runs = [one];
        let cut = merged(&runs);
        assert!(matches!(cut.last(), Some(Event::Finished { interrupted: Some(Interruption::Cut), .. })));
    }

    #[test]
    fn cases_stand_in_the_order_of_their_files_and_each_event_has_the_new_index() {
        let at = |suite: &str, line, id: &str, setup: &str| CaseRef {
            suite: suite.into(),
            line,
            id: id.into(),
            setup: setup.into(),
            ..CaseRef::default()
        };
        let done = |case: CaseRef| Event::CaseFinished(Box::new(Finished { index: 7, case, ..Finished::default() }));
        let first = run(1, None, 9, vec![done(at("b.yaml", 1, "b", "s")), done(at("a.yaml", 10, "late", "s"))]);
        let torn = Finished { index: 7, case: at("a.yaml", 2, "early", "t"), ..Finished::default() };
        let early = vec![
            Event::CaseRerun(Box::new(torn.clone())),
            Event::CaseTeardown(Box::new(torn)),
            done(at("a.yaml", 2, "early", "t")),
            done(at("a.yaml", 2, "early", "s")),
        ];
        let both = merged(&[first, run(2, None, 9, early)]).into_owned();
        let told: Vec<String> = both
            .iter()
            .filter_map(|event| match event {
                Event::CaseStarted { index, id } => Some(format!("{index} {id}")),
                Event::CaseRerun(of) => Some(format!("{} {} rerun", of.index, of.case.setup)),
                Event::CaseTeardown(of) => Some(format!("{} {} teardown", of.index, of.case.setup)),
                Event::CaseFinished(of) => Some(format!("{} {}", of.index, of.case.setup)),
                _ => None,
            })
            .collect();
        let early = ["0 early", "0 s", "1 early", "1 t rerun", "1 t teardown", "1 t"];
        assert_eq!(told, [&early[..], &["2 late", "2 s", "3 b", "3 s"]].concat());
    }

    #[test]
    fn what_all_runs_say_is_said_once_and_who_finished_in_one_of_them_was_not_given_up() {
        let given_up = |id: &str| Event::CaseGivenUp { id: id.into() };
        let note = |text: &str| Event::Notice(text.into());
        let first = run(1, None, 3, vec![note("old"), given_up("a"), given_up("b")]);
        let second = run(2, None, 3, vec![note("old"), note("new"), case("a", Outcome::Passed)]);
        let both = merged(&[first, second]).into_owned();
        let notes: Vec<&Event> = both.iter().filter(|event| matches!(event, Event::Notice(_))).collect();
        assert_eq!(notes, [&note("old"), &note("new")]);
        let left: Vec<&Event> = both.iter().filter(|event| matches!(event, Event::CaseGivenUp { .. })).collect();
        assert_eq!(left, [&given_up("b")]);
        // Two of the three were selected.
        assert_eq!(both[1], Event::Collected { total: 3, deselected: 1 });
    }

    #[test]
    fn the_head_of_several_runs_names_what_each_of_them_was() {
        let head = |setup: &str, mode: &str, shard: Option<&str>| Head {
            mode: mode.into(),
            setups: vec![setup.into()],
            suites: "suites".into(),
            shard: shard.map(str::to_owned),
            ..Head::default()
        };
        let of = |heads: &[(&str, &str, Option<&str>)]| {
            let runs = heads.iter().map(|(setup, mode, shard)| {
                let mut run = run(1, None, 4, vec![case("a", Outcome::Passed)]);
                run[0] = Event::Started(Box::new(head(setup, mode, *shard)));
                run
            });
            let both = merged(&runs.collect::<Vec<_>>()).into_owned();
            let Event::Collected { total, .. } = both[1] else { panic!("{both:?}") };
            (head_of(&both).cloned().unwrap(), total)
        };
        let (two, total) = of(&[("s", "replay", None), ("t", "record", None), ("t", "record", None)]);
        assert_eq!(
            (two.setups, two.mode.as_str(), two.suites.as_str()),
            (vec!["s".into(), "t".into()], "replay, record", "suites")
        );
        assert_eq!((two.shard, total), (None, 8), "each setup has its own cases");
        let (part, total) = of(&[("s", "replay", Some("1/3")), ("s", "replay", Some("3/3"))]);
        assert_eq!((part.shard.as_deref(), total), (Some("1/3, 3/3"), 4));
        let (odd, _) = of(&[("s", "replay", None), ("s", "replay", Some("1/1"))]);
        assert_eq!(odd.shard.as_deref(), Some("1/1"), "a run that is no shard makes no whole");
    }

    #[test]
    fn the_proof_of_several_runs_names_each_revision_and_secret_once() {
        let with = |revision: Option<&str>, secret: &str| {
            let mut run = run(1, None, 1, vec![case("a", Outcome::Passed)]);
            let proof =
                Proof { revision: revision.map(str::to_owned), secrets: vec![secret.to_owned()], ..Proof::default() };
            run.pop();
            run.push(Event::Finished { duration: Duration::ZERO, interrupted: None, proof: Box::new(proof) });
            run
        };
        let both = merged(&[with(Some("abc"), "B"), with(Some("def+"), "A"), with(Some("abc"), "A"), with(None, "A")])
            .into_owned();
        let Some(Event::Finished { proof, .. }) = both.last() else { panic!("no end") };
        assert_eq!((proof.revision.as_deref(), proof.protocol.as_deref()), (Some("abc, def+"), None));
        assert_eq!(proof.secrets, ["A", "B"]);
    }
}
