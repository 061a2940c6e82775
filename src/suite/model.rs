//! A suite after parsing. Everything in it is valid and is not checked again later.

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
    /// The file's text, for messages that show a line of it. `source.name` is the path as in case ids
    /// (`suites/inference/sanity.yaml`).
    pub source: Arc<Source>,
    /// Environment variables whose values are never stored or shown.
    pub secrets: Vec<String>,
    /// Texts in its requests that change from run to run. They are ignored when requests are compared.
    pub masks: Arc<[Mask]>,
    /// The case templates, in file order.
    pub templates: Vec<Template>,
}

/// A case template. It becomes a case for every client, model and parameter value.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The case's name, unique in its file; no brackets, no `::`.
    pub name: String,
    /// Where the template starts.
    pub place: Place,
    /// The clients that send the requests. Empty means the default client, which is then not part of the id.
    pub clients: Box<[Client]>,
    /// Which model of the setup is used as `${model}`; `None` when the case needs none.
    pub model: Option<Axis>,
    /// Named parameters, in file order.
    pub params: Box<[Param]>,
    /// Additional keywords for `-k`, and marks for `-m`.
    pub keywords: Box<[String]>,
    /// Capabilities that the provider must have, else the case is skipped.
    pub needs: Box<[String]>,
    /// An environment variable that must be set and not empty, else the case is skipped.
    pub needs_env: Option<String>,
    /// Secrets that its requests and expectations use.
    pub secrets: Box<[String]>,
    /// The reason why the case is always skipped.
    pub skip: Option<String>,
    /// Why the case is expected to fail.
    pub xfail: Option<Xfail>,
    /// How often it is run.
    pub repeat: Repeat,
    /// The steps before the case's own, in order.
    pub setup: Box<[Step]>,
    /// The steps after the case's own, whatever their outcome. They are in the order of execution, which is the reverse
    /// of the order in the file.
    pub teardown: Box<[Step]>,
    /// The requests, in order; a one-request case has one step.
    pub steps: Box<[Step]>,
}

/// An expected failure.
#[derive(Debug, Clone)]
pub(crate) struct Xfail {
    /// Why it fails.
    pub reason: String,
    /// If true, passing is a failure.
    pub strict: bool,
}

/// A client that sends requests, named as in llama-stack's own tests. It uses the same paths as the client of that name
/// there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Client {
    /// `openai_client`: OpenAI's SDK, with a base URL that ends in `/v1/openai/v1`.
    OpenAi,
    /// `llama_stack_client`: calls OpenAI's API below `/v1/openai/v1/`, llama-stack's own below `/v1/`.
    LlamaStack,
    /// `client_with_models`: the same client after its models are registered. If a suite names no client, cases can be
    /// selected by this name too.
    #[default]
    WithModels,
}

/// The endpoints of OpenAI's API that llama-stack's client calls below `/v1/openai/v1/`. It calls `models` below
/// `/v1/`.
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

    /// The prefix of a path that is written as `/v1/…`.
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
    /// The name, used as `${name}` or `${name.field}`. If there are several names, each value is an array with one
    /// element for each name.
    pub names: Vec<String>,
    /// The values, in file order, with unique ids.
    pub values: Vec<ParamValue>,
}

/// One value of a parameter.
#[derive(Debug, Clone)]
pub(crate) struct ParamValue {
    /// The part of the case's id for this value (`inference:completion:sanity`, `True`, `1`).
    pub id: String,
    /// The value itself; a mapping's fields are `${name.field}`.
    pub value: Value,
}

/// One request of a case and what is expected of its reply.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The file that has the step: the suite, or a file that the suite includes.
    pub source: Arc<Source>,
    /// Where the step starts.
    pub place: Place,
    /// The name shown in a failure if the case has several steps.
    pub name: Option<String>,
    /// What is sent.
    pub request: RequestTemplate,
    /// What the reply must be.
    pub expect: Expect,
    /// Values kept for later steps, in file order.
    pub capture: Box<[Capture]>,
    /// The longest time during which the request is repeated until the expectation holds.
    pub eventually: Option<Duration>,
    /// Faults to inject on the way from the provider.
    pub faults: Box<[Fault]>,
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
    /// Whether the provider's API key is sent.
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
    /// JSON. Strings may have `${…}`. A string that is a single `${…}` becomes the value, with the value's type.
    Json(JsonText),
    /// Text that is not encoded as JSON, for malformed bodies. `${…}` is replaced in it.
    Raw(String),
}

/// A JSON value, stored as text. A tree would take ten times the memory, and it is needed only when the request is
/// made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonText(Box<str>);

impl JsonText {
    /// The value as a tree. `Err` if it is nested more deeply than the parser allows.
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
