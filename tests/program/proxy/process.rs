//! A process that announces its tests, as the pytest plugin does.

use serde_json::Value;

use super::provider::Provider;
use super::{client, error, post, serve};
use crate::world::{Dir, Running};

async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

async fn get(running: &Running, path: &str) -> reqwest::Response {
    client().get(running.url(path)).send().await.unwrap()
}

#[tokio::test]
async fn a_request_of_a_process_is_of_the_test_that_it_announced() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let recorder = serve(&dir, &format!("--mode record --provider ollama=http://127.0.0.1:{}/v1", provider.port));
    for (test, process) in [("a", "~one"), ("b", "~two")] {
        let announced = format!("{{\"for\": \"{process}\"}}");
        assert_eq!(post(&recorder, &format!("/session/{test}"), &announced).await.status(), 201);
        post(&recorder, &format!("/session/{process}/ollama/v1/{test}"), "{}").await;
    }
    for test in ["a", "b"] {
        let told = json_of(post(&recorder, &format!("/session/{test}/finish"), r#"{"outcome":"passed"}"#).await).await;
        assert_eq!(told["recorded"].as_array().unwrap().len(), 1, "{told}");
    }
    // Between tests a process asks for nobody.
    assert_eq!(post(&recorder, "/session/~one/ollama/v1/late", "{}").await.status(), 200);
    error(get(&recorder, "/session/a").await, 404, "unknown-session").await;
    recorder.end();
    let text = String::from_utf8(dir.files("recordings").into_iter().flat_map(|(_, bytes)| bytes).collect()).unwrap();
    assert!(!text.contains("~one") && !text.contains("~two"), "a recording is of tests: {text}");
}

#[tokio::test]
async fn a_test_learns_of_its_own_troubles_and_no_other() {
    let dir = Dir::new();
    let player = serve(&dir, "");
    post(&player, "/session/a", r#"{"for": "~one"}"#).await;
    post(&player, "/session/b", "").await;
    assert_eq!(post(&player, "/session/~one/openai/v1/x", "{}").await.status(), 424);
    let told = json_of(get(&player, "/session/a").await).await;
    assert_eq!(told["troubles"][0]["kind"], "missing-recording");
    assert_eq!(json_of(get(&player, "/session/b").await).await["troubles"], serde_json::json!([]));
    // A client within the test may name another session.
    let asked = client().post(player.url("/session/~one/openai/v1/y")).header("x-retake-session", "b").body("{}");
    assert_eq!(asked.send().await.unwrap().status(), 424);
    assert_eq!(json_of(get(&player, "/session/b").await).await["troubles"].as_array().unwrap().len(), 1);
    player.end();
}

#[tokio::test]
async fn a_process_runs_one_test_at_a_time() {
    let dir = Dir::new();
    let player = serve(&dir, "");
    post(&player, "/session/a", r#"{"for": "~one"}"#).await;
    let message = error(post(&player, "/session/b", r#"{"for": "~one"}"#).await, 409, "session-runs").await;
    assert!(message.contains("\"a\""), "{message}");
    error(post(&player, "/session/~one", "").await, 400, "bad-session").await;
    error(post(&player, "/session/c", r#"{"for": "one"}"#).await, 400, "bad-session").await;
    post(&player, "/session/a/finish", "").await;
    assert_eq!(post(&player, "/session/b", r#"{"for": "~one"}"#).await.status(), 201);
    player.end();
}
