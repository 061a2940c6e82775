//! Sends requests to the live upstream and records the replies, without delaying them.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use super::case::{CaseState, PlayedReply};
use super::cases::Cases;
use super::entry::Entry;
use super::in_flight::{InFlight, Turn};
use super::library::Library;
use super::plan::Trust;
use super::spool::Spool;
use super::task::{AT_ONCE, Keeping, Task, ToRecord, WRITERS, keep};
use super::writer::{Batch, Placed, Writer};
use super::{Options, Staging, Verdict, player};
use crate::upstream::{Error, ErrorKind, Reply, Shared};

/// Records what one live upstream answers.
pub(super) struct Recorder {
    live: Shared,
    in_flight: Arc<InFlight>,
    writer: Arc<Writer>,
    cases: Arc<Cases>,
    spool: Arc<Spool>,
    /// Room, in KiB, for replies that are being prepared and written.
    room: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    options: Options,
    /// Whether everything is asked anew: a case then gives up the recordings that it no longer asks for.
    is_whole: bool,
}

impl Recorder {
    pub(super) fn new(
        live: Shared,
        library: Arc<Library>,
        cases: Arc<Cases>,
        options: Options,
        is_whole: bool,
    ) -> Self {
        let writer = Arc::new(Writer::new(library, options.secrets.clone(), Arc::clone(&cases)));
        let [room, writers] = [AT_ONCE as usize, WRITERS].map(|permits| Arc::new(Semaphore::new(permits)));
        let (spool, in_flight) = (Arc::default(), Arc::default());
        Recorder { live, in_flight, writer, cases, spool, room, writers, options, is_whole }
    }

    /// Answers a request with the reply that another case just got to the same request, else from the live upstream.
    pub(super) async fn send(&self, asked: ToRecord) -> Result<Reply, Error> {
        if self.cases.ending.is_called() {
            return Err(Error::new(ErrorKind::Other, "retake was told to end: no more requests are sent"));
        }
        let (path, provider) = (asked.kept.endpoint.split('?').next(), self.writer.library().provider());
        let what = format!("{} {} ({provider})", asked.kept.method, path.unwrap_or_default());
        let flight = match asked.case.case.as_deref() {
            None => self.in_flight.alone(None, &what),
            Some(case) => loop {
                match self.in_flight.claim(case, &asked.key, asked.nth, &what) {
                    Turn::Ask(flight) => break flight,
                    Turn::Answered(entry) => {
                        asked.case.set_played(|| PlayedReply {
                            chunks: entry.chunks().to_vec(),
                            file: None,
                            origin: entry.origin(),
                            recorded_at: None,
                            is_edited: false,
                        });
                        self.keep_for_now(&asked.case, &entry).await;
                        return again(entry, self.options.speed).await;
                    }
                    Turn::Wait => {
                        if !self.in_flight.wait_until(|in_flight| in_flight.is_answered(&asked.key, asked.nth)).await {
                            let message = "another case sent the same request, and its reply did not end in time";
                            return Err(Error::new(ErrorKind::Timeout, message));
                        }
                    }
                }
            },
        };
        // A task of its own: if the client leaves, neither the request nor the recording ends.
        let (head, answered) = oneshot::channel();
        tokio::spawn(self.task().run(asked, flight, head));
        answered.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Other, "the task that records a reply panicked")))
    }

    fn task(&self) -> Task {
        Task {
            live: Arc::clone(&self.live),
            cases: Arc::clone(&self.cases),
            spool: Arc::clone(&self.spool),
            room: Arc::clone(&self.room),
            keeping: Keeping {
                in_flight: Arc::clone(&self.in_flight),
                writer: Arc::clone(&self.writer),
                writers: Arc::clone(&self.writers),
                options: self.options.clone(),
            },
        }
    }

    async fn keep_for_now(&self, case: &Arc<CaseState>, entry: &Arc<Entry>) {
        self.task().keeping.keep_for_now(case, entry).await;
    }

    /// The requests under way, for people.
    pub(super) fn under_way(&self) -> Vec<String> {
        self.in_flight.under_way()
    }

    /// Whether something waits for the end of this case.
    pub(super) fn waits_for(&self, case: &str) -> bool {
        self.in_flight.waiting().iter().any(|whose| whose.as_deref() == Some(case))
    }

    /// Ends a case. Its recordings are written, wait for the end of the whole command, or are dropped.
    pub(super) async fn finish(&self, case: &Arc<CaseState>, verdict: Verdict) -> Vec<String> {
        let Some(id) = case.case.clone() else { return Vec::new() };
        let mut notes = Vec::new();
        if verdict == Verdict::Failed && !self.options.keep_failed {
            // Replies that still arrive would be dropped anyway.
            case.ending.call();
        }
        if !self.in_flight.wait_until(|in_flight| in_flight.is_calm(&id)).await {
            notes.push("a reply had not ended when its case was over: it is not recorded".to_owned());
        }
        if verdict == Verdict::Unknown && self.options.staging == Staging::Command {
            return notes;
        }
        let entries = self.in_flight.take(&Some(id));
        notes.extend(self.settle(case, entries, verdict, "the case that recorded it did not pass").await);
        notes
    }

    /// Ends all cases, sessions and requests that have not ended yet.
    pub(super) async fn conclude(&self, cases: &Cases, verdict: Verdict, why: &str) -> Vec<String> {
        self.in_flight.wait_until(InFlight::is_all_calm).await;
        let mut notes = Vec::new();
        for whose in self.in_flight.waiting() {
            let case = match &whose {
                None => cases.of(None),
                Some(case) => cases.running(case).unwrap_or_else(|| Arc::new(CaseState::new(Some(case)))),
            };
            notes.extend(self.settle(&case, self.in_flight.take(&whose), verdict, why).await);
        }
        notes
    }

    async fn settle(
        &self,
        case: &Arc<CaseState>,
        entries: Vec<Arc<Entry>>,
        verdict: Verdict,
        why: &str,
    ) -> Vec<String> {
        let trust = match verdict {
            Verdict::Passed => Trust::Passed,
            Verdict::Unknown => Trust::Unknown,
            Verdict::Failed if self.options.keep_failed => Trust::Forced,
            Verdict::Failed => return self.drop_all(case, entries, why).await,
        };
        self.in_flight.take_kept_for_now(&case.case);
        let placed = |entry| Placed::of(case, self.writer.library(), entry);
        let entries: Vec<Placed> = entries.into_iter().filter_map(placed).collect();
        let is_whole = self.is_whole && !entries.is_empty();
        let batch = Batch { case: Arc::clone(case), entries, trust, is_whole };
        keep(&self.writer, &self.writers, batch).await
    }

    /// Drops the recordings, takes back those that were already written, and says what is not kept.
    async fn drop_all(&self, case: &Arc<CaseState>, entries: Vec<Arc<Entry>>, why: &str) -> Vec<String> {
        let written = self.in_flight.take_kept_for_now(&case.case);
        let mut said = written.clone();
        if !written.is_empty() {
            let (writer, case) = (Arc::clone(&self.writer), Arc::clone(case));
            // The case has been told what could not be taken back.
            let _ = tokio::task::spawn_blocking(move || writer.take_back(&case, &written)).await;
        }
        said.extend(self.in_flight.forget(entries));
        let mut notes: Vec<String> = said.iter().map(|entry| self.writer.not_kept(&entry.key, why)).collect();
        notes.sort();
        notes.dedup();
        notes
    }

    pub(super) async fn calm(&self) {
        self.in_flight.wait_until(InFlight::is_all_calm).await;
    }
}

/// A recording of this run as a live reply.
async fn again(entry: Arc<Entry>, speed: Option<f64>) -> Result<Reply, Error> {
    let read = tokio::task::spawn_blocking(move || entry.exchange()).await.map_err(std::io::Error::other);
    let exchange = read.flatten().map_err(|error| {
        Error::new(ErrorKind::Other, format!("the reply that another case just got cannot be read: {error}"))
    })?;
    Ok(player::reply(&exchange.reply, speed))
}
