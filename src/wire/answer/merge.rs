//! Merges members of stream pieces that have no rule of their own.

use serde_json::{Map, Value};

/// Joins arrays and merges objects member by member; for other values the last one that is not null wins.
pub(super) fn merge(all: &mut Value, piece: &Value) {
    match (all, piece) {
        (Value::Array(all), Value::Array(piece)) => all.extend(piece.iter().cloned()),
        (Value::Object(all), Value::Object(piece)) => {
            for (key, value) in piece {
                merge(all.entry(key.as_str()).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (all, piece) => *all = piece.clone(),
    }
}

/// Like [`merge`], but members with these names are pieces of one text, at any depth.
pub(super) fn merge_texts(all: &mut Value, piece: &Value, texts: &[&str]) {
    match (all, piece) {
        (Value::Object(all), Value::Object(piece)) => {
            for (key, value) in piece {
                let so_far = all.entry(key.as_str()).or_insert(Value::Null);
                match (so_far, value) {
                    (Value::String(text), Value::String(more)) if texts.contains(&key.as_str()) => text.push_str(more),
                    (so_far, value) => merge_texts(so_far, value, texts),
                }
            }
        }
        (all, piece) => merge(all, piece),
    }
}

/// Adds parts to those that came before. A part that continues the last one (same `type`, and same `index` if it has
/// one) is merged with it; `texts` names the members that are pieces of text.
pub(super) fn push_parts(all: &mut Vec<Value>, parts: &[Value], texts: &[&str]) {
    for part in parts {
        match all.last_mut() {
            Some(last) if goes_on(last, part, texts) => merge_texts(last, part, texts),
            _ => all.push(part.clone()),
        }
    }
}

fn goes_on(last: &Value, part: &Value, texts: &[&str]) -> bool {
    let has_text = |part: &Value| texts.iter().any(|name| part[*name].is_string());
    last["type"] == part["type"] && last["index"] == part["index"] && has_text(last) && has_text(part)
}

/// A string that is not empty: servers write "" where they mean nothing.
pub fn words(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Calls `change` on every text in a value.
pub(super) fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| each_text(member, change)),
        _ => {}
    }
}

/// The member of this name as a text that can grow.
pub(super) fn text_of<'m>(members: &'m mut Map<String, Value>, name: &str) -> Option<&'m mut String> {
    let member = members.entry(name).or_insert(Value::Null);
    if member.is_null() {
        *member = Value::String(String::new());
    }
    match member {
        Value::String(text) => Some(text),
        _ => None,
    }
}
