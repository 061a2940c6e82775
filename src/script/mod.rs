//! An upstream that answers from a YAML script: a provider for users without a key. `docs/script.md` says how to write
//! one.
//!
//! [`Script::parse`] and [`answer`] are pure; [`Scripted`] answers in this process and [`serve`] on a socket.

mod answer;
mod ask;
mod model;
mod parse;
mod pieces;
mod serve;
mod shape;
mod stream;

pub(crate) use model::Script;
pub(crate) use serve::{Scripted, serve};

#[cfg(test)]
mod tests;
