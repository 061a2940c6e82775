//! What stands in a suite file, before anything is checked but its shape.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::fault::RawFault;
use crate::yaml::{Pairs, Short, Spanned, present};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSuite {
    #[serde(default)]
    #[allow(dead_code, reason = "holds YAML anchors only")]
    anchors: Option<IgnoredAny>,
    pub(super) cases: Spanned<Vec<Spanned<RawTemplate>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTemplate {
    pub(super) name: Spanned<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) clients: Vec<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) model: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) params: Pairs<Vec<Spanned<Value>>>,
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) skip: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) xfail: Option<Spanned<Short<RawXfail>>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) request: Option<Spanned<RawRequest>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) expect: Option<RawExpect>,
    #[serde(default, deserialize_with = "present")]
    pub(super) capture: Option<Pairs<Spanned<String>>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) eventually: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) steps: Option<Spanned<Vec<Spanned<RawStep>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawXfail {
    pub(super) reason: String,
    #[serde(default)]
    pub(super) strict: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    #[serde(default, deserialize_with = "present")]
    pub(super) name: Option<String>,
    pub(super) request: Spanned<RawRequest>,
    #[serde(default, deserialize_with = "present")]
    pub(super) expect: Option<RawExpect>,
    #[serde(default, deserialize_with = "present")]
    pub(super) capture: Option<Pairs<Spanned<String>>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) eventually: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) faults: Vec<Spanned<RawFault>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRequest {
    #[serde(default, deserialize_with = "present")]
    pub(super) get: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) post: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) put: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) patch: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) delete: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) head: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: Pairs<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) auth: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) body: Option<Spanned<Value>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) raw: Option<Spanned<String>>,
}

pub(super) type RawNeed = Spanned<Short<RawMatcher>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpect {
    #[serde(default, deserialize_with = "present")]
    pub(super) status: Option<RawNeed>,
    #[serde(default)]
    pub(super) headers: Pairs<RawNeed>,
    #[serde(default)]
    pub(super) json: Pairs<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) text: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) stream: Option<Spanned<Short<RawStream>>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) tool_calls: Option<Spanned<RawToolCalls>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) embeddings: Option<Spanned<RawEmbeddings>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) error: Option<Spanned<Short<RawErrorReply>>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) time: Option<RawTime>,
    #[serde(default, deserialize_with = "present")]
    pub(super) broken: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTime {
    #[serde(default, deserialize_with = "present")]
    pub(super) first_byte: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) gap: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) whole: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMatcher {
    #[serde(default, deserialize_with = "present")]
    pub(super) equals: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) contains: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) matches: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) length: Option<Box<RawNeed>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) gt: Option<Spanned<Value>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) ge: Option<Spanned<Value>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) lt: Option<Spanned<Value>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) le: Option<Spanned<Value>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) r#type: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) approx: Option<RawApprox>,
    #[serde(default, deserialize_with = "present")]
    pub(super) one_of: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) any: Option<Box<RawNeed>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) all: Option<Box<RawNeed>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not: Option<Box<RawNeed>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) exists: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    pub(super) count: Option<Box<RawNeed>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) schema: Option<Spanned<Value>>,
    #[serde(default)]
    pub(super) fold: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApprox {
    pub(super) value: Value,
    pub(super) within: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStream {
    #[serde(default, deserialize_with = "present")]
    pub(super) chunks: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) finish_reasons: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) usage: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) roles: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) choices: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) done: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawToolCalls {
    #[serde(default, deserialize_with = "present")]
    pub(super) count: Option<RawNeed>,
    #[serde(default)]
    pub(super) calls: Vec<Spanned<RawToolCall>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawToolCall {
    #[serde(default, deserialize_with = "present")]
    pub(super) name: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) arguments: Option<Spanned<RawArguments>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawArguments {
    #[serde(default, deserialize_with = "present")]
    pub(super) schema: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) subset: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) equals: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmbeddings {
    #[serde(default, deserialize_with = "present")]
    pub(super) count: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) dimensions: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) finite: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    pub(super) encoding: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) differ: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    pub(super) differs_from: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) cosine: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) cosine_with: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawErrorReply {
    #[serde(default, deserialize_with = "present")]
    pub(super) message: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) r#type: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) code: Option<RawNeed>,
    #[serde(default, deserialize_with = "present")]
    pub(super) param: Option<RawNeed>,
}
