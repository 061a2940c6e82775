//! Which cases a suite means.

mod expand;
mod keyword_grammar;
mod select;

pub use expand::{Case, expand};
pub use select::{Keyword, KeywordError};
