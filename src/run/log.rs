//! What is kept of a case while it runs: its attempts, and exchanges for those who want to see them although it passed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::{Attempt, Captured, Exchange, Part, PartTime};

/// What is kept of a case while it runs.
pub(super) struct CaseLog {
    wants_exchanges: bool,
    /// Of each part of the case the last exchange.
    exchanges: Vec<Exchange>,
    attempts: Vec<Attempt>,
}

impl CaseLog {
    /// Nothing yet, and no exchanges at all where they are not wanted.
    pub(super) fn new(wants_exchanges: bool) -> Self {
        CaseLog { wants_exchanges, exchanges: Vec::new(), attempts: Vec::new() }
    }

    /// The case runs, once more.
    pub(super) fn begin(&mut self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.attempts.push(Attempt { started_ms, parts: Vec::new() });
    }

    /// So long a part of it took.
    pub(super) fn took(&mut self, part: Part, duration: Duration) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.parts.push(PartTime { part, duration });
        }
    }

    pub(super) fn keep(&mut self, exchange: impl FnOnce() -> Exchange) {
        if self.wants_exchanges {
            let exchange = exchange();
            self.exchanges.retain(|other| other.part != exchange.part);
            self.exchanges.push(exchange);
        }
    }

    /// How often it ran, and when.
    pub(super) fn take_attempts(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.attempts)
    }

    /// What was captured, with what the stack printed.
    pub(super) fn captured(self, printed: impl FnOnce() -> Option<String>) -> Captured {
        if !self.wants_exchanges {
            return Captured::default();
        }
        Captured { exchanges: self.exchanges, printed: printed() }
    }
}
