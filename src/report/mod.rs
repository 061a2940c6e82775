//! Renders events: as text on any writer, as a page.

mod conformance;
mod durations;
mod exchange;
mod failure;
mod head;
mod layout;
mod letters;
mod options;
mod page;
mod paint;
mod protocol;
mod summary;
mod terminal;
mod trace;
mod tree;

pub(crate) use conformance::{Look, conformance};
pub(crate) use exchange::quote;
pub(crate) use failure::headline;
pub(crate) use letters::Letters;
pub(crate) use options::Options;
pub use page::page;
pub(crate) use terminal::Terminal;
pub(crate) use trace::Trace;
pub(crate) use tree::{Collected, Tree};

#[cfg(test)]
mod tests;
