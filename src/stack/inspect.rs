//! What the stack says about itself: version, routes, providers.

use http::StatusCode;
use serde_json::{Value, json};

use super::gateway::Gateway;
use super::refusal::Refusal;
use super::routes::{self, PREFIXES};
use crate::provider::Provider;
use crate::upstream::without_secrets;

/// `GET /v1/version`.
pub(super) fn version() -> Value {
    json!({"version": env!("CARGO_PKG_VERSION")})
}

/// `GET /v1/inspect/routes`: all routes, and the types of the providers behind them.
pub(super) fn routes(gateway: &Gateway) -> Value {
    let types: Vec<&str> = gateway.providers.iter().map(|(provider, _)| provider.r#type.as_str()).collect();
    let routes = routes::table();
    let data: Vec<Value> = PREFIXES
        .iter()
        .flat_map(|prefix| routes.iter().map(move |route| (prefix, route)))
        .map(|(prefix, route)| {
            let provider_types = if route.of_providers { types.as_slice() } else { &[] };
            let path = format!("{prefix}{}", route.path.replace("{*id}", "{id:path}"));
            json!({"route": path, "method": route.method, "provider_types": provider_types})
        })
        .collect();
    json!({"data": data})
}

/// `GET /v1/providers`.
pub(super) fn providers(gateway: &Gateway) -> Value {
    let data: Vec<Value> = gateway.providers.iter().map(|(provider, _)| describe(provider)).collect();
    json!({"data": data})
}

/// `GET /v1/providers/{id}`.
pub(super) fn provider(gateway: &Gateway, name: &str) -> Result<Value, Refusal> {
    let found = gateway.provider(name).map(|(provider, _)| describe(provider));
    found.ok_or_else(|| {
        let message = format!("no provider is called {name:?}; the providers here are {}", gateway.names().join(", "));
        Refusal::of(StatusCode::NOT_FOUND, "invalid_request_error", message).code("provider_not_found")
    })
}

fn describe(provider: &Provider) -> Value {
    json!({
        "api": "inference",
        "provider_id": provider.name,
        "provider_type": provider.r#type,
        "config": {"base_url": without_secrets(&provider.base_url), "key_variable": provider.key},
        "health": {"status": "Not Implemented", "message": "providers are not probed"},
    })
}
