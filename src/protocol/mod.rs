//! The rules that every reply of a known endpoint must follow, whoever sends the request and whatever a suite expects.
//!
//! A [`Rule`] is data: an id, a condition, and how the official SDKs react to a breach. [`judge`] checks a reply
//! against all rules. A [`Policy`] decides which findings fail a case.
//!
//! | file | content |
//! |---|---|
//! | `rule` | the rules |
//! | `asked` | the parts of a request that decide what its reply must be |
//! | `policy` | which findings fail a case, which are only reported, and which are known |
//! | `judge` | checks a reply against the rules for every endpoint, then calls the checks of its endpoint |
//! | `completions`, `tool_calls` | chat completions and completions |
//! | `model` | which model answered, and whether it is the requested one |
//! | `usage` | token usage |
//! | `others` | embeddings, models, responses, Anthropic's messages |
//! | `schema` | reads the JSON Schemas of `schemas/wire` and validates values against them |
//! | `members` | checks a reply against the schema of its endpoint |
//! | `shape` | compares recordings, to find members that one of them lacks |

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
    /// The member that it is about, if the rule is about members: `choices[].message.role`.
    pub member: Option<String>,
    /// What the reply has instead, and where.
    pub actual: String,
}
