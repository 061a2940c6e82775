//! A script after parsing.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::exchange::Auth;
use crate::yaml::{Place, Source};

/// A provider as a script: rules in order, and the dialect of all its replies.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The file, for messages.
    pub source: Source,
    /// What all replies have in common.
    pub dialect: Dialect,
    /// The rules; the first one that matches answers.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The place in the file where it starts.
    pub place: Place,
    /// A name for messages.
    pub name: Option<String>,
    /// Which requests it answers.
    pub when: When,
    /// The most requests that it answers.
    pub times: Option<u32>,
    /// The reply.
    pub reply: Planned,
}

/// Which requests a rule answers: all given conditions must be met.
#[derive(Debug, Clone, Default)]
pub(crate) struct When {
    /// The HTTP method.
    pub method: Option<http::Method>,
    /// The endpoint, without its query.
    pub endpoint: Option<String>,
    /// Whether the request has a key.
    pub auth: Option<Auth>,
    /// Whether the body is not a JSON object.
    pub malformed: Option<bool>,
    /// Whether the request asks for a stream; a body without `stream` does not.
    pub stream: Option<bool>,
    /// The model.
    pub model: Option<Test>,
    /// The text of the first system (or developer) message.
    pub system: Option<Test>,
    /// The text of the last message.
    pub last_message: Option<Test>,
    /// The role of the last message.
    pub last_role: Option<Test>,
    /// The text of at least one message.
    pub any_message: Option<Test>,
    /// The prompt of a completion.
    pub prompt: Option<Test>,
    /// At least one input of an embeddings request.
    pub input: Option<Test>,
    /// Members and values that the body must have at least, at every level.
    pub body: Option<Value>,
    /// A filter of RFC 9535 on the body: `@.n > 1 && @.stream == true`.
    pub filter: Option<Filter>,
}

/// A condition on a text: all given parts must be met. A missing text meets only `not`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Test {
    /// The text equals this.
    pub equals: Option<String>,
    /// The text contains each of these.
    pub contains: Vec<String>,
    /// The pattern matches somewhere in the text.
    pub matches: Option<Regex>,
    /// The text is one of these.
    pub one_of: Option<Vec<String>>,
    /// This condition is not met.
    pub not: Option<Box<Test>>,
}

/// A filter and its text.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The filter as written.
    pub text: String,
    /// `$[?<text>]`, applied to an array that holds only the body.
    pub path: serde_json_path::JsonPath,
}

/// A reply as a rule describes it. Its texts may contain `${…}`.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The answer itself.
    pub what: What,
    /// Additional headers, in file order.
    pub headers: Vec<(String, String)>,
    /// The pause before anything is sent.
    pub delay: Duration,
    /// The pause between two chunks.
    pub pace: Duration,
    /// After how many chunks the body breaks off.
    pub break_after: Option<usize>,
}

/// The answer itself.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A chat or text completion.
    Choices {
        /// At least one; a request for more choices repeats them.
        choices: Vec<Choice>,
        /// Members that replace the counted ones.
        usage: Map<String, Value>,
    },
    /// One vector per input.
    Embeddings {
        /// The length of a vector, unless the request sets it.
        dimensions: usize,
    },
    /// An error in the dialect's form.
    Error {
        /// 4xx or 5xx.
        status: u16,
        /// The members of `error`.
        error: Map<String, Value>,
    },
    /// JSON, sent unchanged.
    Json {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// Bytes, sent unchanged.
    Raw {
        /// The HTTP status.
        status: u16,
        /// The body, chunk by chunk.
        chunks: Vec<String>,
    },
}

/// One choice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    /// The text; `None` if there are only tool calls.
    pub text: Option<String>,
    /// The same text in chunks for a stream; empty means that it is split by words.
    pub chunks: Vec<String>,
    /// The tool calls.
    pub tool_calls: Vec<ToolCall>,
    /// Replaces the finish reason that follows from the request.
    pub finish_reason: Option<String>,
    /// Replaces the logprobs that are made if the request asks for them.
    pub logprobs: Option<Value>,
}

/// One tool call.
#[derive(Debug, Clone)]
pub(crate) struct ToolCall {
    /// The name of the function.
    pub name: String,
    /// Its arguments; a string is sent unchanged, so that broken JSON is possible.
    pub arguments: Value,
    /// Replaces the id that is made from the request.
    pub id: Option<String>,
}

/// What all replies of a provider have in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dialect {
    /// The `id` of replies; `${hash}` is 16 hex digits that identify the request.
    pub id: Option<String>,
    /// `created`, always the same, so that two recordings give the same files.
    pub created: i64,
    /// Headers of all replies.
    pub headers: BTreeMap<String, String>,
    /// Streams end with `data: [DONE]`.
    pub done: bool,
    /// A chat stream begins with a chunk that only names the role.
    pub role_chunk: bool,
    /// Where a stream has its usage.
    pub stream_usage: StreamUsage,
    /// The finish reason of a text that is complete.
    pub finish_reason: String,
    /// The form of a chat's logprobs.
    pub logprobs: Logprobs,
    /// Members that come before `error` in the body of an error.
    pub error: Map<String, Value>,
    /// Members of chat replies.
    pub chat: Members,
    /// Members of text completions.
    pub completions: Members,
    /// Embeddings.
    pub embeddings: EmbeddingsDialect,
}

impl Default for Dialect {
    /// OpenAI's dialect.
    fn default() -> Self {
        Dialect {
            id: None,
            created: 1_767_225_600,
            headers: BTreeMap::new(),
            done: true,
            role_chunk: true,
            stream_usage: StreamUsage::Asked,
            finish_reason: "stop".to_owned(),
            logprobs: Logprobs::Content,
            error: Map::new(),
            chat: Members::default(),
            completions: Members::default(),
            embeddings: EmbeddingsDialect::default(),
        }
    }
}

/// Members that replace OpenAI's own or follow them, by place.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Members {
    /// A whole reply.
    pub reply: Map<String, Value>,
    /// A choice of a whole reply.
    pub choice: Map<String, Value>,
    /// The message of a choice.
    pub message: Map<String, Value>,
    /// Each tool call of a message.
    pub tool_call: Map<String, Value>,
    /// `usage`, streamed or not.
    pub usage: Map<String, Value>,
    /// Every chunk of a stream.
    pub chunk: Map<String, Value>,
    /// The choice of a chunk with text, and of the last chunk.
    pub chunk_choice: Map<String, Value>,
    /// The delta of such a choice.
    pub delta: Map<String, Value>,
    /// The choice of the last chunk.
    pub last_choice: Map<String, Value>,
    /// The delta of the last chunk.
    pub last_delta: Map<String, Value>,
}

/// What all embeddings replies have in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EmbeddingsDialect {
    /// Members of the reply.
    pub reply: Map<String, Value>,
    /// Members of each item.
    pub item: Map<String, Value>,
    /// Whether the reply has `usage`.
    pub usage: bool,
    /// Whether `encoding_format: base64` has an effect.
    pub base64: bool,
}

impl Default for EmbeddingsDialect {
    fn default() -> Self {
        EmbeddingsDialect { reply: Map::new(), item: Map::new(), usage: true, base64: true }
    }
}

/// Where a stream has its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamUsage {
    /// In an additional chunk without choices, if `stream_options.include_usage` asks for it.
    Asked,
    /// In the last chunk with a choice; also in an additional one if the request asks for it.
    LastChunk,
    /// Nowhere.
    Never,
}

/// The form of a chat's logprobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Logprobs {
    /// `{content: [{token, logprob, bytes, top_logprobs}]}`
    Content,
    /// `{token_ids, tokens, token_logprobs}`
    Tokens,
}
