//! Members of a stream's pieces, put together where no rule of their own says how.

use serde_json::{Map, Value};

/// Arrays are joined, objects merged member by member; of anything else the last that is not null counts.
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

/// Like [`merge`], where texts are pieces of one text: those of these members, at any depth.
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

/// Adds parts to those so far. A part that goes on with the last one (the same `type`, and the same `index` where there
/// is one) is joined with it, where `texts` names what is text in it.
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

/// A string that says something: servers write "" where they mean nothing.
pub fn words(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Does something to every text of a value.
pub(super) fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| each_text(member, change)),
        _ => {}
    }
}

/// The member of that name as a text that grows.
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
