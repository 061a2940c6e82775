//! A model's entry in the gateway's lists: with the members of OpenAI and of llama-stack.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::provider::Provider;

/// The type of a model, in llama-stack's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModelType {
    /// It generates text.
    #[default]
    Llm,
    /// It makes vectors from texts.
    Embedding,
}

/// A model of the gateway.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    /// The caller's name for it; OpenAI's `id`.
    pub(super) identifier: String,
    /// The provider's name for it.
    pub(super) provider_model: String,
    pub(super) provider: String,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) owned_by: String,
    pub(super) model_type: ModelType,
    /// `context_length` and `embedding_dimension`, if known, and what a caller registered.
    pub(super) metadata: Map<String, Value>,
}

impl Model {
    /// The model as an entry of a list.
    pub(super) fn body(&self) -> Value {
        json!({
            "id": self.identifier,
            "object": "model",
            "created": self.created,
            "owned_by": self.owned_by,
            "identifier": self.identifier,
            "provider_resource_id": self.provider_model,
            "provider_id": self.provider,
            "type": "model",
            "model_type": self.model_type,
            "metadata": self.metadata,
        })
    }

    /// Reads an entry of a provider's list.
    pub(super) fn read(provider: &Provider, entry: &Value) -> Result<Self, String> {
        let id = entry["id"].as_str().ok_or_else(|| format!("has an entry without an id: {entry}"))?;
        let owner = entry["owned_by"].as_str().or(entry["organization"].as_str());
        Ok(Model {
            identifier: format!("{}/{id}", provider.name),
            provider_model: id.to_owned(),
            provider: provider.name.clone(),
            created: entry["created"].as_i64().unwrap_or(0),
            owned_by: owner.filter(|owner| !owner.is_empty()).unwrap_or(&provider.name).to_owned(),
            model_type: model_type(provider, entry, id),
            metadata: metadata(provider, entry, id),
        })
    }
}

/// From what the provider says; else from what is known about the provider, and from the name.
fn model_type(provider: &Provider, entry: &Value, id: &str) -> ModelType {
    let said = entry["type"].as_str().or(entry["model_type"].as_str()).filter(|said| *said != "model");
    let is_embedding = match said {
        Some(said) => said.starts_with("embedding"),
        None => provider.embedding_dimension(id).is_some() || id.to_ascii_lowercase().contains("embed"),
    };
    if is_embedding { ModelType::Embedding } else { ModelType::Llm }
}

/// Where providers give a model's context length: Together and OpenRouter, Groq, vLLM, Mistral, and llama.cpp (first
/// the value its server was started with, then the value it was trained with).
const CONTEXT_LENGTH: [&str; 6] =
    ["/context_length", "/context_window", "/max_model_len", "/max_context_length", "/meta/n_ctx", "/meta/n_ctx_train"];

/// Where they give the length of its vectors: among the known lists, only llama.cpp's.
const EMBEDDING_DIMENSION: [&str; 2] = ["/embedding_dimension", "/meta/n_embd"];

fn metadata(provider: &Provider, entry: &Value, id: &str) -> Map<String, Value> {
    let number = |places: &[&str]| places.iter().find_map(|place| entry.pointer(place)?.as_u64());
    let known = || provider.embedding_dimension(id).map(|length| length.get().into());
    let dimension = number(&EMBEDDING_DIMENSION).or_else(known);
    [("context_length", number(&CONTEXT_LENGTH)), ("embedding_dimension", dimension)]
        .into_iter()
        .filter_map(|(name, number)| Some((name.to_owned(), number?.into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn read(entry: Value) -> (ModelType, String) {
        let embedding_dimensions = vec![("known-*".to_owned(), NonZeroU32::new(5).unwrap())];
        let provider = Provider { name: "p".into(), embedding_dimensions, ..Provider::default() };
        let model = Model::read(&provider, &entry).unwrap();
        (model.model_type, Value::from(model.metadata).to_string())
    }

    #[test]
    fn what_providers_say_of_a_model_is_told_in_llama_stacks_words() {
        for (entry, model_type, metadata) in [
            (json!({"id": "a", "type": "chat", "context_length": 8}), ModelType::Llm, r#"{"context_length":8}"#),
            (json!({"id": "a", "type": "embedding"}), ModelType::Embedding, "{}"),
            (json!({"id": "text-embedding-3-small"}), ModelType::Embedding, "{}"),
            (json!({"id": "known-1"}), ModelType::Embedding, r#"{"embedding_dimension":5}"#),
            (json!({"id": "embedded-llm", "type": "language"}), ModelType::Llm, "{}"),
            (
                json!({"id": "a", "context_window": 4, "context_length": null}),
                ModelType::Llm,
                r#"{"context_length":4}"#,
            ),
            (
                json!({"id": "a", "meta": {"n_ctx_train": 9, "n_ctx": 2, "n_embd": 3}}),
                ModelType::Llm,
                r#"{"context_length":2,"embedding_dimension":3}"#,
            ),
        ] {
            assert_eq!(read(entry.clone()), (model_type, metadata.to_owned()), "{entry}");
        }
    }
}
