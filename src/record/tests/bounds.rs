//! Limits of what is read, held and waited for.

use std::time::Duration;

use super::*;

/// Sends the same chunk again and again, and counts the chunks taken.
struct Endless {
    chunk: Bytes,
    pause: Duration,
    taken: Arc<AtomicUsize>,
}

fn endless(size: usize, pause: Duration) -> (Arc<Endless>, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    (Arc::new(Endless { chunk: vec![b'x'; size].into(), pause, taken: Arc::clone(&taken) }), taken)
}

impl Upstream for Endless {
    fn send(&self, _: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        let (chunk, pause, taken) = (self.chunk.clone(), self.pause, Arc::clone(&self.taken));
        let body = stream::unfold((), move |()| {
            let (chunk, taken) = (chunk.clone(), Arc::clone(&taken));
            async move {
                tokio::time::sleep(pause).await;
                taken.fetch_add(1, Ordering::SeqCst);
                Some((Ok(chunk), ()))
            }
        });
        async move { Ok(Reply { status: StatusCode::OK, headers: HeaderMap::new(), body: body.boxed() }) }.boxed()
    }
}

fn recording(root: &Path, live: Arc<dyn Upstream>, options: Options) -> TapeSet {
    let tapes = TapeSet::default();
    tapes.open(Mode::Record, Library::open(root, &provider()), Some(live), options);
    tapes
}

fn tape_of(tapes: &TapeSet) -> Arc<Tape> {
    tapes.get("together").unwrap()
}

async fn soon(what: &str, check: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if check() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn a_provider_is_read_no_faster_than_the_client_reads() {
    let root = TempDir::new().unwrap();
    let (live, taken) = endless(1 << 10, Duration::ZERO);
    let tapes = recording(root.path(), live, Options::default());
    let mut reply = tape_of(&tapes).send(ask(None, "hi")).await.unwrap();
    reply.body.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let held = taken.load(Ordering::SeqCst);
    assert!(held < 80, "{held} KiB were read for a client that reads none of it");
    for _ in 0..200 {
        reply.body.next().await.unwrap().unwrap();
    }
    assert!(taken.load(Ordering::SeqCst) < held + 300);
}

#[tokio::test]
async fn a_reply_beyond_the_limit_is_relayed_whole_and_not_recorded_and_that_is_said_at_once() {
    let root = TempDir::new().unwrap();
    let chunks: Vec<String> = (0..40).map(|number| format!("{number:08}")).collect();
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    // A chunk counts with its size and time.
    for (limit, files_written) in [(40 * (8 + 16), 1), (40 * (8 + 16) - 1, 0)] {
        let live = fake(vec![answer(200, "text/plain", &chunks)]);
        let options = Options { max_size: Size(limit), ..Options::default() };
        let tapes = recording(root.path(), live, options);
        let (tape, case) = (tape_of(&tapes), Some("s.yaml::c"));
        assert_eq!(body(&tape, ask(case, &limit.to_string())).await, chunks.concat());
        let before = files(root.path()).len();
        let notes = tapes.finish("s.yaml::c", Verdict::Passed).await.notes;
        assert_eq!(files(root.path()).len() - before, files_written);
        if files_written == 0 {
            assert!(notes.len() == 1 && notes[0].contains("its reply is larger than 959B"), "{notes:?}");
            assert!(notes[0].contains("--max-recording-size"), "{notes:?}");
        }
        assert!(tapes.failures().is_empty());
    }
    let (live, _) = endless(1 << 10, Duration::from_millis(1));
    let tapes = recording(root.path(), live, Options { max_size: Size(10 << 10), ..Options::default() });
    let mut reply = tape_of(&tapes).send(ask(None, "endless")).await.unwrap();
    for _ in 0..12 {
        reply.body.next().await.unwrap().unwrap();
    }
    assert!(tapes.take_notes()[0].contains("larger than 10KiB"));
    drop(reply);
    soon("nobody wants the rest", || tapes.under_way().is_empty()).await;
}

#[tokio::test]
async fn a_large_reply_comes_back_byte_for_byte() {
    let root = TempDir::new().unwrap();
    let chunks: Vec<String> = (0..700).map(|number| format!("{number:05}").repeat(400)).collect();
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    for staging in [Staging::Case, Staging::Command, Staging::Server] {
        let root = root.path().join(format!("{staging:?}"));
        let tapes =
            recording(&root, fake(vec![answer(200, "text/plain", &chunks)]), Options { staging, ..Options::default() });
        let live = hear(&tape_of(&tapes), ask(Some("c"), "hi")).await.unwrap();
        tapes.finish("c", Verdict::Passed).await;
        tapes.conclude(Verdict::Passed, "").await;
        assert!(live == hear(&player(&root), ask(Some("c"), "hi")).await.unwrap(), "{staging:?}");
    }
}

#[tokio::test]
async fn what_nobody_reads_any_more_is_read_for_the_recording_up_to_a_bound_of_bytes() {
    let root = TempDir::new().unwrap();
    let (live, taken) = endless(1 << 20, Duration::ZERO);
    let tapes = recording(root.path(), live, Options { max_size: Size(1 << 30), ..Options::default() });
    drop(tape_of(&tapes).send(ask(None, "hi")).await.unwrap());
    soon("it goes on without end", || tapes.under_way().is_empty()).await;
    assert!((17..=20).contains(&taken.load(Ordering::SeqCst)));
    let (_, text) = files(root.path()).remove(0);
    assert!(text.contains(r#""end": {"broken": "its client had left, and more than 16 MiB came"}"#));
}

#[tokio::test]
async fn what_nobody_reads_any_more_is_read_for_the_recording_up_to_a_bound_of_time() {
    let root = TempDir::new().unwrap();
    let patience = Duration::from_millis(300);
    let (live, _) = endless(1, Duration::from_millis(20));
    let tapes = recording(root.path(), live, Options { patience, ..Options::default() });
    drop(tape_of(&tapes).send(ask(None, "hi")).await.unwrap());
    soon("it goes on without end", || tapes.under_way().is_empty()).await;
    let (_, text) = files(root.path()).remove(0);
    assert!(text.contains("its client had left, and it had no end in time"), "{text}");
    // Without even a head there is nothing to record.
    let (live, _) = (Arc::new(Silent), ());
    let tapes = recording(&root.path().join("silent"), live, Options { patience, ..Options::default() });
    let tape = tape_of(&tapes);
    assert!(tape.send(ask(None, "hi")).now_or_never().is_none());
    soon("it is waited for without end", || tapes.under_way().is_empty()).await;
    assert!(tapes.take_notes()[0].contains("not written, because its client had left, and there was no reply in time"));
}

/// Never answers.
struct Silent;

impl Upstream for Silent {
    fn send(&self, _: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        std::future::pending().boxed()
    }
}

#[tokio::test]
async fn what_is_broken_off_at_the_end_is_recorded_as_that_and_takes_the_place_of_nothing() {
    let root = TempDir::new().unwrap();
    let (first, _) = recorder(root.path(), vec![answer(200, "text/event-stream", &STREAM)]);
    body(&first, ask(None, "known")).await;
    let good = files(root.path());
    for (prompt, count) in [("known", 1), ("new", 2)] {
        let (live, _) = endless(4, Duration::from_millis(5));
        let tapes = recording(root.path(), live, Options { staging: Staging::Command, ..Options::default() });
        let mut reply = tape_of(&tapes).send(ask(None, prompt)).await.unwrap();
        reply.body.next().await.unwrap().unwrap();
        let left = tapes.settle(tokio::time::sleep(Duration::from_millis(50))).await;
        assert_eq!(left, ["POST /v1/chat/completions (together)"]);
        let error = loop {
            match reply.body.next().await.unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.message, "retake was told to end while it came");
        let refused = hear(&tape_of(&tapes), ask(None, "too late")).await.unwrap_err();
        assert!(refused.message.contains("no more requests are sent"));
        // Although the command ended well, nothing says that the client did not want the rest.
        tapes.conclude(Verdict::Passed, "").await;
        let notes = tapes.take_notes();
        let said = if count == 1 { "kept as it was, because" } else { "recorded as far as it came, because" };
        assert!(notes.len() == 1 && notes[0].contains(said), "{notes:?}");
        let now = files(root.path());
        assert_eq!(now.len(), count);
        assert!(now.iter().filter(|file| good.contains(file)).count() == 1, "{prompt}");
    }
}
