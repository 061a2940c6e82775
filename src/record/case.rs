//! What one case asks and receives, and which faults are made for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ending::Ending;
use super::places::Places;
use crate::exchange::{ChunkMark, Fault, Mask, Origin, What, case_label};
use crate::upstream::ErrorKind;

/// How many misses are kept of requests without a case: no end of a case ever clears them.
const MOST_MISSES: usize = 1_000;
/// How many misses are kept of one case, which may ask in a loop, or never end.
const MOST_MISSES_OF_ONE: usize = 100;
/// How many notes are kept until somebody takes them.
const MOST_NOTES: usize = 1_000;

/// A request that no recording answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The case that asked.
    pub case: Option<String>,
    /// Whether the request was never recorded, or was recorded and has changed.
    pub kind: ErrorKind,
    /// The file name that its recording would have, without `.json`.
    pub name: String,
    /// For people: the nearest recording, what differs, and how to record it.
    pub message: String,
    /// The same of the nearest recording as data; `None` if there is none.
    pub nearest: Option<Nearest>,
}

/// The recording nearest to a request that none answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// Its file.
    pub file: PathBuf,
    /// Where the request differs from it: the first places.
    pub changed: Vec<Changed>,
}

/// A place at which a request differs from a recorded one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The place: `$.messages[0].content`.
    pub path: String,
    /// The recorded value, shortened.
    pub recorded: String,
    /// The value that was asked, shortened.
    pub asked: String,
}

/// The outcome of a case's requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests that no recording answers, in order.
    pub misses: Vec<Miss>,
    /// Files that answered, and files that a new recording confirmed.
    pub used: BTreeSet<PathBuf>,
    /// Files that were written.
    pub written: BTreeSet<PathBuf>,
    /// Notes: why recordings were kept, not written or removed, or deserve a look.
    pub notes: Vec<String>,
}

/// A recorded reply that a case was given.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayedReply {
    /// How the network split it when it was recorded.
    pub chunks: Vec<ChunkMark>,
    /// The file; `None` if the reply was only just recorded and has no file yet.
    pub file: Option<PathBuf>,
    /// The origin of the reply.
    pub origin: Origin,
    /// When it was recorded, RFC 3339, if its file says so.
    pub recorded_at: Option<String>,
    /// Whether its file was edited by hand since.
    pub is_edited: bool,
}

/// The state of one case while it runs; all requests without a case share one state, too.
#[derive(Debug)]
pub(super) struct CaseState {
    /// The case as requests name it: an id, `session NAME`, or `None`.
    pub(super) case: Option<String>,
    /// The case as recordings name it.
    pub(super) label: Option<String>,
    /// Called when the replies to its requests are no longer wanted.
    pub(super) ending: Ending,
    /// When it was last used: a counter, only for the order.
    pub(super) touched: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<String, Places>,
    usage: Usage,
    played: Option<PlayedReply>,
    faults: Vec<Fault>,
    calls: u32,
    masks: Arc<[Mask]>,
    /// For each provider, the case whose recordings are used because this case has none.
    lenders: BTreeMap<String, String>,
}

/// The number of a request that waits for its answer. It is given back if none comes, or if the client no longer waits.
pub(super) struct Claim {
    case: Arc<CaseState>,
    name: String,
    pub(super) nth: u32,
    is_answered: bool,
    asked_again: Option<Arc<Ending>>,
}

impl Claim {
    pub(super) fn of(case: &Arc<CaseState>, name: String) -> Self {
        let nth = case.next_nth(&name);
        Claim { case: Arc::clone(case), name, nth, is_answered: false, asked_again: None }
    }

    /// A signal that is given when the client has left and another request has taken the number.
    pub(super) fn asked_again(&mut self) -> Arc<Ending> {
        Arc::clone(self.asked_again.get_or_insert_default())
    }

    /// An answer came, or an error in place of it.
    pub(super) fn end<T, E>(mut self, answer: Result<T, E>) -> Result<T, E> {
        self.is_answered = answer.is_ok();
        self.asked_again = None;
        answer
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_answered {
            self.case.release(&self.name, self.nth, self.asked_again.take());
        }
    }
}

impl CaseState {
    pub(super) fn new(case: Option<&str>) -> Self {
        let (label, case) = (case.map(case_label), case.map(str::to_owned));
        CaseState { case, label, ending: Ending::default(), touched: AtomicU64::default(), inner: Mutex::default() }
    }

    /// Counts a request and returns its number, from 1.
    pub(super) fn next_nth(&self, name: &str) -> u32 {
        let mut inner = self.lock();
        match inner.places.get_mut(name) {
            Some(places) => places.take(),
            // Only the first request copies the name.
            None => inner.places.entry(name.to_owned()).or_default().take(),
        }
    }

    /// Gives back the number of a request that got no answer. `left` is told when another request takes it.
    pub(super) fn release(&self, name: &str, nth: u32, left: Option<Arc<Ending>>) {
        let mut inner = self.lock();
        let Some(places) = inner.places.get_mut(name) else { return };
        places.release(nth, left);
        if places.is_empty() {
            inner.places.remove(name);
        }
    }

    /// How often this request was sent so far, and the number in replay of the `nth` of them; `None` if its reply came
    /// too late to count.
    pub(super) fn settled(&self, name: &str, nth: u32) -> Option<(u32, u32)> {
        match self.lock().places.get(name) {
            Some(places) => Some((places.count(), places.settled(nth)?)),
            None => Some((0, nth)),
        }
    }

    /// From its next call on, these faults apply and no others.
    pub(super) fn set_faults(&self, faults: Vec<Fault>) {
        let mut inner = self.lock();
        (inner.faults, inner.calls) = (faults, 0);
    }

    /// Counts a call and returns its fault, if it has one.
    pub(super) fn next_fault(&self) -> Option<What> {
        // The state of requests without a case is shared by many clients: what only a case can have is not looked up
        // under its lock.
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

    /// The masks that its suite declares.
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

    /// Notes that a file answered it, or that a new recording confirmed a file.
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

    /// The files that answered it so far.
    pub(super) fn used_files(&self) -> BTreeSet<PathBuf> {
        self.lock().usage.used.clone()
    }

    /// Notes the reply that it received last.
    pub(super) fn set_played(&self, played: impl FnOnce() -> PlayedReply) {
        if self.case.is_some() {
            self.lock().played = Some(played());
        }
    }

    /// The reply that it received last; `None` if it received none since the last call.
    pub(super) fn take_played(&self) -> Option<PlayedReply> {
        self.lock().played.take()
    }

    pub(super) fn note(&self, note: String) {
        let notes = &mut self.lock().usage.notes;
        match notes.len() {
            MOST_NOTES => notes.push("and more notes, not shown".to_owned()),
            count if count < MOST_NOTES => notes.push(note),
            _ => {}
        }
    }

    /// Takes the outcome of its requests.
    pub(super) fn take_usage(&self) -> Usage {
        std::mem::take(&mut self.lock().usage)
    }

    /// Takes the notes since the last call.
    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().usage.notes)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files answer again and again: only the first time copies the path.
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
    fn a_claim_that_is_dropped_gives_its_place_back_and_hears_who_takes_it() {
        let case = Arc::new(CaseState::new(Some("a")));
        let claim = || Claim::of(&case, "x".to_owned());
        let [first, second, mut third] = [(); 3].map(|()| claim());
        let asked_again = third.asked_again();
        assert_eq!(
            (first.nth, first.end(Ok::<_, ()>(1)), second.nth, second.end(Err::<(), _>(2))),
            (1, Ok(1), 2, Err(2))
        );
        drop(third);
        let again = [claim(), claim()];
        assert_eq!((again[0].nth, again[1].nth, asked_again.is_called()), (2, 3, true));
    }

    #[test]
    fn a_request_without_a_reply_leaves_its_place_to_the_next_one() {
        let case = CaseState::new(Some("a"));
        assert_eq!([case.next_nth("x"), case.next_nth("x"), case.next_nth("x"), case.next_nth("y")], [1, 2, 3, 1]);
        // The second request failed while the third was still under way.
        case.release("x", 2, None);
        assert_eq!([case.next_nth("x"), case.next_nth("x")], [2, 4]);
        case.release("x", 4, None);
        case.release("y", 1, None);
        assert_eq!((case.settled("x", 3), case.settled("y", 1), case.next_nth("x")), (Some((3, 3)), Some((0, 1)), 4));
    }

    #[test]
    fn misses_and_notes_do_not_grow_without_end() {
        for (case, most) in [(None, MOST_MISSES), (Some("a"), MOST_MISSES_OF_ONE)] {
            let state = CaseState::new(case);
            for number in 0..2 * MOST_MISSES {
                let kind = ErrorKind::MissingRecording;
                state.missed(Miss {
                    case: None,
                    kind,
                    name: number.to_string(),
                    message: String::new(),
                    nearest: None,
                });
                state.note(number.to_string());
            }
            assert_eq!((state.misses().len(), state.misses()[0].name.as_str()), (most, "0"));
            let notes = state.take_notes();
            assert_eq!((notes.len(), notes[MOST_NOTES].as_str()), (MOST_NOTES + 1, "and more notes, not shown"));
        }
    }
}
