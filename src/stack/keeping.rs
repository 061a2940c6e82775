//! Keeping a chat completion in the store, as the caller got it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::metadata::Metadata;
use super::refusal::Refusal;
use super::splice::Members;
use super::store::{Completion, Store};

/// What is needed to keep the chat completion that a call leads to.
pub(super) struct Keeping {
    pub(super) store: Store,
    /// As the caller wrote it.
    pub(super) model: String,
    pub(super) messages: String,
    pub(super) metadata: Metadata,
}

impl Keeping {
    /// Keeps a `chat.completion` as the caller gets it; anything else is passed over. Committed on return.
    pub(super) async fn keep(self, completion: &str) -> Result<(), Refusal> {
        let Ok(members) = Members::parse(completion) else { return Ok(()) };
        if members.read::<Vec<Value>>("choices").is_none() {
            return Ok(());
        }
        let id = members.read::<String>("id").filter(|id| !id.is_empty());
        let kept = Completion {
            id: id.unwrap_or_else(|| format!("chatcmpl-{}", uuid::Uuid::new_v4().simple())),
            created: members.read("created").unwrap_or_else(now),
            model: self.model,
            completion: completion.to_owned(),
            input_messages: self.messages,
            metadata: self.metadata,
        };
        Ok(self.store.put(&kept).await?)
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
