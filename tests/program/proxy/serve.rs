//! `retake serve`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::provider::{LINES, Provider, speech};
use super::{CANARY, client, error, post, said, serve, served};
use crate::world::{Dir, Running};

const SCRIPT: &str = r#"
rules:
  - when: {last_message: {contains: planet}}
    reply: {text: Humans live on Earth.}
  - when: {last_message: weather}
    reply: {tool_calls: [{name: weather, arguments: {city: Rome}}]}
"#;

fn chat(text: &str, stream: bool) -> String {
    json!({"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}).to_string()
}

/// A folder with a script.
fn scripted() -> Dir {
    let dir = Dir::new();
    dir.write("script.yaml", SCRIPT);
    dir
}

async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn what_was_recorded_through_the_proxy_is_replayed_by_it_to_the_byte() {
    let dir = scripted();
    let recorder = serve(&dir, "--mode record --provider openai=script:script.yaml");
    let asked =
        [chat("which planet?", false), chat("which planet?", true), chat("weather", false), chat("none", false)];
    let mut recorded = Vec::new();
    for body in &asked[..3] {
        recorded.push(said(post(&recorder, "/openai/v1/chat/completions", body).await).await);
    }
    assert!(recorded[1].1.starts_with("text/event-stream") && recorded[1].2.ends_with("data: [DONE]\n\n"));
    assert!(recorded.iter().all(|(status, ..)| *status == 200));
    error(post(&recorder, "/openai/v1/chat/completions", &asked[3]).await, 424, "no-rule").await;
    recorder.end();
    assert_eq!(dir.files("recordings").len(), 3);

    let player = serve(&dir, "");
    for (body, recorded) in asked.iter().zip(&recorded) {
        for _ in 0..3 {
            assert_eq!(&said(post(&player, "/openai/v1/chat/completions", body).await).await, recorded);
        }
    }
}

#[tokio::test]
async fn what_suites_recorded_the_proxy_replays() {
    let dir = Dir::new();
    dir.copy("recordings");
    let mut body: Value = serde_json::from_str(&chat("Hello, world!", true)).unwrap();
    body["model"] = "meta-llama/Llama-3.3-70B-Instruct-Turbo-Free".into();
    let body = body.to_string();
    let player = serve(&dir, "--setup together");
    let (status, kind, text) = said(post(&player, "/together/v1/chat/completions", &body).await).await;
    assert_eq!((status, kind.starts_with("text/event-stream")), (200, true));
    assert!(text.contains("data: {") && text.contains("[DONE]"), "{text}");
    error(post(&player, "/openai/v1/chat/completions", &body).await, 404, "unknown-route").await;
}

#[tokio::test]
async fn a_stream_is_handed_on_while_it_comes() {
    let provider = Provider::start().await;
    for mode in ["live", "record"] {
        let dir = Dir::new();
        let proxy = serve(&dir, &format!("--mode {mode} --provider ollama=http://127.0.0.1:{}/v1", provider.port));
        let mut reply = post(&proxy, "/ollama/v1/halted", "{}").await;
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "data: one\n\n");
        provider.go_on();
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "data: two\n\n");
        assert_eq!(reply.chunk().await.unwrap(), None);
    }
}

#[tokio::test]
async fn bytes_of_any_kind_are_recorded_and_replayed() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let url = format!("http://127.0.0.1:{}", provider.port);
    let recorder = serve(&dir, &format!("--mode record --provider ollama={url}/v1"));
    let form = |boundary: &str| {
        let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n").into_bytes();
        [head, speech(), format!("\r\n--{boundary}--\r\n").into_bytes()].concat()
    };
    let ask = async |running: &Running, boundary: &str| {
        let spoken = client()
            .post(running.url("/ollama/v1/audio/transcriptions"))
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .body(form(boundary))
            .send()
            .await
            .unwrap();
        let heard = post(running, "/ollama/v1/audio/speech", "{\"input\":\"a\"}").await.bytes().await.unwrap();
        let lines = post(running, "/ollama/api/chat", "{\"model\":\"m\"}").await;
        let raw = client().put(running.url("/ollama/api/blobs/1")).body(vec![0xff_u8, 0, 1]).send().await.unwrap();
        let head = client().head(running.url("/ollama/")).send().await.unwrap();
        assert_eq!(head.status(), 200);
        (json_of(spoken).await, heard, said(lines).await, json_of(raw).await)
    };
    let recorded = ask(&recorder, "aaaa").await;
    assert_eq!(recorded.0["bytes"], form("aaaa").len());
    assert_eq!(recorded.1, speech());
    assert_eq!(recorded.2, (200, "application/x-ndjson".to_owned(), LINES.concat()));
    assert_eq!((&recorded.3["method"], &recorded.3["bytes"]), (&json!("PUT"), &json!(3)));
    recorder.end();
    let calls = provider.calls();
    // Every client draws another boundary.
    assert_eq!(ask(&serve(&dir, ""), "bbbb").await, recorded);
    assert_eq!(provider.calls(), calls, "replay asked the provider");
}

#[tokio::test]
async fn a_prefix_stands_for_the_origin_and_recordings_bear_the_apis_own_path() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let words = format!("--mode record --provider groq=http://127.0.0.1:{}/openai/v1", provider.port);
    let recorder = Running::with(served(&dir, &words).env("GROQ_API_KEY", CANARY));
    let mut endpoints = Vec::new();
    for path in ["/openai/v1/chat/completions?a=1", "/v1/root", "/native?key=mine&b=2", "/"] {
        let said = json_of(post(&recorder, &format!("/groq{path}"), "{}").await).await;
        assert_eq!(said["path"], path.replace("key=mine&", ""));
        let key = if path.contains("key=") { "x-goog-api-key" } else { "authorization" };
        assert!(said[key].as_str().unwrap().ends_with(CANARY), "{said}");
    }
    for (name, bytes) in dir.files("recordings/groq") {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("canary"), "{name}");
        let file: Value = serde_json::from_str(&text).unwrap();
        endpoints.push((file["request"]["endpoint"].clone(), file["request"]["url"].clone()));
    }
    endpoints.sort_by_key(|(endpoint, _)| endpoint.to_string());
    let at = |endpoint: &str| (json!(endpoint), json!(format!("https://api.groq.com/openai/v1{endpoint}")));
    assert_eq!(endpoints, [at("/"), at("//v1/root"), at("/native?b=2"), at("/v1/chat/completions?a=1")]);
    recorder.end();
    let player = serve(&dir, "");
    for path in ["/openai/v1/chat/completions?a=1", "/v1/root", "/native?key=another&b=2", "/"] {
        assert_eq!(post(&player, &format!("/groq{path}"), "{}").await.status(), 200, "{path}");
    }
    error(post(&player, "/groq/openai/v1/root", "{}").await, 424, "missing-recording").await;
}

#[tokio::test]
async fn the_providers_key_goes_as_its_api_wants_it_and_the_clients_own_stays_behind() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let words = format!("--mode live --provider anthropic=http://127.0.0.1:{}/v1", provider.port);
    let proxy = Running::with(served(&dir, &words).env("ANTHROPIC_API_KEY", CANARY));
    let ask = async |header: &str, value: &str| {
        let message = client().post(proxy.url("/anthropic/v1/messages")).header(header, value).header("x-own", "1");
        json_of(message.header("x-retake-session", "a").body("{}").send().await.unwrap()).await
    };
    let native = ask("x-api-key", "of-the-client").await;
    assert_eq!((&native["x-api-key"], &native["authorization"]), (&json!(CANARY), &Value::Null));
    assert_eq!((&native["own"], &native["session"]), (&json!("1"), &Value::Null));
    let openai = ask("authorization", "Bearer of-the-client").await;
    assert_eq!(openai["authorization"], format!("Bearer {CANARY}"));
}

#[tokio::test]
async fn sessions_in_parallel_each_keep_their_own_repeats() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let url = format!("http://127.0.0.1:{}", provider.port);
    let recorder = serve(&dir, &format!("--mode record --provider ollama={url}/v1"));
    assert_eq!(post(&recorder, "/session/rec", "").await.status(), 201);
    error(post(&recorder, "/session/rec", "").await, 409, "session-runs").await;
    for n in 1..=3 {
        let said = json_of(post(&recorder, "/session/rec/ollama/v1/counted", "{}").await).await;
        assert_eq!(said["n"], n);
    }
    let summary = json_of(post(&recorder, "/session/rec/finish", "").await).await;
    assert_eq!(summary["recorded"].as_array().unwrap().len(), 3);
    assert_eq!(summary["unused"]["count"], 0);
    said(post(&recorder, "/ollama/v1/other", "{}").await).await;
    recorder.end();

    let player = serve(&dir, "");
    let sessions = (0..8).map(|number| {
        let player = &player;
        async move {
            let name = format!("tests%2Ftest_{number}.py::test%5Ba%5D");
            for n in 1..=3 {
                // By path and by header, in turn.
                let reply = if n == 2 {
                    let message = client().post(player.url("/ollama/v1/counted")).header("x-retake-session", &name);
                    message.body("{}").send().await.unwrap()
                } else {
                    post(player, &format!("/session/{name}/ollama/v1/counted"), "{}").await
                };
                assert_eq!(json_of(reply).await["n"], n, "{name}");
            }
            let fourth = post(player, &format!("/session/{name}/ollama/v1/counted"), "{}").await;
            let message = error(fourth, 424, "missing-recording").await;
            assert!(message.contains("has no reply to its 4th time") && message.contains("test[a]"), "{message}");
            json_of(post(player, &format!("/session/{name}/finish"), "").await).await
        }
    });
    for (number, summary) in join_all(sessions).await.into_iter().enumerate() {
        assert_eq!(summary["session"], format!("tests/test_{number}.py::test[a]"));
        let used = summary["used"].as_array().unwrap();
        assert_eq!(used.len(), 3);
        assert!(used.iter().all(|file| file.as_str().unwrap().starts_with("ollama/")), "{used:?}");
        assert_eq!(summary["recorded"], json!([]));
        assert_eq!((&summary["unused"]["count"], summary["missed"].as_array().unwrap().len()), (&json!(1), 1));
        assert_eq!(summary["missed"][0]["name"], used[0].as_str().unwrap()[7..19]);
    }
    // A finished session begins anew, and one that does not run cannot be finished.
    assert_eq!(json_of(post(&player, "/session/again/ollama/v1/counted", "{}").await).await["n"], 1);
    assert_eq!(post(&player, "/session/again/finish", "").await.status(), 200);
    assert_eq!(json_of(post(&player, "/session/again/ollama/v1/counted", "{}").await).await["n"], 1);
    let message = error(post(&player, "/session/agian/finish", "").await, 404, "unknown-session").await;
    assert!(message.contains("did you mean \"again\"?"), "{message}");
    let both = client().post(player.url("/session/a/ollama/v1/counted")).header("x-retake-session", "b");
    error(both.send().await.unwrap(), 400, "bad-session").await;
}

#[tokio::test]
async fn what_a_session_asks_differently_than_when_it_was_recorded_is_stale() {
    let dir = scripted();
    let recorder = serve(&dir, "--mode record --provider openai=script:script.yaml");
    let path = |session: &str| format!("/session/{session}/openai/v1/chat/completions");
    said(post(&recorder, &path("one"), &chat("which planet?", false)).await).await;
    recorder.end();
    let player = serve(&dir, "");
    let changed = chat("which planet is it?", false);
    let message = error(post(&player, &path("one"), &changed).await, 424, "stale-recording").await;
    for part in ["recording of this case: ", "which planet?", "to record it anew: retake serve --mode record"] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    error(post(&player, &path("two"), &changed).await, 424, "missing-recording").await;
    let summary = json_of(post(&player, "/session/one/finish", "").await).await;
    assert_eq!(summary["missed"][0]["kind"], "stale-recording");
}

#[tokio::test]
async fn a_miss_says_what_is_near_what_differs_and_how_it_is_recorded() {
    let dir = scripted();
    let recorder = serve(&dir, "--mode record --provider openai=script:script.yaml");
    said(post(&recorder, "/openai/v1/chat/completions", &chat("which planet?", false)).await).await;
    recorder.end();
    let player = serve(&dir, "");
    let missed = post(&player, "/openai/v1/chat/completions", &chat("which star?", false)).await;
    let message = error(missed, 424, "missing-recording").await;
    for part in
        ["nearest recording: ", "$.messages[0].content", "which planet?", "to record it: retake serve --mode record"]
    {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

#[tokio::test]
async fn what_leads_nowhere_says_so() {
    let dir = Dir::new();
    let player = serve(&dir, "");
    let message = error(post(&player, "/opnai/v1/chat/completions", "{}").await, 404, "unknown-route").await;
    assert!(message.contains("did you mean /openai/v1/chat/completions?"), "{message}");
    let message = error(post(&player, "/v1/chat/completions", "{}").await, 404, "unknown-route").await;
    assert!(message.contains("as in /openai/v1/chat/completions") && message.contains("/ollama, "), "{message}");
    error(client().put(player.url("/session/a")).send().await.unwrap(), 404, "unknown-route").await;
    let upgrade = client().get(player.url("/openai/v1/realtime")).header("upgrade", "websocket");
    error(upgrade.header("connection", "upgrade").send().await.unwrap(), 501, "no-upgrade").await;
    let health = json_of(client().get(player.url("/health")).send().await.unwrap()).await;
    assert_eq!((&health["name"], &health["mode"]), (&json!("retake"), &json!("replay")));
    assert!(health["prefixes"].as_array().unwrap().contains(&json!("/groq")));
    let head = "POST /openai/v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-length: 104857601\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", player.port)).unwrap();
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    let mut reply = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut reply).unwrap();
    assert_eq!(&reply, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_provider_without_its_key_or_its_server_answers_with_that() {
    let dir = Dir::new();
    let recorder = serve(&dir, "--mode record --provider ollama=http://127.0.0.1:9/v1");
    let message = error(post(&recorder, "/groq/openai/v1/chat/completions", "{}").await, 401, "missing-key").await;
    assert!(message.contains("GROQ_API_KEY"), "{message}");
    error(post(&recorder, "/ollama/api/chat", "{}").await, 502, "connect").await;
    assert!(dir.files("recordings").is_empty());
}

#[tokio::test]
async fn only_who_has_the_token_is_let_in() {
    let dir = Dir::new();
    dir.retake("serve --port 0 --host 0.0.0.0").run().exits(4).says("--token");
    let player = serve(&dir, "--host 0.0.0.0 --token secret");
    let ask = async |header: &str, value: &str| {
        client().get(player.url("/")).header(header, value).send().await.unwrap().status().as_u16()
    };
    error(client().get(player.url("/health")).send().await.unwrap(), 401, "no-token").await;
    assert_eq!(ask("authorization", "Bearer secreT").await, 401);
    for (header, value) in [("x-retake-token", "secret"), ("authorization", "Bearer secret"), ("x-api-key", "secret")] {
        assert_eq!(ask(header, value).await, 200, "{header}");
    }
}

#[test]
fn after_the_first_line_come_the_variables_that_sdks_read() {
    let dir = Dir::new();
    let mut player = serve(&dir, "--env OPENAI_BASE_URL=llama-cpp/v1 --env MINE=groq");
    let mut lines: Vec<String> = Vec::new();
    while lines.last().is_none_or(|line| !line.starts_with("export TOGETHER_BASE_URL=")) {
        lines.push(player.line().replace(&player.url(""), "URL"));
    }
    for line in [
        "export RETAKE_PROXY_URL=URL",
        "export ANTHROPIC_BASE_URL=URL/anthropic",
        "export MINE=URL/groq",
        "export OLLAMA_HOST=URL/ollama",
        "export OPENAI_BASE_URL=URL/llama-cpp/v1",
    ] {
        assert!(lines.iter().any(|other| other == line), "no {line} in {lines:#?}");
    }
}

#[test]
fn wrong_words_are_told_before_anything_is_served() {
    let dir = Dir::new();
    dir.retake("serve --port 0 --mode repaly").run().exits(4).says("replay");
    dir.retake("serve --port 0 --setup togehter").run().exits(4).says("did you mean `together`?");
    dir.retake("serve --port 0 --env OPENAI_BASE_URL").run().exits(4).says("VARIABLE=PROVIDER/PATH");
    dir.retake("serve --port 0 --recordings nowhere").run().exits(4).says("no folder of recordings at nowhere");
    let own = "providers:\n  session:\n    type: remote::s\n    base_url: http://127.0.0.1/v1\n";
    dir.write("suites/providers.yaml", own);
    dir.write("suites/setups.yaml", "setups: {}\n");
    dir.retake("serve --port 0").run().exits(4).says("/session is a path of the proxy's own");
}

#[tokio::test]
async fn replies_written_by_hand_stand_beside_recordings() {
    let dir = scripted();
    let recorder = serve(&dir, "--mode record --provider openai=script:script.yaml");
    let recorded = said(post(&recorder, "/openai/v1/chat/completions", &chat("which planet?", true)).await).await;
    recorder.end();
    dir.write(
        "by-hand.yaml",
        "rules:\n  - when: {last_message: refuse}\n    reply: {error: {status: 403, message: no, type: policy}}\n  \
         - when: {last_message: weather}\n    reply: {tool_calls: [{name: weather, arguments: {city: Bonn}}]}\n",
    );
    let files = dir.files("recordings");
    for mode in ["replay", "record-if-missing"] {
        let proxy = serve(&dir, &format!("--mode {mode} --script openai=by-hand.yaml"));
        let proxy = &proxy;
        let ask = |body: String| async move { post(proxy, "/openai/v1/chat/completions", &body).await };
        assert_eq!(said(ask(chat("which planet?", true)).await).await, recorded);
        let refused = ask(chat("refuse", false)).await;
        assert_eq!(refused.headers()["x-retake-origin"], "simulated");
        assert_eq!(refused.status(), 403);
        let (_, kind, stream) = said(ask(chat("weather", true)).await).await;
        assert!(kind.starts_with("text/event-stream") && stream.contains("Bonn"), "{stream}");
        error(ask(chat("neither", false)).await, 424, "missing-recording").await;
    }
    assert!(dir.files("recordings") == files, "what is written by hand is not recorded");
}
