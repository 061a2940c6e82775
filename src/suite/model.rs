//! The shape of a suite after parsing: everything is checked, nothing is re-validated later.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::expect::{Expect, JsonPath};
use super::repeat::Repeat;
use super::template::{self, Scope};
use crate::exchange::{Auth, Fault, Mask};
use crate::yaml::{Place, Source};

/// One suite file.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    /// The file's text, for messages that show a line of it. `source.name` is the path as it stands in case ids
    /// (`suites/inference/sanity.yaml`).
    pub source: Arc<Source>,
    /// Environment variables whose values are never kept nor shown.
    pub secrets: Vec<String>,
    /// What changes from run to run in the texts of its requests: they are compared masked.
    pub masks: Arc<[Mask]>,
    /// The case templates, in file order.
    pub templates: Vec<Template>,
}

/// One case template: becomes a case for every client, model and parameter value.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The case's name, unique in its file; no brackets, no `::`.
    pub name: String,
    /// Where the template starts.
    pub place: Place,
    /// Which clients call; empty means the default client, which then is no part of the id.
    pub clients: Vec<Client>,
    /// Which model of the setup is used as `${model}`; `None` when the case needs none.
    pub model: Option<Axis>,
    /// Named parameters, in file order.
    pub params: Vec<Param>,
    /// Extra words that `-k` finds.
    pub keywords: Vec<String>,
    /// Capabilities without which the case makes no sense.
    pub needs: Vec<String>,
    /// An environment variable without which the case makes no sense.
    pub needs_env: Option<String>,
    /// Secrets that its requests and expectations use.
    pub secrets: Vec<String>,
    /// Skip always, with this reason.
    pub skip: Option<String>,
    /// Expected to fail, with the reason.
    pub xfail: Option<Xfail>,
    /// How often it is run.
    pub repeat: Repeat,
    /// What comes before them, in order.
    pub setup: Vec<Step>,
    /// What comes after them, whatever came of them, in the order in which it is done: the last that is written first.
    pub teardown: Vec<Step>,
    /// The requests, in order; a one-request case has one step.
    pub steps: Vec<Step>,
}

/// An expected failure.
#[derive(Debug, Clone)]
pub(crate) struct Xfail {
    /// Why it fails.
    pub reason: String,
    /// When true, passing is a failure.
    pub strict: bool,
}

/// Who calls the stack, in the words of llama-stack's own tests: each calls the paths that its namesake there calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Client {
    /// `openai_client`: OpenAI's SDK, with a base URL that ends in `/v1/openai/v1`.
    OpenAi,
    /// `llama_stack_client`: calls OpenAI's API below `/v1/openai/v1/`, llama-stack's own below `/v1/`.
    LlamaStack,
    /// `client_with_models`: the same client, once its models are registered; selected by this name too where a suite
    /// names no client.
    #[default]
    WithModels,
}

/// OpenAI's API, as far as llama-stack's client has it below `/v1/openai/v1/`; it asks for models below `/v1/`.
const OPENAIS: [&str; 7] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/files",
    "/v1/moderations",
    "/v1/responses",
    "/v1/vector_stores",
];

impl Client {
    /// Every client, with its name in files and ids.
    pub(crate) const ALL: [(Client, &'static str); 3] = [
        (Client::OpenAi, "openai_client"),
        (Client::LlamaStack, "llama_stack_client"),
        (Client::WithModels, "client_with_models"),
    ];

    /// What stands before a path that is written as `/v1/…`.
    pub(crate) fn prefix(self, path: &str) -> &'static str {
        let is_openais =
            |api: &&str| path.strip_prefix(*api).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        if self == Client::OpenAi || OPENAIS.iter().any(is_openais) { "/v1/openai" } else { "" }
    }

    /// The name in files and ids.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Client::OpenAi => "openai_client",
            Client::LlamaStack => "llama_stack_client",
            Client::WithModels => "client_with_models",
        }
    }
}

/// Which of a setup's models a case uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    /// `txt=` in ids.
    Text,
    /// `emb=` in ids.
    Embedding,
    /// `vis=` in ids.
    Vision,
}

impl Axis {
    /// Every axis, with its name in files and its label in ids.
    pub const ALL: [(Axis, &'static str, &'static str); 3] =
        [(Axis::Text, "text", "txt"), (Axis::Embedding, "embedding", "emb"), (Axis::Vision, "vision", "vis")];

    /// The name in files: `text`, `embedding`, `vision`.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The label in ids: `txt`, `emb`, `vis`.
    pub fn label(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

/// One named parameter and its values.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    /// The name, used as `${name}` or `${name.field}`; several, when each value is an array of so many.
    pub names: Vec<String>,
    /// The values, in file order, ids unique.
    pub values: Vec<ParamValue>,
}

/// One value of a parameter.
#[derive(Debug, Clone)]
pub(crate) struct ParamValue {
    /// How the value stands in the id (`inference:completion:sanity`, `True`, `1`).
    pub id: String,
    /// The value itself; a mapping's fields are `${name.field}`.
    pub value: Value,
}

/// One request of a case and what is expected of its reply.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The file it stands in: the suite's, or one that the suite includes.
    pub source: Arc<Source>,
    /// Where the step starts.
    pub place: Place,
    /// The name shown in a failure, when the case has several steps.
    pub name: Option<String>,
    /// What is sent.
    pub request: RequestTemplate,
    /// What the reply must be.
    pub expect: Expect,
    /// Values kept for later steps, in file order.
    pub capture: Vec<Capture>,
    /// Ask again until the expectation holds, for at most this long.
    pub eventually: Option<Duration>,
    /// What goes wrong on the way from the provider.
    pub faults: Vec<Fault>,
}

/// A request before interpolation. Strings may hold `${…}`.
#[derive(Debug, Clone)]
pub(crate) struct RequestTemplate {
    /// The HTTP method.
    pub method: http::Method,
    /// The API's own path, query included (`/v1/chat/completions?limit=2`).
    pub path: String,
    /// Extra headers, in file order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Whether the provider's key goes along.
    pub auth: Auth,
}

impl RequestTemplate {
    /// Whether every name in it has a value.
    pub(crate) fn is_bound(&self, scope: &Scope) -> bool {
        let is_bound = |text: &str| template::fill_text(text, scope).is_ok();
        let body = match &self.body {
            Body::None => true,
            Body::Json(json) => json.value().is_ok_and(|value| template::fill(&value, scope).is_ok()),
            Body::Raw(text) => is_bound(text),
        };
        body && is_bound(&self.path) && self.headers.iter().all(|(_, value)| is_bound(value))
    }
}

/// A request body before interpolation.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// No body.
    None,
    /// JSON; strings may hold `${…}`, and a string that is one `${…}` alone takes the value's own type.
    Json(JsonText),
    /// Text sent as it stands, for malformed bodies; `${…}` is replaced in it.
    Raw(String),
}

/// A JSON value, kept as its text: a tree takes ten times the memory, and is wanted only when the request is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonText(Box<str>);

impl JsonText {
    /// The value as a tree. `Err` when it is nested deeper than such a tree may be.
    pub(crate) fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl From<Value> for JsonText {
    fn from(value: Value) -> Self {
        JsonText(value.to_string().into())
    }
}

/// A value kept from a reply.
#[derive(Debug, Clone)]
pub(crate) struct Capture {
    /// Used later as `${name}`.
    pub name: String,
    /// Where it comes from.
    pub from: CaptureFrom,
}

/// Where a captured value comes from.
#[derive(Debug, Clone)]
pub(crate) enum CaptureFrom {
    /// RFC 9535 JSONPath into the reply's JSON (for a stream: into the array of its JSON events).
    Json(Arc<JsonPath>),
    /// A response header.
    Header(String),
    /// The answer's text, whole or put together from a stream.
    Text,
    /// The answer's tool calls as an OpenAI `tool_calls` array, whole or put together from a stream.
    ToolCalls,
}
