//! What `suites/providers.yaml` and `suites/setups.yaml` say, after parsing.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::exchange::{Rules, fits};
use crate::protocol::{Alias, Known};
use crate::suite::Axis;

/// Everything known of providers.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// What a case may need, by name.
    pub capabilities: BTreeMap<String, Capability>,
    /// Providers by name, in file order.
    pub providers: Vec<Provider>,
}

impl Catalogue {
    /// The provider of that name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }
}

/// Something an API can do or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// One line for people.
    pub description: String,
    /// True for what the gateway itself offers (`store`): missing under `direct`.
    pub of_stack: bool,
}

/// One upstream API.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    /// The name in `provider/model`.
    pub name: String,
    /// `remote::together`, `local::ollama`: shown in reasons and listings.
    pub r#type: String,
    /// With the API's version part: `https://api.together.xyz/v1`.
    pub base_url: String,
    /// Environment variable with the key; `None` when it wants none.
    pub key: Option<String>,
    /// How the key travels: header name and prefix, `("authorization", "Bearer ")` by default.
    pub key_header: (String, String),
    /// Headers every request carries (`anthropic-version`).
    pub headers: BTreeMap<String, String>,
    /// Where the SDKs for it read their base URL: variable, and the path they want in it after the server's own
    /// address (`OPENAI_BASE_URL`: `/v1`).
    pub sdk_env: BTreeMap<String, String>,
    /// What it cannot do, by capability.
    pub lacks: BTreeMap<String, Gap>,
    /// What it should do and does not do right: expected failures, by capability.
    pub broken: BTreeMap<String, Gap>,
    /// Rules of the protocol that its replies are known to break.
    pub deviates: Vec<Known>,
    /// Further names of its models in its replies.
    pub aliases: Vec<Alias>,
    /// Cases that its models are known to fail.
    pub xfail: Vec<ExpectedFailure>,
    /// What of a request makes no difference or changes from run to run, and which headers count.
    pub rules: Rules,
    /// What the gateway does differently for it.
    pub quirks: Quirks,
    /// How it is asked live.
    pub manners: Manners,
    /// What its models cost, in file order: model ids, in which `*` stands for anything.
    pub prices: Vec<(String, Price)>,
    /// How long the vectors of its embedding models are, by model ids as in `prices`.
    pub embedding_dimensions: Vec<(String, NonZeroU32)>,
}

impl Provider {
    /// What a model (without provider prefix) costs: the first price whose id fits.
    pub fn price(&self, model: &str) -> Option<Price> {
        self.prices.iter().find(|(pattern, _)| fits(pattern, model)).map(|(_, price)| *price)
    }

    /// How long the vectors of a model (without provider prefix) are, where the provider's file says.
    pub fn embedding_dimension(&self, model: &str) -> Option<NonZeroU32> {
        self.embedding_dimensions.iter().find(|(pattern, _)| fits(pattern, model)).map(|(_, length)| *length)
    }
}

/// US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Price {
    /// Of what is asked.
    pub input: f64,
    /// Of what is answered.
    pub output: f64,
}

/// How a provider is asked live. What is `None` is as for every provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manners {
    /// Requests under way at once.
    pub at_once: Option<u32>,
    /// Requests in any 60 seconds, retries included.
    pub per_minute: Option<u32>,
    /// How often a request is asked again that got 429, 5xx or nothing.
    pub retries: Option<u32>,
    /// The longest `Retry-After` that is waited for.
    pub patience: Option<Duration>,
    /// How long to wait for a connection.
    pub connect: Option<Duration>,
    /// How long to wait for the first byte.
    pub first_byte: Option<Duration>,
    /// How long to wait between two chunks.
    pub gap: Option<Duration>,
    /// How long to wait for the whole reply, retries included.
    pub whole: Option<Duration>,
}

impl Manners {
    /// These, and those of `other` where these say nothing.
    pub fn or(self, other: Manners) -> Manners {
        Manners {
            at_once: self.at_once.or(other.at_once),
            per_minute: self.per_minute.or(other.per_minute),
            retries: self.retries.or(other.retries),
            patience: self.patience.or(other.patience),
            connect: self.connect.or(other.connect),
            first_byte: self.first_byte.or(other.first_byte),
            gap: self.gap.or(other.gap),
            whole: self.whole.or(other.whole),
        }
    }
}

/// A capability that is missing or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// As a user reads it after SKIPPED or XFAIL.
    pub reason: String,
    /// Only for these model ids (without provider prefix); empty means all.
    pub models: Vec<String>,
}

/// Cases that are known to fail: facts about a model, not about an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedFailure {
    /// Names of cases: `chat_system_prompt`, or with one parameter value `inference_store[True]`.
    pub cases: Vec<String>,
    /// Only for these model ids (without provider prefix); empty means all.
    pub models: Vec<String>,
    /// As a user reads it after XFAIL.
    pub reason: String,
}

/// Request fields that a provider must not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The endpoint: `/v1/embeddings`.
    pub endpoint: String,
    /// Top-level members of the body.
    pub members: Vec<String>,
}

/// What the gateway does differently for a provider.
#[derive(Debug, Clone, Default)]
pub struct Quirks {
    /// Members taken off the body before it is sent, by endpoint.
    pub drop: Vec<Dropped>,
    /// Put usage of -1 into replies of these endpoints when none came.
    pub usage_when_missing: Vec<String>,
    /// The model list is a bare array.
    pub bare_model_list: bool,
    /// Finish reasons that OpenAI does not know, and what they mean (`eos` → `stop`).
    pub finish_reasons: BTreeMap<String, String>,
}

/// A named choice of models, environment and provider.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The name after `--setup`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// The default provider.
    pub provider: String,
    /// Models per axis, as the gateway knows them: `together/meta-llama/…`.
    pub models: Models,
    /// Environment for the stack, unless set already.
    pub env: BTreeMap<String, String>,
}

/// Models per axis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Models {
    /// `${model}` of text cases.
    pub text: Option<String>,
    /// `${model}` of embedding cases.
    pub embedding: Option<String>,
    /// `${model}` of vision cases.
    pub vision: Option<String>,
}

impl Models {
    /// The model for an axis.
    pub fn get(&self, axis: Axis) -> Option<&str> {
        match axis {
            Axis::Text => self.text.as_deref(),
            Axis::Embedding => self.embedding.as_deref(),
            Axis::Vision => self.vision.as_deref(),
        }
    }
}
