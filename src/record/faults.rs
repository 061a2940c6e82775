//! Which faults a case has, and which of its calls they hit.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::exchange::{Fault, What};

/// Faults by case, shared by the tapes of a run.
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashMap<String, Active>>);

#[derive(Debug)]
struct Active {
    faults: Vec<Fault>,
    calls: u32,
}

impl Faults {
    /// From the next call of the case on, these and no others.
    pub fn set(&self, case: &str, faults: Vec<Fault>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match faults.is_empty() {
            true => all.remove(case),
            false => all.insert(case.to_owned(), Active { faults, calls: 0 }),
        };
    }

    /// Counts a call of the case; what goes wrong with it, if anything does.
    pub(super) fn next(&self, case: Option<&str>) -> Option<What> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let active = all.get_mut(case?)?;
        let call = active.calls;
        active.calls = call.saturating_add(1);
        let hits = |fault: &&Fault| {
            let since = call.checked_sub(fault.after_calls);
            since.is_some_and(|since| fault.times.is_none_or(|times| since < times))
        };
        active.faults.iter().find(hits).map(|fault| fault.what.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_hits_its_calls() {
        let status = |code| What::Status { code, retry_after: None };
        let fault = |after_calls, times, code| Fault { after_calls, times, what: status(code) };
        let faults = Faults::default();
        faults.set("a", vec![fault(0, Some(1), 429), fault(2, None, 500)]);
        let codes: Vec<Option<What>> = (0..4).map(|_| faults.next(Some("a"))).collect();
        assert_eq!(codes, [Some(status(429)), None, Some(status(500)), Some(status(500))]);
        assert_eq!((faults.next(Some("b")), faults.next(None)), (None, None));
        faults.set("a", Vec::new());
        assert_eq!(faults.next(Some("a")), None);
    }
}
