//! The file format of expectations.

use serde::Deserialize;
use serde_json::Value;

use crate::yaml::{OneOrMore, Pairs, Short, Spanned, present};

// Boxed to save memory: a step may have twenty of them, and usually has two or three.
pub(in crate::suite) type RawNeed = Spanned<Short<Box<RawMatcher>>>;

/// Expectations for a reply. Without `status` or `error`, the status must be 2xx. Other absent keys are not checked.
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
    /// The values that JSONPaths (RFC 9535) select in the reply: `$.choices[0].message.content`.
    #[serde(default)]
    pub(in crate::suite) json: Pairs<RawNeed>,
    /// The text of the first choice, whole or put together from a stream.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) text: Option<RawNeed>,
    /// Whether the reply is a stream, and expectations for the stream.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("type" = ["boolean", "object", "string"], "pattern" = "^\\$\\{")))]
    pub(in crate::suite) stream: Option<Spanned<Short<RawStream>>>,
    /// The model that answered, whatever a gateway calls it. The dated versions and aliases of a name match too.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) model: Option<RawNeed>,
    /// The token usage, which the reply must report. In a stream, the last report counts.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("not" = {"enum": [false, null]}, "type" = ["boolean", "object"])))]
    pub(in crate::suite) usage: Option<Spanned<Short<RawUsage>>>,
    /// The tool calls of the reply.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) tool_calls: Option<Spanned<RawToolCalls>>,
    /// The vectors of the reply.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) embeddings: Option<Spanned<RawEmbeddings>>,
    /// An error reply (4xx or 5xx), and expectations for it.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("not" = {"enum": [false, null]}, "type" = ["boolean", "object"])))]
    pub(in crate::suite) error: Option<Spanned<Short<RawErrorReply>>>,
    /// Time limits.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) time: Option<RawTime>,
    /// Either `off`, to ignore the rules of the protocol, or a list of rules that the reply may break.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = [{"const": "off"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}])))]
    pub(in crate::suite) protocol: Option<Spanned<OneOrMore>>,
    /// The API whose reference every member of the reply must match.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = crate::protocol::Api::ALL.map(|(_, name)| name))))]
    pub(in crate::suite) conforms: Option<Spanned<String>>,
    /// Whether the reply breaks off, or the connection is lost.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) broken: Option<Spanned<bool>>,
}

/// Time limits: `2s`, `500ms`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawTime {
    /// The longest time from sending the request to the first byte of the body.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) first_byte: Option<Spanned<String>>,
    /// The longest time between two chunks.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) gap: Option<Spanned<String>>,
    /// The longest time from sending the request to the last byte of the body.
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
    /// A value that it equals.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) equals: Option<Value>,
    /// A part of the text, an element of the list, or members that the object has at least.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) contains: Option<Value>,
    /// A regular expression that is found in the text.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) matches: Option<Spanned<String>>,
    /// The length of the text, list or object.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) length: Option<Box<RawNeed>>,
    /// A number that it is greater than.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) gt: Option<Spanned<Value>>,
    /// A number that it is greater than or equal to.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) ge: Option<Spanned<Value>>,
    /// A number that it is less than.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) lt: Option<Spanned<Value>>,
    /// A number that it is less than or equal to.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("anyOf" = crate::yaml::number_or_name())))]
    pub(in crate::suite) le: Option<Spanned<Value>>,
    /// Its JSON type.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["null", "boolean", "integer", "number", "string", "array", "object"])))]
    pub(in crate::suite) r#type: Option<Spanned<String>>,
    /// A number that it is near to.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) approx: Option<RawApprox>,
    /// Values of which it equals one.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) one_of: Option<Vec<Value>>,
    /// Conditions that at least one of the nodes or elements meets.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) any: Option<Box<RawNeed>>,
    /// Conditions that all nodes or elements meet. There must be at least one.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) all: Option<Box<RawNeed>>,
    /// Conditions that it does not meet.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) not: Option<Box<RawNeed>>,
    /// Whether the path selects something.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) exists: Option<bool>,
    /// How many nodes the path selects.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) count: Option<Box<RawNeed>>,
    /// A JSON Schema that it is valid against. A text is parsed as JSON first.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) schema: Option<Spanned<Value>>,
    /// The name of a matcher under `matchers`, or of one that the project wrote in Rust.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) is: Option<Spanned<String>>,
    /// Whether case and diacritics are ignored.
    #[serde(default)]
    pub(in crate::suite) fold: bool,
}

/// A number that it is near to.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawApprox {
    /// The number.
    pub(in crate::suite) value: Value,
    /// The largest distance from the number.
    pub(in crate::suite) within: f64,
}

/// Expectations for a stream.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawStream {
    /// The number of events with a part of the answer.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) chunks: Option<RawNeed>,
    /// The number of JSON events, with or without a part of the answer.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) events: Option<RawNeed>,
    /// The list of the choices' finish reasons.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) finish_reasons: Option<RawNeed>,
    /// The last `usage` object.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) usage: Option<RawNeed>,
    /// The list of the deltas' roles.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) roles: Option<RawNeed>,
    /// The choices, joined by index.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) choices: Option<RawNeed>,
    /// Whether `[DONE]` ends it.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) done: Option<bool>,
}

/// Expectations for the token usage of a reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawUsage {
    /// Whether the total is the sum of the other counts.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) adds_up: Option<bool>,
    /// The number of tokens in the prompt.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) prompt_tokens: Option<RawNeed>,
    /// The number of tokens in the answer.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) completion_tokens: Option<RawNeed>,
    /// The number of all tokens.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) total_tokens: Option<RawNeed>,
}

/// Expectations for the tool calls of a reply.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawToolCalls {
    /// The index of the choice that they are in; 0 by default.
    #[serde(default)]
    pub(in crate::suite) choice: u64,
    /// The number of calls.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) count: Option<RawNeed>,
    /// The expected calls, in this order. Other calls may be in between.
    #[serde(default)]
    pub(in crate::suite) calls: Vec<Spanned<RawToolCall>>,
}

/// Expectations for one tool call.
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

/// Expectations for the arguments of a tool call: exactly one of these.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["schema", "subset", "equals"]))))]
pub(in crate::suite) struct RawArguments {
    /// A JSON Schema that they are valid against.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) schema: Option<Value>,
    /// Members that they have at least.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) subset: Option<Value>,
    /// The exact arguments.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) equals: Option<Value>,
}

/// Expectations for the vectors of a reply.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawEmbeddings {
    /// The number of vectors.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) count: Option<RawNeed>,
    /// The length of each vector.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) dimensions: Option<RawNeed>,
    /// Whether all numbers are finite, and no vector is empty or all zero.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) finite: Option<bool>,
    /// The encoding of the vectors.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["float", "base64"])))]
    pub(in crate::suite) encoding: Option<Spanned<String>>,
    /// Whether all vectors differ from each other.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) differ: Option<bool>,
    /// A vector that the first vector differs from.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) differs_from: Option<Value>,
    /// The cosine similarity of the first vector and `cosine_with`.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) cosine: Option<RawNeed>,
    /// The other vector for `cosine`; the second vector of the reply by default.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) cosine_with: Option<Value>,
}

/// Expectations for an error.
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
    /// The parameter that it is about.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) param: Option<RawNeed>,
}
