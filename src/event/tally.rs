//! Counts cases by outcome.

use super::Event;
use super::case::Outcome;

/// Cases by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
    /// Left out by the selection.
    pub deselected: usize,
    /// Failed as expected.
    pub xfailed: usize,
    /// Passed although a failure was expected.
    pub xpassed: usize,
    /// Could not be run.
    pub errors: usize,
    /// Passed after they were run again.
    pub flaky: usize,
    /// Times that a case was run again.
    pub reruns: usize,
    /// Teardowns that failed.
    pub teardowns: usize,
}

impl Tally {
    /// Counts an event.
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Collected { deselected, .. } => self.deselected = *deselected,
            Event::CaseFinished(finished) => match finished.outcome {
                Outcome::Passed => self.passed += 1,
                Outcome::Flaky(_) => self.flaky += 1,
                Outcome::Failed(_) => self.failed += 1,
                Outcome::Skipped(_) => self.skipped += 1,
                Outcome::XFailed { .. } => self.xfailed += 1,
                Outcome::XPassed(_) => self.xpassed += 1,
                Outcome::Error(_) => self.errors += 1,
            },
            Event::CaseRerun(_) => self.reruns += 1,
            Event::CaseTeardown(_) => self.teardowns += 1,
            _ => {}
        }
    }

    /// Failures and errors.
    pub fn bad(&self) -> usize {
        self.failed + self.errors + self.teardowns
    }

    /// Whether nothing went wrong, and at least one case is done.
    pub fn is_green(&self) -> bool {
        self.bad() == 0 && self.done() > 0
    }

    /// Cases that were run or skipped.
    pub fn done(&self) -> usize {
        self.passed + self.flaky + self.failed + self.skipped + self.xfailed + self.xpassed + self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_green_in_which_a_case_is_done_and_nothing_went_wrong() {
        let of = |outcomes: &[Outcome]| {
            let mut tally = Tally::default();
            for outcome in outcomes {
                let finished = super::super::Finished { outcome: outcome.clone(), ..Default::default() };
                tally.count(&Event::CaseFinished(Box::new(finished)));
            }
            tally
        };
        let flaky = Outcome::Flaky(Box::default());
        for green in [&[Outcome::Passed][..], &[Outcome::Passed, flaky], &[Outcome::XPassed(String::new())]] {
            assert!(of(green).is_green(), "{green:?}");
        }
        for red in [&[][..], &[Outcome::Failed(Box::default())], &[Outcome::Passed, Outcome::Error(Box::default())]] {
            assert!(!of(red).is_green(), "{red:?}");
        }
        let mut torn = of(&[Outcome::Passed]);
        torn.count(&Event::CaseTeardown(Box::default()));
        assert_eq!((torn.is_green(), torn.bad(), torn.done()), (false, 1, 1));
    }
}
