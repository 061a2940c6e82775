//! What all parts of the suite reader need: error reports with a place, and parsers of small values in strings.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::expect::JsonPath;
use super::model::Param;
use super::parse::Known;
use super::shared::Shared;
use crate::exchange::Mask;
use crate::spelling::nearest;
use crate::yaml::{self, Error, Place, Source, Spanned};

/// Proof that a mistake was reported. What cannot be read is an `Err` of this. Only this module can make it, when an
/// error is added, so that no part of a suite is ignored silently.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported(());

/// What was read, or the mistake that was reported instead.
pub(super) type Checked<T> = Result<T, Reported>;

/// The items without those whose mistakes were reported. The suite is rejected, but its other mistakes are reported
/// too.
pub(super) fn readable<T>(items: impl IntoIterator<Item = Checked<T>>) -> Vec<T> {
    let mut read: Vec<T> = items.into_iter().filter_map(Checked::ok).collect();
    // Of a filter's items nobody knows the count: there would be room for four, and a suite may have very many of one.
    read.shrink_to_fit();
    read
}

/// The error that was added last, to add a help text to it.
pub(super) struct Last<'a>(&'a mut Error);

impl Last<'_> {
    pub(super) fn push_help(self, help: impl Into<String>) -> Reported {
        self.0.help = Some(help.into());
        Reported(())
    }
}

/// Reads a file and collects its mistakes.
pub(super) struct Reader<'a> {
    /// The file that is currently read.
    pub(super) source: Arc<Source>,
    pub(super) known: &'a Known,
    pub(super) shared: Shared,
    /// The declared secrets, and those that the current case uses.
    pub(super) secrets: Vec<String>,
    pub(super) used_secrets: BTreeSet<String>,
    /// Masks of the suite and of the files that it includes.
    pub(super) masks: Vec<Mask>,
    /// The parameters of the current case.
    pub(super) params: Vec<Param>,
    pub(super) errors: Vec<Error>,
    /// JSONPaths that were already parsed, because many cases use the same ones.
    paths: HashMap<String, Arc<JsonPath>>,
    /// Where the current case begins and ends. Errors about its `${…}` search for them there. `None` is the end of the
    /// file.
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
            masks: Vec::new(),
            params: Vec::new(),
            errors: Vec::new(),
            paths: HashMap::new(),
            from: Place::default(),
            to: None,
        }
    }

    /// Calls `read` for a place in another file.
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

    /// Reports a word that is not one of the known words, and suggests a similar one.
    pub(super) fn unknown(&mut self, word: &Spanned<String>, what: &str, known: &[&str]) -> Reported {
        let near = nearest(&word.value, known.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        self.error(word.place, word.value.chars().count(), format!("unknown {what} `{}`", word.value))
            .push_help(format!("{near}There are: {}", known.join(", ")))
    }

    /// Proof of a mistake, if there are more mistakes than `before`.
    pub(super) fn reported_since(&self, before: usize) -> Option<Reported> {
        (self.errors.len() > before).then_some(Reported(()))
    }

    /// Adds a mistake that was found outside of the reader.
    pub(super) fn report(&mut self, error: Error) -> Reported {
        self.errors.push(error);
        Reported(())
    }

    pub(super) fn header(&mut self, name: &Spanned<String>) {
        if name.value.parse::<http::HeaderName>().is_err() {
            self.error(name.place, name.value.chars().count(), format!("`{}` is not a header name", name.value))
                .push_help("header names are letters, digits and dashes");
        }
    }

    /// Parses an RFC 9535 JSONPath. Equal paths share one value. An error has its position inside the string.
    pub(super) fn json_path(&mut self, text: &Spanned<String>) -> Checked<Arc<JsonPath>> {
        if let Some(known) = self.paths.get(&text.value) {
            return Ok(Arc::clone(known));
        }
        match serde_json_path::JsonPath::parse(&text.value) {
            Ok(query) => {
                let path = Arc::new(JsonPath { query, text: text.value.clone() });
                self.paths.insert(text.value.clone(), Arc::clone(&path));
                Ok(path)
            }
            Err(error) => {
                let place = Place { column: text.place.column + error.position() as u32, ..text.place };
                Err(self
                    .error(place, 1, format!("`{}` is not a JSONPath: {}", text.value, error.message()))
                    .push_help("paths follow RFC 9535: `$.choices[0].message.content`"))
            }
        }
    }

    pub(super) fn duration(&mut self, text: &Spanned<String>) -> Checked<Duration> {
        yaml::duration(&text.value).ok_or_else(|| {
            self.error(text.place, text.value.chars().count(), format!("`{}` is no time", text.value))
                .push_help(yaml::DURATION_HELP)
        })
    }
}
