//! Turns HTTP requests into calls and results into responses. It moves bytes and decides nothing.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::answer::{Call, answer};
use super::ask::Endpoint;
use super::gateway::Gateway;
use super::refusal::Refusal;
use super::{headers, history, inspect, models};
use crate::exchange::Auth;
use crate::upstream::{AUTH_HEADER, CASE_HEADER, ERROR_HEADER};

type Stack = State<Arc<Gateway>>;

/// The largest body that is read: room for several pictures.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

pub(super) async fn chat(State(gateway): Stack, request: Request) -> Result<Response, Refusal> {
    hand_on(&gateway, Endpoint::Chat, request).await
}

pub(super) async fn completions(State(gateway): Stack, request: Request) -> Result<Response, Refusal> {
    hand_on(&gateway, Endpoint::Completions, request).await
}

pub(super) async fn embeddings(State(gateway): Stack, request: Request) -> Result<Response, Refusal> {
    hand_on(&gateway, Endpoint::Embeddings, request).await
}

async fn hand_on(gateway: &Gateway, endpoint: Endpoint, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = whole(request).await?;
    answer(gateway, endpoint, call(&parts), &body).await
}

/// A request with its whole body.
async fn whole(request: Request) -> Result<(Parts, Bytes), Refusal> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|error| {
        let declared = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if declared.is_some_and(|size: usize| size <= LARGEST_BODY) {
            return Refusal::invalid(format!("the body broke off: {error}"));
        }
        let message = format!("the body cannot be read, or is larger than {LARGEST_BODY} bytes: {error}");
        Refusal::of(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message)
    })?;
    Ok((parts, body))
}

fn call(parts: &Parts) -> Call {
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    Call {
        headers: headers::for_provider(&parts.headers),
        query: parts.uri.query().map(str::to_owned),
        auth: if text(AUTH_HEADER) == Some("none") { Auth::None } else { Auth::Provider },
        case: text(CASE_HEADER).map(|case| percent_decode_str(case).decode_utf8_lossy().into_owned()),
    }
}

pub(super) async fn list_completions(State(gateway): Stack, uri: Uri) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::list(&gateway.store, uri.query()).await?))
}

pub(super) async fn retrieve_completion(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::retrieve(&gateway.store, &name(id)?).await?))
}

pub(super) async fn update_completion(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let id = name(id)?;
    let (_, body) = whole(request).await?;
    Ok(json_text(StatusCode::OK, history::update(&gateway.store, &id, &body).await?))
}

pub(super) async fn delete_completion(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::delete(&gateway.store, &name(id)?).await?))
}

pub(super) async fn list_messages(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::messages(&gateway.store, &name(id)?, uri.query()).await?))
}

pub(super) async fn list_models(State(gateway): Stack, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    json_text(StatusCode::OK, models::list(&gateway, &call(&parts)).await.to_string())
}

pub(super) async fn retrieve_model(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let model = models::retrieve(&gateway, call(&parts), &name(id)?).await?;
    Ok(json_text(StatusCode::OK, model.to_string()))
}

pub(super) async fn register_model(State(gateway): Stack, request: Request) -> Result<Response, Refusal> {
    let (_, body) = whole(request).await?;
    Ok(json_text(StatusCode::OK, models::register(&gateway, &body)?.to_string()))
}

pub(super) async fn unregister_model(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let gone = models::unregister(&gateway, call(&parts), &name(id)?).await?;
    Ok(json_text(StatusCode::OK, gone.to_string()))
}

pub(super) async fn list_providers(State(gateway): Stack) -> Response {
    json_text(StatusCode::OK, inspect::providers(&gateway).to_string())
}

pub(super) async fn retrieve_provider(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, inspect::provider(&gateway, &name(id)?)?.to_string()))
}

pub(super) async fn list_routes(State(gateway): Stack) -> Response {
    json_text(StatusCode::OK, inspect::routes(&gateway).to_string())
}

pub(super) async fn version() -> Response {
    json_text(StatusCode::OK, inspect::version().to_string())
}

/// This also tells a program that finds its port taken whether a retake has it.
pub(super) async fn health(State(gateway): Stack) -> Response {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let health = json!({"status": "OK", "name": name, "version": version, "mode": gateway.mode});
    json_text(StatusCode::OK, health.to_string())
}

fn name(id: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    id.map(|Path(id)| id).map_err(|rejection| Refusal::invalid(rejection.body_text()))
}

fn json_text(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json_text(self.status, self.body().to_string());
        if let Some(name) = self.own {
            response.headers_mut().insert(ERROR_HEADER, HeaderValue::from_static(name));
            // A retry would only get the same answer later.
            response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if self.own == Some("no-connect") {
            // A client that wanted a tunnel may already send data for it.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
