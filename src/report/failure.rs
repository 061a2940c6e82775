//! Explains a failure: the place, what was expected, what came, and how to run it again.

use std::fmt::Write as _;

use super::exchange::{lines, quote};
use crate::diff::Diff;
use crate::event::{Class, Excerpt, Failure, Mismatch, Part, Problem};
use crate::yaml::{self, Place, Source};

/// A part of the explanation.
#[derive(Debug)]
pub(super) enum Detail {
    /// Lines ready to print.
    Lines(String),
    /// The difference between expected and actual value.
    Diff(Diff),
}

/// The failure in one line.
pub(crate) fn headline(failure: &Failure) -> String {
    let words = match &failure.problem {
        Problem::Mismatches(mismatches) => mismatches.first().map_or_else(String::new, |first| {
            worded(failure.class, &format!("{}: expected {}, got {}", first.path, first.expected, first.actual))
        }),
        Problem::Message(message) => worded(failure.class, message.lines().next().unwrap_or_default()),
        Problem::StrictPass(reason) => strict_pass(reason),
    };
    match failure.part {
        Part::Call => words,
        part => format!("{}: {words}", part.name()),
    }
}

/// The class before the text, unless the text says it all.
fn worded(class: Class, words: &str) -> String {
    match class {
        Class::WrongAnswer => words.to_owned(),
        other => format!("{}: {words}", other.name()),
    }
}

fn strict_pass(reason: &str) -> String {
    format!("[XPASS(strict)] {reason}")
}

/// The expected and the actual values, with each expectation underlined in its file. `id` is the case's id.
pub(super) fn details(failure: &Failure, id: &str) -> Vec<Detail> {
    let mut details = Vec::new();
    if let Some(tries) = failure.tries {
        details.push(Detail::Lines(format!(
            "{} of {} tries passed, at least {} must; the last failed so:",
            tries.passed, tries.tries, tries.needed
        )));
    }
    if failure.part != Part::Call {
        details.push(Detail::Lines(format!("In {}:", failure.part.name())));
    }
    match &failure.problem {
        Problem::Mismatches(mismatches) => {
            for (index, mismatch) in mismatches.iter().enumerate() {
                // An empty line separates two mismatches.
                details.extend(of_mismatch(mismatch, if index == 0 { "" } else { "\n" }));
            }
        }
        Problem::Message(message) => details.push(Detail::Lines(of_message(failure, message, id))),
        Problem::StrictPass(reason) => details.push(Detail::Lines(strict_pass(reason))),
    }
    details
}

fn of_mismatch(mismatch: &Mismatch, gap: &str) -> Vec<Detail> {
    let shown = snippet(&mismatch.place, format!("{} does not hold", mismatch.path));
    let mut lines = format!("{gap}{}\n  path:     {}", shown.trim_end(), mismatch.path);
    let diff = mismatch.texts.as_ref().and_then(|texts| Diff::of(&texts.expected, &texts.actual));
    if diff.is_none() {
        let _ = write!(lines, "\n  expected: {}\n  actual:   {}", mismatch.expected, mismatch.actual);
    }
    std::iter::once(Detail::Lines(lines)).chain(diff.map(Detail::Diff)).collect()
}

fn of_message(failure: &Failure, message: &str, id: &str) -> String {
    let title = worded(failure.class, message.lines().next().unwrap_or_default());
    let mut details = match &failure.step {
        Some(step) => snippet(step, title).trim_end().to_owned(),
        None => title,
    };
    for line in message.lines().skip(1) {
        let _ = write!(details, "\n  {line}");
    }
    if let Some((what, command)) = record(failure, message, id) {
        let _ = write!(details, "\n    {what}: {command}");
    }
    details
}

/// The command that records what is missing, with what it is for.
pub(super) fn record(failure: &Failure, message: &str, id: &str) -> Option<(&'static str, String)> {
    let what = match failure.class {
        Class::MissingRecording => "to record it",
        Class::StaleRecording => "to record it anew",
        _ => return None,
    };
    // A stack elsewhere has already said how it records.
    let record = failure.record.as_ref().filter(|_| !message.contains("\n  to record it"))?;
    Some((what, format!("{record} -k {}", quote(id))))
}

/// A line of the user's file with a caret under the place.
fn snippet(place: &Excerpt, reason: String) -> String {
    // The lines before it are not shown, but they count for the line number.
    let lines_before = "\n".repeat(place.line.saturating_sub(1) as usize);
    let file = Source { name: place.file.clone(), text: format!("{lines_before}{}", place.text).into() };
    let at = Place { line: place.line, column: place.column };
    yaml::Error::at(&file, at, place.width, reason).render(false)
}

/// Further information: the exchange, and what the stack printed.
pub(super) fn context(failure: &Failure) -> String {
    let mut context = failure.exchange.as_ref().map_or_else(String::new, lines);
    if let Some(text) = &failure.printed {
        context.push_str("  the stack printed:\n");
        text.lines().for_each(|line| {
            let _ = writeln!(context, "    {line}");
        });
    }
    context.trim_end().to_owned()
}

/// The command that runs this case alone.
pub(super) fn rerun(failure: &Failure, id: &str) -> Option<String> {
    (!failure.rerun.is_empty()).then(|| format!("{} -k {}", failure.rerun, quote(id)))
}
