//! The parameters of a case and how their values stand in ids.

use std::collections::HashSet;

use serde_json::Value;

use super::parse::Reader;
use super::{Param, ParamValue};
use crate::yaml::{Pairs, Place, Spanned};

impl Reader<'_> {
    pub(super) fn params(&mut self, raw: Pairs<Vec<Spanned<Value>>>) -> Vec<Param> {
        let mut params = Vec::new();
        for (name, values) in raw.0 {
            self.name_of_value(&name, "a parameter");
            if values.is_empty() {
                self.wrong(&name, format!("`{}` has no values", name.value))
                    .push_help("a parameter without values makes no case; give at least one");
            }
            let mut seen = HashSet::new();
            let values = values.into_iter().filter_map(|value| self.param_value(value, &mut seen)).collect();
            params.push(Param { name: name.value, values });
        }
        params
    }

    /// What can stand in `${…}`, and is not taken.
    pub(super) fn name_of_value(&mut self, name: &Spanned<String>, what: &str) {
        let fine = |c: char| c.is_alphanumeric() || "_-".contains(c);
        if name.value == "model" {
            self.wrong(name, format!("`model` cannot name {what}"))
                .push_help("`${model}` is the setup's model; choose another name");
        } else if name.value.is_empty() || !name.value.chars().all(fine) {
            self.wrong(name, format!("`{}` cannot name {what}", name.value))
                .push_help("use letters, digits, `_` and `-`; a dot is for fields, as in `${case.question}`");
        }
    }

    fn param_value(&mut self, raw: Spanned<Value>, seen: &mut HashSet<String>) -> Option<ParamValue> {
        let (id, value) = match raw.value {
            Value::Object(mut members) => {
                let id = self.given_id(raw.place, members.shift_remove("id"))?;
                // `{id: x, value: true}` names a scalar; otherwise the members are the value.
                let value = match members.len() {
                    1 if members.contains_key("value") => members.shift_remove("value").unwrap_or_default(),
                    _ => Value::Object(members),
                };
                (id, value)
            }
            Value::Array(_) => {
                self.error(raw.place, 1, "a list cannot stand in a case's id")
                    .push_help("write `{id: name, value: […]}`");
                return None;
            }
            scalar => (scalar_id(&scalar)?, scalar),
        };
        if !seen.insert(id.clone()) {
            self.error(raw.place, id.chars().count(), format!("`{id}` stands here twice"))
                .push_help("two cases would have the same id; give one of them another `id`");
        }
        Some(ParamValue { id, value })
    }

    fn given_id(&mut self, place: Place, id: Option<Value>) -> Option<String> {
        let Some(id) = id else {
            self.error(place, 1, "a parameter value that is a mapping needs an `id`")
                .push_help("add `id: …`: it stands in the case's id");
            return None;
        };
        let text = scalar_id(&id).filter(|id| !id.is_empty());
        if text.is_none() {
            self.error(place, 1, "the `id` of this value is no word").push_help("write `id: name`");
        }
        text
    }
}

/// How a scalar stands in an id: as pytest writes it, on one line.
fn scalar_id(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => one_line(text),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
