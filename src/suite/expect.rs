//! Expectations for replies. Operands are JSON values that may still have `${…}`, which `check` replaces.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::own::OwnMatcher;
use crate::protocol::{Api, Rule};
use crate::yaml::Place;

/// Everything that a step may expect of a reply. What is absent is not checked, except for the status: without `status`
/// or `error`, it must be 2xx. Rare expectations are boxed, so that they take little memory in steps without them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expect {
    /// The HTTP status.
    pub status: Option<Need>,
    /// Response headers by name, which is not case-sensitive.
    pub headers: Vec<(String, Need)>,
    /// JSONPath checks on the reply's JSON (for a stream: on the array of its JSON events).
    pub json: Vec<PathExpect>,
    /// The answer's text (choice 0), whole or put together from a stream.
    pub text: Option<Need>,
    /// Whether the reply is an event stream, and what is in it.
    pub stream: Option<Box<StreamExpect>>,
    /// The model that answered.
    pub model: Option<Need>,
    /// The tokens that the reply reports.
    pub usage: Option<Box<UsageExpect>>,
    /// The answer's tool calls, whole or put together from a stream.
    pub tool_calls: Option<Box<ToolCallsExpect>>,
    /// The vectors of an embeddings reply.
    pub embeddings: Option<Box<EmbeddingsExpect>>,
    /// An error reply. If it is present, the status must be 4xx or 5xx, unless `status` says otherwise.
    pub error: Option<Box<ErrorExpect>>,
    /// How long the reply may take.
    pub time: Option<Box<TimeExpect>>,
    /// The rules of the protocol that the reply must follow.
    pub protocol: ProtocolExpect,
    /// The API whose reference the reply's members must match.
    pub conforms: Option<(Api, Place)>,
    /// Whether the body must break off, or the connection must be lost before the body. `None` is the same as false.
    pub broken: Option<(bool, Place)>,
}

impl Expect {
    /// Whether the step expects a reply that breaks off.
    pub(crate) fn may_break(&self) -> bool {
        matches!(self.broken, Some((true, _)))
    }
}

/// The rules of the protocol that a reply must follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ProtocolExpect {
    /// All of them.
    #[default]
    All,
    /// None.
    Off,
    /// All but these.
    Without(Vec<&'static Rule>),
}

impl ProtocolExpect {
    /// The rules that are ignored; `None` if all of them are.
    pub(crate) fn ignored(&self) -> Option<&[&'static Rule]> {
        match self {
            ProtocolExpect::All => Some(&[]),
            ProtocolExpect::Off => None,
            ProtocolExpect::Without(rules) => Some(rules),
        }
    }
}

/// The longest times a reply may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TimeExpect {
    /// From sending to the first byte of the body.
    pub first_byte: Option<(Duration, Place)>,
    /// Between two chunks of the body.
    pub gap: Option<(Duration, Place)>,
    /// From sending to the last byte of the body.
    pub whole: Option<(Duration, Place)>,
}

/// A matcher and its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    /// What must hold.
    pub matcher: Box<Matcher>,
    /// Its place in the file.
    pub place: Place,
}

/// A JSONPath and what must hold for the nodes it selects.
#[derive(Debug, Clone)]
pub(crate) struct PathExpect {
    /// The path. Equal paths in a file share one value.
    pub path: Arc<JsonPath>,
    /// Each selected node must meet it, unless it has `any` or `all`. At least one node must be selected, unless it is
    /// `exists: false` or has only `count`.
    pub need: Need,
}

/// An RFC 9535 JSONPath.
#[derive(Debug)]
pub(crate) struct JsonPath {
    /// The parsed path.
    pub query: serde_json_path::JsonPath,
    /// The path as it is written.
    pub text: String,
}

/// Conditions on one value. All given fields must hold. The field names are those of the YAML file.
///
/// The fields are boxed to save memory: a matcher uses one or two of twenty, and a suite may have a hundred thousand
/// matchers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matcher {
    /// Equal as JSON (1 equals 1.0).
    pub equals: Option<Box<Value>>,
    /// A string that contains this one; an array that contains this element; an object that has these members.
    pub contains: Option<Box<Value>>,
    /// A string that matches this regular expression somewhere.
    pub matches: Option<Box<Value>>,
    /// Length in characters, elements or members.
    pub length: Option<Box<Matcher>>,
    /// Greater than.
    pub gt: Option<Box<Value>>,
    /// Greater or equal.
    pub ge: Option<Box<Value>>,
    /// Less than.
    pub lt: Option<Box<Value>>,
    /// Less or equal.
    pub le: Option<Box<Value>>,
    /// JSON type.
    pub r#type: Option<ValueType>,
    /// Near a number.
    pub approx: Option<Box<Approx>>,
    /// One of these values.
    pub one_of: Option<Vec<Value>>,
    /// At least one selected node (or array element) meets this.
    pub any: Option<Box<Matcher>>,
    /// Every selected node (or array element) meets this.
    pub all: Option<Box<Matcher>>,
    /// The value does not meet this.
    pub not: Option<Box<Matcher>>,
    /// Whether the path selects anything (null counts as something).
    pub exists: Option<bool>,
    /// How many nodes the path selects.
    pub count: Option<Box<Matcher>>,
    /// Validates against this JSON Schema; a string is read as JSON first.
    pub schema: Option<Box<Value>>,
    /// Meets this named matcher.
    pub is: Option<Box<Is>>,
    /// Compare strings without case and diacritics ("sōl" meets "Sol"); applies to `equals`, `contains`, `one_of`.
    pub fold: bool,
}

/// A named matcher.
#[derive(Debug, Clone)]
pub(crate) enum Is {
    /// Written in Rust.
    Own(OwnMatcher),
    /// Composed of other matchers, under `matchers` in YAML.
    Composed {
        /// Its name.
        name: String,
        /// Its conditions.
        matcher: Arc<Matcher>,
    },
}

impl Is {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Is::Own(own) => &own.name,
            Is::Composed { name, .. } => name,
        }
    }
}

impl Matcher {
    /// Whether it has no conditions.
    pub(crate) fn is_empty(&self) -> bool {
        let Matcher {
            equals,
            contains,
            matches,
            length,
            gt,
            ge,
            lt,
            le,
            r#type,
            approx,
            one_of,
            any,
            all,
            not,
            exists,
            count,
            schema,
            is,
            fold: _,
        } = self;
        let values = [equals, contains, matches, gt, ge, lt, le, schema];
        let inner = [length, any, all, not, count];
        values.iter().all(|value| value.is_none())
            && inner.iter().all(|matcher| matcher.is_none())
            && is.is_none()
            && (r#type, approx, one_of, exists) == (&None, &None, &None, &None)
    }
}

/// Near a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Approx {
    /// The number.
    pub value: Value,
    /// The largest absolute distance.
    pub within: f64,
}

/// JSON types, by their names in JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueType {
    /// `null`
    Null,
    /// `boolean`
    Boolean,
    /// `integer`: a number without fraction
    Integer,
    /// `number`
    Number,
    /// `string`
    String,
    /// `array`
    Array,
    /// `object`
    Object,
}

/// Expectations for a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamExpect {
    /// Its place in the file.
    pub place: Place,
    /// Whether the reply must be a stream: a boolean, or a `${…}` for one. If it is false, nothing else is checked.
    pub is_stream: Value,
    /// How many events have a part of the answer: text, reasoning, a refusal, audio, a tool call.
    pub chunks: Option<Need>,
    /// How many JSON events there are, with or without a part of the answer. The final `[DONE]` is not counted.
    pub events: Option<Need>,
    /// The finish reason of each choice, in the order of their indexes, as an array.
    pub finish_reasons: Option<Need>,
    /// The `usage` object of the last event that has one; `null` if there is none.
    pub usage: Option<Need>,
    /// The roles that deltas named, in order of first appearance, as an array.
    pub roles: Option<Need>,
    /// The choices put together by index: an array of `{index, role, text, finish_reason, tool_calls}`.
    pub choices: Option<Need>,
    /// Whether the stream ends with `data: [DONE]`.
    pub done: Option<bool>,
}

/// Expectations for the token usage that a reply reports.
#[derive(Debug, Clone, Default)]
pub(crate) struct UsageExpect {
    /// Its place in the file.
    pub place: Place,
    /// Whether the total is the sum of the other counts.
    pub adds_up: Option<bool>,
    /// Expectations for single counts, by their names in the API.
    pub counts: Vec<(&'static str, Need)>,
}

/// Expectations for the tool calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolCallsExpect {
    /// Its place in the file.
    pub place: Place,
    /// The index of the choice that they are in.
    pub choice: u64,
    /// The number of calls.
    pub count: Option<Need>,
    /// The expected calls, in order. A different call of the reply must meet each.
    pub calls: Vec<ToolCallExpect>,
}

/// Expectations for one tool call.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolCallExpect {
    /// Its place in the file.
    pub place: Place,
    /// The function's name.
    pub name: Option<Need>,
    /// Its arguments.
    pub arguments: Option<ArgumentsExpect>,
}

/// Expectations for a call's arguments. They are parsed as JSON first, and it is always an error if they are not JSON.
#[derive(Debug, Clone)]
pub(crate) struct ArgumentsExpect {
    /// Its place in the file.
    pub place: Place,
    /// How they are compared.
    pub kind: ArgumentsKind,
}

/// How a call's arguments are compared.
#[derive(Debug, Clone)]
pub(crate) enum ArgumentsKind {
    /// They validate against this JSON Schema.
    Schema(Value),
    /// They have at least these members with these values, at every level.
    Subset(Value),
    /// They are exactly this.
    Equals(Value),
}

/// Expectations for an embeddings reply.
#[derive(Debug, Clone, Default)]
pub(crate) struct EmbeddingsExpect {
    /// Its place in the file.
    pub place: Place,
    /// Number of vectors.
    pub count: Option<Need>,
    /// Length of every vector.
    pub dimensions: Option<Need>,
    /// Whether every vector has no NaN and no infinity, and is not empty or all zero.
    pub finite: Option<bool>,
    /// The encoding of the vectors.
    pub encoding: Option<EmbeddingEncoding>,
    /// Whether all vectors of this reply differ from each other.
    pub differ: Option<bool>,
    /// A vector captured earlier (`${name}`), from which the first vector must differ.
    pub differs_from: Option<Value>,
    /// The cosine similarity of the first vector of this reply and `cosine_with`.
    pub cosine: Option<Need>,
    /// The other vector for `cosine` (`${name}`). Without it, the other one is the second vector of this reply.
    pub cosine_with: Option<Value>,
}

/// How embedding vectors are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmbeddingEncoding {
    /// Arrays of numbers.
    Float,
    /// Base64 of little-endian 32-bit floats.
    Base64,
}

/// Expectations for the members of `error` in OpenAI's format. A `detail` or a plain text counts as `message`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorExpect {
    /// Its place in the file.
    pub place: Place,
    /// The message.
    pub message: Option<Need>,
    /// `error.type`.
    pub r#type: Option<Need>,
    /// `error.code`.
    pub code: Option<Need>,
    /// `error.param`.
    pub param: Option<Need>,
}
