//! Annotations of GitHub on the lines of the suites: workflow commands on stdout.

use std::fmt::Write as _;

use super::failure::{headline, rerun};
use super::layout::visible;
use super::record::{Counts, Entry, Record, failure, place};
use crate::event::{Failure, Outcome};

/// How many errors, and how many warnings, GitHub shows of a step.
const MOST: usize = 10;
/// How many characters of a message are kept.
const MOST_CHARACTERS: usize = 2_000;

/// The commands: errors for failures, then warnings, and one note that counts what is not among them. `folder` is where
/// the working directory lies below the root of the repository.
pub(super) fn annotations(record: &Record<'_>, folder: &str) -> String {
    let mut out = String::new();
    let bad: Vec<&Entry<'_>> = record.cases.iter().filter(|entry| entry.counts() == Counts::Bad).collect();
    let is_odd = |entry: &&Entry<'_>| matches!(entry.finished.outcome, Outcome::Flaky(_) | Outcome::XPassed(_));
    let odd: Vec<&Entry<'_>> = record.cases.iter().filter(is_odd).collect();
    let stopped = record.interruption();
    for entry in bad.iter().take(MOST) {
        command(&mut out, "error", entry, folder);
    }
    // A run that was stopped is the first thing to know of it.
    if let Some(why) = &stopped {
        let _ = writeln!(out, "::warning title=retake::{}", data(&format!("not every case was run: {why}")));
    }
    let room = MOST - usize::from(stopped.is_some());
    for entry in odd.iter().take(room) {
        command(&mut out, "warning", entry, folder);
    }
    let left = [(bad.len().saturating_sub(MOST), "failure"), (odd.len().saturating_sub(room), "warning")];
    let left = left.iter().filter(|(count, _)| *count > 0);
    let left: Vec<String> =
        left.map(|(count, what)| format!("{count} more {what}{}", if *count == 1 { "" } else { "s" })).collect();
    if !left.is_empty() {
        let text = format!("and {}: the summary of the job and the log have them", left.join(" and "));
        let _ = writeln!(out, "::notice title=retake::{}", data(&text));
    }
    out
}

fn command(out: &mut String, level: &str, entry: &Entry<'_>, folder: &str) {
    let case = &entry.finished.case;
    let place = failure(entry.finished).and_then(place).filter(|place| place.line > 0);
    let (file, line) = place.map_or((case.suite.as_str(), case.line), |place| (place.file.as_str(), place.line));
    // A session may have no file.
    let mut at = match file {
        "" => String::new(),
        file if file.starts_with('/') => format!("file={},line={},", property(file), line.max(1)),
        file => format!("file={},line={},", property(&format!("{folder}{file}")), line.max(1)),
    };
    if let Some(place) = place.filter(|place| place.column > 0) {
        let _ = write!(at, "col={},", place.column);
        if place.width > 0 {
            let _ = write!(at, "endColumn={},", place.column as usize + place.width);
        }
    }
    let text: String = message(entry).chars().take(MOST_CHARACTERS).collect();
    let _ = writeln!(out, "::{level} {at}title={}::{}", property(&entry.name()), data(&text));
}

fn message(entry: &Entry<'_>) -> String {
    let with_rerun = |failure: &Failure, text: String| match rerun(failure, &entry.finished.case.id) {
        Some(command) => format!("{text}\nrerun: {command}"),
        None => text,
    };
    match &entry.finished.outcome {
        Outcome::XPassed(reason) => format!("it passed although a failure was expected: {reason}"),
        Outcome::Flaky(failure) => {
            with_rerun(failure, format!("it passed when it was run again: {}", headline(failure)))
        }
        _ => failure(entry.finished).map_or_else(String::new, |failure| with_rerun(failure, headline(failure))),
    }
}

/// The text of a command.
fn data(text: &str) -> String {
    visible(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
