//! Collects data of a case while it runs: its attempts, its calls in figures, and its exchanges for users who want to see them even if it
//! passes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::{Attempt, Call, Captured, Exchange, Finding, Part, PartTime};
use crate::protocol::Weighed;

/// The data of a running case.
pub(super) struct CaseLog {
    wants_exchanges: bool,
    /// The last exchange of each part of the case.
    exchanges: Vec<Exchange>,
    attempts: Vec<Attempt>,
    calls: Vec<Call>,
    protocol: Vec<Finding>,
    kept_rules: Vec<String>,
}

impl CaseLog {
    /// An empty log; it collects exchanges only if they are wanted.
    pub(super) fn new(wants_exchanges: bool) -> Self {
        CaseLog {
            wants_exchanges,
            exchanges: Vec::new(),
            attempts: Vec::new(),
            calls: Vec::new(),
            protocol: Vec::new(),
            kept_rules: Vec::new(),
        }
    }

    /// Notes that an attempt begins.
    pub(super) fn begin(&mut self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.attempts.push(Attempt { started_ms, parts: Vec::new() });
        self.protocol.clear();
        self.kept_rules.clear();
    }

    /// Notes how long a part of the case took.
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

    /// Notes rules that a reply broke without failing the case, each once. If the reply `is_of_provider` and not of a
    /// gateway, also notes the rules that it kept although its provider is known to break them.
    pub(super) fn found(&mut self, weighed: Weighed, is_of_provider: bool) {
        let kept = weighed.kept.iter().filter(|_| is_of_provider).map(|rule| rule.id.to_owned());
        self.kept_rules.extend(kept);
        let told = weighed.told.into_iter().map(|finding| (finding, None));
        let known = weighed.known.into_iter().map(|(finding, reason)| (finding, Some(reason)));
        for (finding, known) in told.chain(known) {
            if self.protocol.iter().all(|other| other.rule != finding.rule.id) {
                self.protocol.push(Finding { rule: finding.rule.id.to_owned(), actual: finding.actual, known });
            }
        }
    }

    /// Takes the rules that replies broke, and those known as broken that all replies kept.
    pub(super) fn take_protocol(&mut self) -> (Vec<Finding>, Vec<String>) {
        let broken = std::mem::take(&mut self.protocol);
        let mut kept = std::mem::take(&mut self.kept_rules);
        kept.retain(|rule| broken.iter().all(|finding| finding.rule != *rule));
        kept.sort();
        kept.dedup();
        (broken, kept)
    }

    /// The number of the attempt that runs, from 0.
    pub(super) fn attempt(&self) -> usize {
        self.attempts.len().saturating_sub(1)
    }

    /// Notes a request with what came of it.
    pub(super) fn called(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// Takes the requests and replies of all attempts.
    pub(super) fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// Takes the attempts.
    pub(super) fn take_attempts(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.attempts)
    }

    /// The captured exchanges, with what the stack printed.
    pub(super) fn captured(self, printed: impl FnOnce() -> Option<String>) -> Captured {
        if !self.wants_exchanges {
            return Captured::default();
        }
        Captured { exchanges: self.exchanges, printed: printed() }
    }
}
