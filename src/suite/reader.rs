//! What every part of reading a suite needs: saying what is wrong and where, and the small things strings hold.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::{JsonPath, Known, template};
use crate::yaml::{self, Error, Place, Source, Spanned, nearest};

/// Adds the way out to the error made last.
pub(super) struct Last<'a>(&'a mut Error);

impl Last<'_> {
    pub(super) fn push_help(self, help: impl Into<String>) {
        self.0.help = Some(help.into());
    }
}

/// Reads a file and gathers its mistakes.
pub(super) struct Reader<'a> {
    /// The file that what is being read stands in.
    pub(super) source: Arc<Source>,
    pub(super) known: &'a Known,
    pub(super) shared: Shared,
    /// Secrets that may be used, and those that the case being read does use.
    pub(super) secrets: Vec<String>,
    pub(super) used_secrets: BTreeSet<String>,
    pub(super) errors: Vec<Error>,
    /// JSONPaths that were read already: many cases ask the same ones.
    paths: HashMap<String, Arc<JsonPath>>,
    /// Where the case being read begins and ends, if not with the file: there its `${…}` are searched.
    pub(super) from: Place,
    pub(super) to: Option<Place>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: Arc<Source>, known: &'a Known) -> Self {
        Reader {
            source,
            known,
            shared: Shared::default(),
            secrets: Vec::new(),
            used_secrets: BTreeSet::new(),
            errors: Vec::new(),
            paths: HashMap::new(),
            from: Place::default(),
            to: None,
        }
    }

    /// Reads what stands at a place of another file.
    pub(super) fn elsewhere<T>(&mut self, source: &Arc<Source>, place: Place, read: impl FnOnce(&mut Self) -> T) -> T {
        let here = (std::mem::replace(&mut self.source, Arc::clone(source)), self.from, self.to);
        (self.from, self.to) = (place, None);
        let result = read(self);
        (self.source, self.from, self.to) = here;
        result
    }
}

impl Reader<'_> {
    pub(super) fn error(&mut self, place: Place, width: usize, reason: impl Into<String>) -> Last<'_> {
        self.errors.push(Error::at(&self.source, place, width, reason));
        let last = self.errors.len() - 1;
        Last(&mut self.errors[last])
    }

    /// A word that must be one of some; says which were near.
    pub(super) fn unknown(&mut self, word: &Spanned<String>, what: &str, known: &[&str]) {
        let near = nearest(&word.value, known.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        self.error(word.place, word.value.chars().count(), format!("unknown {what} `{}`", word.value))
            .push_help(format!("{near}There are: {}", known.join(", ")));
    }

    /// Demands that every name is declared, and points at the `${` that is not.
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
                continue;
            }
            if let Some(secret) = name.strip_prefix("env.").and_then(|name| self.secret(name)) {
                self.used_secrets.insert(secret);
                continue;
            }
            let text = &self.source.text;
            let from = self.from.to_byte(text);
            let to = self.to.map_or(text.len(), |to| to.to_byte(text));
            let found = text[from..to].find(&format!("${{{name}")).map(|at| Place::of_byte(text, from + at));
            let width = name.chars().count() + 3;
            let near = nearest(root, scope.iter().map(String::as_str))
                .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let known = if scope.is_empty() {
                "nothing is declared here".into()
            } else {
                format!("declared here: {}", scope.join(", "))
            };
            let way = match root {
                "env" => self.no_secret(name),
                "model" => "add `model: text` (or embedding, vision) to the case".to_owned(),
                _ => format!("{near}{known}. Parameters stand under `params`, captures come from earlier steps"),
            };
            self.error(found.unwrap_or(place), width, format!("`${{{name}}}` is used but not declared")).push_help(way);
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.iter().find(|secret| *secret == name).cloned()
    }

    /// The way out for a `${env.…}` that is not declared.
    fn no_secret(&self, name: &str) -> String {
        let variable = name.strip_prefix("env.").unwrap_or("NAME");
        match nearest(variable, self.secrets.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `${{env.{near}}}`?"),
            None => format!("write `secrets: [{variable}]` at the top of the suite"),
        }
    }

    pub(super) fn header(&mut self, name: &Spanned<String>) {
        if name.value.parse::<http::HeaderName>().is_err() {
            self.error(name.place, name.value.chars().count(), format!("`{}` is no header name", name.value))
                .push_help("header names are letters, digits and dashes");
        }
    }

    /// Reads an RFC 9535 JSONPath, once for all places that say it; a mistake is shown at its place inside the string.
    pub(super) fn json_path(&mut self, text: &Spanned<String>) -> Option<Arc<JsonPath>> {
        if let Some(known) = self.paths.get(&text.value) {
            return Some(Arc::clone(known));
        }
        match serde_json_path::JsonPath::parse(&text.value) {
            Ok(query) => {
                let path = Arc::new(JsonPath { query, text: text.value.clone() });
                self.paths.insert(text.value.clone(), Arc::clone(&path));
                Some(path)
            }
            Err(error) => {
                let place = Place { column: text.place.column + error.position() as u32, ..text.place };
                self.error(place, 1, format!("`{}` is no JSONPath: {}", text.value, error.message()))
                    .push_help("paths follow RFC 9535: `$.choices[0].message.content`");
                None
            }
        }
    }

    pub(super) fn duration(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let time = yaml::duration(&text.value);
        if time.is_none() {
            self.error(text.place, text.value.chars().count(), format!("`{}` is no time", text.value))
                .push_help(yaml::DURATION_HELP);
        }
        time
    }
}
