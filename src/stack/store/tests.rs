use super::*;

pub(super) fn completion(id: &str, created: i64, model: &str) -> Completion {
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

/// Checks a store of each kind, with these completions in it.
async fn each(completions: &[Completion], check: impl AsyncFn(Store)) {
    let filled = async |kind: &str, store: Store| {
        println!("{kind}");
        for completion in completions {
            store.put(completion).await.unwrap();
        }
        check(store).await;
    };
    filled("in memory", Store::temporary()).await;
    #[cfg(feature = "stack")]
    {
        let folder = tempfile::tempdir().unwrap();
        filled("in a file", Store::open(folder.path().join("store.db"), Secrets::default()).await.unwrap()).await;
    }
}

async fn each_filled(check: impl AsyncFn(Store)) {
    let completions = [("a", 1, "m"), ("b", 2, "n"), ("c", 2, "m"), ("d", 3, "m")];
    each(&completions.map(|(id, created, model)| completion(id, created, model)), check).await;
}

#[tokio::test]
async fn listings_go_by_time_and_then_by_arrival() {
    each_filled(async |store| {
        assert_eq!(ids(&store, all()).await.0, ["a", "b", "c", "d"]);
        assert_eq!(ids(&store, PageRequest { order: Order::Descending, ..all() }).await.0, ["d", "c", "b", "a"]);
        assert_eq!(ids(&store, PageRequest { model: Some("m".into()), ..all() }).await.0, ["a", "c", "d"]);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    each_filled(async |store| {
        for order in [Order::Ascending, Order::Descending] {
            let whole = ids(&store, PageRequest { order, ..all() }).await.0;
            let mut seen: Vec<String> = Vec::new();
            while seen.len() <= whole.len() {
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
    })
    .await;
}

#[tokio::test]
async fn the_same_id_again_replaces_and_counts_as_new() {
    each_filled(async |store| {
        store.put(&completion("b", 2, "other")).await.unwrap();
        assert_eq!(ids(&store, all()).await.0, ["a", "c", "b", "d"]);
        assert_eq!(store.get("b").await.unwrap().unwrap().model, "other");
        assert_eq!(store.get("z").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_filter_by_metadata_wants_every_pair() {
    each_filled(async |store| {
        let found = async |pairs: &[(&str, &str)]| {
            let metadata = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            ids(&store, PageRequest { metadata, ..all() }).await.0
        };
        assert_eq!(found(&[("model", "m")]).await, ["a", "c", "d"]);
        assert_eq!(found(&[("model", "m"), ("of", "c")]).await, ["c"]);
        assert_eq!(found(&[("model", "n"), ("of", "c")]).await, [""; 0]);
        assert_eq!(found(&[("nobody's", "m")]).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn metadata_is_replaced_as_a_whole() {
    each_filled(async |store| {
        let other = Metadata::from([("run".into(), "7".into())]);
        let updated = store.set_metadata("a", &other).await.unwrap().unwrap();
        assert_eq!(updated, Completion { metadata: other.clone(), ..completion("a", 1, "m") });
        assert_eq!(ids(&store, PageRequest { metadata: other, ..all() }).await.0, ["a"]);
        assert_eq!(store.set_metadata("z", &Metadata::new()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_while_paging_leaves_its_place() {
    each_filled(async |store| {
        assert!(store.delete("b").await.unwrap());
        assert_eq!((store.get("b").await.unwrap(), store.delete("b").await.unwrap()), (None, false));
        assert_eq!(ids(&store, all()).await.0, ["a", "c", "d"]);
        assert_eq!(ids(&store, PageRequest { after: Some("b".into()), ..all() }).await.0, ["c", "d"]);
        // When it is stored again, only its new place counts.
        store.put(&completion("b", 9, "m")).await.unwrap();
        assert_eq!(ids(&store, PageRequest { after: Some("b".into()), ..all() }).await.0, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_a_store() {
    each(&[], async |store| {
        let tasks = (0..40).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store.put(&completion(&n.to_string(), n, "m")).await.unwrap();
                store.get(&n.to_string()).await.unwrap().unwrap()
            })
        });
        futures_util::future::join_all(tasks).await.into_iter().for_each(|task| drop(task.unwrap()));
        assert_eq!(ids(&store, PageRequest { limit: 1000, ..all() }).await.0.len(), 40);
    })
    .await;
}
