//! Counts what a run spends while it runs.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::matrix::{Account, Estimate, Ledger, Limit, Limits, Room};
use crate::run::Purse;

/// Shared by the cases that spend and the meters that count.
#[derive(Debug)]
pub(in crate::cli) struct Spending {
    /// By case id.
    estimates: HashMap<String, Estimate>,
    inner: Mutex<Inner>,
    /// Notified when a case ends.
    ended: Notify,
}

#[derive(Debug)]
struct Inner {
    ledger: Ledger,
    unpriced: BTreeSet<String>,
}

impl Spending {
    /// With nothing spent. Cases without an estimate call no model.
    pub(in crate::cli) fn new(limits: Limits, estimates: HashMap<String, Estimate>) -> Self {
        let inner = Mutex::new(Inner { ledger: Ledger::new(limits), unpriced: BTreeSet::new() });
        Spending { estimates, inner, ended: Notify::new() }
    }

    /// Adds the cost of a reply, reported or estimated.
    pub(in crate::cli) fn pay(&self, case: Option<&str>, sum: Estimate, is_reported: bool) {
        self.lock().ledger.pay(case, sum, is_reported);
    }

    /// Notes a model whose price is unknown.
    pub(in crate::cli) fn has_no_price(&self, model: String) {
        self.lock().unpriced.insert(model);
    }

    /// One line about what was spent.
    pub(in crate::cli) fn summary_line(&self) -> String {
        let inner = self.lock();
        let unpriced: Vec<&str> = inner.unpriced.iter().map(String::as_str).collect();
        summary_line(&inner.ledger.account(), &unpriced)
    }

    /// What was spent so far, in a few characters: `$0.0132`.
    pub(in crate::cli) fn brief(&self) -> String {
        let account = self.lock().ledger.account();
        format!("${:.4}", account.reported.plus(account.assumed).dollars)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Purse for Spending {
    fn open<'a>(&'a self, case: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let estimate = self.estimates.get(case).copied().unwrap_or_default();
        async move {
            loop {
                let ended = self.ended.notified();
                tokio::pin!(ended);
                // Listen before checking, so that an end in between is not missed.
                ended.as_mut().enable();
                let room = self.lock().ledger.open(case, estimate);
                match room {
                    Room::Yes => return Ok(()),
                    Room::No(limit) => return Err(beyond(limit)),
                    Room::Perhaps => ended.await,
                }
            }
        }
        .boxed()
    }

    fn close(&self, case: &str) {
        self.lock().ledger.close(case);
        self.ended.notify_waiters();
    }
}

/// Why a case is skipped that does not fit into a limit.
pub(in crate::cli) fn beyond(limit: Limit) -> String {
    let limit = match limit {
        Limit::Dollars(most) => format!("--max-cost {most}"),
        Limit::Tokens(most) => format!("--max-tokens {most}"),
    };
    format!("budget: more than {limit} by estimate and what was spent")
}

fn summary_line(account: &Account, unpriced: &[&str]) -> String {
    let sum = |sum: Estimate| format!("${:.4} for {} tokens", sum.dollars, sum.tokens());
    let of = |count: usize| if count == 1 { "1 reply".to_owned() } else { format!("{count} replies") };
    let mut line = format!("spent: {}", sum(account.reported.plus(account.assumed)));
    match (account.replies, account.silent) {
        (0, 0) => line.push_str(", nothing was asked of a model"),
        (replies, 0) => line.push_str(&format!(", as {} reported", of(replies))),
        (0, silent) => line.push_str(&format!(", by estimate: {} reported no usage", of(silent))),
        (replies, silent) => line.push_str(&format!(
            ": {} as {} reported, {} by estimate of {} without usage",
            sum(account.reported),
            of(replies),
            sum(account.assumed),
            of(silent)
        )),
    }
    line.push_str(&format!(" (estimated before the run: {})", sum(account.estimated)));
    if !unpriced.is_empty() {
        line.push_str(&format!("; without a price in providers.yaml, and so without cost: {}", unpriced.join(", ")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_it_is_known() {
        let sum = |tokens| Estimate { input: tokens, output: 0, dollars: tokens as f64 / 1000.0 };
        let account = |replies, silent| Account {
            estimated: sum(7),
            reported: sum(replies as u64 * 10),
            replies,
            assumed: sum(silent as u64),
            silent,
        };
        let lines = [
            summary_line(&account(2, 0), &[]),
            summary_line(&account(0, 1), &[]),
            summary_line(&account(1, 2), &["p/m"]),
            summary_line(&account(0, 0), &[]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        spent: $0.0200 for 20 tokens, as 2 replies reported (estimated before the run: $0.0070 for 7 tokens)
        spent: $0.0010 for 1 tokens, by estimate: 1 reply reported no usage (estimated before the run: $0.0070 for 7 tokens)
        spent: $0.0120 for 12 tokens: $0.0100 for 10 tokens as 1 reply reported, $0.0020 for 2 tokens by estimate of 2 replies without usage (estimated before the run: $0.0070 for 7 tokens); without a price in providers.yaml, and so without cost: p/m
        spent: $0.0000 for 0 tokens, nothing was asked of a model (estimated before the run: $0.0070 for 7 tokens)
        ");
    }

    #[tokio::test]
    async fn a_case_waits_for_what_others_leave() {
        let sum = |tokens| Estimate { input: tokens, ..Estimate::default() };
        let estimates = ["a", "b", "c"].map(|case| (case.to_owned(), sum(60))).into();
        let spending = std::sync::Arc::new(Spending::new(Limits { tokens: Some(100), dollars: None }, estimates));
        assert_eq!(spending.open("a").await, Ok(()));
        let waiting = {
            let spending = std::sync::Arc::clone(&spending);
            tokio::spawn(async move { spending.open("b").await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        spending.pay(Some("a"), sum(5), true);
        spending.close("a");
        assert_eq!(waiting.await.unwrap(), Ok(()));
        spending.pay(Some("b"), sum(50), true);
        spending.close("b");
        assert!(spending.open("c").await.unwrap_err().contains("--max-tokens 100"));
    }
}
