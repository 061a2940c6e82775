//! The verdict as data.

use serde::Serialize;

use crate::protocol::Level;

/// What an API does of a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Can {
    /// Every case passed, and no rule of the API was broken.
    Yes,
    /// Every case passed but for rules of the API that replies broke.
    Deviates,
    /// Some case failed.
    No,
    /// No case came to an answer.
    NotTried,
}

/// A capability, and what came of its cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// Its name in `providers.yaml`; `chat` for what every case needs.
    pub(crate) capability: String,
    /// What it is.
    pub(crate) description: String,
    /// What the API does of it.
    pub(crate) verdict: Can,
    /// Why it cannot, or was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Rules that replies broke.
    pub(crate) rules: Vec<Broken>,
    /// Its cases.
    pub(crate) cases: Vec<CaseEnd>,
}

impl Row {
    /// Whether some case of it passed, though perhaps not all.
    pub(crate) fn works_in_part(&self) -> bool {
        self.cases.iter().any(|case| matches!(case.verdict, Can::Yes | Can::Deviates))
    }
}

/// A rule of the API that replies broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Broken {
    /// Its id.
    pub(crate) rule: String,
    /// `violation` for what SDKs stumble over, `deviation` for what they live with.
    #[serde(serialize_with = "level")]
    pub(crate) level: Level,
    /// What must hold.
    pub(crate) expected: &'static str,
    /// What came in its place.
    pub(crate) actual: String,
    /// What a client makes of that.
    pub(crate) client: &'static str,
    /// Where: `/v1/embeddings`.
    pub(crate) endpoints: Vec<String>,
}

fn level<S: serde::Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(level)
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CaseEnd {
    /// `conformance/chat.yaml::chat_stream[txt=…]`.
    pub(crate) id: String,
    /// The template's name: `chat_stream`.
    pub(crate) name: String,
    /// The model that was asked, without its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// What the API did.
    pub(crate) verdict: Can,
    /// Why it failed, or was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The status of the reply that failed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Rules that its replies broke.
    pub(crate) rules: Vec<String>,
}

/// What is known of an API once its cases have run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    /// The version of retake.
    pub(crate) retake: String,
    /// The provider's name.
    pub(crate) provider: String,
    /// Where it was asked, without secrets.
    pub(crate) base_url: String,
    /// `live`, `replay`, …
    pub(crate) mode: String,
    /// Which models were asked.
    pub(crate) models: Vec<Asked>,
    /// Whether a chat came to an answer: without one, nothing else was tried.
    pub(crate) works: bool,
    /// A verdict for each capability, chat first.
    pub(crate) capabilities: Vec<Row>,
    /// The entry of `providers.yaml` that follows; empty where chat does not work.
    pub(crate) entry: String,
}

/// Which model was asked for a kind of cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Asked {
    /// `text`, `embedding`, `vision`, `audio`, `reasoning`.
    pub(crate) kind: &'static str,
    /// As the provider knows it; nothing where there is none.
    pub(crate) model: Option<String>,
    /// Why this one.
    pub(crate) how: &'static str,
}
