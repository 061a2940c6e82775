//! Suite text to [`Suite`]: every mistake of a file is told at once.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::names::Declared;
use super::raw::{RawStep, RawSuite, RawTemplate, RawXfail};
use super::{Axis, Client, Step, Suite, Template, Xfail};
use crate::yaml::{self, Error, Place, Short, Source, Spanned, nearest};

/// Names a suite may refer to.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Capabilities.
    pub capabilities: Vec<String>,
}

/// Reads one suite file. `Err` holds every mistake found, in file order; when the file has not the shape of a suite
/// (broken YAML, an unknown key, a value of the wrong kind), only the first.
pub fn parse(source: Arc<Source>, known: &Known) -> Result<Suite, Vec<Error>> {
    let raw: RawSuite = yaml::from_source(&source).map_err(|error| vec![error])?;
    let mut reader = Reader { source: &source, known, errors: Vec::new(), from: 0, to: source.text.len() };
    if raw.cases.value.is_empty() {
        reader.error(raw.cases.place, 1, "there are no cases here").push_help("write at least one `- name: …`");
    }
    let starts: Vec<usize> = raw.cases.value.iter().map(|case| case.place.to_byte(&source.text)).collect();
    let mut names = HashMap::new();
    let mut templates = Vec::new();
    for (index, case) in raw.cases.value.into_iter().enumerate() {
        reader.from = starts[index];
        reader.to = starts.get(index + 1).copied().filter(|end| *end > starts[index]).unwrap_or(source.text.len());
        reader.unique(&case.value.name, &mut names);
        templates.push(reader.template(case));
    }
    let mut errors = reader.errors;
    if errors.is_empty() {
        return Ok(Suite { source, templates });
    }
    errors.sort_by_key(|error| error.place);
    errors.dedup();
    Err(errors)
}

/// Adds the way out to the error made last.
pub(super) struct Last<'a>(&'a mut Error);

impl Last<'_> {
    pub(super) fn push_help(self, help: impl Into<String>) {
        self.0.help = Some(help.into());
    }
}

/// Reads a file and gathers its mistakes.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    known: &'a Known,
    errors: Vec<Error>,
    /// The bytes of the case being read, where its `${…}` are searched.
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, place: Place, width: usize, reason: impl Into<String>) -> Last<'_> {
        self.errors.push(Error::at(self.source, place, width, reason));
        let last = self.errors.len() - 1;
        Last(&mut self.errors[last])
    }

    /// A mistake that a whole word is.
    pub(super) fn wrong(&mut self, word: &Spanned<String>, reason: impl Into<String>) -> Last<'_> {
        self.error(word.place, word.value.chars().count(), reason)
    }

    /// A word that must be one of some; says which were near.
    pub(super) fn unknown(&mut self, word: &Spanned<String>, what: &str, known: &[&str]) {
        let near = nearest(&word.value, known.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        self.wrong(word, format!("unknown {what} `{}`", word.value))
            .push_help(format!("{near}There are: {}", known.join(", ")));
    }

    fn unique(&mut self, name: &Spanned<String>, names: &mut HashMap<String, u32>) {
        if let Some(line) = names.get(&name.value) {
            self.wrong(name, format!("a second case named `{}`", name.value))
                .push_help(format!("names are unique in a file, and line {line} has this one; rename one of the two"));
            return;
        }
        names.insert(name.value.clone(), name.place.line);
    }

    fn template(&mut self, case: Spanned<RawTemplate>) -> Template {
        let (place, raw) = (case.place, case.value);
        self.case_name(&raw.name);
        let clients = self.clients(&raw.clients);
        let axis = raw.model.as_ref().and_then(|word| self.axis(word));
        let params = self.params(raw.params);
        self.needs(&raw.needs);
        let mut declared = Declared { model: raw.model.is_some(), params, captures: Vec::new() };
        let one = (raw.request, raw.expect, raw.capture, raw.eventually);
        let steps = match (one, raw.steps) {
            ((Some(request), expect, capture, eventually), None) => {
                let at = request.place;
                let step = RawStep { name: None, request, expect, capture, eventually };
                vec![self.step(&mut declared, Spanned { value: step, place: at })]
            }
            ((None, expect, capture, eventually), Some(steps)) => {
                for astray in [
                    expect.map(|expect| ("expect", expect.place)),
                    capture.and_then(|capture| Some(("capture", capture.0.first()?.0.place))),
                    eventually.map(|eventually| ("eventually", eventually.place)),
                ] {
                    self.astray(astray);
                }
                self.steps(&mut declared, steps)
            }
            ((Some(_), ..), Some(steps)) => {
                self.error(steps.place, 1, "a case has either `request` or `steps`")
                    .push_help("move the request into the steps");
                Vec::new()
            }
            ((None, ..), None) => {
                self.error(place, 1, "`request` is missing here")
                    .push_help("add `request: {get: /v1/models}`, or `steps`");
                Vec::new()
            }
        };
        Template {
            name: raw.name.value,
            place,
            description: raw.description,
            clients,
            model: axis,
            params: declared.params,
            keywords: raw.keywords,
            needs: raw.needs.into_iter().map(|need| need.value).collect(),
            skip: raw.skip.and_then(|skip| self.skip(skip)),
            xfail: raw.xfail.and_then(|xfail| self.xfail(xfail)),
            steps,
        }
    }

    fn steps(&mut self, declared: &mut Declared, steps: Spanned<Vec<Spanned<RawStep>>>) -> Vec<Step> {
        if steps.value.is_empty() {
            self.error(steps.place, 1, "`steps` is empty").push_help("write at least one `- request: …`");
        }
        steps.value.into_iter().map(|step| self.step(declared, step)).collect()
    }

    /// A part of a request that stands beside `steps`.
    fn astray(&mut self, part: Option<(&str, Place)>) {
        if let Some((key, place)) = part {
            self.error(place, 1, format!("`{key}` belongs to a request, and this case has `steps`"))
                .push_help("move it into the step it is about");
        }
    }

    fn case_name(&mut self, name: &Spanned<String>) {
        let fine = |c: char| c.is_ascii_alphanumeric() || "_.-:".contains(c);
        let text = &name.value;
        if text.is_empty() || text.starts_with(':') || text.contains("::") || !text.chars().all(fine) {
            self.wrong(name, format!("`{text}` cannot name a case"))
                .push_help("use letters (a to z), digits, `_`, `-`, `.` and single `:`");
        }
    }

    fn clients(&mut self, words: &[Spanned<String>]) -> Vec<Client> {
        let mut clients = Vec::new();
        for word in words {
            match Client::ALL.iter().find(|(_, name)| *name == word.value) {
                None => self.unknown(word, "client", &Client::ALL.map(|(_, name)| name)),
                Some((client, name)) if clients.contains(client) => {
                    self.wrong(word, format!("`{name}` stands here twice"))
                        .push_help("two cases would have the same id; keep one of the two");
                }
                Some((client, _)) => clients.push(*client),
            }
        }
        clients
    }

    fn axis(&mut self, word: &Spanned<String>) -> Option<Axis> {
        let found = Axis::ALL.iter().find(|(_, name, _)| *name == word.value).map(|(axis, ..)| *axis);
        if found.is_none() {
            self.unknown(word, "model axis", &Axis::ALL.map(|(_, name, _)| name));
        }
        found
    }

    fn needs(&mut self, needs: &[Spanned<String>]) {
        let known: Vec<&str> = self.known.capabilities.iter().map(String::as_str).collect();
        for need in needs {
            if !known.contains(&need.value.as_str()) {
                self.unknown(need, "capability", &known);
            }
        }
    }

    fn skip(&mut self, raw: Spanned<Value>) -> Option<String> {
        match raw.value {
            Value::String(reason) if !reason.trim().is_empty() => Some(reason),
            _ => {
                self.error(raw.place, 1, "`skip` wants a reason").push_help("write `skip: why`");
                None
            }
        }
    }

    fn xfail(&mut self, raw: Spanned<Short<RawXfail>>) -> Option<Xfail> {
        match raw.value {
            Short::Plain(Value::String(reason)) if !reason.trim().is_empty() => Some(Xfail { reason, strict: false }),
            Short::Full(raw) => Some(Xfail { reason: raw.reason, strict: raw.strict }),
            Short::Plain(_) => {
                self.error(raw.place, 1, "`xfail` wants a reason")
                    .push_help("write `xfail: why` or `xfail: {reason: why, strict: true}`");
                None
            }
        }
    }
}
