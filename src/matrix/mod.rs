//! Which cases a suite means.

mod cost;
mod expand;
mod keyword_grammar;
mod node;
mod select;
mod shard;

pub use cost::{Estimate, estimate};
pub use expand::{Case, expand};
pub use node::Node;
pub use select::{Keyword, KeywordError, Marks};
pub use shard::Shard;
