//! The contents of `providers.yaml` and `setups.yaml`, of which only the shape is checked.

use serde::Deserialize;

use crate::yaml::{OneOrMore, Pairs, Short, Spanned};

/// The providers, and what each cannot do.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawProviders {
    /// What this file adds to: `shipped`, which is the default, the providers and capabilities that ship with retake, or
    /// `none`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("enum" = ["shipped", "none"])))]
    pub(super) extends: Option<Spanned<String>>,
    /// What a case can need: name and description.
    #[serde(default)]
    pub(super) capabilities: Pairs<Spanned<Short<RawCapability>>>,
    /// Providers by name.
    pub(super) providers: Pairs<RawProvider>,
}

/// Something that a provider or the stack can do.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapability {
    /// One line for people.
    pub(super) description: String,
    /// Who offers it: the provider, if nothing else is given.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("enum" = ["provider", "stack"])))]
    pub(super) of: Option<Spanned<String>>,
}

/// One upstream API.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("dependencies" = {"key_header": ["key"]})))]
pub(super) struct RawProvider {
    /// Its kind: `remote::openai`; `remote::` and its name by default.
    #[serde(default)]
    pub(super) r#type: Option<Spanned<String>>,
    /// Its address with the version part: `https://api.openai.com/v1`. An entry without one adds to what ships under its
    /// name; one with it replaces that.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = "^https?://")))]
    pub(super) base_url: Option<Spanned<String>>,
    /// Further hosts at which it is reached, with `*` for any text: `*.openai.azure.com`. Clients that ask one of them get
    /// this provider's recordings.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(regex(pattern = "^[a-z0-9.*-]+$"))))]
    pub(super) hosts: Vec<Spanned<String>>,
    /// The environment variable that holds its key.
    #[serde(default)]
    pub(super) key: Option<Spanned<String>>,
    /// The header for the key; `Authorization: Bearer …` by default.
    #[serde(default)]
    pub(super) key_header: Option<Spanned<RawKeyHeader>>,
    /// Headers added to every request.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"})))]
    pub(super) headers: Pairs<Spanned<String>>,
    /// Environment variables from which SDKs read the base URL, each with the path after the server's address.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})))]
    pub(super) sdk_env: Pairs<Spanned<String>>,
    /// Further environment variables in which SDKs look for the key. `retake run` sets a placeholder where there is none,
    /// because SDKs do not start without a key.
    #[serde(default)]
    pub(super) sdk_keys: Vec<Spanned<String>>,
    /// Capabilities that it lacks: cases that need one are SKIPPED with this reason.
    #[serde(default)]
    pub(super) lacks: Pairs<Spanned<Short<RawGap>>>,
    /// Capabilities that do not work: cases that need one are XFAIL with this reason.
    #[serde(default)]
    pub(super) broken: Pairs<Spanned<Short<RawGap>>>,
    /// Rules of the protocol that its replies are known to break, each with the reason. Behind a rule about members may
    /// stand which: `member-missing created, choices[].logprobs: why`.
    #[serde(default)]
    pub(super) deviates: Pairs<Spanned<Short<RawDeviation>>>,
    /// What its replies call a model beside the name that it is asked by, each a name or a list of them. Dated versions
    /// (`gpt-4o-2024-08-06` for `gpt-4o`) need none.
    #[serde(default)]
    pub(super) aliases: Pairs<Spanned<OneOrMore>>,
    /// Cases that are expected to fail.
    #[serde(default)]
    pub(super) xfail: Vec<RawExpectedFailure>,
    /// Fields of the body, by endpoint, that it ignores: they are not compared. A name, or a JSONPath.
    #[serde(default)]
    pub(super) ignores: Pairs<Spanned<Vec<Spanned<String>>>>,
    /// Texts in requests, by endpoint, that change from run to run: they are recorded, but not compared.
    #[serde(default)]
    pub(super) masks: Pairs<Spanned<Vec<RawMask>>>,
    /// Request headers that are compared.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(regex(pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"))))]
    pub(super) match_headers: Vec<Spanned<String>>,
    /// How the gateway treats it differently.
    #[serde(default)]
    pub(super) quirks: RawQuirks,
    /// Limits on the number of requests.
    #[serde(default)]
    pub(super) limits: RawLimits,
    /// When requests are retried.
    #[serde(default)]
    pub(super) retries: RawRetries,
    /// How long to wait.
    #[serde(default)]
    pub(super) timeouts: RawTimeouts,
    /// The prices of models, by id, in which `*` stands for any text; the first id that matches counts.
    #[serde(default)]
    pub(super) prices: Pairs<Spanned<RawPrice>>,
    /// What litellm's list calls it, for `retake prices update`: a name, or a list of which the first counts most; its own
    /// name by default. `NAME=OWNER` where the provider calls a model `OWNER/MODEL` and the list does not.
    #[serde(default)]
    pub(super) litellm: Option<Spanned<OneOrMore>>,
    /// The vector lengths of embedding models, by id as in `prices`, for providers whose lists of models do not have
    /// them.
    #[serde(default)]
    pub(super) embedding_dimensions: Pairs<Spanned<u32>>,
}

/// Text in requests that changes from run to run, such as a date.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawMask {
    /// The places in the body whose texts, there and below, are searched: a JSONPath, or a list of them.
    #[cfg_attr(test, schemars(extend("pattern" = "^\\$")))]
    pub(super) place: Spanned<OneOrMore>,
    /// What the text looks like: a regular expression, or a list of them.
    pub(super) pattern: Spanned<OneOrMore>,
}

/// US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    /// The price of input tokens.
    pub(super) input: f64,
    /// The price of output tokens; 0 for embeddings.
    #[serde(default)]
    pub(super) output: f64,
}

/// Limits on the number of requests to a provider.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    /// The most requests under way at once.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) at_once: Option<Spanned<u32>>,
    /// The most requests in any minute.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) per_minute: Option<Spanned<u32>>,
}

/// When requests to a provider are retried.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetries {
    /// How often, after 429, 5xx or a failed connection.
    #[serde(default)]
    pub(super) times: Option<u32>,
    /// The longest Retry-After to wait for: `60s`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) patience: Option<Spanned<String>>,
}

/// How long to wait: `10s`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawTimeouts {
    /// For a connection.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) connect: Option<Spanned<String>>,
    /// For the first byte.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) first_byte: Option<Spanned<String>>,
    /// Between two chunks.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) gap: Option<Spanned<String>>,
    /// For a whole reply, retries included.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) whole: Option<Spanned<String>>,
}

/// The header with the key.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeyHeader {
    /// Its name.
    pub(super) name: Spanned<String>,
    /// The text before the key.
    #[serde(default)]
    pub(super) prefix: Option<Spanned<String>>,
}

/// A capability that is missing.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawGap {
    /// The reason, shown after SKIPPED or XFAIL.
    pub(super) reason: Spanned<String>,
    /// The provider's models that lack it; by default all.
    #[serde(default)]
    pub(super) models: Vec<String>,
}

/// A protocol rule that replies are known to break.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeviation {
    /// The reason, or where it is reported.
    pub(super) reason: Spanned<String>,
    /// The provider's models that break it; by default all.
    #[serde(default)]
    pub(super) models: Vec<String>,
    /// The endpoints whose replies break it, such as `/v1/embeddings`; by default all.
    #[serde(default)]
    pub(super) endpoints: Vec<String>,
}

/// Cases that are expected to fail.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpectedFailure {
    /// Names of cases, or a name with one parameter value: `inference_store[True]`.
    #[cfg_attr(test, schemars(extend("minItems" = 1)))]
    pub(super) cases: Spanned<Vec<Spanned<String>>>,
    /// The models that they fail with; by default all.
    #[serde(default)]
    pub(super) models: Vec<String>,
    /// The reason.
    pub(super) reason: Spanned<String>,
}

/// How the gateway treats a provider differently.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuirks {
    /// Members of the body, by endpoint, that are not sent to the provider.
    #[serde(default)]
    pub(super) drop: Pairs<Spanned<Vec<Spanned<String>>>>,
    /// Endpoints whose replies get a `usage` when they have none.
    #[serde(default)]
    pub(super) usage_when_missing: Vec<Spanned<String>>,
    /// Whether its model list is a bare array or OpenAI's object.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("enum" = ["bare", "object"])))]
    pub(super) model_list: Option<Spanned<String>>,
    /// Its finish reasons, and their meaning in OpenAI's words.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("additionalProperties" = {"enum": ["stop", "length", "tool_calls", "content_filter", "function_call"]})))]
    pub(super) finish_reasons: Pairs<Spanned<String>>,
}

/// Named choices of models for a run: `--setup NAME`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetups {
    /// What this file adds to: `shipped`, which is the default, the setups that ship with retake (one of the same name is
    /// replaced, the others run only if they are named), or `none`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("enum" = ["shipped", "none"])))]
    pub(super) extends: Option<Spanned<String>>,
    /// Setups by name.
    pub(super) setups: Pairs<RawSetup>,
}

/// A choice of provider, models and environment.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetup {
    /// One line for people.
    #[serde(default)]
    pub(super) description: String,
    /// The provider, one of providers.yaml.
    pub(super) provider: Spanned<String>,
    /// The models, as `provider/model`.
    #[serde(default)]
    pub(super) models: RawModels,
    /// Environment variables, unless they are set already.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})))]
    pub(super) env: Pairs<Spanned<String>>,
}

/// Models as `provider/model`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawModels {
    /// For cases with `model: text`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = "^[^/]+/.")))]
    pub(super) text: Option<Spanned<String>>,
    /// For cases with `model: embedding`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = "^[^/]+/.")))]
    pub(super) embedding: Option<Spanned<String>>,
    /// For cases with `model: vision`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = "^[^/]+/.")))]
    pub(super) vision: Option<Spanned<String>>,
}

/// What models cost, and until when they are served: `retake prices update` writes it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrices {
    /// Models by id, below their provider.
    pub(super) prices: Pairs<Pairs<Spanned<RawListed>>>,
}

/// What a list says of a model.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("dependencies" = {"output": ["input"]})))]
#[serde(deny_unknown_fields)]
pub(super) struct RawListed {
    /// The price of input tokens, in US dollars per million.
    #[serde(default)]
    pub(super) input: Option<f64>,
    /// The price of output tokens; 0 for embeddings.
    #[serde(default)]
    pub(super) output: Option<f64>,
    /// From when on it is no longer served: `2027-01-14`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("pattern" = r"^\d{4}-\d{2}-\d{2}$")))]
    pub(super) retired: Option<Spanned<String>>,
    /// The model that replaces it.
    #[serde(default)]
    pub(super) successor: Option<Spanned<String>>,
}

/// The JSON Schemas of `providers.yaml`, `setups.yaml` and `prices.yaml`.
#[cfg(all(test, feature = "schema"))]
pub(crate) fn schemas() -> [serde_json::Value; 3] {
    use crate::yaml::schema::of;
    [
        of::<RawProviders>("retake providers", false),
        of::<RawSetups>("retake setups", false),
        of::<RawPrices>("retake prices", false),
    ]
}
