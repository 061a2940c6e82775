//! Limits how many requests a provider gets at once and per minute.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The limits of a provider; `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// How many requests may be under way at once; each counts until its body ends.
    pub at_once: Option<usize>,
    /// How many requests may be sent in any 60 seconds, retries included.
    pub per_minute: Option<u32>,
}

/// Lets requests through as the limits allow, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Gate {
    at_once: Option<Arc<Semaphore>>,
    per_minute: Option<Mutex<Window>>,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        let at_once = limits.at_once.map(|n| Arc::new(Semaphore::new(n.clamp(1, Semaphore::MAX_PERMITS))));
        let per_minute = limits.per_minute.map(|n| Mutex::new(Window::new(n)));
        Gate { at_once, per_minute }
    }

    /// Waits for a place, which is freed when the permit is dropped.
    pub(crate) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        match &self.at_once {
            // The semaphore is never closed, so `acquire` cannot fail.
            Some(places) => Arc::clone(places).acquire_owned().await.ok(),
            None => None,
        }
    }

    /// Waits until one more request fits into the minute.
    pub(crate) async fn pace(&self) {
        if let Some(window) = &self.per_minute {
            let now = Instant::now();
            let wait = window.lock().unwrap_or_else(PoisonError::into_inner).reserve(now);
            tokio::time::sleep_until(now + wait).await;
        }
    }
}

/// Allows exactly `per_minute` starts in any 60 seconds. A token bucket would let nearly twice as many through in the
/// first minute.
#[derive(Debug)]
struct Window {
    per_minute: usize,
    starts: VecDeque<Instant>,
}

impl Window {
    fn new(per_minute: u32) -> Self {
        Window { per_minute: per_minute.max(1) as usize, starts: VecDeque::new() }
    }

    /// Reserves the next free start and returns how far off it is.
    fn reserve(&mut self, now: Instant) -> Duration {
        let start = match self.starts.len() < self.per_minute {
            true => now,
            false => self.starts.pop_front().map_or(now, |oldest| now.max(oldest + MINUTE)),
        };
        self.starts.push_back(start);
        start - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_minute_holds_at_most_the_limit() {
        let start = Instant::now();
        let mut window = Window::new(3);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(window.reserve(at(0)).as_secs(), 0);
        assert_eq!(window.reserve(at(10)).as_secs(), 0);
        assert_eq!(window.reserve(at(10)).as_secs(), 0);
        assert_eq!(window.reserve(at(20)).as_secs(), 40, "starts at 60");
        assert_eq!(window.reserve(at(20)).as_secs(), 50, "starts at 70");
        assert_eq!(window.reserve(at(20)).as_secs(), 50, "starts at 70");
        assert_eq!(window.reserve(at(20)).as_secs(), 100, "starts at 120");
        assert_eq!(window.reserve(at(1000)).as_secs(), 0);
    }

    #[test]
    fn a_limit_of_nothing_is_one() {
        let start = Instant::now();
        let mut window = Window::new(0);
        assert_eq!(window.reserve(start).as_secs(), 0);
        assert_eq!(window.reserve(start).as_secs(), 60);
    }

    #[tokio::test]
    async fn places_are_given_back() {
        let gate = Gate::new(Limits { at_once: Some(1), per_minute: None });
        let first = gate.enter().await;
        let second = tokio::time::timeout(Duration::from_millis(5), gate.enter()).await;
        assert!(second.is_err(), "the only place is taken");
        drop(first);
        assert!(gate.enter().await.is_some());
    }
}
