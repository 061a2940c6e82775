//! Tests of whole runs: requests and replies are made up here, and the events are checked.

mod ends;
mod exchanges;
mod polling;
mod verdicts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::event::{Failure, Origin, Part, Problem, Rate, Recorded};
use crate::exchange::Request;
use crate::matrix;
use crate::protocol::Policy;
use crate::provider::{Catalogue, Models, Setup};
use crate::suite::{Known, parse};
use crate::upstream::{ErrorKind, Reply, Upstream};
use crate::yaml::Source;

/// The result of a request.
#[derive(Debug, Clone, Copy)]
enum Comes {
    /// A reply with this status and body.
    Reply(u16, &'static str),
    /// A reply with this status, headers and body.
    Headed(u16, &'static [(&'static str, &'static str)], &'static str),
    /// No reply.
    Nothing(ErrorKind),
    /// A good reply from the stack, although there was none below it.
    Covered(ErrorKind),
    /// A good reply, a moment later.
    Late,
    /// Nothing, for ever.
    Silence,
    /// A bug.
    Panic,
}

const GOOD: Comes = Comes::Reply(200, r#"{"ok": true, "id": "x1"}"#);

/// Gives the result for a request, by its endpoint and by how often that was requested before.
type Comings = dyn Fn(&str, usize) -> Comes + Send + Sync;

/// A fake stack with what is below it.
struct Fake {
    comes: Box<Comings>,
    /// Endpoints in the order of the requests.
    asked: Mutex<Vec<String>>,
    troubles: Mutex<Vec<(String, ErrorKind)>>,
    /// What providers answered behind it.
    heard: Mutex<Vec<Heard>>,
    /// Cases and how they ended.
    ends: Mutex<Vec<(String, CaseEnd)>>,
    is_asked: Notify,
}

impl Fake {
    fn new(comes: impl Fn(&str, usize) -> Comes + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Fake {
            comes: Box::new(comes),
            asked: Mutex::default(),
            troubles: Mutex::default(),
            heard: Mutex::default(),
            ends: Mutex::default(),
            is_asked: Notify::new(),
        })
    }

    fn asked(&self) -> Vec<String> {
        held(&self.asked).clone()
    }

    fn ends(&self) -> Vec<CaseEnd> {
        held(&self.ends).iter().map(|(_, end)| *end).collect()
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstream for Fake {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, upstream::Error>> {
        let before = held(&self.asked).iter().filter(|asked| **asked == request.endpoint).count();
        held(&self.asked).push(request.endpoint.clone());
        self.is_asked.notify_one();
        let comes = (self.comes)(&request.endpoint, before);
        let headed = |status: u16, headers: &[(&'static str, &'static str)], body: &'static str| {
            let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let own =
                headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            let headers = HeaderMap::from_iter(std::iter::once(json).chain(own));
            Ok(Reply::whole(StatusCode::from_u16(status).unwrap(), headers, body))
        };
        let reply = move |status, body| headed(status, &[], body);
        async move {
            match comes {
                Comes::Reply(status, body) => reply(status, body),
                Comes::Headed(status, headers, body) => headed(status, headers, body),
                Comes::Nothing(kind) => Err(upstream::Error::new(kind, kind.name())),
                Comes::Covered(kind) => {
                    held(&self.troubles).push((request.case.unwrap_or_default(), kind));
                    reply(200, r#"{"ok": true}"#)
                }
                Comes::Late => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    reply(200, "{}")
                }
                Comes::Silence => std::future::pending().await,
                Comes::Panic => panic!("a bug in a stack"),
            }
        }
        .boxed()
    }
}

impl StackHooks for Fake {
    fn begin(&self, _: &Case, _: &[Fault]) -> Result<(), String> {
        Ok(())
    }
    fn troubles(&self, case: &str) -> Vec<upstream::Error> {
        let troubles = held(&self.troubles);
        let own = troubles.iter().filter(|(whose, _)| whose == case);
        own.map(|(_, kind)| upstream::Error::new(*kind, kind.name())).collect()
    }
    fn nearest(&self, _: &str, _: usize) -> Option<crate::event::Nearest> {
        None
    }

    fn printed(&self) -> Option<String> {
        Some("listening".to_owned())
    }
    fn replayed(&self, case: &str) -> Option<Replayed> {
        let recording = Recorded {
            file: Some("recordings/p/1.json".into()),
            origin: Origin::Real,
            recorded_ms: Some(1_700_000_000_000),
        };
        let chunks = vec![Duration::from_secs(7)];
        case.contains("replayed").then_some(Replayed { chunks, sizes: Vec::new(), speed: None, recording })
    }
    fn heard(&self, _: &str) -> Vec<Heard> {
        std::mem::take(&mut held(&self.heard))
    }
    fn finish<'a>(&'a self, case: &'a str, end: CaseEnd) -> BoxFuture<'a, CaseUsage> {
        held(&self.ends).push((case.to_owned(), end));
        async { CaseUsage::default() }.boxed()
    }
}

/// One worker, no reruns, enough time.
fn options() -> Options {
    Options {
        workers: 1,
        case_timeout: Duration::from_secs(30),
        max_failures: None,
        is_stepwise: false,
        reruns: 0,
        captures: false,
        purse: None,
    }
}

/// The fake as what a case calls.
fn target(fake: &Arc<Fake>) -> Target {
    Target {
        upstream: fake.clone(),
        direct: true,
        address: Address { base: Base::Server("http://127.0.0.1:8321".into()), start: None },
        rerun: "retake test".into(),
        record: None,
        price: Arc::new(|model, usage| (model == "p/m").then_some(usage.input as f64 / 4.0)),
        hooks: fake.clone(),
    }
}

/// The cases of a suite, all calling the fake.
fn planned(suite: &str, fake: &Arc<Fake>) -> Vec<Planned> {
    let known = Known { capabilities: vec!["tools".into()], ..Known::default() };
    let source = Source { name: "s.yaml".into(), text: suite.into() };
    let suite = parse(Arc::new(source), &known).unwrap_or_else(|errors| panic!("{}", errors[0].render(false)));
    let target = Arc::new(target(fake));
    let models = Models { text: Some("p/m".into()), ..Models::default() };
    let setup = Setup { name: "local".into(), provider: "p".into(), models, ..Setup::default() };
    let (suite, catalogue) = (Arc::new(suite), Catalogue::default());
    let cases = matrix::expand(&suite, &setup, &catalogue, false);
    cases.map(|case| Planned { case: Arc::new(case), target: target.clone(), policy: Policy::default() }).collect()
}

/// Runs a suite to its end and returns the events.
async fn run_of(suite: &str, options: Options, fake: &Arc<Fake>) -> (Ended, Vec<Event>) {
    until(suite, options, fake, std::future::pending(), std::future::pending()).await
}

async fn until(
    suite: &str,
    options: Options,
    fake: &Arc<Fake>,
    stop: impl Future<Output = ()>,
    at_once: impl Future<Output = ()>,
) -> (Ended, Vec<Event>) {
    events_of(planned(suite, fake), options, stop, at_once).await
}

async fn events_of(
    plan: Vec<Planned>,
    options: Options,
    stop: impl Future<Output = ()>,
    at_once: impl Future<Output = ()>,
) -> (Ended, Vec<Event>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let ended = run(plan, options, sender, stop, at_once).await;
    let mut events = Vec::new();
    while let Some(event) = receiver.recv().await {
        events.push(event);
    }
    (ended, events)
}

/// The outcome of each finished case, by its name.
fn outcomes(events: &[Event]) -> HashMap<String, Outcome> {
    let done = events.iter().filter_map(|event| match event {
        Event::CaseFinished(finished) => Some((finished.case.template.clone(), finished.outcome.clone())),
        _ => None,
    });
    done.collect()
}

/// The name of an outcome, and the class of its failure.
fn told(outcome: &Outcome) -> (&'static str, Option<Class>) {
    match outcome {
        Outcome::Passed => ("passed", None),
        Outcome::Flaky(failure) => ("flaky", Some(failure.class)),
        Outcome::Failed(failure) => ("failed", Some(failure.class)),
        Outcome::Skipped(_) => ("skipped", None),
        Outcome::XFailed { failure, .. } => ("xfailed", Some(failure.class)),
        Outcome::XPassed(_) => ("xpassed", None),
        Outcome::Error(failure) => ("error", Some(failure.class)),
    }
}

/// The failure in an outcome.
fn failure(outcome: &Outcome) -> &Failure {
    match outcome {
        Outcome::Failed(failure) | Outcome::Error(failure) | Outcome::XFailed { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}

/// The kinds of events, in order, with the case's name.
fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event: &Event| match event {
        Event::CaseStarted { id, .. } => format!("started {}", id.trim_start_matches("s.yaml::")),
        Event::CaseRerun(of) => format!("rerun {}", of.case.template),
        Event::CaseTeardown(of) => format!("teardown {}", of.case.template),
        Event::CaseFinished(of) => format!("{} {}", told(&of.outcome).0, of.case.template),
        Event::CaseGivenUp { id } => format!("given up {}", id.trim_start_matches("s.yaml::")),
        Event::Finished { interrupted, .. } => format!("finished {interrupted:?}"),
        other => format!("{other:?}"),
    };
    events.iter().map(kind).collect()
}
