//! Asking the live upstream and keeping what happens, without holding it up.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::case::{CaseState, PlayedReply};
use super::cases::Cases;
use super::in_flight::{Entry, InFlight, LiveRequest, Turn};
use super::library::Library;
use super::plan::Trust;
use super::writer::{Batch, Writer};
use super::{Options, Staging, Verdict, player};
use crate::exchange::{self, ChunkMark, End, Exchange, Key, Origin, Secrets};
use crate::upstream::{Error, ErrorKind, ORIGIN_HEADER, Reply, Request, Shared};

/// Records what one live upstream answers.
pub(super) struct Recorder {
    live: Shared,
    in_flight: Arc<InFlight>,
    writer: Arc<Writer>,
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
    /// What must not be kept: what was declared, and the credentials that it carries.
    pub(super) secrets: Secrets,
}

/// What is larger is scrubbed on a thread of its own, so that nobody else waits.
const LARGE: usize = 64 << 10;

type Chunk = Result<Bytes, Error>;

impl Recorder {
    pub(super) fn new(
        live: Shared,
        library: Arc<Library>,
        cases: Arc<Cases>,
        options: Options,
        is_whole: bool,
    ) -> Self {
        let writer = Arc::new(Writer::new(library, options.secrets.clone(), cases));
        Recorder { live, in_flight: Arc::default(), writer, options, is_whole }
    }

    /// Answers a request: with what another case was just answered that asks the same, else from the live upstream.
    pub(super) async fn send(&self, asked: ToRecord) -> Result<Reply, Error> {
        let flight = match asked.case.case.as_deref() {
            None => self.in_flight.alone(None),
            Some(case) => loop {
                match self.in_flight.claim(case, &asked.key, asked.nth) {
                    Turn::Ask(flight) => break flight,
                    Turn::Answered(entry) => {
                        asked.case.set_played(|| PlayedReply {
                            chunks: entry.exchange.reply.chunks.clone(),
                            file: None,
                            origin: entry.exchange.origin,
                            is_edited: false,
                        });
                        self.keep_for_now(&asked.case, &entry).await;
                        return Ok(player::reply(&entry.exchange.reply, self.options.speed));
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
        tokio::spawn(self.relay().run(asked, flight, head));
        answered.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Other, "the task that records a reply panicked")))
    }

    fn relay(&self) -> Relay {
        Relay {
            live: Arc::clone(&self.live),
            keeping: Keeping {
                in_flight: Arc::clone(&self.in_flight),
                writer: Arc::clone(&self.writer),
                options: self.options.clone(),
            },
        }
    }

    async fn keep_for_now(&self, case: &Arc<CaseState>, entry: &Arc<Entry>) {
        self.relay().keeping.keep_for_now(case, entry).await;
    }

    /// Ends a case. What it recorded takes its place, stays where it waits for the end of a whole command, or goes.
    pub(super) async fn finish(&self, case: &Arc<CaseState>, verdict: Verdict) -> Vec<String> {
        let Some(id) = case.case.clone() else { return Vec::new() };
        let mut notes = Vec::new();
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
        keep(&self.writer, batch).await
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
async fn keep(writer: &Arc<Writer>, batch: Batch) -> Vec<String> {
    if batch.entries.is_empty() {
        return Vec::new();
    }
    let writer = Arc::clone(writer);
    let written = tokio::task::spawn_blocking(move || writer.keep(&batch)).await;
    written.unwrap_or_else(|error| vec![format!("could not write a recording: {error}")])
}

struct Relay {
    live: Shared,
    keeping: Keeping,
}

/// What becomes of a reply that is whole.
struct Keeping {
    in_flight: Arc<InFlight>,
    writer: Arc<Writer>,
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
        for note in keep(&self.writer, batch).await {
            case.note(note);
        }
        if is_session {
            self.in_flight.keep_for_now(&case.case, Arc::clone(entry));
        }
    }

    async fn has_older(&self, case: &Arc<CaseState>, entry: &Arc<Entry>) -> bool {
        let (writer, case, entry) = (Arc::clone(&self.writer), Arc::clone(case), Arc::clone(entry));
        let has = move || writer.has_own(&case, &entry);
        tokio::task::spawn_blocking(has).await.unwrap_or(true)
    }
}

impl Relay {
    async fn run(self, asked: ToRecord, mut flight: LiveRequest, head: oneshot::Sender<Result<Reply, Error>>) {
        let ToRecord { request, kept, key, nth, case, secrets } = asked;
        let options = &self.keeping.options;
        let start = Instant::now();
        let mut live = match self.live.send(request).await {
            Ok(reply) => reply,
            Err(error) => {
                drop(flight);
                // A client that is gone does not hear it.
                let _ = head.send(Err(Error::new(error.kind, secrets.text(&error.message))));
                return;
            }
        };
        let is_script = live.headers.remove(ORIGIN_HEADER).is_some_and(|value| value == "simulated");
        let (status, headers) = (live.status, live.headers.clone());
        let (client, body) = mpsc::unbounded_channel::<Chunk>();
        let body = stream::unfold(body, |mut body| async move { body.recv().await.map(|chunk| (chunk, body)) });
        let _ = head.send(Ok(Reply { status, headers: live.headers, body: body.boxed() }));

        let (bytes, chunks, end) = drain(live.body, &client, start).await;
        let reply = exchange::Reply {
            status: status.as_u16(),
            headers: player::header_pairs(&headers),
            body: bytes.into(),
            chunks,
            end,
        };
        let url = self.keeping.writer.library().url(&kept.endpoint);
        let origin = if is_script { Origin::Simulated } else { Origin::Real };
        let exchange = Exchange { request: kept, url, reply, recorded_at: Some((options.now)()), origin };
        let Some(exchange) = scrubbed(secrets, exchange).await else { return };
        let entry = Entry::new(key, nth, exchange);
        if case.case.is_some() || options.staging == Staging::Command {
            self.keeping.in_flight.stage(&case.case, Arc::clone(&entry));
        }
        flight.share(&entry);
        // Before the client sees the end: what it has whole, and what waits for nobody, is on disk.
        self.keeping.keep_for_now(&case, &entry).await;
        drop(flight);
        drop(client);
    }
}

/// The exchange as it is kept; `None` where that panicked, of which the panic itself told.
async fn scrubbed(secrets: Secrets, exchange: Exchange) -> Option<Exchange> {
    if exchange.reply.body.len() + exchange.request.body.len() <= LARGE {
        return Some(secrets.exchange(&exchange));
    }
    tokio::task::spawn_blocking(move || secrets.exchange(&exchange)).await.ok()
}

/// Reads a body to its end, hands each chunk on as it comes, and keeps it with its time.
async fn drain(
    mut body: stream::BoxStream<'static, Chunk>,
    client: &mpsc::UnboundedSender<Chunk>,
    start: Instant,
) -> (Vec<u8>, Vec<ChunkMark>, End) {
    let (mut bytes, mut chunks) = (Vec::new(), Vec::new());
    while let Some(chunk) = body.next().await {
        let at_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        // A client that is gone takes nothing more; the reply is drained all the same.
        let _ = client.send(chunk.clone());
        match chunk {
            Ok(chunk) => {
                chunks.push(ChunkMark { size: chunk.len(), at_ms });
                bytes.extend_from_slice(&chunk);
            }
            Err(error) => return (bytes, chunks, End::Broken(error.message)),
        }
    }
    (bytes, chunks, End::Complete)
}
