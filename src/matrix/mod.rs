//! The cases of a suite: expansion, selection, cost.

mod case;
mod cost;
mod expand;
mod keyword_grammar;
mod ledger;
mod node;
mod select;
mod shard;
mod target;

pub(crate) use case::Case;
pub(crate) use cost::{Estimate, cost, estimate, estimate_request};
pub(crate) use expand::expand;
pub(crate) use ledger::{Account, Ledger, Limit, Limits, Room};
pub(crate) use node::Node;
pub(crate) use select::{Keyword, KeywordError, Marks};
pub(crate) use shard::Shard;

#[cfg(test)]
mod tests;
