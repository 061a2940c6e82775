//! The live requests of this run, each shared by all cases that ask the same, and the replies that wait for the end of
//! their case.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::entry::Entry;
use crate::exchange::Key;

/// How long the end of a case waits for replies that nobody reads any more. Deadlines of live requests are shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The most memory, in bytes, for exchanges that wait for the end of their case, session or command; the bodies of
/// replies wait elsewhere.
pub(super) const MOST_WAITING: usize = 128 << 20;
/// The most memory, in bytes, for replies that are held for others who may ask the same: a server runs for long.
const MOST_HELD: usize = 16 << 20;

/// What to do with a request.
pub(super) enum Turn {
    /// Nobody has sent it yet: the caller does.
    Ask(LiveRequest),
    /// Another case is sending it: wait for a change, then claim again.
    Wait,
    /// It was answered.
    Answered(Arc<Entry>),
}

#[derive(Default)]
pub(super) struct InFlight {
    inner: Mutex<Inner>,
    changed: Notify,
}

/// Who sent a request: a case or session, or `None`.
pub(super) type Whose = Option<String>;

#[derive(Default)]
struct Inner {
    slots: HashMap<(String, u32), Slot>,
    held: usize,
    staged: HashMap<Whose, Waiting>,
    /// The memory that all staged entries take, in bytes.
    waiting: usize,
    /// The entries that were written before their session ended.
    for_now: HashMap<Whose, Vec<Arc<Entry>>>,
    under_way: HashMap<Whose, usize>,
    /// A description of each request, for people.
    asked: BTreeMap<u64, String>,
    last: u64,
}

/// The entries that wait for the end of a case.
#[derive(Default)]
struct Waiting {
    entries: Vec<Arc<Entry>>,
    /// When the last of them came: a counter, only for the order.
    last: u64,
}

enum Slot {
    UnderWay {
        by: String,
        /// The number of the request.
        number: u64,
    },
    Answered {
        entry: Arc<Entry>,
        /// The cases that received this reply. A case that sends the same request again has started anew, so the
        /// request is sent again.
        heard: HashSet<String>,
    },
}

/// A request under way. If it is dropped without an answer, another one can be tried.
pub(super) struct LiveRequest {
    in_flight: Arc<InFlight>,
    whose: Whose,
    slot: Option<(String, u32)>,
    number: u64,
}

impl InFlight {
    /// Claims the `nth` request of this key for a case.
    pub(super) fn claim(self: &Arc<Self>, case: &str, key: &Key, nth: u32, what: &str) -> Turn {
        let place = (key.canonical.clone(), nth);
        let mut inner = self.lock();
        match inner.slots.get_mut(&place) {
            // A case asks again for a place that its request holds only if it no longer waits for that one.
            Some(Slot::UnderWay { by, .. }) if by != case => return Turn::Wait,
            Some(Slot::Answered { entry, heard }) if !heard.contains(case) => {
                heard.insert(case.to_owned());
                let entry = Arc::clone(entry);
                inner.hold_for(&Some(case.to_owned()), Arc::clone(&entry));
                return Turn::Answered(entry);
            }
            _ => {}
        }
        let request = inner.under_way(self, Some(case.to_owned()), Some(place.clone()), what);
        let slot = Slot::UnderWay { by: case.to_owned(), number: request.number };
        if let Some(Slot::Answered { entry, .. }) = inner.slots.insert(place, slot) {
            inner.held = inner.held.saturating_sub(entry.weight());
        }
        Turn::Ask(request)
    }

    /// A request that is not shared with others.
    pub(super) fn alone(self: &Arc<Self>, whose: Whose, what: &str) -> LiveRequest {
        self.lock().under_way(self, whose, None, what)
    }

    /// The requests under way, for people.
    pub(super) fn under_way(&self) -> Vec<String> {
        self.lock().asked.values().cloned().collect()
    }

    /// Waits until `check` is true; returns false after [`LONGEST_WAIT`].
    pub(super) async fn wait_until(&self, check: impl Fn(&Self) -> bool) -> bool {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // Listen before checking, so that a change in between is not missed.
                changed.as_mut().enable();
                if check(self) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(LONGEST_WAIT, wait).await.is_ok()
    }

    /// Whether no request of this case is under way.
    pub(super) fn is_calm(&self, case: &str) -> bool {
        !self.lock().under_way.contains_key(&Some(case.to_owned()))
    }

    /// Whether no request at all is under way.
    pub(super) fn is_all_calm(&self) -> bool {
        self.lock().under_way.is_empty()
    }

    /// Whether the `nth` request of this key is not under way.
    pub(super) fn is_answered(&self, key: &Key, nth: u32) -> bool {
        !matches!(self.lock().slots.get(&(key.canonical.clone(), nth)), Some(Slot::UnderWay { .. }))
    }

    /// Holds an entry until the end of its case, or of the run. Returns the entries for which there is no more room:
    /// those of the case that is idle longest, or the entry itself.
    pub(super) fn stage(&self, whose: &Whose, entry: Arc<Entry>) -> Vec<Arc<Entry>> {
        let mut inner = self.lock();
        let mut gone = Vec::new();
        while inner.waiting + entry.weight() > MOST_WAITING {
            match inner.longest_idle(whose) {
                Some(idle) => {
                    gone.extend(inner.unstage(&idle));
                    inner.for_now.remove(&idle);
                }
                None => {
                    gone.push(entry);
                    return gone;
                }
            }
        }
        inner.hold_for(whose, entry);
        gone
    }

    /// Notes that an entry was written before its session ended, which may still take it back.
    pub(super) fn keep_for_now(&self, whose: &Whose, entry: Arc<Entry>) {
        self.lock().for_now.entry(whose.clone()).or_default().push(entry);
    }

    /// The entries that were written before the session ended, now that it has ended.
    pub(super) fn take_kept_for_now(&self, whose: &Whose) -> Vec<Arc<Entry>> {
        self.lock().for_now.remove(whose).unwrap_or_default()
    }

    /// The entries that waited for the end of a case, in the order of their repeats; of equal ones the last.
    pub(super) fn take(&self, whose: &Whose) -> Vec<Arc<Entry>> {
        let mut entries = self.lock().unstage(whose);
        entries.reverse();
        let mut seen = HashSet::new();
        entries.retain(|entry| seen.insert((entry.key.clone(), entry.nth)));
        entries.sort_by(|a, b| (&a.key, a.nth).cmp(&(&b.key, b.nth)));
        entries
    }

    /// All cases and sessions for which entries wait.
    pub(super) fn waiting(&self) -> Vec<Whose> {
        let mut all: Vec<Whose> = self.lock().staged.keys().cloned().collect();
        all.sort();
        all
    }

    /// Drops replies that only failed cases received, so that the next try asks again. Returns those that were dropped.
    pub(super) fn forget(&self, mut entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        let mut inner = self.lock();
        entries.retain(|entry| {
            let is_shared =
                inner.staged.values().flat_map(|waiting| &waiting.entries).any(|other| Arc::ptr_eq(other, entry));
            !is_shared && !entry.is_kept()
        });
        for entry in &entries {
            let place = (entry.key.canonical.clone(), entry.nth);
            if matches!(inner.slots.get(&place), Some(Slot::Answered { entry: held, .. }) if Arc::ptr_eq(held, entry)) {
                inner.slots.remove(&place);
                inner.held = inner.held.saturating_sub(entry.weight());
            }
        }
        entries
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn hold_for(&mut self, whose: &Whose, entry: Arc<Entry>) {
        self.waiting += entry.weight();
        self.last += 1;
        let waiting = self.staged.entry(whose.clone()).or_default();
        waiting.entries.push(entry);
        waiting.last = self.last;
    }

    fn unstage(&mut self, whose: &Whose) -> Vec<Arc<Entry>> {
        let entries = self.staged.remove(whose).unwrap_or_default().entries;
        self.waiting -= entries.iter().map(|entry| entry.weight()).sum::<usize>();
        entries
    }

    /// Whether this request holds the place, and no later one of its case has taken it over.
    fn is_of(&self, place: &(String, u32), number: u64) -> bool {
        matches!(self.slots.get(place), Some(Slot::UnderWay { number: of, .. }) if *of == number)
    }

    /// The case, other than this one, that has recorded nothing for longest.
    fn longest_idle(&self, but: &Whose) -> Option<Whose> {
        let others = self.staged.iter().filter(|(whose, _)| *whose != but && !self.under_way.contains_key(*whose));
        others.min_by_key(|(_, waiting)| waiting.last).map(|(whose, _)| whose.clone())
    }

    fn under_way(
        &mut self,
        in_flight: &Arc<InFlight>,
        whose: Whose,
        slot: Option<(String, u32)>,
        what: &str,
    ) -> LiveRequest {
        *self.under_way.entry(whose.clone()).or_default() += 1;
        self.last += 1;
        self.asked.insert(self.last, what.to_owned());
        LiveRequest { in_flight: Arc::clone(in_flight), whose, slot, number: self.last }
    }

    fn hold(&mut self, place: (String, u32), entry: &Arc<Entry>, whose: &Whose) {
        if self.held + entry.weight() > MOST_HELD {
            self.slots.retain(|_, slot| matches!(slot, Slot::UnderWay { .. }));
            self.held = 0;
        }
        self.held += entry.weight();
        let heard = whose.iter().cloned().collect();
        self.slots.insert(place, Slot::Answered { entry: Arc::clone(entry), heard });
    }
}

impl LiveRequest {
    /// Offers the whole reply to others that ask the same, unless the next try may get a better one. The request stays
    /// under way until it is dropped.
    pub(super) fn share(&mut self, entry: &Arc<Entry>) {
        let Some(place) = self.slot.take() else { return };
        let mut inner = self.in_flight.lock();
        if !inner.is_of(&place, self.number) {
            return;
        }
        if entry.is_lasting {
            inner.hold(place, entry, &self.whose);
        } else {
            inner.slots.remove(&place);
        }
    }
}

impl Drop for LiveRequest {
    fn drop(&mut self) {
        let mut inner = self.in_flight.lock();
        if let Some(place) = self.slot.take().filter(|place| inner.is_of(place, self.number)) {
            inner.slots.remove(&place);
        }
        inner.asked.remove(&self.number);
        if let Some(count) = inner.under_way.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                inner.under_way.remove(&self.whose);
            }
        }
        drop(inner);
        self.in_flight.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Named, Owners};
    use crate::record::tests::found;

    #[test]
    fn what_waits_for_sessions_that_never_end_is_bounded_and_the_longest_idle_goes_first() {
        let in_flight = Arc::<InFlight>::default();
        let file = found("", "a", Owners::Named(Named::of(None, 1)));
        let mut exchange = file.recording.exchange.clone();
        exchange.request.body = vec![b'x'; MOST_WAITING / 8].into();
        let entry = || Arc::new(Entry::new(file.key.clone(), 1, exchange.clone()));
        let whose = |name: &str| Some(name.to_owned());
        let _under_way = in_flight.alone(whose("0"), "POST /x");
        let mut gone = Vec::new();
        for number in 0..10 {
            gone.extend(in_flight.stage(&whose(&number.to_string()), entry()));
        }
        // The first one has a request under way.
        let left: Vec<String> = in_flight.waiting().into_iter().flatten().collect();
        assert_eq!((gone.len(), left.join("")), (3, "0456789".to_owned()));
        // A single case may not take more either.
        let refused: usize = (0..10).map(|_| in_flight.stage(&whose("0"), entry()).len()).sum();
        assert!(refused > 3, "{refused}");
        assert!(in_flight.lock().waiting <= MOST_WAITING);
        for whose in in_flight.waiting() {
            in_flight.take(&whose);
        }
        assert_eq!(in_flight.lock().waiting, 0);
    }

    #[test]
    fn replies_for_others_that_ask_the_same_are_bounded_and_counted_right() {
        let in_flight = Arc::<InFlight>::default();
        let file = found("", "{}", Owners::Named(Named::of(None, 1)));
        let mut exchange = file.recording.exchange.clone();
        exchange.request.body = vec![b'x'; MOST_HELD / 8].into();
        let mut most = 0;
        for nth in 1..20 {
            let Turn::Ask(mut live) = in_flight.claim("a", &file.key, nth, "POST /x") else {
                panic!("nobody asked {nth}")
            };
            live.share(&Arc::new(Entry::new(file.key.clone(), nth, exchange.clone()).shared()));
            drop(live);
            let inner = in_flight.lock();
            let weight = |slot: &Slot| match slot {
                Slot::Answered { entry, .. } => entry.weight(),
                Slot::UnderWay { .. } => 0,
            };
            assert_eq!(inner.held, inner.slots.values().map(weight).sum::<usize>());
            assert!(inner.held <= MOST_HELD);
            most = most.max(inner.slots.len());
        }
        assert_eq!(most, 7);
        assert!(matches!(in_flight.claim("b", &file.key, 19, ""), Turn::Answered(_)));
    }

    #[test]
    fn requests_under_way_are_listed_in_the_order_in_which_they_began() {
        let in_flight = Arc::<InFlight>::default();
        let first = in_flight.alone(None, "POST /b");
        let _second = in_flight.alone(Some("a".to_owned()), "POST /a");
        assert_eq!(in_flight.under_way(), ["POST /b", "POST /a"]);
        drop(first);
        assert_eq!(
            (in_flight.under_way(), in_flight.is_calm("a"), in_flight.is_calm("b")),
            (vec!["POST /a".to_owned()], false, true)
        );
    }
}
