//! Collects what cases use by name, from the top of the suite and from the files that it includes, and looks it up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expect::{Is, Matcher};
use super::parse_expect::parse_need;
use super::raw::{RawNeed, RawParam, RawShared, RawStep, RawTop};
use super::reader::{Checked, Reader, Reported};
use super::shared::{Named, Shared};
use crate::yaml::{self, Pairs, Place, Source, Spanned};

impl Reader<'_> {
    /// Adds the definitions at the top of the suite and those of the files that it includes.
    pub(super) fn share(&mut self, top: RawTop) {
        let RawTop { include, secrets, masks, matchers, steps, params } = top;
        self.add_secrets(secrets);
        self.add_masks(masks);
        self.add(matchers, steps, params);
        for path in include {
            let source = match self.file(&path) {
                Ok(source) => source,
                Err(reported) => {
                    self.shared.unread = Some(reported);
                    continue;
                }
            };
            match yaml::from_source::<RawShared>(&source) {
                Ok(raw) => {
                    self.elsewhere(&source, Place::default(), |reader| {
                        reader.add_secrets(raw.secrets);
                        reader.add_masks(raw.masks);
                        reader.add(raw.matchers, raw.steps, raw.params);
                    });
                }
                Err(error) => {
                    self.shared.unread = Some(self.report(error));
                }
            }
        }
        let names: Vec<String> = self.shared.matchers.keys().cloned().collect();
        for name in names {
            // Every matcher is read once, even if no case uses it, so that its mistakes are reported.
            let _ = self.composed(&name);
        }
    }

    fn add_secrets(&mut self, names: Vec<Spanned<String>>) {
        for name in names {
            self.variable(&name);
            if !self.secrets.contains(&name.value) {
                self.secrets.push(name.value);
            }
        }
    }

    /// Reports a name that cannot be an environment variable.
    pub(super) fn variable(&mut self, name: &Spanned<String>) {
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.value.is_empty()
            || !name.value.chars().all(fine)
            || name.value.starts_with(|c: char| c.is_ascii_digit())
        {
            let reason = format!("`{}` cannot name an environment variable", name.value);
            self.error(name.place, name.value.chars().count(), reason)
                .push_help("use letters, digits and `_`, as in `MY_TOKEN`; its value stands in the environment");
        }
    }

    fn add(&mut self, matchers: Pairs<RawNeed>, steps: Pairs<Spanned<RawStep>>, params: Pairs<RawParam>) {
        for (name, what) in matchers.0 {
            let is_new = !self.shared.matchers.contains_key(&name.value);
            if is_new && self.known.matchers.named(&name.value).is_some() {
                self.twice(&name, "matcher", "Rust");
            }
            self.keep(|shared| &mut shared.matchers, "matcher", name, what);
        }
        for (name, what) in steps.0 {
            self.keep(|shared| &mut shared.steps, "step", name, what);
        }
        for (name, what) in params.0 {
            self.keep(|shared| &mut shared.params, "list of values", name, what);
        }
    }

    fn keep<T>(
        &mut self,
        among: fn(&mut Shared) -> &mut BTreeMap<String, Named<T>>,
        kind: &str,
        name: Spanned<String>,
        what: T,
    ) {
        if let Some(first) = among(&mut self.shared).get(&name.value) {
            let first = first.source.name.clone();
            self.twice(&name, kind, &first);
        }
        let source = Arc::clone(&self.source);
        among(&mut self.shared).insert(name.value, Named { source, what });
    }

    fn twice(&mut self, name: &Spanned<String>, what: &str, first: &str) {
        let reason = format!("a second {what} named `{}`; the first stands in {first}", name.value);
        self.error(name.place, name.value.chars().count(), reason).push_help("rename one of the two");
    }

    /// The file at a path relative to the current file.
    pub(super) fn file(&mut self, path: &Spanned<String>) -> Checked<Arc<Source>> {
        match self.known.files.read(&self.source.name, &path.value) {
            Ok(source) => Ok(Arc::new(source)),
            Err(reason) => Err(self
                .error(path.place, path.value.chars().count(), format!("cannot read `{}`: {reason}", path.value))
                .push_help("paths are as seen from this file's folder")),
        }
    }

    /// The step with this name.
    pub(super) fn named_step(&mut self, name: &Spanned<String>) -> Checked<(Arc<Source>, Spanned<RawStep>)> {
        if let Some(found) = self.shared.steps.get(&name.value) {
            return Ok((Arc::clone(&found.source), found.what.clone()));
        }
        let known: Vec<String> = self.shared.steps.keys().cloned().collect();
        Err(self.unknown_name(name, "step", "steps", &known))
    }

    /// The list of values with this name.
    pub(super) fn named_param(&mut self, name: &Spanned<String>) -> Checked<(Arc<Source>, RawParam)> {
        if let Some(found) = self.shared.params.get(&name.value) {
            return Ok((Arc::clone(&found.source), found.what.clone()));
        }
        let known: Vec<String> = self.shared.params.keys().cloned().collect();
        Err(self.unknown_name(name, "list of values", "params", &known))
    }

    fn unknown_name(&mut self, name: &Spanned<String>, what: &str, key: &str, known: &[String]) -> Reported {
        if let Some(reported) = self.shared.unread {
            return reported;
        }
        if known.is_empty() {
            self.error(name.place, name.value.chars().count(), format!("unknown {what} `{}`", name.value)).push_help(
                format!("write it under `{key}` at the top of this file, or of a file that it lists under `include`"),
            )
        } else {
            self.unknown(name, what, &known.iter().map(String::as_str).collect::<Vec<_>>())
        }
    }

    /// The matcher with this name, composed in YAML or written in Rust.
    pub(super) fn named_matcher(&mut self, name: &Spanned<String>) -> Checked<Is> {
        if self.shared.open.contains(&name.value) {
            let way = [self.shared.open.as_slice(), std::slice::from_ref(&name.value)].concat().join(" → ");
            let reason = format!("the matcher `{}` is made of itself", name.value);
            return Err(self
                .error(name.place, name.value.chars().count(), reason)
                .push_help(format!("{way}: leave one of them out")));
        }
        if let Some(read) = self.composed(&name.value) {
            return read.map(|matcher| Is::Composed { name: name.value.clone(), matcher });
        }
        if let Some(own) = self.known.matchers.named(&name.value) {
            return Ok(Is::Own(own.clone()));
        }
        if let Some(reported) = self.shared.unread {
            return Err(reported);
        }
        let own = self.known.matchers.names().into_iter().map(str::to_owned);
        let known: Vec<String> = self.shared.matchers.keys().cloned().chain(own).collect();
        Err(if known.is_empty() {
            self.error(name.place, name.value.chars().count(), format!("unknown matcher `{}`", name.value)).push_help(
                "write it under `matchers` at the top of this file, or in Rust: the test target registers it with \
                 `retake::Harness::new().matcher(NAME, …).main()`",
            )
        } else {
            self.unknown(name, "matcher", &known.iter().map(String::as_str).collect::<Vec<_>>())
        })
    }

    /// The matcher with this name that is composed in YAML; `None` if there is none.
    fn composed(&mut self, name: &str) -> Option<Checked<Arc<Matcher>>> {
        if let Some(read) = self.shared.read.get(name) {
            return Some(read.clone());
        }
        let Named { source, what } = self.shared.matchers.get(name)?.clone();
        let before = self.errors.len();
        let used = std::mem::take(&mut self.used_secrets);
        self.shared.open.push(name.to_owned());
        let place = what.place;
        let need = self.elsewhere(&source, place, |reader| {
            let need = parse_need(reader, what);
            if need.matcher.exists.is_some() || need.matcher.count.is_some() {
                reader
                    .error(
                        place,
                        1,
                        "`exists` and `count` are about a path, and a matcher with a name is about a value",
                    )
                    .push_help("write them where the path stands, beside `is`");
            }
            if !reader.used_secrets.is_empty() {
                reader
                    .error(place, 1, "a matcher with a name uses no secrets")
                    .push_help("compare with the secret where the matcher is used");
            }
            need
        });
        self.used_secrets = used;
        self.shared.open.pop();
        let matcher = match self.reported_since(before) {
            None => Ok(Arc::from(need.matcher)),
            Some(reported) => Err(reported),
        };
        self.shared.read.insert(name.to_owned(), matcher.clone());
        Some(matcher)
    }
}
