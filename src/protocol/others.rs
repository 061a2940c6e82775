//! Rules for embeddings, models, responses and Anthropic's messages.

use std::collections::BTreeSet;

use serde_json::Value;

use super::asked::Asked;
use super::judge::{Findings, Reply, cut};
use super::{rule, usage};
use crate::wire::Ending;

/// Checks a list of vectors.
pub(super) fn embeddings(asked: &Asked, reply: &Reply<'_>, findings: &mut Findings) {
    let Some(reply) = reply.items().first() else { return };
    let data: &[Value] = reply["data"].as_array().map_or(&[], Vec::as_slice);
    if let Some(inputs) = asked.inputs.filter(|inputs| *inputs != data.len()) {
        findings.add(&rule::EMBEDDINGS_COUNT, format!("{} for {inputs}", data.len()));
    }
    let indexes: Vec<Option<u64>> = data.iter().map(|item| item["index"].as_u64()).collect();
    let told =
        || indexes.iter().map(|index| index.map_or("none".to_owned(), |index| index.to_string())).collect::<Vec<_>>();
    let distinct: BTreeSet<u64> = indexes.iter().flatten().copied().collect();
    let is_counted = distinct.iter().copied().eq(0..data.len() as u64);
    if !is_counted || distinct.len() != indexes.len() {
        findings.add(&rule::EMBEDDINGS_INDEX, cut(&told().join(", ")));
    } else if !indexes.is_sorted() {
        findings.add(&rule::EMBEDDINGS_ORDER, cut(&told().join(", ")));
    }
    let lengths: BTreeSet<usize> = data.iter().filter_map(|item| length(&item["embedding"])).collect();
    if lengths.len() > 1 {
        let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
        findings.add(&rule::EMBEDDINGS_LENGTH, lengths.join(", "));
    }
    usage::judge(std::slice::from_ref(reply), true, findings);
}

/// The length of a vector: the count of numbers in an array, or of bytes in a base64 text.
fn length(embedding: &Value) -> Option<usize> {
    embedding.as_array().map(Vec::len).or_else(|| embedding.as_str().map(str::len))
}

/// Checks a list of models.
pub(super) fn models(reply: &Reply<'_>, findings: &mut Findings) {
    let Some(list) = reply.items().first() else { return };
    match list["data"].as_array() {
        None => {
            let what = if list.is_array() { "a bare array".to_owned() } else { cut(&list.to_string()) };
            findings.add(&rule::MODELS_LIST, what);
        }
        Some(data) => {
            if let Some(model) = data.iter().find(|model| !model["id"].is_string()) {
                findings.add(&rule::MODELS_LIST, format!("a model without an id: {}", cut(&model.to_string())));
            }
        }
    }
}

/// Checks that the last event of a stream is one that ends it.
pub(super) fn events_to_the_end(reply: &Reply<'_>, findings: &mut Findings) {
    if reply.is_stream() && matches!(reply.reading.ending(), Ending::Open | Ending::Unknown | Ending::Empty) {
        let last = reply.items().last().and_then(|event| event["type"].as_str()).unwrap_or("no event with a `type`");
        findings.add(&rule::STREAM_END, format!("the last one is {last}"));
    }
}
