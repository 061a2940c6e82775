//! Fills in a request template: the request to send, and how a person can send it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::event;
use crate::exchange::{Auth, Request};
use crate::suite::template::{self, Scope};
use crate::suite::{Body, Client, RequestTemplate};
use crate::upstream;

use super::{Address, Base};

/// The request of a step, as this client sends it. `Err` says what in the suite cannot be sent.
pub(super) fn build(
    template: &RequestTemplate,
    scope: &Scope,
    client: Option<Client>,
    direct: bool,
    case: &str,
) -> Result<Request, String> {
    let path = template::fill_text(&template.path, scope).map_err(|error| error.to_string())?;
    let prefix = client.filter(|_| !direct).map_or("", |client| client.prefix(&path));
    let mut headers = HeaderMap::new();
    let body = match &template.body {
        Body::None => Bytes::new(),
        Body::Json(json) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let value = json.value().map_err(|error| format!("the body cannot be sent: {error}"))?;
            let filled = template::fill(&value, scope).map_err(|error| error.to_string())?;
            Bytes::from(filled.to_string())
        }
        Body::Raw(text) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Bytes::from(template::fill_text(text, scope).map_err(|error| error.to_string())?)
        }
    };
    for (name, value) in &template.headers {
        let value = template::fill_text(value, scope).map_err(|error| error.to_string())?;
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
        let value =
            HeaderValue::from_str(&value).map_err(|_| format!("the value of header `{name}` cannot be sent"))?;
        headers.insert(name, value);
    }
    Ok(Request {
        method: template.method.clone(),
        endpoint: format!("{prefix}{path}"),
        headers,
        body,
        auth: template.auth,
        case: Some(case.to_owned()),
    })
}

impl Address {
    /// The request in a form that a person can send.
    pub(super) fn by_hand(&self, request: &Request) -> event::Request {
        let (url, key) = match &self.base {
            Base::Server(base) => (format!("{}{}", base.trim_end_matches('/'), request.endpoint), None),
            Base::Provider(base, key) => {
                let below = || format!("{}{}", base.trim_end_matches('/'), request.endpoint);
                (upstream::url_at(base, &request.endpoint).unwrap_or_else(below), key.clone())
            }
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = request.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        event::Request {
            method: request.method.to_string(),
            endpoint: request.endpoint.clone(),
            url,
            start: self.start.clone(),
            key: key.filter(|_| request.auth == Auth::Provider),
            headers: headers.collect(),
            body: text(&request.body),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::KeyHeader;

    fn template(body: Body) -> RequestTemplate {
        RequestTemplate {
            method: http::Method::POST,
            path: "/v1/chat/completions".into(),
            headers: vec![("x-trace".into(), "a".into())],
            body,
            auth: Auth::Provider,
        }
    }

    #[test]
    fn each_client_calls_what_its_namesake_calls_and_direct_what_is_written() {
        let endpoint = |client, path: &str, direct| {
            let template = RequestTemplate { path: path.into(), ..template(Body::None) };
            build(&template, &Scope::new(), client, direct, "c").unwrap().endpoint
        };
        for path in ["/v1/chat/completions", "/v1/chat/completions/c1", "/v1/completions", "/v1/embeddings?a=b"] {
            for (client, _) in Client::ALL {
                assert_eq!(endpoint(Some(client), path, false), format!("/v1/openai{path}"));
                assert_eq!(endpoint(Some(client), path, true), path);
            }
            assert_eq!(endpoint(None, path, false), path);
        }
        assert_eq!(endpoint(Some(Client::OpenAi), "/v1/models", false), "/v1/openai/v1/models");
        for path in ["/v1/models", "/v1/health", "/v1/completionsx"] {
            assert_eq!(endpoint(Some(Client::LlamaStack), path, false), path);
            assert_eq!(endpoint(Some(Client::WithModels), path, false), path);
        }
    }

    #[test]
    fn by_hand_a_request_goes_to_the_server_or_to_the_providers_own_url() {
        let request = build(&template(Body::Json(json!({"q": 1}).into())), &Scope::new(), None, false, "c").unwrap();
        let key = KeyHeader { var: "A_KEY".into(), header: "x-api-key".into(), prefix: String::new() };
        let by_hand = |base, request: &Request| Address { base, start: None }.by_hand(request);
        let server = by_hand(Base::Server("http://127.0.0.1:8321/".into()), &request);
        assert_eq!((server.url.as_str(), server.key), ("http://127.0.0.1:8321/v1/chat/completions", None));
        let provider = || Base::Provider("https://user:word@host/openai/v1beta".into(), Some(key.clone()));
        let asked = by_hand(provider(), &request);
        assert_eq!(asked.url, "https://host/openai/v1beta/chat/completions");
        assert_eq!((asked.key, asked.body.as_str()), (Some(key.clone()), r#"{"q":1}"#));
        assert_eq!(by_hand(provider(), &Request { auth: Auth::None, ..request }).key, None);
    }
}
