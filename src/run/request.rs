//! A request template filled in: what is sent, and how a person would send it with `curl`.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::exchange::{Auth, Request};
use crate::suite::template::{self, Scope};
use crate::suite::{Body, Client, RequestTemplate};

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
pub(super) fn curl(request: &Request, base: &str, key_var: Option<&str>) -> String {
    let mut line = String::from("curl");
    // What curl would take the method for.
    let implied = if request.body.is_empty() { http::Method::GET } else { http::Method::POST };
    if request.method != implied {
        line.push_str(&format!(" -X {}", request.method));
    }
    let base = base.trim_end_matches('/');
    line.push_str(&format!(" {}", quote(&format!("{base}{}", request.endpoint))));
    if let (Some(var), Auth::Provider) = (key_var, request.auth) {
        line.push_str(&format!(" -H \"Authorization: Bearer ${var}\""));
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
    fn curl_shows_the_variable_and_never_a_key() {
        let request =
            build(&template(Body::Json(json!({"q": "it's"}).into())), &Scope::new(), None, false, "c").unwrap();
        insta::assert_snapshot!(
            curl(&request, "http://127.0.0.1:8321/", Some("TOGETHER_API_KEY")),
            @r#"curl 'http://127.0.0.1:8321/v1/chat/completions' -H "Authorization: Bearer $TOGETHER_API_KEY" -H 'content-type: application/json' -H 'x-trace: a' -d '{"q":"it'\''s"}'"#
        );
    }
}
