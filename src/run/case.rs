//! One case, from its first request to its outcome.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use http::HeaderMap;
use tokio::time::{Instant, sleep, timeout_at};

use crate::check::{self, Clock, Observed, Seen, Timing};
use crate::event::{Class, Detail, Failure, Outcome, Rate, Section};
use crate::exchange::Request;
use crate::suite::Step;
use crate::suite::template::Scope;
use crate::upstream::{self, ErrorKind};

use super::failure::{Scene, of_message, of_mismatches};
use super::tail::tail;
use super::{Options, Planned, Replayed, class_of, request};

/// Between two tries of a step that may come true `eventually`: this, doubled each time up to the second.
const POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// What came of a case.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) rate: Option<Rate>,
    /// What was captured of one that passed.
    pub(super) captured: Vec<Section>,
    /// Why the teardown failed, when it did.
    pub(super) teardown: Option<Failure>,
    /// What the user must be told.
    pub(super) notices: Vec<String>,
}

impl Done {
    /// Not run, and why.
    pub(super) fn skipped(why: &str) -> Self {
        let outcome = Outcome::Skipped(why.to_owned());
        Done { outcome, rate: None, captured: Vec::new(), teardown: None, notices: Vec::new() }
    }
}

/// What is kept of a case for those who want to see it although it passed: of each of its parts the last exchange.
struct Captures {
    is_wanted: bool,
    /// The part of the case that runs.
    part: &'static str,
    exchanges: Vec<(&'static str, String)>,
}

impl Captures {
    fn of(&mut self, part: &'static str) -> &mut Self {
        self.part = part;
        self
    }

    fn keep(&mut self, exchange: impl FnOnce() -> String) {
        if self.is_wanted {
            self.exchanges.retain(|(other, _)| *other != self.part);
            self.exchanges.push((self.part, exchange()));
        }
    }

    /// As sections, with what the stack printed.
    fn sections(self, printed: Option<String>) -> Vec<Section> {
        let printed = printed.map(|text| Section { title: "stdout call".to_owned(), text });
        let section = |(part, text)| Section { title: format!("exchange {part}"), text };
        self.exchanges.into_iter().map(section).chain(printed).collect()
    }
}

/// Runs the case, again when the transport failed and that is wanted, and settles with the witness. `rerun` hears of
/// each failure after which it is run again.
pub(super) async fn outcome(planned: &Planned, options: &Options, rerun: &(dyn Fn(Failure) + Sync)) -> Done {
    let case = &planned.case;
    if let Some(reason) = &case.skip {
        return Done::skipped(reason);
    }
    let (mut flaky, mut teardown) = (None, None);
    let mut captures = Captures { is_wanted: options.captures, part: "call", exchanges: Vec::new() };
    let mut left = options.reruns;
    let (failed, rate) = loop {
        let (failed, rate) = tries(planned, options, &mut teardown, &mut captures).await;
        match failed {
            Some(Failed { failure, .. }) if left > 0 && is_transport(failure.class) => {
                left -= 1;
                flaky = Some(failure.summary.clone());
                rerun(failure);
                // What this try recorded is no part of the case, and its requests do not count.
                planned.target.witness.finish(&case.id, false).await;
            }
            failed => break (failed, rate),
        }
    };
    let outcome = match (failed, &case.xfail) {
        (None, None) => flaky.map_or(Outcome::Passed, Outcome::Flaky),
        (None, Some(xfail)) if xfail.strict => Outcome::Failed(Failure {
            summary: format!("[XPASS(strict)] {}", xfail.reason),
            details: vec![Detail::Lines(format!("[XPASS(strict)] {}", xfail.reason))],
            rerun: format!("{} -k {}", planned.target.rerun, request::quote(&case.id)),
            ..Failure::default()
        }),
        (None, Some(xfail)) => Outcome::XPassed(xfail.reason.clone()),
        (Some(Failed { failure, .. }), _) if failure.class == Class::Harness => Outcome::Error(failure),
        // Only an answer can fail as expected: a missing recording or key says nothing about the provider.
        (Some(Failed { failure, .. }), Some(xfail)) if is_answer(failure.class) => {
            Outcome::XFailed { reason: xfail.reason.clone(), failure }
        }
        (Some(Failed { failure, in_setup: true }), _) => Outcome::Error(failure),
        (Some(Failed { failure, .. }), _) => Outcome::Failed(failure),
    };
    let good = teardown.is_none() && !matches!(outcome, Outcome::Failed(_) | Outcome::Error(_));
    let is_pass = options.captures && matches!(outcome, Outcome::Passed | Outcome::Flaky(_));
    let captured = if is_pass { captures.sections(planned.target.witness.printed()) } else { Vec::new() };
    let notices = planned.target.witness.finish(&case.id, good).await;
    Done { outcome, rate, captured, teardown, notices }
}

/// As many tries as it takes to know whether enough of them pass, each with the whole time of a case. All of them
/// are one case: an equal request of a later try is answered by the next recording.
async fn tries(
    planned: &Planned,
    options: &Options,
    teardown: &mut Option<Failure>,
    captures: &mut Captures,
) -> (Option<Failed>, Option<Rate>) {
    let repeat = planned.case.suite.templates[planned.case.template].repeat;
    let (mut passed, mut last) = (0, None);
    for tries in 1.. {
        let (result, torn) = once(planned, options.case_timeout, captures).await;
        *teardown = teardown.take().or(torn);
        match result {
            Ok(()) => passed += 1,
            // More tries would fail in the same way.
            Err(failed) if !is_answer(failed.failure.class) => return (Some(failed), None),
            Err(failed) => last = Some(failed),
        }
        let rate = repeat.is_several().then_some(Rate { passed, tries });
        match repeat.decided(passed, tries - passed) {
            None => {}
            Some(true) => return (None, rate),
            Some(false) => {
                if let (Some(Failed { failure, .. }), true) = (&mut last, repeat.is_several()) {
                    let needed = repeat.needed();
                    let words =
                        format!("{passed} of {tries} tries passed, at least {needed} must; the last failed so:");
                    failure.details.insert(0, Detail::Lines(words));
                }
                return (last, rate);
            }
        }
    }
    (last, None)
}

fn is_transport(class: Class) -> bool {
    matches!(class, Class::ProviderDown | Class::RateLimited)
}

fn is_answer(class: Class) -> bool {
    matches!(class, Class::WrongAnswer | Class::ProtocolViolation | Class::ProviderDown | Class::RateLimited)
}

/// Why a try failed.
struct Failed {
    failure: Failure,
    /// What the case is about was not reached.
    in_setup: bool,
}

/// One try: setup, steps, and whatever came of them teardown, with why that failed when it did.
async fn once(planned: &Planned, time: Duration, captures: &mut Captures) -> (Result<(), Failed>, Option<Failure>) {
    let template = planned.case.template();
    let mut scope = planned.case.scope();
    let deadline = Instant::now() + time;
    let result = match steps(planned, &template.setup, &mut scope, deadline, captures.of("setup")).await {
        Err(failure) => Err(Failed { failure: failure.during("setup"), in_setup: true }),
        Ok(()) => steps(planned, &template.steps, &mut scope, deadline, captures.of("call"))
            .await
            .map_err(|failure| Failed { failure, in_setup: false }),
    };
    // The case may have used up its time: cleaning up has as much again.
    let deadline = Instant::now() + time;
    let mut torn = None;
    for step in &template.teardown {
        // What was never captured was never made: there is nothing to take down.
        if !step.request.is_bound(&scope) {
            continue;
        }
        let failure =
            steps(planned, std::slice::from_ref(step), &mut scope, deadline, captures.of("teardown")).await.err();
        torn = torn.or(failure.map(|failure| failure.during("teardown")));
    }
    (result, torn)
}

/// Every step in order, adding what is captured; the first that fails ends them.
async fn steps(
    planned: &Planned,
    steps: &[Step],
    scope: &mut Scope,
    deadline: Instant,
    captures: &mut Captures,
) -> Result<(), Failure> {
    for step in steps {
        let until = step.eventually.map(|time| Instant::now() + time);
        let mut pause = POLL.0;
        let scene = Scene { planned, step, request: None, reply: None, stream: Vec::new() };
        let begun = planned.target.witness.begin(&planned.case.id, &step.faults);
        begun.map_err(|message| of_message(&scene, Class::Harness, &message))?;
        loop {
            match attempt(planned, step, scope, deadline, captures).await {
                Ok(captured) => {
                    scope.extend(captured);
                    break;
                }
                Err(failure) => {
                    // Polling waits for a state to come true; it cannot mend a recording or a key that is missing.
                    let again = is_answer(failure.class)
                        && until.is_some_and(|until| Instant::now() + pause < until)
                        && Instant::now() + pause < deadline;
                    if !again {
                        return Err(failure);
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(POLL.1);
        }
    }
    Ok(())
}

/// One request and its checks; returns what is captured.
async fn attempt(
    planned: &Planned,
    step: &Step,
    scope: &Scope,
    deadline: Instant,
    captures: &mut Captures,
) -> Result<Scope, Failure> {
    let (case, target) = (&planned.case, &planned.target);
    let mut scene = Scene { planned, step, request: None, reply: None, stream: Vec::new() };
    let request = request::build(&step.request, scope, case.client, target.direct, &case.id)
        .map_err(|message| of_message(&scene, Class::Harness, &message))?;
    scene.request = Some(&request);
    // What steps before it had no answer to is theirs.
    let known = target.witness.troubles(&case.id).len();
    let answer = answer(planned, &request, deadline).await;
    if let Some(trouble) = target.witness.troubles(&case.id).into_iter().nth(known) {
        return Err(of_message(&scene, class_of(trouble.kind), &trouble.message));
    }
    let lost = |kind| matches!(kind, ErrorKind::Broken | ErrorKind::Connect);
    if step.expect.may_break() && answer.as_ref().is_err_and(|error| lost(error.kind)) {
        return Ok(Scope::new());
    }
    let answer = answer.map_err(|error| of_message(&scene, class_of(error.kind), &error.message))?;
    scene.reply = Some(answer.line());
    let timing = timing(&answer, target.witness.replayed(&case.id));
    let times = timing.chunks.clone();
    let (headers, broken) = (&answer.headers, answer.broken.as_deref());
    let seen = Seen::new(Observed { status: answer.status, headers, body: &answer.body, broken, timing });
    if let Some((kind, message)) = answer.made_up() {
        if step.expect.may_break() && lost(kind) {
            return Ok(Scope::new());
        }
        return Err(of_message(&scene, class_of(kind), &message));
    }
    let verdict = check::check(&step.expect, scope, &seen);
    if !verdict.mismatches.is_empty() {
        scene.stream = tail(&answer.body, &answer.sizes, &times).unwrap_or_default();
        return Err(of_mismatches(&scene, &verdict.mismatches, answer.status));
    }
    let mut captured = Scope::new();
    for capture in &step.capture {
        let value = seen.capture(&capture.from).map_err(|message| {
            of_message(&scene, Class::WrongAnswer, &format!("nothing to capture as `{}`: {message}", capture.name))
        })?;
        captured.insert(capture.name.clone(), value);
    }
    captures.keep(|| {
        scene.stream = tail(&answer.body, &answer.sizes, &times).unwrap_or_default();
        scene.exchange()
    });
    Ok(captured)
}

/// When the answer came, by the clock that tells of the provider.
fn timing(answer: &Answer, replayed: Option<Replayed>) -> Timing {
    let (chunks, clock) = match replayed {
        None => (answer.chunks.clone(), Clock::Measured),
        Some(Replayed::AtOnce(chunks)) => (chunks, Clock::Recorded),
        Some(Replayed::AtSpeed(speed)) => {
            let as_recorded = |time: &Duration| Duration::try_from_secs_f64(time.as_secs_f64() * speed);
            let chunks = answer.chunks.iter().map(|time| as_recorded(time).unwrap_or(Duration::MAX)).collect();
            (chunks, Clock::Replayed(speed))
        }
    };
    Timing { chunks, clock }
}

/// A reply read to its end.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: bytes::Bytes,
    /// When each chunk of the body came, since the request was sent.
    chunks: Vec<Duration>,
    /// How many bytes each of them had.
    sizes: Vec<usize>,
    broken: Option<String>,
}

impl Answer {
    /// `200 OK, x-request-id: …`: status and the headers that help to find the request again.
    fn line(&self) -> String {
        let mut line =
            http::StatusCode::from_u16(self.status).map_or_else(|_| self.status.to_string(), |s| s.to_string());
        for (name, value) in &self.headers {
            let name = name.as_str();
            if name.contains("request-id") || name.contains("ratelimit") || name == "retry-after" {
                line.push_str(&format!(", {name}: {}", String::from_utf8_lossy(value.as_bytes())));
            }
        }
        line
    }

    /// Set when retake itself made this reply up because there was none.
    fn made_up(&self) -> Option<(ErrorKind, String)> {
        let kind = ErrorKind::from_name(self.headers.get(upstream::ERROR_HEADER)?.to_str().ok()?)?;
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let message = body["error"]["message"].as_str().map(str::to_owned);
        Some((kind, message.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned())))
    }
}

async fn answer(planned: &Planned, request: &Request, deadline: Instant) -> Result<Answer, upstream::Error> {
    let sent = Instant::now();
    let work = async {
        let mut reply = planned.target.upstream.send(request.clone()).await?;
        let (mut body, mut chunks, mut sizes, mut broken) = (BytesMut::new(), Vec::new(), Vec::new(), None);
        while let Some(chunk) = reply.body.next().await {
            match chunk {
                Ok(bytes) => {
                    chunks.push(sent.elapsed());
                    sizes.push(bytes.len());
                    body.extend_from_slice(&bytes);
                }
                Err(error) => broken = Some(error.message),
            }
        }
        let (status, headers) = (reply.status.as_u16(), reply.headers);
        Ok(Answer { status, headers, body: body.freeze(), chunks, sizes, broken })
    };
    timeout_at(deadline, work).await.unwrap_or_else(|_| {
        Err(upstream::Error::new(ErrorKind::Timeout, "the case's time is over (set it with --timeout)"))
    })
}
