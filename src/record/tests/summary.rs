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
