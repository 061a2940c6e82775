//! What pytest prints, from events.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::layout::{titled, trimmed, visible, visible_line, width, wrapped};
use super::paint::{Style, paint};
use super::summary::{Summary, main_style};
use crate::event::{Event, Finished, Outcome, Tally};

/// Columns that ` [100%]` takes.
const PERCENT: usize = 7;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Columns of a line.
    pub width: usize,
    /// Whether to write colours.
    pub color: bool,
    /// How many `-v` minus how many `-q`. 0: a line a case; 1: reasons whole; -1: letters, and neither head nor
    /// separators around the last line; -2: no last line either.
    pub verbosity: i8,
    /// Whether a log is written rather than a screen: lines of the short summary are then never cut.
    pub ci: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { width: 80, color: false, verbosity: 0, ci: false }
    }
}

/// Prints a run the way pytest does. Cases may finish in any order: they are printed in the order of their indexes.
#[derive(Debug)]
pub struct Terminal<W> {
    out: W,
    options: Options,
    tally: Tally,
    selected: usize,
    /// Cases that finished before one that stands in front of them.
    early: BTreeMap<usize, Finished>,
    next: usize,
    /// Failed and errored cases, in order: their accounts stand below the lines.
    troubled: Vec<Finished>,
    /// Columns of the line of letters that is not ended yet.
    letters: usize,
    /// What must be said as soon as the line of letters ends.
    held: Vec<String>,
    lines: bool,
}

impl<W: Write> Terminal<W> {
    /// A printer on `out`. It flushes after every event.
    pub fn new(out: W, options: Options) -> Self {
        Terminal {
            out,
            options,
            tally: Tally::default(),
            selected: 0,
            early: BTreeMap::new(),
            next: 0,
            troubled: Vec::new(),
            letters: 0,
            held: Vec::new(),
            lines: false,
        }
    }

    /// Prints what `event` tells. Fails only when the writer does.
    pub fn handle(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started { info } => self.head(info)?,
            Event::Collected { total, deselected } => {
                self.tally.count(event);
                self.selected = total.saturating_sub(*deselected);
                self.collected(*total, *deselected)?;
            }
            Event::CaseStarted { .. } => return Ok(()),
            Event::CaseFinished(finished) => {
                self.early.insert(finished.index, finished.clone());
                while let Some(ready) = self.early.remove(&self.next) {
                    self.case(ready)?;
                    self.next += 1;
                }
            }
            Event::Notice(text) => self.notice(text)?,
            Event::Finished { duration, interrupted } => {
                // A run that was stopped leaves gaps; what ran is shown all the same.
                for finished in std::mem::take(&mut self.early).into_values() {
                    self.case(finished)?;
                }
                self.end_lines()?;
                let summary = Summary {
                    options: self.options,
                    tally: self.tally,
                    style: self.style(),
                    troubled: &self.troubled,
                    interrupted: interrupted.as_deref(),
                    duration: *duration,
                };
                summary.write(&mut self.out)?;
            }
        }
        self.out.flush()
    }

    /// The writer, with all that was printed.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn brief(&self) -> bool {
        self.options.verbosity < 0
    }

    fn style(&self) -> Style {
        main_style(&self.tally, self.tally.done() >= self.selected)
    }

    fn paint(&mut self, text: &str, style: Style) -> io::Result<()> {
        self.out.write_all(paint(text, style, self.options.color).as_bytes())
    }

    fn head(&mut self, info: &[String]) -> io::Result<()> {
        if self.brief() {
            return Ok(());
        }
        self.paint(&titled('=', "test session starts", self.options.width), Style::Bold)?;
        writeln!(self.out)?;
        info.iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }

    fn collected(&mut self, total: usize, deselected: usize) -> io::Result<()> {
        if self.brief() {
            return Ok(());
        }
        let mut line = format!("collected {total} item{}", if total == 1 { "" } else { "s" });
        if deselected > 0 {
            line.push_str(&format!(" / {deselected} deselected / {} selected", self.selected));
        }
        self.paint(&line, Style::Bold)?;
        writeln!(self.out)
    }

    /// A notice is a line of its own; a line of letters is ended first by its own percent, never torn.
    fn notice(&mut self, text: &str) -> io::Result<()> {
        if self.letters > 0 {
            self.held.push(text.to_owned());
            return Ok(());
        }
        writeln!(self.out, "{}", visible(text))
    }

    fn case(&mut self, finished: Finished) -> io::Result<()> {
        self.tally.count(&Event::CaseFinished(finished.clone()));
        if self.brief() {
            self.letter(&finished)?
        } else {
            self.line(&finished)?
        }
        if matches!(finished.outcome, Outcome::Failed(_) | Outcome::Error(_)) {
            self.troubled.push(finished);
        }
        Ok(())
    }

    /// `<id> PASSED<spaces>[  2%]`
    fn line(&mut self, finished: &Finished) -> io::Result<()> {
        if !self.lines {
            self.lines = true;
            writeln!(self.out)?;
        }
        let id = visible_line(&finished.id);
        let (word, _, style) = shown(&finished.outcome);
        write!(self.out, "{id} ")?;
        self.paint(word, style)?;
        let mut column = width(&id) + 1 + word.len();
        if let Some(reason) = reason(&finished.outcome) {
            let (text, end) = self.reason(reason, column);
            write!(self.out, "{text}")?;
            column = end;
        }
        self.percent(column)?;
        writeln!(self.out)
    }

    /// The reason as it stands after the word, and the column where it ends.
    fn reason(&self, reason: &str, column: usize) -> (String, usize) {
        let room = self.options.width.saturating_sub(column + PERCENT + 1);
        // The line is longer than the terminal is wide before the reason begins: cutting it, as pytest does, would
        // save no line and hide why the case was skipped.
        if column >= self.options.width {
            let text = format!(" ({})", visible_line(reason.lines().next().unwrap_or_default().trim()));
            let end = column + width(&text);
            return (text, end);
        }
        if self.options.verbosity > 0 {
            let whole = format!("({})", visible_line(reason.trim()));
            return wrapped(&whole, column, self.options.width.saturating_sub(PERCENT + 1));
        }
        let text = trimmed(" (", reason, ")", room).unwrap_or_default();
        let end = column + width(&text);
        (text, end)
    }

    fn letter(&mut self, finished: &Finished) -> io::Result<()> {
        let (_, letter, style) = shown(&finished.outcome);
        self.paint(letter, style)?;
        self.letters += 1;
        if self.tally.done() == self.selected {
            return self.percent(self.letters);
        }
        if self.letters + PERCENT + 1 >= self.options.width {
            self.percent(self.letters)?;
            self.end_letters()?;
        }
        Ok(())
    }

    fn end_letters(&mut self) -> io::Result<()> {
        self.letters = 0;
        writeln!(self.out)?;
        for text in std::mem::take(&mut self.held) {
            writeln!(self.out, "{}", visible(&text))?;
        }
        Ok(())
    }

    /// The percent at the right edge, one column short of it; right behind a line that is too long.
    fn percent(&mut self, column: usize) -> io::Result<()> {
        let done = (self.tally.done() * 100).checked_div(self.selected).unwrap_or(100);
        let fill = self.options.width.saturating_sub(column + 1);
        let text = format!("{:>fill$}", format!(" [{done:3}%]"));
        self.paint(&text, self.style())
    }

    fn end_lines(&mut self) -> io::Result<()> {
        if self.brief() { self.end_letters() } else { writeln!(self.out) }
    }
}

/// The word, the letter and the style of an outcome.
fn shown(outcome: &Outcome) -> (&'static str, &'static str, Style) {
    match outcome {
        Outcome::Passed => ("PASSED", ".", Style::Green),
        Outcome::Failed(_) => ("FAILED", "F", Style::Red),
        Outcome::Skipped(_) => ("SKIPPED", "s", Style::Yellow),
        Outcome::XFailed { .. } => ("XFAIL", "x", Style::Yellow),
        Outcome::XPassed(_) => ("XPASS", "X", Style::Yellow),
        Outcome::Error(_) => ("ERROR", "E", Style::Red),
    }
}

/// What stands in parentheses after the word.
fn reason(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Skipped(reason) | Outcome::XPassed(reason) | Outcome::XFailed { reason, .. } => {
            Some(reason.as_str()).filter(|reason| !reason.trim().is_empty())
        }
        Outcome::Passed | Outcome::Failed(_) | Outcome::Error(_) => None,
    }
}
