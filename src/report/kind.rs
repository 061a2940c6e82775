//! The forms in which a run can be reported to machines.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::page::bounded_page;
use super::record::Record;
use super::{ctrf, github, jsonl, junit, markdown, tap};
use crate::event::{Event, latest, merged};

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The events themselves, one JSON object a line.
    Jsonl,
    /// JUnit's XML.
    Junit,
    /// The JSON of ctrf.io.
    Ctrf,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// Annotations of GitHub, and the summary of a job.
    Github,
    /// A table and the failures, for a comment on a pull request.
    Markdown,
    /// A page for a browser, of one run or of several side by side.
    Html,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub(crate) const ALL: [Kind; 7] =
        [Kind::Jsonl, Kind::Junit, Kind::Ctrf, Kind::Tap, Kind::Github, Kind::Markdown, Kind::Html];

    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Jsonl => "jsonl",
            Kind::Junit => "junit",
            Kind::Ctrf => "ctrf",
            Kind::Tap => "tap",
            Kind::Github => "github",
            Kind::Markdown => "markdown",
            Kind::Html => "html",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Kind::ALL.into_iter().find(|kind| kind.name() == word);
        known.ok_or_else(|| format!("`{word}` is none of {}", Kind::ALL.map(Kind::name).join(", ")))
    }
}

/// A report that is ready.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// All of it.
    pub(crate) text: String,
    /// What was left out to stay below a limit of its readers.
    pub(crate) cut: Option<String>,
}

impl From<String> for Rendered {
    fn from(text: String) -> Self {
        Rendered { text, cut: None }
    }
}

/// Renders runs as one. `folder` is where the working directory lies below the root of the repository: ``, `sub/`.
pub(crate) fn render(kind: Kind, runs: &[Vec<Event>], folder: &str) -> Rendered {
    let events = || latest(merged(runs));
    match kind {
        Kind::Jsonl => jsonl::lines(&merged(runs)).into(),
        Kind::Junit => junit::xml(&Record::of(&events()), junit::Most::default()),
        Kind::Ctrf => ctrf::json(&Record::of(&events())).into(),
        Kind::Tap => tap::lines(&Record::of(&events())).into(),
        Kind::Github => github::annotations(&Record::of(&events()), folder).into(),
        Kind::Markdown => markdown::page(&Record::of(&events()), markdown::MOST_OF_COMMENT),
        // The page compares runs, and does not want them as one.
        Kind::Html => match runs.iter().map(|run| latest(Cow::Borrowed(run))).collect::<Vec<_>>() {
            same if same.iter().all(|run| matches!(run, Cow::Borrowed(_))) => bounded_page(runs),
            others => bounded_page(&others.into_iter().map(Cow::into_owned).collect::<Vec<_>>()),
        },
    }
}

/// The summary of a job on GitHub, of at most so many bytes.
pub(crate) fn job_summary(runs: &[Vec<Event>], most: usize) -> Rendered {
    let events = latest(merged(runs));
    markdown::page(&Record::of(&events), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("xml".parse::<Kind>().is_err_and(|why| why.contains("jsonl, junit, ctrf")));
    }
}
