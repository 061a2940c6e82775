//! A table of models and what they can do, the failures, and what the run rests on: for a comment on a pull request.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::failure::{headline, rerun};
use super::kind::Rendered;
use super::layout::{session_duration, visible_line};
use super::record::{Counts, Entry, Record, failure};
use crate::event::{CaseRef, Outcome};

/// The most of a comment on GitHub is 65,536 characters.
pub(super) const MOST_OF_COMMENT: usize = 60_000;
/// How many columns and rows the table has.
const MOST_COLUMNS: usize = 12;
const MOST_ROWS: usize = 60;
/// Characters of a failure's first line.
const MOST_CHARACTERS: usize = 400;
/// What stays free for the lines that count what was left out.
const RESERVE: usize = 400;

/// The counts of a cell of the table.
#[derive(Default)]
struct Cell {
    good: usize,
    bad: usize,
    skipped: usize,
    expected: usize,
}

/// The whole page, of at most `most` bytes.
pub(super) fn page(record: &Record<'_>, most: usize) -> Rendered {
    let mut out = head(record);
    let proof = proof(record);
    let room = most.saturating_sub(proof.len() + RESERVE);
    let mut left_out = Vec::new();
    let table = matrix(record);
    if out.len() + table.len() <= room {
        out.push_str(&table);
    } else {
        left_out.push("the table".to_owned());
    }
    left_out.extend(failures(&mut out, record, room));
    if out.len() + proof.len() + RESERVE <= most {
        out.push_str(&proof);
    } else {
        left_out.push("what the run rests on".to_owned());
    }
    let cut = (!left_out.is_empty()).then(|| format!("{} did not fit", left_out.join(" and ")));
    if let Some(cut) = &cut {
        let _ = write!(out, "\n_Cut to stay below {most} bytes: {cut}._\n");
    }
    if out.len() > most {
        let end = (0..=most).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
        out.truncate(end);
    }
    Rendered { text: out, cut }
}

fn head(record: &Record<'_>) -> String {
    let mark = match record.tally.bad() {
        0 if record.tally.done() == 0 || record.interrupted.is_some() => "⚠️",
        0 => "✅",
        _ => "❌",
    };
    let time = session_duration(record.duration);
    let mut out = format!("### {mark} retake: {} in {time}\n", record.counted());
    if let Some(why) = record.interruption() {
        let _ = writeln!(out, "\n**Not every case was run:** {}", code(&why));
    }
    out
}

/// Capabilities, or templates where no case needs one, by model.
fn matrix(record: &Record<'_>) -> String {
    if record.cases.is_empty() {
        return String::new();
    }
    let by_capability = record.cases.iter().any(|entry| !entry.finished.case.capabilities.is_empty());
    let mut columns: Vec<String> = record.cases.iter().map(|entry| column(&entry.finished.case)).collect();
    columns.sort();
    columns.dedup();
    let mut rows: BTreeMap<(bool, &str), BTreeMap<String, Cell>> = BTreeMap::new();
    for entry in &record.cases {
        let case = &entry.finished.case;
        let names: Vec<(bool, &str)> = match (by_capability, case.capabilities.is_empty()) {
            (true, false) => case.capabilities.iter().map(|name| (false, name.as_str())).collect(),
            // What needs no capability comes last.
            (true, true) => vec![(true, "nothing in particular")],
            _ => vec![(false, case.template.as_str())],
        };
        for name in names {
            rows.entry(name).or_default().entry(column(case)).or_default().count(entry.counts());
        }
    }
    let (all_columns, all_rows) = (columns.len(), rows.len());
    columns.truncate(MOST_COLUMNS);
    let what = if by_capability { "capability" } else { "case" };
    let mut out = format!("\n| {what} |");
    columns.iter().for_each(|column| {
        let _ = write!(out, " {} |", code(column));
    });
    let _ = writeln!(out, "\n|---|{}", "---|".repeat(columns.len()));
    for ((_, name), cells) in rows.into_iter().take(MOST_ROWS) {
        let _ = write!(out, "| {} |", code(name));
        for column in &columns {
            let _ = write!(out, " {} |", cells.get(column).map(Cell::text).unwrap_or_default());
        }
        out.push('\n');
    }
    let more = [(all_columns.saturating_sub(MOST_COLUMNS), "models"), (all_rows.saturating_sub(MOST_ROWS), "rows")];
    for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(out, "\nand {count} more {what}");
    }
    out.push_str("\n✅ passed, ❌ failed, 🟡 failed as expected, ⏭️ skipped\n");
    out
}

/// The model with its provider; the provider alone where a case names no model.
fn column(case: &CaseRef) -> String {
    match &case.model {
        Some(model) if model.starts_with(&format!("{}/", case.provider)) => model.clone(),
        Some(model) => format!("{}/{model}", case.provider),
        None if case.provider.is_empty() => "no provider".to_owned(),
        None => case.provider.clone(),
    }
}

impl Cell {
    fn count(&mut self, counts: Counts) {
        match counts {
            Counts::Good => self.good += 1,
            Counts::Bad => self.bad += 1,
            Counts::Skipped => self.skipped += 1,
            Counts::Expected => self.expected += 1,
        }
    }

    fn text(&self) -> String {
        let parts = [(self.bad, "❌"), (self.good, "✅"), (self.expected, "🟡"), (self.skipped, "⏭️")];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, mark)| format!("{mark} {count}"));
        parts.collect::<Vec<_>>().join(" ")
    }
}

/// Adds the failures and what is odd, as far as there is room; returns what did not fit.
fn failures(out: &mut String, record: &Record<'_>, room: usize) -> Option<String> {
    let bad: Vec<&Entry<'_>> = record.cases.iter().filter(|entry| entry.counts() == Counts::Bad).collect();
    let is_odd = |entry: &&Entry<'_>| matches!(entry.finished.outcome, Outcome::Flaky(_) | Outcome::XPassed(_));
    let odd: Vec<&Entry<'_>> = record.cases.iter().filter(is_odd).collect();
    let mut left = 0;
    for (title, entries) in [("Failures", bad), ("Worth a look", odd)] {
        if entries.is_empty() {
            continue;
        }
        let _ = write!(out, "\n#### {title}\n\n");
        for entry in entries {
            let text = item(entry);
            if left == 0 && out.len() + text.len() <= room {
                out.push_str(&text);
            } else {
                left += 1;
            }
        }
    }
    if left > 0 {
        let _ = writeln!(out, "- and {left} more");
    }
    (left > 0).then(|| format!("{left} failures"))
}

fn item(entry: &Entry<'_>) -> String {
    let why = match &entry.finished.outcome {
        Outcome::XPassed(reason) => format!("passed although a failure was expected: {reason}"),
        Outcome::Flaky(failure) => format!("passed when it was run again: {}", headline(failure)),
        _ => failure(entry.finished).map(headline).unwrap_or_default(),
    };
    let short: String = why.chars().take(MOST_CHARACTERS).collect();
    let mut text = format!("- {}\n  {}\n", code(&entry.id()), code(&short));
    let command = failure(entry.finished).and_then(|failure| rerun(failure, &entry.finished.case.id));
    if let Some(command) = command {
        let _ = writeln!(text, "  rerun: {}", code(&command));
    }
    text
}

fn proof(record: &Record<'_>) -> String {
    let mut out = String::from("\n<details><summary>What this rests on</summary>\n\n| | |\n|---|---|\n");
    for (name, value) in record.proof_rows() {
        let _ = writeln!(out, "| {name} | {} |", code(&value));
    }
    out.push_str("\n</details>\n");
    out
}

/// Text as code, so that nothing in it is read as markup, a mention or the end of a cell.
fn code(text: &str) -> String {
    let text = visible_line(text.trim()).replace('|', "\\|");
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A space beside the fence is taken away again, so that a text may begin with a backtick.
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}
