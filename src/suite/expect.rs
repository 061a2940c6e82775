//! What a reply must be. Operands are JSON values in which `${…}` may still stand; `check` fills
//! them in.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::own::OwnMatcher;
use crate::protocol::{Api, Rule};
use crate::yaml::Place;

/// Everything a step may ask of a reply. What is absent is not checked, but for the status: without
/// `status` or `error`, it must be 2xx. What few steps ask is boxed, so that it costs the others nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expect {
    /// The HTTP status.
    pub status: Option<Need>,
    /// Response headers by name (any case).
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
    /// An error reply. Its presence demands a status of 4xx or 5xx unless `status` says otherwise.
    pub error: Option<Box<ErrorExpect>>,
    /// How long the reply may take.
    pub time: Option<Box<TimeExpect>>,
    /// Which rules of the protocol its reply is held to.
    pub protocol: ProtocolExpect,
    /// The API whose reference its members are held to.
    pub conforms: Option<(Api, Place)>,
    /// Whether the body breaks off, or the connection is lost before there is one. `None` is no.
    pub broken: Option<(bool, Place)>,
}

impl Expect {
    /// Whether a reply that breaks off is what is wanted.
    pub(crate) fn may_break(&self) -> bool {
        matches!(self.broken, Some((true, _)))
    }
}

/// Which rules of the protocol a reply is held to.
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
    /// The rules that are left aside; `None`: all of them.
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

/// A matcher and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    /// What must hold.
    pub matcher: Box<Matcher>,
    /// Where it stands in the file.
    pub place: Place,
}

/// A JSONPath and what must hold for the nodes it selects.
#[derive(Debug, Clone)]
pub(crate) struct PathExpect {
    /// The path: one value for all the places of a file that say it.
    pub path: Arc<JsonPath>,
    /// For each selected node unless the matcher says `any`/`all`; at least one node must be selected,
    /// unless the matcher is `exists: false` (or `length` with `nodes`, see `Matcher::count`).
    pub need: Need,
}

/// An RFC 9535 JSONPath.
#[derive(Debug)]
pub(crate) struct JsonPath {
    /// What it selects.
    pub query: serde_json_path::JsonPath,
    /// As it is written.
    pub text: String,
}

/// What must hold for one value. Several fields given together must all hold. Field names are the YAML's.
///
/// Boxed throughout: of the twenty things a matcher can ask it asks one or two, and a suite may hold a hundred thousand.
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
    /// Some selected node (or array element) meets this.
    pub any: Option<Box<Matcher>>,
    /// Every selected node (or array element) meets this.
    pub all: Option<Box<Matcher>>,
    /// This does not hold.
    pub not: Option<Box<Matcher>>,
    /// Whether the path selects anything (null counts as something).
    pub exists: Option<bool>,
    /// How many nodes the path selects.
    pub count: Option<Box<Matcher>>,
    /// Validates against this JSON Schema; a string is read as JSON first.
    pub schema: Option<Box<Value>>,
    /// Meets a matcher that has a name.
    pub is: Option<Box<Is>>,
    /// Compare strings without case and diacritics ("sōl" meets "Sol"); applies to `equals`, `contains`, `one_of`.
    pub fold: bool,
}

/// A matcher that has a name.
#[derive(Debug, Clone)]
pub(crate) enum Is {
    /// Written in Rust.
    Own(OwnMatcher),
    /// Put together from others, under `matchers` in YAML.
    Composed {
        /// Its name.
        name: String,
        /// What it asks.
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
    /// Whether it asks for nothing.
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
    /// Absolute distance at most.
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

/// What a stream must be like.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamExpect {
    /// Where it stands.
    pub place: Place,
    /// Whether it is one at all: a boolean, or a name that stands for one. Where it is none, nothing else is asked.
    pub is_stream: Value,
    /// How many events carry something of the answer: text, reasoning, a refusal, audio, a tool call.
    pub chunks: Option<Need>,
    /// How many JSON events came, whatever they carry; the terminal `[DONE]` is not counted.
    pub events: Option<Need>,
    /// The finish reason of each choice, in the order of their indexes, as an array.
    pub finish_reasons: Option<Need>,
    /// The `usage` object of the last event that has one; `null` when there is none.
    pub usage: Option<Need>,
    /// The roles that deltas named, in order of first appearance, as an array.
    pub roles: Option<Need>,
    /// The choices put together by index: an array of `{index, role, text, finish_reason, tool_calls}`.
    pub choices: Option<Need>,
    /// Whether the stream ends with `data: [DONE]`.
    pub done: Option<bool>,
}

/// What the tokens that a reply reports must be.
#[derive(Debug, Clone, Default)]
pub(crate) struct UsageExpect {
    /// Where it stands.
    pub place: Place,
    /// Whether the total is the sum of the others.
    pub adds_up: Option<bool>,
    /// What single counts must be, by their names in the API.
    pub counts: Vec<(&'static str, Need)>,
}

/// What the tool calls must be.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolCallsExpect {
    /// Where it stands.
    pub place: Place,
    /// The index of the choice that they are in.
    pub choice: u64,
    /// How many.
    pub count: Option<Need>,
    /// Each must be met by one call, in order.
    pub calls: Vec<ToolCallExpect>,
}

/// What one tool call must be.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolCallExpect {
    /// Where it stands.
    pub place: Place,
    /// The function's name.
    pub name: Option<Need>,
    /// Its arguments.
    pub arguments: Option<ArgumentsExpect>,
}

/// What a call's arguments must be; they are parsed as JSON first, and that they parse is always checked.
#[derive(Debug, Clone)]
pub(crate) struct ArgumentsExpect {
    /// Where it stands.
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

/// What an embeddings reply must be.
#[derive(Debug, Clone, Default)]
pub(crate) struct EmbeddingsExpect {
    /// Where it stands.
    pub place: Place,
    /// Number of vectors.
    pub count: Option<Need>,
    /// Length of every vector.
    pub dimensions: Option<Need>,
    /// No NaN, no infinity, not all zero.
    pub finite: Option<bool>,
    /// How the vectors came.
    pub encoding: Option<EmbeddingEncoding>,
    /// No two vectors of this reply are equal.
    pub differ: Option<bool>,
    /// The first vector is not the one captured earlier: operand is the other vector (`${name}`).
    pub differs_from: Option<Value>,
    /// Cosine similarity: vector 0 of this reply against vector 1, or against `with`.
    pub cosine: Option<Need>,
    /// The other vector for `cosine` (`${name}`), else vector 1 of this reply.
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

/// What an error reply must be; the members of `error` in OpenAI's shape, or `detail`, or plain text as `message`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorExpect {
    /// Where it stands.
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
