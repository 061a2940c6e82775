//! The sessions of a proxy as the cases of a run: what `retake run` and `retake serve` report to machines.
//!
//! What a session asked is let go when its event is written, so that a server may run for as long as it likes.

mod open;
mod slot;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use open::{Ended, Open};
use slot::Slot;
pub(super) use slot::Terms;

use super::proof::Revision;
use super::reports::Reports;
use crate::event::{self, Event, Head, Interruption, Outcome, Proof};
use crate::exchange::SESSION;
use crate::proxy::{Observed, Observer, SessionEnd, Trouble};
use crate::record::{TapeSet, Usage, Verdict};
use crate::upstream::{Request, without_secrets};

/// The running sessions, and the reports that hear of those that end.
pub(super) struct Sessions {
    reports: Mutex<Reports>,
    running: Mutex<Running>,
    tapes: Arc<TapeSet>,
    terms: Terms,
    /// The setup whose providers are served; empty if none was named.
    setup: String,
    began: Instant,
    /// Until the end takes it.
    revision: Mutex<Option<Revision>>,
}

#[derive(Default)]
struct Running {
    /// By name; `None` is what comes without a session.
    open: HashMap<Option<String>, Open>,
    next: usize,
    has_failed: bool,
    /// The files that sessions wrote.
    written: BTreeSet<PathBuf>,
}

/// How the whole of it ended.
pub(super) struct RunEnd {
    /// What the command came to; unknown for a server.
    pub(super) verdict: Verdict,
    /// Why it failed.
    pub(super) why: String,
    /// Set if the user stopped it.
    pub(super) interrupted: Option<Interruption>,
    /// Messages for the user.
    pub(super) notes: Vec<String>,
    /// What the outcomes rest on, without the revision.
    pub(super) proof: Proof,
}

impl Sessions {
    /// Begins the run.
    pub(super) fn begin(
        mut reports: Reports,
        head: Head,
        terms: Terms,
        tapes: Arc<TapeSet>,
        revision: Revision,
    ) -> Self {
        let setup = head.setups.first().cloned().unwrap_or_default();
        reports.handle(&Event::Started(Box::new(head)));
        let (running, revision, began) = (Mutex::default(), Mutex::new(Some(revision)), Instant::now());
        Sessions { reports: Mutex::new(reports), running, tapes, terms, setup, began, revision }
    }

    /// Notes a request that should not have been sent, or whose recording is missing.
    pub(super) fn troubled(&self, trouble: &Trouble) {
        self.of(trouble.session.as_deref(), |open| open.troubled(trouble));
    }

    /// Ends the run: what nobody ended is written, and the reports are made. `Err` says what could not be written.
    pub(super) fn end(&self, end: RunEnd) -> Result<(), String> {
        let RunEnd { verdict, why, interrupted, notes, proof } = end;
        let mut open: Vec<(Option<String>, Open)> = lock(&self.running).open.drain().collect();
        // What came without a session is last: what it came to depends on the sessions.
        open.sort_by_key(|(name, open)| (name.is_none(), open.index()));
        let own = open.pop_if(|(name, _)| name.is_none()).map(|(_, own)| own);
        for (name, open) in open {
            let said = match verdict {
                Verdict::Passed => Ended::Passed,
                Verdict::Failed | Verdict::Unknown => Ended::Unsaid,
            };
            let case = name.as_ref().map(|name| format!("{SESSION}{name}")).unwrap_or_default();
            let usage = Usage { misses: self.tapes.misses(&case), ..Usage::default() };
            self.ended(name.as_deref(), open, said, &usage);
        }
        let is_unexplained = verdict == Verdict::Failed && !lock(&self.running).has_failed;
        let own = own.or_else(|| is_unexplained.then(|| Open::new(lock(&self.running).number(), now())));
        if let Some(own) = own {
            let usage = self.usage_without_session();
            let said = match verdict {
                Verdict::Passed => Ended::Passed,
                Verdict::Failed if is_unexplained => Ended::Failed(why),
                // The sessions that failed say why.
                Verdict::Failed | Verdict::Unknown => Ended::Unsaid,
            };
            self.ended(None, own, said, &usage);
        }
        notes.into_iter().map(Event::Notice).for_each(|note| self.tell(&note));
        let proof = Proof { revision: lock(&self.revision).take().and_then(Revision::wait), ..proof };
        self.tell(&Event::Finished { duration: self.began.elapsed(), interrupted, proof: Box::new(proof) });
        lock(&self.reports).end()
    }

    /// What requests without a session came to: all that no session did.
    fn usage_without_session(&self) -> Usage {
        let mut written = self.tapes.written();
        written.retain(|file| !lock(&self.running).written.contains(file));
        Usage { misses: self.tapes.misses_of_nobody(), written, ..Usage::default() }
    }

    /// Does something with a session, which begins if it does not run.
    fn of(&self, session: Option<&str>, change: impl FnOnce(&mut Open)) {
        let mut begun = None;
        {
            let mut running = lock(&self.running);
            let key = session.map(str::to_owned);
            if !running.open.contains_key(&key) {
                let index = running.number();
                running.open.insert(key.clone(), Open::new(index, now()));
                begun = Some(Event::CaseStarted { index, id: open::id(session) });
            }
            if let Some(open) = running.open.get_mut(&key) {
                change(open);
            }
        }
        begun.iter().for_each(|event| self.tell(event));
    }

    fn ended(&self, session: Option<&str>, open: Open, said: Ended, usage: &Usage) {
        let (finished, more) = open.finished(session, said, usage, &self.setup, &self.terms);
        {
            let mut running = lock(&self.running);
            running.has_failed |= matches!(finished.outcome, Outcome::Failed(_));
            running.written.extend(usage.written.iter().cloned());
        }
        more.into_iter().map(Event::Notice).for_each(|note| self.tell(&note));
        self.tell(&Event::CaseFinished(Box::new(finished)));
    }

    fn tell(&self, event: &Event) {
        lock(&self.reports).handle(event);
    }
}

impl Running {
    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }
}

impl Observer for Sessions {
    fn session_began(&self, session: &str) {
        self.of(Some(session), |_| {});
    }

    fn asked(&self, observed: &Arc<Observed>, request: &Request) {
        let slot = Arc::new(Slot::new(observed, request));
        self.of(observed.session.as_deref(), |open| open.asked(slot));
    }

    fn answered(&self, observed: &Arc<Observed>) {
        let slot = {
            let running = lock(&self.running);
            running.open.get(&observed.session).and_then(|open| open.slot_of(observed))
        };
        match slot {
            // Reading a long reply must not keep others waiting.
            Some(slot) => drop(slot.done(&self.terms)),
            None => drop(observed.take_reply()),
        }
    }

    fn session_ended(&self, session: &str, end: &SessionEnd) {
        let Some(open) = lock(&self.running).open.remove(&Some(session.to_owned())) else { return };
        // A fixture that asked for nothing is worth no line.
        if end.is_again || end.is_part && end.verdict == Verdict::Passed && open.is_silent() {
            return;
        }
        let said = match end.verdict {
            Verdict::Passed => Ended::Passed,
            Verdict::Failed => Ended::Failed(end.reason.clone().unwrap_or_default()),
            Verdict::Unknown => Ended::Unsaid,
        };
        self.ended(Some(session), open, said, &end.usage);
    }
}

/// The head of a run of a proxy. `setup` is the one whose providers are served.
pub(super) fn head(mode: String, setup: Option<&String>) -> Head {
    Head {
        format: event::FORMAT,
        retake: env!("CARGO_PKG_VERSION").to_owned(),
        mode,
        stack: "proxy".to_owned(),
        setups: setup.into_iter().cloned().collect(),
        argv: words(std::env::args_os().map(|word| word.to_string_lossy().into_owned())),
        started_ms: now(),
        ..Head::default()
    }
}

/// The arguments of retake itself, and the program that it runs: what the program is told may hold keys that nobody
/// knows.
fn words(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = all.map(|word| without_secrets(&word).into_owned()).collect();
    if let Some(at) = words.iter().position(|word| word == "--") {
        words.truncate(at + 2);
    }
    words
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_is_told_is_not_kept() {
        let line = "retake run --mode record -- curl -H secret";
        assert_eq!(words(line.split(' ').map(str::to_owned)).join(" "), "retake run --mode record -- curl");
        assert_eq!(words(["retake", "serve"].map(str::to_owned).into_iter()), ["retake", "serve"]);
    }
}
