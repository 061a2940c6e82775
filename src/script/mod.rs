//! An upstream that answers from a YAML script: a provider for those who have no key. `docs/script.md` says how to
//! write one.
//!
//! [`Script::parse`] and [`answer`] are pure; [`Scripted`] answers in process and [`serve`] on a socket.

mod answer;
mod ask;
mod model;
mod parse;
mod pieces;
mod serve;
mod shape;
mod stream;

pub use answer::{Answer, NoAnswer, answer};
pub use model::{
    Choice, Dialect, EmbeddingsDialect, Filter, Logprobs, Members, Planned, Rule, Script, StreamUsage, Test, ToolCall,
    What, When,
};
pub use serve::{Scripted, router, serve};

#[cfg(test)]
mod tests;
