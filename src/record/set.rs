//! All tapes of a run, and the cases that use them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::case::{Miss, PlayedReply, Usage};
use super::cases::{Cases, UsedFile};
use super::count::Summary;
use super::figures::Figures;
use super::library::Library;
use super::mode::Mode;
use super::tape::Tape;
use super::{Options, Verdict};
use crate::exchange::{Fault, Mask};
use crate::upstream::Shared;

/// The tapes of a run, one for each provider. A case may send requests to all of them.
#[derive(Default)]
pub struct TapeSet {
    cases: Arc<Cases>,
    tapes: Mutex<BTreeMap<String, Arc<Tape>>>,
}

impl TapeSet {
    /// The tape of a provider, made on first use.
    pub fn open(&self, mode: Mode, library: Library, live: Option<Shared>, options: Options) -> Arc<Tape> {
        let mut tapes = self.lock();
        let name = library.provider().to_owned();
        let make = || Arc::new(Tape::new(mode, library, live, options, Arc::clone(&self.cases)));
        Arc::clone(tapes.entry(name).or_insert_with(make))
    }

    /// The tape of a provider, if it is open.
    pub fn get(&self, provider: &str) -> Option<Arc<Tape>> {
        self.lock().get(provider).cloned()
    }

    /// All open tapes, by the name of their provider.
    pub fn tapes(&self) -> Vec<Arc<Tape>> {
        self.lock().values().cloned().collect()
    }

    /// Sets the faults and masks of a case, from its next request on.
    pub fn begin(&self, case: &str, faults: Vec<Fault>, masks: Arc<[Mask]>) {
        let case = self.cases.of(Some(case));
        case.set_faults(faults);
        case.set_masks(masks);
    }

    /// Ends a case: its recordings are written if it `Passed`. Waits for replies that still arrive, and returns the
    /// outcome of its requests.
    pub async fn finish(&self, case: &str, verdict: Verdict) -> Usage {
        let state = match self.cases.running(case) {
            Some(state) => state,
            // The case may have been dropped because it was idle; its recordings still wait.
            None if self.tapes().iter().any(|tape| tape.waits_for(case)) => self.cases.of(Some(case)),
            None => return Usage::default(),
        };
        for tape in self.tapes() {
            tape.settle_case(&state, verdict).await;
        }
        self.cases.end(case);
        state.take_usage()
    }

    /// Ends all cases, sessions and requests that have not ended yet; `why` tells users why recordings are not kept.
    pub async fn conclude(&self, verdict: Verdict, why: &str) {
        for tape in self.tapes() {
            tape.conclude(verdict, why).await;
        }
        let tapes = self.tapes();
        let unanswered = match verdict {
            Verdict::Failed => Vec::new(),
            _ => tokio::task::spawn_blocking(move || unanswered(&tapes)).await.unwrap_or_default(),
        };
        for note in self.cases.take_notes_of_running().into_iter().chain(unanswered) {
            self.cases.nobody().note(note);
        }
    }

    /// Messages about requests of a run that records to which no reply came, and which replay would miss: the run fails.
    /// Reads files.
    pub fn unanswered(&self) -> Vec<String> {
        unanswered(&self.tapes())
    }

    /// Waits for replies that still arrive, until `patience` ends. Then the remaining ones are broken off, no new
    /// requests are sent, and the result lists the requests that were broken off, for people.
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

    /// Stops waiting for replies under way, and sends no more requests: replies that have not ended are recorded as
    /// broken off.
    pub fn break_off(&self) {
        self.cases.ending.call();
    }

    /// The live requests under way, for people.
    pub fn under_way(&self) -> Vec<String> {
        self.tapes().iter().flat_map(|tape| tape.under_way()).collect()
    }

    /// The requests of a case that no recording answers.
    pub fn misses(&self, case: &str) -> Vec<Miss> {
        self.cases.running(case).map(|case| case.misses()).unwrap_or_default()
    }

    /// The recorded reply that a case received last; `None` if it received none since the last call.
    pub fn take_played(&self, case: &str) -> Option<PlayedReply> {
        self.cases.running(case)?.take_played()
    }

    /// The new notes about requests without a case, and about running sessions.
    pub fn take_notes(&self) -> Vec<String> {
        self.cases.nobody().take_notes()
    }

    /// Recordings that should have been made or written but could not be: such a run must fail.
    pub fn failures(&self) -> Vec<String> {
        self.cases.failures()
    }

    /// The masks under which requests were compared, as messages show them, and whether each matched anything.
    pub fn masks(&self) -> BTreeMap<String, bool> {
        self.cases.masks()
    }

    /// Notes a problem that fails the run even if every case passed.
    pub fn failed(&self, message: String) {
        self.cases.failed(message);
    }

    /// The files that answered, each once.
    pub fn used(&self) -> BTreeMap<PathBuf, UsedFile> {
        self.cases.used()
    }

    /// The requests without a case that no recording answers, as far as they are kept.
    pub fn misses_of_nobody(&self) -> Vec<Miss> {
        self.cases.nobody().misses()
    }

    /// The files that were written.
    pub fn written(&self) -> BTreeSet<PathBuf> {
        self.cases.written()
    }

    /// How many requests were sent to these providers, whether they were recorded or not.
    pub fn network_requests(&self, is_network: impl Fn(&str) -> bool) -> usize {
        let tapes = self.tapes();
        let reached = tapes.iter().filter(|tape| is_network(tape.library().provider()));
        reached.map(|tape| tape.counter.network_requests()).sum()
    }

    /// Whether a file was played, written, or confirmed by a new recording.
    pub fn is_touched(&self, path: &Path) -> bool {
        self.cases.is_touched(path)
    }

    /// What the run did for each provider that was asked something, in numbers.
    pub fn figures(&self) -> Vec<Figures> {
        self.tapes().iter().map(|tape| tape.figures()).filter(|figures| figures.requests > 0).collect()
    }

    /// Counts the files of all tapes by kind.
    pub fn summary(&self) -> Summary {
        let mut all = Summary::default();
        self.tapes().iter().for_each(|tape| all.add(&tape.library().summary()));
        all
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Tape>>> {
        self.tapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unanswered(tapes: &[Arc<Tape>]) -> Vec<String> {
    tapes.iter().flat_map(|tape| tape.unanswered()).collect()
}
