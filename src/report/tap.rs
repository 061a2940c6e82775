//! The Test Anything Protocol, version 14.

use std::fmt::Write as _;

use super::failure::{headline, rerun};
use super::layout::visible_line;
use super::record::{Counts, Entry, Record, failure, place};
use crate::event::{Failure, Outcome};

/// All lines.
pub(super) fn lines(record: &Record<'_>) -> String {
    let mut out = String::from("TAP version 14\n");
    match record.cases.len() {
        0 => out.push_str("1..0 # SKIP no tests ran\n"),
        count => {
            let _ = writeln!(out, "1..{count}");
        }
    }
    for (entry, number) in record.cases.iter().zip(1..) {
        case(&mut out, entry, number);
    }
    for (name, value) in record.proof_rows() {
        let _ = writeln!(out, "# {name}: {}", visible_line(&value));
    }
    if let Some(why) = record.interruption() {
        let _ = writeln!(out, "Bail out! {}", visible_line(&why));
    }
    out
}

fn case(out: &mut String, entry: &Entry<'_>, number: usize) {
    // A known failure is `not ok … # TODO`, which counts as passed.
    let is_ok = matches!(entry.counts(), Counts::Good | Counts::Skipped);
    let directive = match &entry.finished.outcome {
        Outcome::Skipped(reason) => format!(" # SKIP {}", escaped(reason)),
        Outcome::XFailed { reason, .. } | Outcome::XPassed(reason) => format!(" # TODO {}", escaped(reason)),
        _ => String::new(),
    };
    let word = if is_ok { "ok" } else { "not ok" };
    let _ = writeln!(out, "{word} {number} - {}{}", escaped(&entry.id()), directive.trim_end());
    out.push_str("  ---\n");
    let mut member = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name}:{}{value}", if value.starts_with('\n') { "" } else { " " });
    };
    member("duration_ms", &format!("{:.3}", entry.finished.duration.as_secs_f64() * 1e3));
    for (name, value) in [("setup", &entry.finished.case.setup), ("provider", &entry.finished.case.provider)] {
        if !value.is_empty() {
            member(name, &quoted(value));
        }
    }
    if let Some(model) = &entry.finished.case.model {
        member("model", &quoted(model));
    }
    if let Some(failure) = failure(entry.finished) {
        diagnostics(&mut member, entry, failure);
    }
    for (name, files) in
        [("replayed", &entry.finished.recordings.used), ("recorded", &entry.finished.recordings.written)]
    {
        if !files.is_empty() {
            member(name, &list(files));
        }
    }
    out.push_str("  ...\n");
}

fn diagnostics(member: &mut impl FnMut(&str, &str), entry: &Entry<'_>, failure: &Failure) {
    member("message", &quoted(&headline(failure)));
    match entry.counts() {
        Counts::Bad => member("severity", "fail"),
        Counts::Expected => member("severity", "todo"),
        Counts::Good | Counts::Skipped => {}
    }
    member("class", &quoted(failure.class.name()));
    if let Some(place) = place(failure) {
        let at = format!("{{file: {}, line: {}, column: {}}}", quoted(&place.file), place.line, place.column);
        member("at", &at);
    }
    if let Some(command) = rerun(failure, &entry.finished.case.id) {
        member("rerun", &quoted(&command));
    }
    let lines = entry.explained(failure);
    member("trace", &lines.lines().map(|line| format!("\n    - {}", quoted(line))).collect::<String>());
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

/// A description on one line: a `#` would begin a directive.
fn escaped(text: &str) -> String {
    visible_line(text.trim()).replace('\\', r"\\").replace('#', r"\#")
}

/// A text of YAML between double quotes, with what YAML cannot hold as an escape.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
