//! The contents of `suites/providers.yaml` and `suites/setups.yaml`, after parsing.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::civil::Date;

use crate::exchange::{Rules, fits};
use crate::protocol::{Alias, Known};
use crate::suite::Axis;

/// All known providers and capabilities.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// The capabilities that a case may need, by name.
    pub capabilities: BTreeMap<String, Capability>,
    /// Providers by name, in file order.
    pub providers: Vec<Provider>,
}

impl Catalogue {
    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }
}

/// Something that an API may support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// One line for people.
    pub description: String,
    /// Whether the gateway itself offers it (`store`): then it is missing under `direct`.
    pub of_stack: bool,
}

/// One upstream API.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    /// The name in `provider/model`.
    pub name: String,
    /// `remote::together`, `local::ollama`: shown in reasons and listings.
    pub r#type: String,
    /// The base URL with the API's version: `https://api.together.xyz/v1`.
    pub base_url: String,
    /// Further hosts at which it is reached, in lower case, with `*` for any text: `*.openai.azure.com`.
    pub hosts: Vec<String>,
    /// The environment variable with the key; `None` if the provider needs none.
    pub key: Option<String>,
    /// How the key is sent: header name and prefix, by default `("authorization", "Bearer ")`.
    pub key_header: (String, String),
    /// Headers added to every request (`anthropic-version`).
    pub headers: BTreeMap<String, String>,
    /// Environment variables from which its SDKs read their base URL, each with the path that follows the server's
    /// address (`OPENAI_BASE_URL`: `/v1`).
    pub sdk_env: BTreeMap<String, String>,
    /// Further environment variables in which its SDKs look for the key.
    pub sdk_keys: Vec<String>,
    /// The capabilities that it lacks.
    pub lacks: BTreeMap<String, Gap>,
    /// The capabilities that it should have but that do not work: expected failures.
    pub broken: BTreeMap<String, Gap>,
    /// Protocol rules that its replies are known to break.
    pub deviates: Vec<Known>,
    /// Further names of its models in its replies.
    pub aliases: Vec<Alias>,
    /// Cases that its models are known to fail.
    pub xfail: Vec<ExpectedFailure>,
    /// Which parts of a request make no difference or change from run to run, and which headers are compared.
    pub rules: Rules,
    /// How the gateway treats this provider differently.
    pub quirks: Quirks,
    /// Limits, retries and timeouts for live requests.
    pub manners: Manners,
    /// The prices of its models, in file order; in model ids, `*` stands for any text.
    pub prices: Vec<(String, Price)>,
    /// What `prices.yaml` says of its models, by id; `prices` win.
    pub listed: BTreeMap<String, Listed>,
    /// What litellm's list calls it.
    pub litellm: Vec<ListName>,
    /// The vector lengths of its embedding models, by model ids as in `prices`.
    pub embedding_dimensions: Vec<(String, NonZeroU32)>,
}

impl Provider {
    /// The price of a model (without provider prefix): the first one whose id matches, else the listed one.
    pub fn price(&self, model: &str) -> Option<Price> {
        let written = self.prices.iter().find(|(pattern, _)| fits(pattern, model)).map(|(_, price)| *price);
        written.or_else(|| self.listed.get(model)?.price)
    }

    /// The vector length of a model (without provider prefix), if the provider's file has it.
    pub fn embedding_dimension(&self, model: &str) -> Option<NonZeroU32> {
        self.embedding_dimensions.iter().find(|(pattern, _)| fits(pattern, model)).map(|(_, length)| *length)
    }
}

/// US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Price {
    /// The price of input tokens.
    pub input: f64,
    /// The price of output tokens.
    pub output: f64,
}

/// What litellm's list calls a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListName {
    /// The name.
    pub name: String,
    /// Whose the models are that the list has without an owner: the provider calls them `owner/model`.
    pub owner: Option<String>,
}

impl ListName {
    /// Reads `NAME` or `NAME=OWNER`. `None` if one of them is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, owner) = text.split_once('=').map_or((text, None), |(name, owner)| (name, Some(owner)));
        let is_whole = !name.is_empty() && owner != Some("");
        is_whole.then(|| ListName { name: name.to_owned(), owner: owner.map(str::to_owned) })
    }
}

/// What a list says of a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listed {
    /// Its price, if the list has one for tokens.
    pub price: Option<Price>,
    /// From when on its provider no longer serves it, if that is announced.
    pub retired: Option<Date>,
    /// The model that replaces it, without provider prefix.
    pub successor: Option<String>,
}

/// Limits, retries and timeouts for live requests. `None` means the default for all providers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manners {
    /// The most requests under way at once.
    pub at_once: Option<u32>,
    /// The most requests in any 60 seconds, retries included.
    pub per_minute: Option<u32>,
    /// How often a request is retried after 429, 5xx or no reply.
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
    /// These values, with those of `other` for what is `None` here.
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

/// Cases that are known to fail with some models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedFailure {
    /// Names of cases: `chat_system_prompt`, or with one parameter value `inference_store[True]`.
    pub cases: Vec<String>,
    /// Only for these model ids (without provider prefix); empty means all.
    pub models: Vec<String>,
    /// The reason that users read after XFAIL.
    pub reason: String,
}

/// Members of a request's body that a provider must not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The endpoint: `/v1/embeddings`.
    pub endpoint: String,
    /// Top-level members of the body.
    pub members: Vec<String>,
}

/// How the gateway treats a provider differently.
#[derive(Debug, Clone, Default)]
pub struct Quirks {
    /// Members that are removed from the body before it is sent, by endpoint.
    pub drop: Vec<Dropped>,
    /// Endpoints whose replies get a usage of -1 if they have none.
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
    /// The models for each axis, with the gateway's names: `together/meta-llama/…`.
    pub models: Models,
    /// Environment variables for the stack, unless they are set already.
    pub env: BTreeMap<String, String>,
    /// Where its file names its models: each model with `suites/setups.yaml:18`.
    pub places: Vec<(String, String)>,
    /// It runs only if it is named, not with every setup that has recordings: it ships, and the user has own ones.
    pub by_name_only: bool,
}

impl Setup {
    /// Whether all of its providers are in the catalogue.
    pub fn is_of(&self, catalogue: &Catalogue) -> bool {
        let named = self.models.all().filter_map(|model| model.split('/').next());
        named.chain([self.provider.as_str()]).all(|name| catalogue.provider(name).is_some())
    }
}

/// The models for each axis.
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
    /// Each model, in the order of the axes.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        [&self.text, &self.embedding, &self.vision].into_iter().flatten().map(String::as_str)
    }

    /// The model for an axis.
    pub fn get(&self, axis: Axis) -> Option<&str> {
        match axis {
            Axis::Text => self.text.as_deref(),
            Axis::Embedding => self.embedding.as_deref(),
            Axis::Vision => self.vision.as_deref(),
        }
    }
}
