//! Prints events as pytest does.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::failure::headline;
use super::head;
use super::layout::{titled, trimmed, visible, visible_line, width, wrapped};
use super::options::Options;
use super::paint::{Style, paint};
use super::protocol::Protocol;
use super::summary::{Summary, main_style};
use crate::event::{Captured, Event, Finished, Head, Outcome, Tally};

/// The width of ` [100%]` in columns.
const PERCENT: usize = 7;

/// Prints a run as pytest does. Cases may finish in any order; they are printed in the order of their indexes.
#[derive(Debug)]
pub(crate) struct Terminal<W> {
    out: W,
    options: Options,
    tally: Tally,
    selected: usize,
    /// Events of cases that came before an earlier case has finished.
    early: BTreeMap<usize, Vec<Event>>,
    next: usize,
    /// Cases for the summary, in order.
    kept: Vec<Finished>,
    /// Passed cases, if their captured exchanges are shown.
    passed: Vec<Finished>,
    protocol: Protocol,
    /// Runs of cases that failed and were repeated.
    rerun: Vec<Finished>,
    /// How long the cases took, if the slowest are to be listed.
    durations: Vec<(Duration, String)>,
    /// Ids of the cases that were running when the user stopped the run.
    given_up: Vec<String>,
    /// The width of the current line of letters in columns.
    letters: usize,
    /// Notices that wait for the end of the line of letters.
    held: Vec<String>,
    lines: bool,
}

impl<W: Write> Terminal<W> {
    /// Prints to `out` and flushes after every event.
    pub(crate) fn new(out: W, options: Options) -> Self {
        Terminal {
            out,
            options,
            tally: Tally::default(),
            selected: 0,
            early: BTreeMap::new(),
            next: 0,
            kept: Vec::new(),
            passed: Vec::new(),
            protocol: Protocol::default(),
            rerun: Vec::new(),
            durations: Vec::new(),
            given_up: Vec::new(),
            letters: 0,
            held: Vec::new(),
            lines: false,
        }
    }

    /// Prints an event. Fails only if the writer does.
    pub(crate) fn handle(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started(head) => self.head(head)?,
            Event::Collected { total, deselected } => {
                self.tally.count(event);
                self.selected = total.saturating_sub(*deselected);
                self.collected(*total, *deselected)?;
            }
            Event::CaseStarted { .. } => return Ok(()),
            Event::CaseRerun(finished) | Event::CaseFinished(finished) if self.options.as_finished => {
                self.case(event, finished)?;
                // In this mode, only a teardown waits for its case.
                let torn = self.early.remove(&finished.index).unwrap_or_default();
                self.cases(&torn)?;
            }
            Event::CaseRerun(finished) | Event::CaseTeardown(finished) => {
                self.early.entry(finished.index).or_default().push(event.clone())
            }
            Event::CaseFinished(finished) => {
                self.early.entry(finished.index).or_default().push(event.clone());
                self.in_order()?;
            }
            Event::CaseGivenUp { id } => self.given_up.push(id.clone()),
            Event::Notice(text) => self.notice(text)?,
            Event::Finished { duration, interrupted, .. } => {
                // A stopped run leaves gaps; the cases after them are shown all the same.
                for events in std::mem::take(&mut self.early).into_values() {
                    self.cases(&events)?;
                }
                self.end_lines()?;
                let summary = Summary {
                    options: &self.options,
                    tally: self.tally,
                    style: self.style(),
                    kept: &self.kept,
                    passed: &self.passed,
                    protocol: &self.protocol,
                    rerun: &self.rerun,
                    durations: &self.durations,
                    interrupted: *interrupted,
                    given_up: &self.given_up,
                    duration: *duration,
                };
                summary.write(&mut self.out)?;
            }
        }
        self.out.flush()
    }

    /// The writer, with everything that was printed.
    #[cfg(test)]
    pub(super) fn into_inner(self) -> W {
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

    fn head(&mut self, head: &Head) -> io::Result<()> {
        if self.brief() {
            return Ok(());
        }
        self.paint(&titled('=', "test session starts", self.options.width), Style::Bold)?;
        writeln!(self.out)?;
        if self.options.no_head {
            return Ok(());
        }
        head::lines(head).iter().try_for_each(|line| writeln!(self.out, "{line}"))
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

    /// Prints a notice on a line of its own. A line of letters is completed with its percentage first.
    fn notice(&mut self, text: &str) -> io::Result<()> {
        if self.letters > 0 {
            self.held.push(text.to_owned());
            return Ok(());
        }
        writeln!(self.out, "{}", visible(text))
    }

    /// Prints the events that are due after a case has finished.
    fn in_order(&mut self) -> io::Result<()> {
        let is_done = |events: &Vec<Event>| events.iter().any(|event| matches!(event, Event::CaseFinished(_)));
        while let Some(events) = self.early.get(&self.next).filter(|events| is_done(events)).cloned() {
            self.early.remove(&self.next);
            self.cases(&events)?;
            self.next += 1;
        }
        Ok(())
    }

    fn cases(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            if let Event::CaseRerun(finished) | Event::CaseFinished(finished) = event {
                self.case(event, finished)?;
            }
        }
        for event in events {
            if let Event::CaseTeardown(finished) = event {
                self.case(event, finished)?;
            }
        }
        Ok(())
    }

    fn case(&mut self, event: &Event, finished: &Finished) -> io::Result<()> {
        self.tally.count(event);
        let is_rerun = matches!(event, Event::CaseRerun(_));
        let shown = if is_rerun { RERUN } else { shown(&finished.outcome) };
        if self.brief() {
            self.letter(shown)?;
        } else {
            self.case_line(finished, shown)?;
        }
        if is_rerun {
            if self.options.letters.rerun() {
                self.rerun.push(finished.clone());
            }
            return Ok(());
        }
        self.protocol.add(finished);
        if self.options.durations.is_some() && !matches!(finished.outcome, Outcome::Skipped(_)) {
            self.durations.push((finished.duration, finished.case.id.clone()));
        }
        if self.options.letters.tell(&finished.outcome) || shown.2 == Style::Red {
            self.kept.push(Finished { captured: Captured::default(), ..finished.clone() });
        }
        if self.options.letters.passes() && matches!(finished.outcome, Outcome::Passed | Outcome::Flaky(_)) {
            self.passed.push(finished.clone());
        }
        Ok(())
    }

    /// `<id> PASSED<spaces>[  2%]`
    fn case_line(&mut self, finished: &Finished, (word, _, style): Shown) -> io::Result<()> {
        if !self.lines {
            self.lines = true;
            writeln!(self.out)?;
        }
        let id = visible_line(&finished.case.id);
        write!(self.out, "{id} ")?;
        self.paint(word, style)?;
        let mut column = width(&id) + 1 + word.len();
        if let Some(reason) = reason(finished, self.options.verbosity > 0) {
            let (text, end) = self.reason(&reason, column);
            write!(self.out, "{text}")?;
            column = end;
        }
        self.percent(column)?;
        writeln!(self.out)
    }

    /// The reason after the word, and the column where it ends.
    fn reason(&self, reason: &str, column: usize) -> (String, usize) {
        let room = self.options.width.saturating_sub(column + PERCENT + 1);
        // The line is too long even before the reason: cutting the reason, as pytest does, would save no line, and
        // would hide why the case was skipped.
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

    fn letter(&mut self, (word, letter, style): Shown) -> io::Result<()> {
        self.paint(letter, style)?;
        self.letters += 1;
        if self.tally.done() == self.selected && word != RERUN.0 {
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

    /// The percentage, one column short of the right edge; directly after a line that is too long.
    fn percent(&mut self, column: usize) -> io::Result<()> {
        // Nobody knows how many sessions of the proxy come.
        let Some(done) = (self.tally.done() * 100).checked_div(self.selected) else { return Ok(()) };
        let fill = self.options.width.saturating_sub(column + 1);
        let text = format!("{:>fill$}", format!(" [{done:3}%]"));
        self.paint(&text, self.style())
    }

    fn end_lines(&mut self) -> io::Result<()> {
        if self.brief() { self.end_letters() } else { writeln!(self.out) }
    }
}

/// The word, the letter and the style of an outcome.
type Shown = (&'static str, &'static str, Style);

const RERUN: Shown = ("RERUN", "R", Style::Yellow);

fn shown(outcome: &Outcome) -> Shown {
    match outcome {
        Outcome::Passed => ("PASSED", ".", Style::Green),
        Outcome::Flaky(_) => ("FLAKY", "f", Style::Yellow),
        Outcome::Failed(_) => ("FAILED", "F", Style::Red),
        Outcome::Skipped(_) => ("SKIPPED", "s", Style::Yellow),
        Outcome::XFailed { .. } => ("XFAIL", "x", Style::Yellow),
        Outcome::XPassed(_) => ("XPASS", "X", Style::Yellow),
        Outcome::Error(_) => ("ERROR", "E", Style::Red),
    }
}

/// The rules that the replies of a case broke, as their provider is known to.
fn known(finished: &Finished) -> Option<String> {
    let mut rules: Vec<&str> = finished
        .protocol
        .iter()
        .filter(|finding| finding.known.is_some())
        .map(|finding| finding.rule.as_str())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    (!rules.is_empty()).then(|| format!("known: {}", rules.join(", ")))
}

/// The text in parentheses after the word. `tells_known`: a case that passed says on which declared deviations.
fn reason(finished: &Finished, tells_known: bool) -> Option<String> {
    let rate = finished.rate.map(|rate| format!("{}/{}", rate.passed, rate.tries));
    let why = match &finished.outcome {
        Outcome::Skipped(reason) | Outcome::XPassed(reason) | Outcome::XFailed { reason, .. } => {
            Some(reason.clone()).filter(|reason| !reason.trim().is_empty())
        }
        Outcome::Flaky(failure) => Some(headline(failure)),
        Outcome::Passed if tells_known => known(finished),
        Outcome::Passed | Outcome::Failed(_) | Outcome::Error(_) => None,
    };
    match (rate, why) {
        (Some(rate), Some(why)) => Some(format!("{rate}; {why}")),
        (rate, why) => rate.or(why),
    }
}
