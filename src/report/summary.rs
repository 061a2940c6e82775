//! The output after the cases: explanations of failures, the short summary, the last line.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use super::exchange::lines;
use super::failure::{Detail, context, details, headline, rerun};
use super::head::interruption;
use super::layout::{around, first_line, session_duration, titled, trimmed, visible, visible_line, width};
use super::letters::letter;
use super::options::Options;
use super::paint::{Style, paint};
use super::protocol::Protocol;
use super::trace::Trace;
use crate::diff::{Diff, Extent, Line, Whose};
use crate::event::{Failure, Finished, Interruption, Outcome, Recordings, Tally};

/// How many recordings of a case are named.
const MOST_RECORDINGS: usize = 5;

/// How many lines of a difference are shown; `-vv` shows all.
const MOST_OF_DIFF: usize = 30;

/// The data at the end of a run.
pub(super) struct Summary<'a> {
    pub(super) options: &'a Options,
    pub(super) tally: Tally,
    /// The colour of the whole run.
    pub(super) style: Style,
    /// Failed and errored cases, and cases that the letters ask for, in order.
    pub(super) kept: &'a [Finished],
    /// Passed cases, if their captured exchanges are shown.
    pub(super) passed: &'a [Finished],
    /// Protocol rules that replies broke without failing their case.
    pub(super) protocol: &'a Protocol,
    /// Runs of cases that failed and were repeated.
    pub(super) rerun: &'a [Finished],
    /// How long cases took.
    pub(super) durations: &'a [(Duration, String)],
    pub(super) interrupted: Option<Interruption>,
    /// Ids of the cases that were running then.
    pub(super) given_up: &'a [String],
    pub(super) duration: Duration,
}

/// The colour of a run so far: red if anything failed, yellow if something passed unexpectedly, green if something
/// passed or cases are still to come, else yellow.
pub(super) fn main_style(tally: &Tally, all_done: bool) -> Style {
    if tally.bad() > 0 {
        Style::Red
    } else if tally.xpassed + tally.flaky + tally.reruns > 0 {
        Style::Yellow
    } else if tally.passed > 0 || !all_done {
        Style::Green
    } else {
        Style::Yellow
    }
}

impl Summary<'_> {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.section(out, "ERRORS", errors(self.kept))?;
        self.section(out, "FAILURES", failures(self.kept))?;
        self.passes(out)?;
        self.protocol.write(out, self.options)?;
        if let Some(most) = self.options.durations {
            super::durations::write(out, self.durations, most, self.options)?;
        }
        self.reruns(out)?;
        self.short(out)?;
        if let Some(why) = self.interrupted {
            self.painted_line(out, &titled('!', &interruption(why), self.options.width), Style::Red)?;
        }
        for id in self.given_up {
            writeln!(out, "given up: {}", visible_line(id))?;
        }
        self.last(out)
    }

    fn paint(&self, out: &mut impl Write, text: &str, style: Style) -> io::Result<()> {
        out.write_all(paint(text, style, self.options.color).as_bytes())
    }

    fn painted_line(&self, out: &mut impl Write, text: &str, style: Style) -> io::Result<()> {
        self.paint(out, text, style)?;
        writeln!(out)
    }

    /// Explains each case: its name, what happened, where and of which class, and how to run it again.
    fn section<'a>(
        &self,
        out: &mut impl Write,
        title: &str,
        cases: impl Iterator<Item = (&'a Finished, &'a Failure)>,
    ) -> io::Result<()> {
        if self.options.trace == Trace::No {
            return Ok(());
        }
        let mut headed = false;
        for (finished, failure) in cases {
            if !headed {
                headed = true;
                self.painted_line(out, &titled('=', title, self.options.width), Style::Plain)?;
            }
            if self.options.trace == Trace::Line {
                let summary = headline(failure);
                writeln!(out, "{}{}: {}", file(finished), line(finished), first_line(&summary))?;
                continue;
            }
            let name = titled('_', &visible_line(name(&finished.case.id)), self.options.width);
            self.painted_line(out, &name, Style::RedBold)?;
            self.details(out, failure, &finished.case.id)?;
            if self.options.trace == Trace::Short {
                continue;
            }
            let context = context(failure);
            if !context.is_empty() {
                writeln!(out, "{}", visible(&context))?;
            }
            recordings(out, &finished.recordings)?;
            writeln!(out)?;
            self.paint(out, &file(finished), Style::RedBold)?;
            writeln!(out, "{}: {}", line(finished), failure.class.name())?;
            if let Some(command) = rerun(failure, &finished.case.id) {
                writeln!(out, "rerun: {}", visible_line(&command))?;
            }
        }
        Ok(())
    }

    /// What was captured of passed cases; a case without captured data is left out.
    fn passes(&self, out: &mut impl Write) -> io::Result<()> {
        if self.options.trace == Trace::No || self.passed.is_empty() {
            return Ok(());
        }
        self.painted_line(out, &titled('=', "PASSES", self.options.width), Style::Plain)?;
        for finished in self.passed.iter().filter(|finished| !finished.captured.is_empty()) {
            let name = titled('_', &visible_line(name(&finished.case.id)), self.options.width);
            self.painted_line(out, &name, Style::GreenBold)?;
            let captured = &finished.captured;
            let exchanges = captured
                .exchanges
                .iter()
                .map(|exchange| (format!("exchange {}", exchange.part.name()), lines(exchange)));
            let printed = captured.printed.iter().map(|text| ("stdout call".to_owned(), text.clone()));
            for (title, text) in exchanges.chain(printed) {
                writeln!(out, "{}", titled('-', &format!("Captured {title}"), self.options.width))?;
                writeln!(out, "{}", visible(text.trim_end()))?;
            }
        }
        Ok(())
    }

    /// The expected and the actual values.
    fn details(&self, out: &mut impl Write, failure: &Failure, id: &str) -> io::Result<()> {
        details(failure, id).iter().try_for_each(|detail| match detail {
            Detail::Lines(text) => writeln!(out, "{}", visible(text.trim_end())),
            Detail::Diff(diff) => self.diff(out, diff),
        })
    }

    /// `-` marks expected and `+` actual lines, as in pytest.
    fn diff(&self, out: &mut impl Write, diff: &Diff) -> io::Result<()> {
        let extent = match self.options.verbosity {
            2.. => Extent::Whole,
            _ if self.options.ci => Extent::Changes,
            _ => Extent::Lines(MOST_OF_DIFF),
        };
        writeln!(out, "  differs:  - expected, + actual")?;
        for line in diff.shown(extent) {
            let style = match line {
                Line::Of(Whose::Expected, _) => Style::Red,
                Line::Of(Whose::Actual, _) => Style::Green,
                _ => Style::Plain,
            };
            let hint = if matches!(line, Line::More(_)) { ", use -vv to show" } else { "" };
            write!(out, "    ")?;
            self.painted_line(out, &format!("{}{hint}", visible_line(&line.text())), style)?;
        }
        Ok(())
    }

    /// Runs that were repeated, if the letters ask for them.
    fn reruns(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rerun.is_empty() {
            return Ok(());
        }
        self.painted_line(out, &titled('=', "rerun test summary info", self.options.width), Style::Plain)?;
        self.rerun.iter().try_for_each(|finished| writeln!(out, "RERUN {}", visible_line(&finished.case.id)))
    }

    /// `FAILED id - first line`, then `ERROR id - first line`, then the other outcomes that the letters ask for, in
    /// their order.
    fn short(&self, out: &mut impl Write) -> io::Result<()> {
        let mut headed = false;
        for wanted in self.options.letters.iter() {
            let mut cases = self.kept.iter().filter(|case| letter(&case.outcome) == wanted).peekable();
            if cases.peek().is_some() && !std::mem::replace(&mut headed, true) {
                self.painted_line(out, &titled('=', "short test summary info", self.options.width), Style::CyanBold)?;
            }
            if wanted == 's' {
                self.skipped(out, cases)?;
                continue;
            }
            for finished in cases {
                let (word, style, message) = outcome_words(&finished.outcome);
                self.short_line(out, (word, style), finished, &message)?;
            }
        }
        Ok(())
    }

    /// `SKIPPED [2] file:line: reason`, grouped by place and reason.
    fn skipped<'a>(&self, out: &mut impl Write, cases: impl Iterator<Item = &'a Finished>) -> io::Result<()> {
        let mut folded: Vec<(&Finished, &str, usize)> = Vec::new();
        for case in cases {
            let Outcome::Skipped(reason) = &case.outcome else { continue };
            let same = |(other, why, _): &&mut (&Finished, &str, usize)| {
                other.case.suite == case.case.suite && other.case.line == case.case.line && *why == reason.as_str()
            };
            match folded.iter_mut().find(same) {
                Some((.., count)) => *count += 1,
                None => folded.push((case, reason, 1)),
            }
        }
        for (case, reason, count) in folded {
            self.paint(out, "SKIPPED", Style::Yellow)?;
            let place = format!(" [{count}] {}{}: ", file(case), line(case));
            let room = self.options.width.saturating_sub("SKIPPED".len());
            writeln!(out, "{}", self.cut(&place, reason, room).unwrap_or_else(|| place.trim_end().to_owned()))?;
        }
        Ok(())
    }

    /// `before` and the first line of `text`, cut to `room`; in full in a log and with `-v`.
    fn cut(&self, before: &str, text: &str, room: usize) -> Option<String> {
        if self.options.ci || self.options.verbosity > 0 {
            return Some(format!("{before}{}", first_line(text)));
        }
        trimmed(before, text, "", room)
    }

    fn short_line(
        &self,
        out: &mut impl Write,
        (word, style): (&str, Style),
        finished: &Finished,
        message: &str,
    ) -> io::Result<()> {
        let id = visible_line(&finished.case.id);
        self.paint(out, word, style)?;
        match id.split_once("::") {
            Some((file, case)) => {
                write!(out, " {file}::")?;
                self.paint(out, case, Style::Bold)?;
            }
            None => write!(out, " {id}")?,
        }
        let room = self.options.width.saturating_sub(word.len() + 1 + width(&id));
        let message = Some(message).filter(|message| !message.trim().is_empty());
        writeln!(out, "{}", message.and_then(|message| self.cut(" - ", message, room)).unwrap_or_default())
    }

    /// `= 30 passed, 17 skipped, 50 deselected in 0.11s =`
    fn last(&self, out: &mut impl Write) -> io::Result<()> {
        if self.options.verbosity < -1 {
            return Ok(());
        }
        let parts = parts(&self.tally);
        let duration = format!(" in {}", session_duration(self.duration));
        let plain: Vec<&str> = parts.iter().map(|(text, _)| text.as_str()).collect();
        let bare = self.options.verbosity < 0;
        let (left, right) = around('=', width(&plain.join(", ")) + duration.len(), self.options.width);
        if !bare {
            self.paint_on(out, &left)?;
        }
        for (index, (text, style)) in parts.iter().enumerate() {
            if index > 0 {
                write!(out, ", ")?;
            }
            self.paint(out, text, if *style == self.style { style.bold() } else { *style })?;
        }
        self.paint(out, &duration, self.style)?;
        if !bare {
            self.paint(out, &right, self.style)?;
        }
        writeln!(out)
    }

    /// The left separator; its colour continues up to the end of the first count, as in pytest.
    fn paint_on(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        let painted = paint(text, self.style, self.options.color);
        out.write_all(painted.strip_suffix("\x1b[0m").unwrap_or(&painted).as_bytes())
    }
}

/// The counts that are not zero, in pytest's order.
pub(super) fn parts(tally: &Tally) -> Vec<(String, Style)> {
    let errors = tally.errors + tally.teardowns;
    let counts = [
        (tally.failed, "failed", Style::Red),
        (tally.passed, "passed", Style::Green),
        (tally.flaky, "flaky", Style::Yellow),
        (tally.skipped, "skipped", Style::Yellow),
        (tally.deselected, "deselected", Style::Yellow),
        (tally.xfailed, "xfailed", Style::Yellow),
        (tally.xpassed, "xpassed", Style::Yellow),
        (errors, if errors == 1 { "error" } else { "errors" }, Style::Red),
        (tally.reruns, "rerun", Style::Yellow),
    ];
    let parts: Vec<_> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, word, style)| (format!("{count} {word}"), style))
        .collect();
    if parts.is_empty() { vec![("no tests ran".to_owned(), Style::Yellow)] } else { parts }
}

/// An outcome in the short summary: the word, its style, and the text after the id.
fn outcome_words(outcome: &Outcome) -> (&'static str, Style, String) {
    match outcome {
        Outcome::Failed(failure) => ("FAILED", Style::Red, headline(failure)),
        Outcome::Error(failure) => ("ERROR", Style::Red, headline(failure)),
        Outcome::XFailed { reason, .. } => ("XFAIL", Style::Yellow, reason.clone()),
        Outcome::XPassed(reason) => ("XPASS", Style::Yellow, reason.clone()),
        Outcome::Flaky(failure) => ("FLAKY", Style::Yellow, headline(failure)),
        Outcome::Skipped(reason) => ("SKIPPED", Style::Yellow, reason.clone()),
        Outcome::Passed => ("PASSED", Style::Green, String::new()),
    }
}

/// The files that answered a failed case: the first place to look.
fn recordings(out: &mut impl Write, recordings: &Recordings) -> io::Result<()> {
    for (title, files) in [("replayed:", &recordings.used), ("recorded:", &recordings.written)] {
        for (at, file) in files.iter().take(MOST_RECORDINGS).enumerate() {
            writeln!(out, "  {:<9} {}", if at == 0 { title } else { "" }, visible_line(file))?;
        }
        if let Some(more) = files.len().checked_sub(MOST_RECORDINGS).filter(|more| *more > 0) {
            writeln!(out, "  {:<9} and {more} more", "")?;
        }
    }
    Ok(())
}

fn failures(cases: &[Finished]) -> impl Iterator<Item = (&Finished, &Failure)> {
    cases.iter().filter_map(|case| match &case.outcome {
        Outcome::Failed(failure) => Some((case, &**failure)),
        _ => None,
    })
}

fn errors(cases: &[Finished]) -> impl Iterator<Item = (&Finished, &Failure)> {
    cases.iter().filter_map(|case| match &case.outcome {
        Outcome::Error(failure) => Some((case, &**failure)),
        _ => None,
    })
}

/// The file of a case; the id where it has none.
fn file(finished: &Finished) -> Cow<'_, str> {
    let case = &finished.case;
    visible_line(if case.suite.is_empty() { &case.id } else { &case.suite })
}

/// The line behind the file, where it is known.
fn line(finished: &Finished) -> String {
    if finished.case.line > 0 { format!(":{}", finished.case.line) } else { String::new() }
}

/// The case's name with its brackets.
fn name(id: &str) -> &str {
    id.split_once("::").map_or(id, |(_, name)| name)
}
