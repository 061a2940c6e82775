use super::*;

fn completion(id: &str, created: i64, model: &str) -> Completion {
    Completion {
        id: id.into(),
        created,
        model: model.into(),
        completion: format!(r#"{{"id":"{id}", "seed":18168036348581554000, "x":1E5}}"#),
        input_messages: r#"[{"role": "user"}]"#.into(),
        metadata: Metadata::from([("of".into(), id.into()), ("model".into(), model.into())]),
    }
}

async fn ids(store: &Store, request: PageRequest) -> (Vec<String>, bool) {
    let page = store.list(&request).await.unwrap();
    (page.completions.into_iter().map(|completion| completion.id).collect(), page.has_more)
}

fn all() -> PageRequest {
    PageRequest { limit: 20, ..PageRequest::default() }
}

async fn filled() -> Store {
    let store = Store::temporary().await.unwrap();
    for (id, created, model) in [("a", 1, "m"), ("b", 2, "n"), ("c", 2, "m"), ("d", 3, "m")] {
        store.put(&completion(id, created, model)).await.unwrap();
    }
    store
}

#[tokio::test]
async fn listings_go_by_time_and_then_by_arrival() {
    let store = filled().await;
    assert_eq!(ids(&store, all()).await.0, ["a", "b", "c", "d"]);
    assert_eq!(ids(&store, PageRequest { order: Order::Descending, ..all() }).await.0, ["d", "c", "b", "a"]);
    assert_eq!(ids(&store, PageRequest { model: Some("m".into()), ..all() }).await.0, ["a", "c", "d"]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let store = filled().await;
    for order in [Order::Ascending, Order::Descending] {
        let whole = ids(&store, PageRequest { order, ..all() }).await.0;
        let mut seen: Vec<String> = Vec::new();
        loop {
            let request = PageRequest { after: seen.last().cloned(), limit: 1, order, ..PageRequest::default() };
            let (page, has_more) = ids(&store, request).await;
            seen.extend(page);
            if !has_more {
                break;
            }
        }
        assert_eq!(seen, whole);
    }
    let unknown = store.list(&PageRequest { after: Some("z".into()), ..all() }).await;
    assert!(matches!(unknown, Err(PageError::UnknownAfter(id)) if id == "z"));
}

#[tokio::test]
async fn the_same_id_again_replaces_and_counts_as_new() {
    let store = filled().await;
    store.put(&completion("b", 2, "other")).await.unwrap();
    assert_eq!(ids(&store, all()).await.0, ["a", "c", "b", "d"]);
    assert_eq!(store.get("b").await.unwrap().unwrap().model, "other");
    assert_eq!(store.get("z").await.unwrap(), None);
}

#[tokio::test]
async fn a_filter_by_metadata_wants_every_pair() {
    let store = filled().await;
    let found = async |pairs: &[(&str, &str)]| {
        let metadata = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ids(&store, PageRequest { metadata, ..all() }).await.0
    };
    assert_eq!(found(&[("model", "m")]).await, ["a", "c", "d"]);
    assert_eq!(found(&[("model", "m"), ("of", "c")]).await, ["c"]);
    assert_eq!(found(&[("model", "n"), ("of", "c")]).await, [""; 0]);
    assert_eq!(found(&[("nobody's", "m")]).await, [""; 0]);
}

#[tokio::test]
async fn metadata_is_replaced_as_a_whole() {
    let store = filled().await;
    let other = Metadata::from([("run".into(), "7".into())]);
    let updated = store.set_metadata("a", &other).await.unwrap().unwrap();
    assert_eq!(updated, Completion { metadata: other.clone(), ..completion("a", 1, "m") });
    assert_eq!(ids(&store, PageRequest { metadata: other, ..all() }).await.0, ["a"]);
    assert_eq!(store.set_metadata("z", &Metadata::new()).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_deleted_while_paging_leaves_its_place() {
    let store = filled().await;
    assert!(store.delete("b").await.unwrap());
    assert_eq!((store.get("b").await.unwrap(), store.delete("b").await.unwrap()), (None, false));
    assert_eq!(ids(&store, all()).await.0, ["a", "c", "d"]);
    assert_eq!(ids(&store, PageRequest { after: Some("b".into()), ..all() }).await.0, ["c", "d"]);
    // When it is stored again, only its new place counts.
    store.put(&completion("b", 9, "m")).await.unwrap();
    assert_eq!(ids(&store, PageRequest { after: Some("b".into()), ..all() }).await.0, [""; 0]);
}

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
    let store = Store::open(&path, Secrets::default()).await.unwrap();
    for number in 0..200 {
        store.put(&completion(&number.to_string(), number, "m")).await.unwrap();
    }
    // Writes everything into the file itself.
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *store.connection.lock().await).await.unwrap();
    drop(store);
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

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_a_store_in_memory() {
    let store = Store::temporary().await.unwrap();
    let tasks = (0..40).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            store.put(&completion(&n.to_string(), n, "m")).await.unwrap();
            store.get(&n.to_string()).await.unwrap().unwrap()
        })
    });
    futures_util::future::join_all(tasks).await.into_iter().for_each(|task| drop(task.unwrap()));
    assert_eq!(ids(&store, PageRequest { limit: 1000, ..all() }).await.0.len(), 40);
}
