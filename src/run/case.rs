//! Runs one case, from its first request to its outcome.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::check::{Heard, Mismatch};
use crate::event::{self, Attempt, Call, Captured, Class, Failure, Finding, Outcome, Part, Rate, Recordings, Tries};
use crate::exchange::Request;
use crate::protocol::Asked;
use crate::suite::Step;
use crate::suite::template::Scope;
use crate::upstream::ErrorKind;

use super::answer::{answer, timing};
use super::failure::{Scene, of_message, of_mismatches, of_strict_pass};
use super::judge::{Judged, Look, Unfit, judge};
use super::log::CaseLog;
use super::{CaseEnd, CaseUsage, Halt, Options, Planned, call, class_of, request};

/// The pause between two tries of an `eventually` step: the first value, doubled each time up to the second.
pub(super) const POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// How long the teardown of a case may take after the user stopped the run.
const GRACE: Duration = Duration::from_secs(5);

/// The result of a case.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) rate: Option<Rate>,
    /// What was captured of a case that passed.
    pub(super) captured: Captured,
    /// All attempts to run it.
    pub(super) attempts: Vec<Attempt>,
    /// Its requests and replies in figures.
    pub(super) calls: Vec<Call>,
    /// Protocol rules that its replies broke without failing it.
    pub(super) protocol: Vec<Finding>,
    /// Protocol rules that its provider is known to break, but that its replies kept.
    pub(super) kept_rules: Vec<String>,
    /// Why the teardown failed, if it did.
    pub(super) teardown: Option<Box<Failure>>,
    /// The recordings that answered it, and those that were written.
    pub(super) recordings: Recordings,
    /// Messages for the user.
    pub(super) notices: Vec<String>,
}

impl Done {
    /// A case that did not run, and why.
    pub(super) fn skipped(why: &str) -> Self {
        Done::of(Outcome::Skipped(why.to_owned()))
    }

    /// An outcome without anything else to report.
    pub(super) fn of(outcome: Outcome) -> Self {
        Done {
            outcome,
            rate: None,
            captured: Captured::default(),
            attempts: Vec::new(),
            calls: Vec::new(),
            protocol: Vec::new(),
            kept_rules: Vec::new(),
            teardown: None,
            recordings: Recordings::default(),
            notices: Vec::new(),
        }
    }
}

/// The user stopped the run before the case had an outcome: nothing about it is decided, so nothing is recorded.
pub(super) struct GivenUp {
    /// Why the teardown failed, if it did.
    pub(super) teardown: Option<Box<Failure>>,
}

/// The run must end.
struct Halted;

/// Runs the case, and again after a failure of the transport if the options ask for it; then settles what is below the
/// stack. `rerun` is called for each failure that leads to another run.
pub(super) async fn outcome(
    planned: &Planned,
    options: &Options,
    halt: &Halt,
    rerun: &(dyn Fn(Box<Failure>) + Sync),
) -> Result<Done, GivenUp> {
    let case = &planned.case;
    if let Some(reason) = &case.skip {
        return Ok(Done::skipped(reason));
    }
    let (mut flaky, mut teardown) = (None, None);
    let mut log = CaseLog::new(options.captures);
    let mut left = options.reruns;
    let (failed, rate) = loop {
        let Ok((failed, rate)) = tries(planned, options, halt, &mut teardown, &mut log).await else {
            return Err(GivenUp { teardown });
        };
        match failed {
            Some(Failed { failure, .. }) if left > 0 && is_transport(failure.class) => {
                left -= 1;
                flaky = Some(failure.clone());
                rerun(failure);
                // The recordings of this try do not belong to the case, and its requests do not count.
                planned.target.hooks.finish(&case.id, CaseEnd::Failed).await;
            }
            failed => break (failed, rate),
        }
    };
    let outcome = verdict(planned, failed, flaky);
    let (attempts, calls, (protocol, kept_rules)) = (log.take_attempts(), log.take_calls(), log.take_protocol());
    let captured = match outcome {
        Outcome::Passed | Outcome::Flaky(_) => log.captured(|| planned.target.hooks.printed()),
        _ => Captured::default(),
    };
    let end = match &outcome {
        Outcome::Failed(_) | Outcome::Error(_) => CaseEnd::Failed,
        _ if teardown.is_some() => CaseEnd::Failed,
        Outcome::XFailed { .. } => CaseEnd::FailedAsExpected,
        _ => CaseEnd::Passed,
    };
    let CaseUsage { recordings, notices } = planned.target.hooks.finish(&case.id, end).await;
    Ok(Done { outcome, rate, captured, attempts, calls, protocol, kept_rules, teardown, recordings, notices })
}

/// The outcome that follows from the case's failure, or from its success.
fn verdict(planned: &Planned, failed: Option<Failed>, flaky: Option<Box<Failure>>) -> Outcome {
    let case = &planned.case;
    match (failed, &case.xfail) {
        (None, None) => flaky.map_or(Outcome::Passed, Outcome::Flaky),
        (None, Some(xfail)) if xfail.strict => Outcome::Failed(of_strict_pass(planned, &xfail.reason)),
        (None, Some(xfail)) => Outcome::XPassed(xfail.reason.clone()),
        (Some(Failed { failure, .. }), _) if failure.class == Class::Harness => Outcome::Error(failure),
        // Only an answer can fail as expected: a missing recording or key says nothing about the provider.
        (Some(Failed { failure, .. }), Some(xfail)) if is_answer(failure.class) => {
            Outcome::XFailed { reason: xfail.reason.clone(), failure }
        }
        (Some(Failed { failure, in_setup: true }), _) => Outcome::Error(failure),
        (Some(Failed { failure, .. }), _) => Outcome::Failed(failure),
    }
}

/// Tries until it is certain whether enough tries pass; each has the whole time of a case. All tries belong to one
/// case: an equal request of a later try is answered by the next recording.
async fn tries(
    planned: &Planned,
    options: &Options,
    halt: &Halt,
    teardown: &mut Option<Box<Failure>>,
    log: &mut CaseLog,
) -> Result<(Option<Failed>, Option<Rate>), Halted> {
    let repeat = planned.case.suite.templates[planned.case.template].repeat;
    let (mut passed, mut last) = (0, None);
    for tries in 1.. {
        let (result, torn) = once(planned, options.case_timeout, halt, log).await;
        *teardown = teardown.take().or(torn);
        match result? {
            Ok(()) => passed += 1,
            // Further tries would fail in the same way.
            Err(failed) if !is_answer(failed.failure.class) => return Ok((Some(failed), None)),
            Err(failed) => last = Some(failed),
        }
        let rate = repeat.is_several().then_some(Rate { passed, tries });
        match repeat.decided(passed, tries - passed) {
            None => {}
            Some(true) => return Ok((None, rate)),
            Some(false) => {
                if let (Some(Failed { failure, .. }), true) = (&mut last, repeat.is_several()) {
                    failure.tries = Some(Tries { passed, tries, needed: repeat.needed() });
                }
                return Ok((last, rate));
            }
        }
    }
    Ok((last, None))
}

fn is_transport(class: Class) -> bool {
    matches!(class, Class::ProviderDown | Class::RateLimited)
}

fn is_answer(class: Class) -> bool {
    matches!(class, Class::WrongAnswer | Class::ProtocolViolation | Class::ProviderDown | Class::RateLimited)
}

/// Why a try failed.
struct Failed {
    failure: Box<Failure>,
    /// The setup failed, so the steps of the case did not run.
    in_setup: bool,
}

/// The result of one try, unless the run must end.
type Tried = Result<Result<(), Failed>, Halted>;

/// One try: setup, steps, and in any case the teardown; also returns why the teardown failed, if it did.
async fn once(planned: &Planned, time: Duration, halt: &Halt, log: &mut CaseLog) -> (Tried, Option<Box<Failure>>) {
    log.begin();
    let mut scope = planned.case.scope();
    let result = tokio::select! {
        biased;
        () = halt.called() => Err(Halted),
        result = ahead(planned, &mut scope, Instant::now() + time, log) => Ok(result),
    };
    (result, torn_down(planned, scope, time, halt, log).await)
}

/// Setup and steps.
async fn ahead(planned: &Planned, scope: &mut Scope, deadline: Instant, log: &mut CaseLog) -> Result<(), Failed> {
    let template = planned.case.template();
    for (part, of_part) in [(Part::Setup, &template.setup), (Part::Call, &template.steps)] {
        let began = Instant::now();
        let result = steps(planned, (part, of_part), scope, deadline, log).await;
        if !of_part.is_empty() {
            log.took(part, began.elapsed());
        }
        result.map_err(|failure| Failed { failure, in_setup: part == Part::Setup })?;
    }
    Ok(())
}

/// Runs every step of the teardown, even after one fails; returns the first failure.
async fn torn_down(
    planned: &Planned,
    mut scope: Scope,
    time: Duration,
    halt: &Halt,
    log: &mut CaseLog,
) -> Option<Box<Failure>> {
    // The case may have used up its time: the teardown gets the same time again.
    let began = Instant::now();
    let deadline = began + time;
    let mut over = std::pin::pin!(async {
        halt.called().await;
        sleep(GRACE).await;
    });
    let mut torn = None;
    for step in &planned.case.template().teardown {
        // A value that was never captured belongs to something that was never made: there is nothing to remove.
        if !step.request.is_bound(&scope) {
            continue;
        }
        let result = tokio::select! {
            result = steps(planned, (Part::Teardown, std::slice::from_ref(step)), &mut scope, deadline, log) => result,
            () = &mut over => {
                let scene = Scene { planned, step, part: Part::Teardown, request: None, reply: None };
                let late = format!("not done within {} s of the interruption", GRACE.as_secs());
                return torn.or(Some(of_message(&scene, Class::ProviderDown, &late)));
            }
        };
        torn = torn.or(result.err());
    }
    if !planned.case.template().teardown.is_empty() {
        log.took(Part::Teardown, began.elapsed());
    }
    torn
}

/// Runs the steps in order and collects what they capture; stops at the first failure.
async fn steps(
    planned: &Planned,
    (part, steps): (Part, &[Step]),
    scope: &mut Scope,
    deadline: Instant,
    log: &mut CaseLog,
) -> Result<(), Box<Failure>> {
    for step in steps {
        let until = step.eventually.map(|time| Instant::now() + time);
        let mut pause = POLL.0;
        let scene = Scene { planned, step, part, request: None, reply: None };
        let begun = planned.target.hooks.begin(&planned.case, &step.faults);
        begun.map_err(|message| of_message(&scene, Class::Harness, &message))?;
        loop {
            match attempt(planned, (part, step), scope, deadline, log).await {
                Ok(captured) => {
                    scope.extend(captured);
                    break;
                }
                Err(failure) => {
                    // Polling waits for a state to be reached; it cannot supply a missing recording or key.
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

/// Sends one request and checks the reply; returns what is captured.
async fn attempt(
    planned: &Planned,
    (part, step): (Part, &Step),
    scope: &Scope,
    deadline: Instant,
    log: &mut CaseLog,
) -> Result<Scope, Box<Failure>> {
    let (case, target) = (&planned.case, &planned.target);
    let scene = Scene { planned, step, part, request: None, reply: None };
    let request = request::build(&step.request, scope, case.client, target.direct, &case.id)
        .map_err(|message| of_message(&scene, Class::Harness, &message))?;
    let mut call = call::begun(&request, (part, step), log.attempt());
    let scene = Scene { request: Some(&request), ..scene };
    let came = exchanged((scene, &request), scope, deadline, log, &mut call).await;
    log.called(call);
    came
}

/// Sends the request and checks the reply; fills in `call` as far as it came.
async fn exchanged(
    (mut scene, request): (Scene<'_>, &Request),
    scope: &Scope,
    deadline: Instant,
    log: &mut CaseLog,
    call: &mut Call,
) -> Result<Scope, Box<Failure>> {
    let Scene { planned, step, .. } = scene;
    let (case, target) = (&planned.case, &planned.target);
    // Requests without an answer in earlier steps were reported there.
    let known = target.hooks.troubles(&case.id).len();
    let answer = answer(planned, request, deadline).await;
    if let Some(trouble) = target.hooks.troubles(&case.id).into_iter().nth(known) {
        let failure = of_message(&scene, class_of(trouble.kind), &trouble.message);
        return Err(Box::new(Failure { nearest: target.hooks.nearest(&case.id, known), ..*failure }));
    }
    let lost = |kind| matches!(kind, ErrorKind::Broken | ErrorKind::Connect);
    if step.expect.may_break() && answer.as_ref().is_err_and(|error| lost(error.kind)) {
        return Ok(Scope::new());
    }
    let answer = Arc::new(answer.map_err(|error| of_message(&scene, class_of(error.kind), &error.message))?);
    let replayed = target.hooks.replayed(&case.id);
    let timing = timing(&answer, replayed.as_ref());
    let times = timing.chunks.clone();
    // Put together only when somebody sees it.
    let told = || answer.to_event(&times, replayed.as_ref().map(|replayed| replayed.recording.clone()));
    if let Some((kind, message)) = answer.made_up() {
        if step.expect.may_break() && lost(kind) {
            return Ok(Scope::new());
        }
        scene.reply = Some(told());
        return Err(of_message(&scene, class_of(kind), &message));
    }
    call::answered(call, &answer, &times, replayed.as_ref());
    let (scope, policy, heard) = (scope.clone(), planned.policy.clone(), heard(planned, step));
    let asked = Asked::new(request.method.as_str(), &request.endpoint, &request.body).known_as(&policy.aliases);
    let model = asked.model().map(str::to_owned);
    let look = Look { scope, answer: Arc::clone(&answer), asked, timing, policy, heard };
    let judged = judge(step, look, deadline).await;
    call::judged(call, &judged, model.as_deref(), &target.price);
    let Judged { protocol, model, is_silent, came, .. } = judged;
    log.found(protocol, target.direct);
    let told = || event::Reply { model: model.clone(), ..told() };
    let captured = came.map_err(|unfit| {
        let body = || String::from_utf8_lossy(&answer.body).into_owned();
        let wants_body = matches!(&unfit, Unfit::Mismatches(all) if is_silent && all.iter().any(is_of_text));
        scene.reply = Some(event::Reply { body: wants_body.then(body), ..told() });
        match unfit {
            Unfit::Mismatches(mismatches) => of_mismatches(&scene, &mismatches, answer.status),
            Unfit::Uncaptured(why) => of_message(&scene, Class::WrongAnswer, &why),
            Unfit::GivenUp(why) => of_message(&scene, Class::Harness, &why),
        }
    })?;
    log.keep(|| {
        scene.reply = Some(told());
        scene.exchange()
    });
    Ok(captured)
}

/// What providers answered behind the gateway. What a fault cut off is no word of theirs.
fn heard(planned: &Planned, step: &Step) -> Vec<Heard> {
    let policy = &planned.policy;
    let of_provider = |heard: Heard| Heard { asked: heard.asked.known_as(&policy.aliases), ..heard };
    let heard = planned.target.hooks.heard(&planned.case.id).into_iter();
    heard.filter(|_| step.faults.is_empty()).map(of_provider).collect()
}

fn is_of_text(mismatch: &Mismatch) -> bool {
    mismatch.path == "text" || mismatch.path.starts_with("tool_calls")
}
