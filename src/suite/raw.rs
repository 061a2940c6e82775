//! What stands in a suite file, before anything is checked but its shape.

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
// Only its shape: `stream` reads a file key by key.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its schema is what counts")]
struct RawSuite {
    /// Anything that YAML anchors (`&name`) are put on, for reuse as `*name` or `<<: *name`.
    #[serde(default)]
    anchors: Value,
    #[serde(flatten)]
    top: RawTop,
    /// The cases.
    #[schemars(extend("minItems" = 1))]
    cases: Spanned<Vec<Spanned<Box<RawTemplate>>>>,
}

/// What stands at the top of a suite beside its cases.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RawTop {
    /// Files with matchers, steps and params to use here, as seen from this one: `[shared/common.yaml]`.
    #[cfg_attr(test, serde(default))]
    pub(super) include: Vec<Spanned<String>>,
    /// Environment variables used as `${env.NAME}`, whose values are never kept nor shown.
    #[cfg_attr(test, serde(default))]
    pub(super) secrets: Vec<Spanned<String>>,
    /// Texts in requests that change from run to run: requests are compared without them and kept with them.
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

/// What suites share: they list this file under `include`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawShared {
    /// Anything that YAML anchors (`&name`) are put on, for reuse in this file as `*name` or `<<: *name`.
    #[serde(default)]
    #[allow(dead_code, reason = "holds YAML anchors only")]
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    anchors: Option<IgnoredAny>,
    /// Environment variables used as `${env.NAME}`, whose values are never kept nor shown.
    #[serde(default)]
    pub(super) secrets: Vec<Spanned<String>>,
    /// Texts in requests that change from run to run: requests are compared without them and kept with them.
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

/// Values of a parameter: a list, or where they are found.
pub(super) type RawParam = Spanned<Listed<RawFound>>;

/// Where the values of a parameter are found.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["file", "use"]))))]
pub(super) struct RawFound {
    /// A file as seen from this one, a value a line: `.jsonl`, or `.csv` with a line of names on top.
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
    /// Unique in its file: letters, digits, `_`, `-`, `.` and single `:`.
    #[cfg_attr(test, schemars(extend("pattern" = "^(?!.*::)[^\\s/\\[\\]]+$")))]
    pub(super) name: Spanned<String>,
    /// One line for people.
    #[serde(default, deserialize_with = "present")]
    #[expect(dead_code, reason = "it is there for those who read the suite")]
    pub(super) description: Option<String>,
    /// How the stack is called: each calls the paths that its namesake in llama-stack's tests calls. Absent: paths are
    /// called as they are written.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("items" = {"enum": super::Client::ALL.map(|(_, name)| name)})))]
    pub(super) clients: Vec<Spanned<String>>,
    /// Which of the setup's models `${model}` is.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["text", "embedding", "vision"])))]
    pub(super) model: Option<Spanned<String>>,
    /// Named lists of values. A mapping needs an `id`; its other members are `${name.member}`. Two names with a comma
    /// between them have lists of two values each.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[^.}, ]+(, ?[^.}, ]+)*$", "not": {"const": "model"}})))]
    pub(super) params: Pairs<RawParam>,
    /// More words that `-k` finds, and marks for `-m`.
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    /// Capabilities: a provider that lacks one gets SKIPPED with its reason.
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    /// What must be there, else this is SKIPPED.
    #[serde(default, deserialize_with = "present")]
    pub(super) r#if: Option<Spanned<RawIf>>,
    /// Why this never runs.
    #[serde(default, deserialize_with = "present")]
    pub(super) skip: Option<String>,
    /// Why this is expected to fail.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("type" = ["string", "object"])))]
    pub(super) xfail: Option<Spanned<Short<RawXfail>>>,
    /// Run it so often, for answers that vary.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("minimum" = 2, "maximum" = super::repeat::Repeat::MOST)))]
    pub(super) repeat: Option<Spanned<i64>>,
    /// The share of those tries that must pass; all of them unless said.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("exclusiveMinimum" = 0, "maximum" = 1)))]
    pub(super) pass_rate: Option<Spanned<f64>>,
    /// What is asked, in a case of one step.
    #[serde(default, deserialize_with = "present")]
    pub(super) request: Option<Spanned<RawRequest>>,
    /// What the reply must be.
    #[serde(default, deserialize_with = "present")]
    pub(super) expect: Option<RawExpect>,
    /// Values of the reply to keep as `${name}`: a JSONPath, `text`, `tool_calls` or `header NAME`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("additionalProperties" = {"type": "string", "pattern": "^(\\$|text$|tool_calls$|header )"})))]
    pub(super) capture: Option<Pairs<Spanned<String>>>,
    /// Ask again until the expectation holds, for at most this long: `10s`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) eventually: Option<Spanned<String>>,
    /// What goes wrong on the way from the provider.
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
    /// Steps before those of the case; what they capture is there for the case. When one fails, the case is an ERROR.
    #[serde(default)]
    pub(super) setup: Vec<Spanned<RawStep>>,
    /// Steps after those of the case, whatever came of it, the last first. When one fails, that is an ERROR beside the
    /// case's outcome.
    #[serde(default)]
    pub(super) teardown: Vec<Spanned<RawStep>>,
    /// Several requests, one after the other.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("minItems" = 1)))]
    pub(super) steps: Option<Spanned<Vec<Spanned<RawStep>>>>,
}

/// What must be there for a case to run.
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

/// One request and what its reply must be.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["request", "use"]))))]
#[cfg_attr(test, schemars(extend("dependencies" = {"use": {"not": {"anyOf": crate::yaml::one_of_keys(&["expect", "capture", "eventually", "faults"])}}})))]
pub(super) struct RawStep {
    /// For messages.
    #[serde(default, deserialize_with = "present")]
    pub(super) name: Option<String>,
    /// A step under `steps` at the top of the suite or of an included file; nothing stands beside it.
    #[serde(default, deserialize_with = "present")]
    pub(super) r#use: Option<Spanned<String>>,
    /// What is asked.
    #[serde(default, deserialize_with = "present")]
    pub(super) request: Option<Spanned<RawRequest>>,
    /// What the reply must be.
    #[serde(default, deserialize_with = "present")]
    pub(super) expect: Option<RawExpect>,
    /// Values of the reply to keep as `${name}`: a JSONPath, `text`, `tool_calls` or `header NAME`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("additionalProperties" = {"type": "string", "pattern": "^(\\$|text$|tool_calls$|header )"})))]
    pub(super) capture: Option<Pairs<Spanned<String>>>,
    /// Ask again until the expectation holds, for at most this long: `10s`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(super) eventually: Option<Spanned<String>>,
    /// What goes wrong on the way from the provider.
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
}

/// A method with its path, and what goes along.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["get", "post", "put", "patch", "delete", "head"]))))]
#[cfg_attr(test, schemars(extend("not" = {"required": ["body", "raw"]})))]
pub(super) struct RawRequest {
    /// The path of a GET request, as the API itself has it: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) get: Option<Spanned<String>>,
    /// The path of a POST request, as the API itself has it: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) post: Option<Spanned<String>>,
    /// The path of a PUT request, as the API itself has it: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) put: Option<Spanned<String>>,
    /// The path of a PATCH request, as the API itself has it: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) patch: Option<Spanned<String>>,
    /// The path of a DELETE request, as the API itself has it: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) delete: Option<Spanned<String>>,
    /// The path of a HEAD request, as the API itself has it: `/v1/models`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub(super) head: Option<Spanned<String>>,
    /// Headers to send.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"})))]
    pub(super) headers: Pairs<Spanned<String>>,
    /// Whether the provider's key is sent: `none` leaves it out.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("enum" = ["provider", "none"])))]
    pub(super) auth: Option<Spanned<String>>,
    /// JSON, written as YAML.
    #[serde(default, deserialize_with = "present")]
    pub(super) body: Option<Spanned<Value>>,
    /// Text that is sent as it stands, instead of `body`.
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
