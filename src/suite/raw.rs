//! What stands in a suite file, before anything is checked but its shape.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::yaml::Spanned;

/// A mapping in file order, with the places of its keys.
#[derive(Debug)]
pub(super) struct Pairs<V>(pub(super) Vec<(Spanned<String>, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Pairs(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
            type Value = Pairs<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

/// A mapping with known keys, or a plain value that is short for one.
#[derive(Debug)]
pub(super) enum Short<T> {
    Plain(Value),
    Full(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShortVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ShortVisitor<T> {
            type Value = Short<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a mapping")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Short::Plain(value.into()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Short::Plain(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Short::Plain(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Short::Plain(value.into()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Short::Plain(value.into()))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Short::Plain(Value::Null))
            }
            fn visit_none<E>(self) -> Result<Self::Value, E> {
                Ok(Short::Plain(Value::Null))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Short::Plain(Value::Array(items)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Short::Full)
            }
        }
        deserializer.deserialize_any(ShortVisitor(PhantomData))
    }
}

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

/// What is written is there, even when it is `null`: an `Option` alone would take that for absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
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
