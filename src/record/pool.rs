//! What was recorded in this run and waits for its case, or answers other cases.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::exchange::{End, Exchange, Key};

/// So long the end of a case waits for replies that nobody reads any more. Deadlines of live requests are shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// One exchange of this run, scrubbed.
pub(super) struct Entry {
    pub(super) key: Key,
    /// Which of a case's equal requests it answers, from 1.
    pub(super) nth: u32,
    pub(super) exchange: Exchange,
    /// A case that passed has had it written.
    kept: AtomicBool,
}

impl Entry {
    /// Whether its file names the cases that recorded it: where there is nothing in a request that could change, nobody
    /// ever asks whose it was.
    pub(super) fn names_cases(&self) -> bool {
        !self.exchange.request.body.is_empty()
    }
}

/// What is to be done about a request.
pub(super) enum Claim {
    /// Nobody has asked it yet: this one does.
    Go(Flight),
    /// Somebody is asking it: wait for [`Pool::changed`], then claim again.
    Wait,
    /// It was answered.
    Answered(Arc<Entry>),
}

#[derive(Default)]
pub(super) struct Pool {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    slots: HashMap<(String, u32), Slot>,
    cases: HashMap<String, Vec<Arc<Entry>>>,
    flying: HashMap<Option<String>, usize>,
}

enum Slot {
    Flying,
    Answered(Arc<Entry>),
}

/// A request under way. Dropped before it lands, it makes room for another try.
pub(super) struct Flight {
    pool: Arc<Pool>,
    case: Option<String>,
    slot: Option<(String, u32)>,
}

impl Pool {
    /// Claims the `nth` request of this key for a case that waits for its end.
    pub(super) fn claim(self: &Arc<Self>, case: &str, key: &Key, nth: u32) -> Claim {
        let slot = (key.canonical.clone(), nth);
        let mut inner = self.lock();
        match inner.slots.get(&slot) {
            Some(Slot::Flying) => return Claim::Wait,
            Some(Slot::Answered(entry)) => {
                let entry = Arc::clone(entry);
                inner.cases.entry(case.to_owned()).or_default().push(Arc::clone(&entry));
                return Claim::Answered(entry);
            }
            None => {}
        }
        inner.slots.insert(slot.clone(), Slot::Flying);
        *inner.flying.entry(Some(case.to_owned())).or_default() += 1;
        Claim::Go(Flight { pool: Arc::clone(self), case: Some(case.to_owned()), slot: Some(slot) })
    }

    /// A request that is written when it ends.
    pub(super) fn depart(self: &Arc<Self>, case: Option<&str>) -> Flight {
        let case = case.map(str::to_owned);
        *self.lock().flying.entry(case.clone()).or_default() += 1;
        Flight { pool: Arc::clone(self), case, slot: None }
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

    /// Whether no request of this case (of anyone, for `None`) is under way.
    pub(super) fn is_calm(&self, case: Option<&str>) -> bool {
        let inner = self.lock();
        match case {
            Some(case) => !inner.flying.contains_key(&Some(case.to_owned())),
            None => inner.flying.is_empty(),
        }
    }

    /// Whether the `nth` request of this key is not under way.
    pub(super) fn is_landed(&self, key: &Key, nth: u32) -> bool {
        !matches!(self.lock().slots.get(&(key.canonical.clone(), nth)), Some(Slot::Flying))
    }

    /// Ends a case that passed: what it asked and what is not written yet, or not yet under its name.
    pub(super) fn take_passed(&self, case: &str) -> Vec<Arc<Entry>> {
        let entries = self.lock().cases.remove(case).unwrap_or_default();
        entries.into_iter().filter(|entry| !entry.kept.swap(true, Ordering::SeqCst) || entry.names_cases()).collect()
    }

    /// Ends a case that did not pass: what only it asked is forgotten, so that another try asks anew.
    pub(super) fn take_failed(&self, case: &str) -> Vec<Arc<Entry>> {
        let mut inner = self.lock();
        let entries = inner.cases.remove(case).unwrap_or_default();
        let (mut dropped, others) = (Vec::new(), &inner.cases);
        for entry in entries {
            let shared = others.values().flatten().any(|other| Arc::ptr_eq(other, &entry));
            if !shared && !entry.kept.load(Ordering::SeqCst) {
                dropped.push(entry);
            }
        }
        for entry in &dropped {
            let slot = (entry.key.canonical.clone(), entry.nth);
            if matches!(inner.slots.get(&slot), Some(Slot::Answered(answer)) if Arc::ptr_eq(answer, entry)) {
                inner.slots.remove(&slot);
            }
        }
        dropped
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// The reply is whole; the flight ends when it is dropped. The reply waits for its case when it was claimed for one, and answers other cases unless it is
    /// one that the next try may not get.
    pub(super) fn land(&mut self, key: Key, nth: u32, exchange: Exchange) -> Arc<Entry> {
        let entry = Arc::new(Entry { key, nth, exchange, kept: AtomicBool::new(false) });
        if let (Some(slot), Some(case)) = (self.slot.take(), &self.case) {
            let mut inner = self.pool.lock();
            if is_lasting(&entry.exchange) {
                inner.slots.insert(slot, Slot::Answered(Arc::clone(&entry)));
            } else {
                inner.slots.remove(&slot);
            }
            inner.cases.entry(case.clone()).or_default().push(Arc::clone(&entry));
        }
        entry
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut inner = self.pool.lock();
        if let Some(slot) = self.slot.take() {
            inner.slots.remove(&slot);
        }
        if let Some(count) = inner.flying.get_mut(&self.case) {
            *count -= 1;
            if *count == 0 {
                inner.flying.remove(&self.case);
            }
        }
        drop(inner);
        self.pool.changed.notify_waiters();
    }
}

/// Whether a reply says something of the request, and not of the moment.
fn is_lasting(exchange: &Exchange) -> bool {
    exchange.reply.end == End::Complete && exchange.reply.status < 500 && exchange.reply.status != 429
}
