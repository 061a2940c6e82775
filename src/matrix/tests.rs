//! Everything that a suite says reaches its cases.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::expand;
use crate::provider::{Catalogue, Models, Setup};
use crate::suite::{Files, Known, parse};
use crate::yaml::Source;

/// The form of a parameter's value.
#[derive(Debug, Clone, Copy)]
enum Written {
    Text,
    Number,
    Mapping,
    NamedList,
    IdOfList,
    IdOfMapping,
    NoId,
    List,
}

impl Written {
    /// The value; `at` makes it different from its neighbours.
    fn value(self, at: usize) -> Value {
        let id = format!("v{at}");
        match self {
            Written::Text => json!(id),
            Written::Number => json!(at),
            Written::Mapping => json!({"id": id, "text": "x"}),
            Written::NamedList => json!({"id": id, "value": [1, 2]}),
            Written::IdOfList => json!({"id": [id], "text": "x"}),
            Written::IdOfMapping => json!({"id": {"name": id}, "text": "x"}),
            Written::NoId => json!({"text": "x"}),
            Written::List => json!([at, id]),
        }
    }

    /// Whether the value gives a case. A row of a file without an id is named by its number.
    fn is_right(self, place: Place) -> bool {
        match self {
            Written::Text | Written::Number | Written::Mapping | Written::NamedList => true,
            Written::IdOfList | Written::IdOfMapping => false,
            Written::NoId | Written::List => place == Place::File,
        }
    }
}

/// The place of a parameter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Here,
    Shared,
    File,
}

#[derive(Debug, Clone)]
struct Parameter {
    place: Place,
    values: Vec<Written>,
}

#[derive(Debug, Clone)]
struct Generated {
    clients: usize,
    model: Option<&'static str>,
    skip: bool,
    params: Vec<Parameter>,
}

impl Generated {
    fn count(&self) -> usize {
        self.clients.max(1) * self.params.iter().map(|param| param.values.len()).product::<usize>()
    }

    fn is_right(&self) -> bool {
        self.params
            .iter()
            .all(|param| !param.values.is_empty() && param.values.iter().all(|written| written.is_right(param.place)))
    }

    /// The setup below only has a text model.
    fn is_skipped(&self) -> bool {
        self.skip || self.model == Some("embedding")
    }
}

fn generated() -> impl Strategy<Value = Generated> {
    // Mistakes are rare, so that many whole suites have none.
    let written = prop_oneof![
        8 => Just(Written::Text), 8 => Just(Written::Number), 8 => Just(Written::Mapping), 8 => Just(Written::NamedList),
        1 => Just(Written::IdOfList), 1 => Just(Written::IdOfMapping), 1 => Just(Written::NoId), 1 => Just(Written::List),
    ];
    let place = prop_oneof![Just(Place::Here), Just(Place::Shared), Just(Place::File)];
    let values = prop_oneof![12 => prop::collection::vec(written, 1..4), 1 => Just(Vec::new())];
    let parameter = (place, values).prop_map(|(place, values)| Parameter { place, values });
    let model = prop_oneof![Just(None), Just(Some("text")), Just(Some("embedding"))];
    (0..=3_usize, model, any::<bool>(), prop::collection::vec(parameter, 0..3))
        .prop_map(|(clients, model, skip, params)| Generated { clients, model, skip, params })
}

/// The suite as text, and the data files that it names.
fn written(templates: &[Generated]) -> (String, Vec<(String, String)>) {
    let (mut cases, mut shared, mut files) = (Vec::new(), serde_json::Map::new(), Vec::new());
    for (index, template) in templates.iter().enumerate() {
        let mut params = serde_json::Map::new();
        for (at, param) in template.params.iter().enumerate() {
            let values: Vec<Value> = param.values.iter().enumerate().map(|(at, value)| value.value(at)).collect();
            let name = format!("p{index}_{at}");
            let found = match param.place {
                Place::Here => json!(values),
                Place::Shared => {
                    shared.insert(name.clone(), json!(values));
                    json!({"use": name})
                }
                Place::File => {
                    let lines: Vec<String> = values.iter().map(Value::to_string).collect();
                    files.push((format!("{name}.jsonl"), lines.join("\n")));
                    json!({"file": format!("{name}.jsonl")})
                }
            };
            params.insert(name, found);
        }
        let clients = ["openai_client", "llama_stack_client", "client_with_models"];
        let mut case = json!({
            "name": format!("t{index}"), "params": params, "request": {"get": "/v1/models"},
            "clients": clients[..template.clients],
        });
        if let Some(model) = template.model {
            case["model"] = json!(model);
        }
        if template.skip {
            case["skip"] = json!("not now");
        }
        cases.push(case);
    }
    // JSON is valid YAML.
    (json!({"params": shared, "cases": cases}).to_string(), files)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_a_suite_says_is_a_case_a_skip_or_an_error(templates in prop::collection::vec(generated(), 1..4)) {
        let (text, files) = written(&templates);
        let read = move |_: &str, path: &str| {
            let found = files.iter().find(|(name, _)| name == path);
            found.map(|(name, text)| Source { name: name.clone(), text: text.as_str().into() }).ok_or_else(String::new)
        };
        let known = Known { files: Files::new(read), ..Known::default() };
        match parse(Arc::new(Source { name: "s.yaml".into(), text: text.as_str().into() }), &known) {
            Ok(suite) => {
                prop_assert!(templates.iter().all(Generated::is_right), "a mistake was not told: {text}");
                let models = Models { text: Some("p/m".into()), ..Models::default() };
                let setup = Setup { name: "s".into(), provider: "p".into(), models, ..Setup::default() };
                let cases: Vec<_> = expand(&Arc::new(suite), &setup, &Catalogue::default(), false).collect();
                let skipped = cases.iter().filter(|case| case.skip.is_some()).count();
                let of = |wanted: bool| {
                    templates.iter().filter(|t| t.is_skipped() == wanted).map(Generated::count).sum::<usize>()
                };
                prop_assert_eq!((cases.len() - skipped, skipped), (of(false), of(true)), "{}", text);
                let ids: std::collections::HashSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
                prop_assert_eq!(ids.len(), cases.len(), "two cases have one id: {}", text);
            }
            Err(errors) => {
                prop_assert!(!templates.iter().all(Generated::is_right), "{errors:?} of {text}");
                for error in errors {
                    prop_assert!(error.place.line > 0 && error.place.column > 0 && error.help.is_some(), "{error}");
                }
            }
        }
    }
}
