//! Output for nextest, which runs one process for each case.

use crate::event::{Event, Outcome};
use crate::report::headline;

use super::settings::Sourcing;

/// Whether nextest started this process.
pub(super) fn is_here() -> bool {
    Sourcing::inherited("NEXTEST").is_some()
}

/// The line on stderr from which nextest takes the message of a failed case, for its JUnit reports.
pub(super) fn reason(event: &Event) -> Option<String> {
    let (Event::CaseFinished(done) | Event::CaseTeardown(done)) = event else { return None };
    let (Outcome::Failed(failure) | Outcome::Error(failure)) = &done.outcome else { return None };
    let summary = headline(failure);
    Some(format!("Error: {}", summary.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Class, Failure, Finished, Problem};

    fn finished(outcome: Outcome) -> Event {
        Event::CaseFinished(Box::new(Finished { outcome, ..Finished::default() }))
    }

    #[test]
    fn only_what_fails_has_a_reason_of_one_line() {
        let problem = Problem::Message("no connection\nand more".to_owned());
        let failure = Box::new(Failure { class: Class::ProviderDown, problem, ..Failure::default() });
        let said = "Error: provider down: no connection".to_owned();
        assert_eq!(reason(&finished(Outcome::Failed(failure.clone()))), Some(said.clone()));
        assert_eq!(reason(&finished(Outcome::Error(failure.clone()))), Some(said));
        assert_eq!(reason(&finished(Outcome::XFailed { reason: "known".to_owned(), failure })), None);
        assert_eq!(reason(&finished(Outcome::Passed)), None);
    }
}
