//! Asking the live upstream and keeping what happens, without holding it up.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::case::{CaseState, PlayedReply};
use super::cases::Cases;
use super::entry::Entry;
use super::in_flight::{InFlight, LiveRequest, MOST_WAITING, Turn};
use super::library::Library;
use super::pipe::pipe;
use super::plan::Trust;
use super::relay::{Body, Kept, Relay, Relayed};
use super::size::Size;
use super::spool::Spool;
use super::writer::{Batch, Writer};
use super::{Options, Staging, Verdict, player};
use crate::exchange::{self, End, Exchange, Key, Origin};
use crate::upstream::{Error, ErrorKind, ORIGIN_HEADER, Reply, Request, Shared};

/// Records what one live upstream answers.
pub(super) struct Recorder {
    live: Shared,
    in_flight: Arc<InFlight>,
    writer: Arc<Writer>,
    cases: Arc<Cases>,
    spool: Arc<Spool>,
    /// Room for replies that are made ready and written, in KiB.
    room: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    options: Options,
    /// Whether everything is asked anew: what a case no longer asks is then no longer its own.
    is_whole: bool,
}

/// A request that is to be recorded.
pub(super) struct ToRecord {
    /// As it goes out.
    pub(super) request: Request,
    /// As it is kept.
    pub(super) kept: Request,
    pub(super) key: Key,
    pub(super) nth: u32,
    pub(super) case: Arc<CaseState>,
}

/// KiB of replies that are made ready and written at once. Each takes several times its size while it is scrubbed, laid
/// out and read back.
const AT_ONCE: u32 = 8 << 10;
/// Of those, what a small one counts: made ready, it takes more memory than its bytes.
const LEAST: u32 = 64;
/// Threads that write at once. One folder has one writer at a time; a thread for each that waits would take its memory.
const WRITERS: usize = 2;
/// A reply of no more bytes is made ready where it was read: to hand it to another thread would take longer.
const SMALL: usize = 64 << 10;

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

    /// Answers a request: with what another case was just answered that asks the same, else from the live upstream.
    pub(super) async fn send(&self, asked: ToRecord) -> Result<Reply, Error> {
        if self.cases.ending.is_called() {
            return Err(Error::new(ErrorKind::Other, "retake was told to end: nothing is asked any more"));
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
                            is_edited: false,
                        });
                        self.keep_for_now(&asked.case, &entry).await;
                        return again(entry, self.options.speed).await;
                    }
                    Turn::Wait => {
                        if !self.in_flight.wait_until(|in_flight| in_flight.is_answered(&asked.key, asked.nth)).await {
                            let message = "another case asks the same and gets no end of its reply";
                            return Err(Error::new(ErrorKind::Timeout, message));
                        }
                    }
                }
            },
        };
        // In a task of its own: a client that goes away ends neither the request nor the recording.
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

    /// What is asked and has not ended, for people.
    pub(super) fn under_way(&self) -> Vec<String> {
        self.in_flight.under_way()
    }

    /// Whether something waits for the end of a case.
    pub(super) fn waits_for(&self, case: &str) -> bool {
        self.in_flight.waiting().iter().any(|whose| whose.as_deref() == Some(case))
    }

    /// Ends a case. What it recorded takes its place, stays where it waits for the end of a whole command, or goes.
    pub(super) async fn finish(&self, case: &Arc<CaseState>, verdict: Verdict) -> Vec<String> {
        let Some(id) = case.case.clone() else { return Vec::new() };
        let mut notes = Vec::new();
        if verdict == Verdict::Failed && !self.options.keep_failed {
            // Whatever still comes would be thrown away.
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

    /// Ends everything that no end of a case has ended.
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
        let asked = entries.iter().map(|entry| case.asked(&self.writer.library().count_name(&entry.key))).collect();
        let is_whole = self.is_whole && !entries.is_empty();
        let batch = Batch { case: Arc::clone(case), entries, asked, trust, is_whole };
        keep(&self.writer, &self.writers, batch).await
    }

    /// Forgets what was recorded, takes back what was written for now, and says what is not kept.
    async fn drop_all(&self, case: &Arc<CaseState>, entries: Vec<Arc<Entry>>, why: &str) -> Vec<String> {
        let written = self.in_flight.take_kept_for_now(&case.case);
        let mut said = written.clone();
        if !written.is_empty() {
            let (writer, case) = (Arc::clone(&self.writer), Arc::clone(case));
            // What could not be taken back, its case was told.
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

/// Writing waits for the disk and for other processes, so not on a thread that relays.
async fn keep(writer: &Arc<Writer>, writers: &Semaphore, batch: Batch) -> Vec<String> {
    if batch.entries.is_empty() {
        return Vec::new();
    }
    let _turn = writers.acquire().await;
    let writer = Arc::clone(writer);
    let written = tokio::task::spawn_blocking(move || writer.keep(&batch)).await;
    written.unwrap_or_else(|error| vec![format!("could not write a recording: {error}")])
}

/// One request, asked and recorded whatever becomes of its client.
struct Task {
    live: Shared,
    cases: Arc<Cases>,
    spool: Arc<Spool>,
    room: Arc<Semaphore>,
    keeping: Keeping,
}

/// What becomes of a reply that is whole.
struct Keeping {
    in_flight: Arc<InFlight>,
    writer: Arc<Writer>,
    writers: Arc<Semaphore>,
    options: Options,
}

impl Keeping {
    /// What waits for nobody's end is written; so is what a session may never be finished for, where nothing older is
    /// replaced by it.
    async fn keep_for_now(&self, case: &Arc<CaseState>, entry: &Arc<Entry>) {
        let is_session = case.case.is_some();
        let staged = match self.options.staging {
            Staging::Case => is_session,
            Staging::Command => true,
            Staging::Server => is_session && self.has_older(case, entry).await,
        };
        if staged {
            return;
        }
        let asked = vec![case.asked(&self.writer.library().count_name(&entry.key))];
        let batch = Batch {
            case: Arc::clone(case),
            entries: vec![Arc::clone(entry)],
            asked,
            trust: Trust::Unknown,
            is_whole: false,
        };
        for note in keep(&self.writer, &self.writers, batch).await {
            case.note(note);
        }
        if is_session {
            self.in_flight.keep_for_now(&case.case, Arc::clone(entry));
        }
    }

    async fn has_older(&self, case: &Arc<CaseState>, entry: &Arc<Entry>) -> bool {
        let (writer, case, entry) = (Arc::clone(&self.writer), Arc::clone(case), Arc::clone(entry));
        let has = move || writer.has_own(&case, &entry);
        let _turn = self.writers.acquire().await;
        tokio::task::spawn_blocking(has).await.unwrap_or(true)
    }
}

impl Task {
    async fn run(self, asked: ToRecord, mut flight: LiveRequest, mut head: oneshot::Sender<Result<Reply, Error>>) {
        let ToRecord { request, kept, key, nth, case } = asked;
        let options = &self.keeping.options;
        let start = Instant::now();
        let answered = tokio::select! {
            biased;
            why = self.unwanted(&mut head, &case) => {
                case.note(self.keeping.writer.not_kept(&key, why));
                Err(Error::new(ErrorKind::Other, why))
            }
            answered = self.live.send(request) => answered,
        };
        let mut live = match answered {
            Ok(reply) => reply,
            Err(error) => {
                drop(flight);
                // A client that is gone does not hear it.
                let _ = head.send(Err(Error::new(error.kind, options.secrets.text(&error.message))));
                return;
            }
        };
        let is_script = live.headers.remove(ORIGIN_HEADER).is_some_and(|value| value == "simulated");
        let (status, headers) = (live.status, live.headers.clone());
        let (client, body) = pipe();
        let _ = head.send(Ok(Reply { status, headers: live.headers, body }));

        let lost = |kept: &Kept| self.lost(&case, &key, kept);
        let relay = Relay {
            spool: &self.spool,
            most: options.max_size.0,
            patience: options.patience,
            endings: [&self.cases.ending, &case.ending],
            lost: &lost,
        };
        let Relayed { kept: taken, end, is_cut } = relay.run(live.body, &client, start).await;
        let Kept::All(taken) = taken else { return };
        let reply =
            exchange::Reply { status: status.as_u16(), headers: player::header_pairs(&headers), ..no_reply(end) };
        let url = options.secrets.text(&self.keeping.writer.library().url(&kept.endpoint));
        let origin = if is_script { Origin::Simulated } else { Origin::Real };
        let exchange = Exchange { request: kept, url, reply, recorded_at: Some((options.now)()), origin };
        let _room = self.room(taken.size()).await;
        let key_of = key.clone();
        let made = self.made_ready(key, nth, exchange, taken, &case).await;
        let entry = match made {
            Ok(mut entry) => {
                entry.is_cut = is_cut;
                Arc::new(entry)
            }
            Err(error) => return self.lost(&case, &key_of, &Kept::Lost(error.to_string())),
        };
        if self.waits(&case) {
            let gone = self.keeping.in_flight.stage(&case.case, Arc::clone(&entry));
            self.let_go(&gone);
        }
        flight.share(&entry);
        // Before the client sees the end: what it has whole, and what waits for nobody, is on disk.
        self.keeping.keep_for_now(&case, &entry).await;
        drop(flight);
        drop(client);
    }

    /// Until nobody waits for the head of a reply any more; why.
    async fn unwanted(&self, head: &mut oneshot::Sender<Result<Reply, Error>>, case: &CaseState) -> &'static str {
        let alone = async {
            head.closed().await;
            tokio::time::sleep(self.keeping.options.patience).await;
        };
        tokio::select! {
            biased;
            () = self.cases.ending.called() => "retake was told to end before there was a reply",
            () = case.ending.called() => "what had asked for it did not end well",
            () = alone => "its client had left, and there was no reply in time",
        }
    }

    fn waits(&self, case: &CaseState) -> bool {
        case.case.is_some() || self.keeping.options.staging == Staging::Command
    }

    /// Waits until there is room for one more reply to be made ready.
    async fn room(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(size >> 10).unwrap_or(AT_ONCE).clamp(LEAST, AT_ONCE);
        Arc::clone(&self.room).acquire_many_owned(wanted).await.ok()
    }

    /// The exchange with its body, as it is kept.
    async fn made_ready(
        &self,
        key: Key,
        nth: u32,
        mut exchange: Exchange,
        body: Body,
        case: &CaseState,
    ) -> std::io::Result<Entry> {
        let secrets = self.keeping.options.secrets.clone();
        let (size, is_shared) = (body.size(), case.case.is_some());
        let make = move || {
            let (bytes, chunks) = body.read()?;
            drop(body);
            (exchange.reply.body, exchange.reply.chunks) = (bytes.into(), chunks);
            let entry = Entry::new(key, nth, secrets.exchange(&exchange));
            Ok::<_, std::io::Error>(if is_shared { entry.shared() } else { entry })
        };
        let entry = match size <= SMALL {
            true => make()?,
            false => tokio::task::spawn_blocking(make).await.map_err(std::io::Error::other)??,
        };
        if self.waits(case) { entry.waiting(&self.spool).await } else { Ok(entry) }
    }

    /// Says that a reply is not recorded. One that is too large is so by a setting; what there was no place for should
    /// have been recorded.
    fn lost(&self, case: &CaseState, key: &Key, kept: &Kept) {
        let options = &self.keeping.options;
        let why = match kept {
            Kept::All(_) => return,
            Kept::TooLarge => format!(
                "its reply is larger than {}: it is relayed and not recorded (--max-recording-size SIZE sets the limit)",
                options.max_size
            ),
            Kept::Lost(why) => format!("there is no place for it to wait: {why}"),
        };
        let note = self.keeping.writer.not_kept(key, &why);
        if let Kept::Lost(_) = kept {
            self.cases.failed(note.clone());
        }
        case.note(note);
    }

    fn let_go(&self, gone: &[Arc<Entry>]) {
        let why = format!(
            "more than {} wait for the end of their sessions or of the command; end sessions with POST \
             /session/NAME/finish",
            Size(MOST_WAITING as u64)
        );
        for entry in gone {
            let note = self.keeping.writer.not_kept(&entry.key, &why);
            self.cases.failed(note.clone());
            self.cases.nobody().note(note);
        }
    }
}

/// A reply of which only the end is known.
fn no_reply(end: End) -> exchange::Reply {
    exchange::Reply { status: 0, headers: Vec::new(), body: bytes::Bytes::new(), chunks: Vec::new(), end }
}

/// What was recorded in this run, as a live reply.
async fn again(entry: Arc<Entry>, speed: Option<f64>) -> Result<Reply, Error> {
    let read = tokio::task::spawn_blocking(move || entry.exchange()).await.map_err(std::io::Error::other);
    let exchange = read.flatten().map_err(|error| {
        Error::new(ErrorKind::Other, format!("what another case was just answered cannot be read: {error}"))
    })?;
    Ok(player::reply(&exchange.reply, speed))
}
