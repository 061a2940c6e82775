//! What moved between two recordings of the same requests.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::key::Content;
use super::{Difference, Exchange, differences};
use crate::wire::{ndjson, sse};

/// Members of a request that make the answer: what moves in them is never to be ignored.
const MAKES_THE_ANSWER: [&str; 9] =
    ["contents", "input", "instructions", "messages", "model", "prompt", "system", "tools", "response_format"];

/// What two recordings of the same requests have and have not in common.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moved {
    /// Requests that both have, moved or not.
    pub pairs: usize,
    /// Requests that only one of the two has.
    pub unpaired: Vec<String>,
    /// Fields of requests that moved, in order of endpoint and path.
    pub requests: Vec<Field>,
    /// Fields of replies that moved.
    pub replies: Vec<Field>,
}

/// A field that moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The endpoint without its query.
    pub endpoint: String,
    /// From the top of the body, `[*]` for any element; in a reply that is a stream, from the array of its events.
    pub path: String,
    /// In how many of the pairs.
    pub count: usize,
    /// What it was the first time, in one pair.
    pub old: Option<Value>,
    /// What it was the second time.
    pub new: Option<Value>,
    /// What is to be done about it.
    pub remedy: Remedy,
}

/// What is to be done about a field that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: it is a reply's, which is replayed as it was recorded.
    None,
    /// Nothing: the value came in a reply before, so that replay repeats it.
    FromReply,
    /// Declare that it makes no difference.
    Ignore,
    /// Make it constant in the test or the app: it is part of what is asked.
    Fix,
}

/// Compares two recordings of the same requests.
pub fn moved(first: &[Exchange], second: &[Exchange]) -> Moved {
    let (pairs, unpaired) = pair(first, second);
    let mut moved = Moved { pairs: pairs.len(), unpaired, ..Moved::default() };
    let came = |all: &[Exchange], value: &Option<Value>| {
        let Some(Value::String(text)) = value else { return false };
        text.len() >= 4 && all.iter().any(|exchange| contains(&exchange.reply.body, text.as_bytes()))
    };
    let (mut requests, mut replies) = (BTreeMap::new(), BTreeMap::new());
    for (old, new) in pairs {
        let endpoint = endpoint(old);
        if old.request.endpoint != new.request.endpoint {
            let url = |exchange: &Exchange| Some(Value::from(exchange.request.endpoint.as_str()));
            let difference = Difference { path: "the query".to_owned(), old: url(old), new: url(new) };
            note(&mut requests, endpoint, difference, Remedy::Fix);
        }
        for difference in differences(&body(&old.request.body), &body(&new.request.body)) {
            let from_reply = came(first, &difference.old) && came(second, &difference.new);
            let remedy = if from_reply { Remedy::FromReply } else { remedy(&difference.path) };
            note(&mut requests, endpoint, difference, remedy);
        }
        for difference in differences(&reply(old), &reply(new)) {
            note(&mut replies, endpoint, difference, Remedy::None);
        }
    }
    moved.requests = requests.into_values().collect();
    moved.replies = replies.into_values().collect();
    moved
}

/// Requests that are alike but for few places, each with its counterpart.
fn pair<'a>(first: &'a [Exchange], second: &'a [Exchange]) -> (Vec<(&'a Exchange, &'a Exchange)>, Vec<String>) {
    let mut left: Vec<&Exchange> = second.iter().collect();
    let (mut pairs, mut lonely) = (Vec::new(), Vec::new());
    let same = |a: &Exchange, b: &Exchange| (&a.request.method, endpoint(a)) == (&b.request.method, endpoint(b));
    for old in first {
        match left.iter().position(|new| same(old, new) && new.request.body == old.request.body) {
            Some(at) => pairs.push((old, left.remove(at))),
            None => lonely.push(old),
        }
    }
    let mut unpaired = Vec::new();
    for old in lonely {
        let distance = |new: &Exchange| differences(&body(&old.request.body), &body(&new.request.body)).len();
        let nearest = left.iter().enumerate().filter(|(_, new)| same(old, new)).min_by_key(|(_, new)| distance(new));
        match nearest.map(|(at, _)| at) {
            Some(at) => pairs.push((old, left.remove(at))),
            None => unpaired.push(format!("{} {}, only the first time", old.request.method, old.request.endpoint)),
        }
    }
    let more = left.iter().map(|new| format!("{} {}, only the second time", new.request.method, new.request.endpoint));
    unpaired.extend(more);
    (pairs, unpaired)
}

fn endpoint(exchange: &Exchange) -> &str {
    exchange.request.endpoint.split('?').next().unwrap_or_default()
}

fn remedy(path: &str) -> Remedy {
    let top = path.trim_start_matches("$.").split(['.', '[']).next().unwrap_or_default();
    // A body that is no JSON object has no member that could be ignored.
    if MAKES_THE_ANSWER.contains(&top) || !path.starts_with("$.") { Remedy::Fix } else { Remedy::Ignore }
}

fn note(fields: &mut BTreeMap<(String, String), Field>, endpoint: &str, difference: Difference, remedy: Remedy) {
    let path = any_element(&difference.path);
    let field = fields.entry((endpoint.to_owned(), path.clone())).or_insert_with(|| Field {
        endpoint: endpoint.to_owned(),
        path,
        count: 0,
        old: difference.old,
        new: difference.new,
        remedy,
    });
    field.count += 1;
    // One value that came from no reply is enough to need a remedy.
    if field.remedy == Remedy::FromReply {
        field.remedy = remedy;
    }
}

/// `$.a[3].b` as `$.a[*].b`.
fn any_element(path: &str) -> String {
    // A constant that a test below uses cannot fail.
    Regex::new(r"\[\d+\]").map_or_else(|_| path.to_owned(), |index| index.replace_all(path, "[*]").into_owned())
}

fn body(bytes: &[u8]) -> Value {
    match Content::of(bytes) {
        Content::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        Content::Empty => Value::Null,
        Content::Text(text) => text.into(),
        Content::Binary(bytes) => {
            format!("{} bytes, beginning with {:02x?}", bytes.len(), &bytes[..bytes.len().min(16)]).into()
        }
    }
}

/// A reply's JSON: of a stream, the array of its events.
fn reply(exchange: &Exchange) -> Value {
    let reply = &exchange.reply;
    let kind = reply.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value.as_str());
    let json = |text: &str| -> Value { serde_json::from_str(text).unwrap_or_else(|_| text.into()) };
    if kind.starts_with("text/event-stream") {
        let events = sse::parse(&reply.body).into_iter().filter_map(|segment| match segment.kind {
            sse::Kind::Event(event) => event.data.map(|data| json(&data)),
            sse::Kind::Quiet => None,
        });
        return events.collect();
    }
    if kind.contains("ndjson") {
        return ndjson::parse(&reply.body)
            .iter()
            .filter(|line| !line.is_blank())
            .map(|line| json(&line.text))
            .collect();
    }
    body(&reply.body)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::super::{Auth, End, Origin, Reply, Request};
    use super::*;

    fn exchange(endpoint: &str, request: Value, reply: Value) -> Exchange {
        Exchange {
            request: Request {
                method: Method::POST,
                endpoint: endpoint.to_owned(),
                headers: HeaderMap::new(),
                body: request.to_string().into(),
                auth: Auth::Provider,
                case: None,
            },
            url: String::new(),
            reply: Reply {
                status: 200,
                headers: Vec::new(),
                body: reply.to_string().into(),
                chunks: Vec::new(),
                end: End::Complete,
            },
            recorded_at: None,
            origin: Origin::Real,
        }
    }

    /// Two requests, the second of which sends back an id that came in the first reply.
    fn run(id: &str, trace: u32, date: &str) -> Vec<Exchange> {
        let ask = |date: &str| json!({"role": "user", "content": format!("It is {date}.")});
        let call = json!({"role": "assistant", "tool_calls": [{"id": id}]});
        let first = json!({"messages": [ask(date)], "metadata": {"trace": trace}});
        let second = json!({"messages": [ask("now"), call], "metadata": {"trace": trace + 1}});
        vec![
            exchange("/v1/chat/completions", first, json!({"id": "r1", "choices": [{"id": id}]})),
            exchange("/v1/chat/completions", second, json!({"id": "r1", "choices": [{"text": "a"}]})),
        ]
    }

    #[test]
    fn each_field_that_moved_has_its_remedy() {
        let mut second = run("call_b", 7, "Tuesday");
        second.reverse();
        second.push(exchange("/v1/embeddings", json!({}), json!({})));
        let moved = moved(&run("call_a", 1, "Monday"), &second);
        assert_eq!(
            (moved.pairs, moved.unpaired.as_slice()),
            (2, &["POST /v1/embeddings, only the second time".to_owned()][..])
        );
        let fields: Vec<(&str, usize, Remedy)> = moved
            .requests
            .iter()
            .chain(&moved.replies)
            .map(|field| (field.path.as_str(), field.count, field.remedy))
            .collect();
        assert_eq!(
            fields,
            [
                ("$.messages[*].content", 1, Remedy::Fix),
                ("$.messages[*].tool_calls[*].id", 1, Remedy::FromReply),
                ("$.metadata.trace", 2, Remedy::Ignore),
                ("$.choices[*].id", 1, Remedy::None),
            ]
        );
    }

    #[test]
    fn equal_recordings_have_nothing_that_moved() {
        let moved = moved(&run("a", 1, "Monday"), &run("a", 1, "Monday"));
        assert_eq!(moved, Moved { pairs: 2, ..Moved::default() });
    }
}
