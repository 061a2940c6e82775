//! What tapes did in a run, for those who must know it although the stack between swallowed an error.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::exchange::{ChunkMark, Origin, Reply};
use crate::upstream::ErrorKind;

/// Misses kept of requests of no case, which no end of a case ever takes away.
const MOST_MISSES: usize = 1_000;

/// A request that no recording answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The case that asked.
    pub case: Option<String>,
    /// Whether nothing of it was recorded, or only what it was before.
    pub kind: ErrorKind,
    /// The name its recording would have.
    pub name: String,
    /// For people: nearest recording, what differs, how to record it.
    pub message: String,
}

/// What the requests of one case came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfCase {
    /// Requests that no recording answers, in order.
    pub misses: Vec<Miss>,
    /// Files that answered, and those that were asked for anew and came out the same.
    pub used: BTreeSet<PathBuf>,
    /// Files that were written.
    pub written: BTreeSet<PathBuf>,
    /// How the network cut the reply that was played last.
    pace: Option<Vec<ChunkMark>>,
}

/// Shared by the tapes of a run.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cases: HashMap<Option<String>, OfCase>,
    // Not sorted: to put paths in order is to compare their parts again and again.
    played: HashMap<PathBuf, Origin>,
    written: BTreeSet<PathBuf>,
    unchanged: BTreeSet<PathBuf>,
    failures: Vec<String>,
    notes: Vec<String>,
}

impl Inner {
    fn case(&mut self, case: Option<&str>) -> &mut OfCase {
        self.cases.entry(case.map(str::to_owned)).or_default()
    }
}

impl Journal {
    /// The misses of a case; `None` for those of no case, of which the first thousand are kept.
    pub fn misses(&self, case: Option<&str>) -> Vec<Miss> {
        let case = case.map(str::to_owned);
        self.lock().cases.get(&case).map(|case| case.misses.clone()).unwrap_or_default()
    }

    /// Files that answered this case.
    pub(super) fn used(&self, case: &str) -> BTreeSet<PathBuf> {
        self.lock().cases.get(&Some(case.to_owned())).map(|case| case.used.clone()).unwrap_or_default()
    }

    /// Files that answered, with where their replies come from.
    pub fn played_files(&self) -> BTreeMap<PathBuf, Origin> {
        self.lock().played.clone().into_iter().collect()
    }

    /// When the chunks of the reply came that this case was played last; `None` when it was played none since the last
    /// call.
    pub fn take_pace(&self, case: &str) -> Option<Vec<ChunkMark>> {
        self.lock().cases.get_mut(&Some(case.to_owned()))?.pace.take()
    }

    /// Files that were written.
    pub fn written_files(&self) -> BTreeSet<PathBuf> {
        self.lock().written.clone()
    }

    /// Whether a file was played, written, or recorded anew and came out the same.
    pub fn is_touched(&self, path: &Path) -> bool {
        let inner = self.lock();
        inner.played.contains_key(path) || inner.written.contains(path) || inner.unchanged.contains(path)
    }

    /// Ends a case: what its requests came to, which the journal then forgets.
    pub fn finish(&self, case: &str) -> OfCase {
        self.lock().cases.remove(&Some(case.to_owned())).unwrap_or_default()
    }

    /// Recordings that could not be written although they should have been: a run with one must not be green.
    pub fn failures(&self) -> Vec<String> {
        self.lock().failures.clone()
    }

    /// Why recordings of requests of no case were not written or replaced.
    pub fn notes(&self) -> Vec<String> {
        self.lock().notes.clone()
    }

    /// The notes since they were last taken, for a program that tells them while it runs.
    pub fn take_notes(&self) -> Vec<String> {
        mem::take(&mut self.lock().notes)
    }

    pub(super) fn noted(&self, note: String) {
        self.lock().notes.push(note);
    }

    pub(super) fn missed(&self, miss: Miss) {
        let mut inner = self.lock();
        let of_case = inner.case(miss.case.as_deref());
        if miss.case.is_some() || of_case.misses.len() < MOST_MISSES {
            of_case.misses.push(miss);
        }
    }

    pub(super) fn played(&self, case: Option<&str>, path: &Path, origin: Origin) {
        let mut inner = self.lock();
        if !inner.played.contains_key(path) {
            inner.played.insert(path.to_owned(), origin);
        }
        if case.is_some() {
            add(&mut inner.case(case).used, path);
        }
    }

    pub(super) fn paced(&self, case: Option<&str>, reply: &Reply) {
        if case.is_some() {
            self.lock().case(case).pace = Some(reply.chunks.clone());
        }
    }

    /// A file stays as it is, since what was recorded is what it holds.
    pub(super) fn unchanged(&self, case: Option<&str>, path: &Path) {
        let mut inner = self.lock();
        add(&mut inner.unchanged, path);
        if case.is_some() {
            add(&mut inner.case(case).used, path);
        }
    }

    pub(super) fn wrote(&self, case: Option<&str>, path: &Path) {
        let mut inner = self.lock();
        add(&mut inner.written, path);
        if case.is_some() {
            add(&mut inner.case(case).written, path);
        }
    }

    pub(super) fn failed(&self, message: String) {
        self.lock().failures.push(message);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files answer again and again: only the first time costs a copy of the path.
fn add(paths: &mut BTreeSet<PathBuf>, path: &Path) {
    if !paths.contains(path) {
        paths.insert(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_case_is_forgotten_and_others_are_not() {
        let journal = Journal::default();
        let miss = |case: Option<&str>| Miss {
            case: case.map(str::to_owned),
            kind: ErrorKind::MissingRecording,
            name: "n".into(),
            message: "m".into(),
        };
        for case in ["a", "b"] {
            journal.played(Some(case), Path::new("x.json"), Origin::Real);
            journal.played(Some(case), Path::new("x.json"), Origin::Real);
            journal.missed(miss(Some(case)));
        }
        journal.wrote(Some("a"), Path::new("y.json"));
        journal.unchanged(Some("a"), Path::new("z.json"));
        let a = journal.finish("a");
        assert_eq!(a.misses, [miss(Some("a"))]);
        assert_eq!(a.used, BTreeSet::from(["x.json".into(), "z.json".into()]));
        assert_eq!(a.written, BTreeSet::from(["y.json".into()]));
        assert_eq!(journal.finish("a"), OfCase::default());
        assert_eq!(journal.misses(Some("b")).len(), 1);
        assert_eq!(journal.played_files().len(), 1);
        assert_eq!(journal.written_files().len(), 1);
    }

    #[test]
    fn misses_of_no_case_do_not_grow_without_end() {
        let journal = Journal::default();
        for number in 0..2 * MOST_MISSES {
            journal.missed(Miss {
                case: None,
                kind: ErrorKind::MissingRecording,
                name: number.to_string(),
                message: String::new(),
            });
        }
        assert_eq!(journal.misses(None).len(), MOST_MISSES);
        assert_eq!(journal.misses(None)[0].name, "0");
    }
}
