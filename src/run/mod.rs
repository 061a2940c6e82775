//! Drive cases: workers, deadlines, steps; tell what happened as events.

mod case;
mod failure;
mod request;
mod tail;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::event::{Class, Event, Finished, Outcome};
use crate::exchange::Fault;
use crate::matrix::Case;
use crate::upstream;
use case::Done;

/// A case and what it calls.
#[derive(Clone)]
pub struct Planned {
    /// The case.
    pub case: Arc<Case>,
    /// What it calls.
    pub target: Arc<Target>,
}

/// What a case calls: the stack, as seen by a client.
pub struct Target {
    /// The stack.
    pub upstream: upstream::Shared,
    /// Whether a provider is called without a gateway: then the client's own prefix is left out.
    pub direct: bool,
    /// Base of the `curl` line in a failure: `http://127.0.0.1:8321`, without the version part.
    pub curl_base: String,
    /// The variable shown as the key in the `curl` line.
    pub key_var: Option<String>,
    /// The command that reruns a case of this target, without its `-k 'id'`.
    pub rerun: String,
    /// Sees what the stack may have swallowed.
    pub witness: Arc<dyn Witness>,
}

/// Somebody below the stack who knows what went wrong there.
pub trait Witness: Send + Sync {
    /// A step begins: from its provider's replies on these faults are cut. `Err` says why they cannot be.
    fn begin(&self, case: &str, faults: &[Fault]) -> Result<(), String>;
    /// What had no answer while this case ran, although the stack may have answered something.
    fn troubles(&self, case: &str) -> Vec<upstream::Error>;
    /// What the stack printed while the case ran, where that is known.
    fn printed(&self) -> Option<String>;
    /// How the answer to the last request of this case was replayed; `None` when it was not. Asked once for each.
    fn replayed(&self, case: &str) -> Option<Replayed>;
    /// The case is over; `good` when its outcome is the expected one. Returns what the user must be told.
    fn finish<'a>(&'a self, case: &'a str, good: bool) -> BoxFuture<'a, Vec<String>>;
}

/// How an answer was replayed.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// At once, however long it took when it was recorded: when each of its chunks came then.
    AtOnce(Vec<Duration>),
    /// At this multiple of its recorded pace.
    AtSpeed(f64),
}

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cases at once, at least 1.
    pub workers: usize,
    /// For one case, polling included.
    pub case_timeout: Duration,
    /// Stop after this many failures and errors.
    pub max_failures: Option<usize>,
    /// What is said when it did, instead of how many they were.
    pub stopped: Option<String>,
    /// How often a case runs again when the transport failed it.
    pub reruns: u32,
    /// Whether it is kept what is captured of cases that pass.
    pub captures: bool,
    /// Where cases cost something that is limited: who knows whether there is room for one more.
    pub purse: Option<Arc<dyn Purse>>,
}

/// Knows what may still be spent.
pub trait Purse: Send + Sync + std::fmt::Debug {
    /// A case is about to run; waits until it is known whether there is room for it. `Err` is why there is none.
    fn open<'a>(&'a self, case: &'a str) -> BoxFuture<'a, Result<(), String>>;
    /// A case that had room is over.
    fn close(&self, case: &str);
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every case ran, or enough of them failed.
    Done,
    /// It was told to stop: cases under way were given up.
    Stopped,
    /// A worker died, which is a bug: some cases may not have run.
    Broken,
}

/// Runs every case and sends what happens; returns when all are done, or soon after `stop` is ready. Cases may finish
/// out of order: reports sort by index.
pub async fn run(
    plan: Vec<Planned>,
    options: Options,
    events: UnboundedSender<Event>,
    stop: impl Future<Output = ()>,
) -> Ended {
    let started = Instant::now();
    let queue: Arc<Mutex<VecDeque<(usize, Planned)>>> = Arc::new(Mutex::new(plan.into_iter().enumerate().collect()));
    let failures = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for _ in 0..options.workers.max(1) {
        workers.spawn(worker(queue.clone(), options.clone(), events.clone(), failures.clone(), enough.clone()));
    }
    let ended = tokio::select! {
        ended = all(&mut workers) => ended,
        () = stop => Ended::Stopped,
    };
    workers.shutdown().await;
    let interrupted = match ended {
        Ended::Stopped => Some("interrupted by the user".to_owned()),
        Ended::Broken => Some("internal error: a worker died".to_owned()),
        Ended::Done => enough.load(Ordering::SeqCst).then(|| {
            options.stopped.unwrap_or_else(|| format!("stopping after {} failures", failures.load(Ordering::SeqCst)))
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

async fn worker(
    queue: Arc<Mutex<VecDeque<(usize, Planned)>>>,
    options: Options,
    events: UnboundedSender<Event>,
    failures: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
) {
    while !enough.load(Ordering::SeqCst) {
        let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
        let Some((index, planned)) = next else { return };
        let purse = options.purse.as_ref().filter(|_| planned.case.skip.is_none());
        let room = match purse {
            Some(purse) => purse.open(&planned.case.id).await,
            None => Ok(()),
        };
        // It may have waited until enough others had failed.
        if enough.load(Ordering::SeqCst) {
            if let Some(purse) = purse.filter(|_| room.is_ok()) {
                purse.close(&planned.case.id);
            }
            return;
        }
        let _ = events.send(Event::CaseStarted { index, id: planned.case.id.clone() });
        let started = Instant::now();
        let template = &planned.case.suite.templates[planned.case.template];
        let finished = |outcome, rate, captured| Finished {
            index,
            id: planned.case.id.clone(),
            file: planned.case.suite.source.name.clone(),
            line: template.place.line,
            outcome,
            duration: started.elapsed(),
            rate,
            captured,
        };
        let rerun = |failure| drop(events.send(Event::CaseRerun(finished(Outcome::Failed(failure), None, Vec::new()))));
        let done = match &room {
            Ok(()) => case::outcome(&planned, &options, &rerun).await,
            Err(why) => Done::skipped(why),
        };
        if let Some(purse) = purse.filter(|_| room.is_ok()) {
            purse.close(&planned.case.id);
        }
        for notice in done.notices {
            let _ = events.send(Event::Notice(notice));
        }
        let bad = [matches!(done.outcome, Outcome::Failed(_) | Outcome::Error(_)), done.teardown.is_some()];
        if let Some(failure) = done.teardown {
            let _ = events.send(Event::CaseTeardown(finished(Outcome::Error(failure), None, Vec::new())));
        }
        let _ = events.send(Event::CaseFinished(finished(done.outcome, done.rate, done.captured)));
        let bad = bad.into_iter().filter(|bad| *bad).count();
        if bad > 0 {
            let count = failures.fetch_add(bad, Ordering::SeqCst) + bad;
            if options.max_failures.is_some_and(|most| count >= most) {
                enough.store(true, Ordering::SeqCst);
            }
        }
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
