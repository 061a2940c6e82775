//! That every `${…}` names something there is, and where the one stands that does not.

use serde_json::Value;

use super::Param;
use super::parse::Reader;
use super::template::{self, Piece};
use crate::yaml::{Place, nearest};

/// What `${…}` may name.
pub(super) struct Declared {
    /// Whether the case says which model it uses.
    pub(super) model: bool,
    pub(super) params: Vec<Param>,
    /// What earlier steps captured.
    pub(super) captures: Vec<String>,
}

impl Declared {
    fn names(&self) -> Vec<&str> {
        let params = self.params.iter().map(|param| param.name.as_str());
        let model = self.model.then_some("model");
        params.chain(model).chain(self.captures.iter().map(String::as_str)).collect()
    }
}

/// A string of the file and how far its `${…}` have been found in the text.
struct Cursor {
    place: Place,
    found: usize,
}

impl Reader<'_> {
    /// Demands that the strings of a value, which begins at `place`, use declared names only.
    pub(super) fn names(&mut self, declared: &Declared, place: Place, value: &Value) {
        self.names_below(declared, &mut Cursor { place, found: 0 }, value);
    }

    /// As [`Reader::names`], for text.
    pub(super) fn names_in_text(&mut self, declared: &Declared, place: Place, text: &str) {
        self.names_of(declared, &mut Cursor { place, found: 0 }, text);
    }

    fn names_below(&mut self, declared: &Declared, cursor: &mut Cursor, value: &Value) {
        match value {
            Value::String(text) => self.names_of(declared, cursor, text),
            Value::Array(items) => items.iter().for_each(|item| self.names_below(declared, cursor, item)),
            Value::Object(members) => members.values().for_each(|member| self.names_below(declared, cursor, member)),
            _ => {}
        }
    }

    fn names_of(&mut self, declared: &Declared, cursor: &mut Cursor, text: &str) {
        for piece in template::pieces(text) {
            match piece {
                Piece::Text(_) => {}
                Piece::Name(name) => self.name(declared, cursor, name),
                Piece::Open(rest) => {
                    // As far as it surely stands in the file like this, whatever quotes and line breaks do to the rest.
                    let sure = rest.split(['\n', '"', '\'', '\\']).next().unwrap_or_default();
                    let place = self.find(cursor, |text| text.starts_with(sure));
                    self.error(place, 2, template::Unclosed.to_string())
                        .push_help("close it with `}`, or write `$${` for a literal `${`");
                }
            }
        }
    }

    fn name(&mut self, declared: &Declared, cursor: &mut Cursor, name: &str) {
        let (root, fields) = name.split_once('.').map_or((name, None), |(root, fields)| (root, Some(fields)));
        let (reason, help) = if let Some(param) = declared.params.iter().find(|param| param.name == root) {
            let Some(wrong) = fields.and_then(|fields| no_field(param, fields)) else { return };
            wrong
        } else if declared.model && root == "model" {
            if fields.is_none() {
                return;
            }
            (format!("`${{{name}}}` names nothing: `model` is text"), "write `${model}`".to_owned())
        } else if declared.captures.iter().any(|capture| capture == root) {
            // What it holds is known when it is there.
            return;
        } else {
            undeclared(declared, name, root)
        };
        let place = self.find(cursor, |text| {
            let inside = text.strip_prefix("${").and_then(|text| text.split_once('}'));
            inside.is_some_and(|(inside, _)| inside.trim() == name)
        });
        self.error(place, name.chars().count() + 3, reason).push_help(help);
    }

    /// Where a `${` stands that `is_it`. A value that came by an alias or a merge may stand elsewhere in the file;
    /// when it is not found, the place of the whole value will do.
    fn find(&self, cursor: &mut Cursor, is_it: impl Fn(&str) -> bool) -> Place {
        let text = &self.source.text;
        let start = cursor.place.to_byte(text);
        let end = if (self.from..self.to).contains(&start) { self.to } else { text.len() };
        let found = [(start.max(cursor.found), end), (start, end), (self.from, self.to)].into_iter().find_map(|(a, b)| {
            let part = text.get(a..b)?;
            part.match_indices("${").map(|(at, _)| at).find(|at| !part[..*at].ends_with('$') && is_it(&part[*at..])).map(|at| a + at)
        });
        match found {
            Some(at) => {
                cursor.found = at + 2;
                Place::of_byte(text, at)
            }
            None => cursor.place,
        }
    }
}

/// Reason and way out for a field that a value of the parameter has not.
fn no_field(param: &Param, fields: &str) -> Option<(String, String)> {
    let without = param.values.iter().find(|value| template::below(&value.value, fields).is_none())?;
    let reason = format!("`{}` has no `{fields}` in its value `{}`", param.name, without.id);
    let help = match &without.value {
        Value::Object(members) => {
            let near = nearest(fields, members.keys().map(String::as_str))
                .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let known: Vec<&str> = members.keys().map(String::as_str).collect();
            format!("{near}It has: {}", if known.is_empty() { "nothing".into() } else { known.join(", ") })
        }
        _ => format!("this value has no fields; write `${{{}}}`", param.name),
    };
    Some((reason, help))
}

fn undeclared(declared: &Declared, name: &str, root: &str) -> (String, String) {
    let known = declared.names();
    let help = match root {
        "" => "write a name between the braces, or `$${` for a literal `${`".to_owned(),
        "model" => "add `model: text` (or embedding, vision) to the case".to_owned(),
        _ => {
            let near = nearest(root, known.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let known = match known.as_slice() {
                [] => "nothing is declared here".to_owned(),
                known => format!("declared here: {}", known.join(", ")),
            };
            format!("{near}{known}. Parameters stand under `params`, captures come from earlier steps")
        }
    };
    (format!("`${{{name}}}` is used but not declared"), help)
}
