//! How recordings are counted, and what else lies among them.

use super::*;

#[tokio::test]
async fn files_are_counted_by_what_they_are_and_those_of_other_hosts_by_host() {
    let root = TempDir::new().unwrap();
    let simulated = Answer { simulated: true, ..json("{\"n\":3}") };
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}"), simulated]);
    for prompt in ["real", "edited", "simulated"] {
        body(&tape, ask(None, prompt)).await;
    }
    let own = root.path().join("together");
    let of = |prompt: &str| own.join(format!("{}.json", tape.library().key(&ask(None, prompt)).name));
    let text = |prompt: &str| std::fs::read_to_string(of(prompt)).unwrap();
    std::fs::write(of("edited"), text("edited").replace("\"n\": 2", "\"n\": 9")).unwrap();
    // The shared folder has files of all providers.
    std::fs::write(root.path().join("aaaaaaaaaaaa.json"), text("real")).unwrap();
    let elsewhere = text("real").replace("api.together.xyz", "api.other.example");
    for name in ["bbbbbbbbbbbb.json", "cccccccccccc.json"] {
        std::fs::write(root.path().join(name), &elsewhere).unwrap();
        std::fs::write(own.join(name), "{oops").unwrap();
        std::fs::write(own.join(format!("cassette-{name}")), "{\"interactions\": []}").unwrap();
    }
    let Summary { broken, .. } = player(root.path()).library().summary();
    let expected = Summary {
        real: 2,
        simulated: 1,
        edited: 1,
        more: false,
        other_files: [(("VCR cassette".to_owned(), true), 2)].into(),
        broken: broken.clone(),
        hosts: [("api.other.example".to_owned(), 2)].into(),
    };
    assert_eq!(player(root.path()).library().summary(), expected);
    assert!(broken.len() == 2 && broken[0].contains("bbbbbbbbbbbb.json: "), "{broken:?}");
}

#[tokio::test]
async fn the_files_of_a_folder_are_listed_with_their_exchanges_and_cases() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for case in ["s.yaml::a", "s.yaml::b"] {
        body(&tape, ask(Some(case), "hi")).await;
        finish(&tape, case, true).await;
    }
    let (name, _) = files(root.path()).remove(0);
    let (path, cassette) = (root.path().join(&name), root.path().join("together/zz.json"));
    std::fs::write(&cassette, "{\"interactions\": []}").unwrap();
    let player = player(root.path());
    let library = player.library();
    assert_eq!(library.files(), [path.clone(), cassette.clone()]);
    assert_eq!(library.recordings(|_| true), std::slice::from_ref(&path));
    let asked: Vec<_> = library.exchanges().unwrap().into_iter().map(|exchange| exchange.request.endpoint).collect();
    assert_eq!(asked, ["/v1/chat/completions"]);
    assert_eq!(
        (library.cases_of(&path), library.cases_of(&cassette)),
        (vec!["s.yaml::a".into(), "s.yaml::b".into()], vec![])
    );
    assert_eq!((library.short(&path), library.short(Path::new("else.json"))), (name, "else.json".to_owned()));
    // Without a folder of the provider's own, the shared one counts.
    std::fs::rename(&path, root.path().join("0123456789ab.json")).unwrap();
    std::fs::remove_dir_all(root.path().join("together")).unwrap();
    assert_eq!(super::player(root.path()).library().recordings(|_| true), [root.path().join("0123456789ab.json")]);
}
