//! Which cases a suite means.

mod case;
mod cost;
mod expand;
mod keyword_grammar;
mod ledger;
mod node;
mod select;
mod shard;
mod target;

pub use case::Case;
pub use cost::{Estimate, cost, estimate, estimate_request};
pub use expand::expand;
pub use ledger::{Account, Ledger, Limit, Limits, Room};
pub use node::Node;
pub use select::{Keyword, KeywordError, Marks};
pub use shard::Shard;

#[cfg(test)]
mod tests;
