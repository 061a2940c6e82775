//! What stands under `expect`.

use serde::Deserialize;
use serde_json::Value;

use crate::yaml::{OneOrMore, Pairs, Short, Spanned, present};

// Boxed: a step may have twenty of them and has two or three.
pub(in crate::suite) type RawNeed = Spanned<Short<Box<RawMatcher>>>;

/// What a reply must be. Without `status` or `error`, the status must be 2xx; what is absent is not checked.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawExpect {
    /// The HTTP status.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) status: Option<RawNeed>,
    /// Headers by name.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"})))]
    pub(in crate::suite) headers: Pairs<RawNeed>,
    /// What JSONPaths (RFC 9535) select in the reply: `$.choices[0].message.content`.
    #[serde(default)]
    pub(in crate::suite) json: Pairs<RawNeed>,
    /// The text of the first choice, whole or put together from a stream.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) text: Option<RawNeed>,
    /// That it is a stream, or with `false` that it is none; and what is in it.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("type" = ["boolean", "object", "string"], "pattern" = "^\\$\\{")))]
    pub(in crate::suite) stream: Option<Spanned<Short<RawStream>>>,
    /// The model that answered, whatever a gateway calls it. A text is met by its dated versions and its aliases too.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) model: Option<RawNeed>,
    /// That it reports tokens, and how many; of a stream the last report counts.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("not" = {"enum": [false, null]}, "type" = ["boolean", "object"])))]
    pub(in crate::suite) usage: Option<Spanned<Short<RawUsage>>>,
    /// The tool calls in it.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) tool_calls: Option<Spanned<RawToolCalls>>,
    /// The vectors in it.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) embeddings: Option<Spanned<RawEmbeddings>>,
    /// That it is an error (4xx or 5xx), and what it says.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("not" = {"enum": [false, null]}, "type" = ["boolean", "object"])))]
    pub(in crate::suite) error: Option<Spanned<Short<RawErrorReply>>>,
    /// The most that may pass.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) time: Option<RawTime>,
    /// `off`: the reply is not held to the rules of its protocol; a list: it may break these.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = [{"const": "off"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}])))]
    pub(in crate::suite) protocol: Option<Spanned<OneOrMore>>,
    /// The API whose reference every member of the reply is held to.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = crate::protocol::Api::ALL.map(|(_, name)| name))))]
    pub(in crate::suite) conforms: Option<Spanned<String>>,
    /// Whether the reply breaks off, or the connection is lost.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) broken: Option<Spanned<bool>>,
}

/// The most that may pass: `2s`, `500ms`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawTime {
    /// From sending to the first byte of the body.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) first_byte: Option<Spanned<String>>,
    /// Between two chunks.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) gap: Option<Spanned<String>>,
    /// Until the reply is complete.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) whole: Option<Spanned<String>>,
}

/// Conditions on a value; all of them must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("minProperties" = 1)))]
pub(in crate::suite) struct RawMatcher {
    /// It is this.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) equals: Option<Value>,
    /// A text or list has this in it; an object has at least these members.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) contains: Option<Value>,
    /// A text in which this regular expression is found.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) matches: Option<Spanned<String>>,
    /// How long the text, list or object is.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) length: Option<Box<RawNeed>>,
    /// It is greater.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) gt: Option<Spanned<Value>>,
    /// It is greater or equal.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) ge: Option<Spanned<Value>>,
    /// It is less.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) lt: Option<Spanned<Value>>,
    /// It is less or equal.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) le: Option<Spanned<Value>>,
    /// Its JSON type.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["null", "boolean", "integer", "number", "string", "array", "object"])))]
    pub(in crate::suite) r#type: Option<Spanned<String>>,
    /// A number near another.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) approx: Option<RawApprox>,
    /// It is one of these.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) one_of: Option<Vec<Value>>,
    /// At least one of the nodes or elements meets this.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) any: Option<Box<RawNeed>>,
    /// All of the nodes or elements meet this, and there is one.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) all: Option<Box<RawNeed>>,
    /// It does not meet this.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) not: Option<Box<RawNeed>>,
    /// Whether the path selects something.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) exists: Option<bool>,
    /// How many nodes the path selects.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) count: Option<Box<RawNeed>>,
    /// A JSON Schema that it fits; a text is read as JSON first.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) schema: Option<Spanned<Value>>,
    /// A matcher by its name: one under `matchers`, or one that the project wrote in Rust.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) is: Option<Spanned<String>>,
    /// Compare without case and diacritics.
    #[serde(default)]
    pub(in crate::suite) fold: bool,
}

/// A number near another.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawApprox {
    /// The other.
    pub(in crate::suite) value: Value,
    /// How far away it may be.
    pub(in crate::suite) within: f64,
}

/// What a stream holds.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawStream {
    /// How many events carry something of the answer.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) chunks: Option<RawNeed>,
    /// How many JSON events there are, whatever they carry.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) events: Option<RawNeed>,
    /// The finish reasons.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) finish_reasons: Option<RawNeed>,
    /// The token counts at its end.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) usage: Option<RawNeed>,
    /// The roles.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) roles: Option<RawNeed>,
    /// The choices, put together by index.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) choices: Option<RawNeed>,
    /// Whether `[DONE]` ends it.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) done: Option<bool>,
}

/// The tokens of a reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawUsage {
    /// Whether the total is the sum of the others.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) adds_up: Option<bool>,
    /// Tokens that were asked.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) prompt_tokens: Option<RawNeed>,
    /// Tokens that were answered.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) completion_tokens: Option<RawNeed>,
    /// All of them.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) total_tokens: Option<RawNeed>,
}

/// The tool calls of a reply.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawToolCalls {
    /// The index of the choice that they are in: 0 unless said.
    #[serde(default)]
    pub(in crate::suite) choice: u64,
    /// How many.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) count: Option<RawNeed>,
    /// Each is met by a call, in this order; others may stand between.
    #[serde(default)]
    pub(in crate::suite) calls: Vec<Spanned<RawToolCall>>,
}

/// One tool call.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawToolCall {
    /// The function's name.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) name: Option<RawNeed>,
    /// Its arguments.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) arguments: Option<Spanned<RawArguments>>,
}

/// The arguments of a tool call: one of these.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["schema", "subset", "equals"]))))]
pub(in crate::suite) struct RawArguments {
    /// A JSON Schema that they fit.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) schema: Option<Value>,
    /// At least these members.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) subset: Option<Value>,
    /// Exactly these.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) equals: Option<Value>,
}

/// The vectors of a reply.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawEmbeddings {
    /// How many.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) count: Option<RawNeed>,
    /// How long each is.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) dimensions: Option<RawNeed>,
    /// Whether all numbers are finite.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) finite: Option<bool>,
    /// How they are written.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["float", "base64"])))]
    pub(in crate::suite) encoding: Option<Spanned<String>>,
    /// Whether they differ from each other.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) differ: Option<bool>,
    /// A vector that the first differs from.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) differs_from: Option<Value>,
    /// The cosine of the angle between the first and the other one.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) cosine: Option<RawNeed>,
    /// The other one.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) cosine_with: Option<Value>,
}

/// What an error says.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawErrorReply {
    /// Its message.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) message: Option<RawNeed>,
    /// Its type.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) r#type: Option<RawNeed>,
    /// Its code.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) code: Option<RawNeed>,
    /// The parameter it blames.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) param: Option<RawNeed>,
}
