//! What the runner learns of the tapes below a stack.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::app::Log;
use crate::exchange::Fault;
use crate::record::{Faults, Tape};
use crate::run::{Replayed, Witness};
use crate::upstream;

/// Sees what the tapes below a stack had no answer to.
pub(super) struct TapeWitness {
    pub(super) tapes: Vec<Arc<Tape>>,
    pub(super) speed: Option<f64>,
    pub(super) faults: Arc<Faults>,
    /// Whether the tapes are what the stack asks: not when it runs elsewhere.
    pub(super) is_below: bool,
    /// The case that runs, for requests that do not say whose they are.
    pub(super) running: Arc<Mutex<Option<String>>>,
    /// What the stack prints, and how much of it there was when the case began.
    pub(super) log: Option<(Log, AtomicU64)>,
}

impl TapeWitness {
    fn run(&self, case: Option<&str>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = case.map(str::to_owned);
    }

    fn is_running(&self, case: &str) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(case)
    }
}

impl Witness for TapeWitness {
    fn begin(&self, case: &str, faults: &[Fault]) -> Result<(), String> {
        if !self.is_below && !faults.is_empty() {
            return Err(
                "a fault can only be cut below a stack that runs here: take `ci-tests`, `server:ci-tests` on a free \
                        port, or `direct` for --stack-config"
                    .to_owned(),
            );
        }
        self.faults.set(case, faults.to_vec());
        if let Some((log, start)) = self.log.as_ref().filter(|_| !self.is_running(case)) {
            start.store(log.length(), Ordering::Relaxed);
        }
        self.run(Some(case));
        Ok(())
    }

    fn printed(&self) -> Option<String> {
        let (log, start) = self.log.as_ref()?;
        Some(log.since(start.load(Ordering::Relaxed))).filter(|text| !text.trim().is_empty())
    }

    fn troubles(&self, case: &str) -> Vec<upstream::Error> {
        let misses = self.tapes.iter().take(1).flat_map(|tape| tape.journal().misses(Some(case)));
        misses.map(|miss| upstream::Error::new(miss.kind, miss.message)).collect()
    }

    fn replayed(&self, case: &str) -> Option<Replayed> {
        let chunks = self.tapes.first()?.journal().take_pace(case)?;
        Some(match self.speed {
            Some(speed) => Replayed::AtSpeed(speed),
            None => Replayed::AtOnce(chunks.iter().map(|chunk| Duration::from_millis(chunk.at_ms)).collect()),
        })
    }

    fn finish<'a>(&'a self, case: &'a str, good: bool) -> BoxFuture<'a, Vec<String>> {
        async move {
            let mut notes = Vec::new();
            for tape in &self.tapes {
                notes.extend(tape.finish_case(case, good).await);
                // What was to be told of it was asked for: a run of very many cases must not keep all of it.
                tape.journal().finish(case);
            }
            self.run(None);
            notes
        }
        .boxed()
    }
}
