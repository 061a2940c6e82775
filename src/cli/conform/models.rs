//! Which model is asked for which kind of cases.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::exit::Stop;
use crate::cli::near;
use crate::conform::Asked;

/// Kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Text,
    Embedding,
    Vision,
    Audio,
    Reasoning,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] = [Kind::Text, Kind::Embedding, Kind::Vision, Kind::Audio, Kind::Reasoning];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Embedding => "embedding",
            Kind::Vision => "vision",
            Kind::Audio => "audio",
            Kind::Reasoning => "reasoning",
        }
    }

    /// Whether a model is of this kind, as far as what is listed of it tells.
    fn fits(self, listed: &Listed) -> bool {
        let id = listed.id.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| id.contains(part));
        let is_embedding = listed.kind.as_deref() == Some("embedding") || has(&EMBEDDING);
        match self {
            Kind::Embedding => is_embedding,
            Kind::Text => {
                let other = listed.kind.as_deref().is_some_and(|kind| !["chat", "language", "model"].contains(&kind));
                !is_embedding && !other && !has(&NO_TEXT)
            }
            Kind::Vision => has(&["vision", "-vl", "llava", "pixtral"]),
            Kind::Audio => has(&["audio"]) && !has(&["transcribe"]),
            // What is asked of it is asked as of any other: the text model says whether it does it.
            Kind::Reasoning => false,
        }
    }
}

/// Parts of the names of models that embed.
const EMBEDDING: [&str; 6] = ["embed", "bge-", "e5-", "gte-", "minilm", "-retrieval"];
/// Parts of the names of models that do not answer with text.
const NO_TEXT: [&str; 10] =
    ["rerank", "whisper", "tts", "dall-e", "image", "moderation", "audio", "realtime", "transcribe", "sora"];

/// A model that the provider lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    id: String,
    /// What the provider says that it is: `embedding`.
    kind: Option<String>,
}

/// The models of a list in any of the forms that servers give it.
pub(super) fn listed(reply: &Value) -> Vec<Listed> {
    let models = reply["data"].as_array().or(reply.as_array());
    let model = |model: &Value| {
        let kind = model["type"].as_str().map(str::to_owned);
        Some(Listed { id: model["id"].as_str()?.to_owned(), kind })
    };
    models.into_iter().flatten().filter_map(model).collect()
}

/// What `--model` says: `M`, or `embedding=M`.
pub(super) fn given(words: &[String]) -> Result<BTreeMap<Kind, String>, Stop> {
    let mut given = BTreeMap::new();
    for word in words {
        let kind = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let (kind, model) = match word.split_once('=').map(|(name, model)| (name, kind(name), model)) {
            Some((_, Some(kind), model)) => (kind, model),
            Some((name, None, _)) => {
                let near = near::one_of(name, Kind::ALL.map(Kind::name));
                let kinds = Kind::ALL.map(Kind::name).join(", ");
                return Err(Stop::usage(format!(
                    "--model {word}: `{name}` is no kind of model{near}\n  there are: {kinds}"
                )));
            }
            None => (Kind::Text, word.as_str()),
        };
        if model.is_empty() {
            return Err(Stop::usage(format!("--model {word}: the model's name is missing")));
        }
        if given.insert(kind, model.to_owned()).is_some() {
            return Err(Stop::usage(format!("--model {word}: there is a {} model already", kind.name())));
        }
    }
    Ok(given)
}

/// A model for each kind, of those that are given and those that the provider lists; `None` where there is none even for
/// text.
pub(super) fn choose(given: &BTreeMap<Kind, String>, listed: &[Listed]) -> Option<Vec<Asked>> {
    let first = |kind: Kind| listed.iter().find(|model| kind.fits(model)).map(|model| model.id.clone());
    let only = match listed {
        [only] => Some(only.id.clone()),
        _ => None,
    };
    let text = given.get(&Kind::Text).cloned().or_else(|| only.clone()).or_else(|| first(Kind::Text))?;
    let choice = |kind: Kind| -> (Option<String>, &'static str) {
        if let Some(model) = given.get(&kind) {
            return (Some(model.clone()), "given");
        }
        match (kind, &only) {
            (Kind::Reasoning, _) => (Some(text.clone()), "the text model"),
            (_, Some(only)) => (Some(only.clone()), "the only one listed"),
            (Kind::Text, None) => (Some(text.clone()), "the first listed that fits"),
            (_, None) => match first(kind) {
                Some(model) => (Some(model), "the first listed that fits by its name"),
                // Without a list, one model is all that is known.
                None if listed.is_empty() => (Some(text.clone()), "the text model"),
                None => (None, "none listed fits by its name"),
            },
        }
    };
    let asked = |kind: Kind| {
        let (model, how) = choice(kind);
        Asked { kind: kind.name(), model, how }
    };
    Some(Kind::ALL.map(asked).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(words: &[&str], list: Value) -> Option<Vec<String>> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let asked = choose(&given(&words).map_err(|stop| stop.message).unwrap(), &listed(&list))?;
        Some(asked.into_iter().map(|asked| asked.model.unwrap_or_else(|| "none".to_owned())).collect())
    }

    #[test]
    fn what_is_given_wins_and_the_list_says_the_rest() {
        let many =
            json!({"data": [{"id": "text-embedding-3"}, {"id": "whisper-1"}, {"id": "big"}, {"id": "big-vision"}]});
        let of = |words: &[&str], list: &Value| chosen(words, list.clone()).unwrap_or_default().join(" ");
        assert_eq!(of(&[], &many), "big text-embedding-3 big-vision none big");
        assert_eq!(of(&["small", "audio=speaks"], &many), "small text-embedding-3 big-vision speaks small");
        let one = json!({"object": "list", "data": [{"id": "only"}]});
        assert_eq!(of(&[], &one), "only only only only only");
        assert_eq!(
            of(&["reasoning=r1"], &json!([{"id": "chat", "type": "chat"}, {"id": "m2", "type": "embedding"}])),
            "chat m2 none none r1"
        );
        // No list at all.
        assert_eq!(of(&["m"], &Value::Null), "m m m m m");
        assert_eq!(chosen(&[], Value::Null), None);
    }

    #[test]
    fn a_kind_that_there_is_not_is_told() {
        for (word, says) in [("visoin=m", "did you mean `vision`?"), ("vision=", "missing"), ("a,text=b", "already")] {
            let words: Vec<String> = word.split(',').map(str::to_owned).collect();
            assert!(given(&words).is_err_and(|stop| stop.message.contains(says)), "{word}");
        }
    }
}
