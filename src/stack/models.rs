//! Lists and registers models.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::Call;
use super::gateway::Gateway;
use super::model::Model;
use super::refusal::{Refusal, shape_provider_error};
use super::registry::Registration;
use crate::provider::Provider;
use crate::spelling::nearest;
use crate::upstream::{Error, ErrorKind, Shared};

/// How long one provider may take, so that it does not delay the list of the others.
const DEADLINE: Duration = Duration::from_secs(15);

/// `GET /v1/models`: asks every provider anew, all at once. A provider that fails is named in `errors`.
pub(super) async fn list(gateway: &Gateway, call: &Call) -> Value {
    let asked = gateway.providers.iter().map(|(provider, upstream)| of_provider(provider, upstream, call.clone()));
    let (mut listed, mut errors) = (Vec::new(), Vec::new());
    for ((provider, _), answer) in gateway.providers.iter().zip(join_all(asked).await) {
        match answer {
            Ok(models) => listed.extend(models),
            Err(refusal) => errors.push(json!({"provider": provider.name, "message": refusal.message})),
        }
    }
    let data: Vec<Value> = gateway.registry.merge(listed).iter().map(Model::body).collect();
    let mut listing = json!({"object": "list", "data": data});
    if !errors.is_empty() {
        listing["errors"] = errors.into();
    }
    listing
}

/// `GET /v1/models/{id}`: asks the provider for its list, unless the model is registered.
pub(super) async fn retrieve(gateway: &Gateway, call: Call, id: &str) -> Result<Value, Refusal> {
    find(gateway, call, id).await.map(|model| model.body())
}

/// `POST /v1/models`.
pub(super) fn register(gateway: &Gateway, body: &[u8]) -> Result<Value, Refusal> {
    let model = Registration::parse(body)?.model(gateway)?;
    let told = model.body();
    gateway.registry.register(model);
    Ok(told)
}

/// `DELETE /v1/models/{id}`: also for a model from its provider's list.
pub(super) async fn unregister(gateway: &Gateway, call: Call, id: &str) -> Result<Value, Refusal> {
    let model = find(gateway, call, id).await?;
    gateway.registry.unregister(&model.identifier);
    Ok(json!({"id": model.identifier, "object": "model", "deleted": true}))
}

async fn find(gateway: &Gateway, call: Call, id: &str) -> Result<Model, Refusal> {
    if let Some(registered) = gateway.registry.get(id) {
        return Ok(registered);
    }
    let ((provider, upstream), _) = gateway.route(id)?;
    let mut models = of_provider(provider, upstream, call).await?;
    if let Some(at) = models.iter().position(|model| model.identifier == id) {
        return Ok(models.swap_remove(at));
    }
    let known: Vec<&str> = models.iter().map(|model| model.identifier.as_str()).collect();
    let way_out = match nearest(id, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("`GET /v1/models` lists the {} that it has", known.len()),
    };
    Err(Refusal::model_not_found(format!("{} has no model {id:?}; {way_out}", provider.name)))
}

/// A provider's models, with the gateway's names.
async fn of_provider(provider: &Provider, upstream: &Shared, call: Call) -> Result<Vec<Model>, Refusal> {
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

fn read_list(provider: &Provider, bytes: &[u8]) -> Result<Vec<Model>, String> {
    let parsed: Value = serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))?;
    let entries = match &parsed {
        Value::Array(_) if !provider.quirks.bare_model_list => {
            return Err("is a bare array: its quirks must say `bare_model_list: true`".to_owned());
        }
        Value::Array(entries) => entries,
        _ => parsed["data"].as_array().ok_or("has no array `data`")?,
    };
    entries.iter().map(|entry| Model::read(provider, entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Quirks;

    fn read(bare_model_list: bool, body: &str) -> Result<String, String> {
        let quirks = Quirks { bare_model_list, ..Quirks::default() };
        let provider = Provider { name: "p".into(), quirks, ..Provider::default() };
        read_list(&provider, body.as_bytes()).map(|models| {
            models.iter().map(|model| format!("{} {} {}", model.identifier, model.created, model.owned_by)).collect()
        })
    }

    #[test]
    fn lists_of_both_shapes_are_read() {
        let one = "p/a/b 5 Meta";
        assert_eq!(read(true, r#"[{"id":"a/b","created":5,"organization":"Meta"}]"#).unwrap(), one);
        assert_eq!(read(true, r#"{"data":[{"id":"a/b","created":5,"owned_by":"Meta"}]}"#).unwrap(), one);
        let bare = "p/x 0 p";
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
}
