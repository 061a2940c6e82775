//! The stored chat completions: list, retrieve, update, delete.

use http::StatusCode;
use serde_json::json;

use super::ask::object;
use super::json_edit::{Edits, Members, quote};
use super::refusal::Refusal;
use super::store::{Completion, PageError, Store, StoreError};
use super::{messages, metadata, query};
use crate::upstream::ErrorKind;

/// `GET /v1/chat/completions`: the body.
pub(super) async fn list(store: &Store, query: Option<&str>) -> Result<String, Refusal> {
    let request = query::of_completions(query)?;
    let page = store.list(&request).await.map_err(|error| match error {
        PageError::UnknownAfter(_) => Refusal::invalid(error.to_string()).param("after"),
        PageError::Store(error) => error.into(),
    })?;
    let entries: Vec<(String, String)> = page.completions.iter().map(|kept| (kept.id.clone(), entry(kept))).collect();
    Ok(page_body(&entries, page.has_more))
}

/// `GET /v1/chat/completions/{id}`: the body.
pub(super) async fn retrieve(store: &Store, id: &str) -> Result<String, Refusal> {
    store.get(id).await?.as_ref().map(entry).ok_or_else(|| unknown(id))
}

/// `GET /v1/chat/completions/{id}/messages`: the body.
pub(super) async fn messages(store: &Store, id: &str, query: Option<&str>) -> Result<String, Refusal> {
    let request = query::of_messages(query)?;
    let kept = store.get(id).await?.ok_or_else(|| unknown(id))?;
    messages::list(&kept, &request)
}

/// `POST /v1/chat/completions/{id}`: the completion with its new metadata.
pub(super) async fn update(store: &Store, id: &str, body: &[u8]) -> Result<String, Refusal> {
    let members = object(body)?;
    if let Some(other) = members.names().find(|name| *name != "metadata") {
        let message = format!("a stored chat completion has no {other:?} to update; only `metadata` can be updated");
        return Err(Refusal::invalid(message).code("unknown_parameter"));
    }
    let Some(value) = members.get("metadata") else {
        let message = "the body has no `metadata`, which alone can be updated";
        return Err(Refusal::invalid(message).param("metadata").code("missing_required_parameter"));
    };
    let updated = store.set_metadata(id, &metadata::read(value)?).await?;
    updated.as_ref().map(entry).ok_or_else(|| unknown(id))
}

/// `DELETE /v1/chat/completions/{id}`: the body.
pub(super) async fn delete(store: &Store, id: &str) -> Result<String, Refusal> {
    if !store.delete(id).await? {
        return Err(unknown(id));
    }
    Ok(json!({"object": "chat.completion.deleted", "id": id, "deleted": true}).to_string())
}

/// A page of entries, each with its id, in OpenAI's form.
pub(super) fn page_body(entries: &[(String, String)], has_more: bool) -> String {
    let id = |entry: Option<&(String, String)>| entry.map_or_else(|| "null".to_owned(), |(id, _)| quote(id));
    let data: Vec<&str> = entries.iter().map(|(_, text)| text.as_str()).collect();
    format!(
        r#"{{"object":"list","data":[{}],"has_more":{has_more},"first_id":{},"last_id":{}}}"#,
        data.join(","),
        id(entries.first()),
        id(entries.last())
    )
}

fn unknown(id: &str) -> Refusal {
    let message = format!("no chat completion has the id {id:?}");
    Refusal::of(StatusCode::NOT_FOUND, "invalid_request_error", message).param("completion_id").code("not_found")
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        Refusal {
            own: Some(ErrorKind::Other.name()),
            ..Refusal::of(StatusCode::INTERNAL_SERVER_ERROR, "retake_store", message)
        }
    }
}

/// A completion as an entry of a list: with its metadata, and with its request's messages, as in llama-stack.
fn entry(kept: &Completion) -> String {
    let Ok(members) = Members::parse(&kept.completion) else { return kept.completion.clone() };
    let mut edits = Edits::new(&kept.completion);
    edits.set(&members, "metadata", json!(kept.metadata).to_string());
    edits.set(&members, "input_messages", kept.input_messages.clone());
    edits.apply().unwrap_or_else(|| kept.completion.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Metadata;

    #[test]
    fn messages_and_metadata_go_into_the_completion_as_they_are() {
        let kept = Completion {
            id: "a".into(),
            created: 1,
            model: "m".into(),
            completion: r#"{"id":"a", "n":1E5,"metadata":null}"#.into(),
            input_messages: r#"[ {"role":"user"} ]"#.into(),
            metadata: Metadata::from([("run".into(), "7".into())]),
        };
        let wanted = r#"{"id":"a", "n":1E5,"metadata":{"run":"7"},"input_messages":[ {"role":"user"} ]}"#;
        assert_eq!(entry(&kept), wanted);
    }
}
