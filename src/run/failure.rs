//! A failure as an account that teaches: where, what was expected, what came, how to try it again.

use std::fmt::Write as _;

use crate::check::{Fault, Mismatch};
use crate::diff::Diff;
use crate::event::{Class, Detail, Failure};
use crate::exchange::Request;
use crate::suite::Step;
use crate::yaml::{self, Place};

use super::Planned;
use super::request::{curl, quote};

/// What is known of the step that failed.
pub(super) struct Scene<'a> {
    pub(super) planned: &'a Planned,
    pub(super) step: &'a Step,
    pub(super) request: Option<&'a Request>,
    /// Status line and the headers worth showing.
    pub(super) reply: Option<String>,
    /// The end of a stream.
    pub(super) stream: Vec<String>,
}

/// A failure of checks.
pub(super) fn of_mismatches(scene: &Scene<'_>, mismatches: &[Mismatch], status: u16) -> Failure {
    let class = match status {
        429 => Class::RateLimited,
        500..=599 => Class::ProviderDown,
        _ if mismatches.iter().any(|mismatch| mismatch.fault == Fault::ProtocolViolation) => Class::ProtocolViolation,
        _ => Class::WrongAnswer,
    };
    let summary = mismatches.first().map_or_else(String::new, |first| {
        class.before(&format!("{}: expected {}, got {}", first.path, first.expected, first.actual))
    });
    let mut details = Vec::new();
    for mismatch in mismatches {
        let file = &scene.step.source;
        let reason = format!("{} does not hold", mismatch.path);
        // What every reply must be stands nowhere in the file: the step is shown.
        let place = if mismatch.place == Place::default() { scene.step.place } else { mismatch.place };
        let shown = yaml::Error::of(file, place, reason).render(false);
        // Between two of them stands an empty line.
        let gap = if details.is_empty() { "" } else { "\n" };
        let mut lines = format!("{gap}{}\n  path:     {}", shown.trim_end(), mismatch.path);
        let diff = mismatch.texts.as_ref().and_then(|texts| Diff::of(&texts.expected, &texts.actual));
        if diff.is_none() {
            let _ = write!(lines, "\n  expected: {}\n  actual:   {}", mismatch.expected, mismatch.actual);
        }
        details.push(Detail::Lines(lines));
        details.extend(diff.map(Detail::Diff));
    }
    finish(scene, class, summary, details)
}

/// A failure that is no check's: no answer, or trouble below the stack.
pub(super) fn of_message(scene: &Scene<'_>, class: Class, message: &str) -> Failure {
    let first = message.lines().next().unwrap_or_default();
    let file = &scene.step.source;
    let shown = yaml::Error::of(file, scene.step.place, format!("{}: {first}", class.name()));
    let mut details = format!("{}\n", shown.render(false).trim_end());
    for line in message.lines().skip(1) {
        let _ = writeln!(details, "  {line}");
    }
    if let Some(record) = &scene.planned.target.record {
        // A stack that runs elsewhere has said itself how it records.
        let what = match class {
            Class::MissingRecording => "to record it",
            Class::StaleRecording => "to record it anew",
            _ => "",
        };
        if !what.is_empty() && !message.contains("\n  to record it") {
            let _ = writeln!(details, "    {what}: {record} -k {}", quote(&scene.planned.case.id));
        }
    }
    let details = details.trim_end().to_owned();
    finish(scene, class, class.before(first), vec![Detail::Lines(details)])
}

impl Scene<'_> {
    /// What was asked and what came, a line each.
    pub(super) fn exchange(&self) -> String {
        let target = &self.planned.target;
        let mut lines = String::new();
        if let Some(name) = &self.step.name {
            let _ = writeln!(lines, "  step:     {name}");
        }
        if let Some(reply) = &self.reply {
            let _ = writeln!(lines, "  reply:    {reply}");
        }
        for (index, line) in self.stream.iter().enumerate() {
            let _ = writeln!(lines, "  {:<9} {line}", if index == 0 { "stream:" } else { "" });
        }
        if let Some(request) = self.request {
            if let Some(start) = &target.address.start {
                let _ = writeln!(lines, "  start:    {start}");
            }
            let _ = writeln!(lines, "  request:  {}", curl(request, &target.address.base));
        }
        lines
    }
}

fn finish(scene: &Scene<'_>, class: Class, summary: String, details: Vec<Detail>) -> Failure {
    let target = &scene.planned.target;
    let mut context = scene.exchange();
    if let Some(text) = target.hooks.printed() {
        let lines = text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        let _ = write!(context, "  the stack printed:\n{lines}");
    }
    let rerun = format!("{} -k {}", target.rerun, quote(&scene.planned.case.id));
    Failure { class, summary, details, context: context.trim_end().to_owned(), rerun }
}
