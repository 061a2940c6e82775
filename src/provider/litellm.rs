//! litellm's list of models and prices, by the names of our providers and models.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::model::{ListName, Listed, Price, Provider};
use super::prices::date;
use crate::yaml::{Error, Place, Source};

/// What the list says of the models of our providers.
#[derive(Debug, Default)]
pub struct List {
    /// By provider and model.
    pub models: BTreeMap<(String, String), Listed>,
    /// How many entries it has, whoever's they are.
    pub entries: usize,
    /// Entries of our providers that are left out, each with the reason.
    pub odd: Vec<String>,
}

/// The most of the list's names for providers that an error shows.
const MOST_NAMED: usize = 12;

/// Reads litellm's `model_prices_and_context_window.json`. `Err` says why this is not that list, or has nothing for these
/// providers.
pub fn parse_list(source: &Source, providers: &[Provider]) -> Result<List, Error> {
    const HELP: &str =
        "--from wants litellm's model_prices_and_context_window.json, which its package for Python has too";
    let start = Place { line: 1, column: 1 };
    let entries: Map<String, Value> = serde_json::from_str(&source.text).map_err(|error| {
        let place = Place { line: error.line() as u32, column: error.column() as u32 };
        let reason = error.to_string();
        let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
        Error::at(source, place, 1, format!("this is no list of models: {reason}")).help(HELP)
    })?;
    let of = |entry: &Value| entry.get("litellm_provider").and_then(Value::as_str).map(str::to_owned);
    let named: BTreeSet<String> = entries.values().filter_map(of).collect();
    if named.is_empty() {
        let reason = "this is not litellm's list: no entry has a `litellm_provider`";
        return Err(Error::at(source, start, 1, reason).help(HELP));
    }
    let mut list = List { entries: entries.len(), ..List::default() };
    for provider in providers {
        let keys = provider.litellm.iter().flat_map(|list| {
            let its = entries.iter().filter(|(_, entry)| of(entry).as_deref() == Some(list.name.as_str()));
            its.map(move |(key, entry)| (list, key, entry))
        });
        for (list_name, key, entry) in keys {
            let model = model_of(key, provider, list_name);
            match listed(entry, |key| model_of(key, provider, list_name)) {
                // What comes first counts: a provider's names in the list are in the order of their weight.
                Ok(Some(listed)) => {
                    list.models.entry((provider.name.clone(), model)).or_insert(listed);
                }
                Ok(None) => {}
                Err(why) => list.odd.push(format!("{}:{}: {key}: {why}", source.name, line_of(&source.text, key))),
            }
        }
    }
    if list.models.is_empty() {
        let more = named.len().saturating_sub(MOST_NAMED);
        let mut names: Vec<String> = named.into_iter().take(MOST_NAMED).collect();
        names.extend((more > 0).then(|| format!("and {more} more")));
        let reason = format!("none of the {} entries is of a provider of yours", list.entries);
        let help = format!("say in providers.yaml, as `litellm`, what the list calls it: {}", names.join(", "));
        return Err(Error::at(source, start, 1, reason).help(help));
    }
    Ok(list)
}

/// The model as its provider calls it, without the list's name of the provider: `groq/openai/gpt-oss-20b` is groq's
/// `openai/gpt-oss-20b`. A model without an owner gets the one that `list` declares.
fn model_of(key: &str, provider: &Provider, list: &ListName) -> String {
    let cut = provider.litellm.iter().filter_map(|list| key.strip_prefix(list.name.as_str())?.strip_prefix('/'));
    let model = cut.min_by_key(|model| model.len()).unwrap_or(key);
    match &list.owner {
        Some(owner) if !model.contains('/') => format!("{owner}/{model}"),
        _ => model.to_owned(),
    }
}

/// `None` if the entry says neither a price for tokens nor a date.
fn listed(entry: &Value, model_of: impl Fn(&str) -> String) -> Result<Option<Listed>, String> {
    let dollars = |name: &str| match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|dollars| dollars.is_finite() && *dollars >= 0.0) {
            Some(dollars) => Ok(Some(per_million(dollars))),
            None => Err(format!("{name} is {value}, which is no price")),
        },
    };
    let price = match (dollars("input_cost_per_token")?, dollars("output_cost_per_token")?) {
        (Some(input), Some(output)) => Some(Price { input, output }),
        (Some(input), None) if entry.get("mode").and_then(Value::as_str) == Some("embedding") => {
            Some(Price { input, output: 0.0 })
        }
        // What is billed by pictures, seconds or pages has no price here.
        _ => None,
    };
    let retired = match entry.get("deprecation_date") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_str().and_then(date) {
            Some(date) => Some(date),
            None => return Err(format!("deprecation_date is {value}, which is no date")),
        },
    };
    if price.is_none() && retired.is_none() {
        return Ok(None);
    }
    let successor = entry.get("successor_model").and_then(Value::as_str).filter(|_| retired.is_some());
    let successor = successor.map(model_of);
    Ok(Some(Listed { price, retired, successor }))
}

/// US dollars per token as those per million, without the rounding errors of a product.
fn per_million(dollars: f64) -> f64 {
    (dollars * 1e12).round() / 1e6
}

/// The line of an entry.
fn line_of(text: &str, key: &str) -> u32 {
    let quoted = Value::from(key).to_string();
    let is_key = |at: &usize| text[at + quoted.len()..].trim_start().starts_with(':');
    let at = text.match_indices(&quoted).map(|(at, _)| at).find(is_key).unwrap_or_default();
    Place::of_byte(text, at).line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of the list, as of litellm 1.110, with values of our own.
    const LIST: &str = r#"{
  "sample_spec": {
    "deprecation_date": "date when the model becomes deprecated in the format YYYY-MM-DD",
    "input_cost_per_token": 0.0,
    "litellm_provider": "one of https://docs.litellm.ai/docs/providers",
    "mode": "one of: chat, embedding, completion"
  },
  "big": {
    "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06,
    "litellm_provider": "openai", "mode": "chat", "supports_vision": true,
    "deprecation_date": "2027-01-14", "successor_model": "openai/bigger"
  },
  "openai/big": {"input_cost_per_token": 9, "output_cost_per_token": 9, "litellm_provider": "openai", "mode": "chat"},
  "small": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07, "litellm_provider": "openai", "mode": "chat"},
  "vectors": {"input_cost_per_token": 2e-08, "litellm_provider": "openai", "mode": "embedding"},
  "pictures": {"output_cost_per_image": 0.04, "litellm_provider": "openai", "mode": "image_generation"},
  "negative": {"input_cost_per_token": -1, "output_cost_per_token": 1, "litellm_provider": "openai", "mode": "chat"},
  "undated": {"deprecation_date": "soon", "litellm_provider": "openai", "mode": "chat"},
  "fire_works/accounts/f/models/gone": {"litellm_provider": "fire_works", "deprecation_date": "2026-02-16", "mode": "chat"},
  "fire_works/vectors": {"input_cost_per_token": 8e-09, "output_cost_per_token": 0, "litellm_provider": "fire_works-embedding"},
  "stranger/m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06, "litellm_provider": "stranger"}
}"#;

    fn providers() -> Vec<Provider> {
        let provider = |name: &str, litellm: &[&str]| Provider {
            name: name.into(),
            litellm: litellm.iter().filter_map(|name| ListName::parse(name)).collect(),
            ..Provider::default()
        };
        vec![provider("openai", &["openai"]), provider("fire", &["fire_works", "fire_works-embedding"])]
    }

    fn read(text: &str) -> Result<List, String> {
        parse_list(&Source { name: "list.json".into(), text: text.into() }, &providers())
            .map_err(|error| error.render(false))
    }

    #[test]
    fn entries_are_told_by_our_names_and_per_million_tokens() {
        let list = read(LIST).unwrap();
        insta::assert_snapshot!(crate::provider::prices_file(&list.models), @r"
        prices:
          fire:
            accounts/f/models/gone: {retired: 2026-02-16}
            vectors: {input: 0.008, output: 0}
          openai:
            big: {input: 2.5, output: 10, retired: 2027-01-14, successor: bigger}
            small: {input: 0.15, output: 0.6}
            vectors: {input: 0.02, output: 0}
        ");
        assert_eq!(list.entries, 11);
    }

    #[test]
    fn a_model_without_its_owner_gets_the_declared_one() {
        let entry = r#"{"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "deprecation_date": "2027-01-14",
            "successor_model": "vertex_ai/gemini-4", "litellm_provider": "PROVIDER", "mode": "chat"}"#;
        let entry = |key: &str, provider: &str| format!("\"{key}\": {}", entry.replace("PROVIDER", provider));
        let entries = [
            entry("vertex_ai/gemini-3", "vertex_ai"),
            entry("gemini-2", "vertex_ai-language-models"),
            entry("vertex_ai/xai/grok-4", "vertex_ai"),
            entry("vertex_ai/meta/llama-4-maas", "vertex_ai-llama_models"),
        ];
        let names = ["vertex_ai=google", "vertex_ai-language-models=google", "vertex_ai-llama_models"];
        let litellm = names.into_iter().filter_map(ListName::parse).collect();
        let vertex = Provider { name: "vertex".into(), litellm, ..Provider::default() };
        let source = Source { name: "list.json".into(), text: format!("{{{}}}", entries.join(",")).into() };
        let list = parse_list(&source, &[vertex]).unwrap();
        let models: Vec<_> =
            list.models.iter().map(|((_, model), listed)| (model.as_str(), &listed.successor)).collect();
        let successor = |name: &str| Some(name.to_owned());
        assert_eq!(
            models,
            [
                ("google/gemini-2", &successor("google/gemini-4")),
                ("google/gemini-3", &successor("google/gemini-4")),
                ("meta/llama-4-maas", &successor("gemini-4")),
                ("xai/grok-4", &successor("google/gemini-4")),
            ]
        );
    }

    #[test]
    fn an_entry_that_says_nonsense_is_left_out_and_told_with_its_line() {
        assert_eq!(
            read(LIST).unwrap().odd,
            [
                "list.json:17: negative: input_cost_per_token is -1, which is no price",
                "list.json:18: undated: deprecation_date is \"soon\", which is no date",
            ]
        );
    }

    #[test]
    fn another_file_is_told_from_the_list() {
        for (text, reason) in [
            ("{\"a\": 1,\n \"b\": }", "--> list.json:2:7"),
            ("[1]", "this is no list of models: invalid type: sequence, expected a map"),
            ("", "this is no list of models: EOF while parsing a value"),
            ("{\"a\": {\"price\": 1}, \"b\": 2}", "no entry has a `litellm_provider`"),
            ("{\"a\": {\"litellm_provider\": \"x\"}}", "as `litellm`, what the list calls it: x"),
            ("{\"a\": {\"litellm_provider\": \"openai\"}}", "none of the 1 entries is of a provider of yours"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn prices_have_no_rounding_errors() {
        for (token, million) in [(1.5e-7, 0.15), (2.8e-7, 0.28), (8e-9, 0.008), (1.0003e-7, 0.10003), (0.0, 0.0)] {
            assert_eq!(per_million(token).to_string(), f64::to_string(&million));
        }
    }
}
