//! `dialects.yaml`, read: for the unit tests of the rules, and for the test that gives each reply to the SDKs.

use serde_json::{Map, Value};

/// A reply, with what was asked.
pub(crate) struct Dialect {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// What was asked.
    pub(crate) body: Value,
    /// What the server wants to say: members of an outcome, as the programs in `tests/sdks` print it.
    pub(crate) means: Map<String, Value>,
    /// Ids of the rules that it breaks.
    pub(crate) breaks: Vec<String>,
    pub(crate) content_type: String,
    pub(crate) reply: Vec<u8>,
}

/// All of them, in the order of the file.
pub(crate) fn dialects() -> Vec<Dialect> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/dialects.yaml");
    let file: Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let replies = file["replies"].as_array().unwrap();
    replies.iter().map(|reply| dialect(reply, &file["asked"][reply["asked"].as_str().unwrap()])).collect()
}

fn dialect(reply: &Value, asked: &Value) -> Dialect {
    let good = &asked["good"];
    let mut means = asked["means"].as_object().unwrap().clone();
    means.extend(reply["means"].as_object().cloned().unwrap_or_default());
    let (content_type, body) = match (reply.get("json"), reply.get("events")) {
        (Some(json), _) => ("application/json", laid_over(good, json)),
        (None, Some(events)) => {
            let events: String = events.as_array().unwrap().iter().map(|one| event(good, one)).collect();
            ("text/event-stream", events + reply["after"].as_str().unwrap_or_default())
        }
        (None, None) => ("", reply["body"].as_str().unwrap().to_owned()),
    };
    Dialect {
        name: reply["name"].as_str().unwrap().to_owned(),
        method: asked["method"].as_str().unwrap_or("POST").to_owned(),
        path: asked["path"].as_str().unwrap().to_owned(),
        body: asked["body"].clone(),
        means,
        breaks: reply["breaks"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect(),
        content_type: reply["type"].as_str().unwrap_or(content_type).to_owned(),
        // YAML holds no byte that is not UTF-8, and these replies hold such.
        reply: body.chars().map(|c| u8::try_from(c).unwrap()).collect(),
    }
}

fn laid_over(good: &Value, members: &Value) -> String {
    let mut laid = good.as_object().unwrap().clone();
    laid.extend(members.as_object().unwrap().clone());
    Value::from(laid).to_string()
}

fn event(good: &Value, event: &Value) -> String {
    let data = event.as_str().map_or_else(|| laid_over(good, event), str::to_owned);
    // The APIs whose events have a `type` name them so, too.
    let name = event["type"].as_str().map_or_else(String::new, |name| format!("event: {name}\n"));
    format!("{name}data: {data}\n\n")
}
