//! Requests of a run that records to which no reply came. If no equal request was answered after them, replay misses
//! them, although the tests that made them may have passed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::library::Library;
use super::view::View;
use crate::exchange::Request;

/// The most requests that are remembered: one is enough to fail the run.
const MOST: usize = 1_000;

/// Which of the equal requests of a case one is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) case: Option<String>,
    /// The name under which the case counts it.
    pub(super) name: String,
    /// Its number, from 1.
    pub(super) nth: u32,
}

/// A request without a reply.
pub(super) struct Lost {
    pub(super) request: Request,
    pub(super) view: Arc<View>,
    /// Why no reply came.
    pub(super) why: String,
}

/// The requests without a reply whose places are still empty.
#[derive(Default)]
pub(super) struct Unanswered(Mutex<BTreeMap<Place, Lost>>);

impl Unanswered {
    pub(super) fn add(&self, place: Place, lost: Lost) {
        let mut all = self.lock();
        if all.len() < MOST {
            all.insert(place, lost);
        }
    }

    /// A later equal request took the place, and was answered.
    pub(super) fn answered(&self, place: &Place) {
        self.lock().remove(place);
    }

    /// Drops the requests of a case that did not pass: what it needs in replay is not known.
    pub(super) fn forget(&self, case: Option<&str>) {
        self.lock().retain(|place, _| place.case.as_deref() != case);
    }

    /// Messages about the requests that no recording answers, each once. They are not told again. Reads files.
    pub(super) fn take(&self, library: &Library) -> Vec<String> {
        let all = std::mem::take(&mut *self.lock());
        let mut said: Vec<String> = all
            .into_values()
            .filter(|Lost { request, view, .. }| {
                let key = library.key_under(&view.rules, request);
                library.readable(view, &key, request).is_empty()
            })
            .map(|Lost { request, why, .. }| {
                let (method, endpoint) = (request.method, request.endpoint);
                format!(
                    "{method} {endpoint}: no reply came, so there is no recording, and replay misses this request: {why}"
                )
            })
            .collect();
        said.sort();
        said.dedup();
        said
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Lost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
