//! A request template filled in: what is sent, and how a person would send it with `curl`.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::exchange::{Auth, Request};
use crate::suite::template::{self, Scope};
use crate::suite::{Body, Client, RequestTemplate};
use crate::upstream;

use super::{Base, KeyHeader};

/// The request of a step, as this client sends it. `Err` says what in the suite cannot be sent.
pub(super) fn build(
    template: &RequestTemplate,
    scope: &Scope,
    client: Client,
    direct: bool,
    case: &str,
) -> Result<Request, String> {
    let path = template::fill_text(&template.path, scope).map_err(|error| error.to_string())?;
    let prefix = if client == Client::OpenAi && !direct { "/v1/openai" } else { "" };
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
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header name"))?;
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

/// The same request as a `curl` line for a POSIX shell, the key as `$VAR`.
pub(super) fn curl(request: &Request, base: &Base) -> String {
    let mut line = String::from("curl");
    // What curl would take the method for.
    let implied = if request.body.is_empty() { http::Method::GET } else { http::Method::POST };
    if request.method != implied {
        line.push_str(&format!(" -X {}", request.method));
    }
    let (url, key) = match base {
        Base::Server(base) => (format!("{}{}", base.trim_end_matches('/'), request.endpoint), None),
        Base::Provider(base, key) => {
            let url =
                upstream::url_at(base, &request.endpoint).unwrap_or_else(|| format!("{base}{}", request.endpoint));
            (url, key.as_ref())
        }
    };
    line.push_str(&format!(" {}", quote(&url)));
    if let (Some(KeyHeader { var, header, prefix }), Auth::Provider) = (key, request.auth) {
        line.push_str(&format!(" -H \"{header}: {prefix}${var}\""));
    }
    for (name, value) in &request.headers {
        line.push_str(&format!(" -H {}", quote(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))));
    }
    if !request.body.is_empty() {
        line.push_str(&format!(" -d {}", quote(&String::from_utf8_lossy(&request.body))));
    }
    line
}

/// Quotes a word for a POSIX shell.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    fn each_client_has_its_own_prefix_and_direct_has_none() {
        let template = template(Body::None);
        let endpoint = |client, direct| build(&template, &Scope::new(), client, direct, "c").unwrap().endpoint;
        assert_eq!(endpoint(Client::OpenAi, false), "/v1/openai/v1/chat/completions");
        assert_eq!(endpoint(Client::OpenAi, true), "/v1/chat/completions");
        assert_eq!(endpoint(Client::LlamaStack, false), "/v1/chat/completions");
        assert_eq!(endpoint(Client::WithModels, false), "/v1/chat/completions");
    }

    #[test]
    fn curl_shows_the_variable_and_never_a_key() {
        let request =
            build(&template(Body::Json(json!({"q": "it's"}).into())), &Scope::new(), Client::WithModels, false, "c")
                .unwrap();
        insta::assert_snapshot!(
            curl(&request, &Base::Server("http://127.0.0.1:8321/".into())),
            @r#"curl 'http://127.0.0.1:8321/v1/chat/completions' -H 'content-type: application/json' -H 'x-trace: a' -d '{"q":"it'\''s"}'"#
        );
        let key = |header: &str, prefix: &str| {
            Some(KeyHeader { var: "A_KEY".into(), header: header.into(), prefix: prefix.into() })
        };
        insta::assert_snapshot!(
            curl(&request, &Base::Provider("https://host/api/openai/v1beta".into(), key("x-api-key", ""))),
            @r#"curl 'https://host/api/openai/v1beta/chat/completions' -H "x-api-key: $A_KEY" -H 'content-type: application/json' -H 'x-trace: a' -d '{"q":"it'\''s"}'"#
        );
        let without_key = Request { auth: Auth::None, ..request };
        let line =
            curl(&without_key, &Base::Provider("https://user:word@host/v1".into(), key("authorization", "Bearer ")));
        assert!(line.starts_with("curl 'https://host/v1/chat/completions' -H 'content-type"), "{line}");
    }
}
