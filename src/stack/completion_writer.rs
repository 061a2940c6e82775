//! Stores a chat completion as the caller got it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::metadata::Metadata;
use super::refusal::Refusal;
use super::store::{Completion, Store};
use crate::wire::{Ending, Reading};

/// What is needed to store the chat completion of a call.
pub(super) struct CompletionWriter {
    pub(super) store: Store,
    /// The model id as the caller wrote it.
    pub(super) model: String,
    pub(super) messages: String,
    pub(super) metadata: Metadata,
}

impl CompletionWriter {
    /// The id for a completion, in the store and in the reply: the provider's own, unless the store has it already.
    /// That happens if one recording answers two calls, or if a provider repeats its ids.
    pub(super) async fn id_in_the_place_of(&self, said: &str) -> Result<String, Refusal> {
        Ok(if self.store.reserve(said).await? { said.to_owned() } else { own_id() })
    }

    /// Stores a whole chat completion; `text` is what the caller gets.
    pub(super) async fn write_whole(self, reading: &Reading, id: Option<String>, text: &str) -> Result<(), Refusal> {
        if reading.ending() != Ending::Whole || !reading.answer.is_chat() || reading.answer.error.is_some() {
            return Ok(());
        }
        let Some(json) = &reading.json else { return Ok(()) };
        // The text keeps numbers that a parsed value would not; but if it is not JSON, it could not be listed.
        let completion =
            if reading.not_json.is_none() { text.to_owned() } else { renamed(json, id.as_deref(), &self.model) };
        self.keep(id, reading.answer.created(), completion).await
    }

    /// Stores a streamed chat completion, merged; a stream that was cut or holds an error is not stored.
    pub(super) async fn write_streamed(self, reading: &Reading, id: Option<String>) -> Result<(), Refusal> {
        if reading.ending() != Ending::Whole {
            return Ok(());
        }
        let id = id.unwrap_or_else(own_id);
        let created = reading.answer.created().unwrap_or_else(now);
        let Some(completion) = reading.answer.completion(&id, created, &self.model) else { return Ok(()) };
        self.keep(Some(id), Some(created), completion.to_string()).await
    }

    /// Committed when this returns.
    async fn keep(self, id: Option<String>, created: Option<i64>, completion: String) -> Result<(), Refusal> {
        let kept = Completion {
            id: id.unwrap_or_else(own_id),
            created: created.unwrap_or_else(now),
            model: self.model,
            completion,
            input_messages: self.messages,
            metadata: self.metadata,
        };
        Ok(self.store.put(&kept).await?)
    }
}

/// A new id that no provider gives.
pub(super) fn own_id() -> String {
    format!("chatcmpl-{}", uuid::Uuid::new_v4().simple())
}

/// The completion with this id and model.
fn renamed(json: &Value, id: Option<&str>, model: &str) -> String {
    let mut json = json.clone();
    if let (Some(members), Some(id)) = (json.as_object_mut(), id) {
        members.insert("id".to_owned(), id.into());
        members.insert("model".to_owned(), model.into());
    }
    json.to_string()
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
