//! The recordings behind a socket: `retake serve` and `retake run`.

mod addresses;
mod faults;
mod figures;
mod flaky;
mod intercept;
mod kept;
mod process;
mod provider;
mod run;
mod serve;
mod unanswered;
mod verdicts;

use std::process::Stdio;
use std::sync::Once;

use reqwest::Response;

use super::world::{Dir, Running, TestCommand};

/// A key that must turn up nowhere but at the provider.
const CANARY: &str = "canary-4711-canary";

/// A client as any SDK has one.
fn client() -> reqwest::Client {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

/// `retake serve` with these words, on a port that the system picks.
fn serve(dir: &Dir, words: &str) -> Running {
    Running::with(served(dir, words))
}

fn served(dir: &Dir, words: &str) -> TestCommand {
    let mut command = dir.retake(&format!("serve --port 0 {words}"));
    // Misses are told there too, and these tests make many.
    command.0.stderr(Stdio::null());
    command
}

async fn post(running: &Running, path: &str, body: &str) -> Response {
    let message = client().post(running.url(path)).header("content-type", "application/json");
    message.body(body.to_owned()).send().await.unwrap()
}

/// Status, type and body.
async fn said(response: Response) -> (u16, String, String) {
    let kind = response.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
    (response.status().as_u16(), kind, response.text().await.unwrap())
}

/// The type, code and message of an error of retake's own.
async fn error(response: Response, status: u16, code: &str) -> String {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["x-retake-error"], code);
    let may_pass = ["connect", "timeout", "broken-off"].contains(&code);
    let should_retry = response.headers().get("x-should-retry").map(|value| value.to_str().unwrap());
    assert_eq!(should_retry, (!may_pass).then_some("false"));
    let body: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body["error"]["type"], format!("retake_{}", code.replace('-', "_")));
    assert_eq!(body["error"]["code"], code);
    body["error"]["message"].as_str().unwrap().to_owned()
}
