//! Requests to which no reply came.

use std::time::Duration;

use tokio::sync::Notify;

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

#[tokio::test]
async fn a_retry_of_a_client_that_no_longer_waits_takes_the_place_of_its_request() {
    for case in [Some("c"), None] {
        let root = TempDir::new().unwrap();
        let live = slow(vec![json("{\"n\":1}"), json("{\"n\":2}")]);
        let options = Options { patience: Duration::from_millis(1), ..Options::default() };
        let tape = tape(Mode::Record, root.path(), Some(live as Shared), options);
        leave(&tape, case).await;
        assert_eq!(body(&tape, ask(case, "hi")).await, "{\"n\":1}");
        assert_eq!(body(&tape, ask(case, "hi")).await, "{\"n\":2}");
        finish(&tape, "c", true).await;
        tape.settle().await;
        assert_eq!((tape.unanswered(), tape.failures()), (vec![], vec![]));
        let player = player(root.path());
        assert_eq!(body(&player, ask(case, "hi")).await, "{\"n\":1}");
        assert_eq!(body(&player, ask(case, "hi")).await, "{\"n\":2}");
    }
}

#[tokio::test]
async fn the_reply_to_the_retry_is_recorded_whether_the_first_reply_came_before_it_or_not() {
    for (case, is_silent) in [(Some("c"), true), (Some("c"), false), (None, true), (None, false)] {
        let root = TempDir::new().unwrap();
        let live = slow(vec![json("{\"n\":1}")]);
        let tape = tape(Mode::Record, root.path(), Some(Arc::clone(&live) as Shared), Options::default());
        leave(&tape, case).await;
        if !is_silent {
            live.answer();
            tape.settle().await;
        }
        assert_eq!(body(&tape, ask(case, "hi")).await, "{\"n\":1}");
        // The first request is no longer waited for.
        tokio::time::timeout(Duration::from_secs(30), tape.settle()).await.unwrap();
        let notes = [finish(&tape, "c", true).await, tape.take_notes()].concat().join("\n");
        assert_eq!(notes, "");
        assert_eq!((files(root.path()).len(), tape.unanswered()), (1, vec![]));
        assert_eq!(body(&player(root.path()), ask(case, "hi")).await, "{\"n\":1}", "{case:?} {is_silent}");
    }
}

#[tokio::test]
async fn a_reply_that_was_arriving_when_its_client_asked_again_is_not_recorded() {
    let root = TempDir::new().unwrap();
    let live = slow(vec![json("{}")]);
    let tape = tape(Mode::Record, root.path(), Some(Arc::clone(&live) as Shared), Options::default());
    leave(&tape, Some("c")).await;
    live.late.notify_one();
    // The head comes, and nobody is there to see it.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(body(&tape, ask(Some("c"), "hi")).await, "{}");
    live.body.notify_one();
    assert_eq!(finish(&tape, "c", true).await, Vec::<String>::new());
    assert_eq!(body(&player(root.path()), ask(Some("c"), "hi")).await, "{}");
}

#[tokio::test]
async fn of_two_equal_requests_at_once_the_one_that_was_left_is_not_asked_in_replay() {
    for (case, staging) in [
        (Some("c"), Staging::Case),
        (Some("session c"), Staging::Server),
        (Some("session c"), Staging::Command),
        (None, Staging::Command),
    ] {
        let root = TempDir::new().unwrap();
        let live = slow(vec![json("{\"n\":1}"), json("{\"n\":2}")]);
        let set = TapeSet::default();
        let options = Options { staging, ..Options::default() };
        let tape =
            set.open(Mode::Record, Library::open(root.path(), &provider()), Some(Arc::clone(&live) as Shared), options);
        {
            let mut first = Box::pin(hear(&tape, ask(case, "hi")));
            assert!(tokio::time::timeout(Duration::from_millis(20), &mut first).await.is_err());
            assert_eq!(body(&tape, ask(case, "hi")).await, "{\"n\":1}");
        }
        assert_eq!(body(&tape, ask(case, "hi there")).await, "{\"n\":2}");
        live.answer();
        tape.settle().await;
        if let Some(case) = case {
            set.finish(case, Verdict::Passed).await;
        }
        set.conclude(Verdict::Passed, "").await;
        assert_eq!((files(root.path()).len(), set.failures()), (2, vec![]), "{case:?} {staging:?}");
        let player = player(root.path());
        assert_eq!(body(&player, ask(case, "hi")).await, "{\"n\":1}", "{case:?} {staging:?}");
        assert_eq!(body(&player, ask(case, "hi there")).await, "{\"n\":2}");
    }
}

#[tokio::test]
async fn what_a_client_that_left_never_asked_again_is_recorded() {
    let root = TempDir::new().unwrap();
    let live = slow(vec![]);
    let tape = tape(Mode::Record, root.path(), Some(Arc::clone(&live) as Shared), Options::default());
    leave(&tape, Some("c")).await;
    live.answer();
    finish(&tape, "c", true).await;
    assert_eq!((tape.unanswered(), tape.failures()), (vec![], vec![]));
    assert_eq!(body(&player(root.path()), ask(Some("c"), "hi")).await, "late");
}

#[tokio::test]
async fn a_client_that_left_without_a_reply_and_never_asked_again_fails_the_run() {
    let root = TempDir::new().unwrap();
    let options = Options { patience: Duration::from_millis(1), ..Options::default() };
    let tape = tape(Mode::Record, root.path(), Some(slow(vec![]) as Shared), options);
    leave(&tape, Some("c")).await;
    finish(&tape, "c", true).await;
    assert!(tape.unanswered()[0].ends_with("replay misses this request: its client left before one came"));
}

/// Answers the first request when it is told to, and the others at once.
struct Slow {
    answers: Arc<Fake>,
    asked: AtomicUsize,
    late: Notify,
    /// Lets the body of its reply go.
    body: Arc<Notify>,
}

fn slow(answers: Vec<Answer>) -> Arc<Slow> {
    Arc::new(Slow { answers: fake(answers), asked: AtomicUsize::new(0), late: Notify::new(), body: Arc::default() })
}

impl Slow {
    fn answer(&self) {
        self.late.notify_one();
        self.body.notify_one();
    }
}

impl Upstream for Slow {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => async {
                self.late.notified().await;
                let mut reply = fake(vec![answer(200, "text/plain", &["late"])]).send(request).await?;
                let go = Arc::clone(&self.body);
                reply.body = stream::once(async move { go.notified_owned().await })
                    .filter_map(async |()| None)
                    .chain(reply.body)
                    .boxed();
                Ok(reply)
            }
            .boxed(),
            _ => self.answers.send(request),
        }
    }
}

/// A client that waits a moment for its reply and then no longer.
async fn leave(tape: &Tape, case: Option<&str>) {
    let asked = hear(tape, ask(case, "hi"));
    assert!(tokio::time::timeout(Duration::from_millis(20), asked).await.is_err());
}
