//! The running cases, and what all tapes of a run did together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::case::CaseState;
use super::ending::Ending;
use super::figures::{Fate, Figures};
use crate::exchange::{Exchange, Key, Origin, Recording, Rules};

/// How many cases and sessions are held at once. A client may name as many as it likes, and end none of them.
pub const MOST_CASES: usize = 10_000;
/// How many of them are dropped at once: finding those that are idle longest means a look at all.
const LET_GO: usize = MOST_CASES / 10;

/// Shared by the tapes of a run.
#[derive(Debug)]
pub(super) struct Cases {
    running: Mutex<HashMap<String, Arc<CaseState>>>,
    touches: AtomicU64,
    has_let_go: AtomicBool,
    /// Called when replies under way are no longer waited for.
    pub(super) ending: Ending,
    nobody: Arc<CaseState>,
    files: Mutex<Files>,
    failures: Mutex<Vec<String>>,
    /// For each mask under which a request was compared, as messages show it: whether it matched anything.
    masks: Mutex<BTreeMap<String, bool>>,
    /// Variables whose values occurred in requests that were recorded.
    held: Mutex<BTreeSet<String>>,
}

/// A file that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedFile {
    /// The origin of its reply.
    pub origin: Origin,
    /// It was edited by hand after it was recorded.
    pub is_edited: bool,
    /// RFC 3339, UTC; `None` in files that other tools wrote.
    pub recorded_at: Option<String>,
}

/// What happened to files in the whole run.
#[derive(Debug, Default)]
struct Files {
    // Not sorted: sorting paths compares their parts again and again.
    played: HashMap<PathBuf, UsedFile>,
    /// The files that new replies were for, each with its provider.
    recorded: HashMap<PathBuf, (Fate, String)>,
    /// Files that do not exist, because no reply for them was kept; each with its provider.
    unwritten: HashMap<PathBuf, String>,
}

impl Default for Cases {
    fn default() -> Self {
        let nobody = Arc::new(CaseState::new(None));
        Cases {
            running: Mutex::default(),
            touches: AtomicU64::default(),
            has_let_go: AtomicBool::default(),
            ending: Ending::default(),
            nobody,
            files: Mutex::default(),
            failures: Mutex::default(),
            masks: Mutex::default(),
            held: Mutex::default(),
        }
    }
}

impl Cases {
    /// The state of a case; a case that does not run yet begins.
    pub(super) fn of(&self, case: Option<&str>) -> Arc<CaseState> {
        let Some(case) = case else { return Arc::clone(&self.nobody) };
        let mut running = lock(&self.running);
        let now = self.touches.fetch_add(1, Ordering::Relaxed);
        if let Some(state) = running.get(case) {
            state.touched.store(now, Ordering::Relaxed);
            return Arc::clone(state);
        }
        if running.len() >= MOST_CASES {
            self.let_go(&mut running);
        }
        let state = Arc::new(CaseState::new(Some(case)));
        state.touched.store(now, Ordering::Relaxed);
        running.insert(case.to_owned(), Arc::clone(&state));
        state
    }

    /// Whether this is the first request that holds the value of this variable.
    pub(super) fn is_first_with(&self, variable: &str) -> bool {
        lock(&self.held).insert(variable.to_owned())
    }

    /// Drops the cases that are idle longest. What they recorded is kept.
    fn let_go(&self, running: &mut HashMap<String, Arc<CaseState>>) {
        let idle = running.iter().filter(|(_, state)| Arc::strong_count(state) == 1);
        let mut idle: Vec<(u64, String)> =
            idle.map(|(name, state)| (state.touched.load(Ordering::Relaxed), name.clone())).collect();
        idle.sort_unstable();
        idle.truncate(LET_GO);
        for (_, name) in &idle {
            running.remove(name);
        }
        if let Some((_, first)) = idle.first().filter(|_| !self.has_let_go.swap(true, Ordering::Relaxed)) {
            self.nobody.note(format!(
                "more than {MOST_CASES} cases and sessions were begun and not ended: those that have been idle for \
                 longest are let go, {first:?} first, and count their requests anew; end a session with POST \
                 /session/NAME/finish"
            ));
        }
    }

    /// The state of a case, if it runs.
    pub(super) fn running(&self, case: &str) -> Option<Arc<CaseState>> {
        lock(&self.running).get(case).cloned()
    }

    /// Ends a case.
    pub(super) fn end(&self, case: &str) {
        lock(&self.running).remove(case);
    }

    /// Takes the notes of all cases and sessions that have not ended.
    pub(super) fn take_notes_of_running(&self) -> Vec<String> {
        let running: Vec<Arc<CaseState>> = lock(&self.running).values().cloned().collect();
        running.iter().flat_map(|state| state.take_notes()).collect()
    }

    pub(super) fn nobody(&self) -> &CaseState {
        &self.nobody
    }

    /// Notes that a file answered.
    pub(super) fn played(&self, path: &Path, recording: &Recording) {
        let mut files = lock(&self.files);
        if !files.played.contains_key(path) {
            let Exchange { origin, recorded_at, .. } = &recording.exchange;
            let used = UsedFile { origin: *origin, is_edited: recording.is_edited(), recorded_at: recorded_at.clone() };
            files.played.insert(path.to_owned(), used);
        }
    }

    /// The files that answered, sorted.
    pub(super) fn used(&self) -> BTreeMap<PathBuf, UsedFile> {
        lock(&self.files).played.clone().into_iter().collect()
    }

    /// Notes what a new reply did to a file.
    pub(super) fn recorded(&self, path: &Path, fate: Fate, provider: &str) {
        let mut files = lock(&self.files);
        files.unwritten.remove(path);
        let (known, _) = files.recorded.entry(path.to_owned()).or_insert_with(|| (fate, provider.to_owned()));
        *known = fate.max(*known);
    }

    /// The files that have a new reply.
    pub(super) fn written(&self) -> BTreeSet<PathBuf> {
        let files = lock(&self.files);
        let new = files.recorded.iter().filter(|(_, (fate, _))| matches!(fate, Fate::Recorded | Fate::Replaced));
        new.map(|(path, _)| path.clone()).collect()
    }

    /// Notes that a file was not written.
    pub(super) fn unwritten(&self, path: &Path, provider: &str) {
        lock(&self.files).unwritten.insert(path.to_owned(), provider.to_owned());
    }

    /// Notes that a file that was written is removed again.
    pub(super) fn taken_back(&self, path: &Path, provider: &str) {
        lock(&self.files).recorded.remove(path);
        self.unwritten(path, provider);
    }

    /// Adds the files of a provider to its numbers.
    pub(super) fn count_files(&self, figures: &mut Figures) {
        let (files, whose) = (lock(&self.files), figures.provider.clone());
        for (fate, _) in files.recorded.values().filter(|(_, provider)| *provider == whose) {
            figures.count(*fate);
        }
        figures.unwritten = files.unwritten.values().filter(|provider| **provider == whose).count();
    }

    /// Whether a file was played, written, or confirmed by a new recording.
    pub(super) fn is_touched(&self, path: &Path) -> bool {
        let files = lock(&self.files);
        files.played.contains_key(path) || files.recorded.contains_key(path)
    }

    /// Notes the masks under which a request was compared, and which of them matched.
    pub(super) fn masked(&self, rules: &Rules, endpoint: &str, key: &Key) {
        if rules.masks.is_empty() {
            return;
        }
        let mut masks = lock(&self.masks);
        for (number, mask) in rules.masks_of(endpoint) {
            *masks.entry(mask.to_string()).or_default() |= key.hits.contains(&number);
        }
    }

    /// The masks under which requests were compared, as messages show them, and whether each matched anything.
    pub(super) fn masks(&self) -> BTreeMap<String, bool> {
        lock(&self.masks).clone()
    }

    pub(super) fn failed(&self, message: String) {
        lock(&self.failures).push(message);
    }

    pub(super) fn failures(&self) -> Vec<String> {
        lock(&self.failures).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_that_never_end_are_let_go_the_longest_idle_first_and_that_is_said_once() {
        let cases = Cases::default();
        let busy = cases.of(Some("busy"));
        cases.of(Some("lively")).next_nth("x");
        for number in 0..3 * MOST_CASES {
            cases.of(Some(&number.to_string()));
            cases.of(Some("lively"));
        }
        assert!(lock(&cases.running).len() <= MOST_CASES);
        assert!(cases.running("0").is_none() && cases.running(&(3 * MOST_CASES - 1).to_string()).is_some());
        // A case with a request under way stays, and so does one that has just asked.
        assert!(Arc::ptr_eq(&busy, &cases.of(Some("busy"))));
        assert_eq!(cases.of(Some("lively")).next_nth("x"), 2);
        let notes = cases.nobody().take_notes();
        assert!(notes.len() == 1 && notes[0].contains("\"0\" first"), "{notes:?}");
    }
}
