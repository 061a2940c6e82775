//! The runner's access to the tapes below a stack.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::app::Log;
use super::witness::Witness;
use crate::event::{self, Changed, Nearest, Recorded, Recordings};
use crate::exchange::{self, Fault};
use crate::matrix::Case;
use crate::record::{self, PlayedReply, TapeSet, Verdict};
use crate::run::{CaseEnd, CaseUsage, Heard, Replayed, StackHooks};
use crate::upstream;

/// The tapes below a stack.
pub(super) struct TapeHooks {
    pub(super) tapes: Arc<TapeSet>,
    pub(super) speed: Option<f64>,
    /// Whether the stack sends its requests to these tapes: not if it runs elsewhere.
    pub(super) is_below: bool,
    /// What providers answer to a gateway of this run; nothing where there is none.
    pub(super) witness: Arc<Witness>,
    /// The case that runs, for requests that do not say whose they are.
    pub(super) running: Arc<Mutex<Option<String>>>,
    /// The output of the stack, and its length when the case began.
    pub(super) log: Option<(Log, AtomicU64)>,
}

impl TapeHooks {
    fn run(&self, case: Option<&str>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = case.map(str::to_owned);
    }

    fn is_running(&self, case: &str) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(case)
    }
}

impl StackHooks for TapeHooks {
    fn begin(&self, case: &Case, faults: &[Fault]) -> Result<(), String> {
        if !self.is_below && !faults.is_empty() {
            return Err(
                "faults are only possible below a stack that this run starts: use `ci-tests`, `server:ci-tests` on a free \
                 port, or `direct` for --stack-config"
                    .to_owned(),
            );
        }
        self.tapes.begin(&case.id, faults.to_vec(), Arc::clone(&case.suite.masks));
        if let Some((log, start)) = self.log.as_ref().filter(|_| !self.is_running(&case.id)) {
            start.store(log.length(), Ordering::Relaxed);
        }
        self.run(Some(&case.id));
        Ok(())
    }

    fn printed(&self) -> Option<String> {
        let (log, start) = self.log.as_ref()?;
        Some(log.since(start.load(Ordering::Relaxed))).filter(|text| !text.trim().is_empty())
    }

    fn troubles(&self, case: &str) -> Vec<upstream::Error> {
        let misses = self.tapes.misses(case).into_iter();
        misses.map(|miss| upstream::Error::new(miss.kind, miss.message)).collect()
    }

    fn nearest(&self, case: &str, at: usize) -> Option<Nearest> {
        self.tapes.misses(case).get(at)?.nearest.as_ref().map(nearest_event)
    }

    fn replayed(&self, case: &str) -> Option<Replayed> {
        let played = self.tapes.take_played(case)?;
        Some(replayed(played, self.speed))
    }

    fn heard(&self, case: &str) -> Vec<Heard> {
        self.witness.take(case)
    }

    fn finish<'a>(&'a self, case: &'a str, end: CaseEnd) -> BoxFuture<'a, CaseUsage> {
        async move {
            let verdict = match end {
                CaseEnd::Passed => Verdict::Passed,
                CaseEnd::FailedAsExpected => Verdict::Unknown,
                CaseEnd::Failed => Verdict::Failed,
            };
            // What it asked last may have been left unread.
            self.witness.take(case);
            let usage = self.tapes.finish(case, verdict).await;
            self.run(None);
            let named = |paths: std::collections::BTreeSet<std::path::PathBuf>| {
                paths.iter().map(|path| path.display().to_string()).collect()
            };
            let recordings = Recordings { used: named(usage.used), written: named(usage.written) };
            CaseUsage { recordings, notices: usage.notes }
        }
        .boxed()
    }
}

/// A recorded reply that was given at this multiple of its pace.
pub(super) fn replayed(played: PlayedReply, speed: Option<f64>) -> Replayed {
    let origin = match played.origin {
        _ if played.is_edited => event::Origin::Edited,
        exchange::Origin::Real => event::Origin::Real,
        exchange::Origin::Simulated => event::Origin::Simulated,
    };
    Replayed {
        chunks: played.chunks.iter().map(|chunk| Duration::from_millis(chunk.at_ms)).collect(),
        sizes: played.chunks.iter().map(|chunk| chunk.size).collect(),
        speed,
        recording: Recorded {
            file: played.file.map(|path| path.display().to_string()),
            origin,
            recorded_ms: played.recorded_at.as_deref().and_then(milliseconds),
        },
    }
}

/// The recording nearest to a request that none answers.
pub(super) fn nearest_event(nearest: &record::Nearest) -> Nearest {
    let changed = nearest.changed.iter().map(|changed| Changed {
        path: changed.path.clone(),
        recorded: changed.recorded.clone(),
        asked: changed.asked.clone(),
    });
    Nearest { file: nearest.file.display().to_string(), changed: changed.collect() }
}

/// A time as a recording has it, in milliseconds since 1970.
pub(super) fn milliseconds(time: &str) -> Option<u64> {
    let time: jiff::Timestamp = time.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recordings_time_is_a_number_and_one_that_is_none_is_unknown() {
        assert_eq!(milliseconds("2026-11-21T07:00:00Z"), Some(1_795_244_400_000));
        assert_eq!(milliseconds("yesterday"), None);
    }
}
