//! How often each case has asked the same.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts of equal requests, by case and the request's name. Requests of no case have one count together.
#[derive(Default)]
pub(super) struct Counts(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    of_cases: HashMap<String, HashMap<String, u32>>,
    of_none: HashMap<String, u32>,
}

impl Counts {
    /// Counts a request; which one it is, from 1.
    pub(super) fn claim(&self, case: Option<&str>, name: &str) -> u32 {
        let mut inner = self.lock();
        let Some(case) = case else { return next(&mut inner.of_none, name) };
        match inner.of_cases.get_mut(case) {
            Some(names) => next(names, name),
            None => {
                inner.of_cases.insert(case.to_owned(), HashMap::from([(name.to_owned(), 1)]));
                1
            }
        }
    }

    /// Takes a request back that got no answer. What was never answered leaves nothing behind.
    pub(super) fn release(&self, case: Option<&str>, name: &str) {
        let mut inner = self.lock();
        let names = match case {
            None => Some(&mut inner.of_none),
            Some(case) => inner.of_cases.get_mut(case),
        };
        let Some(names) = names else { return };
        match names.get_mut(name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(names.remove(name)),
        }
    }

    /// Lets a case begin anew.
    pub(super) fn forget(&self, case: &str) {
        self.lock().of_cases.remove(case);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One more of this name: only the first one costs a copy of it.
fn next(names: &mut HashMap<String, u32>, name: &str) -> u32 {
    match names.get_mut(name) {
        Some(count) => {
            *count = count.saturating_add(1);
            *count
        }
        None => {
            names.insert(name.to_owned(), 1);
            1
        }
    }
}
