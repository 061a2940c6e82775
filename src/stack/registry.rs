//! The models that callers register and unregister, in addition to those that providers list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::completion_writer::now;
use super::gateway::Gateway;
use super::model::{Model, ModelType};
use super::refusal::Refusal;

/// All models registered and unregistered since the stack started.
#[derive(Default)]
pub(super) struct Registry(Mutex<Changes>);

#[derive(Default)]
struct Changes {
    registered: BTreeMap<String, Model>,
    /// Models from a provider's list that a caller unregistered.
    unregistered: BTreeSet<String>,
}

impl Registry {
    fn changes(&self) -> MutexGuard<'_, Changes> {
        // Every change is one call, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model that is registered with this identifier.
    pub(super) fn get(&self, identifier: &str) -> Option<Model> {
        self.changes().registered.get(identifier).cloned()
    }

    /// Whether the model with this identifier was unregistered.
    pub(super) fn is_unregistered(&self, identifier: &str) -> bool {
        self.changes().unregistered.contains(identifier)
    }

    /// The models of all providers' lists, plus the registered ones and without the unregistered ones.
    pub(super) fn merge(&self, listed: Vec<Model>) -> Vec<Model> {
        let changes = self.changes();
        let replaced = |model: &Model| {
            changes.registered.contains_key(&model.identifier) || changes.unregistered.contains(&model.identifier)
        };
        let mut models: Vec<Model> = listed.into_iter().filter(|model| !replaced(model)).collect();
        models.extend(changes.registered.values().cloned());
        models
    }

    /// Registers a model; it replaces one with the same identifier.
    pub(super) fn register(&self, model: Model) {
        let mut changes = self.changes();
        changes.unregistered.remove(&model.identifier);
        changes.registered.insert(model.identifier.clone(), model);
    }

    /// Unregisters a model.
    pub(super) fn unregister(&self, identifier: &str) {
        let mut changes = self.changes();
        changes.registered.remove(identifier);
        changes.unregistered.insert(identifier.to_owned());
    }
}

/// The body of `POST /v1/models`, in llama-stack's form.
#[derive(Deserialize)]
pub(super) struct Registration {
    model_id: String,
    provider_id: Option<String>,
    provider_model_id: Option<String>,
    model_type: Option<ModelType>,
    metadata: Option<Map<String, Value>>,
}

impl Registration {
    /// Parses a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body)
            .map_err(|error| Refusal::invalid(format!("the body is not a registration of a model: {error}")))
    }

    /// The model that the registration describes.
    pub(super) fn model(self, gateway: &Gateway) -> Result<Model, Refusal> {
        let provider = self.provider(gateway)?;
        let model_type = self.model_type.unwrap_or_default();
        let metadata = self.metadata.unwrap_or_default();
        if model_type == ModelType::Embedding && !metadata.contains_key("embedding_dimension") {
            let message = "an embedding model must be registered with its `embedding_dimension` in `metadata`";
            return Err(Refusal::invalid(message).param("metadata"));
        }
        let prefix = format!("{provider}/");
        // The gateway's name: an identifier that only repeats the provider's name for the model gets the provider as a
        // prefix; any other is an alias and stays.
        let own = self.model_id.strip_prefix(&prefix).unwrap_or(&self.model_id);
        let provider_model = self.provider_model_id.as_deref().map(|id| id.strip_prefix(&prefix).unwrap_or(id));
        let provider_model = provider_model.unwrap_or(own).to_owned();
        let identifier = if provider_model == own { format!("{prefix}{own}") } else { self.model_id };
        let owned_by = provider.clone();
        Ok(Model { identifier, provider_model, provider, created: now(), owned_by, model_type, metadata })
    }

    /// The provider that the registration names, or that the model's id begins with, or the only one.
    fn provider(&self, gateway: &Gateway) -> Result<String, Refusal> {
        let first = self.model_id.split_once('/').map(|(first, _)| first);
        let name = match (&self.provider_id, first, &*gateway.providers) {
            (Some(name), _, _) => name.as_str(),
            (None, Some(first), _) if gateway.provider(first).is_some() => first,
            (None, _, [(only, _)]) => &only.name,
            (None, _, _) => {
                let message = format!(
                    "which provider has the model {:?}? Name it as `provider_id`; the providers here are {}",
                    self.model_id,
                    gateway.names().join(", ")
                );
                return Err(Refusal::invalid(message).param("provider_id"));
            }
        };
        if gateway.provider(name).is_none() {
            let message =
                format!("no provider is called {name:?}; the providers here are {}", gateway.names().join(", "));
            return Err(Refusal::invalid(message).param("provider_id").code("provider_not_found"));
        }
        Ok(name.to_owned())
    }
}
