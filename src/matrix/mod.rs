//! Which cases a suite means.

mod expand;
mod select;

pub use expand::{Case, expand};
pub use select::{Keyword, KeywordError};
