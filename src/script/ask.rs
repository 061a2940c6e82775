//! A request as rules see it, and whether a rule matches it.

use http::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::model::{Filter, Test, What, When};
use crate::exchange::{Auth, Request};
use crate::wire::hex::hex;

/// A parsed request.
pub(super) struct Ask<'a> {
    pub(super) method: &'a Method,
    /// The path without the query.
    pub(super) path: &'a str,
    pub(super) auth: Auth,
    /// The body, if it is a JSON object.
    pub(super) body: Option<Value>,
    /// A hash of method, endpoint and body, from which ids are made.
    hash: [u8; 32],
    /// Whether there was no body at all.
    empty: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        let path = request.endpoint.split('?').next().unwrap_or_default();
        let body = serde_json::from_slice(&request.body).ok().filter(Value::is_object);
        let mut hash = Sha256::new();
        for part in [request.method.as_str().as_bytes(), request.endpoint.as_bytes(), &request.body[..]] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let empty = request.body.is_empty();
        Ask { method: &request.method, path, auth: request.auth, body, hash: hash.finalize().into(), empty }
    }

    /// 16 hex digits that identify this request.
    pub(super) fn hash(&self) -> String {
        hex(&self.hash[..8])
    }

    /// A number that is the same for the same request and `what`.
    pub(super) fn number(&self, what: &str) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.hash);
        number_of(hash.chain_update(what))
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.body.as_ref()?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.member("model")?.as_str()
    }

    pub(super) fn streams(&self) -> bool {
        self.member("stream").and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn messages(&self) -> &[Value] {
        self.member("messages").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The prompt, or all prompts joined.
    pub(super) fn prompt(&self) -> Option<String> {
        match self.member("prompt")? {
            Value::String(text) => Some(text.clone()),
            Value::Array(prompts) => Some(prompts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")),
            _ => None,
        }
    }

    /// The inputs of an embeddings request, unchanged.
    pub(super) fn inputs(&self) -> Vec<&Value> {
        match self.member("input") {
            // A list of numbers is one text, given as tokens.
            Some(Value::Array(list)) if !list.first().is_some_and(Value::is_number) => list.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }
}

fn number_of(hash: Sha256) -> u64 {
    let digest: [u8; 32] = hash.finalize().into();
    u64::from_le_bytes([digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]])
}

/// A number that is the same for the same text.
pub(super) fn number_of_text(text: &str) -> u64 {
    number_of(Sha256::new().chain_update(text))
}

/// The text of a message: its content, or the text parts of its content.
pub(super) fn message_text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    }
}

/// Why a rule does not match, one entry per condition; empty if it matches.
pub(super) fn misses(when: &When, what: &What, ask: &Ask<'_>) -> Vec<String> {
    let mut misses = Vec::new();
    if let Some(method) = &when.method
        && method != ask.method
    {
        misses.push(format!("method is {}, not {method}", ask.method));
    }
    match &when.endpoint {
        Some(endpoint) if endpoint != ask.path => misses.push(format!("endpoint is {}, not {endpoint}", ask.path)),
        None if !serves(what, ask.path) => misses.push(format!("its reply has no shape for {}", ask.path)),
        _ => {}
    }
    if let Some(auth) = when.auth
        && auth != ask.auth
    {
        misses.push(if ask.auth == Auth::None { "no key came along" } else { "a key came along" }.to_owned());
    }
    let malformed = ask.body.is_none() && !ask.empty;
    if when.malformed.is_some_and(|wanted| wanted != malformed) {
        misses.push(format!("the body is {}a JSON object", if malformed { "not " } else { "" }));
    }
    if when.stream.is_some_and(|stream| stream != ask.streams()) {
        misses.push(format!("stream is {}", ask.streams()));
    }
    texts(when, ask, &mut misses);
    body(when, ask, &mut misses);
    misses
}

/// Whether this kind of reply fits the endpoint.
pub(super) fn serves(what: &What, path: &str) -> bool {
    match what {
        What::Choices { choices, .. } => {
            let calls = choices.iter().any(|choice| !choice.tool_calls.is_empty());
            path == CHAT || (path == COMPLETIONS && !calls)
        }
        What::Embeddings { .. } => path == EMBEDDINGS,
        What::Error { .. } | What::Json { .. } | What::Raw { .. } => true,
    }
}

pub(super) const CHAT: &str = "/v1/chat/completions";
pub(super) const COMPLETIONS: &str = "/v1/completions";
pub(super) const EMBEDDINGS: &str = "/v1/embeddings";

fn texts(when: &When, ask: &Ask<'_>, misses: &mut Vec<String>) {
    let mut test = |name: &str, test: &Option<Test>, given: Vec<String>| {
        let Some(test) = test else { return };
        let met = if given.is_empty() { test.holds(None) } else { given.iter().any(|text| test.holds(Some(text))) };
        if !met {
            let is = given.iter().map(|text| short(text)).collect::<Vec<_>>().join(", ");
            let is = if is.is_empty() { "absent".to_owned() } else { is };
            misses.push(format!("{name} is {is}, not {test}"));
        }
    };
    let messages = ask.messages();
    let last = messages.last();
    let role = |message: &Value| message.get("role").and_then(Value::as_str).map(str::to_owned);
    let is_system = |message: &&Value| matches!(role(message).as_deref(), Some("system" | "developer"));
    test("model", &when.model, ask.model().map(str::to_owned).into_iter().collect());
    test("system", &when.system, messages.iter().find(is_system).map(message_text).into_iter().collect());
    test("last_message", &when.last_message, last.map(message_text).into_iter().collect());
    test("last_role", &when.last_role, last.and_then(role).into_iter().collect());
    test("any_message", &when.any_message, messages.iter().map(message_text).collect());
    test("prompt", &when.prompt, ask.prompt().into_iter().collect());
    let inputs = ask.inputs().into_iter();
    test(
        "input",
        &when.input,
        inputs.map(|input| input.as_str().map_or_else(|| input.to_string(), str::to_owned)).collect(),
    );
}

fn body(when: &When, ask: &Ask<'_>, misses: &mut Vec<String>) {
    let given = ask.body.as_ref().unwrap_or(&Value::Null);
    if let Some(wanted) = &when.body
        && let Some(path) = lacks(given, wanted, "body")
    {
        misses.push(format!("{path} is different"));
    }
    if let Some(filter) = &when.filter
        && !filter.holds(given)
    {
        misses.push(format!("the filter {} does not hold", filter.text));
    }
}

/// The first place where `given` lacks something of `wanted`; arrays are compared element by element.
fn lacks(given: &Value, wanted: &Value, path: &str) -> Option<String> {
    match (given, wanted) {
        (Value::Object(given), Value::Object(wanted)) => wanted.iter().find_map(|(name, wanted)| {
            let path = format!("{path}.{name}");
            match given.get(name) {
                Some(given) => lacks(given, wanted, &path),
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(wanted)) if given.len() == wanted.len() => {
            let mut pairs = given.iter().zip(wanted).enumerate();
            pairs.find_map(|(index, (given, wanted))| lacks(given, wanted, &format!("{path}[{index}]")))
        }
        (Value::Number(given), Value::Number(wanted)) if given.as_f64() == wanted.as_f64() => None,
        _ => (given != wanted).then(|| path.to_owned()),
    }
}

impl Filter {
    /// Whether the filter is true for a body.
    pub(super) fn holds(&self, body: &Value) -> bool {
        // `@` of a filter is an element, so the body must be one.
        !self.path.query(&Value::Array(vec![body.clone()])).is_empty()
    }
}

impl Test {
    /// Whether the condition is true for a text.
    pub(super) fn holds(&self, text: Option<&str>) -> bool {
        let not = self.not.as_ref().is_none_or(|not| !not.holds(text));
        let nothing_else =
            self.equals.is_none() && self.contains.is_empty() && self.matches.is_none() && self.one_of.is_none();
        let Some(text) = text else { return not && nothing_else };
        not && self.equals.as_ref().is_none_or(|wanted| wanted == text)
            && self.contains.iter().all(|part| text.contains(part.as_str()))
            && self.matches.as_ref().is_none_or(|regex| regex.is_match(text))
            && self.one_of.as_ref().is_none_or(|list| list.iter().any(|wanted| wanted == text))
    }
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.equals.as_ref().map(|text| short(text)));
        parts.extend(self.contains.iter().map(|text| format!("containing {}", short(text))));
        parts.extend(self.matches.as_ref().map(|regex| format!("matching /{regex}/")));
        let list = |list: &Vec<String>| list.iter().map(|text| short(text)).collect::<Vec<_>>().join(", ");
        parts.extend(self.one_of.as_ref().map(|texts| format!("one of {}", list(texts))));
        parts.extend(self.not.as_ref().map(|not| format!("other than {not}")));
        f.write_str(&parts.join(" and "))
    }
}

/// A text for a message, quoted and shortened.
fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}
