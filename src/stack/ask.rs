//! Checks the caller's request, and makes the body that the provider gets.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json_edit::{Members, quote};
use super::metadata::{self, Metadata};
use super::refusal::Refusal;
use crate::provider::Quirks;

/// The three endpoints whose requests go to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    Completions,
    Embeddings,
}

impl Endpoint {
    /// The API's own path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Endpoint::Chat => "/v1/chat/completions",
            Endpoint::Completions => "/v1/completions",
            Endpoint::Embeddings => "/v1/embeddings",
        }
    }
}

/// A body that is a JSON object with a model.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    members: Members<'a>,
    /// The model id as the caller wrote it.
    pub(super) model: String,
}

impl<'a> Ask<'a> {
    /// Parses a body.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Refusal> {
        let members = object(body)?;
        let Some(value) = members.get("model") else {
            return Err(Refusal::invalid("the body has no `model`").param("model").code("missing_required_parameter"));
        };
        let model: String = serde_json::from_str(value.get()).map_err(|_| {
            Refusal::invalid(format!("`model` must be a string, not {}", kind_of(value))).param("model")
        })?;
        Ok(Ask { members, model })
    }

    /// Refuses requests that no provider could answer.
    pub(super) fn check(&self, endpoint: Endpoint) -> Result<(), Refusal> {
        let missing = |param: &'static str| {
            Refusal::invalid(format!("the body has no `{param}`")).param(param).code("missing_required_parameter")
        };
        match endpoint {
            Endpoint::Chat => {
                let value = self.members.get("messages").ok_or_else(|| missing("messages"))?;
                match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
                    Err(_) => {
                        let message = format!("`messages` must be an array, not {}", kind_of(value));
                        Err(Refusal::invalid(message).param("messages"))
                    }
                    Ok(messages) if messages.is_empty() => {
                        Err(Refusal::invalid("`messages` is empty; at least one message is needed").param("messages"))
                    }
                    Ok(_) => Ok(()),
                }
            }
            Endpoint::Completions if !self.members.has("prompt") => Err(missing("prompt")),
            Endpoint::Completions => Ok(()),
            Endpoint::Embeddings if !self.members.has("input") => Err(missing("input")),
            Endpoint::Embeddings => match self.members.read::<Input>("input") {
                Some(input) if input.is_empty() => {
                    Err(Refusal::invalid("`input` is empty; a text, or at least one in a list, is needed")
                        .param("input"))
                }
                _ => Ok(()),
            },
        }
    }

    /// The body for the provider: with the provider's own model id, and without the members that it refuses.
    pub(super) fn for_provider(&self, endpoint: Endpoint, model: &str, quirks: &Quirks) -> Result<String, Refusal> {
        let dropped: Vec<&str> = quirks
            .drop
            .iter()
            .filter(|rule| rule.endpoint == endpoint.path())
            .flat_map(|rule| rule.members.iter().map(String::as_str))
            .collect();
        // Once the member is dropped, nobody else would report a wrong value.
        if endpoint == Endpoint::Embeddings
            && dropped.contains(&"encoding_format")
            && self.members.has("encoding_format")
            && !matches!(self.members.read::<String>("encoding_format").as_deref(), Some("float" | "base64"))
        {
            return Err(Refusal::invalid("`encoding_format` must be \"float\" or \"base64\"").param("encoding_format"));
        }
        Ok(self.members.rebuild(|name| !dropped.contains(&name), |name| (name == "model").then(|| quote(model))))
    }

    /// Whether the caller asks for a stream.
    pub(super) fn streams(&self) -> bool {
        self.members.read("stream").unwrap_or(false)
    }

    /// Whether the caller asks for embeddings as base64.
    pub(super) fn wants_base64(&self) -> bool {
        self.members.read::<String>("encoding_format").as_deref() == Some("base64")
    }

    /// Whether to store the chat completion: yes, unless the caller says no, as in llama-stack.
    pub(super) fn stores(&self) -> bool {
        self.members.read("store").unwrap_or(true)
    }

    /// The metadata to store with the chat completion.
    pub(super) fn metadata(&self) -> Result<Metadata, Refusal> {
        self.members.get("metadata").map_or_else(|| Ok(Metadata::new()), metadata::read)
    }

    /// The messages as the caller wrote them.
    pub(super) fn messages(&self) -> String {
        self.members.get("messages").map_or_else(|| "[]".to_owned(), |value| value.get().to_owned())
    }
}

/// Parses a body that must be a JSON object.
pub(super) fn object(body: &[u8]) -> Result<Members<'_>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Refusal::invalid(format!("the body is not UTF-8: byte {} is not part of a character", error.valid_up_to()))
    })?;
    if text.trim().is_empty() {
        return Err(Refusal::invalid("the body is empty; it must be a JSON object"));
    }
    // Two steps, to tell "is not JSON" from "is not an object".
    let whole: &RawValue =
        serde_json::from_str(text).map_err(|error| Refusal::invalid(format!("the body is not JSON: {error}")))?;
    if !whole.get().starts_with('{') {
        return Err(Refusal::invalid(format!("the body must be a JSON object, not {}", kind_of(whole))));
    }
    Members::parse(text).map_err(|error| Refusal::invalid(format!("the body is not JSON: {error}")))
}

/// The parts of an embeddings input that show whether it is empty.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    List(Vec<serde::de::IgnoredAny>),
}

impl Input {
    fn is_empty(&self) -> bool {
        match self {
            Input::Text(text) => text.is_empty(),
            Input::List(list) => list.is_empty(),
        }
    }
}

fn kind_of(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Dropped;

    fn refused(endpoint: Endpoint, body: &[u8]) -> String {
        match Ask::parse(body).and_then(|ask| ask.check(endpoint)) {
            Ok(()) => "fine".into(),
            Err(refusal) => format!("{} [{}]", refusal.message, refusal.param.unwrap_or("-")),
        }
    }

    #[test]
    fn bad_bodies_are_told_apart() {
        let all = [
            refused(Endpoint::Chat, b""),
            refused(Endpoint::Chat, b"\xff"),
            refused(Endpoint::Chat, b"{\"model\": \"m\",\n \"messages\": [}"),
            refused(Endpoint::Chat, b"[1]"),
            refused(Endpoint::Chat, b"{}"),
            refused(Endpoint::Chat, br#"{"model": 7}"#),
            refused(Endpoint::Chat, br#"{"model": "m"}"#),
            refused(Endpoint::Chat, br#"{"model": "m", "messages": []}"#),
            refused(Endpoint::Chat, br#"{"model": "m", "messages": "hi"}"#),
            refused(Endpoint::Completions, br#"{"model": "m", "prompt": null}"#),
            refused(Endpoint::Embeddings, br#"{"model": "m"}"#),
            refused(Endpoint::Embeddings, br#"{"model": "m", "input": []}"#),
            refused(Endpoint::Embeddings, br#"{"model": "m", "input": ""}"#),
            refused(Endpoint::Embeddings, br#"{"model": "m", "input": [[1, 2]]}"#),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        the body is empty; it must be a JSON object [-]
        the body is not UTF-8: byte 0 is not part of a character [-]
        the body is not JSON: expected value at line 2 column 15 [-]
        the body must be a JSON object, not an array [-]
        the body has no `model` [model]
        `model` must be a string, not a number [model]
        the body has no `messages` [messages]
        `messages` is empty; at least one message is needed [messages]
        `messages` must be an array, not a string [messages]
        the body has no `prompt` [prompt]
        the body has no `input` [input]
        `input` is empty; a text, or at least one in a list, is needed [input]
        `input` is empty; a text, or at least one in a list, is needed [input]
        fine
        ");
    }

    #[test]
    fn the_provider_gets_the_callers_members_without_the_dropped_ones() {
        let quirks = Quirks {
            drop: vec![Dropped {
                endpoint: "/v1/embeddings".into(),
                members: vec!["user".into(), "dimensions".into(), "encoding_format".into()],
            }],
            ..Quirks::default()
        };
        let body = br#"{"user":"u","model":"together/a/b","input":["x"],"seed":18168036348581554000,"t":1E5,"encoding_format":"base64"}"#;
        let ask = Ask::parse(body).unwrap();
        assert!(ask.wants_base64());
        let sent = ask.for_provider(Endpoint::Embeddings, "a/b", &quirks).unwrap();
        assert_eq!(sent, r#"{"model":"a/b","input":["x"],"seed":18168036348581554000,"t":1E5}"#);
        let sent = ask.for_provider(Endpoint::Chat, "a/b", &quirks).unwrap();
        assert!(sent.contains(r#""user":"u""#), "{sent}");
    }
}
