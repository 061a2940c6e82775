//! An upstream for one provider, in one mode.

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::case::{CaseState, Claim, Miss, PlayedReply, Usage};
use super::cases::Cases;
use super::figures::{Counter, Figures};
use super::file_cache::Found;
use super::library::Library;
use super::miss;
use super::mode::Mode;
use super::order::{Answer, Asker, answer};
use super::player;
use super::recorder::Recorder;
use super::request_cache::Analysed;
use super::task::ToRecord;
use super::unanswered::{Lost, RequestOfCase, Unanswered};
use super::view::View;
use super::{Options, Staging, Verdict};
use crate::exchange::{self, Auth, Key, Secrets, What, trouble};
use crate::upstream::{Error, ErrorKind, Reply, Request, Shared, Switched, Upstream};

/// An upstream for one provider, in one mode.
pub struct Tape {
    mode: Mode,
    library: Arc<Library>,
    live: Option<Shared>,
    recorder: Option<Recorder>,
    pub(super) cases: Arc<Cases>,
    pub(super) counter: Counter,
    unanswered: Unanswered,
    options: Options,
}

/// Makes a single tape. In replay, `live` is dropped at once: nothing can reach the network.
pub fn wire(mode: Mode, library: Library, live: Option<Shared>, options: Options) -> Tape {
    Tape::new(mode, library, live, options, Arc::default())
}

/// An analysed request.
struct Understood {
    request: Request,
    /// The request as it is recorded: keys are made after scrubbing, because the files hold scrubbed requests.
    kept: Request,
    key: Key,
    nth: u32,
    view: Arc<View>,
    case: Arc<CaseState>,
    /// The secrets that must not be recorded of it and of its reply.
    secrets: Secrets,
}

/// A larger body is analysed on a thread of its own, so that no other request waits.
const LARGE: usize = 64 << 10;

/// What the recordings have for a request.
enum Played {
    Reply(Arc<Found>),
    /// No reply; the files have equal requests.
    Nothing(Vec<Arc<Found>>),
    /// A recorded error that may pass, which no case expects, and its description.
    Passing(Arc<Found>, String),
}

/// Who answered a request.
#[derive(Clone)]
pub enum Source {
    /// A recording.
    Recording(Playing),
    /// The provider; in a mode that records, its reply is kept.
    Provider,
    /// A fault or a script.
    Made,
}

/// A recording that answers.
#[derive(Clone)]
pub struct Playing(Arc<Found>);

impl Playing {
    /// What is known of its reply.
    pub fn reply(&self) -> PlayedReply {
        let exchange = &self.0.recording.exchange;
        PlayedReply {
            chunks: exchange.reply.chunks.clone(),
            file: Some(self.0.path.clone()),
            origin: exchange.origin,
            recorded_at: exchange.recorded_at.clone(),
            is_edited: self.0.recording.is_edited(),
        }
    }
}

impl Tape {
    pub(super) fn new(
        mode: Mode,
        library: Library,
        live: Option<Shared>,
        mut options: Options,
        cases: Arc<Cases>,
    ) -> Self {
        let library = Arc::new(library);
        // A header that is part of the match key must be recorded: otherwise the recording would never match again.
        options.secrets = options.secrets.keeping(&library.rules().match_headers);
        let live = live.filter(|_| mode != Mode::Replay);
        let is_whole = mode == Mode::Record;
        let recorder = live
            .clone()
            .filter(|_| matches!(mode, Mode::Record | Mode::RecordIfMissing))
            .map(|live| Recorder::new(live, Arc::clone(&library), Arc::clone(&cases), options.clone(), is_whole));
        let (counter, unanswered) = Default::default();
        Tape { mode, library, live, recorder, cases, counter, unanswered, options }
    }

    /// The recordings of its provider.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Ends a case of this tape alone, and returns the outcome. A [`super::TapeSet`] ends it for all its tapes.
    pub async fn finish_case(&self, case: &str, verdict: Verdict) -> Usage {
        let state = self.cases.of(Some(case));
        self.settle_case(&state, verdict).await;
        self.cases.end(case);
        state.take_usage()
    }

    /// Waits for the replies of a case that still arrive, then writes or drops its recordings.
    pub(super) async fn settle_case(&self, case: &Arc<CaseState>, verdict: Verdict) {
        if let Some(recorder) = &self.recorder {
            for note in recorder.finish(case, verdict).await {
                case.note(note);
            }
        }
        if verdict == Verdict::Failed {
            self.unanswered.forget(case.case.as_deref());
        }
    }

    /// Ends all cases, sessions and requests that have not ended yet, with this `verdict`; `why` tells users why
    /// recordings are not kept.
    pub async fn conclude(&self, verdict: Verdict, why: &str) {
        if let Some(recorder) = &self.recorder {
            for note in recorder.conclude(&self.cases, verdict, why).await {
                self.cases.nobody().note(note);
            }
        }
    }

    /// Messages about requests of a run that records to which no reply came, and which replay would miss: the run fails.
    /// Reads files.
    pub(super) fn unanswered(&self) -> Vec<String> {
        let said = self.unanswered.take(&self.library);
        said.iter().for_each(|why| self.cases.failed(why.clone()));
        said
    }

    /// What the run did for its provider, in numbers.
    pub fn figures(&self) -> Figures {
        let mut figures = self.counter.figures(&self.library);
        self.cases.count_files(&mut figures);
        figures
    }

    /// The live requests under way, for people.
    pub(super) fn under_way(&self) -> Vec<String> {
        self.recorder.as_ref().map(Recorder::under_way).unwrap_or_default()
    }

    /// Whether a recording waits for the end of this case.
    pub(super) fn waits_for(&self, case: &str) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| recorder.waits_for(case))
    }

    /// Waits until all replies that still arrive are complete and, if they wait for no case, written.
    pub async fn settle(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.calm().await;
        }
    }

    /// Recordings that should have been made or written but could not be: such a run must fail.
    pub fn failures(&self) -> Vec<String> {
        self.cases.failures()
    }

    /// The new notes on why recordings of requests without a case were not written or replaced.
    pub fn take_notes(&self) -> Vec<String> {
        self.cases.nobody().take_notes()
    }

    /// The requests of a case, or of none, that no recording answers.
    pub fn misses(&self, case: Option<&str>) -> Vec<Miss> {
        match case {
            None => self.cases.nobody().misses(),
            Some(case) => self.cases.running(case).map(|case| case.misses()).unwrap_or_default(),
        }
    }

    /// Answers a request, and says who did.
    pub async fn answer(&self, request: Request) -> Result<(Source, Reply), Error> {
        self.counter.asked();
        let case = self.cases.of(request.case.as_deref());
        match case.next_fault() {
            None => self.answer_well(request, case).await,
            Some(What::Reset) => Err(Error::new(ErrorKind::Broken, exchange::BROKEN_ON_PURPOSE)),
            Some(What::Status { code, retry_after }) => Ok((Source::Made, player::refusal(code, retry_after))),
            Some(what) => {
                let (_, reply) = self.answer_well(request, Arc::clone(&case)).await?;
                let whole = player::whole(reply, self.options.most_in_memory).await;
                // The timing now comes from the fault, not from the recording.
                case.take_played();
                Ok((Source::Made, player::reply(&exchange::faulted(&whole, &what, self.options.speed), Some(1.0))))
            }
        }
    }

    async fn answer_well(&self, request: Request, case: Arc<CaseState>) -> Result<(Source, Reply), Error> {
        if let Some(by_hand) = &self.options.by_hand {
            match by_hand.send(request.clone()).await {
                Err(error) if error.kind == ErrorKind::NoRule => {}
                answer => return answer.map(|reply| (Source::Made, reply)),
            }
        }
        if self.mode == Mode::Live {
            self.counter.sent_unrecorded();
            return self.live()?.send(request).await.map(|reply| (Source::Provider, reply));
        }
        let view = self.library.view(case.masks());
        let is_known = self.mode != Mode::Record && view.is_plain();
        let known = is_known.then(|| self.library.request_cache.get(&request)).flatten();
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh(Instant::now())) {
            let Analysed { count_name: name, files, .. } = &known.analysed;
            let nth = case.next_nth(name);
            if let Played::Reply(found) = self.played(&case, files, nth) {
                // Without a case, a single reply to a request needs only one note.
                if case.case.is_some() || files.len() > 1 || known.is_new() {
                    self.note(&case, &found);
                }
                return Ok(self.replayed(&found));
            }
            case.release(name, nth, None);
        }
        let key = known.map(|known| known.analysed.key.clone());
        let (kept, key, secrets) = self.understood(&request, &view, key).await?;
        self.cases.masked(&view.rules, &kept.endpoint, &key);
        let mut claim = Claim::of(&case, self.library.count_name(&key));
        let nth = claim.nth;
        let reply = self.find(Understood { request, kept, key, nth, view, case, secrets }, &mut claim).await;
        claim.end(reply)
    }

    /// The request as it is recorded, its key, and the secrets to remove from its reply.
    async fn understood(
        &self,
        request: &Request,
        view: &Arc<View>,
        key: Option<Key>,
    ) -> Result<(Request, Key, Secrets), Error> {
        let is_large = request.body.len() > LARGE;
        let (secrets, library) = (self.options.secrets.clone(), Arc::clone(&self.library));
        let (request, view) = (request.clone(), Arc::clone(view));
        let understand = move || {
            let secrets = secrets.of(&request).into_owned();
            let kept = secrets.request(&request);
            let key = key.unwrap_or_else(|| library.key_under(&view.rules, &kept));
            (kept, key, secrets)
        };
        if is_large { blocking(understand).await } else { Ok(understand()) }
    }

    /// Notes, once for each secret, that a recording is found only with the value of that secret.
    fn say_what_it_depends_on(&self, asked: &Understood) {
        let Understood { request, kept, .. } = asked;
        // Requests of a suite contain `$VARIABLE` itself if a secret is not set.
        if self.options.staging == Staging::Case || request.body == kept.body && request.endpoint == kept.endpoint {
            return;
        }
        let Some(variable) = self.options.secrets.find_in_request(request) else { return };
        if self.cases.is_first_with(variable) {
            self.cases.nobody().note(format!(
                "{} {} holds the value of {variable}: its recording is replayed only where {variable} has this \
                 value, in place of which the file has ${variable}",
                kept.method, kept.endpoint
            ));
        }
    }

    async fn find(&self, asked: Understood, claim: &mut Claim) -> Result<(Source, Reply), Error> {
        let mut files = Vec::new();
        if self.mode != Mode::Record {
            match self.look(&asked).await? {
                Played::Reply(found) => return Ok(self.replayed(&found)),
                Played::Nothing(known) => files = known,
                Played::Passing(found, why) => {
                    if self.lacks_key(&asked.request) {
                        self.note(&asked.case, &found);
                        return Ok(self.replayed(&found));
                    }
                    asked
                        .case
                        .note(format!("{}: asked again, because {why} when it was recorded", found.path.display()));
                }
            }
        }
        if self.mode == Mode::Replay || self.lacks_key(&asked.request) {
            return Err(self.miss(asked, files).await);
        }
        let recorder = self.recorder.as_ref().ok_or_else(|| self.no_live())?;
        self.say_what_it_depends_on(&asked);
        let Understood { request, kept, key, nth, case, secrets, view } = asked;
        let which = RequestOfCase { case: case.case.clone(), name: self.library.count_name(&key), nth };
        self.unanswered.add(which.clone(), Lost::of(kept.clone(), view));
        // If the client leaves, this ends here, and the recorder goes on.
        let asked_again = claim.asked_again();
        let answered = recorder.send(ToRecord { request, kept, key, nth, case, secrets, asked_again }).await;
        self.counter.sent(&answered);
        match &answered {
            Err(error) if error.kind.may_pass() => self.unanswered.because(&which, &error.message),
            _ => self.unanswered.remove(&which),
        }
        answered.map(|reply| (Source::Provider, reply))
    }

    /// Looks for the recording that answers a request. Work that may take long runs on a thread of its own, so that no
    /// other request waits.
    async fn look(&self, asked: &Understood) -> Result<Played, Error> {
        let looked = Instant::now();
        let files = match self.library.answers_at_hand(&asked.view, &asked.key, &asked.kept) {
            Some(files) => files,
            None => {
                let (library, view) = (Arc::clone(&self.library), Arc::clone(&asked.view));
                let (kept, key) = (asked.kept.clone(), asked.key.clone());
                blocking(move || library.answers(&view, &key, &kept)).await??
            }
        };
        let played = self.played(&asked.case, &files, asked.nth);
        if let Played::Reply(found) = &played {
            self.note(&asked.case, found);
            if asked.view.is_plain() {
                self.library.request_cache.put(&asked.request, looked, || {
                    let (key, count_name) = (asked.key.clone(), self.library.count_name(&asked.key));
                    Analysed { key, count_name, files }
                });
            }
        }
        Ok(played)
    }

    fn played(&self, case: &CaseState, files: &[Arc<Found>], nth: u32) -> Played {
        let provider = self.library.provider();
        // Requests without a case follow no lender.
        let lender = case.label.as_ref().and_then(|_| case.lender(provider));
        let asker = Asker { label: case.label.as_deref(), provider, nth, lender: lender.as_deref() };
        match answer(files, &asker) {
            Answer::File { at, lender } => {
                if let Some(lender) = lender.filter(|_| case.case.is_some()) {
                    case.lent_by(provider, lender);
                }
                let found = Arc::clone(&files[at]);
                let is_passing = self.mode == Mode::RecordIfMissing && !found.is_expected();
                match is_passing.then(|| trouble(&found.recording.exchange.reply)).flatten() {
                    Some(why) => Played::Passing(found, why),
                    None => Played::Reply(found),
                }
            }
            Answer::NoReply { .. } | Answer::Unknown => Played::Nothing(files.to_vec()),
        }
    }

    fn replayed(&self, found: &Arc<Found>) -> (Source, Reply) {
        (Source::Recording(Playing(Arc::clone(found))), found.reply(self.options.speed))
    }

    fn note(&self, case: &CaseState, found: &Arc<Found>) {
        case.used(&found.path);
        case.set_played(|| Playing(Arc::clone(found)).reply());
        self.cases.played(&found.path, &found.recording);
    }

    fn lacks_key(&self, request: &Request) -> bool {
        self.mode == Mode::RecordIfMissing && request.auth == Auth::Provider && self.options.missing_key.is_some()
    }

    async fn miss(&self, asked: Understood, files: Vec<Arc<Found>>) -> Error {
        self.counter.missed();
        let Understood { kept, key, nth, view, case, .. } = asked;
        let (library, command) = (Arc::clone(&self.library), self.options.command.clone());
        let (state, name) = (Arc::clone(&case), key.name.clone());
        let said = blocking(move || {
            let used = state.used_files();
            let label = state.label.as_deref();
            let missed = miss::Missed {
                library: &library,
                view: &view,
                request: &kept,
                key: &key,
                nth,
                files: &files,
                used: &used,
                label,
            };
            missed.message(command.as_deref())
        });
        let (kind, mut message, nearest) = match said.await {
            Ok(said) => said,
            Err(error) => return error,
        };
        if let Some(variable) = self.options.missing_key.as_ref().filter(|_| self.mode == Mode::RecordIfMissing) {
            message.push_str(&format!(
                "\n  in mode record-if-missing it would be recorded now, but {variable} is not set: set {variable}, or \
                 get the recording from someone who can"
            ));
        }
        let message = self.options.secrets.text(&message);
        case.missed(Miss { case: case.case.clone(), kind, name, message: message.clone(), nearest });
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
        async { self.answer(request).await.map(|(_, reply)| reply) }.boxed()
    }

    /// A recording holds a request and its reply, and not what is said after a switch: only live mode can.
    fn switch(&self, request: Request) -> BoxFuture<'_, Result<Switched, Error>> {
        self.counter.asked();
        match self.live() {
            Ok(live) if self.mode == Mode::Live => live.switch(request),
            _ => std::future::ready(Err(Error::new(ErrorKind::Other, NO_SWITCH))).boxed(),
        }
    }
}

const NO_SWITCH: &str = "what is said after a switch of protocols cannot be recorded: only mode live passes it on";

/// Runs work that blocks or takes long on another thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Other, format!("looking for a recording failed: {error}")))
}
