//! Where a run asks its providers, and what becomes of base URLs with and without the version.

use serde_json::Value;

use super::provider::Provider;
use super::run::Waiting;
use super::{CANARY, error};
use crate::world::{Dir, TestCommand};

fn run(dir: &Dir, flags: &str) -> TestCommand {
    dir.retake(&format!("run {flags} -- sh -c")).env("OPENAI_API_KEY", CANARY)
}

/// What the provider heard of a request.
async fn heard(waiting: &Waiting, path: &str) -> Value {
    let reply = waiting.reply(path, "{}").await;
    serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_base_url_that_the_user_had_set_is_the_providers_address() {
    let [gateway, other] = [Provider::start().await, Provider::start().await];
    let dir = Dir::new();
    let url = format!("http://127.0.0.1:{}/team/v1", gateway.port);
    let command = run(&dir, "--mode record").env("OPENAI_BASE_URL", &url);
    let recording = Waiting::with(command, "OPENAI_BASE_URL");
    let said = heard(&recording, "/chat/completions").await;
    assert_eq!((&said["path"], &said["authorization"]), (&"/team/v1/chat/completions".into(), &bearer()));
    recording.end(0).exits(0).says(&format!("retake: openai is asked at {url}, as OPENAI_BASE_URL says"));
    // In replay nobody is asked, and nothing is said.
    let replaying = Waiting::with(run(&dir, "").env("OPENAI_BASE_URL", &url), "OPENAI_BASE_URL");
    heard(&replaying, "/chat/completions").await;
    assert_eq!((replaying.end(0).exits(0).stderr.as_str(), gateway.calls()), ("", 1));
    // The flag wins.
    let flags = format!("--mode record --provider openai=http://127.0.0.1:{}/v1", other.port);
    let told = Waiting::with(run(&dir, &flags).env("OPENAI_BASE_URL", &url), "OPENAI_BASE_URL");
    assert_eq!(heard(&told, "/chat/completions").await["authorization"], bearer());
    assert!(!told.end(0).exits(0).stderr.contains("is asked at"));
    assert_eq!((gateway.calls(), other.calls()), (1, 1));
}

fn bearer() -> Value {
    format!("Bearer {CANARY}").into()
}

#[tokio::test]
async fn an_address_without_the_version_that_its_sdk_adds_gets_it() {
    let gateway = Provider::start().await;
    let dir = Dir::new();
    for url in [format!("http://127.0.0.1:{}", gateway.port), format!("http://127.0.0.1:{}/v1/", gateway.port)] {
        let command = run(&dir, "--mode live").env("ANTHROPIC_BASE_URL", &url).env("ANTHROPIC_API_KEY", CANARY);
        let asking = Waiting::with(command, "ANTHROPIC_BASE_URL");
        assert_eq!(heard(&asking, "/v1/messages").await["path"], "/v1/messages", "{url}");
        asking.end(0).exits(0);
    }
}

#[test]
fn an_address_of_retake_itself_or_none_changes_nothing() {
    let dir = Dir::new();
    let said = |variables: &[(&str, &str)], script: &str| {
        let command =
            variables.iter().fold(run(&dir, "--mode live"), |command, (name, value)| command.env(name, value));
        command.arg(script).run()
    };
    for variables in [
        &[("OPENAI_BASE_URL", "http://127.0.0.1:8322/openai/v1")][..],
        &[("OPENAI_BASE_URL", "http://retake:8322/x"), ("RETAKE_PROXY_URL", "http://retake:8322")],
        &[("OPENAI_BASE_URL", "")],
        &[("OPENAI_BASE_URL", "https://api.openai.com/v1")],
    ] {
        let ran = said(variables, "echo $OPENAI_BASE_URL").exits(0);
        assert!(ran.stderr.is_empty() && ran.stdout.ends_with("/openai/v1\n"), "{variables:?} {}", ran.stderr);
    }
    said(&[("OLLAMA_HOST", "0.0.0.0:11434")], "true").exits(0).says("OLLAMA_HOST=0.0.0.0:11434 is not used");
    let two = [("OPENAI_BASE_URL", "https://a.example/v1"), ("OPENAI_API_BASE", "https://b.example/v1")];
    said(&two, "true").exits(4).says("OPENAI_API_BASE and OPENAI_BASE_URL lead to different addresses of openai");
}

#[tokio::test]
async fn a_base_url_with_and_without_the_version_leads_to_the_same_recording() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let flags = format!("--mode record --provider anthropic=http://127.0.0.1:{}/v1", provider.port);
    let command = run(&dir, &flags).env("ANTHROPIC_API_KEY", CANARY);
    let recording = Waiting::with(command, "ANTHROPIC_BASE_URL");
    assert_eq!(heard(&recording, "/messages").await["path"], "/v1/messages");
    recording.end(0).exits(0);
    assert_eq!(dir.files("recordings").len(), 1);
    let replaying = Waiting::start(&dir, "", "ANTHROPIC_BASE_URL");
    for path in ["/v1/messages", "/messages", "/v1/v1/messages"] {
        assert_eq!(replaying.ask(path).await, 200, "{path}");
    }
    replaying.end(0).exits(0);
}

#[tokio::test]
async fn a_404_of_a_path_that_no_api_has_says_what_to_set_and_is_not_recorded() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let flags = format!("--mode record --provider ollama=http://127.0.0.1:{}/v1", provider.port);
    let recording = Waiting::start(&dir, &flags, "OLLAMA_HOST");
    let message = error(recording.reply("/models/unknown", "{}").await, 404, "unknown-route").await;
    assert!(message.contains("the client's base URL is /ollama/v1, or /ollama if the client adds the"), "{message}");
    let of_the_provider = recording.reply("/v1/models/unknown", "{}").await;
    assert!(of_the_provider.status() == 404 && !of_the_provider.headers().contains_key("x-retake-error"));
    let ran = recording.end(0).exits(1).says("1 request had no answer: exit 1");
    ran.says("not written, because the provider does not know /models/unknown, in which the version is missing")
        .says("2 requests, 1 recorded, 1 not written");
    assert_eq!(dir.files("recordings").len(), 1);
}

#[tokio::test]
async fn an_address_of_the_provider_in_a_reply_leads_back_to_the_proxy() {
    let (dir, provider) = (Dir::new(), Provider::start().await);
    let flags = format!("--mode record --provider openai=http://127.0.0.1:{}/v1", provider.port);
    for flags in [flags.as_str(), ""] {
        let waiting = Waiting::with(run(&dir, flags), "OPENAI_BASE_URL");
        let reply = waiting.reply("/begun", "{}").await;
        assert_eq!(reply.headers()["operation-location"], format!("{}/operations/1", waiting.said()), "{flags}");
        waiting.end(0).exits(0);
    }
    let (_, bytes) = dir.files("recordings").pop().unwrap();
    let kept = format!("http://127.0.0.1:{}/v1/operations/1", provider.port);
    assert!(String::from_utf8_lossy(&bytes).contains(&kept), "a recording is what came");
}
