//! The format of suite files. Reading it checks only the structure.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

mod expect;
mod fault;
mod mask;

pub(super) use expect::{
    RawArguments, RawEmbeddings, RawErrorReply, RawExpect, RawMatcher, RawNeed, RawStream, RawTime, RawToolCall,
    RawToolCalls, RawUsage,
};
pub(super) use fault::{RawFault, RawMalformed, RawStall, RawStatus, RawStop};
pub(super) use mask::RawMask;

use crate::yaml::{Listed, Pairs, Short, Spanned, present};

/// Cases that say what an API must do.
// Used only for its schema: `read_file` reads a file key by key.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its schema is what counts")]
struct RawSuite {
    /// Values with YAML anchors (`&name`), for reuse as `*name` or `<<: *name`.
    #[serde(default)]
    anchors: Value,
    #[serde(flatten)]
    top: RawTop,
    /// The cases.
    #[schemars(extend("minItems" = 1))]
    cases: Spanned<Vec<Spanned<Box<RawTemplate>>>>,
}

/// Definitions at the top of a suite, which its cases share.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RawTop {
    /// Files with matchers, steps and params to use here. Paths are relative to this file: `[shared/common.yaml]`.
    #[cfg_attr(test, serde(default))]
    pub(super) include: Vec<Spanned<String>>,
    /// Environment variables used as `${env.NAME}`, whose values are never stored or shown.
    #[cfg_attr(test, serde(default))]
    pub(super) secrets: Vec<Spanned<String>>,
    /// Texts in requests that change from run to run. They are recorded, but ignored when requests are compared.
    #[cfg_attr(test, serde(default))]
    pub(super) masks: Vec<RawMask>,
    /// Matchers by name, used as `{is: NAME}`.
    #[cfg_attr(test, serde(default))]
    pub(super) matchers: Pairs<RawNeed>,
    /// Steps by name, used as `- use: NAME`.
    #[cfg_attr(test, serde(default))]
    pub(super) steps: Pairs<Spanned<RawStep>>,
    /// Lists of values by name, used as `{use: NAME}`.
    #[cfg_attr(test, serde(default))]
    pub(super) params: Pairs<RawParam>,
}

/// Definitions for all suites that list this file under `include`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawShared {
    /// Values with YAML anchors (`&name`), for reuse in this file as `*name` or `<<: *name`.
    #[serde(default)]
    #[allow(dead_code, reason = "holds YAML anchors only")]
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    anchors: Option<IgnoredAny>,
    /// Environment variables used as `${env.NAME}`, whose values are never stored or shown.
    #[serde(default)]
    pub(super) secrets: Vec<Spanned<String>>,
    /// Texts in requests that change from run to run. They are recorded, but ignored when requests are compared.
    #[serde(default)]
    pub(super) masks: Vec<RawMask>,
    /// Matchers by name, used as `{is: NAME}`.
    #[serde(default)]
    pub(super) matchers: Pairs<RawNeed>,
    /// Steps by name, used as `- use: NAME`.
    #[serde(default)]
    pub(super) steps: Pairs<Spanned<RawStep>>,
    /// Lists of values by name, used as `{use: NAME}`.
    #[serde(default)]
    pub(super) params: Pairs<RawParam>,
}

/// Values of a parameter: a list, or the source of one.
pub(super) type RawParam = Spanned<Listed<RawFound>>;

/// The source of a parameter's values.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["file", "use"]))))]
pub(super) struct RawFound {
    /// A file with one value per line: `.jsonl`, or `.csv` with a header line. The path is relative to this file.
    #[serde(default, deserialize_with = "present")]
    pub(super) file: Option<Spanned<String>>,
    /// A list under `params` at the top of the suite or of an included file.
    #[serde(default, deserialize_with = "present")]
    pub(super) r#use: Option<Spanned<String>>,
}

/// One case for every client, model and parameter value.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["request", "steps"]))))]
#[cfg_attr(test, schemars(extend("dependencies" = {"steps": {"not": {"anyOf": crate::yaml::one_of_keys(&["expect", "capture", "eventually", "faults"])}}})))]
pub(super) struct RawTemplate {
    /// A name that is unique in its file: letters, digits, `_`, `-`, `.` and single `:`.
    #[cfg_attr(test, schemars(extend("pattern" = "^(?!.*::)[^\\s/\\[\\]]+$")))]
    pub(super) name: Spanned<String>,
    /// One line for readers of the suite.
    #[serde(default, deserialize_with = "present")]
    #[expect(dead_code, reason = "it is there for those who read the suite")]
    pub(super) description: Option<String>,
    /// The clients that send the requests. Each uses the paths of the client with the same name in llama-stack's tests.
    /// Without clients, paths are used as they are written.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("items" = {"enum": super::Client::ALL.map(|(_, name)| name)})))]
    pub(super) clients: Vec<Spanned<String>>,
    /// The kind of the setup's model that is used as `${model}`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["text", "embedding", "vision"])))]
    pub(super) model: Option<Spanned<String>>,
    /// Named lists of values. A value that is a mapping needs an `id`; its other members are used as `${name.member}`.
    /// If the name is two names with a comma between them, each value is a list of two.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[^.}, ]+(, ?[^.}, ]+)*$", "not": {"const": "model"}})))]
    pub(super) params: Pairs<RawParam>,
    /// Additional keywords for `-k`, and marks for `-m`.
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    /// Capabilities that the provider must have. If it lacks one, the case is SKIPPED with the provider's reason.
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    /// Conditions for the case to run. Otherwise, it is SKIPPED.
    #[serde(default, deserialize_with = "present")]
    pub(super) r#if: Option<Spanned<RawIf>>,
    /// The reason why the case is always skipped.
    #[serde(default, deserialize_with = "present")]
    pub(super) skip: Option<String>,
    /// The reason why the case is expected to fail.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("type" = ["string", "object"])))]
    pub(super) xfail: Option<Spanned<Short<RawXfail>>>,
    /// The number of tries, for answers that vary.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("minimum" = 2, "maximum" = super::repeat::Repeat::MOST)))]
    pub(super) repeat: Option<Spanned<i64>>,
    /// The share of the tries that must pass; all of them by default.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0, "maximum" = 1)))]
    pub(super) pass_rate: Option<Spanned<f64>>,
    /// The request of a case with one step.
    #[serde(default, deserialize_with = "present")]
    pub(super) request: Option<Spanned<RawRequest>>,
    /// Expectations for the reply.
    #[serde(default, deserialize_with = "present")]
    pub(super) expect: Option<RawExpect>,
    /// Values of the reply for use in later steps as `${name}`: a JSONPath, `text`, `tool_calls` or `header NAME`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("additionalProperties" = {"type": "string", "pattern": "^(\\$|text$|tool_calls$|header )"})))]
    pub(super) capture: Option<Pairs<Spanned<String>>>,
    /// The longest time during which the request is repeated until the expectation holds: `10s`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) eventually: Option<Spanned<String>>,
    /// Faults to inject on the way from the provider.
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
    /// Steps before those of the case, which can use their captures. If one fails, the case is an ERROR.
    #[serde(default)]
    pub(super) setup: Vec<Spanned<RawStep>>,
    /// Steps after those of the case, whatever its outcome, in reverse order. If one fails, that is an ERROR in
    /// addition to the case's outcome.
    #[serde(default)]
    pub(super) teardown: Vec<Spanned<RawStep>>,
    /// Several requests, one after the other.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("minItems" = 1)))]
    pub(super) steps: Option<Spanned<Vec<Spanned<RawStep>>>>,
}

/// Conditions for a case to run.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("minProperties" = 1)))]
pub(super) struct RawIf {
    /// A capability, as under `needs`.
    #[serde(default, deserialize_with = "present")]
    pub(super) capability: Option<Spanned<String>>,
    /// An environment variable that is set, and not empty.
    #[serde(default, deserialize_with = "present")]
    pub(super) env: Option<Spanned<String>>,
}

/// An expected failure.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawXfail {
    /// Why it fails.
    pub(super) reason: String,
    /// Whether passing is a failure.
    #[serde(default)]
    pub(super) strict: bool,
}

/// One request and the expectations for its reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["request", "use"]))))]
#[cfg_attr(test, schemars(extend("dependencies" = {"use": {"not": {"anyOf": crate::yaml::one_of_keys(&["expect", "capture", "eventually", "faults"])}}})))]
pub(super) struct RawStep {
    /// A name for messages.
    #[serde(default, deserialize_with = "present")]
    pub(super) name: Option<String>,
    /// A step under `steps` at the top of the suite or of an included file. No other key but `name` is allowed with it.
    #[serde(default, deserialize_with = "present")]
    pub(super) r#use: Option<Spanned<String>>,
    /// The request.
    #[serde(default, deserialize_with = "present")]
    pub(super) request: Option<Spanned<RawRequest>>,
    /// Expectations for the reply.
    #[serde(default, deserialize_with = "present")]
    pub(super) expect: Option<RawExpect>,
    /// Values of the reply for use in later steps as `${name}`: a JSONPath, `text`, `tool_calls` or `header NAME`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("additionalProperties" = {"type": "string", "pattern": "^(\\$|text$|tool_calls$|header )"})))]
    pub(super) capture: Option<Pairs<Spanned<String>>>,
    /// The longest time during which the request is repeated until the expectation holds: `10s`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) eventually: Option<Spanned<String>>,
    /// Faults to inject on the way from the provider.
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
}

/// A method with its path, headers and body.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["get", "post", "put", "patch", "delete", "head"]))))]
#[cfg_attr(test, schemars(extend("not" = {"required": ["body", "raw"]})))]
pub(super) struct RawRequest {
    /// The API's own path for a GET request: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) get: Option<Spanned<String>>,
    /// The API's own path for a POST request: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) post: Option<Spanned<String>>,
    /// The API's own path for a PUT request: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) put: Option<Spanned<String>>,
    /// The API's own path for a PATCH request: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) patch: Option<Spanned<String>>,
    /// The API's own path for a DELETE request: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) delete: Option<Spanned<String>>,
    /// The API's own path for a HEAD request: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) head: Option<Spanned<String>>,
    /// Headers to send.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"})))]
    pub(super) headers: Pairs<Spanned<String>>,
    /// Whether the provider's API key is sent; `none` leaves it out.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["provider", "none"])))]
    pub(super) auth: Option<Spanned<String>>,
    /// A JSON body, written as YAML.
    #[serde(default, deserialize_with = "present")]
    pub(super) body: Option<Spanned<Value>>,
    /// A body of plain text, instead of `body`.
    #[serde(default, deserialize_with = "present")]
    pub(super) raw: Option<Spanned<String>>,
}

/// The JSON Schema of a suite file.
#[cfg(test)]
pub(crate) fn schema() -> Value {
    crate::yaml::schema::of::<RawSuite>("retake suite", true)
}

/// The JSON Schema of a file that suites include.
#[cfg(all(test, feature = "schema"))]
pub(crate) fn shared_schema() -> Value {
    crate::yaml::schema::of::<RawShared>("what retake suites share", true)
}
