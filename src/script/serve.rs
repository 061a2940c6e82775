//! Answers from scripts: in this process as an [`Upstream`], or on a socket.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

use super::answer::{Answer, answer};
use super::model::Script;
use crate::exchange::{Auth, End};
use crate::upstream::{
    AUTH_HEADER, CASE_HEADER, ERROR_HEADER, Error, ErrorKind, ORIGIN_HEADER, Reply, Request, Upstream,
};
use crate::wire::headers::KEY_HEADERS;

/// An upstream that answers from a script. A request that no rule answers is an `Err`; there is no default reply.
pub(crate) struct Scripted {
    script: Arc<Script>,
    /// How often each rule has answered.
    spent: Mutex<Vec<u32>>,
}

impl Scripted {
    /// A script of which no rule has answered yet.
    pub(crate) fn new(script: impl Into<Arc<Script>>) -> Self {
        let script = script.into();
        let spent = Mutex::new(vec![0; script.rules.len()]);
        Scripted { script, spent }
    }

    fn answer(&self, request: &Request) -> Result<Answer, Error> {
        // Locked until the count is updated, so that a rule for one request does not answer two that come at once.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answer(&self.script, request, &spent)
            .map_err(|none| Error::new(ErrorKind::NoRule, format!("the script has no answer: {none}")))?;
        if let Some(times) = spent.get_mut(answer.rule) {
            *times = times.saturating_add(1);
        }
        Ok(answer)
    }
}

impl Upstream for Scripted {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            let answer = self.answer(&request)?;
            tokio::time::sleep(answer.delay).await;
            reply(answer)
        })
    }
}

fn reply(answer: Answer) -> Result<Reply, Error> {
    // The parser has checked both, but a caller may have built the answer by hand.
    let status = StatusCode::from_u16(answer.status)
        .map_err(|_| Error::new(ErrorKind::Other, format!("the script answers with status {}", answer.status)))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.append(name, value);
        }
    }
    headers.insert(ORIGIN_HEADER, HeaderValue::from_static("simulated"));
    let Answer { chunks, end, pace, .. } = answer;
    let body = async_stream::stream! {
        for (position, chunk) in chunks.into_iter().enumerate() {
            if position > 0 && !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            yield Ok(chunk);
        }
        if let End::Broken(how) = end {
            // A server drops unwritten bytes when a body fails: let it write first.
            tokio::task::yield_now().await;
            yield Err(Error::new(ErrorKind::Broken, how));
        }
    };
    Ok(Reply { status, headers, body: body.boxed() })
}

/// Answers every request on `listener` from the script until `ended` is ready; replies under way are completed.
pub(crate) async fn serve(
    listener: TcpListener,
    script: impl Into<Arc<Script>>,
    ended: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // Without this option, a peer waits about 40 ms for the second chunk of a reused connection.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app = router(Arc::new(Scripted::new(script)));
    axum::serve(listener, app).with_graceful_shutdown(ended).await
}

/// The script as an HTTP application.
pub(crate) fn router(scripted: Arc<Scripted>) -> Router {
    Router::new().fallback(handle).with_state(scripted)
}

/// No request for a model is larger.
const MOST_BYTES: usize = 256 << 20;

async fn handle(State(scripted): State<Arc<Scripted>>, request: axum::extract::Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, MOST_BYTES).await {
        Ok(body) => body,
        Err(error) => return no_answer(&format!("the request's body cannot be read: {error}")),
    };
    match scripted.send(understood(head, body)).await {
        Ok(reply) => {
            let mut response = Response::new(Body::from_stream(reply.body));
            *response.status_mut() = reply.status;
            *response.headers_mut() = reply.headers;
            response
        }
        Err(error) => no_answer(&error.message),
    }
}

fn understood(head: http::request::Parts, body: Bytes) -> Request {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let mut keys = KEY_HEADERS.iter().chain(&["authorization"]);
    let keyed = keys.any(|name| head.headers.contains_key(*name)) && text(AUTH_HEADER) != Some("none");
    Request {
        endpoint: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        auth: if keyed { Auth::Provider } else { Auth::None },
        case: text(CASE_HEADER).map(|case| percent_encoding::percent_decode_str(case).decode_utf8_lossy().into_owned()),
        method: head.method,
        headers: head.headers,
        body,
    }
}

/// The error is marked, so that it is not mistaken for a provider's own 404.
fn no_answer(message: &str) -> Response {
    let error = json!({"message": message, "type": "script_error", "param": null, "code": "no_rule"});
    let mut response = Response::new(Body::from(json!({"error": error}).to_string()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ERROR_HEADER, HeaderValue::from_static(ErrorKind::NoRule.name()));
    headers.insert(ORIGIN_HEADER, HeaderValue::from_static("simulated"));
    response
}
