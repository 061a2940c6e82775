//! Declared rules about requests, in recording, in replay and in messages about missing recordings.

use super::*;
use crate::exchange::{BodyPath, Ignored, Mask, Rules, mask_pattern};

fn declared(rules: Rules) -> Provider {
    Provider { name: "p".to_owned(), base_url: "https://p.example/v1".to_owned(), rules, ..Provider::default() }
}

fn of(mode: Mode, root: &Path, provider: &Provider) -> Tape {
    let live = fake(vec![json("{}")]) as Shared;
    wire(mode, Library::open(root, provider), Some(live), Options::default())
}

/// The message when `recorded` was recorded and `asked` is sent.
async fn miss(provider: &Provider, recorded: Request, asked: Request) -> String {
    let root = TempDir::new().unwrap();
    body(&of(Mode::Record, root.path(), provider), recorded).await;
    let error = hear(&of(Mode::Replay, root.path(), provider), asked).await.unwrap_err();
    let said = error.message.replace(&root.path().display().to_string(), "recordings");
    said.split_once("nearest recording: ").map_or(said.clone(), |(_, rest)| rest.to_owned())
}

fn post(endpoint: &str, body: impl Into<Bytes>) -> Request {
    Request { endpoint: endpoint.to_owned(), body: body.into(), ..ask(None, "") }
}

/// The rules for an agent: three masks, and a field that is ignored.
fn of_an_agent() -> Provider {
    let path = |text: &str| BodyPath::parse(text).unwrap();
    let mask = |line, pattern: &str| Mask {
        endpoint: Some("/v1/messages".to_owned()),
        places: vec![path("$.system[*].text")],
        pattern: mask_pattern(pattern).unwrap(),
        file: "providers.yaml".to_owned(),
        line,
    };
    let fields = vec![path("$.metadata.user_id")];
    declared(Rules {
        ignores: vec![Ignored { endpoint: "/v1/messages".to_owned(), fields }],
        masks: vec![mask(8, r"date: \d{4}-\d{2}-\d{2}"), mask(9, r"directory: \S+"), mask(9, r"Platform: \S+")],
        match_headers: Vec::new(),
    })
}

/// The request of an agent: its prompt names the day, the folder and the system.
fn agent(day: &str, folder: &str, system: &str, task: &str) -> Request {
    let environment = format!("Working directory: {folder}\nPlatform: {system}\nToday's date: {day}");
    let body = serde_json::json!({
        "model": "claude-sonnet-4-5",
        "system": [{"type": "text", "text": "You write code."}, {"type": "text", "text": environment}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": task}]}],
        "metadata": {"user_id": format!("user_of_{folder}")},
    });
    post("/v1/messages?beta=true", body.to_string())
}

#[tokio::test]
async fn an_agent_is_answered_on_another_day_in_another_folder_and_on_another_system() {
    let (root, provider) = (TempDir::new().unwrap(), of_an_agent());
    body(&of(Mode::Record, root.path(), &provider), agent("2026-01-02", "/home/ann", "linux", "Add a test.")).await;
    let text = &files(root.path())[0].1;
    assert!(text.contains("Today's date: 2026-01-02") && text.contains("user_of_/home/ann"), "it is kept as sent");
    let player = of(Mode::Replay, root.path(), &provider);
    assert_eq!(body(&player, agent("2027-11-30", "/Users/bob/src", "darwin", "Add a test.")).await, "{}");
    let error = hear(&player, agent("2027-11-30", "/Users/bob", "darwin", "Add two tests.")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::MissingRecording);
}

#[tokio::test]
async fn a_miss_shows_what_was_masked_and_which_masks_did_nothing() {
    let provider = of_an_agent();
    let asked = agent("in May", "/Users/bob", "darwin", "Add a test.");
    let said = miss(&provider, agent("2026-01-02", "/home/ann", "linux", "Add a test."), asked).await;
    insta::assert_snapshot!(said, @r#"
    recordings/p/290fa34e2e3e.json
        differs at $.system[1].text: - recorded, + asked
            Working ⟦directory: \S+⟧
            ⟦Platform: \S+⟧
          - Today's ⟦date: \d{4}-\d{2}-\d{2}⟧
          + Today's date: in May
      masked: "directory: /Users/bob" at $.system[1].text by `directory: \S+` (providers.yaml:9)
      masked: "Platform: darwin" at $.system[1].text by `Platform: \S+` (providers.yaml:9)
      masked nothing: `date: \d{4}-\d{2}-\d{2}` (providers.yaml:8)
      likely cause: the prompt was changed after it was recorded, or this one was never recorded
    "#);
}

/// A form with a file and a model.
fn form(boundary: &str, filename: &str, content: &[u8]) -> Request {
    let part = |head: &str, content: &[u8]| {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    let file = part(&format!("name=\"file\"; filename=\"{filename}\""), content);
    let end = format!("--{boundary}--\r\n");
    let mut request =
        post("/v1/audio/transcriptions", [file, part("name=\"model\"", b"whisper-1"), end.into_bytes()].concat());
    let kind = format!("multipart/form-data; boundary={boundary}");
    request.headers.insert("content-type", kind.parse().unwrap());
    request
}

#[tokio::test]
async fn a_form_is_found_by_its_parts_and_a_miss_names_the_part() {
    let (root, provider) = (TempDir::new().unwrap(), declared(Rules::default()));
    body(&of(Mode::Record, root.path(), &provider), form("abc", "a.wav", b"\xff\x01")).await;
    assert_eq!(body(&of(Mode::Replay, root.path(), &provider), form("xyz", "a.wav", b"\xff\x01")).await, "{}");
    let recorded = form("abc", "a.wav", b"\xff\x01");
    insta::assert_snapshot!(miss(&provider, recorded.clone(), form("x", "a.wav", b"\xff\x01\x02")).await, @r#"
    recordings/p/f46f30fe48b0.json
        part "file": content differs
          recorded: "2 bytes, SHA-256 437cb43a3022…"
          asked:    "3 bytes, SHA-256 ca66882b2aac…"
      likely cause: part "file" of the form was changed after it was recorded, or this one was never recorded
    "#);
    insta::assert_snapshot!(miss(&provider, recorded, form("x", "b.wav", b"\xff\x01")).await, @r#"
    recordings/p/f46f30fe48b0.json
        part "file": filename
          recorded: "a.wav"
          asked:    "b.wav"
      likely cause: part "file" of the form was changed after it was recorded, or this one was never recorded; if the name makes no difference, declare `$["file"].filename` under `ignores` in providers.yaml
    "#);
}

#[tokio::test]
async fn a_path_that_differs_is_named_and_farther_than_any_other_difference() {
    let provider = declared(Rules::default());
    let path = |model: &str| format!("/v1beta/models/{model}:generateContent");
    let recorded = post(&path("gemini-1.5-flash"), "{\"a\": 1}");
    insta::assert_snapshot!(miss(&provider, recorded, post(&path("gemini-2.0-flash"), "{\"a\": 1}")).await, @"
    recordings/p/a639fc58c649.json
        path: recorded /v1beta/models/gemini-1.5-flash:generateContent, asked /v1beta/models/gemini-2.0-flash:generateContent
      likely cause: another path than the recorded one: the API's version, a model or an id in it was changed
    ");
    let said = miss(&provider, post("/v1/x?a=1&b=2", "{}"), post("/v1/x?b=2&a=1", "{}")).await;
    assert!(said.contains("only the order of the query's parameters differs"), "{said}");
    let root = TempDir::new().unwrap();
    let recorder = of(Mode::Record, root.path(), &provider);
    body(&recorder, Request { case: Some("s.yaml::a".into()), ..post("/v1/deployments/a/x", "{}") }).await;
    assert_eq!(finish(&recorder, "s.yaml::a", true).await, Vec::<String>::new());
    let asked = Request { case: Some("s.yaml::a".into()), ..post("/v1/deployments/b/x", "{}") };
    let error = hear(&of(Mode::Replay, root.path(), &provider), asked).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::StaleRecording, "{}", error.message);
    body(&recorder, post("/v1/x/", "{\"a\": 1}")).await;
    body(&recorder, post("/v1/x", "{\"b\": 2, \"c\": 3}")).await;
    let error = hear(&of(Mode::Replay, root.path(), &provider), post("/v1/x", "{\"a\": 1}")).await.unwrap_err();
    assert!(error.message.contains("differs at $.b") && !error.message.contains("path:"), "{}", error.message);
}

#[tokio::test]
async fn an_order_that_differs_is_said_to_be_all() {
    let tools = |names: [&str; 2]| post("/v1/x", serde_json::json!({"tools": names}).to_string());
    insta::assert_snapshot!(miss(&declared(Rules::default()), tools(["a", "b"]), tools(["b", "a"])).await, @"
    recordings/p/c78202e2fac8.json
        differs at $.tools: only the order differs
      likely cause: $.tools has the same elements in another order: make their order constant
    ");
}

#[tokio::test]
async fn an_endpoint_at_the_root_of_the_server_is_shown_with_one_slash() {
    let root = TempDir::new().unwrap();
    let error = hear(&player(root.path()), post("//v1/models", "{}")).await.unwrap_err();
    assert!(error.message.starts_with("no recording of POST /v1/models (together)"), "{}", error.message);
}

#[tokio::test]
async fn a_header_that_counts_is_kept_and_compared() {
    let provider = declared(Rules { match_headers: vec!["x-team".to_owned()], ..Rules::default() });
    let team = |name: &'static str| {
        let mut request = post("/v1/x", "{}");
        request.headers.insert("x-team", HeaderValue::from_static(name));
        request.headers.insert("x-trace", HeaderValue::from_static("1"));
        request
    };
    let root = TempDir::new().unwrap();
    body(&of(Mode::Record, root.path(), &provider), team("blue")).await;
    assert!(files(root.path())[0].1.contains("\"headers\": {\"x-team\": \"blue\"}"), "{}", files(root.path())[0].1);
    let player = of(Mode::Replay, root.path(), &provider);
    for _ in 0..2 {
        assert_eq!(body(&player, team("blue")).await, "{}");
    }
    let error = hear(&player, team("red")).await.unwrap_err();
    assert!(error.message.contains("\n    header x-team\n      recorded: \"blue\""), "{}", error.message);
}

#[tokio::test]
async fn a_compressed_body_is_kept_as_sent_and_found_by_what_is_in_it() {
    let packed = |level: u32| {
        let mut pack = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        std::io::Write::write_all(&mut pack, b"{\"a\": \"aaaaaaaaaaaaaaaaaaaaaaaa\"}").unwrap();
        let mut request = post("/v1/x", pack.finish().unwrap());
        request.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        request
    };
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    body(&tape, packed(9)).await;
    let kept = exchange::read(&files(root.path())[0].1).unwrap().exchange.request;
    assert_eq!((kept.body, kept.headers["content-encoding"].as_bytes()), (packed(9).body, &b"gzip"[..]));
    let plain = post("/v1/x", "{\"a\": \"aaaaaaaaaaaaaaaaaaaaaaaa\"}");
    for request in [packed(9), packed(1), plain] {
        assert_eq!(body(&player(root.path()), request).await, "{}");
    }
}

#[tokio::test]
async fn no_body_is_kept_as_none_and_found_where_an_older_retake_wrote_an_empty_object() {
    let root = TempDir::new().unwrap();
    let (tape, _) = recorder(root.path(), vec![json("{}")]);
    body(&tape, post("/v1/x", "")).await;
    let (name, text) = files(root.path()).remove(0);
    assert!(text.contains("\"body\": null,"), "{text}");
    assert!(hear(&player(root.path()), post("/v1/x", "{}")).await.is_err());
    let older = exchange::older_key(&post("/v1/x", ""), &provider().base_url, &Default::default()).unwrap();
    std::fs::remove_file(root.path().join(name)).unwrap();
    let path = root.path().join(format!("together/{}.json", older.name));
    let old = text.replace("\"body\": null,", "\"body\": {},").replace("\"version\": \"1.1\"", "\"version\": 1");
    let is_old = |line: &&str| !line.contains("\"repeats\"") && !line.contains("\"digest\"");
    std::fs::write(path, old.lines().filter(is_old).collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(body(&player(root.path()), post("/v1/x", "")).await, "{}");
}
