//! Which models and providers there are.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::Call;
use super::gateway::{Gateway, nearest};
use super::refusal::{Refusal, shape_provider_error};
use crate::provider::Provider;
use crate::upstream::{Error, ErrorKind, Shared};

/// How long one provider may take, so that it does not hold up the list of the others.
const DEADLINE: Duration = Duration::from_secs(15);

/// `GET /v1/models`: every provider is asked, now and all at once. One that fails is named in `errors`.
pub(super) async fn list(gateway: &Gateway, call: &Call) -> Value {
    let asked = gateway.providers.iter().map(|(provider, upstream)| of_provider(provider, upstream, call.clone()));
    let (mut data, mut errors) = (Vec::new(), Vec::new());
    for ((provider, _), answer) in gateway.providers.iter().zip(join_all(asked).await) {
        match answer {
            Ok(models) => data.extend(models),
            Err(refusal) => errors.push(json!({"provider": provider.name, "message": refusal.message})),
        }
    }
    let mut listing = json!({"object": "list", "data": data});
    if !errors.is_empty() {
        listing["errors"] = errors.into();
    }
    listing
}

/// `GET /v1/models/{id}`: its provider is asked for its list.
pub(super) async fn retrieve(gateway: &Gateway, call: Call, id: &str) -> Result<Value, Refusal> {
    let ((provider, upstream), _) = gateway.route(id)?;
    let models = of_provider(provider, upstream, call).await?;
    if let Some(found) = models.iter().find(|model| model["id"] == id) {
        return Ok(found.clone());
    }
    let known: Vec<&str> = models.iter().filter_map(|model| model["id"].as_str()).collect();
    let way_out = match nearest(id, &known) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("`GET /v1/models` lists the {} that it has", known.len()),
    };
    Err(Refusal::model_not_found(format!("{} has no model {id:?}; {way_out}", provider.name)))
}

/// A provider's models, as the gateway names them.
async fn of_provider(provider: &Provider, upstream: &Shared, call: Call) -> Result<Vec<Value>, Refusal> {
    let asked = async {
        let reply = upstream.send(call.request(Method::GET, "/v1/models", "")).await?;
        let status = reply.status;
        Ok((status, reply.collect().await.map_err(|(_, error)| error)?))
    };
    let late = || Error::new(ErrorKind::Timeout, format!("no model list within {} s", DEADLINE.as_secs()));
    let answer: Result<_, Error> = tokio::time::timeout(DEADLINE, asked).await.unwrap_or_else(|_| Err(late()));
    let (status, bytes) = answer?;
    if !status.is_success() {
        return Err(unlisted(status, &bytes));
    }
    read_list(provider, &bytes).map_err(|reason| {
        Refusal::of(StatusCode::BAD_GATEWAY, "server_error", format!("the model list of {} {reason}", provider.name))
    })
}

fn unlisted(status: StatusCode, bytes: &[u8]) -> Refusal {
    let shaped = shape_provider_error(status, "application/json", bytes)
        .or_else(|| serde_json::from_slice(bytes).ok())
        .unwrap_or_default();
    let said = shaped["error"]["message"].as_str().unwrap_or_default();
    let kind = shaped["error"]["type"].as_str().unwrap_or("server_error");
    Refusal::of(status, kind, format!("answered {status} when asked for its models: {said}"))
}

fn read_list(provider: &Provider, bytes: &[u8]) -> Result<Vec<Value>, String> {
    let parsed: Value = serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))?;
    let entries = match &parsed {
        Value::Array(_) if !provider.quirks.bare_model_list => {
            return Err("is a bare array: its quirks must say `bare_model_list: true`".to_owned());
        }
        Value::Array(entries) => entries,
        _ => parsed["data"].as_array().ok_or("has no array `data`")?,
    };
    let entry = |entry: &Value| {
        let id = entry["id"].as_str().ok_or_else(|| format!("has an entry without an id: {entry}"))?;
        let owner = entry["owned_by"].as_str().or(entry["organization"].as_str());
        Ok(json!({
            "id": format!("{}/{id}", provider.name),
            "object": "model",
            "created": entry["created"].as_i64().unwrap_or(0),
            "owned_by": owner.filter(|owner| !owner.is_empty()).unwrap_or(&provider.name),
        }))
    };
    entries.iter().map(entry).collect()
}

/// `GET /v1/providers`.
pub(super) fn providers(gateway: &Gateway) -> Value {
    let data: Vec<Value> = gateway.providers.iter().map(|(provider, _)| describe(provider)).collect();
    json!({"data": data})
}

/// `GET /v1/providers/{id}`.
pub(super) fn provider(gateway: &Gateway, name: &str) -> Result<Value, Refusal> {
    let found = gateway.provider(name).map(|(provider, _)| describe(provider));
    found.ok_or_else(|| {
        let known: Vec<&str> = gateway.providers.iter().map(|(provider, _)| provider.name.as_str()).collect();
        let message = format!("no provider is called {name:?}; the providers here are {}", known.join(", "));
        Refusal::of(StatusCode::NOT_FOUND, "invalid_request_error", message).code("provider_not_found")
    })
}

fn describe(provider: &Provider) -> Value {
    json!({
        "api": "inference",
        "provider_id": provider.name,
        "provider_type": provider.r#type,
        "config": {"base_url": without_secrets(&provider.base_url), "key_variable": provider.key},
        "health": {"status": "Not Implemented", "message": "providers are not probed"},
    })
}

/// A URL without user, password and query, where people put keys.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Quirks;

    fn read(bare_model_list: bool, body: &str) -> Result<String, String> {
        let quirks = Quirks { bare_model_list, ..Quirks::default() };
        let provider = Provider { name: "p".into(), quirks, ..Provider::default() };
        read_list(&provider, body.as_bytes()).map(|models| Value::from(models).to_string())
    }

    #[test]
    fn lists_of_both_shapes_are_read() {
        let one = r#"[{"id":"p/a/b","object":"model","created":5,"owned_by":"Meta"}]"#;
        assert_eq!(read(true, r#"[{"id":"a/b","created":5,"organization":"Meta"}]"#).unwrap(), one);
        assert_eq!(read(true, r#"{"data":[{"id":"a/b","created":5,"owned_by":"Meta"}]}"#).unwrap(), one);
        let bare = r#"[{"id":"p/x","object":"model","created":0,"owned_by":"p"}]"#;
        assert_eq!(read(false, r#"{"data":[{"id":"x"}]}"#).unwrap(), bare);
    }

    #[test]
    fn other_lists_are_errors() {
        let all = [read(false, "[]"), read(false, "{}"), read(true, "<html>"), read(true, r#"[{"name":"x"}]"#)];
        insta::assert_snapshot!(all.map(Result::unwrap_err).join("\n"), @r#"
        is a bare array: its quirks must say `bare_model_list: true`
        has no array `data`
        is not JSON: expected value at line 1 column 1
        has an entry without an id: {"name":"x"}
        "#);
    }

    #[test]
    fn a_base_url_is_shown_without_keys() {
        assert_eq!(without_secrets("https://u:p@h:1/v1?key=s"), "https://h:1/v1");
        assert_eq!(without_secrets("https://api.x.ai"), "https://api.x.ai");
    }
}
