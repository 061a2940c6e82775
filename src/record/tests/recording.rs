//! What is recorded, and when.

use super::*;

#[tokio::test]
async fn what_was_recorded_is_played_byte_for_byte_with_its_edges() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![answer(200, "text/event-stream", &STREAM)]);
    let live = hear(&tape, ask(Some("c"), "hi")).await.unwrap();
    assert!(files(root.path()).is_empty(), "written before the case passed");
    assert_eq!(finish(&tape, "c", true).await, Vec::<String>::new());
    let replayed = hear(&player(root.path()), ask(Some("c"), "hi")).await.unwrap();
    assert_eq!(replayed, live);
    assert_eq!(replayed.1.len(), 3);
    let (name, text) = files(root.path()).remove(0);
    assert!(name.starts_with("together/") && !text.contains("set-cookie"), "{name} {text}");
}

#[tokio::test]
async fn torn_streams_and_errors_are_recorded_as_what_they_are() {
    let root = TempDir::new().unwrap();
    for (prompt, given) in [
        ("torn", torn(&STREAM[..1])),
        ("empty", answer(200, "text/event-stream", &[])),
        ("limited", answer(429, "application/json", &["{\"error\": {}}\n"])),
        ("down", answer(500, "text/plain", &["Internal Server Error"])),
    ] {
        let (tape, _) = recorder(root.path(), vec![given]);
        let live = hear(&tape, ask(Some("c"), prompt)).await.unwrap();
        assert!(finish(&tape, "c", true).await[0].contains("recorded as it came, although"));
        assert_eq!(hear(&player(root.path()), ask(Some("c"), prompt)).await.unwrap(), live, "{prompt}");
    }
}

#[tokio::test]
async fn a_404_of_a_path_that_an_api_may_have_is_recorded_like_any_reply() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![answer(404, "application/json", &["{\"error\": {}}\n"])]);
    let live = hear(&tape, ask(None, "hi")).await.unwrap();
    assert_eq!(hear(&player(root.path()), ask(None, "hi")).await.unwrap(), live);
}

#[tokio::test]
async fn chunks_are_relayed_at_once_and_a_client_that_leaves_loses_nothing() {
    let root = TempDir::new().unwrap();
    let gate = Arc::new(Semaphore::new(1));
    let live = Arc::new(Fake {
        answers: Mutex::new(vec![answer(200, "text/event-stream", &STREAM)].into()),
        calls: AtomicUsize::new(0),
        gate: Arc::clone(&gate),
    });
    let tape = tape(Mode::Record, root.path(), Some(live), Options::default());
    let mut reply = tape.send(ask(Some("c"), "hi")).await.unwrap();
    // The second chunk has not come yet.
    assert_eq!(reply.body.next().await.unwrap().unwrap(), STREAM[0]);
    drop(reply);
    gate.add_permits(2);
    assert_eq!(finish(&tape, "c", true).await, Vec::<String>::new());
    assert_eq!(body(&player(root.path()), ask(None, "hi")).await, STREAM.concat());
}

#[tokio::test]
async fn another_case_of_the_run_hears_what_the_first_one_recorded() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}")]);
    let tape = Arc::new(tape);
    let (a, b) = tokio::join!(body(&tape, ask(Some("a"), "hi")), body(&tape, ask(Some("b"), "hi")));
    assert_eq!((a.as_str(), b.as_str(), live.calls.load(Ordering::SeqCst)), ("{\"n\":1}", "{\"n\":1}", 1));
    assert!(finish(&tape, "a", false).await.is_empty());
    assert!(finish(&tape, "b", true).await.is_empty());
    assert_eq!(files(root.path()).len(), 1);
}

#[tokio::test]
async fn a_429_answers_no_other_case_of_the_run() {
    let root = TempDir::new().unwrap();
    let limited = answer(429, "application/json", &["{\"error\": \"slow down\"}"]);
    let (tape, live) = recorder(root.path(), vec![limited, json("{\"n\":1}"), json("{\"n\":2}")]);
    assert_eq!(hear(&tape, ask(Some("a"), "hi")).await.unwrap().0, 429);
    // Another case sends the request itself, and a third one gets that reply.
    assert_eq!(body(&tape, ask(Some("b"), "hi")).await, "{\"n\":1}");
    assert_eq!(body(&tape, ask(Some("c"), "hi")).await, "{\"n\":1}");
    assert_eq!(live.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_failed_case_leaves_no_file_and_asks_anew_on_its_next_try() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}")]);
    body(&tape, ask(Some("c"), "hi")).await;
    let notes = finish(&tape, "c", false).await;
    assert!(notes.len() == 1 && notes[0].contains("not written, because the case"), "{notes:?}");
    assert!(files(root.path()).is_empty());
    assert_eq!(body(&tape, ask(Some("c"), "hi")).await, "{\"n\":2}");
    assert_eq!(live.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn where_nobody_says_how_it_ended_nothing_worse_takes_the_place_of_a_recording() {
    let root = TempDir::new().unwrap();
    let (first, _) = recorder(root.path(), vec![answer(200, "text/event-stream", &STREAM)]);
    body(&first, ask(None, "hi")).await;
    let good = files(root.path());

    let mut simulated = answer(200, "text/event-stream", &["data: {\"b\":1}\n\ndata: [DONE]\n\n"]);
    simulated.simulated = true;
    for (worse, why) in [
        (torn(&STREAM), "broke off (the connection was reset)"),
        (answer(503, "text/plain", &["busy"]), "answered 503"),
        (answer(401, "application/json", &["{}"]), "answered 401"),
        (answer(429, "application/json", &["{}"]), "answered 429"),
        (json("{\"error\": {\"message\": \"overloaded\"}}"), "an error in the body"),
        (answer(200, "text/event-stream", &STREAM[..2]), "without `[DONE]`"),
        (answer(200, "text/event-stream", &["data: {\"error\": {}, \"type\": \"error\"}\n\n"]), "holds an error"),
        (simulated, "simulated"),
    ] {
        let (tape, _) = recorder(root.path(), vec![worse]);
        hear(&tape, ask(None, "hi")).await.unwrap();
        let notes = tape.take_notes();
        assert!(notes.len() == 1 && notes[0].contains(why), "{notes:?}");
        assert_eq!(files(root.path()), good);
    }
    let (tape, _) = recorder(root.path(), vec![answer(200, "text/event-stream", &["data: [DONE]\n\n"])]);
    body(&tape, ask(None, "hi")).await;
    assert!(tape.take_notes().is_empty());
    assert_ne!(files(root.path()), good);
}

#[tokio::test]
async fn what_a_passed_case_saw_is_its_recording_whatever_it_is() {
    let root = TempDir::new().unwrap();
    let (first, _) = recorder(root.path(), vec![json("{\"n\":0}")]);
    body(&first, ask(Some("s.yaml::c"), "hi")).await;
    finish(&first, "s.yaml::c", true).await;
    // A rate limit, and the SDK's second try.
    let (tape, _) = recorder(root.path(), vec![answer(429, "application/json", &["{}"]), json("{\"n\":1}")]);
    for status in [429, 200] {
        assert_eq!(hear(&tape, ask(Some("s.yaml::c"), "hi")).await.unwrap().0, status);
    }
    let notes = finish(&tape, "s.yaml::c", true).await;
    assert!(notes.len() == 1 && notes[0].contains("although the provider answered 429"), "{notes:?}");
    assert!(files(root.path()).iter().any(|(_, text)| text.contains("\"expected\": true")));
    // The error is expected, so the request is not sent again.
    for mode in [Mode::Replay, Mode::RecordIfMissing] {
        let live = fake(vec![json("{\"n\":2}")]);
        let player = super::tape(mode, root.path(), Some(live as Shared), Options::default());
        for status in [429, 200] {
            assert_eq!(hear(&player, ask(Some("s.yaml::c"), "hi")).await.unwrap().0, status);
        }
    }
}

#[tokio::test]
async fn an_error_that_nobody_expected_is_asked_again_where_what_is_missing_is_recorded() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![answer(429, "application/json", &["{}"])]);
    hear(&tape, ask(None, "hi")).await.unwrap();
    let live = fake(vec![json("{\"n\":1}")]);
    let tape = super::tape(Mode::RecordIfMissing, root.path(), Some(live as Shared), Options::default());
    assert_eq!(body(&tape, ask(None, "hi")).await, "{\"n\":1}");
    let notes = tape.take_notes();
    assert!(notes[0].contains("asked again, because the provider answered 429 when it was recorded"), "{notes:?}");
    assert_eq!(body(&player(root.path()), ask(None, "hi")).await, "{\"n\":1}");
    assert_eq!(files(root.path()).len(), 1);
}

#[tokio::test]
async fn recording_twice_gives_the_same_files() {
    let root = TempDir::new().unwrap();
    let mut seen = Vec::new();
    for chunks in [&STREAM[..], &[STREAM.concat().as_str()][..]] {
        let (tape, _) = recorder(root.path(), vec![answer(200, "text/event-stream", chunks)]);
        for _ in 0..2 {
            body(&tape, ask(Some("c"), "hi")).await;
        }
        finish(&tape, "c", true).await;
        seen.push(files(root.path()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].len(), 1);
}

#[tokio::test]
async fn without_a_case_each_exchange_is_written_when_it_ends() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}")]);
    body(&tape, ask(None, "hi")).await;
    assert_eq!(files(root.path()).len(), 1);
    let player = player(root.path());
    for _ in 0..3 {
        assert_eq!(body(&player, ask(None, "hi")).await, "{\"n\":1}");
    }
}

#[tokio::test]
async fn no_key_reaches_a_file_and_a_request_with_one_still_finds_its_recording() {
    let root = TempDir::new().unwrap();
    let secrets = Secrets::new([("API_KEY".to_owned(), "sk-canary-0123".to_owned())]);
    let options = Options { secrets, ..Options::default() };
    let live = fake(vec![json("{\"echo\":\"sk-canary-0123\"}")]);
    let tape = tape(Mode::Record, root.path(), Some(live), options.clone());
    let mut request = ask(Some("c"), "my key is sk-canary-0123");
    request.endpoint = "/v1/chat/completions?key=sk%2Dcanary-0123".to_owned();
    request.headers.insert("authorization", HeaderValue::from_static("Bearer sk-canary-0123"));
    body(&tape, request.clone()).await;
    assert!(finish(&tape, "c", true).await.is_empty());
    for (name, text) in files(root.path()) {
        assert!(!text.contains("canary") && text.contains("$API_KEY"), "{name} {text}");
    }
    let player = super::wire(Mode::Replay, Library::open(root.path(), &provider()), None, options);
    assert_eq!(body(&player, request).await, "{\"echo\":\"$API_KEY\"}");
}

#[tokio::test]
async fn record_if_missing_plays_first_and_asks_only_with_a_key() {
    let root = TempDir::new().unwrap();
    let live = fake(vec![json("{\"n\":1}"), json("{\"n\":2}")]);
    let without = Options { missing_key: Some("TOGETHER_API_KEY".to_owned()), ..Options::default() };
    let tape_without = tape(Mode::RecordIfMissing, root.path(), Some(Arc::clone(&live) as Shared), without);
    let error = hear(&tape_without, ask(Some("c"), "hi")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::MissingRecording);
    assert!(error.message.starts_with("no recording of ") && error.message.contains("set TOGETHER_API_KEY"));
    assert_eq!(live.calls.load(Ordering::SeqCst), 0);

    for expected in ["{\"n\":1}", "{\"n\":1}"] {
        let tape = tape(Mode::RecordIfMissing, root.path(), Some(Arc::clone(&live) as Shared), Options::default());
        assert_eq!(body(&tape, ask(Some("c"), "hi")).await, expected);
        finish(&tape, "c", true).await;
    }
    assert_eq!(live.calls.load(Ordering::SeqCst), 1);
    let tape = tape(Mode::RecordIfMissing, root.path(), Some(live as Shared), Options::default());
    for expected in ["{\"n\":1}", "{\"n\":2}"] {
        assert_eq!(body(&tape, ask(Some("c"), "hi")).await, expected);
    }
    finish(&tape, "c", true).await;
    assert_eq!(files(root.path()).len(), 2);
}

#[tokio::test]
async fn no_answer_is_no_recording_and_leaves_the_count_alone() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![]);
    let error = hear(&tape, ask(Some("c"), "hi")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Connect);
    live.answers.lock().unwrap().push_back(json("{}"));
    body(&tape, ask(Some("c"), "hi")).await;
    assert!(finish(&tape, "c", true).await.is_empty());
    assert!(files(root.path())[0].1.contains("\"origin\": \"real\""));
    assert_eq!(files(root.path()).len(), 1);
    // The recording is the reply to the first of the case's equal requests.
    assert_eq!(body(&player(root.path()), ask(Some("c"), "hi")).await, "{}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_recorders_at_once_lose_nothing() {
    let root = TempDir::new().unwrap();
    std::fs::create_dir(root.path().join("together")).unwrap();
    std::fs::write(root.path().join("together/.retake-dead.tmp"), "half").unwrap();
    let mut tasks = Vec::new();
    for part in 0..2 {
        let root = root.path().to_owned();
        tasks.push(tokio::spawn(async move {
            let (tape, _) = recorder(&root, vec![json("{\"n\":1}")]);
            for prompt in 0..20 {
                // Half of the prompts are sent by both.
                let prompt = if prompt % 2 == 0 { format!("{prompt}") } else { format!("{part} {prompt}") };
                body(&tape, ask(Some("c"), &prompt)).await;
            }
            finish(&tape, "c", true).await
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), Vec::<String>::new());
    }
    let all = files(root.path());
    assert_eq!(all.len(), 30);
    assert!(all.iter().all(|(_, text)| exchange::read(text).is_ok()));
}

#[tokio::test]
async fn a_case_that_begins_anew_in_the_same_run_asks_anew() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}")]);
    for n in [1, 2] {
        assert_eq!(body(&tape, ask(Some("c"), "hi")).await, format!("{{\"n\":{n}}}"));
        finish(&tape, "c", true).await;
    }
    assert_eq!(live.calls.load(Ordering::SeqCst), 2);
    assert_eq!(body(&player(root.path()), ask(Some("c"), "hi")).await, "{\"n\":2}");
}

#[tokio::test]
async fn what_a_case_did_not_ask_in_a_run_that_records_what_is_missing_stays_its_own() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for prompt in ["one", "two"] {
        body(&tape, ask(Some("s.yaml::c"), prompt)).await;
    }
    finish(&tape, "s.yaml::c", true).await;
    let two = files(root.path());
    // A whole recording run replaces what it recorded: one in which the case asked nothing replaces nothing.
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    assert_eq!(finish(&tape, "s.yaml::c", true).await, Vec::<String>::new());
    assert_eq!(files(root.path()), two);
    let live = fake(vec![json("{}")]) as Shared;
    let tape = super::tape(Mode::RecordIfMissing, root.path(), Some(live), Options::default());
    body(&tape, ask(Some("s.yaml::c"), "three")).await;
    assert_eq!(finish(&tape, "s.yaml::c", true).await, Vec::<String>::new());
    let all = files(root.path());
    assert!(all.len() == 3 && two.iter().all(|file| all.contains(file)), "{all:?}");
}

#[tokio::test]
async fn a_session_that_ended_is_written_unless_its_end_is_not_known_and_a_command_may_still_tell() {
    for (staging, verdict, count) in [
        (Staging::Command, Verdict::Passed, 1),
        (Staging::Command, Verdict::Unknown, 0),
        (Staging::Server, Verdict::Unknown, 1),
        (Staging::Case, Verdict::Unknown, 1),
    ] {
        let root = TempDir::new().unwrap();
        let options = Options { staging, ..Options::default() };
        let tape = super::tape(Mode::Record, root.path(), Some(fake(vec![json("{}")]) as Shared), options);
        body(&tape, ask(Some("session s"), "hi")).await;
        tape.finish_case("session s", verdict).await;
        assert_eq!(files(root.path()).len(), count, "{staging:?} {verdict:?}");
    }
}

#[tokio::test]
async fn an_error_that_was_recorded_unexpectedly_is_expected_once_a_case_that_saw_it_passes() {
    let root = TempDir::new().unwrap();
    let mut expected = Vec::new();
    for verdict in [Verdict::Unknown, Verdict::Passed, Verdict::Passed] {
        let (tape, _) = recorder(root.path(), vec![answer(429, "application/json", &["{}"])]);
        hear(&tape, ask(Some("session s"), "hi")).await.unwrap();
        let notes = tape.finish_case("session s", verdict).await.notes;
        let is_told = notes.iter().any(|note| note.contains("recorded as it came, although"));
        expected.push((files(root.path())[0].1.contains("\"expected\": true"), is_told));
    }
    assert_eq!(expected, [(false, false), (true, true), (true, false)]);
}

#[tokio::test]
async fn what_answered_a_case_by_the_name_of_another_is_not_worsened_by_a_run_of_unknown_end() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}")]);
    body(&tape, ask(Some("session a"), "hi")).await;
    tape.finish_case("session a", Verdict::Passed).await;
    let good = files(root.path());
    let (tape, _) = recorder(root.path(), vec![answer(503, "text/plain", &["busy"])]);
    hear(&tape, ask(Some("session b"), "hi")).await.unwrap();
    let notes = tape.finish_case("session b", Verdict::Unknown).await.notes;
    assert!(notes.len() == 1 && notes[0].contains("kept as it was, because the provider answered 503"), "{notes:?}");
    assert_eq!(files(root.path()), good);
}

#[tokio::test]
async fn what_one_case_recorded_stays_for_others_though_one_that_heard_it_failed() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![json("{}")]);
    for case in ["a", "b"] {
        body(&tape, ask(Some(case), "hi")).await;
    }
    assert_eq!(finish(&tape, "a", true).await, Vec::<String>::new());
    assert_eq!(finish(&tape, "b", false).await, Vec::<String>::new(), "it is written");
    body(&tape, ask(Some("c"), "hi")).await;
    assert_eq!((live.calls.load(Ordering::SeqCst), files(root.path()).len()), (1, 1));
}

#[tokio::test]
async fn a_recording_that_is_the_same_again_is_not_written_again() {
    let root = TempDir::new().unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for round in 0..2 {
        let (tape, _) = recorder(root.path(), vec![json("{}")]);
        body(&tape, ask(Some("s.yaml::c"), "hi")).await;
        finish(&tape, "s.yaml::c", true).await;
        let file = std::fs::File::options().write(true).open(root.path().join(&files(root.path())[0].0)).unwrap();
        match round {
            0 => file.set_modified(long_ago).unwrap(),
            _ => assert_eq!(file.metadata().unwrap().modified().unwrap(), long_ago),
        }
    }
}

#[tokio::test]
async fn a_real_reply_takes_the_place_of_an_equal_one_of_a_script_and_not_the_other_way_round() {
    let root = TempDir::new().unwrap();
    let mut labels = Vec::new();
    for simulated in [true, false, true] {
        let (tape, _) = recorder(root.path(), vec![Answer { simulated, ..json("{}") }]);
        body(&tape, ask(Some("s.yaml::c"), "hi")).await;
        finish(&tape, "s.yaml::c", true).await;
        labels.push(files(root.path())[0].1.contains("\"origin\": \"simulated\""));
    }
    assert_eq!(labels, [true, false, false]);
}

#[tokio::test]
async fn a_reply_that_two_sessions_of_a_server_heard_is_kept_at_once_for_both() {
    let root = TempDir::new().unwrap();
    let options = Options { staging: Staging::Server, ..Options::default() };
    let tape = super::tape(Mode::Record, root.path(), Some(fake(vec![json("{}")]) as Shared), options);
    for session in ["session a", "session b"] {
        body(&tape, ask(Some(session), "hi")).await;
    }
    let owners = exchange::read(&files(root.path())[0].1).unwrap().owners;
    assert_eq!(owners.cases().collect::<Vec<_>>(), ["a", "b"]);
    finish(&tape, "session a", false).await;
    let owners = exchange::read(&files(root.path())[0].1).unwrap().owners;
    assert_eq!(owners.cases().collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn a_missing_key_matters_where_a_recording_may_answer_instead_and_the_request_needs_one() {
    let root = TempDir::new().unwrap();
    let without = Options { missing_key: Some("TOGETHER_API_KEY".to_owned()), ..Options::default() };
    for (mode, auth, is_sent) in [
        (Mode::RecordIfMissing, Auth::Provider, false),
        (Mode::RecordIfMissing, Auth::None, true),
        // The provider's own answer tells of the missing key.
        (Mode::Record, Auth::Provider, true),
    ] {
        let live = fake(vec![json("{}")]);
        let tape = super::tape(mode, root.path(), Some(Arc::clone(&live) as Shared), without.clone());
        let request = Request { auth, ..ask(None, "hi") };
        assert_eq!(hear(&tape, request).await.is_ok(), is_sent, "{mode}");
        assert_eq!(live.calls.load(Ordering::SeqCst), usize::from(is_sent), "{mode}");
    }
}

#[tokio::test]
async fn what_waited_for_nobody_is_not_touched_by_how_the_command_ends() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    body(&tape, ask(None, "hi")).await;
    tape.conclude(Verdict::Failed, "the command ended with 1").await;
    assert_eq!((tape.take_notes(), files(root.path()).len()), (Vec::new(), 1));
}
