//! What stands below the cases: accounts of failures, the short summary, the last line.

use std::io::{self, Write};
use std::time::Duration;

use super::layout::{around, first_line, session_duration, titled, trimmed, visible, visible_line, width};
use super::paint::{Style, paint};
use super::terminal::Options;
use crate::event::{Failure, Finished, Outcome, Tally};

/// All that is known at the end of a run.
pub(super) struct Summary<'a> {
    pub(super) options: Options,
    pub(super) tally: Tally,
    /// The colour of the whole run.
    pub(super) style: Style,
    /// Failed and errored cases, in order.
    pub(super) troubled: &'a [Finished],
    pub(super) interrupted: Option<&'a str>,
    pub(super) duration: Duration,
}

/// The colour of a run so far: red once anything failed, yellow when something passed against expectation, green when
/// something passed or cases are still to come, else yellow.
pub(super) fn main_style(tally: &Tally, all_done: bool) -> Style {
    if tally.failed + tally.errors > 0 {
        Style::Red
    } else if tally.xpassed > 0 {
        Style::Yellow
    } else if tally.passed > 0 || !all_done {
        Style::Green
    } else {
        Style::Yellow
    }
}

impl Summary<'_> {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.section(out, "ERRORS", errors(self.troubled))?;
        self.section(out, "FAILURES", failures(self.troubled))?;
        self.short(out)?;
        if let Some(words) = self.interrupted {
            self.line(out, &titled('!', &visible_line(words), self.options.width), Style::Red)?;
        }
        self.last(out)
    }

    fn paint(&self, out: &mut impl Write, text: &str, style: Style) -> io::Result<()> {
        out.write_all(paint(text, style, self.options.color).as_bytes())
    }

    fn line(&self, out: &mut impl Write, text: &str, style: Style) -> io::Result<()> {
        self.paint(out, text, style)?;
        writeln!(out)
    }

    /// One account per case: its name, what happened, where and of which class, and how to run it again.
    fn section<'a>(
        &self,
        out: &mut impl Write,
        title: &str,
        cases: impl Iterator<Item = (&'a Finished, &'a Failure)>,
    ) -> io::Result<()> {
        let mut headed = false;
        for (finished, failure) in cases {
            if !headed {
                headed = true;
                self.line(out, &titled('=', title, self.options.width), Style::Plain)?;
            }
            let name = titled('_', &visible_line(name(&finished.id)), self.options.width);
            self.line(out, &name, Style::RedBold)?;
            let details = if failure.details.trim().is_empty() { &failure.summary } else { &failure.details };
            writeln!(out, "{}\n", visible(details.trim_end()))?;
            self.paint(out, &visible_line(&finished.file), Style::RedBold)?;
            writeln!(out, ":{}: {}", finished.line, failure.class.name())?;
            if !failure.rerun.is_empty() {
                writeln!(out, "rerun: {}", visible_line(&failure.rerun))?;
            }
        }
        Ok(())
    }

    /// `FAILED id - first line`, then `ERROR id - first line`.
    fn short(&self, out: &mut impl Write) -> io::Result<()> {
        if self.troubled.is_empty() {
            return Ok(());
        }
        self.line(out, &titled('=', "short test summary info", self.options.width), Style::CyanBold)?;
        for (finished, failure) in failures(self.troubled) {
            self.short_line(out, "FAILED", finished, failure)?;
        }
        for (finished, failure) in errors(self.troubled) {
            self.short_line(out, "ERROR", finished, failure)?;
        }
        Ok(())
    }

    fn short_line(&self, out: &mut impl Write, word: &str, finished: &Finished, failure: &Failure) -> io::Result<()> {
        let id = visible_line(&finished.id);
        self.paint(out, word, Style::Red)?;
        match id.split_once("::") {
            Some((file, case)) => {
                write!(out, " {file}::")?;
                self.paint(out, case, Style::Bold)?;
            }
            None => write!(out, " {id}")?,
        }
        let message = if self.options.ci || self.options.verbosity > 0 {
            Some(format!(" - {}", first_line(&failure.summary)))
        } else {
            let room = self.options.width.saturating_sub(word.len() + 1 + width(&id));
            trimmed(" - ", &failure.summary, "", room)
        };
        writeln!(out, "{}", message.filter(|_| !failure.summary.trim().is_empty()).unwrap_or_default())
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

    /// The left separator, whose colour goes on until the first part has ended, as pytest's does.
    fn paint_on(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        let painted = paint(text, self.style, self.options.color);
        out.write_all(painted.strip_suffix("\x1b[0m").unwrap_or(&painted).as_bytes())
    }
}

/// The counts that are not zero, in pytest's order.
fn parts(tally: &Tally) -> Vec<(String, Style)> {
    let counts = [
        (tally.failed, "failed", Style::Red),
        (tally.passed, "passed", Style::Green),
        (tally.skipped, "skipped", Style::Yellow),
        (tally.deselected, "deselected", Style::Yellow),
        (tally.xfailed, "xfailed", Style::Yellow),
        (tally.xpassed, "xpassed", Style::Yellow),
        (tally.errors, if tally.errors == 1 { "error" } else { "errors" }, Style::Red),
    ];
    let parts: Vec<_> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, word, style)| (format!("{count} {word}"), style))
        .collect();
    if parts.is_empty() { vec![("no tests ran".to_owned(), Style::Yellow)] } else { parts }
}

fn failures(cases: &[Finished]) -> impl Iterator<Item = (&Finished, &Failure)> {
    cases.iter().filter_map(|case| match &case.outcome {
        Outcome::Failed(failure) => Some((case, failure)),
        _ => None,
    })
}

fn errors(cases: &[Finished]) -> impl Iterator<Item = (&Finished, &Failure)> {
    cases.iter().filter_map(|case| match &case.outcome {
        Outcome::Error(failure) => Some((case, failure)),
        _ => None,
    })
}

/// The case's name with what stands in brackets.
fn name(id: &str) -> &str {
    id.split_once("::").map_or(id, |(_, name)| name)
}
