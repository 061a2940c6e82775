//! One request that is sent and recorded, even if its client leaves.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::case::CaseState;
use super::cases::Cases;
use super::ending::Ending;
use super::entry::Entry;
use super::in_flight::{InFlight, LiveRequest, MOST_WAITING};
use super::pipe::pipe;
use super::plan::Trust;
use super::relay::{Body, Kept, Relay, Relayed};
use super::size::Size;
use super::spool::Spool;
use super::writer::{Batch, Placed, Writer};
use super::{Options, Staging, player};
use crate::exchange::{self, End, Exchange, Key, Origin, Secrets};
use crate::upstream::{Error, ErrorKind, ORIGIN_HEADER, Reply, Request, Shared, is_misplaced};

/// How many KiB of replies are prepared and written at once. Each takes several times its size while it is scrubbed,
/// laid out and read back.
pub(super) const AT_ONCE: u32 = 8 << 10;
/// How many of these KiB a small reply counts: preparing it takes more memory than its bytes.
const LEAST: u32 = 64;
/// How many threads write at once. A folder has one writer at a time, and a thread for each waiting one would only take
/// memory.
pub(super) const WRITERS: usize = 2;
/// A reply of at most this many bytes is prepared on the thread that read it: handing it over would take longer.
const SMALL: usize = 64 << 10;

/// A request to be recorded.
pub(super) struct ToRecord {
    /// The request as it is sent.
    pub(super) request: Request,
    /// The request as it is recorded.
    pub(super) kept: Request,
    pub(super) key: Key,
    pub(super) nth: u32,
    pub(super) case: Arc<CaseState>,
    /// The secrets to remove: the declared ones, and the credentials in the request.
    pub(super) secrets: Secrets,
    /// Called when its client has left and has asked again.
    pub(super) asked_again: Arc<Ending>,
}

/// Writes a batch. That waits for the disk and for other processes, so it does not run on a thread that relays.
pub(super) async fn keep(writer: &Arc<Writer>, writers: &Semaphore, batch: Batch) -> Vec<String> {
    if batch.entries.is_empty() {
        return Vec::new();
    }
    let _turn = writers.acquire().await;
    let writer = Arc::clone(writer);
    let written = tokio::task::spawn_blocking(move || writer.keep(&batch)).await;
    written.unwrap_or_else(|error| vec![format!("could not write a recording: {error}")])
}

/// One request, sent and recorded even if its client leaves.
pub(super) struct Task {
    pub(super) live: Shared,
    pub(super) cases: Arc<Cases>,
    pub(super) spool: Arc<Spool>,
    pub(super) room: Arc<Semaphore>,
    pub(super) keeping: Keeping,
}

/// Handles a complete reply.
pub(super) struct Keeping {
    pub(super) in_flight: Arc<InFlight>,
    pub(super) writer: Arc<Writer>,
    pub(super) writers: Arc<Semaphore>,
    pub(super) options: Options,
}

impl Keeping {
    /// Writes an entry at once if it waits for no case, session or command. A server's session may never be finished,
    /// so its entries are written too, unless they replace something older.
    pub(super) async fn keep_for_now(&self, case: &Arc<CaseState>, entry: &Arc<Entry>) {
        let is_session = case.case.is_some();
        let staged = match self.options.staging {
            Staging::Case => is_session,
            Staging::Command => true,
            Staging::Server => is_session && self.has_older(case, entry).await,
        };
        if staged {
            return;
        }
        // What later becomes of the other places is not known: the entry keeps its own.
        let asked =
            case.settled(&self.writer.library().count_name(&entry.key), entry.nth).map_or(0, |(asked, _)| asked);
        let entries = vec![Placed { entry: Arc::clone(entry), nth: entry.nth, asked }];
        let batch = Batch { case: Arc::clone(case), entries, trust: Trust::Unknown, is_whole: false };
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
    pub(super) async fn run(
        self,
        asked: ToRecord,
        mut flight: LiveRequest,
        mut head: oneshot::Sender<Result<Reply, Error>>,
    ) {
        let ToRecord { request, kept, key, nth, case, secrets, asked_again } = asked;
        let options = &self.keeping.options;
        let start = Instant::now();
        let mut live = match self.ask(request, &mut head, (&case, &key, &asked_again)).await {
            Ok(reply) => reply,
            Err(error) => {
                drop(flight);
                // A client that has left does not receive it.
                let _ = head.send(Err(Error::new(error.kind, secrets.text(&error.message))));
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
        if status == StatusCode::NOT_FOUND && is_misplaced(&kept.endpoint) {
            return case.note(self.keeping.writer.not_kept(&key, &misplaced(&kept.endpoint)));
        }
        let reply =
            exchange::Reply { status: status.as_u16(), headers: player::header_pairs(&headers), ..no_reply(end) };
        let url = self.keeping.writer.library().url(&kept.endpoint);
        let origin = if is_script { Origin::Simulated } else { Origin::Real };
        let exchange = Exchange { request: kept, url, reply, recorded_at: Some((options.now)()), origin };
        let _room = self.room(taken.size()).await;
        let key_of = key.clone();
        let made = self.made_ready(key, nth, (exchange, secrets), taken, &case).await;
        let entry = match made {
            Ok(mut entry) => {
                entry.is_cut = is_cut;
                Arc::new(entry)
            }
            Err(kept) => return self.lost(&case, &key_of, &kept),
        };
        if asked_again.is_called() {
            return;
        }
        if self.waits(&case) {
            let gone = self.keeping.in_flight.stage(&case.case, Arc::clone(&entry));
            self.let_go(&gone);
        }
        flight.share(&entry);
        // This comes before the client sees the end: a reply that the client has completely is on disk, if it waits for
        // no case.
        self.keeping.keep_for_now(&case, &entry).await;
        drop(flight);
        drop(client);
    }

    /// Sends the request to the live upstream, as long as somebody wants the reply.
    async fn ask(
        &self,
        request: Request,
        head: &mut oneshot::Sender<Result<Reply, Error>>,
        (case, key, asked_again): (&CaseState, &Key, &Ending),
    ) -> Result<Reply, Error> {
        tokio::select! {
            biased;
            // The reply to the retry is recorded in its place: nothing is lost.
            () = asked_again.called() => Err(Error::new(ErrorKind::Other, "its client had left and asked again")),
            why = self.unwanted(head, case) => {
                case.note(self.keeping.writer.not_kept(key, why));
                Err(Error::new(ErrorKind::Other, why))
            }
            answered = self.live.send(request) => answered,
        }
    }

    /// Waits until nobody wants the head of the reply any more, and returns the reason.
    async fn unwanted(&self, head: &mut oneshot::Sender<Result<Reply, Error>>, case: &CaseState) -> &'static str {
        let alone = async {
            head.closed().await;
            tokio::time::sleep(self.keeping.options.patience).await;
        };
        tokio::select! {
            biased;
            () = self.cases.ending.called() => "retake was told to end before there was a reply",
            () = case.ending.called() => "the case or session that had asked for it did not end well",
            () = alone => "its client had left, and there was no reply in time",
        }
    }

    fn waits(&self, case: &CaseState) -> bool {
        case.case.is_some() || self.keeping.options.staging == Staging::Command
    }

    /// Waits until there is room to prepare one more reply.
    async fn room(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(size >> 10).unwrap_or(AT_ONCE).clamp(LEAST, AT_ONCE);
        Arc::clone(&self.room).acquire_many_owned(wanted).await.ok()
    }

    /// The exchange with its body, as it is recorded.
    async fn made_ready(
        &self,
        key: Key,
        nth: u32,
        (mut exchange, secrets): (Exchange, Secrets),
        body: Box<Body>,
        case: &CaseState,
    ) -> Result<Entry, Kept> {
        let (size, is_shared, most) = (body.size(), case.case.is_some(), self.keeping.options.most_in_memory.0);
        let cases = Arc::clone(&self.cases);
        let make = move || {
            let reply = &mut exchange.reply;
            if size as u64 > most {
                let (large, chunks) = body.in_place().map_err(lost)?;
                (reply.large, reply.chunks) = (Some(large), chunks);
                let secret = secrets.find_in_large(&exchange, || cases.ending.is_called());
                if let Some(secret) = secret.map_err(no_time_or_lost)? {
                    return Err(Kept::Refused(format!(
                        "its reply holds a secret ({secret}), which cannot be replaced in a reply of more than {}",
                        Size(most)
                    )));
                }
            } else {
                let (bytes, chunks) = body.read().map_err(lost)?;
                drop(body);
                (reply.body, reply.chunks) = (bytes.into(), chunks);
            }
            let entry = Entry::new(key, nth, secrets.exchange(&exchange));
            Ok(if is_shared { entry.shared() } else { entry })
        };
        let entry = match size <= SMALL {
            true => make()?,
            false => tokio::task::spawn_blocking(make).await.map_err(lost)??,
        };
        if self.waits(case) { entry.waiting(&self.spool).await.map_err(lost) } else { Ok(entry) }
    }

    /// Notes that a reply is not recorded. One that is too large is not recorded by choice; one for which there was no
    /// room should have been.
    fn lost(&self, case: &CaseState, key: &Key, kept: &Kept) {
        let options = &self.keeping.options;
        let why = match kept {
            Kept::All(_) => return,
            Kept::TooLarge => format!(
                "its reply is larger than {}: it is relayed and not recorded (--max-recording-size SIZE sets the limit)",
                options.max_size
            ),
            Kept::Lost(why) => format!("its bytes cannot be held until it is written: {why}"),
            Kept::Refused(why) => why.clone(),
            Kept::NoTime => "retake was told to end before its reply was searched for secrets".to_owned(),
        };
        let note = self.keeping.writer.not_kept(key, &why);
        if let Kept::Lost(_) | Kept::Refused(_) = kept {
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

/// Why the 404 for a path that no API can have is not recorded.
fn misplaced(endpoint: &str) -> String {
    let path = endpoint.split('?').next().unwrap_or_default();
    format!("the provider does not know {path}, in which the version is missing or stands twice")
}

fn no_time_or_lost(error: std::io::Error) -> Kept {
    if error.kind() == std::io::ErrorKind::Interrupted { Kept::NoTime } else { lost(error) }
}

/// The bytes are lost.
fn lost(error: impl std::fmt::Display) -> Kept {
    Kept::Lost(error.to_string())
}

/// A reply of which only the end is known.
fn no_reply(end: End) -> exchange::Reply {
    exchange::Reply { status: 0, headers: Vec::new(), body: bytes::Bytes::new(), large: None, chunks: Vec::new(), end }
}
