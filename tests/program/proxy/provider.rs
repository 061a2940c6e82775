//! A provider that says what it was asked, on a port of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;

/// A server of some API.
pub(super) struct Provider {
    pub(super) port: u16,
    state: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    calls: AtomicUsize,
    go_on: Notify,
}

impl Provider {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Inner::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Provider { port, state }
    }

    /// Lets a halted reply go on.
    pub(super) fn go_on(&self) {
        self.state.go_on.notify_one();
    }

    pub(super) fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }
}

/// What a server sends that sends speech.
pub(super) fn speech() -> Vec<u8> {
    (0..=255).cycle().take(70_000).collect()
}

pub(super) const LINES: [&str; 3] = ["{\"message\":{\"content\":\"a\"}}\n", "{\"done\":false}\n", "{\"done\":true}\n"];

async fn answer(State(state): State<Arc<Inner>>, request: Request) -> Response {
    let count = state.calls.fetch_add(1, Ordering::SeqCst) + 1;
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = head.uri.path_and_query().unwrap().as_str();
    let reply = Response::builder().header("x-count", count);
    match path.rsplit('/').next().unwrap() {
        "chat" => {
            let lines = stream::iter(LINES).map(|line| Ok::<_, std::io::Error>(Bytes::from(line)));
            reply.header("content-type", "application/x-ndjson").body(Body::from_stream(lines)).unwrap()
        }
        "halted" => {
            let rest = stream::once(async move {
                state.go_on.notified().await;
                Ok::<_, std::io::Error>(Bytes::from("data: two\n\n"))
            });
            let first = stream::iter([Ok(Bytes::from("data: one\n\n"))]);
            reply.header("content-type", "text/event-stream").body(Body::from_stream(first.chain(rest))).unwrap()
        }
        "unknown" => {
            let error = "{\"error\":{\"message\":\"not found\"}}";
            reply.status(404).header("content-type", "application/json").body(Body::from(error)).unwrap()
        }
        "begun" => {
            let server = head.headers["host"].to_str().unwrap();
            let place = format!("http://{server}/v1/operations/1");
            reply.status(202).header("operation-location", place).body(Body::empty()).unwrap()
        }
        "speech" => reply.header("content-type", "audio/mpeg").body(Body::from(speech())).unwrap(),
        // Of requests at once the last one is answered first.
        "late" => {
            tokio::time::sleep(Duration::from_millis(150 * 5_u64.saturating_sub(count as u64))).await;
            reply.header("content-type", "application/json").body(Body::from(format!("{{\"n\":{count}}}"))).unwrap()
        }
        // The limit is reached once.
        "limited" if count == 1 => {
            let error = "{\"error\":{\"message\":\"slow down\"}}";
            reply.status(429).header("content-type", "application/json").body(Body::from(error)).unwrap()
        }
        "counted" | "limited" => {
            reply.header("content-type", "application/json").body(Body::from(format!("{{\"n\":{count}}}"))).unwrap()
        }
        _ => {
            let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let said = serde_json::json!({
                "method": head.method.as_str(),
                "path": path,
                "authorization": header("authorization"),
                "x-api-key": header("x-api-key"),
                "x-goog-api-key": header("x-goog-api-key"),
                "own": header("x-own"),
                "session": header("x-retake-session"),
                "bytes": body.len(),
            });
            reply.header("content-type", "application/json").body(Body::from(said.to_string())).unwrap()
        }
    }
}
