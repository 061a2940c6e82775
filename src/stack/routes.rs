//! All paths, and who may call them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use http::{Method, StatusCode, Uri};

use super::gateway::Gateway;
use super::in_process::Inside;
use super::refusal::Refusal;
use super::{access, handlers};
use crate::access::Entry;

/// The prefixes of `/chat/completions` and all other paths.
pub const PREFIXES: [&str; 2] = ["/v1", "/v1/openai/v1"];

/// A route of the gateway, valid under each prefix.
pub(super) struct Route {
    /// The path below a prefix, with parameters in axum's notation.
    pub(super) path: &'static str,
    pub(super) method: &'static str,
    /// Whether providers answer it, not the stack itself.
    pub(super) of_providers: bool,
    answer: MethodRouter<Arc<Gateway>>,
}

/// All routes.
pub(super) fn table() -> Vec<Route> {
    let of_providers = |method, path, answer| Route { path, method, of_providers: true, answer };
    let of_the_stack = |method, path, answer| Route { path, method, of_providers: false, answer };
    vec![
        of_providers("POST", "/chat/completions", post(handlers::chat)),
        of_providers("GET", "/chat/completions", get(handlers::list_completions)),
        of_providers("GET", "/chat/completions/{id}", get(handlers::retrieve_completion)),
        of_providers("POST", "/chat/completions/{id}", post(handlers::update_completion)),
        of_providers("DELETE", "/chat/completions/{id}", delete(handlers::delete_completion)),
        of_providers("GET", "/chat/completions/{id}/messages", get(handlers::list_messages)),
        of_providers("POST", "/completions", post(handlers::completions)),
        of_providers("POST", "/embeddings", post(handlers::embeddings)),
        of_providers("GET", "/models", get(handlers::list_models)),
        of_providers("POST", "/models", post(handlers::register_model)),
        of_providers("GET", "/models/{*id}", get(handlers::retrieve_model)),
        of_providers("DELETE", "/models/{*id}", delete(handlers::unregister_model)),
        of_the_stack("GET", "/providers", get(handlers::list_providers)),
        of_the_stack("GET", "/providers/{id}", get(handlers::retrieve_provider)),
        of_the_stack("GET", "/inspect/routes", get(handlers::list_routes)),
        of_the_stack("GET", "/version", get(handlers::version)),
        of_the_stack("GET", "/health", get(handlers::health)),
    ]
}

/// The gateway as a router; [`super::serve`] puts it behind a socket.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let mut router = Router::new();
    for prefix in PREFIXES {
        for route in table() {
            router = router.route(&format!("{prefix}{}", route.path), route.answer);
        }
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(gateway.clone(), let_in))
        .with_state(gateway)
}

async fn let_in(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Inside>().is_some() {
        return checked(&gateway, request, next).await;
    }
    let (head, body) = request.into_parts();
    let entry = match gateway.guard.check(&head, || access::knows(&gateway.keys, &head.headers)) {
        Ok(Entry::Preflight(headers)) => return (StatusCode::NO_CONTENT, headers).into_response(),
        Ok(entry) => entry,
        Err(refused) => return Refusal::from(refused).into_response(),
    };
    let mut response = checked(&gateway, Request::from_parts(head, body), next).await;
    entry.mark(response.headers_mut());
    response
}

async fn checked(gateway: &Gateway, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_health = PREFIXES.iter().any(|prefix| path.strip_prefix(prefix) == Some("/health"));
    match access::check(&gateway.keys, request.headers()) {
        Err(refusal) if !is_health => refusal.into_response(),
        _ => next.run(request).await,
    }
}

async fn unknown_path(method: Method, uri: Uri) -> Refusal {
    let message = format!(
        "this stack has no {method} {}; `GET /v1/inspect/routes` lists what it has, under {}",
        uri.path(),
        PREFIXES.join(" and ")
    );
    Refusal::of(StatusCode::NOT_FOUND, "invalid_request_error", message).code("unknown_url")
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("{method} is not allowed on {}; the `allow` header says what is", uri.path());
    Refusal::of(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message).code("method_not_supported")
}
