//! Runs cases: workers, deadlines, steps. Reports what happens as events.

mod answer;
mod call;
mod case;
mod failure;
mod judge;
mod log;
mod request;
mod tail;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::event::{self, CaseRef, Class, Event, Finished, Interruption, KeyHeader, Outcome, Recorded, Recordings};
use crate::exchange::Fault;
use crate::matrix::Case;
use crate::protocol::Policy;
use crate::upstream;
use case::{Done, GivenUp};

pub(crate) use answer::Answer;
pub(crate) use call::complete;

pub(crate) use crate::check::Heard;

/// A case and what it calls.
#[derive(Clone)]
pub(crate) struct Planned {
    /// The case.
    pub case: Arc<Case>,
    /// What the case calls.
    pub target: Arc<Target>,
    /// How replies that break a protocol rule are treated.
    pub policy: Policy,
}

/// The stack that a case calls, as a client sees it.
pub(crate) struct Target {
    /// The stack.
    pub upstream: upstream::Shared,
    /// Whether requests go to a provider without a gateway: then the client's own prefix is left out.
    pub direct: bool,
    /// The address to which a person can send the same request.
    pub address: Address,
    /// The command that reruns a case of this target, without its `-k 'id'`.
    pub rerun: String,
    /// The command that records a case of this target, without its `-k 'id'`; `None` if the user cannot record it.
    pub record: Option<String>,
    /// What tokens of a model cost.
    pub price: Price,
    /// Access to what is below the stack.
    pub hooks: Arc<dyn StackHooks>,
}

/// What this usage of the model that a request names costs in US dollars; `None` if its price is not known.
pub(crate) type Price = Arc<dyn Fn(&str, event::Usage) -> Option<f64> + Send + Sync>;

/// The address to which a person can send a request with `curl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The URL to which endpoints are appended.
    pub base: Base,
    /// The command that starts the server, if it does not run after the tests.
    pub start: Option<String>,
}

/// The URL to which endpoints are appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Base {
    /// A gateway, or a server of the user's, without the version: `http://127.0.0.1:8321`.
    Server(String),
    /// A provider's base URL, and the key to send.
    Provider(String, Option<KeyHeader>),
}

/// What the runner must know about the layers below the stack, since these may have swallowed an error.
pub(crate) trait StackHooks: Send + Sync {
    /// Called when a step of a case begins: sets the faults for its provider's replies. `Err` says why that is not
    /// possible.
    fn begin(&self, case: &Case, faults: &[Fault]) -> Result<(), String>;
    /// The requests of this case that had no answer below the stack, even if the stack answered something.
    fn troubles(&self, case: &str) -> Vec<upstream::Error>;
    /// The recording nearest to the request of the trouble with this number, from 0; `None` if there is none.
    fn nearest(&self, case: &str, at: usize) -> Option<event::Nearest>;
    /// What the stack printed while the case ran, if that is known.
    fn printed(&self) -> Option<String>;
    /// The recording behind the answer to the last request of this case; `None` if it was not replayed. Called once per
    /// request.
    fn replayed(&self, case: &str) -> Option<Replayed>;
    /// What providers answered to this case since this was last asked, where a gateway of this run stood between.
    fn heard(&self, case: &str) -> Vec<Heard>;
    /// The case is over. Returns what it used, and what the user must be told.
    fn finish<'a>(&'a self, case: &'a str, end: CaseEnd) -> BoxFuture<'a, CaseUsage>;
}

/// How a case ended, for those who record it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaseEnd {
    /// Everything was as expected: its recordings are right.
    Passed,
    /// It failed as expected: its recordings may be right.
    FailedAsExpected,
    /// It failed, or will run again.
    Failed,
}

/// What a case did below its stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CaseUsage {
    /// The recordings that answered it, and those that were written.
    pub recordings: Recordings,
    /// Messages for the user.
    pub notices: Vec<String>,
}

/// An answer that was replayed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replayed {
    /// When each of its chunks came during recording.
    pub chunks: Vec<Duration>,
    /// The size of each of them in bytes.
    pub sizes: Vec<usize>,
    /// The multiple of that pace at which it was replayed; `None` means at once.
    pub speed: Option<f64>,
    /// The recording that it came from.
    pub recording: Recorded,
}

/// The options of a run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How many cases run at once, at least 1.
    pub workers: usize,
    /// The time for one case, polling included.
    pub case_timeout: Duration,
    /// After how many failures and errors the run stops.
    pub max_failures: Option<usize>,
    /// Whether a stopped run continues at that case the next time.
    pub is_stepwise: bool,
    /// How often a case runs again after a failure of the transport.
    pub reruns: u32,
    /// Whether captured exchanges of passed cases are kept.
    pub captures: bool,
    /// Decides whether a case may still spend money or tokens, if these are limited.
    pub purse: Option<Arc<dyn Purse>>,
}

/// Knows how much may still be spent.
pub(crate) trait Purse: Send + Sync + std::fmt::Debug {
    /// Called when a case is about to run; waits until it is known whether it fits into the limits. `Err` says why it
    /// does not.
    fn open<'a>(&'a self, case: &'a str) -> BoxFuture<'a, Result<(), String>>;
    /// Called when a case that was let through is over.
    fn close(&self, case: &str);
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every case ran, or enough of them failed.
    Done,
    /// It was told to stop: running cases were abandoned, and torn down if there was time.
    Stopped,
    /// A worker crashed, which is a bug: some cases may not have run.
    Broken,
}

/// Tells running cases that the run must end.
#[derive(Debug, Clone)]
struct Halt(watch::Receiver<bool>);

impl Halt {
    /// Waits until the run must end.
    async fn called(&self) {
        if self.0.clone().wait_for(|is_called| *is_called).await.is_err() {
            // The sender is gone.
            std::future::pending().await
        }
    }

    fn is_called(&self) -> bool {
        *self.0.borrow()
    }
}

/// Runs all cases and sends events; returns when all are done. Once `stop` is ready, no new case starts, and running
/// ones are abandoned and torn down. Once `at_once` is ready too, nothing is waited for. Cases may finish out of order:
/// reports sort them by index.
pub(crate) async fn run(
    plan: Vec<Planned>,
    options: Options,
    events: UnboundedSender<Event>,
    stop: impl Future<Output = ()>,
    at_once: impl Future<Output = ()>,
) -> Ended {
    let started = Instant::now();
    let (call, halted) = watch::channel(false);
    let line = Line {
        queue: Arc::new(Mutex::new(plan.into_iter().enumerate().collect())),
        options: options.clone(),
        events: events.clone(),
        failures: Arc::default(),
        enough: Arc::default(),
        halt: Halt(halted),
    };
    let mut workers = JoinSet::new();
    for _ in 0..options.workers.max(1) {
        workers.spawn(worker(line.clone()));
    }
    let mut ended = tokio::select! {
        biased;
        () = stop => Ended::Stopped,
        ended = all(&mut workers) => ended,
    };
    if ended == Ended::Stopped {
        call.send_replace(true);
        tokio::select! {
            torn = all(&mut workers) => if torn == Ended::Broken { ended = Ended::Broken },
            () = at_once => {}
        }
    }
    workers.shutdown().await;
    let interrupted = match ended {
        Ended::Stopped => Some(Interruption::User),
        Ended::Broken => Some(Interruption::WorkerDied),
        Ended::Done => line.enough.load(Ordering::SeqCst).then(|| match options.is_stepwise {
            true => Interruption::Stepwise,
            false => Interruption::Failures(line.failures.load(Ordering::SeqCst)),
        }),
    };
    let _ = events.send(Event::Finished { duration: started.elapsed(), interrupted, proof: Box::default() });
    ended
}

/// Waits for all workers. If one panicked, the run must not look like a shorter, successful one.
async fn all(workers: &mut JoinSet<()>) -> Ended {
    let mut ended = Ended::Done;
    while let Some(worker) = workers.join_next().await {
        if worker.is_err() {
            ended = Ended::Broken;
        }
    }
    ended
}

/// The state that the workers share.
#[derive(Clone)]
struct Line {
    queue: Arc<Mutex<VecDeque<(usize, Planned)>>>,
    options: Options,
    events: UnboundedSender<Event>,
    failures: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
    halt: Halt,
}

impl Line {
    fn next(&self) -> Option<(usize, Planned)> {
        if self.is_over() {
            return None;
        }
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front()
    }

    fn is_over(&self) -> bool {
        self.enough.load(Ordering::SeqCst) || self.halt.is_called()
    }

    /// Whether a case fits into the limits; waits until that is known. `Err` says why it does not; `None` means that
    /// the run has ended meanwhile.
    async fn room(&self, planned: &Planned) -> Option<Result<Held, String>> {
        let Some(purse) = self.options.purse.as_ref().filter(|_| planned.case.skip.is_none()) else {
            return Some(Ok(Held(None)));
        };
        let id = &planned.case.id;
        let room = tokio::select! {
            biased;
            () = self.halt.called() => return None,
            room = purse.open(id) => room.map(|()| Held(Some((Arc::clone(purse), id.clone())))),
        };
        (!self.is_over()).then_some(room)
    }
}

/// A case's share of the limits, held until the case is over, however it ends.
struct Held(Option<(Arc<dyn Purse>, String)>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((purse, case)) = &self.0 {
            purse.close(case);
        }
    }
}

async fn worker(line: Line) {
    let Line { options, events, failures, enough, halt, .. } = &line;
    while let Some((index, planned)) = line.next() {
        let Some(room) = line.room(&planned).await else { return };
        let _ = events.send(Event::CaseStarted { index, id: planned.case.id.clone() });
        let started = Instant::now();
        let finished = |done: Done| {
            Box::new(Finished {
                index,
                case: case_ref(&planned.case),
                outcome: done.outcome,
                duration: started.elapsed(),
                rate: done.rate,
                attempts: done.attempts,
                calls: done.calls,
                captured: done.captured,
                recordings: done.recordings,
                protocol: done.protocol,
                kept_rules: done.kept_rules,
            })
        };
        let torn = |failure| drop(events.send(Event::CaseTeardown(finished(Done::of(Outcome::Error(failure))))));
        let rerun = |failure| drop(events.send(Event::CaseRerun(finished(Done::of(Outcome::Failed(failure))))));
        let done = match &room {
            Ok(_) => case::outcome(&planned, options, halt, &rerun).await,
            Err(why) => Ok(Done::skipped(why)),
        };
        drop(room);
        let mut done = match done {
            Ok(done) => done,
            Err(GivenUp { teardown }) => {
                teardown.into_iter().for_each(torn);
                let _ = events.send(Event::CaseGivenUp { id: planned.case.id.clone() });
                return;
            }
        };
        for notice in std::mem::take(&mut done.notices) {
            let _ = events.send(Event::Notice(notice));
        }
        let bad = [matches!(done.outcome, Outcome::Failed(_) | Outcome::Error(_)), done.teardown.is_some()];
        done.teardown.take().into_iter().for_each(torn);
        let _ = events.send(Event::CaseFinished(finished(done)));
        let bad = bad.into_iter().filter(|bad| *bad).count();
        let count = failures.fetch_add(bad, Ordering::SeqCst) + bad;
        if options.max_failures.is_some_and(|most| count >= most) {
            enough.store(true, Ordering::SeqCst);
        }
    }
}

/// The case's description for events.
fn case_ref(case: &Case) -> CaseRef {
    let template = case.template();
    CaseRef {
        id: case.id.clone(),
        suite: case.suite.source.name.clone(),
        line: template.place.line,
        template: template.name.clone(),
        setup: case.setup.to_string(),
        provider: case.provider.to_string(),
        model: case.model().map(str::to_owned),
        client: case.client.map(|client| client.name().to_owned()),
        parameters: case.parameters().collect(),
        capabilities: template.needs.to_vec(),
        is_session: false,
    }
}

/// The class of failure for an upstream's error.
pub(crate) fn class_of(kind: upstream::ErrorKind) -> Class {
    use upstream::ErrorKind as Kind;
    match kind {
        Kind::MissingRecording => Class::MissingRecording,
        Kind::StaleRecording => Class::StaleRecording,
        Kind::BrokenRecording => Class::BrokenRecording,
        Kind::MissingKey => Class::MissingKey,
        Kind::Connect | Kind::Timeout => Class::ProviderDown,
        Kind::Broken => Class::ProtocolViolation,
        Kind::NoRule | Kind::Other => Class::Harness,
    }
}

#[cfg(test)]
mod tests;
