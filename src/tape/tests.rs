use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::*;
use crate::exchange;
use crate::provider::Provider;

/// One reply of the fake: status, content type, body chunks.
#[derive(Clone)]
struct Answer {
    status: u16,
    kind: &'static str,
    chunks: Vec<Result<Bytes, Error>>,
    simulated: bool,
}

fn answer(status: u16, kind: &'static str, chunks: &[&str]) -> Answer {
    let chunks = chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk.as_bytes()))).collect();
    Answer { status, kind, chunks, simulated: false }
}

fn json(body: &str) -> Answer {
    answer(200, "application/json", &[body])
}

fn torn(chunks: &[&str]) -> Answer {
    let mut answer = answer(200, "text/event-stream", chunks);
    answer.chunks.push(Err(Error::new(ErrorKind::Broken, "the connection was reset")));
    answer
}

const STREAM: [&str; 3] = ["data: {\"a\":1}\n\nda", "ta: {\"a\": 2}\n\n: x\n\n", "data: [DONE]\n\n"];

/// Answers in turn, the last one for ever; each chunk when `gate` lets it.
struct Fake {
    answers: Mutex<VecDeque<Answer>>,
    calls: AtomicUsize,
    gate: Arc<Semaphore>,
}

fn fake(answers: Vec<Answer>) -> Arc<Fake> {
    Arc::new(Fake {
        answers: Mutex::new(answers.into()),
        calls: AtomicUsize::new(0),
        gate: Arc::new(Semaphore::new(1_000)),
    })
}

impl Upstream for Fake {
    fn send(&self, _: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let gate = Arc::clone(&self.gate);
        async move {
            let answer = answer.ok_or_else(|| Error::new(ErrorKind::Connect, "nobody is there"))?;
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(answer.kind));
            headers.insert("date", HeaderValue::from_static("Sat, 21 Nov 2026 07:00:00 GMT"));
            headers.insert("set-cookie", HeaderValue::from_static("a=b"));
            if answer.simulated {
                headers.insert(crate::upstream::ORIGIN_HEADER, HeaderValue::from_static("simulated"));
            }
            let body = stream::iter(answer.chunks).then(move |chunk| {
                let gate = Arc::clone(&gate);
                async move {
                    gate.acquire().await.unwrap().forget();
                    chunk
                }
            });
            let status = StatusCode::from_u16(answer.status).unwrap();
            Ok(Reply { status, headers, body: body.boxed() })
        }
        .boxed()
    }
}

fn provider() -> Provider {
    Provider { name: "together".to_owned(), base_url: "https://api.together.xyz/v1".to_owned(), ..Provider::default() }
}

fn tape(mode: Mode, root: &Path, live: Option<Shared>, options: Options) -> Tape {
    wire(mode, Library::open(root, &provider()), live, options)
}

fn recorder(root: &Path, answers: Vec<Answer>) -> (Tape, Arc<Fake>) {
    let live = fake(answers);
    (tape(Mode::Record, root, Some(Arc::clone(&live) as Shared), Options::default()), live)
}

fn player(root: &Path) -> Tape {
    tape(Mode::Replay, root, None, Options::default())
}

fn ask(case: Option<&str>, prompt: &str) -> Request {
    Request {
        method: Method::POST,
        endpoint: "/v1/chat/completions".to_owned(),
        headers: HeaderMap::new(),
        body: serde_json::json!({"model": "m", "messages": [{"role": "user", "content": prompt}]}).to_string().into(),
        auth: Auth::Provider,
        case: case.map(str::to_owned),
    }
}

type Heard = (u16, Vec<Result<String, ErrorKind>>);

async fn hear(tape: &Tape, request: Request) -> Result<Heard, Error> {
    let reply = tape.send(request).await?;
    let chunks = reply.body.map(|chunk| match chunk {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(error.kind),
    });
    Ok((reply.status.as_u16(), chunks.collect().await))
}

async fn body(tape: &Tape, request: Request) -> String {
    let (_, chunks) = hear(tape, request).await.unwrap();
    chunks.into_iter().map(Result::unwrap).collect()
}

fn files(root: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(root).unwrap().display().to_string();
                all.push((name, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    all.sort();
    all
}

#[tokio::test]
async fn what_was_recorded_is_played_byte_for_byte_with_its_edges() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![answer(200, "text/event-stream", &STREAM)]);
    let live = hear(&tape, ask(Some("c"), "hi")).await.unwrap();
    assert!(files(root.path()).is_empty(), "written before the case passed");
    assert_eq!(tape.finish_case("c", true).await, Vec::<String>::new());
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
        assert_eq!(tape.finish_case("c", true).await, Vec::<String>::new());
        assert_eq!(hear(&player(root.path()), ask(Some("c"), prompt)).await.unwrap(), live, "{prompt}");
    }
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
    // The second chunk is not there yet.
    assert_eq!(reply.body.next().await.unwrap().unwrap(), STREAM[0]);
    drop(reply);
    gate.add_permits(2);
    assert_eq!(tape.finish_case("c", true).await, Vec::<String>::new());
    assert_eq!(body(&player(root.path()), ask(None, "hi")).await, STREAM.concat());
}

#[tokio::test]
async fn replies_play_at_a_multiple_of_their_pace() {
    let mark = |size, at_ms| exchange::ChunkMark { size, at_ms };
    let recorded = exchange::Reply {
        status: 200,
        headers: vec![],
        body: Bytes::from_static(b"abc"),
        chunks: vec![mark(1, 40), mark(2, 120)],
        end: exchange::End::Complete,
    };
    let start = std::time::Instant::now();
    let reply = play::reply(&recorded, Some(2.0));
    let times: Vec<u128> = reply.body.map(|_| start.elapsed().as_millis()).collect().await;
    // Timers are never early; how late they are is the machine's affair.
    assert!(times[0] >= 20 && times[1] >= 60, "{times:?}");
}

#[tokio::test]
async fn repeats_play_in_order_and_then_are_a_miss() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}"), json("{\"n\":2}")]);
    for _ in 0..3 {
        body(&tape, ask(Some("c"), "hi")).await;
    }
    tape.finish_case("c", true).await;
    let all = files(root.path());
    assert_eq!(all.len(), 2);
    assert!(all[0].0.ends_with("-2.json") && all[0].1.contains("\"times\": 2"), "{all:?}");

    let player = player(root.path());
    for case in ["c", "d"] {
        for n in [1, 2, 2] {
            assert_eq!(body(&player, ask(Some(case), "hi")).await, format!("{{\"n\":{n}}}"));
        }
        let error = hear(&player, ask(Some(case), "hi")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::MissingRecording);
        assert!(error.message.contains("no reply to its 4th time in one case"), "{}", error.message);
    }
    player.finish_case("c", false).await;
    assert_eq!(body(&player, ask(Some("c"), "hi")).await, "{\"n\":1}");
    assert_eq!(player.journal().misses(Some("c")).len(), 1);
}

#[tokio::test]
async fn another_case_of_the_run_hears_what_the_first_one_recorded() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}")]);
    let tape = Arc::new(tape);
    let (a, b) = tokio::join!(body(&tape, ask(Some("a"), "hi")), body(&tape, ask(Some("b"), "hi")));
    assert_eq!((a.as_str(), b.as_str(), live.calls.load(Ordering::SeqCst)), ("{\"n\":1}", "{\"n\":1}", 1));
    assert!(tape.finish_case("a", false).await.is_empty());
    assert!(tape.finish_case("b", true).await.is_empty());
    assert_eq!(files(root.path()).len(), 1);
}

#[tokio::test]
async fn a_failed_case_leaves_no_file_and_asks_anew_on_its_next_try() {
    let root = TempDir::new().unwrap();
    let (tape, live) = recorder(root.path(), vec![json("{\"n\":1}"), json("{\"n\":2}")]);
    body(&tape, ask(Some("c"), "hi")).await;
    let notes = tape.finish_case("c", false).await;
    assert!(notes.len() == 1 && notes[0].contains("not written, because the case"), "{notes:?}");
    assert!(files(root.path()).is_empty());
    assert_eq!(body(&tape, ask(Some("c"), "hi")).await, "{\"n\":2}");
    assert_eq!(live.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_worse_recording_never_replaces_a_better_one() {
    let root = TempDir::new().unwrap();
    let (first, _) = recorder(root.path(), vec![answer(200, "text/event-stream", &STREAM)]);
    body(&first, ask(Some("c"), "hi")).await;
    first.finish_case("c", true).await;
    let good = files(root.path());

    let mut simulated = answer(200, "text/event-stream", &["data: {\"b\":1}\n\ndata: [DONE]\n\n"]);
    simulated.simulated = true;
    for (worse, why) in [
        (torn(&STREAM), "broke off (the connection was reset)"),
        (answer(503, "text/plain", &["busy"]), "answered 503"),
        (answer(200, "text/event-stream", &STREAM[..2]), "without `[DONE]`"),
        (simulated, "simulated"),
    ] {
        let (tape, _) = recorder(root.path(), vec![worse]);
        hear(&tape, ask(Some("c"), "hi")).await.unwrap();
        let notes = tape.finish_case("c", true).await;
        assert!(notes.len() == 1 && notes[0].contains(why), "{notes:?}");
        assert_eq!(files(root.path()), good);
    }
    let (tape, _) = recorder(root.path(), vec![answer(200, "text/event-stream", &["data: [DONE]\n\n"])]);
    body(&tape, ask(Some("c"), "hi")).await;
    assert!(tape.finish_case("c", true).await.is_empty());
    assert_ne!(files(root.path()), good);
}

#[tokio::test]
async fn recording_twice_gives_the_same_files() {
    let root = TempDir::new().unwrap();
    let mut seen = Vec::new();
    for chunks in [&STREAM[..], &[STREAM.concat().as_str()][..]] {
        let (tape, _) = recorder(root.path(), vec![answer(200, "text/event-stream", chunks)]);
        let options = Options { now: Arc::new(|| format!("at {:?}", std::time::Instant::now())), ..Options::default() };
        let tape = Tape { options, ..tape };
        for _ in 0..2 {
            body(&tape, ask(Some("c"), "hi")).await;
        }
        tape.finish_case("c", true).await;
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
async fn a_flat_folder_serves_the_provider_whose_host_it_names() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}")]);
    body(&tape, ask(None, "hi")).await;
    let (name, text) = files(root.path()).remove(0);
    std::fs::remove_dir_all(root.path().join("together")).unwrap();
    let file = root.path().join(Path::new(&name).file_name().unwrap());
    std::fs::write(&file, &text).unwrap();
    assert_eq!(body(&player(root.path()), ask(None, "hi")).await, "{\"n\":1}");
    assert_eq!(player(root.path()).library().summary(), Summary { real: 1, simulated: 0, more: false });

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
    assert_eq!(error.kind, ErrorKind::BrokenRecording);
    assert!(error.message.contains("its request gives the name"), "{}", error.message);

    // The reply is the same, but the file as it is answers nobody: it is replaced.
    let (tape, _) = recorder(root.path(), vec![json("{\"n\":1}")]);
    body(&tape, ask(None, "one")).await;
    assert!(tape.journal().notes()[0].contains("replaced, because it was broken"));
    assert_eq!(body(&player(root.path()), ask(None, "one")).await, "{\"n\":1}");
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
    assert!(tape.finish_case("c", true).await.is_empty());
    for (name, text) in files(root.path()) {
        assert!(!text.contains("canary") && text.contains("$API_KEY"), "{name} {text}");
    }
    let player = super::wire(Mode::Replay, Library::open(root.path(), &provider()), None, options);
    assert_eq!(body(&player, request).await, "{\"echo\":\"$API_KEY\"}");
}

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
      looked for: recordings/together/75580c139571.json
      nearest recording: recordings/together/af593094ee31.json
        differs at $.messages[0].content
          recorded: "Which planet do humans live on?"
          asked:    "Which planets do humans live on?"
      likely cause: the prompt was changed after it was recorded, or this one was never recorded
      to record it: retake test --mode record -k 'suite.yaml::a[b]'
    "#);
    let without_key = Request { auth: Auth::None, ..ask(None, "What is the capital of France?") };
    let error = hear(&player, without_key).await.unwrap_err();
    assert!(error.message.contains("recorded with a key and asked without one"), "{}", error.message);
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
        tape.finish_case(&number.to_string(), true).await;
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

/// What `case` records of these prompts.
async fn records(tape: &Tape, case: &str, prompts: &[&str]) {
    for prompt in prompts {
        body(tape, ask(Some(case), prompt)).await;
    }
    assert_eq!(tape.finish_case(case, true).await, Vec::<String>::new());
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
      to record it anew: retake test --mode record -k 'suites/s.yaml::a[txt=together/m]'
    "#);
    // Asked without a gateway it has no provider in its id.
    assert_eq!(miss("suites/s.yaml::a[txt=m]", "And now?").await.kind, ErrorKind::StaleRecording);
    for other in ["suites/s.yaml::c", "suites/s.yaml::a[txt=together/other]"] {
        assert_eq!(miss(other, "And now?").await.kind, ErrorKind::MissingRecording, "{other}");
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
    // `two` has not been asked yet: this may be what became of it.
    let kind = async |prompt: &str| hear(&player, ask(Some("s.yaml::a"), prompt)).await.unwrap_err().kind;
    assert_eq!(kind("three").await, ErrorKind::StaleRecording);
    body(&player, ask(Some("s.yaml::a"), "two")).await;
    assert_eq!(kind("three").await, ErrorKind::MissingRecording);
    assert_eq!(kind("one").await, ErrorKind::MissingRecording, "one more of the same is no change");
    let kinds: Vec<ErrorKind> = player.journal().misses(Some("s.yaml::a")).into_iter().map(|miss| miss.kind).collect();
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
        tape.finish_case(case, passed).await;
    }
    assert_eq!(live.calls.load(Ordering::SeqCst), 1);
    let cases = || exchange::read(&files(root.path())[0].1).unwrap().cases.into_iter().collect::<Vec<_>>();
    assert_eq!(cases(), ["s.yaml::a", "s.yaml::b"]);
    // Recorded anew by another one, with the same reply; a session's name is worth no change of a file.
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    for case in ["s.yaml::c", "session 17"] {
        body(&tape, ask(Some(case), "hi")).await;
        tape.finish_case(case, true).await;
    }
    assert_eq!(cases(), ["s.yaml::a", "s.yaml::b", "s.yaml::c"]);
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
        tape.finish_case("c", true).await;
    }
    assert_eq!(live.calls.load(Ordering::SeqCst), 1);
    let tape = tape(Mode::RecordIfMissing, root.path(), Some(live as Shared), Options::default());
    for expected in ["{\"n\":1}", "{\"n\":2}"] {
        assert_eq!(body(&tape, ask(Some("c"), "hi")).await, expected);
    }
    tape.finish_case("c", true).await;
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
    assert!(tape.finish_case("c", true).await.is_empty());
    assert!(files(root.path())[0].1.contains("\"origin\": \"real\""));
    assert_eq!(files(root.path()).len(), 1);
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
                // Half of them are asked by both.
                let prompt = if prompt % 2 == 0 { format!("{prompt}") } else { format!("{part} {prompt}") };
                body(&tape, ask(Some("c"), &prompt)).await;
            }
            tape.finish_case("c", true).await
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), Vec::<String>::new());
    }
    let all = files(root.path());
    assert_eq!(all.len(), 30);
    assert!(all.iter().all(|(_, text)| exchange::read(text).is_ok()));
}
