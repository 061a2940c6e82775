//! Asking the live upstream and keeping what happens, without holding it up.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::keep::{self, Keeper};
use super::library::Library;
use super::pool::{Claim, Entry, Flight, Pool};
use super::{Options, play};
use crate::exchange::{self, ChunkMark, End, Exchange, Key, Origin};
use crate::upstream::{Error, ErrorKind, ORIGIN_HEADER, Reply, Request, Shared};

/// Records what one live upstream answers.
pub(super) struct Recorder {
    live: Shared,
    pool: Arc<Pool>,
    keeper: Arc<Keeper>,
    options: Options,
}

/// What is known of an exchange before its reply.
struct Asked {
    kept: Request,
    url: String,
    key: Key,
    nth: u32,
}

type Chunk = Result<Bytes, Error>;

impl Recorder {
    pub(super) fn new(live: Shared, library: Arc<Library>, options: Options) -> Self {
        let keeper = Keeper::new(library, options.secrets.clone(), Arc::clone(&options.journal));
        Recorder { live, pool: Arc::default(), keeper: Arc::new(keeper), options }
    }

    /// Answers the `nth` request of this key in its case.
    pub(super) async fn send(&self, request: Request, kept: &Request, key: &Key, nth: u32) -> Result<Reply, Error> {
        let flight = match request.case.as_deref().filter(|_| self.options.staged) {
            None => self.pool.depart(request.case.as_deref()),
            Some(case) => loop {
                match self.pool.claim(case, key, nth) {
                    Claim::Go(flight) => break flight,
                    Claim::Answered(entry) => {
                        self.options.journal.paced(Some(case), &entry.exchange.reply);
                        return Ok(play::reply(&entry.exchange.reply, self.options.speed));
                    }
                    Claim::Wait => {
                        if !self.pool.wait_until(|pool| pool.is_landed(key, nth)).await {
                            let message = "another case asks the same and gets no end of its reply";
                            return Err(Error::new(ErrorKind::Timeout, message));
                        }
                    }
                }
            },
        };
        let url = self.options.secrets.text(&self.keeper.library().url(&kept.endpoint));
        let asked = Asked { kept: kept.clone(), url, key: key.clone(), nth };
        self.relay(request, asked, flight).await
    }

    /// Asks in a task of its own: a client that goes away ends neither the request nor the recording.
    async fn relay(&self, request: Request, asked: Asked, flight: Flight) -> Result<Reply, Error> {
        let (head, answered) = oneshot::channel();
        let task = Relay {
            live: Arc::clone(&self.live),
            keeper: Arc::clone(&self.keeper),
            options: self.options.clone(),
            asked,
        };
        tokio::spawn(task.run(request, flight, head));
        answered.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Other, "the task that records a reply panicked")))
    }

    pub(super) async fn finish_case(&self, case: &str, passed: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.pool.wait_until(|pool| pool.is_calm(Some(case))).await {
            notes.push("a reply had not ended when its case was over: it is not recorded".to_owned());
        }
        if !passed {
            let entries = self.pool.take_failed(case);
            notes.extend(entries.iter().map(|entry| self.keeper.not_kept(&entry.key.name)));
            notes.dedup();
            return notes;
        }
        let mut by_key: BTreeMap<Key, Vec<Arc<Entry>>> = BTreeMap::new();
        for entry in self.pool.take_passed(case) {
            by_key.entry(entry.key.clone()).or_default().push(entry);
        }
        for entries in by_key.into_values() {
            notes.extend(keep(&self.keeper, Some(case), entries).await);
        }
        notes
    }

    pub(super) async fn settle(&self) {
        self.pool.wait_until(|pool| pool.is_calm(None)).await;
    }
}

/// Writing waits for the disk and for other processes, so not on a thread that relays.
async fn keep(keeper: &Arc<Keeper>, case: Option<&str>, entries: Vec<Arc<Entry>>) -> Vec<String> {
    let (writer, case) = (Arc::clone(keeper), case.map(str::to_owned));
    let written = tokio::task::spawn_blocking(move || writer.keep(case.as_deref(), &entries)).await;
    written.unwrap_or_else(|error| {
        let message = format!("could not write a recording: {error}");
        keeper.journal().failed(message.clone());
        vec![message]
    })
}

struct Relay {
    live: Shared,
    keeper: Arc<Keeper>,
    options: Options,
    asked: Asked,
}

impl Relay {
    async fn run(self, request: Request, mut flight: Flight, head: oneshot::Sender<Result<Reply, Error>>) {
        let case = request.case.clone();
        let at_once = request.case.is_none() || !self.options.staged;
        let start = Instant::now();
        let mut live = match self.live.send(request).await {
            Ok(reply) => reply,
            Err(error) => {
                drop(flight);
                // A client that is gone does not hear it.
                let _ = head.send(Err(Error::new(error.kind, self.options.secrets.text(&error.message))));
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
            headers: keep::header_pairs(&headers),
            body: bytes.into(),
            chunks,
            end,
        };
        let Asked { kept, url, key, nth } = self.asked;
        let exchange = Exchange {
            request: kept,
            url,
            reply,
            recorded_at: Some((self.options.now)()),
            origin: if is_script { Origin::Simulated } else { Origin::Real },
        };
        let entry = flight.land(key, nth, self.options.secrets.exchange(&exchange));
        if at_once {
            // Before the client sees the end: what it has whole, is on disk.
            for note in keep(&self.keeper, case.as_deref(), vec![entry]).await {
                self.keeper.say(&note);
            }
        }
        drop(flight);
        drop(client);
    }
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
