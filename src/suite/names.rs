//! Checks the names in `${…}`: `model`, parameters and their members, captures, secrets.

use serde_json::Value;

use super::reader::Reader;
use super::template;
use crate::spelling::nearest;
use crate::yaml::Place;

impl Reader<'_> {
    /// Checks that every name is declared. An error shows the `${…}` that is not.
    pub(super) fn names(&mut self, scope: &[String], place: Place, names: Result<Vec<&str>, template::Unclosed>) {
        let names = match names {
            Ok(names) => names,
            Err(unclosed) => {
                self.error(place, 1, unclosed.to_string())
                    .push_help("close it with `}`, or write `$${` for a literal `${`");
                return;
            }
        };
        for name in names {
            let root = name.split('.').next().unwrap_or_default();
            if scope.iter().any(|known| known == root) {
                self.member(scope, root, name, place);
            } else if let Some(secret) = name.strip_prefix("env.").and_then(|name| self.secret(name)) {
                self.used_secrets.insert(secret);
            } else {
                let way = self.way_out(scope, root, name);
                self.wrong_name(name, place, format!("`${{{name}}}` is used but not declared"), way);
            }
        }
    }

    fn wrong_name(&mut self, name: &str, place: Place, reason: String, way: String) {
        let text = &self.source.text;
        let from = self.from.to_byte(text);
        let to = self.to.map_or(text.len(), |to| to.to_byte(text));
        let found = text[from..to].find(&format!("${{{name}")).map(|at| Place::of_byte(text, from + at));
        self.error(found.unwrap_or(place), name.chars().count() + 3, reason).push_help(way);
    }

    fn way_out(&self, scope: &[String], root: &str, name: &str) -> String {
        const MODEL: &str = "add `model: text` (or embedding, vision) to the case";
        match root {
            "env" => return self.no_secret(name),
            "model" => return MODEL.to_owned(),
            _ => {}
        }
        let declared = match scope.is_empty() {
            true => "nothing is declared here".to_owned(),
            false => format!("declared here: {}", scope.join(", ")),
        };
        let rest = format!("{declared}. Parameters stand under `params`, captures come from earlier steps");
        match nearest(root, scope.iter().map(String::as_str).chain(["model", "env"])) {
            Some(near) if scope.iter().any(|known| known == near) => format!("did you mean `{near}`? {rest}"),
            Some("model") => format!("did you mean `model`? Then {MODEL}. Else {rest}"),
            Some(_) if name.contains('.') => format!("did you mean `env{}`? {rest}", &name[root.len()..]),
            _ => rest,
        }
    }

    /// Checks that every value of a parameter has the member in `${name.member}`.
    fn member(&mut self, scope: &[String], root: &str, name: &str, place: Place) {
        let Some(path) = name.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')) else { return };
        // A capture with the same name replaces the parameter, and its members are not known yet.
        if scope.iter().filter(|known| *known == root).count() > 1 {
            return;
        }
        let Some(param) = self.params.iter().find(|param| param.names.iter().any(|known| known == root)) else {
            return;
        };
        let column = param.names.iter().position(|known| known == root).filter(|_| param.names.len() > 1);
        let lacking = param.values.iter().find_map(|value| {
            let whole = column.map_or(Some(&value.value), |column| value.value.get(column))?;
            template::member(whole, path).is_none().then(|| (value.id.clone(), whole.is_object(), known_members(whole)))
        });
        let Some((id, is_mapping, known)) = lacking else { return };
        let first = path.split('.').next().unwrap_or_default();
        let way = match nearest(first, known.iter().map(String::as_str)) {
            _ if !is_mapping => {
                "it is not a mapping; write `${NAME}` alone, or a mapping with an `id`".replace("NAME", root)
            }
            Some(near) => format!("did you mean `{near}`? There are: {}", known.join(", ")),
            None => format!("there are: {}", known.join(", ")),
        };
        self.wrong_name(name, place, format!("the value `{id}` of `{root}` has no `{path}`"), way);
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.iter().find(|secret| *secret == name).cloned()
    }

    /// The help text for a `${env.…}` that is not declared.
    fn no_secret(&self, name: &str) -> String {
        let variable = name.strip_prefix("env.").unwrap_or("NAME");
        match nearest(variable, self.secrets.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `${{env.{near}}}`?"),
            None => format!("write `secrets: [{variable}]` at the top of the suite"),
        }
    }
}

fn known_members(value: &Value) -> Vec<String> {
    value.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
}
