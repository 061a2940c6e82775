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

#[test]
fn of_very_many_files_that_no_index_knows_the_ends_of_the_first_are_looked_at() {
    let root = TempDir::new().unwrap();
    let own = root.path().join("together");
    std::fs::create_dir(&own).unwrap();
    for number in 0..=5_000 {
        let text = match number {
            3 => "{\"retake\": {\"origin\": \"simulated\"}}",
            // Only the first of these is among those that are looked at.
            7 | 4_000 => "{\"a\": [",
            _ => "{}",
        };
        std::fs::write(own.join(format!("{number:012}.json")), text).unwrap();
    }
    let Summary { real, simulated, broken, more, .. } = player(root.path()).library().summary();
    assert_eq!((real, simulated, broken.len(), more), (ENDS_READ - 2, 1, 1, true));
    assert!(broken[0].ends_with("000000000007.json: it ends too soon"), "{broken:?}");
}
