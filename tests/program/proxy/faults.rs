//! Faults of a session.

use super::super::world::Dir;
use super::{client, error, post, said, serve};

const SCRIPT: &str = "rules:\n  - when: {endpoint: /v1/chat/completions}\n    reply: {text: Sol is the name.}\n";
const ASK: &str = r#"{"model": "m", "stream": true, "messages": [{"role": "user", "content": "sun"}]}"#;

/// A folder with the recording of [`ASK`].
async fn recorded() -> Dir {
    let dir = Dir::new();
    dir.write("script.yaml", SCRIPT);
    let recorder = serve(&dir, "--mode record --provider openai=script:script.yaml");
    // What a client has whole, is on disk.
    assert_eq!(said(post(&recorder, "/openai/v1/chat/completions", ASK).await).await.0, 200);
    dir
}

#[tokio::test]
async fn each_session_has_its_own_faults_until_it_ends() {
    let dir = recorded().await;
    let proxy = serve(&dir, "");
    let chat = |session: &str| format!("/session/{session}/openai/v1/chat/completions");
    let faults = r#"{"faults": [{"status": {"code": 429, "retry_after": 2}, "times": 1}, {"stop": {"after_events": 1}, "after_calls": 1}]}"#;
    let (status, _, body) = said(post(&proxy, "/session/a", faults).await).await;
    assert_eq!((status, body.trim_end()), (201, r#"{"session":"a","faults":2}"#));
    let busy = post(&proxy, &chat("a"), ASK).await;
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (429, &"2".parse().unwrap()));
    assert!(busy.headers().get("x-retake-error").is_none(), "it is the provider's word");
    let stopped = post(&proxy, &chat("a"), ASK).await;
    assert_eq!(stopped.status(), 200);
    assert!(stopped.text().await.is_err(), "the body breaks off");
    let (_, _, well) = said(post(&proxy, &chat("b"), ASK).await).await;
    assert!(well.contains("[DONE]"));
    assert_eq!(post(&proxy, "/session/a/finish", "").await.status(), 200);
    let (_, _, well) = said(post(&proxy, &chat("a"), ASK).await).await;
    assert!(well.contains("[DONE]"), "faults end with their session");
}

#[tokio::test]
async fn a_lost_connection_is_no_reply_at_all() {
    let dir = recorded().await;
    let proxy = serve(&dir, "");
    post(&proxy, "/session/a", r#"{"faults": [{"reset": true}]}"#).await;
    let asked = client().post(proxy.url("/session/a/openai/v1/chat/completions")).body(ASK).send().await;
    assert!(asked.is_err(), "{:?}", asked.map(|reply| reply.status()));
}

#[tokio::test]
async fn faults_that_make_no_sense_start_no_session() {
    let dir = Dir::new();
    let proxy = serve(&dir, "");
    let why = error(post(&proxy, "/session/a", r#"{"faults": [{"status": 200}]}"#).await, 400, "bad-faults").await;
    assert!(why.contains("400 to 599") && why.contains("faults:1:"), "{why}");
    assert_eq!(post(&proxy, "/session/a", "").await.status(), 201);
}
