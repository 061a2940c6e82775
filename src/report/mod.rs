//! Renders events: as text for people (`terminal`), for machines (`kind` and what it renders), and as a page.

mod conformance;
mod ctrf;
mod durations;
mod exchange;
mod failure;
mod github;
mod head;
mod jsonl;
mod junit;
mod kind;
mod layout;
mod letters;
mod markdown;
mod options;
mod page;
mod paint;
mod progress;
mod protocol;
mod record;
mod summary;
mod tap;
mod terminal;
mod trace;
mod tree;

pub(crate) use conformance::{Look, conformance};
pub(crate) use exchange::quote;
pub(crate) use failure::headline;
pub(crate) use jsonl::line;
pub(crate) use kind::{Kind, Rendered, job_summary, render};
pub(crate) use letters::Letters;
pub(crate) use options::Options;
pub use page::page;
pub(crate) use progress::Progress;
pub(crate) use terminal::Terminal;
pub(crate) use trace::Trace;
pub(crate) use tree::{Collected, Tree};

#[cfg(test)]
mod tests;
