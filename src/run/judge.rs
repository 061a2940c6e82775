//! Runs the checks of a step where they can be abandoned.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::check::{self, Heard, Mismatch, Observed, Seen, Timing};
use crate::protocol::{Asked, Policy, Weighed};
use crate::suite::template::Scope;
use crate::suite::{Capture, Expect, Step};

use super::answer::Answer;

/// The input of the checks.
pub(super) struct Look {
    pub(super) scope: Scope,
    pub(super) answer: Arc<Answer>,
    pub(super) asked: Asked,
    pub(super) timing: Timing,
    pub(super) policy: Policy,
    /// What providers answered behind a gateway.
    pub(super) heard: Vec<Heard>,
}

/// The result of the checks.
pub(super) struct Judged {
    /// Protocol rules that the reply breaks.
    pub(super) protocol: Weighed,
    /// The model that answered, as its provider calls it; several, where its reply names several.
    pub(super) model: Option<String>,
    /// Why the model stopped, as the reply says; several, where its choices differ.
    pub(super) finish_reason: Option<String>,
    /// Whether the answer has no text.
    pub(super) is_silent: bool,
    /// What is captured of the reply.
    pub(super) came: Result<Scope, Unfit>,
}

/// Why a step fails.
pub(super) enum Unfit {
    /// The reply does not meet the expectations.
    Mismatches(Vec<Mismatch>),
    /// A value to capture is missing.
    Uncaptured(String),
    /// The checks did not end in time.
    GivenUp(String),
}

/// Checks a reply. Checks that may take long run on another thread, which is abandoned at `deadline`, or when the run
/// must end: nothing can stop a schema that refers to itself endlessly, or a matcher of the user's. The thread ends
/// with the program.
pub(super) async fn judge(step: &Step, look: Look, deadline: Instant) -> Judged {
    let length = look.heard.iter().map(|heard| heard.body.len()).fold(look.answer.body.len(), usize::max);
    if check::is_quick(&step.expect, length) {
        return judged(&step.expect, &step.capture, look);
    }
    let (expect, capture) = (step.expect.clone(), step.capture.clone());
    let work = tokio::task::spawn_blocking(move || judged(&expect, &capture, look));
    match timeout_at(deadline, work).await {
        Ok(Ok(judged)) => judged,
        Ok(Err(gone)) => match gone.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Work that has not begun is cancelled only when the program ends.
            Err(_) => std::future::pending().await,
        },
        Err(_) => Judged {
            protocol: Weighed::default(),
            model: None,
            finish_reason: None,
            is_silent: false,
            came: Err(Unfit::GivenUp(format!(
                "the checks were given up: they had not come to an end on this reply of {length} bytes when the case's time \
                 was over (set it with --timeout)"
            ))),
        },
    }
}

fn judged(expect: &Expect, capture: &[Capture], look: Look) -> Judged {
    let Look { scope, answer, asked, timing, policy, heard } = look;
    let seen = Seen::new(Observed { heard: &heard, model: answer.model(), ..answer.observed(timing, asked) });
    let verdict = check::check(expect, &scope, &seen, &policy);
    let came = match verdict.mismatches.is_empty() {
        true => captured(capture, &seen),
        false => Err(Unfit::Mismatches(verdict.mismatches)),
    };
    let (model, finish_reason) = named(&seen);
    Judged { protocol: verdict.protocol, model, finish_reason, is_silent: seen.is_silent(), came }
}

/// The model that answered, and why it stopped.
pub(super) fn named(seen: &Seen<'_>) -> (Option<String>, Option<String>) {
    let joined = |words: Vec<String>| Some(words).filter(|words| !words.is_empty()).map(|words| words.join(", "));
    (joined(seen.models()), joined(seen.finish_reasons()))
}

fn captured(capture: &[Capture], seen: &Seen<'_>) -> Result<Scope, Unfit> {
    let mut captured = Scope::new();
    for capture in capture {
        let value = seen
            .capture(&capture.from)
            .map_err(|why| Unfit::Uncaptured(format!("nothing to capture as `{}`: {why}", capture.name)))?;
        captured.insert(capture.name.clone(), value);
    }
    Ok(captured)
}
