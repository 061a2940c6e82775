//! Describes a step, and why it failed, as data.

use crate::check::{Mismatch, MismatchKind};
use crate::event::{self, Class, Excerpt, Exchange, Failure, Part, Problem, Texts};
use crate::exchange::Request;
use crate::suite::Step;
use crate::yaml::{self, Place, Source};

use super::Planned;

/// A step and what is known about it.
pub(super) struct Scene<'a> {
    pub(super) planned: &'a Planned,
    pub(super) step: &'a Step,
    pub(super) part: Part,
    pub(super) request: Option<&'a Request>,
    pub(super) reply: Option<event::Reply>,
}

/// A failure of the checks.
pub(super) fn of_mismatches(scene: &Scene<'_>, mismatches: &[Mismatch], status: u16) -> Box<Failure> {
    let class = match status {
        429 => Class::RateLimited,
        500..=599 => Class::ProviderDown,
        _ if mismatches.iter().any(|mismatch| mismatch.kind == MismatchKind::ProtocolViolation) => {
            Class::ProtocolViolation
        }
        _ => Class::WrongAnswer,
    };
    let told = mismatches.iter().map(|mismatch| event::Mismatch {
        // The protocol's rules have no place in the file, so the step itself is shown.
        place: match mismatch.place == Place::default() {
            true => scene.place(),
            false => excerpt(&scene.step.source, mismatch.place),
        },
        path: mismatch.path.clone(),
        expected: mismatch.expected.clone(),
        actual: mismatch.actual.clone(),
        texts: mismatch
            .texts
            .as_ref()
            .map(|texts| Texts { expected: texts.expected.clone(), actual: texts.actual.clone() }),
    });
    scene.failure(class, Problem::Mismatches(told.collect()))
}

/// A failure without a check: no answer, or a problem below the stack.
pub(super) fn of_message(scene: &Scene<'_>, class: Class, message: &str) -> Box<Failure> {
    scene.failure(class, Problem::Message(message.to_owned()))
}

/// The failure of a case that passed although it was strictly expected to fail.
pub(super) fn of_strict_pass(planned: &Planned, reason: &str) -> Box<Failure> {
    let (problem, rerun) = (Problem::StrictPass(reason.to_owned()), planned.target.rerun.clone());
    Box::new(Failure { problem, rerun, ..Failure::default() })
}

impl Scene<'_> {
    /// The request and the reply.
    pub(super) fn exchange(&self) -> Exchange {
        Exchange {
            part: self.part,
            step: self.step.name.clone(),
            request: self.request.map(|request| self.planned.target.address.by_hand(request)),
            reply: self.reply.clone(),
        }
    }

    fn place(&self) -> Excerpt {
        excerpt(&self.step.source, self.step.place)
    }

    fn failure(&self, class: Class, problem: Problem) -> Box<Failure> {
        let target = &self.planned.target;
        Box::new(Failure {
            class,
            part: self.part,
            problem,
            step: Some(self.place()),
            tries: None,
            nearest: None,
            exchange: Some(self.exchange()),
            printed: target.hooks.printed(),
            rerun: target.rerun.clone(),
            record: target.record.clone(),
        })
    }
}

/// An excerpt of a file at this place.
fn excerpt(file: &Source, place: Place) -> Excerpt {
    let found = yaml::Error::of(file, place, "");
    let index = found.place.line.saturating_sub(1) as usize;
    Excerpt {
        file: file.name.clone(),
        line: found.place.line,
        column: found.place.column,
        width: found.width,
        text: file.text.lines().nth(index).unwrap_or_default().to_owned(),
    }
}
