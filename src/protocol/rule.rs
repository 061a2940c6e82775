//! The rules, as data.

use std::fmt;

/// How much a breach matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// An official SDK raises an error, or its user gets less than the server sent, or something different.
    Violation,
    /// Clients cope with it.
    Deviation,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Violation => "violation",
            Level::Deviation => "deviation",
        })
    }
}

/// A condition that replies must meet.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name in messages, suites and `providers.yaml`.
    pub id: &'static str,
    /// How much a breach matters.
    pub level: Level,
    /// The condition, as it follows the word "expected" in messages.
    pub holds: &'static str,
    /// How a client reacts to a breach.
    pub client: &'static str,
    /// The URL of the reference that states the rule.
    pub reference: &'static str,
}

impl Rule {
    /// Whether only `retake check` and `expect: {conforms: …}` check it.
    pub fn is_about_members(&self) -> bool {
        self.reference == REFERENCE || *self == ERROR_FORM
    }
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

const CHAT: &str = "https://platform.openai.com/docs/api-reference/chat/object";
const CHAT_STREAM: &str = "https://platform.openai.com/docs/api-reference/chat-streaming/streaming";
const EMBEDDINGS: &str = "https://platform.openai.com/docs/api-reference/embeddings/object";
const ERRORS: &str = "https://platform.openai.com/docs/guides/error-codes";
const EVENTS: &str = "https://html.spec.whatwg.org/multipage/server-sent-events.html";
const MODELS: &str = "https://platform.openai.com/docs/api-reference/models/list";
const REFERENCE: &str = "https://platform.openai.com/docs/api-reference";
const STREAMS: &str = "https://platform.openai.com/docs/guides/streaming-responses";

macro_rules! rules {
    ($($name:ident = $level:ident $id:literal, $reference:ident: $holds:literal, $client:literal;)*) => {
        $(pub(super) static $name: Rule =
            Rule { id: $id, level: Level::$level, holds: $holds, client: $client, reference: $reference };)*
        /// Every rule.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    // ── every endpoint ──
    BODY_JSON = Violation "body-json", CHAT: "JSON", "SDKs raise, or give the text in the place of an object";
    BODY_TYPE = Violation "body-type", CHAT: "JSON as application/json",
        "the Node SDK gives the text in the place of an object";
    ERROR_IN_SUCCESS = Violation "error-in-success", ERRORS: "no error in a good reply",
        "SDKs raise on an event with an `error`; else the user gets less, or an object without an answer";
    EVENT_AFTER_DONE = Violation "event-after-done", STREAMS: "nothing after [DONE]", "SDKs stop at [DONE] and lose the rest";
    EVENT_FORM = Violation "event-form", EVENTS: "nothing but events and comments", "SDKs skip what they do not know";
    EVENT_JSON = Violation "event-json", STREAMS: "JSON in every event", "an SDK raises in the middle of the stream";
    EVENT_OBJECT = Violation "event-object", STREAMS: "a JSON object in every event",
        "SDKs hand out a value that has no members, and the user's code fails";
    EVENT_TYPE = Violation "event-type", EVENTS: "an event stream as text/event-stream",
        "the SDKs read it; clients that go by the content type read no events";
    EVENT_UTF8 = Violation "event-utf8", EVENTS: "UTF-8", "SDKs raise, or give other characters than the server meant";
    STREAM_ASKED = Violation "stream-asked", CHAT: "a stream where one was asked for, and only there",
        "SDKs iterate over nothing, or give the raw text of the stream";
    STREAM_CUT = Violation "stream-cut", EVENTS: "an end between two events", "the Python SDK loses the last event in silence, the Node SDK raises";
    STREAM_EMPTY = Violation "stream-empty", STREAMS: "at least one event", "a loop over it gives nothing, and no error";
    STREAM_END = Violation "stream-end", STREAMS: "the last event of the protocol",
        "a loop over it ends as if all had come: the user gets less, and no error";

    // ── chat completions and completions ──
    CHOICES_EMPTY = Violation "choices-empty", CHAT: "at least one choice", "`choices[0]` raises";
    CHOICE_FORM = Violation "choice-form", CHAT: "a message or a delta in every choice of a chat, a text in that of a completion",
        "the user gets no text";
    CONTENT_TEXT = Violation "content-text", CHAT: "the text of a chat as a string",
        "code that joins strings raises in Python, and gets `[object Object]` in Node";
    ROLE_MISSING = Violation "role-missing", CHAT_STREAM: "a role in a delta of every choice of a chat",
        "`stream()` of the Node SDK raises";
    FINISH_MISSING = Violation "finish-missing", CHAT_STREAM: "a finish_reason for every choice",
        "a loop over it ends as if all had come; `stream()` of the Node SDK raises";
    TEXT_AFTER_FINISH = Violation "text-after-finish", CHAT_STREAM: "no more of a choice after its finish_reason",
        "the SDKs read on; clients that stop at the finish_reason lose the rest";
    TOOL_CALL_INDEX = Violation "tool-call-index", CHAT_STREAM: "an index for every piece of a tool call, counted from 0",
        "`stream()` of the SDKs raises; a loop puts calls together as one";
    TOOL_CALL_MERGED = Violation "tool-call-merged", CHAT_STREAM: "an index of its own for every tool call",
        "SDKs put two calls together as one";
    TOOL_CALL_ID = Violation "tool-call-id", CHAT: "an id for every tool call", "its result cannot be handed back";
    TOOL_CALL_ID_DOUBLED = Violation "tool-call-id-doubled", CHAT: "an id of its own for every tool call",
        "whose result is whose cannot be told";
    TOOL_CALL_NAME = Violation "tool-call-name", CHAT: "a name for every tool call", "the user cannot tell which tool is meant";
    TOOL_CALL_REPEATED = Violation "tool-call-repeated", CHAT_STREAM: "id and name in one piece of a tool call alone",
        "some SDKs join the pieces and others do not: id and name come out doubled, or cut";
    TOOL_CALL_ARGUMENTS_TEXT = Violation "tool-call-arguments-text", CHAT: "the arguments of a tool call as a string",
        "`json.loads` raises on an object; in a stream `stream()` does";
    TOOL_CALL_ARGUMENTS_OBJECT = Violation "tool-call-arguments-object", CHAT: "a JSON object as arguments of a tool call",
        "the tool cannot be called with them";
    DONE_MISSING = Deviation "done-missing", STREAMS: "[DONE] at the end of a stream", "SDKs end with the connection";
    DONE_REPEATED = Deviation "done-repeated", STREAMS: "[DONE] once", "SDKs stop at the first";
    FINISH_REPEATED = Deviation "finish-repeated", CHAT_STREAM: "one finish_reason for a choice",
        "clients that act on it act twice";
    FINISH_TOOL_CALLS = Deviation "finish-tool-calls", CHAT: "tool calls that end with `tool_calls`",
        "loops that go by the finish_reason call no tool";
    ID_CHANGES = Deviation "id-changes", CHAT_STREAM: "one id in all events of a stream",
        "which of them is the completion's cannot be told";
    ID_MISSING = Deviation "id-missing", CHAT: "an id", "the completion cannot be named in logs";
    MODEL_CHANGES = Deviation "model-changes", CHAT_STREAM: "one model in all events of a stream", "costs go to the wrong model";
    MODEL_OTHER = Deviation "model-other", CHAT: "the model that was asked", "the user is not told of another model";
    OBJECT = Deviation "object", CHAT: "`object` as the reference names it", "`stream()` of the Python SDK skips events with another";

    // ── tokens ──
    USAGE_MISSING = Deviation "usage-missing", CHAT: "usage", "nobody can count tokens";
    USAGE_REPEATED = Deviation "usage-repeated", CHAT_STREAM: "usage in one event of a stream",
        "clients that add it up count too much";
    USAGE_SUM = Deviation "usage-sum", CHAT: "a total of tokens that is the sum of the others", "costs come out wrong";

    // ── embeddings ──
    EMBEDDINGS_COUNT = Violation "embeddings-count", EMBEDDINGS: "one vector for every input", "inputs are left without a vector";
    EMBEDDINGS_INDEX = Violation "embeddings-index", EMBEDDINGS: "an index of its own for every vector, counted from 0",
        "which input a vector is for cannot be told";
    EMBEDDINGS_LENGTH = Violation "embeddings-length", EMBEDDINGS: "vectors of one length", "they cannot be compared";
    EMBEDDINGS_ORDER = Violation "embeddings-order", EMBEDDINGS: "vectors in the order of their index",
        "users who go by position take the vector of another input";

    // ── models ──
    MODELS_LIST = Violation "models-list", MODELS: "an object whose `data` is a list of models with an `id`",
        "SDKs raise, or list nothing";

    // ── members, by the schemas of `schemas/wire` and by other recordings ──
    MEMBER_MISSING = Violation "member-missing", REFERENCE: "every member that the API's reference promises",
        "SDKs hand out None or undefined where their types promise a value";
    MEMBER_TYPE = Violation "member-type", REFERENCE: "members of the types that the API's reference names",
        "SDKs hand out a value that is not of their type, unchecked";
    MEMBER_VALUE = Deviation "member-value", REFERENCE: "the only word that the API's reference has for a member",
        "clients that go by it take the object for another";
    ERROR_FORM = Deviation "error-form", ERRORS: "an error with the members that the API's reference names",
        "SDKs raise it all the same; its message, type or code is missing, or of another type";
    MEMBER_DROPPED = Deviation "member-dropped", REFERENCE: "the members that all other recordings of the endpoint have",
        "code that reads one finds None or undefined";
    MEMBER_CHANGED = Deviation "member-changed", REFERENCE: "members of the type that they have in all other recordings",
        "code that reads one finds a value of another type";
}
