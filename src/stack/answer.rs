//! Completions and embeddings: from the caller to a provider and back.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};

use super::answering;
use super::ask::{Ask, Endpoint};
use super::completion_writer::CompletionWriter;
use super::gateway::Gateway;
use super::headers;
use super::quirks::Changes;
use super::refusal::{Refusal, shape_provider_error};
use super::relay::{Relay, relayed};
use super::terminal;
use crate::exchange::Auth;
use crate::upstream::{Reply, Request};
use crate::wire::BodyKind;

/// The parts of a call besides its body.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Headers that the provider may see.
    pub(super) headers: HeaderMap,
    pub(super) query: Option<String>,
    pub(super) auth: Auth,
    pub(super) case: Option<String>,
}

impl Call {
    /// This call as a request to a path of the provider's API.
    pub(super) fn request(self, method: http::Method, path: &str, body: impl Into<Bytes>) -> Request {
        let endpoint = headers::endpoint(path, self.query.as_deref());
        Request { method, endpoint, headers: self.headers, body: body.into(), auth: self.auth, case: self.case }
    }
}

/// Answers a POST.
pub(super) async fn answer(
    gateway: &Gateway,
    endpoint: Endpoint,
    mut call: Call,
    body: &[u8],
) -> Result<Response<Body>, Refusal> {
    let ask = Ask::parse(body)?;
    let ((provider, upstream), model) = gateway.route(&ask.model)?;
    ask.check(endpoint)?;
    let sent = ask.for_provider(endpoint, &model, &provider.quirks)?;
    let writer = writer(gateway, endpoint, &ask)?;
    let done = gateway.done && terminal::knows_done(&call.headers);
    call.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    let reply = upstream.send(call.request(http::Method::POST, endpoint.path(), sent)).await?;
    if !reply.status.is_success() {
        return provider_error(reply).await;
    }
    let changes = Changes::new(endpoint, ask.model.clone(), ask.wants_base64(), &provider.quirks);
    let (status, mut headers) = (reply.status, headers::for_caller(&reply.headers));
    let expected = if is_stream(&reply.headers, ask.streams()) { BodyKind::Events } else { BodyKind::Whole };
    let mut relay = Relay::new(expected, changes, writer, done);
    // The relay goes by the reply's first bytes, not by what was declared or requested: a stream may come as JSON, and
    // JSON instead of a stream.
    if expected == BodyKind::Events || ask.streams() {
        let (reply, model) = answering::of_stream(reply).await;
        answering::tell(&mut headers, model);
        return Ok(respond(status, headers, Body::from_stream(relayed(reply, relay))));
    }
    let bytes = reply.collect().await.map_err(|(_, error)| error)?;
    answering::tell(&mut headers, answering::of_whole(&bytes));
    let mut body = relay.push(&bytes).await?;
    body.extend(relay.end().await?);
    Ok(respond(status, headers, body.into()))
}

/// The writer that stores the answer; `None` if nothing is stored.
fn writer(gateway: &Gateway, endpoint: Endpoint, ask: &Ask<'_>) -> Result<Option<CompletionWriter>, Refusal> {
    if endpoint != Endpoint::Chat || !ask.stores() {
        return Ok(None);
    }
    let (store, model) = (gateway.store.clone(), ask.model.clone());
    Ok(Some(CompletionWriter { store, model, messages: ask.messages(), metadata: ask.metadata()? }))
}

/// The provider's error with its status and headers, in OpenAI's form.
pub(super) async fn provider_error(reply: Reply) -> Result<Response<Body>, Refusal> {
    let (status, mut headers) = (reply.status, headers::for_caller(&reply.headers));
    let bytes = reply.collect().await.map_err(|(_, error)| error)?;
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
    let Some(shaped) = shape_provider_error(status, kind.as_deref().unwrap_or_default(), &bytes) else {
        return Ok(respond(status, headers, bytes.into()));
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_ENCODING);
    Ok(respond(status, headers, shaped.to_string().into()))
}

/// The reply's content type decides, not the request: a provider may answer a stream request with one whole error, or
/// the other way round. Without a content type the request decides.
fn is_stream(headers: &HeaderMap, asked: bool) -> bool {
    let said = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    said.map_or(asked, |said| BodyKind::declared(&said) == BodyKind::Events)
}

fn respond(status: http::StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
