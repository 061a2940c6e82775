//! The places of the equal requests of one case, in the order in which they came. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ending::Ending;

/// The places of equal requests, numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Places {
    last: u32,
    /// Places given back by requests that got no reply: the next request takes the lowest. A request whose client has
    /// left, but which still waits for the provider, is told.
    free: BTreeMap<u32, Option<Arc<Ending>>>,
    /// Places that nobody takes any more: when their clients left, a later request was there already. A client may ask
    /// again before it is known that it has left.
    passed: BTreeSet<u32>,
}

impl Places {
    /// Takes a place for a request.
    pub(super) fn take(&mut self) -> u32 {
        match self.free.pop_first() {
            Some((nth, left)) => {
                left.iter().for_each(|left| left.call());
                nth
            }
            None => {
                self.last = self.last.saturating_add(1);
                self.last
            }
        }
    }

    /// Gives back the place of a request that got no answer. `left` is called when another request takes it.
    pub(super) fn release(&mut self, nth: u32, left: Option<Arc<Ending>>) {
        if let Some(left) = left.as_ref().filter(|_| nth < self.top()) {
            left.call();
            self.passed.insert(nth);
            return;
        }
        self.free.insert(nth, left);
        while self.free.get(&self.last).is_some_and(Option::is_none) {
            self.free.remove(&self.last);
            self.last -= 1;
        }
    }

    /// Whether no request has a place, or waits for one.
    pub(super) fn is_empty(&self) -> bool {
        self.last == 0
    }

    /// How many requests were answered, or wait for their answer.
    pub(super) fn count(&self) -> u32 {
        self.last - (self.free.len() + self.passed.len()) as u32
    }

    /// The place in replay of the reply to the request with this place. A place that nobody has in the end was not asked
    /// for, so that the later ones move up; a reply that came there too late is of no use if a later place has one.
    pub(super) fn settled(&self, nth: u32) -> Option<u32> {
        let top = self.top();
        if nth < top && self.is_empty_at(nth) {
            return None;
        }
        let before = ..nth.min(top);
        let empty = self.free.range(before).count() + self.passed.range(before).count();
        Some(nth - empty as u32)
    }

    /// The last place that a request has; 0 if there is none.
    fn top(&self) -> u32 {
        (1..=self.last).rev().find(|nth| !self.is_empty_at(*nth)).unwrap_or(0)
    }

    fn is_empty_at(&self, nth: u32) -> bool {
        self.free.contains_key(&nth) || self.passed.contains(&nth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(last: u32, free: &[u32]) -> Places {
        let free = free.iter().map(|nth| (*nth, Some(Arc::default()))).collect();
        Places { last, free, ..Places::default() }
    }

    #[test]
    fn replies_move_up_to_places_that_stayed_free() {
        let settled = |places: &Places| (1..=5).map(|nth| places.settled(nth)).collect::<Vec<_>>();
        assert_eq!(settled(&places(5, &[])), [Some(1), Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(settled(&places(5, &[1, 3])), [None, Some(1), None, Some(2), Some(3)]);
        // Nobody asked again for what came late at the end.
        assert_eq!(settled(&places(5, &[2, 4, 5])), [Some(1), None, Some(2), Some(3), Some(4)]);
        assert_eq!(settled(&places(0, &[])), [Some(1), Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!((places(5, &[2, 4]).count(), places(0, &[]).count()), (3, 0));
    }

    #[test]
    fn a_place_that_is_given_back_is_taken_first_and_its_request_is_told() {
        let (mut places, left) = (Places::default(), Arc::<Ending>::default());
        assert_eq!([places.take(), places.take(), places.take()], [1, 2, 3]);
        places.release(2, None);
        places.release(3, Some(Arc::clone(&left)));
        assert_eq!((places.take(), left.is_called()), (2, false));
        assert_eq!((places.take(), left.is_called(), places.take()), (3, true, 4));
    }

    #[test]
    fn a_place_whose_client_left_after_it_had_asked_again_is_passed_over() {
        let (mut places, left) = (Places::default(), Arc::<Ending>::default());
        assert_eq!([places.take(), places.take()], [1, 2]);
        places.release(1, Some(Arc::clone(&left)));
        assert!(left.is_called(), "the reply to the later request counts");
        assert_eq!((places.take(), places.count()), (3, 2), "the order is that of the requests");
        assert_eq!([1, 2, 3].map(|nth| places.settled(nth)), [None, Some(1), Some(2)]);
    }

    #[test]
    fn requests_that_were_never_answered_leave_nothing_behind() {
        let mut places = Places::default();
        let all = [places.take(), places.take()];
        all.into_iter().for_each(|nth| places.release(nth, None));
        assert!(places.is_empty());
    }
}
