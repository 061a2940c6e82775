//! Requests of a run that records to which no reply came. If no equal request was answered after them, replay misses
//! them, although the tests that made them may have passed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::library::Library;
use super::view::View;
use crate::exchange::Request;

/// The most requests that are remembered, and the most bytes of their bodies: one is enough to fail the run.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 64 << 20;

/// Which of the equal requests of a case one is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RequestOfCase {
    pub(super) case: Option<String>,
    /// The name under which the case counts it.
    pub(super) name: String,
    /// Its number, from 1.
    pub(super) nth: u32,
}

/// A request without a reply.
pub(super) struct Lost {
    request: Request,
    view: Arc<View>,
    /// Why no reply came.
    why: String,
}

impl Lost {
    /// A request as it is recorded, before there is a reply.
    pub(super) fn of(request: Request, view: Arc<View>) -> Self {
        Lost { request, view, why: "its client left before one came".to_owned() }
    }
}

/// The requests without a reply whose places are still empty.
#[derive(Default)]
pub(super) struct Unanswered(Mutex<BTreeMap<RequestOfCase, Lost>>);

impl Unanswered {
    /// Adds a request that is about to be sent.
    pub(super) fn add(&self, which: RequestOfCase, lost: Lost) {
        let mut all = self.lock();
        let bytes: usize = all.values().chain([&lost]).map(|lost| lost.request.body.len()).sum();
        if all.len() < MOST && bytes <= MOST_BYTES {
            all.insert(which, lost);
        }
    }

    /// Says why no reply came.
    pub(super) fn because(&self, which: &RequestOfCase, why: &str) {
        if let Some(lost) = self.lock().get_mut(which) {
            why.clone_into(&mut lost.why);
        }
    }

    /// The request was answered, or its failure is told elsewhere.
    pub(super) fn remove(&self, which: &RequestOfCase) {
        self.lock().remove(which);
    }

    /// Drops the requests of a case that did not pass: what it needs in replay is not known.
    pub(super) fn forget(&self, case: Option<&str>) {
        self.lock().retain(|which, _| which.case.as_deref() != case);
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RequestOfCase, Lost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Rules;
    use crate::record::tests::ask;

    #[test]
    fn what_is_remembered_is_bounded() {
        let which = |nth| RequestOfCase { case: None, name: "x".to_owned(), nth };
        let lost = |size| {
            let request = Request { body: vec![b'x'; size].into(), ..ask(None, "hi") };
            Lost::of(request, Arc::new(View::new(Rules::default(), Arc::default())))
        };
        let unanswered = Unanswered::default();
        (1..=5).for_each(|nth| unanswered.add(which(nth), lost(MOST_BYTES / 2 - 1)));
        assert_eq!(unanswered.lock().len(), 2);
        unanswered.remove(&which(1));
        (1..=2 * MOST as u32).for_each(|nth| unanswered.add(which(nth), lost(1)));
        assert_eq!(unanswered.lock().len(), MOST);
    }
}
