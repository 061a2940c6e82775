//! How often each case has asked the same.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts of equal requests, by case and the request's name. Requests of no case have one count together.
#[derive(Default)]
pub(super) struct Counts(Mutex<HashMap<Option<String>, HashMap<String, u32>>>);

impl Counts {
    /// Counts a request; which one it is, from 1.
    pub(super) fn claim(&self, case: Option<&str>, name: &str) -> u32 {
        let mut all = self.lock();
        let count = all.entry(case.map(str::to_owned)).or_default().entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Takes a request back that got no answer. What was never answered leaves nothing behind.
    pub(super) fn release(&self, case: Option<&str>, name: &str) {
        let mut all = self.lock();
        let Some(names) = all.get_mut(&case.map(str::to_owned)) else { return };
        match names.get_mut(name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(names.remove(name)),
        }
    }

    /// Lets a case begin anew.
    pub(super) fn forget(&self, case: &str) {
        self.lock().remove(&Some(case.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<String>, HashMap<String, u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
