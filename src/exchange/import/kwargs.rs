//! Turns the arguments of an SDK's call into what the SDK sends.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::super::file::request_body;
use super::super::parts::Text;
use super::super::spacing;

/// Arguments for the SDK itself, which are not sent in the body.
const FOR_THE_SDK: [&str; 4] = ["extra_body", "extra_headers", "extra_query", "timeout"];

/// The characters that Python's `quote_plus` does not escape, except for the space.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

/// A body and a query; the query has no `?`.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) body: Bytes,
    pub(super) query: String,
}

/// What an SDK sends: members of `extra_body` override those of the body, and `extra_query` becomes the query.
pub(super) fn sent(json: &str) -> Sent {
    let plain = || Sent { body: request_body(json), query: String::new() };
    let Ok(arguments) = Text(json).members(json) else { return plain() };
    if !FOR_THE_SDK.iter().any(|name| arguments.has(name)) {
        return plain();
    }
    let for_the_body = arguments.iter().filter(|(name, _)| !FOR_THE_SDK.contains(name));
    let mut members: Vec<(&str, &str)> = for_the_body.collect();
    let more = arguments.get("extra_body").and_then(|more| Text(more).members(more).ok());
    for (name, value) in more.iter().flat_map(|more| more.iter()) {
        match members.iter_mut().find(|(member, _)| *member == name) {
            Some(member) => member.1 = value,
            None => members.push((name, value)),
        }
    }
    let members = members.iter().map(|(name, value)| format!("{}:{}", Value::from(*name), spacing::minify(value)));
    let body = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    let query = arguments.get("extra_query").and_then(|query| serde_json::from_str(query).ok());
    Sent { body: body.into(), query: query.as_ref().map(query_text).unwrap_or_default() }
}

/// A query as OpenAI's SDK writes it: `a=1&b[]=2&c[d]=3`, percent-encoded. Empty values are left out.
fn query_text(query: &Value) -> String {
    let mut pairs = Vec::new();
    if let Value::Object(members) = query {
        members.iter().for_each(|(name, value)| add_pairs(name.clone(), value, &mut pairs));
    }
    pairs.join("&")
}

fn add_pairs(name: String, value: &Value, pairs: &mut Vec<String>) {
    let text = match value {
        Value::Object(members) => {
            return members.iter().for_each(|(key, value)| add_pairs(format!("{name}[{key}]"), value, pairs));
        }
        Value::Array(items) => return items.iter().for_each(|item| add_pairs(format!("{name}[]"), item, pairs)),
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !text.is_empty() {
        pairs.push(format!("{}={}", quoted(&name), quoted(&text)));
    }
}

fn quoted(text: &str) -> String {
    utf8_percent_encode(text, QUOTED).to_string().replace("%20", "+")
}
