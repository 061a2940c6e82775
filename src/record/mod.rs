//! Recordings on disk as upstreams: library, recorder, player, mode.
//!
//! A [`Tape`] stands between the gateway and one provider. What it does with a request is its [`Mode`]'s decision,
//! made once, where the program is wired.
//!
//! Within one case, the first request of a kind gets the first recorded reply, the second one the second, and so on.
//! Requests of no case share one count. While recording, the same request of another case in the same run is answered
//! with what was just recorded for the first, so that cases which share recordings see the same replies in the run
//! that records them as in every later one.

mod cache;
mod count;
mod faults;
mod journal;
mod keep;
mod library;
mod miss;
mod mode;
mod path;
mod play;
mod pool;
mod recall;
mod record;

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

pub use faults::Faults;
pub use journal::{Journal, Miss, OfCase};
pub use library::{Library, Summary};
pub use mode::Mode;

use crate::exchange::{self, Auth, Key, Secrets, What};
use crate::upstream::{Error, ErrorKind, Reply, Request, Shared, Upstream};
use cache::Take;
use count::Counts;
use record::Recorder;

/// Makes the command that records what a case asks.
pub type Command = Arc<dyn Fn(Option<&str>) -> String + Send + Sync>;

/// What a tape is told besides its mode and its folder.
#[derive(Clone)]
pub struct Options {
    /// Values that must not be kept.
    pub secrets: Secrets,
    /// Multiple of the recorded pace at which replies are played; `None` plays them at once.
    pub speed: Option<f64>,
    /// Whether what a case records waits until [`Tape::finish_case`] says how the case went. Otherwise, and for
    /// requests of no case, each exchange is written when it ends.
    pub staged: bool,
    /// The provider's key variable, when it has one and it is not set.
    pub missing_key: Option<String>,
    /// The time, RFC 3339 in UTC, for `recorded_at`.
    pub now: Arc<dyn Fn() -> String + Send + Sync>,
    /// The command that records what a case asks; `None` stands for requests of no case.
    pub command: Command,
    /// Where what happens is written down.
    pub journal: Arc<Journal>,
    /// What is to go wrong.
    pub faults: Arc<Faults>,
    /// Replies written by hand: a request that this knows is answered by it, in every mode, and is not recorded.
    pub by_hand: Option<Shared>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            secrets: Secrets::default(),
            speed: None,
            staged: true,
            missing_key: None,
            now: Arc::new(|| jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string()),
            command: Arc::new(|case| match case {
                Some(case) => format!("retake test --mode record -k '{case}'"),
                None => "retake serve --mode record".to_owned(),
            }),
            journal: Arc::default(),
            faults: Arc::default(),
            by_hand: None,
        }
    }
}

/// An upstream for one provider, in one mode.
pub struct Tape {
    mode: Mode,
    library: Arc<Library>,
    live: Option<Shared>,
    recorder: Option<Recorder>,
    counts: Counts,
    options: Options,
}

/// Wires a tape. In replay `live` is let go of at once: nothing can reach the network.
pub fn wire(mode: Mode, library: Library, live: Option<Shared>, mut options: Options) -> Tape {
    let library = Arc::new(library);
    // A header that counts must be kept: otherwise a recording would never be asked for again.
    options.secrets = options.secrets.keeping(&library.rules().match_headers);
    let live = live.filter(|_| mode != Mode::Replay);
    let recorder = live
        .clone()
        .filter(|_| matches!(mode, Mode::Record | Mode::RecordIfMissing))
        .map(|live| Recorder::new(live, Arc::clone(&library), options.clone()));
    Tape { mode, library, live, recorder, counts: Counts::default(), options }
}

impl Tape {
    /// What is written down of this tape, and of the others that share its journal.
    pub fn journal(&self) -> &Journal {
        &self.options.journal
    }

    /// What is to go wrong with it, and with the others that share its faults.
    pub fn faults(&self) -> &Faults {
        &self.options.faults
    }

    /// Its folder.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Ends a case: what it recorded is written when it `passed`, and dropped otherwise; its counts begin anew. Waits
    /// for replies that still arrive. Returns why old recordings were kept or new ones not written; those of these
    /// reasons that are faults are in [`Journal::failures`] too.
    pub async fn finish_case(&self, case: &str, passed: bool) -> Vec<String> {
        let notes = match &self.recorder {
            Some(recorder) => recorder.finish_case(case, passed).await,
            None => Vec::new(),
        };
        self.counts.forget(case);
        notes
    }

    /// Waits until every reply that still arrives is whole and, where it does not wait for its case, written.
    pub async fn settle(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.settle().await;
        }
    }

    async fn answer(&self, request: Request) -> Result<Reply, Error> {
        let case = request.case.clone();
        match self.options.faults.next(case.as_deref()) {
            None => self.answer_well(request).await,
            Some(What::Reset) => Err(Error::new(ErrorKind::Broken, exchange::BROKEN_ON_PURPOSE)),
            Some(What::Status { code, retry_after }) => Ok(play::refusal(code, retry_after)),
            Some(what) => {
                let whole = play::whole(self.answer_well(request).await?).await;
                // How long it takes now is of the fault, and no longer of the recording.
                case.as_deref().map(|case| self.options.journal.take_pace(case));
                Ok(play::reply(&exchange::faulted(&whole, &what, self.options.speed), Some(1.0)))
            }
        }
    }

    async fn answer_well(&self, request: Request) -> Result<Reply, Error> {
        if let Some(by_hand) = &self.options.by_hand {
            match by_hand.send(request.clone()).await {
                Err(error) if error.kind == ErrorKind::NoRule => {}
                answer => return answer,
            }
        }
        if self.mode == Mode::Live {
            return self.live()?.send(request).await;
        }
        let known = if self.mode == Mode::Record { None } else { self.library.recall.get(&request, Instant::now()) };
        if let Some(known) = known {
            let nth = self.counts.claim(request.case.as_deref(), &known.key.name);
            if let Some(take) = pick(&known.takes, nth, request.case.is_some()) {
                // Of no case, one reply to one request needs no second note.
                if request.case.is_some() || known.takes.len() > 1 || known.is_new() {
                    self.note(&request, take);
                }
                return Ok(play::reply(&take.loaded.recording.exchange.reply, self.options.speed));
            }
            let kept = self.options.secrets.request(&request);
            return self.answer_nth(request, &kept, &known.key, nth).await;
        }
        // Keys match after scrubbing, because that is what the files hold.
        let kept = self.options.secrets.request(&request);
        let key = self.library.key(&kept);
        let nth = self.counts.claim(request.case.as_deref(), &key.name);
        self.answer_nth(request, &kept, &key, nth).await
    }

    async fn answer_nth(&self, request: Request, kept: &Request, key: &Key, nth: u32) -> Result<Reply, Error> {
        let answer = self.find(request, kept, key, nth).await;
        if answer.is_err() {
            self.counts.release(kept.case.as_deref(), &key.name);
        }
        answer
    }

    async fn find(&self, request: Request, kept: &Request, key: &Key, nth: u32) -> Result<Reply, Error> {
        let mut takes = Vec::new();
        if self.mode != Mode::Record {
            let looked = Instant::now();
            takes = self.library.takes(key, kept)?;
            if let Some(take) = pick(&takes, nth, request.case.is_some()) {
                self.note(&request, take);
                let reply = play::reply(&take.loaded.recording.exchange.reply, self.options.speed);
                self.library.recall.put(&request, key.clone(), takes, looked);
                return Ok(reply);
            }
        }
        if self.mode == Mode::Replay || self.lacks_key(&request) {
            return Err(self.miss(kept, key, nth, &takes));
        }
        let recorder = self.recorder.as_ref().ok_or_else(|| self.no_live())?;
        recorder.send(request, kept, key, nth).await
    }

    fn note(&self, request: &Request, take: &Take) {
        let exchange = &take.loaded.recording.exchange;
        self.options.journal.played(request.case.as_deref(), &take.path, exchange.origin);
        self.options.journal.paced(request.case.as_deref(), &exchange.reply);
    }

    fn lacks_key(&self, request: &Request) -> bool {
        self.mode == Mode::RecordIfMissing && request.auth == Auth::Provider && self.options.missing_key.is_some()
    }

    fn miss(&self, kept: &Request, key: &Key, nth: u32, takes: &[Take]) -> Error {
        let command = (self.options.command)(kept.case.as_deref());
        let used = kept.case.as_deref().map(|case| self.options.journal.used(case)).unwrap_or_default();
        let asked = miss::Missed { library: &self.library, request: kept, key, nth, takes, used: &used };
        let (kind, mut message) = asked.said(&command);
        if let Some(variable) = self.options.missing_key.as_ref().filter(|_| self.mode == Mode::RecordIfMissing) {
            message.push_str(&format!(
                "\n  in mode record-if-missing it would be recorded now, but {variable} is not set: set {variable}, or \
                 get the recording from someone who can"
            ));
        }
        let message = self.options.secrets.text(&message);
        self.options.journal.missed(Miss {
            case: kept.case.clone(),
            kind,
            name: key.name.clone(),
            message: message.clone(),
        });
        Error::new(kind, message)
    }

    fn live(&self) -> Result<&Shared, Error> {
        self.live.as_ref().ok_or_else(|| self.no_live())
    }

    fn no_live(&self) -> Error {
        Error::new(ErrorKind::Other, format!("mode {} was wired without a live upstream", self.mode))
    }
}

impl Upstream for Tape {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        self.answer(request).boxed()
    }
}

/// The recorded reply to the `nth` equal request. Without a case there is no end of which to speak: where only one
/// reply is known, it is given again.
fn pick(takes: &[Take], nth: u32, has_case: bool) -> Option<&Take> {
    use crate::exchange::Times;
    let mut before = 0_u32;
    for take in takes {
        match keep::times_of(&take.loaded.recording) {
            Times::Any => return Some(take),
            Times::Count(times) => before = before.saturating_add(times),
        }
        if nth <= before {
            return Some(take);
        }
    }
    match takes {
        [only] if !has_case => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
