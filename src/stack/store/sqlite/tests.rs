use super::*;
use crate::stack::store::Store;
use crate::stack::store::tests::completion;

#[tokio::test]
async fn a_file_of_the_first_schema_gets_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let row =
        "INSERT INTO chat_completion (id, created, model, completion, input_messages) VALUES ('a', 1, 'm', '{}', '[]')";
    let old = format!("{};{row}", schema::STEPS[0]);
    sqlx::raw_sql(sqlx::AssertSqlSafe(old)).execute(&mut options.connect().await.unwrap()).await.unwrap();
    let store = Store::open(&path, Secrets::default()).await.unwrap();
    assert_eq!(store.get("a").await.unwrap().unwrap().metadata, Metadata::new());
}

#[tokio::test]
async fn a_file_survives_reopening_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/store.db");
    let kept = completion("a", 1, "m");
    let first = Store::open(&path, Secrets::default()).await.unwrap();
    first.put(&kept).await.unwrap();
    // Another connection reads it while the first one is still open, as after a kill.
    let second = Store::open(&path, Secrets::default()).await.unwrap();
    assert_eq!(second.get("a").await.unwrap().unwrap(), kept);
    drop((first, second));
    let third = Store::open(&path, Secrets::default()).await.unwrap();
    assert_eq!(third.get("a").await.unwrap().unwrap(), kept);
}

#[tokio::test]
async fn files_that_are_not_ours_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("text");
    std::fs::write(&other, "not a database, and long enough to be taken for none at all").unwrap();
    assert!(Store::open(&other, Secrets::default()).await.err().unwrap().to_string().contains("text cannot be opened"));

    for (name, sql, says) in [
        ("new", "PRAGMA user_version = 99", "version 99 and this retake knows up to 2"),
        ("alien", "CREATE TABLE theirs (x)", "of something else"),
    ] {
        let path = folder.path().join(name);
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        sqlx::raw_sql(sql).execute(&mut options.connect().await.unwrap()).await.unwrap();
        let error = Store::open(&path, Secrets::default()).await.err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_is_told_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut file = Sqlite::open(&path, Secrets::default()).await.unwrap();
    for number in 0..200 {
        file.put(&completion(&number.to_string(), number, "m")).await.unwrap();
    }
    // Writes everything into the file itself.
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut file.connection).await.unwrap();
    drop(file);
    let whole = std::fs::read(&path).unwrap();
    for damaged in [
        whole.iter().enumerate().map(|(at, byte)| if at > 4096 { byte ^ 0x55 } else { *byte }).collect::<Vec<_>>(),
        whole[..whole.len() / 2].to_vec(),
        [vec![0; 100], whole[100..].to_vec()].concat(),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = Store::open(&path, Secrets::default()).await.err().unwrap().to_string();
        assert!(error.contains("store.db cannot be opened: "), "{error}");
    }
}
