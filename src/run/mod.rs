//! Drive cases: workers, deadlines, steps; tell what happened as events.

mod answer;
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

use crate::event::{CaseRef, Class, Event, Finished, Interruption, KeyHeader, Outcome, Recorded, Recordings};
use crate::exchange::Fault;
use crate::matrix::Case;
use crate::protocol::Policy;
use crate::upstream;
use case::{Done, GivenUp};

pub(crate) use crate::check::Heard;

/// A case and what it calls.
#[derive(Clone)]
pub(crate) struct Planned {
    /// The case.
    pub case: Arc<Case>,
    /// What it calls.
    pub target: Arc<Target>,
    /// What becomes of replies that break a rule of their protocol.
    pub policy: Policy,
}

/// What a case calls: the stack, as seen by a client.
pub(crate) struct Target {
    /// The stack.
    pub upstream: upstream::Shared,
    /// Whether a provider is called without a gateway: then the client's own prefix is left out.
    pub direct: bool,
    /// Where a person can send the same request.
    pub address: Address,
    /// The command that reruns a case of this target, without its `-k 'id'`.
    pub rerun: String,
    /// The command that records what a case of this target asks, without its `-k 'id'`; `None` where that is not in the
    /// hands of who runs the case.
    pub record: Option<String>,
    /// What is below the stack.
    pub hooks: Arc<dyn StackHooks>,
}

/// Where a person can send a request with `curl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// What the endpoint stands below.
    pub base: Base,
    /// The command to start before, where nothing listens there once the run is over.
    pub start: Option<String>,
}

/// What an endpoint stands below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Base {
    /// A gateway, or a server of the user's, without the version part: `http://127.0.0.1:8321`.
    Server(String),
    /// A provider's base URL, and the key that goes along.
    Provider(String, Option<KeyHeader>),
}

/// What is below the stack, as far as the runner must know of it: what stands there may have swallowed an error.
pub(crate) trait StackHooks: Send + Sync {
    /// A step of a case begins: from its provider's replies on these faults are cut. `Err` says why they cannot be.
    fn begin(&self, case: &Case, faults: &[Fault]) -> Result<(), String>;
    /// What had no answer while this case ran, although the stack may have answered something.
    fn troubles(&self, case: &str) -> Vec<upstream::Error>;
    /// What the stack printed while the case ran, where that is known.
    fn printed(&self) -> Option<String>;
    /// What the answer to the last request of this case was replayed from; `None` when it was not. Asked once for each.
    fn replayed(&self, case: &str) -> Option<Replayed>;
    /// What providers answered to this case since this was last asked, where a gateway of this run stood between.
    fn heard(&self, case: &str) -> Vec<Heard>;
    /// The case is over. Returns what it used, and what the user must be told.
    fn finish<'a>(&'a self, case: &'a str, end: CaseEnd) -> BoxFuture<'a, CaseUsage>;
}

/// How a case ended, for those who keep what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaseEnd {
    /// Everything held: what it saw is right.
    Passed,
    /// It failed, as expected: what it saw may be right.
    FailedAsExpected,
    /// It failed, or runs again.
    Failed,
}

/// What came of a case below its stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CaseUsage {
    /// The recordings that answered it, and those that were written.
    pub recordings: Recordings,
    /// What the user must be told.
    pub notices: Vec<String>,
}

/// An answer that was replayed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replayed {
    /// When each of its chunks came when it was recorded.
    pub chunks: Vec<Duration>,
    /// At which multiple of that pace it was replayed; `None`: at once.
    pub speed: Option<f64>,
    /// What it was replayed from.
    pub recording: Recorded,
}

/// How to run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Cases at once, at least 1.
    pub workers: usize,
    /// For one case, polling included.
    pub case_timeout: Duration,
    /// Stop after this many failures and errors.
    pub max_failures: Option<usize>,
    /// Whether a run that stopped so goes on there the next time.
    pub is_stepwise: bool,
    /// How often a case runs again when the transport failed it.
    pub reruns: u32,
    /// Whether it is kept what is captured of cases that pass.
    pub captures: bool,
    /// Where cases cost something that is limited: who knows whether there is room for one more.
    pub purse: Option<Arc<dyn Purse>>,
}

/// Knows what may still be spent.
pub(crate) trait Purse: Send + Sync + std::fmt::Debug {
    /// A case is about to run; waits until it is known whether there is room for it. `Err` is why there is none.
    fn open<'a>(&'a self, case: &'a str) -> BoxFuture<'a, Result<(), String>>;
    /// A case that had room is over.
    fn close(&self, case: &str);
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every case ran, or enough of them failed.
    Done,
    /// It was told to stop: cases under way were given up, and torn down where there was time for it.
    Stopped,
    /// A worker died, which is a bug: some cases may not have run.
    Broken,
}

/// Tells cases under way that the run is to end.
#[derive(Debug, Clone)]
struct Halt(watch::Receiver<bool>);

impl Halt {
    /// Until the run is to end.
    async fn called(&self) {
        if self.0.clone().wait_for(|is_called| *is_called).await.is_err() {
            // Who could call is gone.
            std::future::pending().await
        }
    }

    fn is_called(&self) -> bool {
        *self.0.borrow()
    }
}

/// Runs every case and sends what happens; returns when all are done. Once `stop` is ready no case begins, and those
/// under way are given up and torn down; once `at_once` is ready too, nothing is waited for. Cases may finish out of
/// order: reports sort by index.
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
    let _ = events.send(Event::Finished { duration: started.elapsed(), interrupted });
    ended
}

/// Waits for every worker. One that panicked must not look like a shorter, greener run.
async fn all(workers: &mut JoinSet<()>) -> Ended {
    let mut ended = Ended::Done;
    while let Some(worker) = workers.join_next().await {
        if worker.is_err() {
            ended = Ended::Broken;
        }
    }
    ended
}

/// What the workers share.
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

    /// Whether there is room for what a case costs; waits until that is known. `Err` is why there is none; `None` says
    /// that the run is over, perhaps since it began to wait.
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

/// Room that is held for a case until it is over, however it ends.
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
        if bad > 0 {
            let count = failures.fetch_add(bad, Ordering::SeqCst) + bad;
            if options.max_failures.is_some_and(|most| count >= most) {
                enough.store(true, Ordering::SeqCst);
            }
        }
    }
}

/// The case as events name it.
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
        capabilities: template.needs.clone(),
    }
}

/// The class of failure that an upstream's "no answer" is.
fn class_of(kind: upstream::ErrorKind) -> Class {
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
