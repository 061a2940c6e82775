//! Chat completions in a SQLite file.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::{Completion, Metadata, Order, PageRequest, Place, StoreError, schema};
use crate::exchange::Secrets;

/// The file, by its one connection: SQLite has one writer anyway.
pub(super) struct Sqlite {
    connection: SqliteConnection,
    secrets: Secrets,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::new("cannot be used", error)
    }
}

impl Sqlite {
    pub(super) async fn open(path: &Path, secrets: Secrets) -> Result<Self, StoreError> {
        let place = || format!("{} cannot be opened", path.display());
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            tokio::fs::create_dir_all(folder).await.map_err(|error| StoreError::new(place(), error))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // Another stack may have the same file open.
            .busy_timeout(Duration::from_secs(5))
            .journal_mode(SqliteJournalMode::Wal)
            // Committed data survives any end of the process; surviving a power cut is not worth a sync to disk for
            // every completion.
            .synchronous(SqliteSynchronous::Normal);
        let connection = connect(options).await.map_err(|reason| StoreError::new(place(), reason))?;
        Ok(Sqlite { connection, secrets })
    }

    pub(super) async fn put(&mut self, completion: &Completion) -> Result<(), StoreError> {
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
        put.execute(&mut self.connection).await?;
        Ok(())
    }

    pub(super) async fn get(&mut self, id: &str) -> Result<Option<Completion>, StoreError> {
        let get = sqlx::query("SELECT * FROM chat_completion WHERE id = ?").bind(id);
        let row = get.fetch_optional(&mut self.connection).await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    pub(super) async fn set_metadata(
        &mut self,
        id: &str,
        metadata: &Metadata,
    ) -> Result<Option<Completion>, StoreError> {
        let set = sqlx::query("UPDATE chat_completion SET metadata = ? WHERE id = ? RETURNING *");
        let set = set.bind(self.json(metadata)).bind(id);
        let row = set.fetch_optional(&mut self.connection).await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    pub(super) async fn delete(&mut self, id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.connection.begin().await?;
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

    pub(super) async fn place(&mut self, id: &str) -> Result<Option<Place>, StoreError> {
        Ok(sqlx::query_as(schema::PLACE).bind(id).fetch_optional(&mut self.connection).await?)
    }

    /// One more than the limit.
    pub(super) async fn list(
        &mut self,
        request: &PageRequest,
        after: Option<Place>,
    ) -> Result<Vec<Completion>, StoreError> {
        let rows = sqlx::query(match request.order {
            Order::Ascending => schema::LIST_ASCENDING,
            Order::Descending => schema::LIST_DESCENDING,
        })
        .bind(&request.model)
        .bind(after.map(|(created, _)| created))
        .bind(after.map(|(_, seq)| seq))
        .bind(i64::from(request.limit) + 1)
        .bind(self.json(&request.metadata))
        .fetch_all(&mut self.connection)
        .await?;
        let read: Result<Vec<Completion>, sqlx::Error> = rows.iter().map(read).collect();
        Ok(read?)
    }

    /// Metadata as it is stored.
    fn json(&self, metadata: &Metadata) -> String {
        self.secrets.text(&serde_json::json!(metadata).to_string())
    }
}

async fn connect(options: SqliteConnectOptions) -> Result<SqliteConnection, String> {
    let mut connection = options.connect().await.map_err(|error| error.to_string())?;
    schema::check(&mut connection).await?;
    schema::migrate(&mut connection).await?;
    Ok(connection)
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
