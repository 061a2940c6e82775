//! The parts of a request that decide what its reply must be.

use serde::Deserialize;
use serde_json::Value;

use super::model::Aliases;

/// Endpoints with rules of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `GET /v1/models`.
    Models,
    /// `POST /v1/responses`.
    Responses,
    /// Anthropic's `POST /v1/messages`.
    Messages,
}

/// The parts of a request that decide what its reply must be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    /// The path without its query.
    pub(super) path: String,
    pub(super) endpoint: Option<Endpoint>,
    /// `stream` of the body.
    pub(super) is_stream: bool,
    /// `stream_options.include_usage` of the body.
    pub(super) wants_usage: bool,
    /// `encoding_format: base64` of the body.
    pub(super) wants_base64: bool,
    pub(super) model: Option<String>,
    /// The number of inputs to embed; `None` if it is not known.
    pub(super) inputs: Option<usize>,
    /// Other names of the provider's models.
    pub(super) aliases: Aliases,
}

impl Asked {
    /// Reads a request. Its path may have a prefix before the API's own path.
    pub fn new(method: &str, path: &str, body: &[u8]) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let endpoint = Endpoint::of(method, path);
        let body = endpoint.map(|_| Body::read(body)).unwrap_or_default();
        Asked {
            path: path.to_owned(),
            endpoint,
            is_stream: body.stream == true,
            wants_usage: body.stream_options["include_usage"] == true,
            wants_base64: body.encoding_format == "base64",
            model: body.model.as_str().map(str::to_owned),
            inputs: inputs(&body.input),
            aliases: Aliases::default(),
        }
    }
}

impl Asked {
    /// The same request to a provider whose models have these other names.
    pub fn known_as(self, aliases: &Aliases) -> Self {
        Asked { aliases: Aliases::clone(aliases), ..self }
    }

    /// The requested model.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Other names of the provider's models.
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Whether its endpoint has rules of its own.
    pub fn is_known(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Whether its reply has choices.
    pub fn is_completion(&self) -> bool {
        matches!(self.endpoint, Some(Endpoint::Chat | Endpoint::Completions))
    }
}

/// The members of a request's body that are needed. The others, which may be long, are skipped.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    stream: Value,
    stream_options: Value,
    encoding_format: Value,
    model: Value,
    input: Value,
}

impl Body {
    fn read(body: &[u8]) -> Self {
        let read = serde_json::from_slice(body);
        // The struct cannot have a member twice. In a `Value`, the last one counts, as in other JSON parsers.
        read.or_else(|_| serde_json::from_slice::<Value>(body).and_then(Body::deserialize)).unwrap_or_default()
    }
}

impl Endpoint {
    fn of(method: &str, path: &str) -> Option<Self> {
        // Gateways, proxies and providers add prefixes to the API's own path.
        let (_, own) = path.rsplit_once("/v1/").or_else(|| path.rsplit_once("/v1beta/openai/"))?;
        match (method, own.trim_end_matches('/')) {
            ("POST", "chat/completions" | "openai/chat/completions") => Some(Endpoint::Chat),
            ("POST", "completions") => Some(Endpoint::Completions),
            ("POST", "embeddings") => Some(Endpoint::Embeddings),
            ("GET", "models") => Some(Endpoint::Models),
            ("POST", "responses") => Some(Endpoint::Responses),
            ("POST", "messages") => Some(Endpoint::Messages),
            _ => None,
        }
    }
}

/// The number of inputs. `input` is one text, one list of tokens, or a list of either.
fn inputs(input: &Value) -> Option<usize> {
    match input {
        Value::String(_) => Some(1),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => Some(1),
        Value::Array(items) => Some(items.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_known_whatever_stands_before_it() {
        for path in ["/v1/chat/completions", "/v1/openai/v1/chat/completions", "/openai/v1/chat/completions?a=b"] {
            assert_eq!(Asked::new("POST", path, b"{}").endpoint, Some(Endpoint::Chat), "{path}");
        }
        for (method, path) in
            [("GET", "/v1/chat/completions"), ("POST", "/v1/models"), ("POST", "/api/chat"), ("POST", "/v1")]
        {
            assert_eq!(Asked::new(method, path, b"{}").endpoint, None, "{method} {path}");
        }
    }

    #[test]
    fn what_is_asked_is_read_from_the_body() {
        let asked = |body: &str| Asked::new("POST", "/v1/embeddings", body.as_bytes());
        assert_eq!(asked(r#"{"model": "m", "input": "a"}"#).inputs, Some(1));
        assert_eq!(asked(r#"{"input": [1, 2, 3]}"#).inputs, Some(1));
        assert_eq!(asked(r#"{"input": ["a", "b"]}"#).inputs, Some(2));
        assert_eq!(
            asked("no JSON"),
            Asked { path: "/v1/embeddings".into(), endpoint: Some(Endpoint::Embeddings), ..Asked::default() }
        );
        let stream = asked(r#"{"stream": true, "stream_options": {"include_usage": true}}"#);
        assert!(stream.is_stream && stream.wants_usage);
        assert!(asked(r#"{"stream": false, "messages": [{}], "stream": true}"#).is_stream);
        assert!(!asked(r#"{"stream": "true", "stream_options": 1}"#).is_stream);
    }
}
