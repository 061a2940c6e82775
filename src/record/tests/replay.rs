//! What is replayed, and what cannot be.

use super::*;

#[tokio::test]
async fn replies_play_at_a_multiple_of_their_pace() {
    let mark = |size, at_ms| exchange::ChunkMark { size, at_ms };
    let recorded = exchange::Reply {
        status: 200,
        headers: vec![],
        body: Bytes::from_static(b"abc"),
        large: None,
        chunks: vec![mark(1, 40), mark(2, 120)],
        end: exchange::End::Complete,
    };
    let start = std::time::Instant::now();
    let reply = player::reply(&recorded, Some(2.0));
    let times: Vec<u128> = reply.body.map(|_| start.elapsed().as_millis()).collect().await;
    // Timers are never early, but a slow machine may be late.
    assert!(times[0] >= 20 && times[1] >= 60, "{times:?}");
}

#[tokio::test]
async fn repeats_play_in_order_and_then_are_a_miss() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}"), json("{\"n\":2}")]);
    for _ in 0..3 {
        body(&tape, ask(Some("c"), "hi")).await;
    }
    finish(&tape, "c", true).await;
    let all = files(root.path());
    assert_eq!(all.len(), 2);
    assert!(all[0].0.ends_with("-2.json") && all[0].1.contains("\"c\": \"2-3\""), "{all:?}");

    let player = player(root.path());
    for case in ["c", "d"] {
        for n in [1, 2, 2] {
            assert_eq!(body(&player, ask(Some(case), "hi")).await, format!("{{\"n\":{n}}}"));
        }
        let error = hear(&player, ask(Some(case), "hi")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::MissingRecording);
        assert!(error.message.contains("no reply to its 4th time in one case"), "{}", error.message);
    }
    assert_eq!(player.finish_case("c", Verdict::Failed).await.misses.len(), 1);
    assert_eq!(body(&player, ask(Some("c"), "hi")).await, "{\"n\":1}");
    assert!(player.misses(Some("c")).is_empty());
}

#[tokio::test]
async fn a_flat_folder_serves_the_provider_whose_host_it_names() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}")]);
    body(&tape, ask(None, "hi")).await;
    let (name, text) = files(root.path()).remove(0);
    std::fs::remove_dir_all(root.path().join("together")).unwrap();
    let file = root.path().join(Path::new(&name).file_name().unwrap());
    std::fs::write(&file, &text).unwrap();
    assert_eq!(body(&player(root.path()), ask(None, "hi")).await, "{\"n\":1}");
    assert_eq!(player(root.path()).library().summary(), Summary { real: 1, ..Summary::default() });

    let other = Provider { base_url: "https://api.openai.com/v1".to_owned(), name: "gpt".to_owned(), ..provider() };
    let other = wire(Mode::Replay, Library::open(root.path(), &other), None, Options::default());
    assert_eq!(hear(&other, ask(None, "hi")).await.unwrap_err().kind, ErrorKind::MissingRecording);

    let (tape, _) = recorder(root.path(), vec![json("{\"n\":2}")]);
    body(&tape, ask(None, "other")).await;
    assert!(files(root.path()).iter().all(|(name, _)| !name.contains('/')));
}

#[tokio::test]
async fn a_broken_file_is_said_with_its_place_and_fails_only_who_needs_it() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}")]);
    for prompt in ["one", "two"] {
        body(&tape, ask(None, prompt)).await;
    }
    let name = tape.library().key(&ask(None, "one")).name;
    let path = root.path().join(format!("together/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap();

    std::fs::write(&path, text.replace("\"status\": 200,", "\"status\": 200")).unwrap();
    let error = hear(&player(root.path()), ask(None, "one")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BrokenRecording);
    assert!(error.message.contains(&format!("{name}.json:30:5: not a readable recording: ")), "{}", error.message);
    assert_eq!(body(&player(root.path()), ask(None, "two")).await, "{\"n\":1}");

    std::fs::write(&path, text.replace("\"one\"", "\"uno\"")).unwrap();
    let error = hear(&player(root.path()), ask(None, "one")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::MissingRecording, "it answers what it says now");
    assert_eq!(body(&player(root.path()), ask(None, "uno")).await, "{\"n\":1}");

    // The reply is the same, but the broken file answers nothing: it is replaced.
    std::fs::write(&path, &text[..100]).unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}")]);
    body(&tape, ask(None, "one")).await;
    assert!(tape.take_notes()[0].contains("replaced, because it was broken"));
    assert_eq!(body(&player(root.path()), ask(None, "one")).await, "{\"n\":1}");
}

#[tokio::test]
async fn a_recording_that_git_or_the_system_made_unreadable_is_said_with_what_it_is() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    body(&tape, ask(None, "hi")).await;
    let path = root.path().join(&files(root.path())[0].0);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> theirs\n")).unwrap();
    let error = hear(&player(root.path()), ask(None, "hi")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BrokenRecording);
    assert!(error.message.contains(".json:1:1: ") && error.message.contains("conflict markers"), "{}", error.message);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = hear(&player(root.path()), ask(None, "hi")).await.unwrap_err();
    assert!(
        error.message.contains("not a readable recording: ") && error.message.contains("folder"),
        "{}",
        error.message
    );
}
