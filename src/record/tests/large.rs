//! Replies that are never in memory as a whole.

use super::*;

/// A stream of so many events, whose last one is the end mark.
fn events(count: usize) -> Vec<String> {
    let event = |at: usize| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"w{at} \"}}}}]}}\n\n");
    (0..count).map(event).chain(["data: [DONE]\n\n".to_owned()]).collect()
}

/// In at most 500 chunks.
fn streamed(events: &[String]) -> Answer {
    let chunks: Vec<String> = events.chunks(events.len().div_ceil(500)).map(<[String]>::concat).collect();
    answer(200, "text/event-stream", &chunks.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Keeps no more than so many bytes of a reply in memory.
fn keeping(most: u64) -> Options {
    Options { most_in_memory: Size(most), ..Options::default() }
}

async fn recorded(root: &Path, answers: Vec<Answer>, options: Options, case: &str) -> Vec<String> {
    let tapes = TapeSet::default();
    tapes.open(Mode::Record, Library::open(root, &provider()), Some(fake(answers)), options);
    let tape = tapes.get("together").unwrap();
    // A stream that breaks off is heard as far as it came.
    let _ = hear(&tape, ask(Some(case), "hi")).await.unwrap();
    let mut notes = tapes.finish(case, Verdict::Passed).await.notes;
    notes.extend(tapes.failures());
    notes
}

async fn replayed(root: &Path, case: &str) -> Heard {
    hear(&player(root), ask(Some(case), "hi")).await.unwrap()
}

#[tokio::test]
async fn a_reply_beyond_what_may_be_in_memory_is_recorded_and_replayed_as_any_other() {
    let root = TempDir::new().unwrap();
    // The second is also larger than a file that is read as a whole.
    for (count, name) in [(100, "small"), (20_000, "large")] {
        let (root, events) = (root.path().join(name), events(count));
        let notes = recorded(&root, vec![streamed(&events)], keeping(1_000), "s.yaml::c").await;
        assert_eq!(notes, Vec::<String>::new());
        let (status, chunks) = replayed(&root, "s.yaml::c").await;
        let chunks: Vec<String> = chunks.into_iter().map(Result::unwrap).collect();
        assert_eq!(status, 200);
        assert!(chunks.concat() == events.concat(), "{name}: the bytes differ");
        if count == 100 {
            assert_eq!(chunks, events, "the edges of chunks are kept while there are few");
        }
        let (name_of, text) = files(&root).remove(0);
        assert!(text.contains("\"ended\": \"terminal\"") && text.contains("{\"base64\": \""), "{name}");
        let whole = exchange::read(&text).unwrap();
        let kept = Library::open(&root, &provider()).load(&root.join(&name_of)).unwrap().unwrap();
        // A small body is in memory when it is read, and then written by its events.
        assert!(count == 100 || exchange::write(&kept.recording) == text, "{name}: it is written as it stands");
        assert!(!whole.is_edited() && whole.exchange.reply.body == events.concat(), "{name}");
        let summary = Library::open(&root, &provider()).summary();
        assert_eq!((summary.real, summary.edited), (1, 0), "{name}");
    }
}

#[tokio::test]
async fn an_equal_large_reply_changes_nothing_and_another_case_shares_its_file() {
    let root = TempDir::new().unwrap();
    let events = events(20_000);
    for case in ["s.yaml::a", "s.yaml::a", "s.yaml::b"] {
        let before = files(root.path());
        let notes = recorded(root.path(), vec![streamed(&events)], keeping(1_000), case).await;
        assert_eq!(notes, Vec::<String>::new());
        let after = files(root.path());
        assert_eq!(after.len(), 1);
        assert_eq!(before == after, case == "s.yaml::a" && !before.is_empty());
    }
    let text = &files(root.path())[0].1;
    assert!(text.contains("\"s.yaml::a\": \"1\"") && text.contains("\"s.yaml::b\": \"1\""));
    // Another reply is for its case alone: the file of the other one stays.
    let mut other = events.clone();
    other[0] = other[0].replace("w0", "x0");
    recorded(root.path(), vec![streamed(&other)], keeping(1_000), "s.yaml::b").await;
    assert_eq!(files(root.path()).len(), 2);
    for (case, events) in [("s.yaml::a", events), ("s.yaml::b", other)] {
        let (_, chunks) = replayed(root.path(), case).await;
        assert!(chunks.into_iter().map(Result::unwrap).collect::<String>() == events.concat(), "{case}");
    }
}

#[tokio::test]
async fn a_large_reply_without_its_end_takes_the_place_of_nothing_better() {
    let root = TempDir::new().unwrap();
    let whole = events(100);
    recorded(root.path(), vec![streamed(&whole)], keeping(1_000), "s.yaml::c").await;
    let before = files(root.path());
    let mut cut = streamed(&whole[..99]);
    cut.chunks.push(Err(Error::new(ErrorKind::Broken, "reset")));
    for answer in [cut, streamed(&whole[..99])] {
        let tape = tape(Mode::Record, root.path(), Some(fake(vec![answer])), keeping(1_000));
        let _ = hear(&tape, ask(None, "hi")).await;
        tape.settle().await;
        assert_eq!(files(root.path()), before);
        assert!(tape.take_notes()[0].contains("kept as it was, because"));
    }
}

#[tokio::test]
async fn a_large_reply_that_holds_a_secret_is_not_recorded_and_that_is_said() {
    let key = "canary-key-of-together";
    let pieces: Vec<String> = key.chars().map(String::from).collect();
    for held in [vec![key.to_owned()], pieces] {
        let root = TempDir::new().unwrap();
        let mut events = events(20_000);
        let said =
            held.iter().map(|part| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{part}\"}}}}]}}\n\n"));
        let at = events.len() - 9_000;
        events.splice(at..at, said);
        let secrets = Secrets::new([("TOGETHER_API_KEY".to_owned(), key.to_owned())]);
        let options = Options { secrets, ..keeping(1_000) };
        let notes = recorded(root.path(), vec![streamed(&events)], options, "s.yaml::c").await;
        assert!(notes.iter().any(|note| note.contains("holds a secret ($TOGETHER_API_KEY)")), "{notes:?}");
        assert_eq!(files(root.path()), []);
    }
}

#[tokio::test]
async fn an_edited_large_reply_is_replayed_and_called_edited_and_a_broken_one_is_an_error() {
    let root = TempDir::new().unwrap();
    let events = events(20_000);
    recorded(root.path(), vec![streamed(&events)], keeping(1_000), "s.yaml::c").await;
    let path = Library::open(root.path(), &provider()).files().remove(0);
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("{\"base64\": \"").unwrap() + 4_000;
    let letter = if &text[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(&path, format!("{}{letter}{}", &text[..at], &text[at + 1..])).unwrap();
    assert_eq!(Library::open(root.path(), &provider()).summary().edited, 1);
    let (_, chunks) = replayed(root.path(), "s.yaml::c").await;
    assert!(chunks.iter().all(Result::is_ok));
    for broken in [format!("{}!{}", &text[..at], &text[at + 1..]), text[..text.len() - 50_000].to_owned()] {
        std::fs::write(&path, broken).unwrap();
        let error = hear(&player(root.path()), ask(Some("s.yaml::c"), "hi")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BrokenRecording, "{}", error.message);
    }
}

#[tokio::test]
async fn base64_that_is_not_the_whole_reply_is_read_with_the_rest() {
    let root = TempDir::new().unwrap();
    let body = [b"data: {\"a\":1}\n\ndata: \xff".as_slice(), &vec![b'x'; 2 << 20], b"\n\ndata: [DONE]\n\n"].concat();
    let answer = Answer { chunks: vec![Ok(body.clone().into())], ..answer(200, "text/event-stream", &[]) };
    recorded(root.path(), vec![answer], keeping(64 << 20), "s.yaml::c").await;
    let reply = player(root.path()).send(ask(Some("s.yaml::c"), "hi")).await.unwrap();
    let bytes: Vec<Bytes> = reply.body.map(Result::unwrap).collect().await;
    assert!(bytes.concat() == body);
}
