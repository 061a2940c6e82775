//! What a run is told of its cases, its files and its providers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::*;
use crate::exchange::{BodyPath, Fault, Mask, What, mask_pattern};

/// A set with the tape of one provider.
fn set(mode: Mode, root: &Path, answers: Vec<Answer>, options: Options) -> (TapeSet, Arc<Tape>) {
    let set = TapeSet::default();
    let tape = set.open(mode, Library::open(root, &provider()), Some(fake(answers) as Shared), options);
    (set, tape)
}

fn only(root: &Path) -> PathBuf {
    let (name, _) = files(root).remove(0);
    root.join(name)
}

#[tokio::test]
async fn a_case_is_told_once_where_its_last_reply_came_from() {
    let root = TempDir::new().unwrap();
    let (recording, tape) = set(Mode::Record, root.path(), vec![json("{\"n\":1}")], Options::default());
    for case in ["a", "b"] {
        body(&tape, ask(Some(case), "hi")).await;
    }
    assert_eq!(recording.take_played("a"), None, "it came from the provider");
    let heard = recording.take_played("b").unwrap();
    assert_eq!((heard.file, heard.chunks.len(), heard.origin), (None, 1, exchange::Origin::Real));
    recording.finish("a", Verdict::Passed).await;

    let (replay, tape) = set(Mode::Replay, root.path(), Vec::new(), Options::default());
    body(&tape, ask(Some("a"), "hi")).await;
    let played = replay.take_played("a").unwrap();
    assert_eq!((played.file, played.chunks[0].size, played.is_edited), (Some(only(root.path())), 7, false));
    assert!(played.recorded_at.is_some());
    assert_eq!((replay.take_played("a"), replay.take_played("nobody")), (None, None));
    tape.finish_case("a", Verdict::Passed).await;
    body(&tape, ask(Some("a"), "hi")).await;
    assert!(replay.take_played("a").is_some(), "also where it is answered from memory");
}

#[tokio::test]
async fn a_case_is_told_which_files_it_wrote_and_which_answered_it() {
    let root = TempDir::new().unwrap();
    let (recording, tape) = set(Mode::Record, root.path(), vec![json("{}")], Options::default());
    body(&tape, ask(Some("a"), "hi")).await;
    let usage = recording.finish("a", Verdict::Passed).await;
    let path = only(root.path());
    assert_eq!((usage.written, usage.used), (BTreeSet::from([path.clone()]), BTreeSet::new()));
    assert!(recording.is_touched(&path) && !recording.is_touched(Path::new("other.json")));

    let (replay, tape) = set(Mode::Replay, root.path(), Vec::new(), Options::default());
    assert!(!replay.is_touched(&path));
    body(&tape, ask(Some("a"), "hi")).await;
    hear(&tape, ask(Some("a"), "ho")).await.unwrap_err();
    assert_eq!(replay.misses("a").len(), 1);
    let usage = replay.finish("a", Verdict::Passed).await;
    assert_eq!((usage.written, usage.used), (BTreeSet::new(), BTreeSet::from([path.clone()])));
    assert_eq!(usage.misses.iter().map(|miss| miss.kind).collect::<Vec<_>>(), [ErrorKind::MissingRecording]);
    assert!(replay.is_touched(&path));
    assert_eq!(replay.used().keys().collect::<Vec<_>>(), [&path]);
    assert_eq!(replay.finish("a", Verdict::Passed).await, Usage::default());
}

#[tokio::test]
async fn what_a_failed_session_had_written_is_no_longer_counted_as_written() {
    let root = TempDir::new().unwrap();
    let options = Options { staging: Staging::Server, ..Options::default() };
    let (server, tape) = set(Mode::Record, root.path(), vec![json("{}")], options);
    body(&tape, ask(Some("session s"), "hi")).await;
    let path = only(root.path());
    let of_files = |set: &TapeSet| set.figures().iter().map(|one| (one.recorded, one.unwritten)).collect::<Vec<_>>();
    assert_eq!(of_files(&server), [(1, 0)]);
    let usage = server.finish("session s", Verdict::Failed).await;
    assert_eq!((usage.written, of_files(&server)), (BTreeSet::new(), vec![(0, 1)]));
    assert!(!server.is_touched(&path) && !path.exists());
}

#[tokio::test]
async fn a_run_is_told_what_it_did_for_each_provider_that_was_asked() {
    let root = TempDir::new().unwrap();
    let (run, tape) = set(Mode::RecordIfMissing, root.path(), vec![json("{}")], Options::default());
    for prompt in ["hi", "ho", "hi"] {
        body(&tape, ask(None, prompt)).await;
    }
    let down = Provider { name: "down".to_owned(), ..provider() };
    let down = run.open(Mode::Record, Library::open(root.path(), &down), Some(fake(Vec::new())), Options::default());
    hear(&down, ask(None, "hi")).await.unwrap_err();
    let idle = Provider { name: "idle".to_owned(), ..provider() };
    run.open(Mode::Replay, Library::open(root.path(), &idle), None, Options::default());
    let live = Provider { name: "live".to_owned(), ..provider() };
    let live =
        run.open(Mode::Live, Library::open(root.path(), &live), Some(fake(vec![json("{}")])), Options::default());
    body(&live, ask(None, "hi")).await;
    let missed = Provider { name: "missed".to_owned(), ..provider() };
    let missed = run.open(Mode::Replay, Library::open(root.path(), &missed), None, Options::default());
    hear(&missed, ask(None, "hi")).await.unwrap_err();

    let of = |provider: &str| Figures {
        provider: provider.to_owned(),
        folder: root.path().join(provider),
        requests: 1,
        ..Figures::default()
    };
    let failure = Some("nobody is there".to_owned());
    assert_eq!(
        run.figures(),
        [
            Figures { sent: 1, failed: 1, failure, ..of("down") },
            of("live"),
            Figures { missed: 1, ..of("missed") },
            Figures { requests: 3, sent: 2, recorded: 2, ..of("together") },
        ]
    );
    assert_eq!(run.network_requests(|_| true), 4);
    assert_eq!(run.network_requests(|provider| provider == "live"), 1);
    assert_eq!(run.summary().real, 2);
}

#[tokio::test]
async fn faults_and_masks_are_those_of_the_case_for_which_they_begin() {
    let root = TempDir::new().unwrap();
    let mask = Mask {
        endpoint: None,
        places: vec![BodyPath::parse("$.messages[*].content").unwrap()],
        pattern: mask_pattern(r"\d+").unwrap(),
        file: "s.yaml".to_owned(),
        line: 2,
    };
    let masks: Arc<[Mask]> = [mask.clone()].into();
    let (recording, tape) = set(Mode::Record, root.path(), vec![json("{}")], Options::default());
    let status = What::Status { code: 503, retry_after: None };
    recording.begin("a", vec![Fault { after_calls: 0, times: Some(1), what: status }], Arc::clone(&masks));
    assert_eq!(hear(&tape, ask(Some("b"), "no clock")).await.unwrap().0, 200);
    assert_eq!(hear(&tape, ask(Some("a"), "it is 7 o'clock")).await.unwrap().0, 503);
    assert_eq!(recording.masks(), BTreeMap::new(), "nothing was compared yet");
    assert_eq!(hear(&tape, ask(Some("a"), "it is 7 o'clock")).await.unwrap().0, 200);
    recording.finish("a", Verdict::Passed).await;

    let (replay, tape) = set(Mode::Replay, root.path(), Vec::new(), Options::default());
    replay.begin("a", Vec::new(), masks);
    assert!(hear(&tape, ask(Some("a"), "no number")).await.is_err());
    assert_eq!(replay.masks(), BTreeMap::from([(mask.to_string(), false)]));
    body(&tape, ask(Some("a"), "it is 8 o'clock")).await;
    assert!(hear(&tape, ask(Some("a"), "no number")).await.is_err());
    assert_eq!(replay.masks(), BTreeMap::from([(mask.to_string(), true)]), "once is enough");
    assert!(hear(&tape, ask(Some("b"), "it is 8 o'clock")).await.is_err(), "another case has no mask");
    let other = Mask { pattern: mask_pattern("clock|watch").unwrap(), ..mask };
    replay.begin("c", Vec::new(), [other].into());
    body(&tape, ask(Some("c"), "it is 7 o'watch")).await;
    assert!(hear(&tape, ask(Some("c"), "it is 8 o'watch")).await.is_err(), "nor has it the mask of another");
}

#[tokio::test]
async fn what_there_is_to_say_of_a_session_that_never_ended_is_said_at_the_end() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![answer(429, "application/json", &["{}"])]);
    hear(&tape, ask(None, "hi")).await.unwrap();
    let (run, tape) = set(Mode::RecordIfMissing, root.path(), vec![json("{}")], Options::default());
    body(&tape, ask(Some("session s"), "hi")).await;
    assert_eq!(run.take_notes(), Vec::<String>::new());
    run.conclude(Verdict::Passed, "").await;
    let notes = run.take_notes();
    assert!(notes.iter().any(|note| note.contains("asked again, because the provider answered 429")), "{notes:?}");
    run.failed("the disk is full".to_owned());
    assert_eq!(
        (run.failures(), tape.failures()),
        (vec!["the disk is full".to_owned()], vec!["the disk is full".to_owned()])
    );
}

#[tokio::test]
async fn a_recording_that_depends_on_a_secret_is_noted_once() {
    let root = TempDir::new().unwrap();
    let secrets = Secrets::new([("API_KEY".to_owned(), "sk-canary-0123".to_owned())]);
    let options = Options { secrets, staging: Staging::Server, ..Options::default() };
    let (run, tape) = set(Mode::Record, root.path(), vec![json("{}")], options.clone());
    for prompt in ["one sk-canary-0123", "two sk-canary-0123", "three"] {
        body(&tape, ask(None, prompt)).await;
    }
    let notes = run.take_notes();
    assert!(notes.len() == 1 && notes[0].contains("holds the value of API_KEY"), "{notes:?}");
    let (run, tape) = set(Mode::Record, root.path(), vec![json("{}")], options.clone());
    body(&tape, Request { endpoint: "/v1/x?user=sk-canary-0123".to_owned(), ..ask(None, "four") }).await;
    assert_eq!(run.take_notes().len(), 1);
    // A suite that is recorded without the secret has its name there, which is then what is replayed.
    let (run, tape) = set(Mode::Record, root.path(), vec![json("{}")], Options { staging: Staging::Case, ..options });
    body(&tape, ask(None, "five sk-canary-0123")).await;
    assert_eq!(run.take_notes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_recordings_of_a_case_that_was_let_go_are_written_when_it_ends() {
    let root = TempDir::new().unwrap();
    let (run, tape) = set(Mode::Record, root.path(), vec![json("{}")], Options::default());
    body(&tape, ask(Some("a"), "hi")).await;
    for number in 0..MOST_CASES {
        run.begin(&number.to_string(), Vec::new(), [].into());
    }
    let usage = run.finish("a", Verdict::Passed).await;
    assert_eq!(usage.written, BTreeSet::from([only(root.path())]));
    assert_eq!(run.finish("stranger", Verdict::Passed).await, Usage::default());
}

#[tokio::test]
async fn equal_requests_of_a_case_to_two_providers_are_counted_apart() {
    let root = TempDir::new().unwrap();
    let (run, tape) = set(Mode::Record, root.path(), vec![json("{\"n\":1}")], Options::default());
    let other = Provider { name: "other".to_owned(), ..provider() };
    let other = run.open(
        Mode::Record,
        Library::open(root.path(), &other),
        Some(fake(vec![json("{\"n\":2}")])),
        Options::default(),
    );
    body(&tape, ask(Some("a"), "hi")).await;
    body(&other, ask(Some("a"), "hi")).await;
    run.finish("a", Verdict::Passed).await;
    for (name, text) in files(root.path()) {
        assert!(text.contains("\"a\": \"1\"") && !name.contains("-2."), "{name}: {text}");
    }
}

/// Replies that somebody wrote by hand: one, and a rule that fails.
struct ByHand;

impl Upstream for ByHand {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        let prompt = String::from_utf8_lossy(&request.body);
        let answer = match (prompt.contains("by hand"), prompt.contains("failing")) {
            (true, _) => Ok(Reply::whole(StatusCode::OK, HeaderMap::new(), "{\"hand\":1}")),
            (_, true) => Err(Error::new(ErrorKind::Other, "the rule has no such member")),
            _ => Err(Error::new(ErrorKind::NoRule, "no rule")),
        };
        async { answer }.boxed()
    }
}

#[tokio::test]
async fn what_is_written_by_hand_answers_in_every_mode_and_all_else_is_as_without_it() {
    let root = TempDir::new().unwrap();
    for mode in [Mode::Record, Mode::Replay, Mode::Live] {
        let options = Options { by_hand: Some(Arc::new(ByHand)), ..Options::default() };
        let (_, tape) = set(mode, root.path(), vec![json("{}")], options);
        let (source, _) = tape.answer(ask(None, "by hand")).await.unwrap();
        assert!(matches!(source, Source::Made), "{mode}");
        let failed = hear(&tape, ask(None, "failing")).await.unwrap_err();
        assert_eq!((failed.kind, failed.message.as_str()), (ErrorKind::Other, "the rule has no such member"), "{mode}");
        let (source, reply) = tape.answer(ask(None, "hi")).await.unwrap();
        assert_eq!(matches!(source, Source::Recording(_)), mode == Mode::Replay, "{mode}");
        // A recording is whole when its reply was read.
        assert_eq!(reply.body.count().await, 1, "{mode}");
    }
    assert_eq!(files(root.path()).len(), 1, "nothing that is written by hand is recorded");
}
