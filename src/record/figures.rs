//! What a run did for each provider, in numbers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::library::Library;
use crate::upstream::Error;

/// What a recording run did to a file, the least first: of several, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// A new reply came and was not taken: it is worse, or its case did not end well.
    Kept,
    /// The new reply is the one that was recorded before.
    Unchanged,
    /// A new reply took the place of an old one.
    Replaced,
    /// The file is new.
    Recorded,
}

/// The numbers of one provider. Replies are counted by the files that they became: equal replies share one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// The provider's name.
    pub provider: String,
    /// The folder to which new recordings go.
    pub folder: PathBuf,
    /// Requests of clients.
    pub requests: usize,
    /// Requests that were sent to the provider, to be recorded.
    pub sent: usize,
    /// Sent requests that got no reply.
    pub failed: usize,
    /// The first reason why one got no reply, for people.
    pub failure: Option<String>,
    /// Requests that no recording answers.
    pub missed: usize,
    /// Files that are new.
    pub recorded: usize,
    /// Files of which the reply was replaced.
    pub replaced: usize,
    /// Files that the new reply confirmed.
    pub unchanged: usize,
    /// Files that stay although another reply came.
    pub kept: usize,
    /// Files that were not written for want of a reply to keep.
    pub unwritten: usize,
}

impl Figures {
    pub(super) fn count(&mut self, fate: Fate) {
        let slot = match fate {
            Fate::Kept => &mut self.kept,
            Fate::Unchanged => &mut self.unchanged,
            Fate::Replaced => &mut self.replaced,
            Fate::Recorded => &mut self.recorded,
        };
        *slot += 1;
    }

    /// Whether providers were asked for recordings, and not one of their replies is in any file.
    pub fn are_in_vain(all: &[Figures]) -> bool {
        let sum = |what: fn(&Figures) -> usize| all.iter().map(what).sum::<usize>();
        sum(|one| one.sent) > 0 && sum(|one| one.recorded + one.replaced + one.unchanged) == 0
    }
}

/// The requests of one tape.
#[derive(Debug, Default)]
pub(super) struct Counter {
    requests: AtomicUsize,
    sent: AtomicUsize,
    /// Requests of a live run, which records nothing.
    unrecorded: AtomicUsize,
    failed: AtomicUsize,
    missed: AtomicUsize,
    failure: Mutex<Option<String>>,
}

impl Counter {
    pub(super) fn asked(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn missed(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was sent, with its outcome.
    pub(super) fn sent<T>(&self, outcome: &Result<T, Error>) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = outcome {
            self.failed.fetch_add(1, Ordering::Relaxed);
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| error.message.clone());
        }
    }

    /// Counts a request that was sent and is not recorded.
    pub(super) fn sent_unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were sent.
    pub(super) fn network_requests(&self) -> usize {
        self.sent.load(Ordering::Relaxed) + self.unrecorded.load(Ordering::Relaxed)
    }

    /// The numbers so far, without those of files.
    pub(super) fn figures(&self, library: &Library) -> Figures {
        let number = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        Figures {
            provider: library.provider().to_owned(),
            folder: library.target_folder(),
            requests: number(&self.requests),
            sent: number(&self.sent),
            failed: number(&self.failed),
            missed: number(&self.missed),
            failure: self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..Figures::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_in_vain_that_asked_and_has_nothing_of_it() {
        let of = |sent, unchanged, kept| Figures { requests: 3, sent, unchanged, kept, ..Figures::default() };
        assert!(Figures::are_in_vain(&[of(0, 0, 0), of(2, 0, 2)]));
        assert!(!Figures::are_in_vain(&[of(2, 0, 2), of(1, 1, 0)]), "the same reply as before is worth a run");
        assert!(!Figures::are_in_vain(&[of(0, 0, 0)]), "nothing was asked of a provider");
        for (recorded, replaced) in [(1, 0), (0, 1), (1, 1)] {
            assert!(!Figures::are_in_vain(&[Figures { recorded, replaced, ..of(2, 0, 0) }]));
        }
    }
}
