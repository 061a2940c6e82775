//! How far a run is, in one line. Pure: the time is passed in.

use std::collections::BTreeMap;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::event::{Event, Tally};

/// How many running cases are named.
const MOST_NAMED: usize = 3;

/// How far a run is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    selected: usize,
    tally: Tally,
    /// The cases that run: when each began, by its index.
    running: BTreeMap<usize, (Duration, String)>,
    is_over: bool,
}

impl Progress {
    /// Takes in an event that came at this time of the run.
    pub(crate) fn handle(&mut self, event: &Event, at: Duration) {
        self.tally.count(event);
        match event {
            Event::Collected { total, deselected } => self.selected = total.saturating_sub(*deselected),
            Event::CaseStarted { index, id } => drop(self.running.insert(*index, (at, id.clone()))),
            Event::CaseFinished(finished) => drop(self.running.remove(&finished.index)),
            Event::CaseGivenUp { id } => self.running.retain(|_, (_, other)| other != id),
            Event::Finished { .. } => self.is_over = true,
            _ => {}
        }
    }

    /// The line at this time, of at most `width` columns: cases done, outcomes that are not plain passes, cases a second,
    /// what was `spent`, and the running cases, the slowest first. `None` before the first case and after the last.
    pub(crate) fn line(&self, at: Duration, width: usize, spent: Option<&str>) -> Option<String> {
        if self.is_over || self.selected == 0 {
            return None;
        }
        let done = self.tally.done();
        let mut parts = vec![format!("{done}/{}", self.selected)];
        let counts = [(self.tally.bad(), "failed"), (self.tally.flaky, "flaky"), (self.tally.xpassed, "xpassed")];
        parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
        if done > 0 && at >= Duration::from_secs(1) {
            parts.push(format!("{:.1}/s", done as f64 / at.as_secs_f64()));
        }
        parts.extend(spent.map(str::to_owned));
        let mut running: Vec<&(Duration, String)> = self.running.values().collect();
        running.sort_by_key(|(began, _)| *began);
        let named = running.iter().take(MOST_NAMED);
        parts.extend(named.map(|(began, id)| format!("{:.1}s {id}", at.saturating_sub(*began).as_secs_f64())));
        if running.len() > MOST_NAMED {
            parts.push(format!("and {} more", running.len() - MOST_NAMED));
        }
        Some(cut(&parts.join(" | "), width))
    }
}

/// The beginning of a text that fits into so many columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut kept, mut columns) = (String::new(), 1);
    for ch in text.chars() {
        columns += ch.width().unwrap_or(0);
        if columns > width {
            break;
        }
        kept.push(ch);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Failure, Finished, Outcome};

    fn started(index: usize, id: &str) -> Event {
        Event::CaseStarted { index, id: id.to_owned() }
    }

    fn finished(index: usize, outcome: Outcome) -> Event {
        Event::CaseFinished(Box::new(Finished { index, outcome, ..Finished::default() }))
    }

    #[test]
    fn the_line_counts_and_names_the_slowest_first() {
        let seconds = Duration::from_secs;
        let mut progress = Progress::default();
        assert_eq!(progress.line(seconds(0), 80, None), None);
        progress.handle(&Event::Collected { total: 12, deselected: 2 }, seconds(0));
        for (index, id) in
            ["a.yaml::one", "a.yaml::two", "b.yaml::three", "b.yaml::four", "b.yaml::five"].iter().enumerate()
        {
            progress.handle(&started(index, id), seconds(index as u64));
        }
        progress.handle(&finished(1, Outcome::Passed), seconds(5));
        let line = progress.line(seconds(5), 120, Some("$0.12")).unwrap();
        assert_eq!(
            line,
            "1/10 | 0.2/s | $0.12 | 5.0s a.yaml::one | 3.0s b.yaml::three | 2.0s b.yaml::four | and 1 more"
        );
        progress.handle(&finished(0, Outcome::Failed(Box::<Failure>::default())), seconds(6));
        assert_eq!(progress.line(seconds(6), 30, None).unwrap(), "2/10 | 1 failed | 0.3/s | 4.0…");
        progress
            .handle(&Event::Finished { duration: seconds(7), interrupted: None, proof: Box::default() }, seconds(7));
        assert_eq!(progress.line(seconds(7), 80, None), None);
    }

    #[test]
    fn a_line_is_cut_by_columns_and_not_by_characters() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
    }
}
