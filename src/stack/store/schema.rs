//! The tables, and how files of older versions are migrated.
//!
//! The file's `user_version` counts the steps that were taken. A change of the schema is a new step at the end; a
//! released step is never edited. A file with more steps than these comes from a newer retake and is not touched.

use sqlx::{Connection, SqliteConnection};

/// The SQL of each step, which also sets `user_version` to its number.
pub(super) const STEPS: [&str; 2] = [
    "
    CREATE TABLE chat_completion (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        model TEXT NOT NULL,
        completion TEXT NOT NULL,
        input_messages TEXT NOT NULL
    ) STRICT;
    CREATE INDEX chat_completion_created ON chat_completion (created, seq);
    CREATE INDEX chat_completion_model ON chat_completion (model, created, seq);
    PRAGMA user_version = 1;
",
    // The place of a deleted completion is kept: a client that deletes while it pages names it in `after`.
    "
    ALTER TABLE chat_completion ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
    CREATE TABLE deleted_chat_completion (
        id TEXT NOT NULL PRIMARY KEY,
        created INTEGER NOT NULL,
        seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
",
];

/// Bind: an id. Selects the place of a completion in lists, even if it was deleted.
pub(super) const PLACE: &str = "
    SELECT created, seq FROM chat_completion WHERE id = ?1
    UNION ALL
    SELECT created, seq FROM deleted_chat_completion
    WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM chat_completion WHERE id = ?1)";

/// Bind: model or null; `created` and `seq` of the completion before, or null; the limit; metadata as a JSON object.
pub(super) const LIST_ASCENDING: &str = "
    SELECT * FROM chat_completion
    WHERE (?1 IS NULL OR model = ?1) AND (?2 IS NULL OR (created, seq) > (?2, ?3))
        AND NOT EXISTS (
            SELECT 1 FROM json_each(?5) AS wanted WHERE wanted.value IS NOT
                (SELECT value FROM json_each(metadata) AS had WHERE had.key = wanted.key)
        )
    ORDER BY created ASC, seq ASC LIMIT ?4";

/// Like [`LIST_ASCENDING`], newest first.
pub(super) const LIST_DESCENDING: &str = "
    SELECT * FROM chat_completion
    WHERE (?1 IS NULL OR model = ?1) AND (?2 IS NULL OR (created, seq) < (?2, ?3))
        AND NOT EXISTS (
            SELECT 1 FROM json_each(?5) AS wanted WHERE wanted.value IS NOT
                (SELECT value FROM json_each(metadata) AS had WHERE had.key = wanted.key)
        )
    ORDER BY created DESC, seq DESC LIMIT ?4";

/// Checks that the file is intact: otherwise damage would only show when somebody reads the damaged part.
pub(super) async fn check(connection: &mut SqliteConnection) -> Result<(), String> {
    let checked: Result<String, sqlx::Error> =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
    match checked {
        Ok(word) if word == "ok" => Ok(()),
        Ok(fault) => Err(format!("it is corrupt: {}", fault.lines().last().unwrap_or_default())),
        Err(error) => {
            Err(error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned()))
        }
    }
}

/// Takes the steps that the file lacks, all or none.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), String> {
    let words = |error: sqlx::Error| error.to_string();
    // Immediate: two stacks that open a new file at once must not both make the tables.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(words)?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(words)?;
    let Some(steps) = usize::try_from(version).ok().and_then(|taken| STEPS.get(taken..)) else {
        return Err(format!(
            "its schema has version {version} and this retake knows up to {}: use the retake that wrote it, or another file",
            STEPS.len()
        ));
    };
    if version == 0 {
        let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema");
        let tables: i64 = tables.fetch_one(&mut *transaction).await.map_err(words)?;
        if tables > 0 {
            return Err("it is a SQLite file of something else: name another file".to_owned());
        }
    }
    for step in steps {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(words)?;
    }
    transaction.commit().await.map_err(words)
}
