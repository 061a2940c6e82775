//! The cases that run, and what all of a run's tapes did together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::case::CaseState;
use crate::exchange::{Key, Origin, Rules};

/// Shared by the tapes of a run.
#[derive(Debug)]
pub(super) struct Cases {
    running: Mutex<HashMap<String, Arc<CaseState>>>,
    nobody: Arc<CaseState>,
    files: Mutex<Files>,
    failures: Mutex<Vec<String>>,
    /// Of each mask that a request was compared under, as it is shown: whether it has hit anything.
    masks: Mutex<BTreeMap<String, bool>>,
    /// Variables whose values stood in requests that were recorded.
    held: Mutex<BTreeSet<String>>,
}

/// What became of files in the whole run.
#[derive(Debug, Default)]
struct Files {
    // Not sorted: to put paths in order is to compare their parts again and again.
    played: HashMap<PathBuf, Origin>,
    /// Written, or recorded anew and found the same.
    recorded: HashMap<PathBuf, bool>,
}

impl Default for Cases {
    fn default() -> Self {
        let nobody = Arc::new(CaseState::new(None));
        Cases {
            running: Mutex::default(),
            nobody,
            files: Mutex::default(),
            failures: Mutex::default(),
            masks: Mutex::default(),
            held: Mutex::default(),
        }
    }
}

impl Cases {
    /// A case, which begins where it does not run.
    pub(super) fn of(&self, case: Option<&str>) -> Arc<CaseState> {
        let Some(case) = case else { return Arc::clone(&self.nobody) };
        let mut running = lock(&self.running);
        if let Some(state) = running.get(case) {
            return Arc::clone(state);
        }
        let state = Arc::new(CaseState::new(Some(case)));
        running.insert(case.to_owned(), Arc::clone(&state));
        state
    }

    /// Whether no request before held the value of this variable.
    pub(super) fn is_first_with(&self, variable: &str) -> bool {
        lock(&self.held).insert(variable.to_owned())
    }

    /// A case that runs.
    pub(super) fn running(&self, case: &str) -> Option<Arc<CaseState>> {
        lock(&self.running).get(case).cloned()
    }

    /// Forgets a case.
    pub(super) fn end(&self, case: &str) {
        lock(&self.running).remove(case);
    }

    pub(super) fn nobody(&self) -> &CaseState {
        &self.nobody
    }

    pub(super) fn played(&self, path: &Path, origin: Origin) {
        let mut files = lock(&self.files);
        if !files.played.contains_key(path) {
            files.played.insert(path.to_owned(), origin);
        }
    }

    /// A file was written, or (`is_new` is false) it stays, since what was recorded anew is what it holds.
    pub(super) fn recorded(&self, path: &Path, is_new: bool) {
        let mut files = lock(&self.files);
        let known = files.recorded.get(path).copied();
        if known.is_none() || (is_new && known == Some(false)) {
            files.recorded.insert(path.to_owned(), is_new);
        }
    }

    /// Whether a file was played, written, or recorded anew and came out the same.
    pub(super) fn is_touched(&self, path: &Path) -> bool {
        let files = lock(&self.files);
        files.played.contains_key(path) || files.recorded.contains_key(path)
    }

    /// Notes which masks a request was compared under, and which of them hit something in it.
    pub(super) fn masked(&self, rules: &Rules, endpoint: &str, key: &Key) {
        if rules.masks.is_empty() {
            return;
        }
        let mut masks = lock(&self.masks);
        for (number, mask) in rules.masks_of(endpoint) {
            *masks.entry(mask.to_string()).or_default() |= key.hits.contains(&number);
        }
    }

    /// The masks under which requests were compared, as they are shown, and whether each has hit anything.
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
