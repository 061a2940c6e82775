//! Counts what a run has spent, and what running cases may still spend.

use std::collections::HashMap;

use super::cost::Estimate;

/// Two sums of dollars count as equal if they differ by less than this fraction.
const ROUNDING: f64 = 1e-9;

/// Limits on the cost of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Limits {
    /// US dollars.
    pub dollars: Option<f64>,
    /// Input and output tokens.
    pub tokens: Option<u64>,
}

/// One of the limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// The limit in US dollars.
    Dollars(f64),
    /// The limit in tokens.
    Tokens(u64),
}

impl Limits {
    /// The limit that this sum exceeds, if any.
    pub(crate) fn exceeded(&self, sum: Estimate) -> Option<Limit> {
        if let Some(most) = self.dollars.filter(|most| sum.dollars > most * (1.0 + ROUNDING)) {
            return Some(Limit::Dollars(most));
        }
        self.tokens.filter(|most| sum.tokens() > *most).map(Limit::Tokens)
    }
}

/// Whether one more case fits into the limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Room {
    /// It fits, and its estimate is reserved.
    Yes,
    /// It fits only if running cases spend less than was reserved for them.
    Perhaps,
    /// It does not fit, and never will.
    No(Limit),
}

/// What was spent, by how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Account {
    /// The estimates of all cases that were run.
    pub estimated: Estimate,
    /// What replies reported.
    pub reported: Estimate,
    /// How many replies reported usage.
    pub replies: usize,
    /// The estimated cost of replies that reported nothing.
    pub assumed: Estimate,
    /// How many replies reported nothing.
    pub silent: usize,
}

/// Reserves an estimate for each case when it starts. When the case ends, its replies have reported what it spent, and
/// the rest is free again.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    limits: Limits,
    account: Account,
    /// Cases under way.
    open: HashMap<String, Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    estimate: Estimate,
    spent: Estimate,
}

impl Ledger {
    /// A ledger with nothing spent.
    pub(crate) fn new(limits: Limits) -> Self {
        Ledger { limits, ..Ledger::default() }
    }

    /// A case with this estimate wants to start.
    pub(crate) fn open(&mut self, case: &str, estimate: Estimate) -> Room {
        if estimate.tokens() > 0 {
            let spent = self.spent();
            if let Some(limit) = self.limits.exceeded(spent.plus(estimate)) {
                return Room::No(limit);
            }
            let reserved = self.open.values().fold(spent, |sum, open| sum.plus(open.left()));
            if self.limits.exceeded(reserved.plus(estimate)).is_some() {
                return Room::Perhaps;
            }
        }
        self.account.estimated = self.account.estimated.plus(estimate);
        self.open.insert(case.to_owned(), Open { estimate, spent: Estimate::default() });
        Room::Yes
    }

    /// Notes the cost of a reply, reported or estimated.
    pub(crate) fn pay(&mut self, case: Option<&str>, sum: Estimate, is_reported: bool) {
        let account = &mut self.account;
        let (whole, count) = if is_reported {
            (&mut account.reported, &mut account.replies)
        } else {
            (&mut account.assumed, &mut account.silent)
        };
        *whole = whole.plus(sum);
        *count += 1;
        if let Some(open) = case.and_then(|case| self.open.get_mut(case)) {
            open.spent = open.spent.plus(sum);
        }
    }

    /// A case is over: the unspent rest of its reservation is free again.
    pub(crate) fn close(&mut self, case: &str) {
        self.open.remove(case);
    }

    /// What was spent so far.
    pub(crate) fn account(&self) -> Account {
        self.account
    }

    fn spent(&self) -> Estimate {
        self.account.reported.plus(self.account.assumed)
    }
}

impl Open {
    /// What is still reserved.
    fn left(&self) -> Estimate {
        Estimate {
            input: self.estimate.input.saturating_sub(self.spent.input),
            output: self.estimate.output.saturating_sub(self.spent.output),
            dollars: (self.estimate.dollars - self.spent.dollars).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(count: u64) -> Estimate {
        Estimate { input: 0, output: count, dollars: count as f64 / 10.0 }
    }

    fn ledger(most: u64) -> Ledger {
        Ledger::new(Limits { tokens: Some(most), dollars: None })
    }

    #[test]
    fn what_replies_report_takes_the_place_of_the_estimate() {
        let mut ledger = ledger(100);
        assert_eq!(ledger.open("a", tokens(40)), Room::Yes);
        ledger.pay(Some("a"), tokens(90), true);
        ledger.close("a");
        assert_eq!(ledger.open("b", tokens(40)), Room::No(Limit::Tokens(100)));
        assert_eq!(ledger.open("c", tokens(10)), Room::Yes);
        ledger.pay(Some("c"), tokens(1), true);
        ledger.close("c");
        assert_eq!(ledger.open("d", tokens(9)), Room::Yes);
        let account = ledger.account();
        assert_eq!((account.estimated.tokens(), account.reported.tokens(), account.replies), (59, 91, 2));
    }

    #[test]
    fn cases_at_once_never_reserve_more_than_there_is() {
        let mut ledger = ledger(100);
        assert_eq!((ledger.open("a", tokens(60)), ledger.open("b", tokens(60))), (Room::Yes, Room::Perhaps));
        ledger.pay(Some("a"), tokens(10), true);
        assert_eq!(ledger.open("b", tokens(60)), Room::Perhaps, "a may still spend 50");
        assert_eq!(ledger.open("b", tokens(40)), Room::Yes);
        ledger.close("a");
        assert_eq!(ledger.open("c", tokens(50)), Room::Yes, "a spent 10, and 40 are reserved for b");
        assert_eq!(ledger.open("d", tokens(1)), Room::Perhaps);
        assert_eq!(ledger.open("e", tokens(91)), Room::No(Limit::Tokens(100)));
    }

    #[test]
    fn what_comes_late_or_without_a_case_counts() {
        let mut ledger = ledger(100);
        assert_eq!(ledger.open("a", tokens(50)), Room::Yes);
        ledger.close("a");
        ledger.pay(Some("a"), tokens(50), false);
        ledger.pay(None, tokens(30), true);
        assert_eq!(ledger.open("b", tokens(21)), Room::No(Limit::Tokens(100)));
        let account = ledger.account();
        assert_eq!((account.assumed.tokens(), account.silent, account.reported.tokens()), (50, 1, 30));
    }

    #[test]
    fn a_case_that_asks_nothing_always_has_room() {
        let mut ledger = ledger(0);
        assert_eq!(ledger.open("a", tokens(0)), Room::Yes);
        assert_eq!(ledger.open("b", tokens(1)), Room::No(Limit::Tokens(0)));
    }

    #[test]
    fn dollars_that_add_up_to_the_limit_do_not_exceed_it() {
        let mut ledger = Ledger::new(Limits { dollars: Some(0.3), tokens: None });
        for case in ["a", "b", "c"] {
            assert_eq!(ledger.open(case, tokens(1)), Room::Yes);
        }
        assert_eq!(ledger.open("d", tokens(1)), Room::Perhaps);
        assert_eq!(ledger.open("e", tokens(4)), Room::No(Limit::Dollars(0.3)));
    }
}
