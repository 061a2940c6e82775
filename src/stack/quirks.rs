//! How a reply's JSON is changed on its way to the caller.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::ask::Endpoint;
use super::json_edit::{Edits, Members, quote};
use crate::provider::Quirks;
use crate::wire::lenient;

/// The changes to the JSON of one reply.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    /// The model id that the caller used.
    pub(super) model: String,
    finish_reasons: BTreeMap<String, String>,
    usage: Option<&'static str>,
    base64: bool,
}

impl Changes {
    pub(super) fn new(endpoint: Endpoint, model: String, base64: bool, quirks: &Quirks) -> Self {
        let usage = quirks.usage_when_missing.iter().any(|listed| listed == endpoint.path());
        Changes {
            model,
            finish_reasons: quirks.finish_reasons.clone(),
            usage: usage.then_some(match endpoint {
                Endpoint::Embeddings => r#"{"prompt_tokens":-1,"total_tokens":-1}"#,
                _ => r#"{"prompt_tokens":-1,"total_tokens":-1,"completion_tokens":-1}"#,
            }),
            base64: base64 && endpoint == Endpoint::Embeddings,
        }
    }

    /// A whole body, changed; `None` if it needs no change or is not a JSON object. With `id`, the body gets that id.
    pub(super) fn whole(&self, text: &str, id: Option<&str>) -> Option<String> {
        let readable = readable(text);
        let members = Members::parse(&readable).ok()?;
        let mut edits = Edits::new(&readable);
        self.model_and_reasons(&members, &mut edits);
        if let Some(id) = id.filter(|id| members.read::<&str>("id") != Some(id)) {
            edits.set(&members, "id", quote(id));
        }
        if let Some(usage) = self.usage.filter(|_| !members.has("usage")) {
            edits.set(&members, "usage", usage.to_owned());
        }
        if self.base64 {
            for entry in members.read::<Vec<Members>>("data").unwrap_or_default() {
                if let Some((value, floats)) = entry.get("embedding").zip(entry.read::<Vec<f32>>("embedding")) {
                    edits.replace(value, quote(&encode(&floats)));
                }
            }
        }
        edits.apply_to(text)
    }

    /// The JSON of one streamed event, changed; `None` if it needs no change or is not a JSON object. Usage is never
    /// added: a stream has it only on request, and in no fixed event. With `id`, the second id replaces the first one,
    /// or a missing one.
    pub(super) fn event(&self, text: &str, id: Option<(Option<&str>, &str)>) -> Option<String> {
        let readable = readable(text);
        let members = Members::parse(&readable).ok()?;
        let mut edits = Edits::new(&readable);
        self.model_and_reasons(&members, &mut edits);
        if let Some((said, given)) = id.filter(|_| members.has("choices")) {
            let own = members.read::<String>("id").filter(|own| !own.is_empty());
            // An id other than the first one belongs to another answer, which must not be hidden.
            if own.as_deref() != Some(given) && own.as_deref() == said {
                edits.set(&members, "id", quote(given));
            }
        }
        edits.apply_to(text)
    }

    fn model_and_reasons(&self, members: &Members, edits: &mut Edits) {
        if let Some((value, said)) = members.get("model").zip(members.read::<String>("model"))
            && said != self.model
        {
            edits.replace(value, quote(&self.model));
        }
        if self.finish_reasons.is_empty() {
            return;
        }
        for choice in members.read::<Vec<&RawValue>>("choices").unwrap_or_default() {
            let Ok(choice) = Members::parse(choice.get()) else { continue };
            let reason = choice.get("finish_reason").zip(choice.read::<String>("finish_reason"));
            if let Some((value, meant)) =
                reason.and_then(|(value, said)| Some((value, self.finish_reasons.get(&said)?)))
            {
                edits.replace(value, quote(meant));
            }
        }
    }
}

/// The text as strict JSON, with each value at its place: clients accept some text that strict parsers do not.
fn readable(text: &str) -> Cow<'_, str> {
    if serde_json::from_str::<&RawValue>(text).is_ok() { text.into() } else { lenient::same_length(text).into() }
}

/// Floats as OpenAI sends them for base64: four bytes each, little-endian.
fn encode(floats: &[f32]) -> String {
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quirks() -> Quirks {
        Quirks {
            usage_when_missing: vec!["/v1/embeddings".into(), "/v1/chat/completions".into()],
            finish_reasons: BTreeMap::from([("eos".into(), "stop".into())]),
            ..Quirks::default()
        }
    }

    #[test]
    fn a_chat_reply_gets_model_reason_and_usage_and_keeps_the_rest() {
        let changes = Changes::new(Endpoint::Chat, "together/m".into(), false, &quirks());
        let text = r#"{"id":"1", "model":"m","prompt":[], "choices":[{"finish_reason":"eos","seed":18168036348581554000},{"finish_reason":null}],"usage":null}"#;
        insta::assert_snapshot!(changes.whole(text, None).unwrap(), @r#"{"id":"1", "model":"together/m","prompt":[], "choices":[{"finish_reason":"stop","seed":18168036348581554000},{"finish_reason":null}],"usage":{"prompt_tokens":-1,"total_tokens":-1,"completion_tokens":-1}}"#);
        insta::assert_snapshot!(changes.event(text, None).unwrap(), @r#"{"id":"1", "model":"together/m","prompt":[], "choices":[{"finish_reason":"stop","seed":18168036348581554000},{"finish_reason":null}],"usage":null}"#);
    }

    #[test]
    fn what_is_right_already_is_not_touched() {
        let changes = Changes::new(Endpoint::Chat, "m".into(), false, &quirks());
        assert_eq!(changes.whole(r#"{"model":"m","usage":{"total_tokens":1}}"#, None), None);
        assert_eq!(changes.event("[DONE]", None), None);
        assert_eq!(changes.event(r#"{"error":{"message":"m"}}"#, None), None);
        assert_eq!(changes.event(r#"{"model":null}"#, None), None);
    }

    #[test]
    fn embeddings_become_base64_only_when_they_are_floats_and_it_was_asked() {
        let text = r#"{"data":[{"embedding":[1.0,-0.5]},{"embedding":"AACAPw=="},{"embedding":[[1.0]]}]}"#;
        let asked = Changes::new(Endpoint::Embeddings, "m".into(), true, &quirks()).whole(text, None).unwrap();
        insta::assert_snapshot!(asked, @r#"{"data":[{"embedding":"AACAPwAAAL8="},{"embedding":"AACAPw=="},{"embedding":[[1.0]]}],"usage":{"prompt_tokens":-1,"total_tokens":-1}}"#);
        assert_eq!(Changes::new(Endpoint::Embeddings, "m".into(), false, &Quirks::default()).whole(text, None), None);
    }
}
