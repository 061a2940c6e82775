//! A run, or several, as one HTML file that loads nothing from elsewhere.
//!
//! The file holds a summary that is readable without scripts, and all cases as compact data, which the scripts beside
//! this file turn into the matrix, the list and the timelines. Its content depends on the events alone.

mod call;
mod case;
mod details;
mod fixed;
mod html;
mod kept;
mod run;
mod store;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use self::kept::Kept;
use super::kind::Rendered;
use crate::event::Event;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    include_str!("data.js"),
    include_str!("state.js"),
    include_str!("nodes.js"),
    include_str!("matrix.js"),
    include_str!("sides.js"),
    include_str!("failures.js"),
    include_str!("cases.js"),
    include_str!("stream.js"),
    include_str!("sheet.js"),
    include_str!("timing.js"),
    include_str!("proof.js"),
    include_str!("history.js"),
    include_str!("page.js"),
);

/// The most bytes of a page: a browser opens it at once, and a build keeps it.
const MOST: usize = 8_000_000;

/// The page of these runs, oldest first: each is the events of one run in order. The last run is the one that it shows;
/// the others are its history.
pub fn page(runs: &[Vec<Event>]) -> String {
    bounded_page(runs).text
}

/// The page, and what was left out of it to stay below its size.
pub(super) fn bounded_page(runs: &[Vec<Event>]) -> Rendered {
    rendered(runs, MOST)
}

/// The page, of at most so many bytes as far as that is possible, and what was left out for that.
fn rendered(runs: &[Vec<Event>], most: usize) -> Rendered {
    let last = runs.last().map(Vec::as_slice).unwrap_or_default();
    let summary = fixed::summary(last);
    let failures = fixed::failures(last);
    let frame = FRAME.len() + STYLE.len() + SCRIPT.len() + 1_000;
    let fixed = frame + failures.len() + summary.title.len() + summary.headline.len() + summary.facts.len();
    let (mut kept, data) = told(runs, most.saturating_sub(fixed));
    let mut data = html::script(&data);
    while fixed + data.len() > most
        && let Some(less) = kept.less(run::most_cases(runs))
    {
        kept = less;
        data = html::script(&run::data(runs, kept).json);
    }
    let parts = [
        ("policy", policy()),
        ("title", html::text(&summary.title)),
        ("icon", summary.icon),
        ("style", STYLE.to_owned()),
        ("headline", summary.headline),
        ("facts", summary.facts),
        ("failures", failures),
        ("data", data),
        ("script", SCRIPT.to_owned()),
    ];
    let left_out = kept.left_out(runs.len());
    let cut = (!left_out.is_empty()).then(|| format!("it is without {}", left_out.join("; without ")));
    Rendered { text: filled(FRAME, &parts), cut }
}

/// Everything of the runs, or what is left without the calls of earlier ones where those would hardly fit: making it
/// twice takes as long as all else.
fn told(runs: &[Vec<Event>], most: usize) -> (Kept, String) {
    let all = Kept::all(runs.len());
    if runs.len() > 1 {
        let without = all.without_earlier_calls();
        let data = run::data(runs, without);
        if data.json.len() + run::earlier_calls(runs) * data.call > most {
            return (without, data.json);
        }
    }
    (all, run::data(runs, all).json)
}

/// The frame with its `{{parts}}`. What is put in is not searched again.
fn filled(frame: &str, parts: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(frame.len() + parts.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut rest = frame;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.extend(parts.iter().filter(|(part, _)| *part == name).map(|(_, text)| text.as_str()));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What a browser may do with the page: run its own script and apply its own style, and nothing else.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

#[cfg(test)]
mod tests;
