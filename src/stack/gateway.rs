//! The gateway and its configuration.

use crate::access::{AccessKeys, Guard};
use crate::provider::Provider;
use crate::spelling::nearest;
use crate::upstream::Shared;

use super::refusal::Refusal;
use super::registry::Registry;
use super::store::Store;

/// The configuration of a gateway.
pub struct GatewayConfig {
    /// The configured providers, each with the upstream that answers for it.
    pub providers: Vec<(Provider, Shared)>,
    /// The store for chat completions.
    pub store: Store,
    /// The access keys of the gateway itself: a caller must send one as a bearer token; empty means that none is
    /// needed.
    pub keys: Vec<String>,
    /// Which host names and web pages may call it through a socket.
    pub guard: Guard,
    /// The mode in which its providers answer (`replay`, `live`, …), shown by `/v1/health` to runs that reuse the
    /// stack.
    pub mode: String,
    /// Whether streams may end with `data: [DONE]`, if the provider sends it. A client that cannot read it never gets
    /// it.
    pub done: bool,
}

/// The gateway, independent of any socket.
pub struct Gateway {
    pub(super) providers: Vec<(Provider, Shared)>,
    pub(super) store: Store,
    pub(super) keys: AccessKeys,
    pub(super) guard: Guard,
    pub(super) mode: String,
    pub(super) done: bool,
    pub(super) registry: Registry,
}

impl Gateway {
    /// Makes a gateway; it sends nothing to providers yet.
    pub fn new(config: GatewayConfig) -> Self {
        let GatewayConfig { providers, store, keys, guard, mode, done } = config;
        Gateway { providers, store, keys: AccessKeys::new(&keys), guard, mode, done, registry: Registry::default() }
    }

    /// The provider of a model id, and the id that this provider uses.
    pub(super) fn route(&self, model: &str) -> Result<(&(Provider, Shared), String), Refusal> {
        if let Some(registered) = self.registry.get(model)
            && let Some(provider) = self.provider(&registered.provider)
        {
            return Ok((provider, registered.provider_model));
        }
        if self.registry.is_unregistered(model) {
            let message = format!("the model {model:?} was unregistered; `POST /v1/models` registers it again");
            return Err(Refusal::model_not_found(message));
        }
        let (name, rest) = model.split_once('/').unwrap_or((model, ""));
        match self.provider(name) {
            Some(found) if !rest.is_empty() => Ok((found, rest.to_owned())),
            Some(_) => Err(Refusal::model_not_found(format!(
                "the model {model:?} does not exist: after the provider the name of its model is missing, as in {:?}",
                format!("{name}/model")
            ))),
            None => Err(self.unknown_model(model, name)),
        }
    }

    /// The provider of this name.
    pub(super) fn provider(&self, name: &str) -> Option<&(Provider, Shared)> {
        self.providers.iter().find(|(provider, _)| provider.name == name)
    }

    /// The names of the providers.
    pub(super) fn names(&self) -> Vec<&str> {
        self.providers.iter().map(|(provider, _)| provider.name.as_str()).collect()
    }

    fn unknown_model(&self, model: &str, name: &str) -> Refusal {
        let known = self.names();
        let way_out = match nearest(name, known.iter().copied()) {
            Some(near) if model.contains('/') => {
                format!("did you mean {:?}?", format!("{near}/{}", &model[name.len() + 1..]))
            }
            Some(near) => format!("did you mean the provider {near:?}?"),
            None if known.is_empty() => "no provider is configured".to_owned(),
            None => format!("the providers here are {}", known.join(", ")),
        };
        let message = format!(
            "the model {model:?} does not exist: a model is named provider/model, and no provider is called {name:?}; {way_out}"
        );
        Refusal::model_not_found(message)
    }
}
