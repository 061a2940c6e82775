//! What one case asks and gets, and what is to go wrong with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ending::Ending;
use crate::exchange::{ChunkMark, Fault, Mask, Origin, What, case_label};
use crate::upstream::ErrorKind;

/// Misses kept of requests of no case, which no end of a case ever takes away.
const MOST_MISSES: usize = 1_000;
/// Misses kept of one case: whoever asks in a loop, or never ends, has been told enough.
const MOST_MISSES_OF_ONE: usize = 100;
/// Notes that are kept until somebody takes them.
const MOST_NOTES: usize = 1_000;

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
pub struct Usage {
    /// Requests that no recording answers, in order.
    pub misses: Vec<Miss>,
    /// Files that answered, and those that were asked for anew and came out the same.
    pub used: BTreeSet<PathBuf>,
    /// Files that were written.
    pub written: BTreeSet<PathBuf>,
    /// Why recordings were kept, not written, removed, or are worth a look.
    pub notes: Vec<String>,
}

/// A recorded reply that a case was given.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayedReply {
    /// How the network cut it when it was recorded.
    pub chunks: Vec<ChunkMark>,
    /// The file; `None` for what was recorded a moment ago and has none yet.
    pub file: Option<PathBuf>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether its file was edited by hand since.
    pub is_edited: bool,
}

/// One case while it runs; what requests of no case have in common is one too.
#[derive(Debug)]
pub(super) struct CaseState {
    /// As it is asked for: an id, `session NAME`, or `None`.
    pub(super) case: Option<String>,
    /// As recordings name it.
    pub(super) label: Option<String>,
    /// Called when nobody wants any more what it has asked.
    pub(super) ending: Ending,
    /// When it was last asked for: a count, for the order alone.
    pub(super) touched: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: HashMap<String, Count>,
    usage: Usage,
    played: Option<PlayedReply>,
    faults: Vec<Fault>,
    calls: u32,
    masks: Arc<[Mask]>,
    /// By provider, the case whose recordings it was given, where it has none of its own.
    lenders: BTreeMap<String, String>,
}

/// How often the same was asked.
#[derive(Debug, Default)]
struct Count {
    last: u32,
    /// Given back, because there was no reply: the next one takes the first of them.
    free: BTreeSet<u32>,
}

impl CaseState {
    pub(super) fn new(case: Option<&str>) -> Self {
        let (label, case) = (case.map(case_label), case.map(str::to_owned));
        CaseState { case, label, ending: Ending::default(), touched: AtomicU64::default(), inner: Mutex::default() }
    }

    /// Counts a request; which one it is, from 1.
    pub(super) fn next_nth(&self, name: &str) -> u32 {
        let mut inner = self.lock();
        let count = match inner.counts.get_mut(name) {
            Some(count) => count,
            // Only the first one costs a copy of the name.
            None => inner.counts.entry(name.to_owned()).or_default(),
        };
        count.free.pop_first().unwrap_or_else(|| {
            count.last = count.last.saturating_add(1);
            count.last
        })
    }

    /// Takes a request back that got no answer.
    pub(super) fn release(&self, name: &str, nth: u32) {
        let mut inner = self.lock();
        let Some(count) = inner.counts.get_mut(name) else { return };
        count.free.insert(nth);
        while count.free.last() == Some(&count.last) && count.last > 0 {
            count.free.remove(&count.last);
            count.last -= 1;
        }
        // What was never answered leaves nothing behind.
        if count.last == 0 {
            inner.counts.remove(name);
        }
    }

    /// How often this was asked so far.
    pub(super) fn asked(&self, name: &str) -> u32 {
        self.lock().counts.get(name).map_or(0, |count| count.last)
    }

    /// From its next call on, these faults and no others.
    pub(super) fn set_faults(&self, faults: Vec<Fault>) {
        let mut inner = self.lock();
        (inner.faults, inner.calls) = (faults, 0);
    }

    /// Counts a call; what goes wrong with it, if anything does.
    pub(super) fn next_fault(&self) -> Option<What> {
        // Nobody is one state for many clients at once: what only a case can have is not asked for under its lock.
        self.case.as_ref()?;
        let mut inner = self.lock();
        if inner.faults.is_empty() {
            return None;
        }
        let call = inner.calls;
        inner.calls = call.saturating_add(1);
        let hits = |fault: &&Fault| {
            let since = call.checked_sub(fault.after_calls);
            since.is_some_and(|since| fault.times.is_none_or(|times| since < times))
        };
        inner.faults.iter().find(hits).map(|fault| fault.what.clone())
    }

    /// What its suite declares to make no difference.
    pub(super) fn masks(&self) -> Option<Arc<[Mask]>> {
        self.case.is_some().then(|| Arc::clone(&self.lock().masks)).filter(|masks| !masks.is_empty())
    }

    pub(super) fn set_masks(&self, masks: Arc<[Mask]>) {
        self.lock().masks = masks;
    }

    pub(super) fn lender(&self, provider: &str) -> Option<String> {
        self.lock().lenders.get(provider).cloned()
    }

    pub(super) fn lent_by(&self, provider: &str, lender: &str) {
        let mut inner = self.lock();
        if inner.lenders.get(provider).is_none_or(|known| known != lender) {
            inner.lenders.insert(provider.to_owned(), lender.to_owned());
        }
    }

    pub(super) fn missed(&self, miss: Miss) {
        let mut inner = self.lock();
        let most = if self.case.is_some() { MOST_MISSES_OF_ONE } else { MOST_MISSES };
        if inner.usage.misses.len() < most {
            inner.usage.misses.push(miss);
        }
    }

    pub(super) fn misses(&self) -> Vec<Miss> {
        self.lock().usage.misses.clone()
    }

    /// A file answered it, or what was recorded anew is what it holds.
    pub(super) fn used(&self, path: &Path) {
        if self.case.is_some() {
            add(&mut self.lock().usage.used, path);
        }
    }

    pub(super) fn wrote(&self, path: &Path) {
        if self.case.is_some() {
            add(&mut self.lock().usage.written, path);
        }
    }

    pub(super) fn forget_written(&self, path: &Path) {
        self.lock().usage.written.remove(path);
    }

    /// Files that answered it so far.
    pub(super) fn used_files(&self) -> BTreeSet<PathBuf> {
        self.lock().usage.used.clone()
    }

    /// What was played to it last.
    pub(super) fn set_played(&self, played: impl FnOnce() -> PlayedReply) {
        if self.case.is_some() {
            self.lock().played = Some(played());
        }
    }

    /// What was played to it last; `None` when nothing was since the last call.
    pub(super) fn take_played(&self) -> Option<PlayedReply> {
        self.lock().played.take()
    }

    pub(super) fn note(&self, note: String) {
        let notes = &mut self.lock().usage.notes;
        match notes.len() {
            MOST_NOTES => notes.push("and more that is not told".to_owned()),
            count if count < MOST_NOTES => notes.push(note),
            _ => {}
        }
    }

    /// What its requests came to, which it then forgets.
    pub(super) fn take_usage(&self) -> Usage {
        std::mem::take(&mut self.lock().usage)
    }

    /// The notes since they were last taken.
    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().usage.notes)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn each_fault_hits_its_calls() {
        let status = |code| What::Status { code, retry_after: None };
        let fault = |after_calls, times, code| Fault { after_calls, times, what: status(code) };
        let case = CaseState::new(Some("a"));
        case.set_faults(vec![fault(0, Some(1), 429), fault(2, None, 500)]);
        let codes: Vec<Option<What>> = (0..4).map(|_| case.next_fault()).collect();
        assert_eq!(codes, [Some(status(429)), None, Some(status(500)), Some(status(500))]);
        case.set_faults(Vec::new());
        assert_eq!(case.next_fault(), None);
    }

    #[test]
    fn a_request_without_a_reply_leaves_its_place_to_the_next_one() {
        let case = CaseState::new(Some("a"));
        assert_eq!([case.next_nth("x"), case.next_nth("x"), case.next_nth("x"), case.next_nth("y")], [1, 2, 3, 1]);
        // The second one failed while the third was still on its way.
        case.release("x", 2);
        assert_eq!([case.next_nth("x"), case.next_nth("x")], [2, 4]);
        case.release("x", 4);
        case.release("y", 1);
        assert_eq!((case.asked("x"), case.asked("y"), case.next_nth("x")), (3, 0, 4));
    }

    #[test]
    fn misses_and_notes_do_not_grow_without_end() {
        for (case, most) in [(None, MOST_MISSES), (Some("a"), MOST_MISSES_OF_ONE)] {
            let state = CaseState::new(case);
            for number in 0..2 * MOST_MISSES {
                let kind = ErrorKind::MissingRecording;
                state.missed(Miss { case: None, kind, name: number.to_string(), message: String::new() });
                state.note(number.to_string());
            }
            assert_eq!((state.misses().len(), state.misses()[0].name.as_str()), (most, "0"));
            let notes = state.take_notes();
            assert_eq!((notes.len(), notes[MOST_NOTES].as_str()), (MOST_NOTES + 1, "and more that is not told"));
        }
    }
}
