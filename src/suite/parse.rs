//! Parses the text of a suite into a [`Suite`]. All mistakes of a file are reported together.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::model::{Axis, Client, Param, Suite, Template, Xfail};
use super::own::OwnMatchers;
use super::raw::{RawIf, RawStep, RawTemplate};
use super::read_file::{self, Read};
use super::reader::{Checked, Reader, readable};
use super::repeat::Repeat;
use super::shared::Files;
use crate::yaml::{Error, Place, Short, Source, Spanned};

/// The most cases that one template may become.
const MOST_CASES: u128 = 1_000_000;

/// Names a suite may refer to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Capabilities.
    pub capabilities: Vec<String>,
    /// Matchers that the project wrote in Rust.
    pub matchers: OwnMatchers,
    /// How a suite reads the files that it names.
    pub files: Files,
}

/// Reads one suite file. `Err` holds every mistake found, in file order.
pub(crate) fn parse(source: Arc<Source>, known: &Known) -> Result<Suite, Vec<Error>> {
    let mut reader = Reader::new(Arc::clone(&source), known);
    let mut read = read_file::read(&mut reader, &source, None);
    if let Ok(Read::Top(top)) = read {
        reader = Reader::new(Arc::clone(&source), known);
        read = read_file::read(&mut reader, &source, Some(top));
    }
    let templates = match read {
        Ok(Read::Cases(templates)) => templates,
        // This cannot happen: the second reading is given all shared definitions.
        Ok(Read::Top(_)) => Vec::new(),
        Err(error) => return Err(vec![error]),
    };
    if templates.is_empty() {
        let place = read_file::place_of_cases(&source);
        reader.error(place, 1, "there are no cases here").push_help("write at least one `- name: …`");
    }
    let mut errors = std::mem::take(&mut reader.errors);
    if errors.is_empty() {
        return Ok(Suite { source, secrets: reader.secrets, masks: reader.masks.into(), templates });
    }
    // Mistakes in included files come after those of the suite. Each is reported once, however often the file is used.
    errors.sort_by(|a, b| {
        let key = |error: &Error| (error.file.name != source.name, error.file.name.clone(), error.place);
        key(a).cmp(&key(b))
    });
    errors.dedup_by(|a, b| (&a.file.name, a.place, &a.reason) == (&b.file.name, b.place, &b.reason));
    Err(errors)
}

impl Reader<'_> {
    /// Reads a case. It ends at `end`, or at the end of the file. `names` are the names of the cases before it.
    pub(super) fn case(
        &mut self,
        case: Spanned<Box<RawTemplate>>,
        end: Option<Place>,
        names: &mut HashSet<String>,
    ) -> Template {
        (self.from, self.to) = (case.place, end);
        let name = &case.value.name;
        if !names.insert(name.value.clone()) {
            let width = name.value.chars().count();
            self.error(name.place, width, format!("a second case named `{}`", name.value))
                .push_help("names are unique in a file; rename one of the two");
        }
        self.template(case)
    }

    fn template(&mut self, case: Spanned<Box<RawTemplate>>) -> Template {
        let (place, raw) = (case.place, *case.value);
        self.case_name(&raw.name);
        let clients = readable(raw.clients.iter().map(|word| self.client(word)));
        let model = raw.model.as_ref().and_then(|word| self.axis(word).ok());
        let params = self.params(raw.params);
        self.count_cases(&raw.name, &params, clients.len());
        let (capability, needs_env) = self.condition(raw.r#if);
        let needs: Vec<Spanned<String>> = raw.needs.into_iter().chain(capability).collect();
        for need in &needs {
            if !self.known.capabilities.contains(&need.value) {
                let known: Vec<&str> = self.known.capabilities.iter().map(String::as_str).collect();
                let (known, need) = (known.clone(), need.clone());
                self.unknown(&need, "capability", &known);
            }
        }
        let mut scope: Vec<String> = params.iter().flat_map(|param| param.names.iter().cloned()).collect();
        scope.extend(raw.model.is_some().then(|| "model".to_owned()));
        self.params = params;
        let setup = readable(raw.setup.into_iter().map(|step| self.step(&mut scope, step)));
        let own = RawStep {
            request: raw.request,
            expect: raw.expect,
            capture: raw.capture,
            eventually: raw.eventually,
            faults: raw.faults,
            ..RawStep::default()
        };
        let steps = self.steps(place, &mut scope, own, raw.steps);
        let teardown = readable(raw.teardown.into_iter().rev().map(|step| self.step(&mut scope, step)));
        Template {
            name: raw.name.value,
            place: raw.name.place,
            clients: clients.into(),
            model,
            params: std::mem::take(&mut self.params).into(),
            keywords: raw.keywords.into(),
            needs: needs.into_iter().map(|need| need.value).collect(),
            needs_env,
            secrets: std::mem::take(&mut self.used_secrets).into_iter().collect(),
            skip: raw.skip,
            xfail: raw.xfail.and_then(|xfail| self.xfail(xfail.place, xfail.value).ok()),
            repeat: self.repeat(raw.repeat, raw.pass_rate),
            setup: setup.into(),
            steps: steps.into(),
            teardown: teardown.into(),
        }
    }

    /// Checks that a template does not become more cases than fit into memory. The cases are made later.
    fn count_cases(&mut self, name: &Spanned<String>, params: &[Param], clients: usize) {
        let values = params.iter().map(|param| param.values.len() as u128);
        let count = values.fold(clients.max(1) as u128, u128::saturating_mul);
        if count > MOST_CASES {
            let sizes: Vec<String> = params.iter().map(|param| param.values.len().to_string()).collect();
            let reason = format!("`{}` would be {count} cases, and more than {MOST_CASES} are refused", name.value);
            self.error(name.place, name.value.chars().count(), reason).push_help(format!(
                "every value of a parameter goes with every value of the others ({}): name parameters that belong together \
                 as one, `\"a, b\": [[1, 2], [3, 4]]`, or leave values out",
                sizes.join(" × ")
            ));
        }
    }

    fn repeat(&mut self, times: Option<Spanned<i64>>, rate: Option<Spanned<f64>>) -> Repeat {
        if let Some(rate) = rate.as_ref().filter(|rate| !(rate.value > 0.0 && rate.value <= 1.0)) {
            self.error(rate.place, 1, "a pass rate is more than 0 and at most 1").push_help("write `pass_rate: 0.8`");
        }
        let Some(times) = times else {
            if let Some(rate) = rate {
                self.error(rate.place, 1, "a pass rate is one of several tries")
                    .push_help("write `repeat: 10` beside it");
            }
            return Repeat::default();
        };
        match u32::try_from(times.value) {
            Ok(count @ 2..=Repeat::MOST) => Repeat::new(count, rate.map_or(1.0, |rate| rate.value)),
            _ => {
                let reason = format!("a case is repeated 2 to {} times", Repeat::MOST);
                self.error(times.place, 1, reason)
                    .push_help("write `repeat: 10`, or leave it out to run the case once");
                Repeat::default()
            }
        }
    }

    fn case_name(&mut self, name: &Spanned<String>) {
        let fine = |c: char| c.is_alphanumeric() || "_.-:".contains(c);
        if name.value.is_empty() || name.value.contains("::") || !name.value.chars().all(fine) {
            self.error(name.place, name.value.chars().count(), format!("`{}` cannot name a case", name.value))
                .push_help("use letters, digits, `_`, `-`, `.` and single `:`");
        }
    }

    fn client(&mut self, word: &Spanned<String>) -> Checked<Client> {
        let found = Client::ALL.iter().find(|(_, name)| *name == word.value).map(|(client, _)| *client);
        found.ok_or_else(|| self.unknown(word, "client", &Client::ALL.map(|(_, name)| name)))
    }

    fn axis(&mut self, word: &Spanned<String>) -> Checked<Axis> {
        let found = Axis::ALL.iter().find(|(_, name, _)| *name == word.value).map(|(axis, ..)| *axis);
        found.ok_or_else(|| self.unknown(word, "model axis", &Axis::ALL.map(|(_, name, _)| name)))
    }

    /// The capability and the environment variable that a case needs.
    fn condition(&mut self, raw: Option<Spanned<RawIf>>) -> (Option<Spanned<String>>, Option<String>) {
        let Some(Spanned { value: RawIf { capability, env }, place }) = raw else { return (None, None) };
        if capability.is_none() && env.is_none() {
            self.error(place, 1, "`if` asks for nothing")
                .push_help("write `if: {capability: tools}` or `if: {env: MY_TOKEN}`");
        }
        if let Some(name) = &env {
            self.variable(name);
        }
        (capability, env.map(|name| name.value))
    }

    fn xfail(&mut self, place: Place, raw: Short<super::raw::RawXfail>) -> Checked<Xfail> {
        match raw {
            Short::Plain(Value::String(reason)) => Ok(Xfail { reason, strict: false }),
            Short::Full(raw) => Ok(Xfail { reason: raw.reason, strict: raw.strict }),
            Short::Plain(_) => Err(self
                .error(place, 1, "`xfail` wants a reason")
                .push_help("write `xfail: why` or `xfail: {reason: why, strict: true}`")),
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
