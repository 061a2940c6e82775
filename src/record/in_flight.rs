//! What is being asked and recorded in this run: one request for all that ask the same, and what waits for the end of its
//! case.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::exchange::{End, Exchange, Key};

/// So long the end of a case waits for replies that nobody reads any more. Deadlines of live requests are shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Bytes of replies that are held for others who may ask the same; a server runs for long.
const MOST_HELD: usize = 64 << 20;

/// One exchange of this run, scrubbed.
pub(super) struct Entry {
    pub(super) key: Key,
    /// Which of a case's equal requests it answers, from 1.
    pub(super) nth: u32,
    pub(super) exchange: Exchange,
    /// Somebody's end had it written.
    is_kept: AtomicBool,
}

impl Entry {
    pub(super) fn new(key: Key, nth: u32, exchange: Exchange) -> Arc<Self> {
        Arc::new(Entry { key, nth, exchange, is_kept: AtomicBool::new(false) })
    }

    pub(super) fn keep(&self) {
        self.is_kept.store(true, Ordering::SeqCst);
    }

    fn weight(&self) -> usize {
        self.exchange.request.body.len() + self.exchange.reply.body.len() + self.key.canonical.len()
    }
}

/// What is to be done about a request.
pub(super) enum Turn {
    /// Nobody has asked it yet: this one does.
    Ask(LiveRequest),
    /// Somebody is asking it: wait for a change, then claim again.
    Wait,
    /// It was answered.
    Answered(Arc<Entry>),
}

#[derive(Default)]
pub(super) struct InFlight {
    inner: Mutex<Inner>,
    changed: Notify,
}

/// Whose a request is: a case or session, or nobody's.
pub(super) type Whose = Option<String>;

#[derive(Default)]
struct Inner {
    slots: HashMap<(String, u32), Slot>,
    held: usize,
    staged: HashMap<Whose, Vec<Arc<Entry>>>,
    /// Of what is staged, what was written for now.
    for_now: HashMap<Whose, Vec<Arc<Entry>>>,
    under_way: HashMap<Whose, usize>,
}

enum Slot {
    UnderWay,
    Answered {
        entry: Arc<Entry>,
        /// A case that asks what it heard already has begun anew, and asks anew.
        heard: HashSet<String>,
    },
}

/// A request under way. Dropped before it lands, it makes room for another try.
pub(super) struct LiveRequest {
    in_flight: Arc<InFlight>,
    whose: Whose,
    slot: Option<(String, u32)>,
}

impl InFlight {
    /// Claims the `nth` request of this key for a case.
    pub(super) fn claim(self: &Arc<Self>, case: &str, key: &Key, nth: u32) -> Turn {
        let place = (key.canonical.clone(), nth);
        let mut inner = self.lock();
        match inner.slots.get_mut(&place) {
            Some(Slot::UnderWay) => return Turn::Wait,
            Some(Slot::Answered { entry, heard }) if !heard.contains(case) => {
                heard.insert(case.to_owned());
                let entry = Arc::clone(entry);
                inner.staged.entry(Some(case.to_owned())).or_default().push(Arc::clone(&entry));
                return Turn::Answered(entry);
            }
            _ => {}
        }
        if let Some(Slot::Answered { entry, .. }) = inner.slots.insert(place.clone(), Slot::UnderWay) {
            inner.held = inner.held.saturating_sub(entry.weight());
        }
        *inner.under_way.entry(Some(case.to_owned())).or_default() += 1;
        Turn::Ask(LiveRequest { in_flight: Arc::clone(self), whose: Some(case.to_owned()), slot: Some(place) })
    }

    /// A request that nobody shares.
    pub(super) fn alone(self: &Arc<Self>, whose: Whose) -> LiveRequest {
        *self.lock().under_way.entry(whose.clone()).or_default() += 1;
        LiveRequest { in_flight: Arc::clone(self), whose, slot: None }
    }

    /// Waits for a change after `check` said no; false when it took too long.
    pub(super) async fn wait_until(&self, check: impl Fn(&Self) -> bool) -> bool {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // Listening before looking: a change in between is not missed.
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

    /// Whether no request of anyone is under way.
    pub(super) fn is_all_calm(&self) -> bool {
        self.lock().under_way.is_empty()
    }

    /// Whether the `nth` request of this key is not under way.
    pub(super) fn is_answered(&self, key: &Key, nth: u32) -> bool {
        !matches!(self.lock().slots.get(&(key.canonical.clone(), nth)), Some(Slot::UnderWay))
    }

    /// Holds an entry until the end of its case, or of everything.
    pub(super) fn stage(&self, whose: &Whose, entry: Arc<Entry>) {
        self.lock().staged.entry(whose.clone()).or_default().push(entry);
    }

    /// Notes that an entry was written, which its case may yet have taken back.
    pub(super) fn keep_for_now(&self, whose: &Whose, entry: Arc<Entry>) {
        self.lock().for_now.entry(whose.clone()).or_default().push(entry);
    }

    /// What was written for a case before its end, which is there.
    pub(super) fn take_kept_for_now(&self, whose: &Whose) -> Vec<Arc<Entry>> {
        self.lock().for_now.remove(whose).unwrap_or_default()
    }

    /// What waits for the end of a case, which is there, in the order of its repeats; of equal ones the last.
    pub(super) fn take(&self, whose: &Whose) -> Vec<Arc<Entry>> {
        let mut entries = self.lock().staged.remove(whose).unwrap_or_default();
        entries.reverse();
        let mut seen = HashSet::new();
        entries.retain(|entry| seen.insert((entry.key.clone(), entry.nth)));
        entries.sort_by(|a, b| (&a.key, a.nth).cmp(&(&b.key, b.nth)));
        entries
    }

    /// Everyone for whom something waits.
    pub(super) fn waiting(&self) -> Vec<Whose> {
        let mut all: Vec<Whose> = self.lock().staged.keys().cloned().collect();
        all.sort();
        all
    }

    /// Forgets replies that only a case heard which did not end well: another try asks anew. Gives those that it forgot.
    pub(super) fn forget(&self, mut entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        let mut inner = self.lock();
        entries.retain(|entry| {
            let is_shared = inner.staged.values().flatten().any(|other| Arc::ptr_eq(other, entry));
            !is_shared && !entry.is_kept.load(Ordering::SeqCst)
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
    fn hold(&mut self, place: (String, u32), entry: &Arc<Entry>, whose: &Whose) {
        if self.held + entry.weight() > MOST_HELD {
            self.slots.retain(|_, slot| matches!(slot, Slot::UnderWay));
            self.held = 0;
        }
        self.held += entry.weight();
        let heard = whose.iter().cloned().collect();
        self.slots.insert(place, Slot::Answered { entry: Arc::clone(entry), heard });
    }
}

impl LiveRequest {
    /// The reply is whole; the flight ends when it is dropped. It answers others who ask the same, unless it is one that
    /// the next try may not get.
    pub(super) fn share(&mut self, entry: &Arc<Entry>) {
        let Some(place) = self.slot.take() else { return };
        let mut inner = self.in_flight.lock();
        if is_lasting(&entry.exchange) {
            inner.hold(place, entry, &self.whose);
        } else {
            inner.slots.remove(&place);
        }
    }
}

impl Drop for LiveRequest {
    fn drop(&mut self) {
        let mut inner = self.in_flight.lock();
        if let Some(slot) = self.slot.take() {
            inner.slots.remove(&slot);
        }
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

/// Whether a reply says something of the request, and not of the moment.
fn is_lasting(exchange: &Exchange) -> bool {
    exchange.reply.end == End::Complete && crate::exchange::trouble(&exchange.reply).is_none()
}
