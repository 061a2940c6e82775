//! What changed between two recordings of the same requests.

use std::collections::BTreeMap;

use http::Method;
use regex::Regex;
use serde_json::Value;

use super::difference::{Difference, differences};
use super::format::content_type;
use super::key::Content;
use super::key::key;
use super::model::Exchange;
use super::rules::endpoint_of;
use super::rules::{Rules, shown_endpoint};
use super::volatile;
use crate::wire::{BodyKind, lenient, ndjson, sse};

/// Members of a request that determine the answer: changes in them must never be ignored.
const MAKES_THE_ANSWER: [&str; 9] =
    ["contents", "input", "instructions", "messages", "model", "prompt", "system", "tools", "response_format"];

/// How two recordings of the same requests differ.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Requests that both have, changed or not.
    pub pairs: usize,
    /// Requests that only one of the two recordings has.
    pub unpaired: Vec<String>,
    /// Fields of requests that changed, in order of endpoint and path.
    pub requests: Vec<Field>,
    /// Fields of replies that changed.
    pub replies: Vec<Field>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The endpoint without its query.
    pub endpoint: String,
    /// From the top of the body, `[*]` for any element; in a reply that is a stream, from the array of its events.
    pub path: String,
    /// In how many pairs it changed.
    pub count: usize,
    /// The value in the first recording, from one pair.
    pub old: Option<Value>,
    /// The value in the second recording.
    pub new: Option<Value>,
    /// What the user should do about it.
    pub remedy: Remedy,
    /// Patterns of the masks to declare.
    pub masks: Vec<&'static str>,
}

/// What the user should do about a field that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: the field is in a reply, which is replayed as it was recorded.
    None,
    /// Nothing: the value came in an earlier reply, so replay repeats it.
    FromReply,
    /// Mask the part that changed: a date, a time, an id, a folder, a system.
    Mask,
    /// Declare that the field makes no difference.
    Ignore,
    /// Make it constant in the test or the app: it is part of the question.
    Fix,
}

/// Compares two recordings of the same requests by what counts under these rules.
pub fn changes(first: &[Exchange], second: &[Exchange], rules: &Rules) -> Changes {
    let old: Vec<Compared<'_>> = first.iter().map(|exchange| Compared::of(exchange, rules)).collect();
    let new: Vec<Compared<'_>> = second.iter().map(|exchange| Compared::of(exchange, rules)).collect();
    let (pairs, unpaired) = pair(&old, &new);
    let mut changed = Changes { pairs: pairs.len(), unpaired, ..Changes::default() };
    let came = |all: &[Exchange], value: &Option<Value>| {
        let Some(Value::String(text)) = value else { return false };
        text.len() >= 4 && all.iter().any(|exchange| contains(&exchange.reply.body, text.as_bytes()))
    };
    let (mut requests, mut replies) = (BTreeMap::new(), BTreeMap::new());
    for (old, new) in pairs {
        let (_, endpoint) = old.kind();
        if old.exchange.request.endpoint != new.exchange.request.endpoint {
            let url = |asked: &Compared<'_>| Some(Value::from(shown_endpoint(&asked.exchange.request.endpoint)));
            let difference = Difference { path: "the query".to_owned(), old: url(old), new: url(new) };
            note(&mut requests, endpoint, difference, Advice::of(Remedy::Fix));
        }
        for difference in old.differences(new) {
            let from_reply = came(first, &difference.old) && came(second, &difference.new);
            let is_form = old.compared.get("form").is_some();
            let advice = if from_reply { Advice::of(Remedy::FromReply) } else { Advice::about(&difference, is_form) };
            note(&mut requests, endpoint, difference, advice);
        }
        for difference in differences(&reply(old.exchange), &reply(new.exchange)) {
            note(&mut replies, endpoint, difference, Advice::of(Remedy::None));
        }
    }
    changed.requests = requests.into_values().collect();
    changed.replies = replies.into_values().collect();
    changed
}

/// An exchange with the part of its request that is compared.
struct Compared<'a> {
    exchange: &'a Exchange,
    compared: Value,
}

impl<'a> Compared<'a> {
    fn of(exchange: &'a Exchange, rules: &Rules) -> Self {
        // All of them go to one provider, so its base URL makes no difference.
        let canonical = key(&exchange.request, "", rules).canonical;
        Compared { exchange, compared: serde_json::from_str(&canonical).unwrap_or_default() }
    }

    /// Method and endpoint without its query.
    fn kind(&self) -> (&'a Method, &'a str) {
        (&self.exchange.request.method, endpoint_of(&self.exchange.request.endpoint))
    }

    fn body(&self) -> &Value {
        &self.compared["body"]
    }

    fn differences(&self, other: &Compared<'_>) -> Vec<Difference> {
        differences(self.body(), other.body())
    }

    fn named(&self, when: &str) -> String {
        let request = &self.exchange.request;
        format!("{} {}, only the {when} time", request.method, shown_endpoint(&request.endpoint))
    }
}

/// Two similar requests.
type Pair<'p, 'a> = (&'p Compared<'a>, &'p Compared<'a>);

/// Pairs of requests whose bodies differ in few places; and the requests without a counterpart.
fn pair<'p, 'a>(first: &'p [Compared<'a>], second: &'p [Compared<'a>]) -> (Vec<Pair<'p, 'a>>, Vec<String>) {
    let mut left: Vec<&Compared<'a>> = second.iter().collect();
    let (mut pairs, mut lonely) = (Vec::new(), Vec::new());
    for old in first {
        match left.iter().position(|new| old.kind() == new.kind() && old.body() == new.body()) {
            Some(at) => pairs.push((old, left.remove(at))),
            None => lonely.push(old),
        }
    }
    let mut unpaired = Vec::new();
    for old in lonely {
        let alike = left.iter().enumerate().filter(|(_, new)| old.kind() == new.kind());
        match alike.min_by_key(|(_, new)| old.differences(new).len()).map(|(at, _)| at) {
            Some(at) => pairs.push((old, left.remove(at))),
            None => unpaired.push(old.named("first")),
        }
    }
    unpaired.extend(left.into_iter().map(|new| new.named("second")));
    (pairs, unpaired)
}

/// What the user should do about a difference.
struct Advice {
    remedy: Remedy,
    masks: Vec<&'static str>,
}

impl Advice {
    fn of(remedy: Remedy) -> Self {
        Advice { remedy, masks: Vec::new() }
    }

    fn about(difference: &Difference, is_form: bool) -> Self {
        let path = &difference.path;
        let top = path.trim_start_matches("$.").split(['.', '[']).next().unwrap_or_default();
        let is_asked = match is_form {
            true => !path.ends_with(".filename"),
            // A body that is not a JSON object has no member that could be ignored.
            false => MAKES_THE_ANSWER.contains(&top) || !path.starts_with("$.") || top == "__base64__",
        };
        if !is_asked {
            return Advice::of(Remedy::Ignore);
        }
        let patterns = match (&difference.old, &difference.new) {
            (Some(Value::String(old)), Some(Value::String(new))) => volatile::patterns(old, new),
            _ => None,
        };
        patterns.map_or(Advice::of(Remedy::Fix), |masks| Advice { remedy: Remedy::Mask, masks })
    }
}

fn note(fields: &mut BTreeMap<(String, String), Field>, endpoint: &str, difference: Difference, advice: Advice) {
    let path = any_element(&difference.path);
    let field = fields.entry((endpoint.to_owned(), path.clone())).or_insert_with(|| Field {
        endpoint: endpoint.to_owned(),
        path,
        count: 0,
        old: difference.old,
        new: difference.new,
        remedy: advice.remedy,
        masks: Vec::new(),
    });
    field.count += 1;
    match (field.remedy, advice.remedy) {
        // One value that came from no reply is enough to need a remedy; one that no mask covers needs a fix.
        (Remedy::FromReply, remedy) | (Remedy::Mask, remedy @ Remedy::Fix) => field.remedy = remedy,
        _ => {}
    }
    let new = advice.masks.into_iter().filter(|pattern| !field.masks.contains(pattern)).collect::<Vec<_>>();
    field.masks.extend(new);
    if field.remedy != Remedy::Mask {
        field.masks.clear();
    }
}

/// Turns `$.a[3].b` into `$.a[*].b`.
fn any_element(path: &str) -> String {
    // The pattern is constant and a test below uses it, so it compiles.
    Regex::new(r"\[\d+\]").map_or_else(|_| path.to_owned(), |index| index.replace_all(path, "[*]").into_owned())
}

/// The body of a reply as a value.
fn body(bytes: &[u8]) -> Value {
    match Content::of(bytes) {
        Content::Json { text, .. } => serde_json::from_str(text).unwrap_or_default(),
        Content::Empty => Value::Null,
        Content::Text(text) => text.into(),
        Content::Binary(bytes) => {
            format!("{} bytes, beginning with {:02x?}", bytes.len(), &bytes[..bytes.len().min(16)]).into()
        }
    }
}

/// The JSON of a reply; for a stream, the array of its events.
fn reply(exchange: &Exchange) -> Value {
    let reply = &exchange.reply;
    let json = |text: &str| lenient::read(text).map_or_else(|_| text.into(), |read| read.value);
    match BodyKind::of(content_type(&reply.headers), &reply.body) {
        BodyKind::Whole => body(&reply.body),
        BodyKind::Events => {
            let data = |segment: sse::Segment| match segment.kind {
                sse::Kind::Event(event) => event.data,
                sse::Kind::Quiet => None,
            };
            sse::parse(&reply.body).into_iter().filter_map(data).map(|data| json(&data)).collect()
        }
        BodyKind::Lines => {
            let lines = ndjson::parse(&reply.body);
            lines.iter().filter(|line| !line.is_blank()).map(|line| json(&line.text)).collect()
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
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
                large: None,
                chunks: Vec::new(),
                end: End::Complete,
            },
            recorded_at: None,
            origin: Origin::Real,
        }
    }

    /// Two requests; the second sends back an id that came in the first reply.
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
        let changed = changes(&run("call_a", 1, "now and then"), &second, &Rules::default());
        assert_eq!(
            (changed.pairs, changed.unpaired.as_slice()),
            (2, &["POST /v1/embeddings, only the second time".to_owned()][..])
        );
        let fields: Vec<(&str, usize, Remedy)> = changed
            .requests
            .iter()
            .chain(&changed.replies)
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
        let changed = changes(&run("a", 1, "Monday"), &run("a", 1, "Monday"), &Rules::default());
        assert_eq!(changed, Changes { pairs: 2, ..Changes::default() });
    }

    fn fields(first: &str, second: &str, rules: &Rules) -> Vec<(String, Remedy, usize)> {
        let all = |date: &str| run("a", 1, date);
        let changed = changes(&all(first), &all(second), rules);
        changed.requests.into_iter().map(|field| (field.path, field.remedy, field.masks.len())).collect()
    }

    #[test]
    fn a_prompt_that_moved_in_dates_and_folders_alone_is_to_be_masked() {
        let place = "$.messages[*].content".to_owned();
        let (first, second) = ("2026-01-02 in /srv/ann/b", "2026-01-03 in /data/c");
        assert_eq!(fields(first, second, &Rules::default()), [(place.clone(), Remedy::Mask, 2)]);
        assert_eq!(fields(first, "2026-01-03 in a tree", &Rules::default()), [(place.clone(), Remedy::Fix, 0)]);
        let mask = super::super::Mask {
            endpoint: None,
            places: vec![super::super::BodyPath::parse(&place).unwrap()],
            pattern: super::super::mask_pattern(r"\d{4}-\d{2}-\d{2} in \S+[^.]").unwrap(),
            file: String::new(),
            line: 1,
        };
        let rules = Rules { masks: vec![mask], ..Rules::default() };
        assert_eq!(fields(first, second, &rules), [], "it is masked already");
    }

    #[test]
    fn of_a_form_only_a_filename_can_be_ignored() {
        let form = |filename: &str, content: &str| {
            let mut exchange = exchange("/v1/files", json!({}), json!({}));
            exchange.request.headers.insert("content-type", "multipart/form-data; boundary=B".parse().unwrap());
            exchange.request.body = format!(
                "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\r\n{content}\r\n--B--"
            )
            .into();
            vec![exchange]
        };
        let changed = changes(&form("tmp1", "a"), &form("tmp2", "b"), &Rules::default());
        let fields: Vec<_> = changed.requests.iter().map(|field| (field.path.as_str(), field.remedy)).collect();
        assert_eq!(fields, [("$.file.content", Remedy::Fix), ("$.file.filename", Remedy::Ignore)]);
    }
}
