//! Events to bytes on any writer.

mod durations;
mod exchange;
mod failure;
mod head;
mod layout;
mod letters;
mod options;
mod paint;
mod summary;
mod terminal;
mod trace;
mod tree;

pub(crate) use exchange::quote;
pub use failure::headline;
pub use letters::Letters;
pub use options::Options;
pub use terminal::Terminal;
pub use trace::Trace;
pub use tree::{Collected, Tree};

#[cfg(test)]
mod tests;
