//! Requests that no recording answers: missing or stale, and to which cases the recordings belong.

use super::*;

#[tokio::test]
async fn a_miss_says_what_is_near_and_what_to_do() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for prompt in ["Which planet do humans live on?", "What is the capital of France?"] {
        body(&tape, ask(None, prompt)).await;
    }
    let player = player(root.path());
    let error = hear(&player, ask(Some("suite.yaml::a[b]"), "Which planets do humans live on?")).await.unwrap_err();
    let message = error.message.replace(&root.path().display().to_string(), "recordings");
    insta::assert_snapshot!(message, @r#"
    no recording of POST /v1/chat/completions (together)
      case: suite.yaml::a[b]
      looked for: recordings/together/75580c139571.json, and in all other files
      nearest recording: recordings/together/af593094ee31.json
        differs at $.messages[0].content
          recorded: "Which planet do humans live on?"
          asked:    "Which planets do humans live on?"
      likely cause: the prompt was changed after it was recorded, or this one was never recorded
    "#);
    let without_key = Request { auth: Auth::None, ..ask(None, "What is the capital of France?") };
    let error = hear(&player, without_key).await.unwrap_err();
    assert!(error.message.contains("recorded with a key and asked without one"), "{}", error.message);
    assert!(error.message.contains("they differ only in whether a key is sent"), "{}", error.message);
    let elsewhere = Request { endpoint: "/v1/embeddings".to_owned(), ..ask(None, "x") };
    let error = hear(&player, elsewhere).await.unwrap_err();
    assert!(error.message.contains("none of 2 recordings is for POST /v1/embeddings"), "{}", error.message);
}

#[tokio::test]
async fn long_texts_are_shown_where_they_part() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    let lines = |from: &str| (0..40).map(|line| format!("{from} {line}")).collect::<Vec<_>>().join("\n");
    let long = "Once upon a time there was a mouse. ".repeat(10);
    let asked =
        [(lines("Rule"), lines("Rule").replace("Rule 20\n", "Rule twenty\n")), (long.clone(), long + "The end.")];
    let mut said = String::new();
    for (number, (recorded, asked)) in asked.iter().enumerate() {
        body(&tape, ask(Some(&format!("{number}")), recorded)).await;
        finish(&tape, &number.to_string(), true).await;
        let error = hear(&player(root.path()), ask(Some(&number.to_string()), asked)).await.unwrap_err();
        let part = error.message.split_once("differs at").unwrap().1;
        said.push_str(part.split_once("likely").unwrap().0);
    }
    insta::assert_snapshot!(said, @"
    $.messages[0].content: - recorded, + asked
           ... 18 equal lines
           Rule 18
           Rule 19
         - Rule 20
         + Rule twenty
           Rule 21
           Rule 22
           ... 17 equal lines
      $.messages[0].content
         recorded: … there was a mouse.  (from character 340)
         asked:    … there was a mouse. The end. (from character 340)
    ");
}

/// Records these prompts for `case`.
async fn records(tape: &Tape, case: &str, prompts: &[&str]) {
    for prompt in prompts {
        body(tape, ask(Some(case), prompt)).await;
    }
    assert_eq!(finish(tape, case, true).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_request_of_a_recorded_case_that_has_changed_has_a_stale_recording() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    let case = "suites/s.yaml::a[txt=together/m]";
    records(&tape, case, &["Which planet do humans live on?", "And then?"]).await;
    records(&tape, "suites/s.yaml::b", &["Which planet do we live on?"]).await;
    let miss = async |case: &str, prompt: &str| hear(&player(root.path()), ask(Some(case), prompt)).await.unwrap_err();
    let error = miss(case, "Which planet do we all live on?").await;
    assert_eq!(error.kind, ErrorKind::StaleRecording);
    let message = error.message.replace(&root.path().display().to_string(), "recordings");
    insta::assert_snapshot!(message, @r#"
    the recording of this case is stale: it asks POST /v1/chat/completions (together) differently now
      case: suites/s.yaml::a[txt=together/m]
      recording of this case: recordings/together/af593094ee31.json
        differs at $.messages[0].content
          recorded: "Which planet do humans live on?"
          asked:    "Which planet do we all live on?"
      likely cause: the prompt was changed after it was recorded
    "#);
    // Without a gateway, the case id has no provider.
    assert_eq!(miss("suites/s.yaml::a[txt=m]", "And now?").await.kind, ErrorKind::StaleRecording);
    for other in ["suites/s.yaml::c", "suites/s.yaml::a[txt=together/other]"] {
        let error = miss(other, "And now?").await;
        assert_eq!(error.kind, ErrorKind::MissingRecording, "{other}");
        let cause = "likely cause: it was never recorded, or its recording was removed: the nearest recording is that of another case";
        assert!(error.message.contains(cause), "{}", error.message);
    }
    let elsewhere = Request { endpoint: "/v1/embeddings".to_owned(), ..ask(Some(case), "x") };
    assert_eq!(hear(&player(root.path()), elsewhere).await.unwrap_err().kind, ErrorKind::MissingRecording);
}

#[tokio::test]
async fn what_a_case_asks_besides_what_was_recorded_of_it_is_missing() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    records(&tape, "s.yaml::a", &["one", "two"]).await;
    let player = player(root.path());
    body(&player, ask(Some("s.yaml::a"), "one")).await;
    // `two` has not been asked yet: `three` may be its new form.
    let kind = async |prompt: &str| hear(&player, ask(Some("s.yaml::a"), prompt)).await.unwrap_err().kind;
    assert_eq!(kind("three").await, ErrorKind::StaleRecording);
    body(&player, ask(Some("s.yaml::a"), "two")).await;
    assert_eq!(kind("three").await, ErrorKind::MissingRecording);
    assert_eq!(kind("one").await, ErrorKind::MissingRecording, "one more of the same is no change");
    let kinds: Vec<ErrorKind> = player.misses(Some("s.yaml::a")).into_iter().map(|miss| miss.kind).collect();
    use ErrorKind::{MissingRecording, StaleRecording};
    assert_eq!(kinds, [StaleRecording, MissingRecording, MissingRecording]);
}

#[tokio::test]
async fn a_recording_names_every_case_that_made_it_and_no_other() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![json("{}")]);
    body(&tape, ask(Some("s.yaml::a"), "hi")).await;
    body(&tape, ask(Some("./s.yaml::b"), "hi")).await;
    body(&tape, ask(Some("s.yaml::failed"), "hi")).await;
    for (case, passed) in [("s.yaml::a", true), ("s.yaml::failed", false), ("./s.yaml::b", true)] {
        finish(&tape, case, passed).await;
    }
    assert_eq!(live.calls.load(Ordering::SeqCst), 1);
    let cases =
        || exchange::read(&files(root.path())[0].1).unwrap().owners.cases().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cases(), ["s.yaml::a", "s.yaml::b"]);
    // Other cases record the same reply anew.
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for case in ["s.yaml::c", "session 17"] {
        body(&tape, ask(Some(case), "hi")).await;
        finish(&tape, case, true).await;
    }
    assert_eq!(cases(), ["17", "s.yaml::a", "s.yaml::b", "s.yaml::c"]);
}

/// The kind of a miss and the likely cause in its message, when `recorded` was recorded by the case that asks, or by
/// none, and `asked` is sent.
async fn cause(case: Option<&str>, recorded: serde_json::Value, asked: serde_json::Value) -> String {
    let root = TempDir::new().unwrap();
    let of = |body: &serde_json::Value| Request { body: body.to_string().into(), ..ask(case, "") };
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    body(&tape, of(&recorded)).await;
    tape.conclude(Verdict::Passed, "").await;
    let error = hear(&player(root.path()), of(&asked)).await.unwrap_err();
    error.message.split_once("likely cause: ").unwrap().1.to_owned()
}

#[tokio::test]
async fn the_likely_cause_of_a_miss_is_what_differs_first() {
    let request = |members: serde_json::Value| {
        let mut request = serde_json::json!({"model": "m", "input": "hi"});
        request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        request
    };
    let plain = || request(serde_json::json!({}));
    let rows = [
        (serde_json::json!({"model": "n"}), "another model than the recorded one: see the setup and its models"),
        (serde_json::json!({"stream": true}), "the request has $.stream and the recording has not"),
        (
            serde_json::json!({"input": "ho"}),
            "the prompt was changed after it was recorded, or this one was never recorded",
        ),
    ];
    for (members, said) in rows {
        let cause = cause(None, plain(), request(members)).await;
        assert!(cause.starts_with(said), "{cause}");
    }
    let cause_of = async |recorded, asked| cause(None, request(recorded), request(asked)).await;
    let streamed = cause_of(serde_json::json!({"stream": false}), serde_json::json!({"stream": true})).await;
    assert_eq!(streamed, "only the other form, streamed or whole, was recorded");
    let without = cause_of(serde_json::json!({"seed": 7}), serde_json::json!({})).await;
    assert_eq!(without, "the recording has $.seed and the request has not: the case or the client was changed");
    let other = cause_of(serde_json::json!({"seed": 7}), serde_json::json!({"seed": 8})).await;
    assert_eq!(other, "$.seed was changed after it was recorded, or this one was never recorded");
    let longer = cause_of(serde_json::json!({"input": ["a"]}), serde_json::json!({"input": ["a", "b"]})).await;
    assert!(longer.starts_with("the request has $.input[1] and the recording has not"), "{longer}");
    // Of a case that recorded it, it is certain that it was recorded.
    let own = cause(Some("s.yaml::a"), plain(), request(serde_json::json!({"input": "ho"}))).await;
    assert_eq!(own, "the prompt was changed after it was recorded");
}

#[tokio::test]
async fn of_many_differences_the_first_are_shown_and_the_rest_is_counted() {
    let root = TempDir::new().unwrap();
    let of = |values: [u8; 5], count: usize| {
        let members = ["a", "b", "c", "d", "e"].into_iter().zip(values).take(count);
        let body: serde_json::Map<_, _> = members.map(|(name, value)| (name.to_owned(), value.into())).collect();
        Request { body: serde_json::Value::Object(body).to_string().into(), ..ask(None, "") }
    };
    let message = async |count: usize| {
        let root = root.path().join(count.to_string());
        body(&recorder(&root, vec![json("{}")]).0, of([0; 5], count)).await;
        hear(&player(&root), of([1; 5], count)).await.unwrap_err().message
    };
    for (count, shown, more) in [(2, 2, None), (3, 3, None), (4, 3, Some(1)), (5, 3, Some(2))] {
        let message = message(count).await;
        assert_eq!(message.matches("differs at").count(), shown, "{message}");
        let said = message.split_once("and at ").map(|(_, rest)| rest.split_once(" more places").unwrap().0);
        assert_eq!(said, more.map(|more: usize| more.to_string()).as_deref(), "{message}");
    }
}

#[tokio::test]
async fn the_nearest_recording_has_the_same_method_and_the_first_of_equals_is_shown() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    body(&tape, Request { method: Method::PUT, ..ask(None, "hi there") }).await;
    body(&tape, ask(None, "good morning")).await;
    let without_key = Request { auth: Auth::None, ..ask(None, "good morning") };
    body(&tape, without_key).await;
    let error = hear(&player(root.path()), ask(None, "hi there")).await.unwrap_err();
    // One place differs in the one, and two in the one without a key.
    assert!(error.message.contains("recorded: \"good morning\""), "{}", error.message);
    assert!(!error.message.contains("a key"), "{}", error.message);
    let deleted = Request { method: Method::DELETE, ..ask(None, "hi there") };
    let error = hear(&player(root.path()), deleted).await.unwrap_err();
    assert!(error.message.contains("none of 3 recordings is for DELETE"), "{}", error.message);
}

#[tokio::test]
async fn fewer_differing_places_are_nearer_and_of_equals_the_first_file() {
    let root = TempDir::new().unwrap();
    let of =
        |a: &str, b: &str| Request { body: serde_json::json!({"a": a, "b": b}).to_string().into(), ..ask(None, "") };
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for (a, b) in [("quite another text", "same"), ("abcdefghij1", "same1")] {
        body(&tape, of(a, b)).await;
    }
    let error = hear(&player(root.path()), of("abcdefghij", "same")).await.unwrap_err();
    assert!(error.message.contains("recorded: \"quite another text\""), "{}", error.message);

    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for a in ["text 1", "text 2", "text 3"] {
        body(&tape, of(a, "same")).await;
    }
    let error = hear(&player(root.path()), of("text 4", "same")).await.unwrap_err();
    let first = format!("nearest recording: {}", root.path().join(&files(root.path())[0].0).display());
    assert!(error.message.contains(&first), "{}", error.message);
}

#[tokio::test]
async fn a_text_that_has_gained_lines_is_compared_line_by_line() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    body(&tape, ask(None, "Answer briefly.")).await;
    let error = hear(&player(root.path()), ask(None, "Answer briefly.\nIn French.")).await.unwrap_err();
    assert!(error.message.contains(": - recorded, + asked"), "{}", error.message);
    assert!(error.message.contains("+ In French."), "{}", error.message);
}

#[tokio::test]
async fn in_a_shared_folder_only_recordings_of_the_providers_hosts_are_near() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for prompt in ["hi there", "good morning"] {
        body(&tape, ask(None, prompt)).await;
    }
    for (name, text) in files(root.path()) {
        let elsewhere = text.replace("api.together.xyz", "api.other.example");
        let text = if text.contains("hi there") { &elsewhere } else { &text };
        std::fs::write(root.path().join(Path::new(&name).file_name().unwrap()), text).unwrap();
    }
    std::fs::remove_dir_all(root.path().join("together")).unwrap();
    let error = hear(&player(root.path()), ask(None, "hi there!")).await.unwrap_err();
    assert!(error.message.contains("recorded: \"good morning\""), "{}", error.message);
    let deleted = Request { method: Method::DELETE, ..ask(None, "hi there") };
    let error = hear(&player(root.path()), deleted).await.unwrap_err();
    assert!(error.message.contains("none of 1 recordings is for DELETE"), "{}", error.message);
}
