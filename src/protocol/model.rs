//! Which model answered, and whether it is the requested one.

use std::sync::Arc;

use serde_json::Value;

use crate::wire::{Reading, words};

/// Other names of models, from a provider's data.
pub type Aliases = Arc<[Alias]>;

/// Other names of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The requested model, without the provider.
    pub asked: String,
    /// The names that replies may use for it.
    pub told: Vec<String>,
}

/// The suffixes that OpenAI, Anthropic, Google, Mistral, Cohere and Ollama add to a model's name for a version. `y`,
/// `m` and `d` are digits of a date, `n` is any digit.
const VERSIONS: [&str; 9] =
    ["-20yy-mm-dd", "-20yymmdd", "@20yymmdd", "-mmdd", "-yymm", "-mm-20yy", "-00n", "-latest", ":latest"];
/// The suffixes that request the latest version.
const LATEST: [&str; 2] = ["-latest", ":latest"];

/// The models that a reply names, each once, in order of first appearance.
pub fn models(reading: &Reading) -> Vec<&str> {
    let whole = std::slice::from_ref(reading.json.as_ref().unwrap_or(&Value::Null));
    let events = reading.json.as_ref().and_then(Value::as_array).filter(|_| reading.kind.is_stream());
    let mut named = Vec::new();
    for item in events.map_or(whole, Vec::as_slice) {
        // Stream events of OpenAI's responses and Anthropic's messages name it one level below.
        let places = [&item["model"], &item["response"]["model"], &item["message"]["model"]];
        for model in places.into_iter().filter_map(words) {
            if !named.contains(&model) {
                named.push(model);
            }
        }
    }
    named
}

/// Whether a model is the requested one. `gpt-4o-2024-08-06` is the same model as `gpt-4o`, and `model` the same as
/// `provider/model`. The case of letters does not matter. Any other name must be a declared alias.
pub fn is_same_model(asked: &str, told: &str, aliases: &[Alias]) -> bool {
    let declared = aliases.iter().filter(|alias| is_name_of(&alias.asked, asked)).flat_map(|alias| &alias.told);
    is_name_of(asked, told) || declared.into_iter().any(|name| is_name_of(name, told))
}

fn is_name_of(asked: &str, told: &str) -> bool {
    let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let (asked, told) = (bare(asked), bare(told));
    let undated = LATEST.iter().find_map(|latest| asked.strip_suffix(latest)).unwrap_or(&asked);
    asked == told
        || told
            .strip_prefix(undated)
            .is_some_and(|end| end.is_empty() || VERSIONS.iter().any(|form| is_version(end, form)))
}

fn is_version(end: &str, form: &str) -> bool {
    let is_digit = |letter: char| "ymdn".contains(letter);
    let fits = |(c, letter): (char, char)| if is_digit(letter) { c.is_ascii_digit() } else { c == letter };
    let number = |of: char| -> Option<u32> {
        let digits: String =
            end.chars().zip(form.chars()).filter(|(_, letter)| *letter == of).map(|(c, _)| c).collect();
        digits.parse().ok()
    };
    let is_in = |of, range: std::ops::RangeInclusive<u32>| number(of).is_none_or(|number| range.contains(&number));
    end.len() == form.len()
        && end.chars().zip(form.chars()).all(fits)
        && is_in('m', 1..=12)
        && is_in('d', 1..=31)
        && is_in('y', 20..=99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;

    #[test]
    fn a_model_is_the_same_with_a_version_a_prefix_or_other_letters() {
        for (asked, told) in [
            ("gpt-4o", "gpt-4o"),
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("openai/gpt-4", "gpt-4-0613"),
            ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
            ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929"),
            ("mistral-large-latest", "mistral-large-2411"),
            ("command-r", "command-r-08-2024"),
            ("models/gemini-2.0-flash", "gemini-2.0-flash-001"),
            ("llama3.2", "llama3.2:latest"),
            ("together/meta/Llama", "meta/llama"),
        ] {
            assert!(is_same_model(asked, told, &[]), "{asked} {told}");
        }
        for (asked, told) in [
            ("gpt-4o", "gpt-4o-mini"),
            ("gpt-4o", "gpt-4"),
            ("gpt-4-latest", "gpt-4o"),
            ("gpt-4o-2024-08-06", "gpt-4o-2024-05-13"),
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("gpt-4", "gpt-4-9999"),
            ("gpt-4", "gpt-4-2024-13-01"),
            ("gpt-4", "gpt-4-é613"),
            ("a/x", "a/y"),
        ] {
            assert!(!is_same_model(asked, told, &[]), "{asked} {told}");
        }
    }

    #[test]
    fn an_alias_stands_for_the_models_that_are_declared() {
        let aliases = [Alias { asked: "small".into(), told: vec!["meta/llama-8b".into(), "gpt-4o".into()] }];
        assert!(
            is_same_model("p/small", "llama-8b", &aliases) && is_same_model("small", "gpt-4o-2024-08-06", &aliases)
        );
        assert!(is_same_model("small", "small", &aliases));
        assert!(!is_same_model("small", "llama-70b", &aliases) && !is_same_model("large", "llama-8b", &aliases));
    }

    #[test]
    fn every_model_of_a_reply_is_told_once() {
        let named = |kind: &str, body: &str| models(&read(kind, body.as_bytes())).join(" ");
        assert_eq!(named("application/json", r#"{"model": "m"}"#), "m");
        assert_eq!(named("application/json", "busy"), "");
        let events = "data: {\"model\": \"\"}\n\ndata: {\"model\": \"m\"}\n\ndata: {\"model\": \"n\"}\n\ndata: {\"model\": \"m\"}\n\n";
        assert_eq!(named("text/event-stream", events), "m n");
        let below = "data: {\"type\": \"message_start\", \"message\": {\"model\": \"c\"}}\n\ndata: {\"response\": {\"model\": \"r\"}}\n\n";
        assert_eq!(named("text/event-stream", below), "c r");
    }
}
