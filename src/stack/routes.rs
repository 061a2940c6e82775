//! Paths to calls. Moves bytes; decides nothing.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::answer::{Call, answer};
use super::ask::Endpoint;
use super::gateway::Gateway;
use super::refusal::Refusal;
use super::{access, headers, history, models};
use crate::exchange::Auth;
use crate::upstream::{AUTH_HEADER, CASE_HEADER, ERROR_HEADER};

type Stack = State<Arc<Gateway>>;

/// What stands before `/chat/completions` and all the other paths.
pub const PREFIXES: [&str; 2] = ["/v1", "/v1/openai/v1"];

/// The largest body that is read: room for some pictures.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// The gateway as a value that can be called; [`super::serve`] puts it behind a socket.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let mut router = Router::new();
    for prefix in PREFIXES {
        let path = |rest: &str| format!("{prefix}{rest}");
        router = router
            .route(&path("/chat/completions"), post(chat).get(list_completions))
            .route(
                &path("/chat/completions/{id}"),
                get(retrieve_completion).post(update_completion).delete(delete_completion),
            )
            .route(&path("/chat/completions/{id}/messages"), get(list_messages))
            .route(&path("/completions"), post(completions))
            .route(&path("/embeddings"), post(embeddings))
            .route(&path("/models"), get(list_models))
            .route(&path("/models/{*id}"), get(retrieve_model))
            .route(&path("/providers"), get(list_providers))
            .route(&path("/providers/{id}"), get(retrieve_provider))
            .route(&path("/health"), get(health));
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(gateway.clone(), check_key))
        .with_state(gateway)
}

async fn check_key(State(gateway): Stack, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_health = PREFIXES.iter().any(|prefix| path.strip_prefix(prefix) == Some("/health"));
    match access::check(&gateway.keys, request.headers()) {
        Err(refusal) if !is_health => refusal.into_response(),
        _ => next.run(request).await,
    }
}

async fn chat(State(gateway): Stack, request: Request) -> Result<Response, Refusal> {
    hand_on(&gateway, Endpoint::Chat, request).await
}

async fn completions(State(gateway): Stack, request: Request) -> Result<Response, Refusal> {
    hand_on(&gateway, Endpoint::Completions, request).await
}

async fn embeddings(State(gateway): Stack, request: Request) -> Result<Response, Refusal> {
    hand_on(&gateway, Endpoint::Embeddings, request).await
}

async fn hand_on(gateway: &Gateway, endpoint: Endpoint, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = whole(request).await?;
    answer(gateway, endpoint, call(&parts), &body).await
}

/// A request with its body read.
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

async fn list_completions(State(gateway): Stack, uri: Uri) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::list(&gateway.store, uri.query()).await?))
}

async fn retrieve_completion(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::retrieve(&gateway.store, &name(id)?).await?))
}

async fn update_completion(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let id = name(id)?;
    let (_, body) = whole(request).await?;
    Ok(json_text(StatusCode::OK, history::update(&gateway.store, &id, &body).await?))
}

async fn delete_completion(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::delete(&gateway.store, &name(id)?).await?))
}

async fn list_messages(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, history::messages(&gateway.store, &name(id)?, uri.query()).await?))
}

async fn list_models(State(gateway): Stack, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    json_text(StatusCode::OK, models::list(&gateway, &call(&parts)).await.to_string())
}

async fn retrieve_model(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let model = models::retrieve(&gateway, call(&parts), &name(id)?).await?;
    Ok(json_text(StatusCode::OK, model.to_string()))
}

async fn list_providers(State(gateway): Stack) -> Response {
    json_text(StatusCode::OK, models::providers(&gateway).to_string())
}

async fn retrieve_provider(
    State(gateway): Stack,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    Ok(json_text(StatusCode::OK, models::provider(&gateway, &name(id)?)?.to_string()))
}

/// Also tells whoever finds a port taken whether it is this program that has it.
async fn health(State(gateway): Stack) -> Response {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let health = json!({"status": "OK", "name": name, "version": version, "mode": gateway.mode});
    json_text(StatusCode::OK, health.to_string())
}

async fn unknown_path(method: Method, uri: Uri) -> Refusal {
    let message = format!(
        "this stack has no {method} {}; it has chat/completions, completions, embeddings, models, providers and health, under {}",
        uri.path(),
        PREFIXES.join(" and ")
    );
    Refusal::of(StatusCode::NOT_FOUND, "invalid_request_error", message).code("unknown_url")
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("{method} is not allowed on {}; the `allow` header says what is", uri.path());
    Refusal::of(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message).code("method_not_supported")
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
        if let Some(kind) = self.own {
            response.headers_mut().insert(ERROR_HEADER, HeaderValue::from_static(kind.name()));
            // An SDK that asks again gets the same answer, only later.
            response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }
}
