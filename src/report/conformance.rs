//! The verdict on an API as a table for people.

use std::fmt::Write as _;

use super::layout::{visible_line, width, wrapped};
use super::paint::{Style, paint};
use crate::conform::{Asked, Can, Row, Verdict};

/// How to show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Columns.
    pub(crate) width: usize,
    /// Whether to colour.
    pub(crate) color: bool,
    /// Whether each case is shown.
    pub(crate) cases: bool,
}

/// The verdict, and the entry for `providers.yaml`.
pub(crate) fn conformance(verdict: &Verdict, look: Look) -> String {
    let Verdict { retake, provider, base_url, mode, .. } = verdict;
    let mut out = format!("retake {retake} conform -- {provider} at {base_url}, mode: {mode}\n");
    let _ = writeln!(out, "{}\n", wrapped(&format!("models: {}", models(&verdict.models)), 0, look.width).0);
    if !verdict.works {
        let why = verdict.capabilities.iter().find_map(|row| row.reason.as_deref()).unwrap_or("it was not tried");
        let said = format!("chat does not work, so nothing else was tried: {}", visible_line(why));
        out.push_str(&paint(&said, Style::RedBold, look.color));
        let look_at = match mode.as_str() {
            "replay" => "record it with --mode record, or ask live with --mode live",
            _ => {
                "check the key (--key VARIABLE), the URL (--provider NAME=BASE_URL, with the API's version part) and the \
                 model (--model M)"
            }
        };
        let _ = writeln!(out, "\n  {look_at}");
        return out;
    }
    let names = verdict.capabilities.iter().map(|row| width(&row.capability)).max().unwrap_or_default();
    for row in &verdict.capabilities {
        line(&mut out, row, names, look);
    }
    let _ = writeln!(out, "\n{}", counted(&verdict.capabilities));
    let _ = write!(out, "\nfor providers.yaml, below `providers:`\n\n{}", verdict.entry);
    out
}

/// `text, vision: gpt-4o (given); audio: none (…)`.
fn models(asked: &[Asked]) -> String {
    let mut groups: Vec<(&Asked, Vec<&str>)> = Vec::new();
    for one in asked {
        match groups.iter_mut().find(|(first, _)| (&first.model, first.how) == (&one.model, one.how)) {
            Some((_, kinds)) => kinds.push(one.kind),
            None => groups.push((one, vec![one.kind])),
        }
    }
    let group = |(first, kinds): &(&Asked, Vec<&str>)| {
        let model = first.model.as_deref().map_or("none".into(), visible_line);
        format!("{}: {model} ({})", kinds.join(", "), first.how)
    };
    groups.iter().map(group).collect::<Vec<_>>().join("; ")
}

/// `suffix  no        400 in the place of 2xx: …`, what is long below it in the same column.
fn line(out: &mut String, row: &Row, names: usize, look: Look) {
    let (word, style) = worded(row.verdict);
    let padded = format!("{word:<9}");
    let _ = write!(out, "{:<names$}  {}", row.capability, paint(&padded, style, look.color));
    let mut why: Vec<String> = row.reason.iter().cloned().collect();
    why.extend(row.rules.iter().map(|broken| {
        format!("{} ({}): expected {}, got {}", broken.rule, broken.level, broken.expected, broken.actual)
    }));
    if why.is_empty() {
        why.push(row.description.clone());
    }
    let indent = names + 2 + 9;
    let room = look.width.saturating_sub(indent + 1).max(30);
    for (at, text) in why.iter().enumerate() {
        for (number, part) in wrapped(&visible_line(text), 0, room).0.lines().enumerate() {
            let before = if at + number == 0 { 1 } else { indent + 1 };
            let _ = writeln!(out, "{:before$}{part}", "");
        }
    }
    for case in row.cases.iter().filter(|_| look.cases) {
        // What stands above is not said again.
        let reason = case.reason.iter().filter(|reason| Some(*reason) != row.reason.as_ref());
        let why = reason.chain(&case.rules).map(String::as_str).collect::<Vec<_>>().join(", ");
        let text = format!("{}: {} {}", case.name, worded(case.verdict).0, visible_line(&why));
        let _ = writeln!(out, "{:indent$} - {}", "", text.trim_end());
    }
}

fn worded(can: Can) -> (&'static str, Style) {
    match can {
        Can::Yes => ("yes", Style::Green),
        Can::Deviates => ("deviates", Style::Yellow),
        Can::No => ("no", Style::Red),
        Can::NotTried => ("not tried", Style::Plain),
    }
}

fn counted(rows: &[Row]) -> String {
    let of = |can: Can| rows.iter().filter(|row| row.verdict == can).count();
    let counts = [Can::Yes, Can::Deviates, Can::No, Can::NotTried].map(|can| format!("{} {}", of(can), worded(can).0));
    format!("{} capabilities: {}", rows.len(), counts.join(", "))
}
