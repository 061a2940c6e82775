//! Chat completions, kept before the caller gets the end of the reply: in memory, or in a SQLite file.

mod memory;
#[cfg(feature = "stack")]
mod schema;
#[cfg(feature = "stack")]
mod sqlite;

use std::collections::HashSet;
#[cfg(feature = "stack")]
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::metadata::Metadata;
#[cfg(feature = "stack")]
use crate::exchange::Secrets;
use memory::Memory;
#[cfg(feature = "stack")]
use sqlite::Sqlite;

/// The store for chat completions. Clones share one store.
#[derive(Clone)]
pub struct Store {
    kept: Kept,
    /// Ids of completions that are still on their way.
    claimed: Arc<Mutex<HashSet<String>>>,
}

/// Where completions are kept. One task at a time uses it.
#[derive(Clone)]
enum Kept {
    Memory(Arc<Mutex<Memory>>),
    #[cfg(feature = "stack")]
    Sqlite(Arc<Mutex<Sqlite>>),
}

/// A stored chat completion. The texts are JSON, byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// The id that the provider gave.
    pub id: String,
    /// Seconds since 1970, as the provider gave it.
    pub created: i64,
    /// The model id that the caller used.
    pub model: String,
    /// The `chat.completion` object.
    pub completion: String,
    /// The array of the request's messages.
    pub input_messages: String,
    /// The caller's metadata.
    pub metadata: Metadata,
}

/// The direction of a list: by `created`, and by order of arrival if that is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first, OpenAI's default.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// Which completions a list contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Only completions after the one with this id.
    pub after: Option<String>,
    /// The most completions.
    pub limit: u32,
    /// Only completions of this model.
    pub model: Option<String>,
    /// Only completions with all of these pairs.
    pub metadata: Metadata,
    /// The direction.
    pub order: Order,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The completions, in order.
    pub completions: Vec<Completion>,
    /// Whether more come after them.
    pub has_more: bool,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// `after` names no completion of the store.
    #[error("no chat completion has the id {0:?}")]
    UnknownAfter(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("the store {place}: {reason}")]
pub struct StoreError {
    place: String,
    reason: String,
}

#[cfg(feature = "stack")]
impl StoreError {
    fn new(place: impl Into<String>, reason: impl ToString) -> Self {
        StoreError { place: place.into(), reason: reason.to_string() }
    }
}

/// Does the same with each kind of store: in memory at once, in a file with a wait and perhaps an error.
macro_rules! each {
    ($store:expr, $method:ident($($argument:expr),*)) => {
        match &$store.kept {
            Kept::Memory(memory) => memory.lock().await.$method($($argument),*),
            #[cfg(feature = "stack")]
            Kept::Sqlite(file) => file.lock().await.$method($($argument),*).await?,
        }
    };
}

impl Store {
    /// Opens the store in a file, without writing any secret to it; creates the file and its folders if they are
    /// missing.
    #[cfg(feature = "stack")]
    pub async fn open(path: impl Into<PathBuf>, secrets: Secrets) -> Result<Self, StoreError> {
        let file = Sqlite::open(&path.into(), secrets).await?;
        Ok(Store::of(Kept::Sqlite(Arc::new(Mutex::new(file)))))
    }

    /// A store in memory, which ends with its last clone.
    pub fn temporary() -> Self {
        Store::of(Kept::Memory(Arc::default()))
    }

    fn of(kept: Kept) -> Self {
        Store { kept, claimed: Arc::default() }
    }

    /// Reserves an id for a completion that will be stored; `false` if it is taken.
    pub async fn reserve(&self, id: &str) -> Result<bool, StoreError> {
        let mut claimed = self.claimed.lock().await;
        Ok(self.get(id).await?.is_none() && claimed.insert(id.to_owned()))
    }

    /// Stores a completion; it is committed when this returns. A completion with the same id is replaced.
    pub async fn put(&self, completion: &Completion) -> Result<(), StoreError> {
        each!(self, put(completion));
        self.claimed.lock().await.remove(&completion.id);
        Ok(())
    }

    /// The completion with this id.
    pub async fn get(&self, id: &str) -> Result<Option<Completion>, StoreError> {
        Ok(each!(self, get(id)))
    }

    /// Sets the metadata of the completion with this id; `None` if there is no such completion.
    pub async fn set_metadata(&self, id: &str, metadata: &Metadata) -> Result<Option<Completion>, StoreError> {
        Ok(each!(self, set_metadata(id, metadata)))
    }

    /// Deletes the completion with this id; returns whether there was one.
    pub async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        Ok(each!(self, delete(id)))
    }

    /// Lists completions.
    pub async fn list(&self, request: &PageRequest) -> Result<Page, PageError> {
        let after = match &request.after {
            None => None,
            Some(id) => Some(self.place(id).await?.ok_or_else(|| PageError::UnknownAfter(id.clone()))?),
        };
        let mut completions = self.some(request, after).await?;
        let has_more = completions.len() > request.limit as usize;
        completions.truncate(request.limit as usize);
        Ok(Page { completions, has_more })
    }

    /// The place of a completion in lists, even if it was deleted: a client that deletes while it pages names it in
    /// `after`.
    async fn place(&self, id: &str) -> Result<Option<Place>, StoreError> {
        Ok(each!(self, place(id)))
    }

    /// The completions after a place, and one more than the limit, which shows whether there are more.
    async fn some(&self, request: &PageRequest, after: Option<Place>) -> Result<Vec<Completion>, StoreError> {
        Ok(each!(self, list(request, after)))
    }
}

/// Where a completion stands in lists: its time, and the number of its arrival.
type Place = (i64, i64);

#[cfg(test)]
mod tests;
