//! What a script says, after parsing. A dialect is read as it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::exchange::Auth;
use crate::yaml::{Place, Source};

/// A provider as a script: rules in order, and what all its replies have in common.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The file, for messages.
    pub source: Source,
    /// What every reply has.
    pub dialect: Dialect,
    /// The first that matches answers.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Where it starts.
    pub place: Place,
    /// For messages.
    pub name: Option<String>,
    /// Which requests it answers.
    pub when: When,
    /// How often, at most.
    pub times: Option<u32>,
    /// With what.
    pub reply: Planned,
}

/// Which requests a rule answers: all that is given must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct When {
    /// The HTTP method.
    pub method: Option<http::Method>,
    /// The endpoint, without its query.
    pub endpoint: Option<String>,
    /// Whether a key came along.
    pub auth: Option<Auth>,
    /// Whether the body is not a JSON object.
    pub malformed: Option<bool>,
    /// Whether a stream is asked for; a body that does not say asks for none.
    pub stream: Option<bool>,
    /// The model.
    pub model: Option<Test>,
    /// The text of the first system (or developer) message.
    pub system: Option<Test>,
    /// The text of the last message.
    pub last_message: Option<Test>,
    /// The role of the last message.
    pub last_role: Option<Test>,
    /// The text of some message.
    pub any_message: Option<Test>,
    /// The prompt of a completion.
    pub prompt: Option<Test>,
    /// Some input of an embeddings request.
    pub input: Option<Test>,
    /// The body has at least these members with these values, at every level.
    pub body: Option<Value>,
    /// A filter of RFC 9535 on the body: `@.n > 1 && @.stream == true`.
    pub filter: Option<Filter>,
}

/// A condition on a text: all that is given must hold. An absent text meets only `not`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Test {
    /// The text is this.
    pub equals: Option<String>,
    /// The text has each of these in it.
    pub contains: Vec<String>,
    /// The text matches somewhere.
    pub matches: Option<Regex>,
    /// The text is one of these.
    pub one_of: Option<Vec<String>>,
    /// This does not hold.
    pub not: Option<Box<Test>>,
}

/// A filter and its text.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// As written.
    pub text: String,
    /// `$[?<text>]`, asked of an array that holds only the body.
    pub path: serde_json_path::JsonPath,
}

/// A reply as a rule describes it. `${…}` may stand in its texts.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The answer itself.
    pub what: What,
    /// Further headers, in file order.
    pub headers: Vec<(String, String)>,
    /// Before anything is sent.
    pub delay: Duration,
    /// Between two chunks.
    pub pace: Duration,
    /// Break off after so many chunks.
    pub break_after: Option<usize>,
}

/// The answer itself.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Chat or text completion.
    Choices {
        /// At least one; a request for more choices gets them over again.
        choices: Vec<Choice>,
        /// Members that stand instead of the counted ones.
        usage: Map<String, Value>,
    },
    /// One vector an input.
    Embeddings {
        /// Numbers in a vector, unless the request says.
        dimensions: usize,
    },
    /// An error in the dialect's shape.
    Error {
        /// 4xx or 5xx.
        status: u16,
        /// The members of `error`.
        error: Map<String, Value>,
    },
    /// JSON as it stands.
    Json {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// Bytes as they stand.
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
    /// The text; `None` with tool calls alone.
    pub text: Option<String>,
    /// The same text, cut for a stream; empty means cut by words.
    pub chunks: Vec<String>,
    /// What is to be called.
    pub tool_calls: Vec<ToolCall>,
    /// Instead of the one that follows from the request.
    pub finish_reason: Option<String>,
    /// Instead of those made up when asked for.
    pub logprobs: Option<Value>,
}

/// One tool call.
#[derive(Debug, Clone)]
pub(crate) struct ToolCall {
    /// The function.
    pub name: String,
    /// Its arguments; a string stands as it is, so that broken JSON can be sent.
    pub arguments: Value,
    /// Instead of one made from the request.
    pub id: Option<String>,
}

/// What every reply of a provider has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dialect {
    /// `id` of replies; `${hash}` is 16 hex digits of the request.
    pub id: Option<String>,
    /// `created`, always the same so that recording twice gives the same files.
    pub created: i64,
    /// Headers of every reply.
    pub headers: BTreeMap<String, String>,
    /// Streams end with `data: [DONE]`.
    pub done: bool,
    /// A chat stream begins with a chunk that only names the role.
    pub role_chunk: bool,
    /// Where a stream says its usage.
    pub stream_usage: StreamUsage,
    /// The finish reason of a text that came to its end.
    pub finish_reason: String,
    /// How logprobs of chat look.
    pub logprobs: Logprobs,
    /// Members before `error` in the body of an error.
    pub error: Map<String, Value>,
    /// Members of chat replies.
    pub chat: Members,
    /// Members of text completions.
    pub completions: Members,
    /// Embeddings.
    pub embeddings: EmbeddingsDialect,
}

impl Default for Dialect {
    /// OpenAI's.
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

/// Members that replace or follow OpenAI's own, by place.
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
    /// The choice of a chunk that carries text, and of the last.
    pub chunk_choice: Map<String, Value>,
    /// The delta of such a choice.
    pub delta: Map<String, Value>,
    /// The choice of the last chunk.
    pub last_choice: Map<String, Value>,
    /// The delta of the last chunk.
    pub last_delta: Map<String, Value>,
}

/// What embeddings replies have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EmbeddingsDialect {
    /// Members of the reply.
    pub reply: Map<String, Value>,
    /// Members of each item.
    pub item: Map<String, Value>,
    /// Whether there is `usage`.
    pub usage: bool,
    /// Whether `encoding_format: base64` is honoured.
    pub base64: bool,
}

impl Default for EmbeddingsDialect {
    fn default() -> Self {
        EmbeddingsDialect { reply: Map::new(), item: Map::new(), usage: true, base64: true }
    }
}

/// Where a stream says its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamUsage {
    /// On one more chunk without choices, when `stream_options.include_usage` asks for it.
    Asked,
    /// On the last chunk with a choice; on one more when asked for.
    LastChunk,
    /// Nowhere.
    Never,
}

/// How logprobs of chat look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Logprobs {
    /// `{content: [{token, logprob, bytes, top_logprobs}]}`
    Content,
    /// `{token_ids, tokens, token_logprobs}`
    Tokens,
}
