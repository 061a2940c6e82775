//! The checks of a step, where they can be left behind.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::check::{self, Mismatch, Observed, Seen, Timing};
use crate::suite::template::Scope;
use crate::suite::{Capture, Expect, Step};

use super::answer::Answer;

/// Why a step does not go on.
pub(super) enum Unfit {
    /// The reply is not what is expected.
    Mismatches(Vec<Mismatch>),
    /// There is nothing to capture.
    Uncaptured(String),
    /// The checks did not come to an end.
    GivenUp(String),
}

/// Checks a reply; what is captured of it. What may take long happens on a thread that nobody waits for longer than
/// until `deadline`, or until the run is told to end: nothing can stop a schema that refers to itself without end, or a
/// matcher of the project's own, but the thread ends with the program.
pub(super) async fn judge(
    step: &Step,
    scope: &Scope,
    answer: &Arc<Answer>,
    timing: Timing,
    deadline: Instant,
) -> Result<Scope, Unfit> {
    if check::is_quick(&step.expect, answer.body.len()) {
        return judged(&step.expect, &step.capture, scope, answer, timing);
    }
    let (expect, capture, scope) = (step.expect.clone(), step.capture.clone(), scope.clone());
    let theirs = Arc::clone(answer);
    let work = tokio::task::spawn_blocking(move || judged(&expect, &capture, &scope, &theirs, timing));
    match timeout_at(deadline, work).await {
        Ok(Ok(judged)) => judged,
        Ok(Err(gone)) => match gone.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the program takes away what has not begun.
            Err(_) => std::future::pending().await,
        },
        Err(_) => Err(Unfit::GivenUp(format!(
            "the checks were given up: they had not come to an end on this reply of {} bytes when the case's time was over \
             (set it with --timeout)",
            answer.body.len()
        ))),
    }
}

fn judged(
    expect: &Expect,
    capture: &[Capture],
    scope: &Scope,
    answer: &Answer,
    timing: Timing,
) -> Result<Scope, Unfit> {
    let (headers, broken) = (&answer.headers, answer.broken.as_deref());
    let seen = Seen::new(Observed { status: answer.status, headers, body: &answer.body, broken, timing });
    let verdict = check::check(expect, scope, &seen);
    if !verdict.mismatches.is_empty() {
        return Err(Unfit::Mismatches(verdict.mismatches));
    }
    let mut captured = Scope::new();
    for capture in capture {
        let value = seen
            .capture(&capture.from)
            .map_err(|why| Unfit::Uncaptured(format!("nothing to capture as `{}`: {why}", capture.name)))?;
        captured.insert(capture.name.clone(), value);
    }
    Ok(captured)
}
