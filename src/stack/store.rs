//! Chat completions in SQLite, committed before the caller gets the end of the reply.

mod schema;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::Mutex;

use super::metadata::Metadata;
use crate::exchange::Secrets;

/// The store for chat completions. Clones share one store.
///
/// It has one connection, used by one task at a time: SQLite has one writer anyway, and a store in memory exists only
/// as long as its connection.
#[derive(Clone)]
pub struct Store {
    connection: Arc<Mutex<SqliteConnection>>,
    /// Ids of completions that are still on their way.
    claimed: Arc<Mutex<HashSet<String>>>,
    secrets: Secrets,
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

impl StoreError {
    fn new(place: impl Into<String>, reason: impl ToString) -> Self {
        StoreError { place: place.into(), reason: reason.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::new("cannot be used", error)
    }
}

impl Store {
    /// Opens the store in a file, without writing any secret to it; creates the file and its folders if they are
    /// missing.
    pub async fn open(path: impl Into<PathBuf>, secrets: Secrets) -> Result<Self, StoreError> {
        let path = path.into();
        let place = || format!("{} cannot be opened", path.display());
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            tokio::fs::create_dir_all(folder).await.map_err(|error| StoreError::new(place(), error))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            // Another stack may have the same file open.
            .busy_timeout(Duration::from_secs(5))
            .journal_mode(SqliteJournalMode::Wal)
            // Committed data survives any end of the process; surviving a power cut is not worth a sync to disk for
            // every completion.
            .synchronous(SqliteSynchronous::Normal);
        let store = Store::connect(options).await.map_err(|reason| StoreError::new(place(), reason))?;
        Ok(Store { secrets, ..store })
    }

    /// A store in memory, which ends with its last clone.
    pub async fn temporary() -> Result<Self, StoreError> {
        let connected = Store::connect(SqliteConnectOptions::new().in_memory(true)).await;
        connected.map_err(|reason| StoreError::new("in memory cannot be made", reason))
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Self, String> {
        let mut connection = options.connect().await.map_err(|error| error.to_string())?;
        schema::check(&mut connection).await?;
        schema::migrate(&mut connection).await?;
        Ok(Store { connection: Arc::new(Mutex::new(connection)), claimed: Arc::default(), secrets: Secrets::default() })
    }

    /// Reserves an id for a completion that will be stored; `false` if it is taken.
    pub async fn reserve(&self, id: &str) -> Result<bool, StoreError> {
        let mut claimed = self.claimed.lock().await;
        Ok(self.get(id).await?.is_none() && claimed.insert(id.to_owned()))
    }

    /// Stores a completion; it is committed when this returns. A completion with the same id is replaced.
    pub async fn put(&self, completion: &Completion) -> Result<(), StoreError> {
        let put = sqlx::query(
            "INSERT OR REPLACE INTO chat_completion (id, created, model, completion, input_messages, metadata) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&completion.id)
        .bind(completion.created)
        .bind(self.secrets.text(&completion.model))
        .bind(self.secrets.text(&completion.completion))
        .bind(self.secrets.text(&completion.input_messages))
        .bind(self.json(&completion.metadata));
        put.execute(&mut *self.connection.lock().await).await?;
        self.claimed.lock().await.remove(&completion.id);
        Ok(())
    }

    /// The completion with this id.
    pub async fn get(&self, id: &str) -> Result<Option<Completion>, StoreError> {
        let get = sqlx::query("SELECT * FROM chat_completion WHERE id = ?").bind(id);
        let row = get.fetch_optional(&mut *self.connection.lock().await).await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Sets the metadata of the completion with this id; `None` if there is no such completion.
    pub async fn set_metadata(&self, id: &str, metadata: &Metadata) -> Result<Option<Completion>, StoreError> {
        let set = sqlx::query("UPDATE chat_completion SET metadata = ? WHERE id = ? RETURNING *");
        let set = set.bind(self.json(metadata)).bind(id);
        let row = set.fetch_optional(&mut *self.connection.lock().await).await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Deletes the completion with this id; returns whether there was one.
    pub async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let mut connection = self.connection.lock().await;
        let mut transaction = connection.begin().await?;
        sqlx::query(
            "INSERT OR REPLACE INTO deleted_chat_completion SELECT id, created, seq FROM chat_completion WHERE id = ?",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        let deleted = sqlx::query("DELETE FROM chat_completion WHERE id = ?").bind(id);
        let deleted = deleted.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        Ok(deleted > 0)
    }

    /// Metadata as it is stored.
    fn json(&self, metadata: &Metadata) -> String {
        self.secrets.text(&serde_json::json!(metadata).to_string())
    }

    /// Lists completions.
    pub async fn list(&self, request: &PageRequest) -> Result<Page, PageError> {
        let mut connection = self.connection.lock().await;
        let after = match &request.after {
            None => None,
            Some(id) => {
                let find = sqlx::query_as(schema::PLACE).bind(id);
                let place: Option<(i64, i64)> =
                    find.fetch_optional(&mut *connection).await.map_err(StoreError::from)?;
                Some(place.ok_or_else(|| PageError::UnknownAfter(id.clone()))?)
            }
        };
        let rows = sqlx::query(match request.order {
            Order::Ascending => schema::LIST_ASCENDING,
            Order::Descending => schema::LIST_DESCENDING,
        })
        .bind(&request.model)
        .bind(after.map(|(created, _)| created))
        .bind(after.map(|(_, seq)| seq))
        // One more than requested shows whether there are more.
        .bind(i64::from(request.limit) + 1)
        .bind(self.json(&request.metadata))
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::from)?;
        let read: Result<Vec<Completion>, sqlx::Error> = rows.iter().map(read).collect();
        let mut completions = read.map_err(StoreError::from)?;
        let has_more = completions.len() > request.limit as usize;
        completions.truncate(request.limit as usize);
        Ok(Page { completions, has_more })
    }
}

fn read(row: &SqliteRow) -> Result<Completion, sqlx::Error> {
    let metadata: String = row.try_get("metadata")?;
    Ok(Completion {
        id: row.try_get("id")?,
        created: row.try_get("created")?,
        model: row.try_get("model")?,
        completion: row.try_get("completion")?,
        input_messages: row.try_get("input_messages")?,
        metadata: serde_json::from_str(&metadata).map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}

#[cfg(test)]
mod tests;
