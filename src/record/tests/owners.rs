//! The owners of recordings: none is lost, and none is mixed up with another.

use super::*;

fn next(number: usize) -> String {
    format!("{{\"call\":{number}}}")
}

/// Replies to an upstream's requests, each with another call.
fn calls() -> Vec<Answer> {
    (1..100).map(|number| json(&next(number))).collect()
}

#[tokio::test]
async fn two_sessions_with_an_equal_first_step_replay_as_they_were_recorded() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), calls());
    let step = |call: &str, weather: &str| format!("U {call} {weather}");
    let (a, b) = (Some("session a"), Some("session b"));
    let mut heard = Vec::new();
    for (session, weather) in [(a, "sunny"), (b, "rainy")] {
        let call = body(&tape, ask(session, "U")).await;
        heard.push((session, weather, call.clone(), body(&tape, ask(session, &step(&call, weather))).await));
        assert!(finish(&tape, session.unwrap(), true).await.is_empty());
    }
    assert_eq!(live.calls.load(Ordering::SeqCst), 3, "the first step is asked once");
    for (session, weather, call, answer) in heard {
        let player = player(root.path());
        assert_eq!(body(&player, ask(session, "U")).await, call);
        assert_eq!(body(&player, ask(session, &step(&call, weather))).await, answer);
    }
}

#[tokio::test]
async fn recording_one_case_anew_leaves_the_others_what_they_share() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for case in ["s.yaml::sunny", "s.yaml::rainy", "s.yaml::windy"] {
        assert_eq!(body(&tape, ask(Some(case), "U")).await, next(1));
        finish(&tape, case, true).await;
    }
    let (tape, _) = recorder(root.path(), vec![json(&next(7))]);
    body(&tape, ask(Some("s.yaml::rainy"), "U")).await;
    assert!(finish(&tape, "s.yaml::rainy", true).await.is_empty());
    let player = player(root.path());
    for (case, call) in [("s.yaml::sunny", 1), ("s.yaml::rainy", 7), ("s.yaml::windy", 1)] {
        assert_eq!(body(&player, ask(Some(case), "U")).await, next(call), "{case}");
    }
    assert_eq!(files(root.path()).len(), 2);
    // The other cases follow, and a file without owners is removed.
    let (tape, _) = recorder(root.path(), vec![json(&next(7))]);
    for case in ["s.yaml::sunny", "s.yaml::windy"] {
        body(&tape, ask(Some(case), "U")).await;
        finish(&tape, case, true).await;
    }
    assert_eq!(files(root.path()).len(), 1);
}

#[tokio::test]
async fn what_a_case_asks_no_longer_is_no_longer_its_own() {
    let root = TempDir::new().unwrap();
    let case = Some("s.yaml::c");
    let (tape, _) = recorder(root.path(), calls());
    for _ in 0..3 {
        body(&tape, ask(case, "U")).await;
    }
    finish(&tape, "s.yaml::c", true).await;
    assert_eq!(files(root.path()).len(), 3);
    let (tape, _) = recorder(root.path(), vec![json(&next(9))]);
    body(&tape, ask(case, "U")).await;
    let notes = finish(&tape, "s.yaml::c", true).await;
    assert!(
        notes.iter().all(|note| note.contains("removed, because no case is left")) && notes.len() == 2,
        "{notes:?}"
    );
    let player = player(root.path());
    assert_eq!(body(&player, ask(case, "U")).await, next(9));
    assert_eq!(hear(&player, ask(case, "U")).await.unwrap_err().kind, ErrorKind::MissingRecording);

    // The case sends another prompt instead: the old recording is removed, unless another case has it too.
    let (tape, _) = recorder(root.path(), vec![json(&next(10))]);
    body(&tape, ask(case, "V")).await;
    let notes = finish(&tape, "s.yaml::c", true).await;
    assert!(notes.len() == 1 && notes[0].contains("s.yaml::c, for which it was, asks something else now"), "{notes:?}");
    assert_eq!(files(root.path()).len(), 1);
}

#[tokio::test]
async fn what_a_case_asks_no_longer_stays_with_the_others_that_ask_it() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for case in ["s.yaml::c", "s.yaml::d"] {
        assert_eq!(body(&tape, ask(Some(case), "U")).await, next(1));
        finish(&tape, case, true).await;
    }
    let (tape, _) = recorder(root.path(), vec![json(&next(2))]);
    body(&tape, ask(Some("s.yaml::c"), "V")).await;
    assert_eq!(finish(&tape, "s.yaml::c", true).await, Vec::<String>::new());
    assert_eq!(body(&player(root.path()), ask(Some("s.yaml::d"), "U")).await, next(1));
    let owners = |call: usize| {
        let (_, text) =
            files(root.path()).into_iter().find(|(_, text)| text.contains(&format!("\"call\": {call}"))).unwrap();
        exchange::read(&text).unwrap().owners.cases().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((owners(1), owners(2)), (vec!["s.yaml::d".to_owned()], vec!["s.yaml::c".to_owned()]));
}

#[tokio::test]
async fn a_recording_for_any_number_of_requests_stays_as_it_is_where_its_reply_comes_again() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    body(&tape, ask(Some("s.yaml::c"), "U")).await;
    finish(&tape, "s.yaml::c", true).await;
    let (name, text) = files(root.path()).remove(0);
    let repeating = text.replacen("\"version\": \"1.1\"", "\"version\": \"1.1\",\n    \"repeat\": true", 1);
    std::fs::write(root.path().join(name), repeating).unwrap();
    let kept = files(root.path());
    let (tape, _) = recorder(root.path(), vec![json(&next(1))]);
    for _ in 0..3 {
        body(&tape, ask(Some("s.yaml::c"), "U")).await;
    }
    finish(&tape, "s.yaml::c", true).await;
    assert_eq!(files(root.path()), kept);
}

#[tokio::test]
async fn requests_of_no_case_begin_anew_with_each_recorder() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for _ in 0..3 {
        body(&tape, ask(None, "U")).await;
    }
    let (tape, _) = recorder(root.path(), vec![json(&next(9))]);
    body(&tape, ask(None, "U")).await;
    assert_eq!(files(root.path()).len(), 1, "{:?}", tape.take_notes());
    assert_eq!(body(&player(root.path()), ask(None, "U")).await, next(9));
}

/// Answers requests in reverse order, the last one first.
struct LastFirst(tokio::sync::Barrier, AtomicUsize);

impl Upstream for LastFirst {
    fn send(&self, _: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        let number = self.1.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            self.0.wait().await;
            for _ in number..50 {
                tokio::task::yield_now().await;
            }
            let headers =
                HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
            Ok(Reply::whole(StatusCode::OK, headers, next(number)))
        }
        .boxed()
    }
}

#[tokio::test]
async fn equal_requests_at_once_keep_their_places_however_late_their_replies() {
    for (case, count) in [(Some("session s"), 4), (None, 4), (None, 40)] {
        let root = TempDir::new().unwrap();
        let live = Arc::new(LastFirst(tokio::sync::Barrier::new(count), AtomicUsize::new(0)));
        let tape = Arc::new(super::tape(Mode::Record, root.path(), Some(live), Options::default()));
        let asked = (0..count).map(|_| body(&tape, ask(case, "U")));
        let heard = futures_util::future::join_all(asked).await;
        finish(&tape, "session s", true).await;
        assert_eq!(files(root.path()).len(), count);
        let player = player(root.path());
        for reply in heard {
            assert_eq!(body(&player, ask(case, "U")).await, reply);
        }
    }
}

#[tokio::test]
async fn a_recording_answers_under_any_name_and_in_any_place() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for prompt in ["one", "two"] {
        body(&tape, ask(None, prompt)).await;
    }
    let (name, _) = files(root.path()).remove(0);
    let path = root.path().join(&name);
    for other in ["mine.json", &format!("{}.json", "0f".repeat(32)), "models-1-2.json", "aaaaaaaaaaaa.json"] {
        std::fs::rename(&path, root.path().join("together").join(other)).unwrap();
        for (prompt, call) in [("one", 1), ("two", 2)] {
            assert_eq!(body(&player(root.path()), ask(None, prompt)).await, next(call), "{other}");
        }
        assert!(hear(&player(root.path()), ask(None, "three")).await.is_err());
        std::fs::rename(root.path().join("together").join(other), &path).unwrap();
    }
}

/// Makes folders look as if nobody had written to them for a while, so that what is listed of them is trusted.
#[cfg(unix)]
fn age(root: &Path) {
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    for folder in [root.to_owned(), root.join("together")] {
        std::fs::File::open(folder).unwrap().set_modified(long_ago).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_under_the_name_of_another_request_answers_its_own_also_when_it_is_at_hand() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for prompt in ["one", "two", "three"] {
        body(&tape, ask(None, prompt)).await;
    }
    let all: Vec<_> = files(root.path()).into_iter().map(|(name, _)| root.path().join(name)).collect();
    let texts: Vec<String> = all.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for (at, path) in all.iter().enumerate() {
        std::fs::write(path, &texts[(at + 1) % 3]).unwrap();
    }
    age(root.path());
    let player = player(root.path());
    for _ in 0..2 {
        for (prompt, call) in [("one", 1), ("two", 2), ("three", 3)] {
            assert_eq!(body(&player, ask(Some("s.yaml::c"), prompt)).await, next(call));
            player.finish_case("s.yaml::c", Verdict::Passed).await;
        }
    }
    std::fs::rename(&all[0], root.path().join("together/aaaaaaaaaaaa.json")).unwrap();
    age(root.path());
    let player = super::player(root.path());
    for (prompt, call) in [("one", 1), ("two", 2), ("three", 3), ("one", 1), ("two", 2), ("three", 3)] {
        assert_eq!(body(&player, ask(Some(prompt), prompt)).await, next(call), "none may be under its name");
        player.finish_case(prompt, Verdict::Passed).await;
    }
}

/// The recording as older versions of retake wrote it.
fn older(text: &str) -> String {
    let old = text.replace("\"version\": \"1.1\"", "\"version\": 1");
    old.lines()
        .filter(|line| !line.contains("\"repeats\"") && !line.contains("\"digest\""))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn a_file_of_an_older_version_answers_its_own_request_whatever_its_name() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for prompt in ["one", "two"] {
        body(&tape, ask(None, prompt)).await;
    }
    let all: Vec<_> =
        files(root.path()).into_iter().map(|(name, text)| (root.path().join(name), older(&text))).collect();
    for (at, (path, _)) in all.iter().enumerate() {
        std::fs::write(path, &all[1 - at].1).unwrap();
    }
    let found = exchange::read(&all[0].1).unwrap();
    assert!(matches!(found.owners, Owners::ByOrder { .. }), "{:?}", found.owners);
    for (prompt, call) in [("one", 1), ("two", 2)] {
        assert_eq!(body(&player(root.path()), ask(None, prompt)).await, next(call));
    }
}

#[tokio::test]
async fn a_second_reply_is_found_beside_the_first_under_whatever_name() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for _ in 0..2 {
        body(&tape, ask(Some("s.yaml::c"), "U")).await;
    }
    finish(&tape, "s.yaml::c", true).await;
    let second = files(root.path()).into_iter().find(|(_, text)| text.contains("\"call\": 2")).unwrap();
    std::fs::rename(root.path().join(second.0), root.path().join("together/mine.json")).unwrap();
    let player = player(root.path());
    for call in [1, 2] {
        assert_eq!(body(&player, ask(Some("s.yaml::c"), "U")).await, next(call));
    }
}

#[tokio::test]
async fn a_case_without_recordings_goes_on_with_those_of_the_case_that_answered_it_last() {
    let root = TempDir::new().unwrap();
    let (_, _) = recorder(root.path(), calls());
    for (case, prompts, first) in [("s.yaml::a", ["U", "A"], 1), ("s.yaml::b", ["U", "B"], 3)] {
        let (tape, _) = recorder(root.path(), vec![json(&next(first)), json(&next(first + 1))]);
        for prompt in prompts {
            body(&tape, ask(Some(case), prompt)).await;
        }
        finish(&tape, case, true).await;
    }
    let last_of = async |prompts: &[&str]| {
        let (player, mut last) = (player(root.path()), String::new());
        for prompt in prompts {
            last = body(&player, ask(Some("s.yaml::renamed"), prompt)).await;
        }
        last
    };
    assert_eq!(last_of(&["A", "U"]).await, next(1));
    assert_eq!(last_of(&["B", "U"]).await, next(3));
    assert_eq!(last_of(&["B", "A", "U"]).await, next(1));
}

#[tokio::test]
async fn a_chain_that_lacks_its_first_reply_says_so() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), calls());
    for _ in 0..3 {
        body(&tape, ask(Some("s.yaml::c"), "U")).await;
    }
    finish(&tape, "s.yaml::c", true).await;
    let first = files(root.path()).into_iter().find(|(_, text)| text.contains("\"call\": 1")).unwrap();
    std::fs::remove_file(root.path().join(first.0)).unwrap();
    let player = player(root.path());
    let error = hear(&player, ask(Some("s.yaml::c"), "U")).await.unwrap_err();
    assert!(error.message.contains("the file with the 1st reply is missing"), "{}", error.message);
}

#[tokio::test]
async fn a_session_of_a_server_is_kept_at_once_where_it_replaces_nothing_and_taken_back_when_it_fails() {
    let root = TempDir::new().unwrap();
    let options = Options { staging: Staging::Server, ..Options::default() };
    let server = |answers| super::tape(Mode::Record, root.path(), Some(fake(answers) as Shared), options.clone());
    let tape = server(vec![json(&next(1))]);
    body(&tape, ask(Some("session s"), "U")).await;
    assert_eq!(files(root.path()).len(), 1, "nobody may ever finish it");
    finish(&tape, "session s", false).await;
    assert_eq!(files(root.path()).len(), 0);
    body(&tape, ask(Some("session s"), "U")).await;
    finish(&tape, "session s", true).await;

    // An older recording stays until the session has ended well.
    let good = files(root.path());
    for (verdict, changes) in [(Verdict::Failed, false), (Verdict::Passed, true)] {
        let tape = server(vec![json(&next(2))]);
        body(&tape, ask(Some("session s"), "U")).await;
        assert_eq!(files(root.path()), good);
        tape.finish_case("session s", verdict).await;
        assert_eq!(files(root.path()) != good, changes);
    }
}

#[tokio::test]
async fn what_waits_for_the_end_of_a_command_is_kept_when_it_ends_well() {
    for (verdict, keep_failed, kept) in
        [(Verdict::Passed, false, 2), (Verdict::Failed, false, 0), (Verdict::Failed, true, 2)]
    {
        let root = TempDir::new().unwrap();
        let options = Options { staging: Staging::Command, keep_failed, ..Options::default() };
        let tape = super::tape(Mode::Record, root.path(), Some(fake(calls()) as Shared), options);
        body(&tape, ask(None, "U")).await;
        body(&tape, ask(Some("session s"), "V")).await;
        tape.finish_case("session s", Verdict::Unknown).await;
        assert_eq!(files(root.path()).len(), 0);
        tape.conclude(verdict, "the command ended with 1").await;
        assert_eq!(files(root.path()).len(), kept, "{verdict:?} {keep_failed}");
        let said = tape.take_notes();
        assert_eq!(
            said.iter().filter(|note| note.contains("because the command ended with 1")).count(),
            2 - kept,
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn one_request_that_is_recorded_again_leaves_the_later_repeats_of_another() {
    // Whichever of the two is written first.
    for (thrice, once) in [("U", "V"), ("V", "U")] {
        let root = TempDir::new().unwrap();
        let case = Some("s.yaml::c");
        let (tape, _) = recorder(root.path(), calls());
        for prompt in [once, thrice, thrice, thrice] {
            body(&tape, ask(case, prompt)).await;
        }
        finish(&tape, "s.yaml::c", true).await;
        for (name, _) in files(root.path()).iter().filter(|(name, _)| !name.contains('-')) {
            std::fs::remove_file(root.path().join(name)).unwrap();
        }
        let live = fake(vec![json(&next(8)), json(&next(9))]);
        let tape = tape_of(Mode::RecordIfMissing, root.path(), live);
        for (prompt, call) in [(once, 8), (thrice, 9), (thrice, 3), (thrice, 4)] {
            assert_eq!(body(&tape, ask(case, prompt)).await, next(call));
        }
        assert!(finish(&tape, "s.yaml::c", true).await.is_empty());
        let player = player(root.path());
        for call in [9, 3, 4] {
            assert_eq!(body(&player, ask(case, thrice)).await, next(call));
        }
    }
}

fn tape_of(mode: Mode, root: &Path, live: Arc<Fake>) -> Tape {
    tape(mode, root, Some(live as Shared), Options::default())
}

#[tokio::test]
async fn a_switch_of_protocols_is_refused_where_it_could_not_be_replayed() {
    let root = TempDir::new().unwrap();
    for mode in [Mode::Record, Mode::RecordIfMissing, Mode::Replay] {
        let error = tape_of(mode, root.path(), fake(vec![])).switch(ask(None, "U")).await.err().unwrap();
        assert!(error.message.contains("only mode live passes it on"), "{mode}: {}", error.message);
    }
}
