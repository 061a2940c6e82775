//! All tapes of a run, and the cases that they answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::case::{Miss, PlayedReply, Usage};
use super::cases::Cases;
use super::count::Summary;
use super::library::Library;
use super::mode::Mode;
use super::tape::Tape;
use super::{Options, Verdict};
use crate::exchange::{Fault, Mask};
use crate::upstream::Shared;

/// The tapes of a run, one for each provider. What a case asks, it asks of all of them.
#[derive(Default)]
pub struct TapeSet {
    cases: Arc<Cases>,
    tapes: Mutex<BTreeMap<String, Arc<Tape>>>,
}

impl TapeSet {
    /// The tape of a provider, made once.
    pub fn open(&self, mode: Mode, library: Library, live: Option<Shared>, options: Options) -> Arc<Tape> {
        let mut tapes = self.lock();
        let name = library.provider().to_owned();
        let make = || Arc::new(Tape::new(mode, library, live, options, Arc::clone(&self.cases)));
        Arc::clone(tapes.entry(name).or_insert_with(make))
    }

    /// The tape of a provider, where it is open.
    pub fn get(&self, provider: &str) -> Option<Arc<Tape>> {
        self.lock().get(provider).cloned()
    }

    /// Every tape that is open, by the name of its provider.
    pub fn tapes(&self) -> Vec<Arc<Tape>> {
        self.lock().values().cloned().collect()
    }

    /// From the next request of a case on, these faults are cut, and what its suite masks is no part of the match.
    pub fn begin(&self, case: &str, faults: Vec<Fault>, masks: Arc<[Mask]>) {
        let case = self.cases.of(Some(case));
        case.set_faults(faults);
        case.set_masks(masks);
    }

    /// Ends a case: what it recorded takes its place when it `Passed`. Waits for replies that still arrive. Says what its
    /// requests came to.
    pub async fn finish(&self, case: &str, verdict: Verdict) -> Usage {
        let state = match self.cases.running(case) {
            Some(state) => state,
            // It may have been let go because it was idle for long; what it recorded waits all the same.
            None if self.tapes().iter().any(|tape| tape.waits_for(case)) => self.cases.of(Some(case)),
            None => return Usage::default(),
        };
        for tape in self.tapes() {
            tape.settle_case(&state, verdict).await;
        }
        self.cases.end(case);
        state.take_usage()
    }

    /// Ends everything that no end of a case has ended; `why` is why it is not kept where it is not.
    pub async fn conclude(&self, verdict: Verdict, why: &str) {
        for tape in self.tapes() {
            tape.conclude(verdict, why).await;
        }
        for note in self.cases.take_notes_of_running() {
            self.cases.nobody().note(note);
        }
    }

    /// Waits for the replies that still arrive, for as long as `patience` takes. Those that have not ended then are
    /// broken off where they are, and nothing is asked any more; gives what they were asked, for people.
    pub async fn settle(&self, patience: impl Future<Output = ()>) -> Vec<String> {
        let calm = async {
            for tape in self.tapes() {
                tape.settle().await;
            }
        };
        tokio::select! {
            biased;
            () = calm => return Vec::new(),
            () = patience => {}
        }
        let left = self.under_way();
        self.break_off();
        left
    }

    /// From now on nothing that is under way is waited for, and nothing is asked: replies that have not ended are recorded
    /// as broken off.
    pub fn break_off(&self) {
        self.cases.ending.call();
    }

    /// What is asked live and has not ended, for people.
    pub fn under_way(&self) -> Vec<String> {
        self.tapes().iter().flat_map(|tape| tape.under_way()).collect()
    }

    /// The requests of a case that no recording answers.
    pub fn misses(&self, case: &str) -> Vec<Miss> {
        self.cases.running(case).map(|case| case.misses()).unwrap_or_default()
    }

    /// The recorded reply that a case was given last; `None` when it was given none since the last call.
    pub fn take_played(&self, case: &str) -> Option<PlayedReply> {
        self.cases.running(case)?.take_played()
    }

    /// What is to be told of requests of no case, and of sessions that run, since it was last asked.
    pub fn take_notes(&self) -> Vec<String> {
        self.cases.nobody().take_notes()
    }

    /// Recordings that could not be written although they should have been: a run with one must not be green.
    pub fn failures(&self) -> Vec<String> {
        self.cases.failures()
    }

    /// The masks under which requests were compared, as they are shown, and whether each has hit anything.
    pub fn masks(&self) -> BTreeMap<String, bool> {
        self.cases.masks()
    }

    /// Notes what must not pass although every case did.
    pub fn failed(&self, message: String) {
        self.cases.failed(message);
    }

    /// Whether a file was played, written, or recorded anew and came out the same.
    pub fn is_touched(&self, path: &Path) -> bool {
        self.cases.is_touched(path)
    }

    /// Counts the files of all tapes by what they are.
    pub fn summary(&self) -> Summary {
        let mut all = Summary::default();
        self.tapes().iter().for_each(|tape| all.add(&tape.library().summary()));
        all
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Tape>>> {
        self.tapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
