//! What tapes did in a run, for those who must know it although the stack between swallowed an error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::exchange::{ChunkMark, Origin, Reply};

/// A request that no recording answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The case that asked.
    pub case: Option<String>,
    /// The name its recording would have.
    pub name: String,
    /// For people: nearest recording, what differs, how to record it.
    pub message: String,
}

/// Shared by the tapes of a run.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    misses: Vec<Miss>,
    played: BTreeMap<PathBuf, Origin>,
    /// By case: how the network cut the reply that was played last.
    paces: BTreeMap<String, Vec<ChunkMark>>,
    written: BTreeSet<PathBuf>,
    failures: Vec<String>,
    notes: Vec<String>,
}

impl Journal {
    /// The misses of a case; `None` for those of no case.
    pub fn misses(&self, case: Option<&str>) -> Vec<Miss> {
        self.lock().misses.iter().filter(|miss| miss.case.as_deref() == case).cloned().collect()
    }

    /// Files that answered, with where their replies come from.
    pub fn played_files(&self) -> BTreeMap<PathBuf, Origin> {
        self.lock().played.clone()
    }

    /// When the chunks of the reply came that this case was played last; `None` when it was played none since the last
    /// call.
    pub fn take_pace(&self, case: &str) -> Option<Vec<ChunkMark>> {
        self.lock().paces.remove(case)
    }

    /// Files that were written.
    pub fn written_files(&self) -> BTreeSet<PathBuf> {
        self.lock().written.clone()
    }

    /// Recordings that could not be written although they should have been: a run with one must not be green.
    pub fn failures(&self) -> Vec<String> {
        self.lock().failures.clone()
    }

    /// Why recordings of requests of no case were not written or replaced.
    pub fn notes(&self) -> Vec<String> {
        self.lock().notes.clone()
    }

    pub(super) fn noted(&self, note: String) {
        self.lock().notes.push(note);
    }

    pub(super) fn missed(&self, miss: Miss) {
        self.lock().misses.push(miss);
    }

    pub(super) fn played(&self, path: &Path, origin: Origin) {
        self.lock().played.insert(path.to_owned(), origin);
    }

    pub(super) fn paced(&self, case: Option<&str>, reply: &Reply) {
        if let Some(case) = case {
            self.lock().paces.insert(case.to_owned(), reply.chunks.clone());
        }
    }

    pub(super) fn wrote(&self, path: &Path) {
        self.lock().written.insert(path.to_owned());
    }

    pub(super) fn failed(&self, message: String) {
        self.lock().failures.push(message);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
