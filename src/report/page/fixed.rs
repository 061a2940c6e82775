//! What is readable without scripts: the summary, and the failures as the terminal has them.

use std::fmt::Write as _;
use std::time::Duration;

use super::html::{cut, text};
use super::run::is_told;
use crate::diff::Extent;
use crate::event::{Event, Failure, Finished, Head, Interruption, Outcome, Tally};
use crate::report::failure::{Detail, context, details, headline, rerun};
use crate::report::head::{interruption, lines};
use crate::report::layout::session_duration;
use crate::report::summary::parts;

/// Failures that are told, and characters of each.
const MOST_FAILURES: usize = 50;
const MOST_OF_FAILURE: usize = 4_000;

/// The head of the page.
pub(super) struct Summary {
    pub(super) title: String,
    pub(super) headline: String,
    pub(super) facts: String,
    pub(super) icon: String,
}

/// How a run ended: the class of its style, a mark, the words. `ended` is `None` if the run has no end.
pub(super) fn verdict(tally: &Tally, ended: Option<Option<Interruption>>) -> [&'static str; 3] {
    match ended {
        None => ["bad", "✗", "Broken off"],
        Some(Some(Interruption::User | Interruption::WorkerDied)) => ["bad", "✗", "Interrupted"],
        _ if tally.bad() > 0 => ["bad", "✗", "Failed"],
        _ if tally.done() == 0 => ["odd", "–", "No cases ran"],
        _ if tally.xpassed + tally.flaky + tally.reruns > 0 => ["odd", "!", "Passed, with reservations"],
        _ if tally.passed == 0 && tally.xfailed == 0 => ["odd", "–", "All skipped"],
        _ => ["good", "✓", "Passed"],
    }
}

pub(super) fn summary(events: &[Event]) -> Summary {
    let mut tally = Tally::default();
    let mut head = None;
    let mut ended: Option<(Duration, Option<Interruption>)> = None;
    for event in events {
        tally.count(event);
        match event {
            Event::Started(started) => head = Some(&**started),
            Event::Finished { duration, interrupted, .. } => ended = Some((*duration, *interrupted)),
            _ => {}
        }
    }
    let [class, mark, word] = verdict(&tally, ended.map(|(_, why)| why));
    let counts: Vec<String> = parts(&tally).into_iter().map(|(part, _)| part).collect();
    let mut counted = counts.join(", ");
    if let Some((duration, _)) = ended {
        let _ = write!(counted, " in {}", session_duration(duration));
    }
    let headline = format!(
        "<p class=\"verdict {class}\"><span class=\"mark\" aria-hidden=\"true\">{mark}</span> <strong>{word}</strong></p>\n\
         <p class=\"counted\">{}</p>",
        text(&counted)
    );
    Summary {
        title: format!("{mark} {counted} – retake"),
        headline,
        facts: facts(head, ended.map(|(_, why)| why)),
        icon: icon(class),
    }
}

fn facts(head: Option<&Head>, ended: Option<Option<Interruption>>) -> String {
    let mut facts = String::new();
    for line in head.into_iter().flat_map(lines) {
        let _ = writeln!(facts, "<li>{}</li>", text(&cut(&line, MOST_OF_FAILURE)));
    }
    let why = match ended {
        None => Some("The run has no end: what follows is what had happened until then.".to_owned()),
        Some(why) => why.map(interruption),
    };
    if let Some(why) = why {
        let _ = writeln!(facts, "<li class=\"why\">{}</li>", text(&why));
    }
    facts
}

/// A disc, a triangle or a square: the tab tells how the run ended, without colours too.
fn icon(class: &str) -> String {
    let shape = match class {
        "good" => "%3Ccircle cx='8' cy='8' r='7' fill='%2316803c'/%3E",
        "odd" => "%3Crect x='1' y='1' width='14' height='14' rx='3' fill='%23a16207'/%3E",
        _ => "%3Cpath d='M8 1l7.5 14H.5z' fill='%23c81e1e'/%3E",
    };
    format!("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E{shape}%3C/svg%3E")
}

/// The first failures.
pub(super) fn failures(events: &[Event]) -> String {
    let told: Vec<(&Finished, &Failure)> = events
        .iter()
        .filter_map(is_told)
        .filter_map(|finished| match &finished.outcome {
            Outcome::Failed(failure) | Outcome::Error(failure) => Some((finished, &**failure)),
            _ => None,
        })
        .collect();
    let mut out = String::new();
    if told.is_empty() {
        return out;
    }
    out.push_str("<h2>Failures</h2>\n");
    for (finished, failure) in told.iter().take(MOST_FAILURES) {
        let id = &finished.case.id;
        let title = text(&cut(&headline(failure), 300));
        let body = text(&cut(&told_whole(failure, id), MOST_OF_FAILURE));
        let id = text(&cut(id, 1_000));
        let _ = writeln!(out, "<section><h3>{id}</h3>\n<p>{title}</p>\n<pre>{body}</pre></section>");
    }
    if let Some(more) = told.len().checked_sub(MOST_FAILURES).filter(|more| *more > 0) {
        let _ = writeln!(out, "<p>and {more} more, which the page shows with JavaScript.</p>");
    }
    out
}

/// A failure as the terminal tells it.
fn told_whole(failure: &Failure, id: &str) -> String {
    let mut lines = Vec::new();
    for detail in details(failure, id) {
        match detail {
            Detail::Lines(text) => lines.push(text.trim_end().to_owned()),
            Detail::Diff(diff) => {
                lines.push("  differs:  - expected, + actual".to_owned());
                lines.extend(diff.shown(Extent::Lines(30)).iter().map(|line| format!("    {}", line.text())));
            }
        }
    }
    lines.push(context(failure));
    lines.extend(rerun(failure, id).map(|command| format!("rerun: {command}")));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}
