//! What a reply of a known endpoint must be, rule by rule, whoever asked for it and whatever a suite expects.
//!
//! A [`Rule`] is data: an id, what must hold, what the official SDKs make of a breach. [`judge`] reads a reply against all
//! of them; a [`Policy`] says what becomes of what it found.
//!
//! | file | holds |
//! |---|---|
//! | `rule` | the rules |
//! | `asked` | what was asked, as far as it decides what the reply must be |
//! | `policy` | which findings fail a case, which are told, which are known |
//! | `judge` | a reply against the rules that hold for every endpoint, and the way to the others |
//! | `completions`, `tool_calls` | chat completions and completions |
//! | `model` | which model answered, and whether it is the one that was asked |
//! | `usage` | tokens |
//! | `others` | embeddings, models, responses, Anthropic's messages |
//! | `schema` | the JSON Schemas of `schemas/wire`, and values held to one |
//! | `members` | a reply against the schema of its endpoint |
//! | `shape` | recordings against each other: members that one lacks |

mod asked;
mod completions;
mod judge;
mod members;
mod model;
mod others;
mod policy;
mod rule;
mod schema;
mod shape;
#[cfg(test)]
mod tests;
mod tool_calls;
mod usage;

pub use asked::Asked;
pub use judge::{Reply, judge, judge_body};
pub use members::{Api, judge_members, of_schema};
pub use model::{Alias, Aliases, is_same_model, models};
pub use policy::{Known, Mode, Policy, Weighed};
pub use rule::{Level, RULES, Rule, rule};
pub use shape::{Shapes, is_told};
pub use usage::disagreement;

/// A rule that a reply breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The member that it is about, where the rule is about members: `choices[].message.role`.
    pub member: Option<String>,
    /// What is there instead, and where.
    pub actual: String,
}
