//! What nextest is told, which runs a process for each case.

use crate::event::{Event, Outcome};

use super::settings::Sourcing;

/// Whether nextest started this process.
pub(super) fn is_here() -> bool {
    Sourcing::inherited("NEXTEST").is_some()
}

/// The line on stderr from which nextest takes the message of a failed case, for its JUnit reports.
pub(super) fn reason(event: &Event) -> Option<String> {
    let (Event::CaseFinished(done) | Event::CaseTeardown(done)) = event else { return None };
    let (Outcome::Failed(failure) | Outcome::Error(failure)) = &done.outcome else { return None };
    Some(format!("Error: {}", failure.summary.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{Failure, Finished};

    fn finished(outcome: Outcome) -> Event {
        Event::CaseFinished(Finished {
            index: 0,
            id: "a.yaml::b".to_owned(),
            file: "a.yaml".to_owned(),
            line: 1,
            outcome,
            duration: Duration::ZERO,
            rate: None,
            captured: Vec::new(),
            recordings: Default::default(),
        })
    }

    #[test]
    fn only_what_fails_has_a_reason_of_one_line() {
        let failure = Failure { summary: "text: expected a\nand more".to_owned(), ..Failure::default() };
        let said = "Error: text: expected a".to_owned();
        assert_eq!(reason(&finished(Outcome::Failed(failure.clone()))), Some(said.clone()));
        assert_eq!(reason(&finished(Outcome::Error(failure.clone()))), Some(said));
        assert_eq!(reason(&finished(Outcome::XFailed { reason: "known".to_owned(), failure })), None);
        assert_eq!(reason(&finished(Outcome::Passed)), None);
    }
}
