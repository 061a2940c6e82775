//! What stands in `providers.yaml` and `setups.yaml`, before anything is checked but its shape.

use serde::Deserialize;

use crate::yaml::{OneOrMore, Pairs, Short, Spanned};

/// Who answers, and what each cannot do.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawProviders {
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
    /// What it is.
    pub(super) description: String,
    /// Whose it is: the provider's unless said.
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
    /// Its kind: `remote::openai`.
    pub(super) r#type: Spanned<String>,
    /// Its address with the version part: `https://api.openai.com/v1`.
    #[cfg_attr(test, schemars(extend("pattern" = "^https?://")))]
    pub(super) base_url: Spanned<String>,
    /// The environment variable that holds its key.
    #[serde(default)]
    pub(super) key: Option<Spanned<String>>,
    /// Where the key goes; `Authorization: Bearer …` unless said.
    #[serde(default)]
    pub(super) key_header: Option<Spanned<RawKeyHeader>>,
    /// Headers to send along.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"})))]
    pub(super) headers: Pairs<Spanned<String>>,
    /// Variables that SDKs read for the base URL, each with the path behind the server's address.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})))]
    pub(super) sdk_env: Pairs<Spanned<String>>,
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
    /// Cases that are expected to fail.
    #[serde(default)]
    pub(super) xfail: Vec<RawExpectedFailure>,
    /// Fields of the body, by endpoint, that it ignores: they are no part of the match. A name, or a JSONPath.
    #[serde(default)]
    pub(super) ignores: Pairs<Spanned<Vec<Spanned<String>>>>,
    /// Texts in requests, by endpoint, that change from run to run: requests are compared without them and kept with
    /// them.
    #[serde(default)]
    pub(super) masks: Pairs<Spanned<Vec<RawMask>>>,
    /// Request headers that are part of the match.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(regex(pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"))))]
    pub(super) match_headers: Vec<Spanned<String>>,
    /// What the gateway does differently for it.
    #[serde(default)]
    pub(super) quirks: RawQuirks,
    /// How many requests it takes.
    #[serde(default)]
    pub(super) limits: RawLimits,
    /// When it is asked again.
    #[serde(default)]
    pub(super) retries: RawRetries,
    /// How long to wait.
    #[serde(default)]
    pub(super) timeouts: RawTimeouts,
    /// What models cost, by id, in which `*` stands for anything; the first that fits counts.
    #[serde(default)]
    pub(super) prices: Pairs<Spanned<RawPrice>>,
    /// How long the vectors of embedding models are, by id as in `prices`, for providers whose lists of models do not say.
    #[serde(default)]
    pub(super) embedding_dimensions: Pairs<Spanned<u32>>,
}

/// Text in requests that changes from run to run, such as a date.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawMask {
    /// Where in the body it is looked for, in the texts there and below: a JSONPath, or a list of them.
    #[cfg_attr(test, schemars(extend("pattern" = "^\\$")))]
    pub(super) place: Spanned<OneOrMore>,
    /// What it looks like: a regular expression, or a list of them.
    pub(super) pattern: Spanned<OneOrMore>,
}

/// US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    /// Of what is asked.
    pub(super) input: f64,
    /// Of what is answered; nothing for embeddings.
    #[serde(default)]
    pub(super) output: f64,
}

/// How many requests a provider takes.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    /// Under way at once.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) at_once: Option<Spanned<u32>>,
    /// In any minute.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) per_minute: Option<Spanned<u32>>,
}

/// When a provider is asked again.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetries {
    /// So often after 429, 5xx or a failed connection.
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

/// The header that carries the key.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeyHeader {
    /// Its name.
    pub(super) name: Spanned<String>,
    /// What stands before the key.
    #[serde(default)]
    pub(super) prefix: Option<Spanned<String>>,
}

/// A capability that is missing.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawGap {
    /// Why, as it stands after SKIPPED or XFAIL.
    pub(super) reason: Spanned<String>,
    /// The provider's models that it is missing from; all unless said.
    #[serde(default)]
    pub(super) models: Vec<String>,
}

/// A rule of the protocol that replies are known to break.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeviation {
    /// Why, or where it is reported.
    pub(super) reason: Spanned<String>,
    /// The provider's models that break it; all unless said.
    #[serde(default)]
    pub(super) models: Vec<String>,
    /// The endpoints whose replies break it, such as `/v1/embeddings`; all unless said.
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
    /// The models that they fail with; all unless said.
    #[serde(default)]
    pub(super) models: Vec<String>,
    /// Why.
    pub(super) reason: Spanned<String>,
}

/// What the gateway does differently for a provider.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuirks {
    /// Members of the body, by endpoint, that are not passed on.
    #[serde(default)]
    pub(super) drop: Pairs<Spanned<Vec<Spanned<String>>>>,
    /// Endpoints whose replies get a `usage` when they have none.
    #[serde(default)]
    pub(super) usage_when_missing: Vec<Spanned<String>>,
    /// Whether its model list is a bare array or OpenAI's object.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("enum" = ["bare", "object"])))]
    pub(super) model_list: Option<Spanned<String>>,
    /// Its finish reasons, and what they are in OpenAI's words.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("additionalProperties" = {"enum": ["stop", "length", "tool_calls", "content_filter", "function_call"]})))]
    pub(super) finish_reasons: Pairs<Spanned<String>>,
}

/// Named choices of models for a run: `--setup NAME`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetups {
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
    /// Variables, where the environment does not set them.
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

/// The JSON Schemas of `providers.yaml` and `setups.yaml`.
#[cfg(test)]
pub(crate) fn schemas() -> [serde_json::Value; 2] {
    use crate::yaml::schema::of;
    [of::<RawProviders>("retake providers", false), of::<RawSetups>("retake setups", false)]
}
