//! Requests to which no reply came.

use super::*;

fn nothing() -> Answer {
    answer(0, "", &[])
}

#[tokio::test]
async fn a_retry_that_is_answered_takes_the_place_of_the_request() {
    for case in [Some("c"), None] {
        let root = TempDir::new().unwrap();
        let (tape, _) = recorder(root.path(), vec![nothing(), nothing(), json("{\"n\":1}")]);
        for _ in 0..2 {
            assert_eq!(hear(&tape, ask(case, "hi")).await.unwrap_err().kind, ErrorKind::Connect);
        }
        assert_eq!(body(&tape, ask(case, "hi")).await, "{\"n\":1}");
        finish(&tape, "c", true).await;
        assert_eq!((tape.unanswered(), tape.failures()), (vec![], vec![]));
        assert_eq!(body(&player(root.path()), ask(case, "hi")).await, "{\"n\":1}");
    }
}

#[tokio::test]
async fn a_request_that_replay_would_miss_is_named_once_and_fails_the_run() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![nothing()]);
    for case in [Some("c"), Some("d"), None] {
        hear(&tape, ask(case, "hi")).await.unwrap_err();
    }
    assert!(finish(&tape, "c", true).await.is_empty());
    let why = "POST /v1/chat/completions: no reply came, so there is no recording, and replay misses this request: \
               nobody is there";
    assert_eq!((tape.unanswered(), tape.failures()), (vec![why.to_owned()], vec![why.to_owned()]));
    assert_eq!(tape.unanswered(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_failed_case_asked_in_vain_counts_for_nothing() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![nothing()]);
    hear(&tape, ask(Some("c"), "hi")).await.unwrap_err();
    finish(&tape, "c", false).await;
    assert!(tape.unanswered().is_empty());
}

#[tokio::test]
async fn a_request_that_an_older_recording_answers_is_not_missed() {
    let root = TempDir::new().unwrap();
    let (before, _) = recorder(root.path(), vec![json("{}")]);
    body(&before, ask(None, "hi")).await;
    let (tape, _) = recorder(root.path(), vec![nothing()]);
    hear(&tape, ask(None, "hi")).await.unwrap_err();
    assert!(tape.unanswered().is_empty());
}

#[tokio::test]
async fn a_whole_run_that_ends_well_tells_what_replay_would_miss() {
    for (verdict, count) in [(Verdict::Passed, 1), (Verdict::Unknown, 1), (Verdict::Failed, 0)] {
        let root = TempDir::new().unwrap();
        let set = TapeSet::default();
        let live = Some(fake(vec![nothing()]) as Shared);
        let tape = set.open(Mode::Record, Library::open(root.path(), &provider()), live, Options::default());
        hear(&tape, ask(Some("session s"), "hi")).await.unwrap_err();
        set.conclude(verdict, "").await;
        assert_eq!((set.take_notes().len(), set.failures().len()), (count, count), "{verdict:?}");
    }
}
