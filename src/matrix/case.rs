//! A case: one template with one value for each parameter.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::suite::template::Scope;
use crate::suite::{Client, Suite, Template, Xfail};

/// The unit that is run and reported.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// `suites/inference/sanity.yaml::name[openai_client-txt=together/…-True]`; unique in a run; it is never parsed.
    pub id: String,
    /// The suite with the template.
    pub suite: Arc<Suite>,
    /// The index in `suite.templates`.
    pub template: usize,
    /// The client; `None` if the suite names none: then paths are used as they are written.
    pub client: Option<Client>,
    /// The setup it runs for.
    pub setup: Arc<str>,
    /// The provider that answers: the first part of the model's name, else the setup's provider.
    pub provider: Arc<str>,
    /// The model as the case's requests name it.
    pub(super) model: Option<Arc<str>>,
    /// The values of the secrets it uses.
    pub(super) env: Option<Box<Env>>,
    /// For each parameter, the index of its value: a case in a suite of a hundred thousand is a few numbers.
    pub(super) values: Box<[u32]>,
    /// The reason after SKIPPED, if it is known that the case will not run.
    pub skip: Option<String>,
    /// The reason and strictness of an expected failure, from the template or the provider's `broken`.
    pub xfail: Option<Xfail>,
}

impl Case {
    /// Its template in the suite.
    pub(crate) fn template(&self) -> &Template {
        &self.suite.templates[self.template]
    }

    /// The values of `model` and of the parameters.
    pub(crate) fn scope(&self) -> Scope {
        let template = self.template();
        let mut scope = Scope::new();
        if template.model.is_some() {
            scope.insert("model".to_owned(), self.model.as_deref().map_or(Value::Null, Value::from));
        }
        for (param, index) in template.params.iter().zip(&self.values) {
            match (param.names.as_slice(), &param.values[*index as usize].value) {
                ([name], value) => drop(scope.insert(name.clone(), value.clone())),
                (names, Value::Array(items)) => scope.extend(names.iter().cloned().zip(items.iter().cloned())),
                _ => {}
            }
        }
        if let Some(env) = &self.env {
            scope.insert("env".to_owned(), Value::Object(env.0.clone()));
        }
        scope
    }

    /// The model as its requests name it.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Each parameter with the id of its value; names that share a value are joined with commas.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = self.template().params.iter().zip(&self.values);
        pairs.map(|(param, index)| (param.names.join(","), param.values[*index as usize].id.clone()))
    }

    /// A copy that will not run, with the reason.
    pub(crate) fn skipped(&self, why: &str) -> Self {
        Case { skip: Some(why.to_owned()), xfail: None, ..self.clone() }
    }

    /// Adds the values that it needs from the environment, or skips it if one is missing. `var` returns the value of a
    /// variable that is set. In replay, an unset secret has the value that recordings hold in its place.
    pub(crate) fn equipped(mut self, var: &dyn Fn(&str) -> Option<String>, is_replay: bool) -> Self {
        let suite = Arc::clone(&self.suite);
        let template = &suite.templates[self.template];
        let mut missing = template.needs_env.iter().find(|name| var(name).is_none());
        for name in &template.secrets {
            match var(name) {
                Some(value) => drop(self.env.get_or_insert_default().0.insert(name.clone(), value.into())),
                None if is_replay => {
                    drop(self.env.get_or_insert_default().0.insert(name.clone(), format!("${name}").into()));
                }
                None => missing = missing.or(Some(name)),
            }
        }
        if let (None, Some(name)) = (&self.skip, missing) {
            self.skip = Some(format!("{name} is not set: export {name}=…"));
            self.xfail = None;
        }
        self
    }
}

/// Values that messages must not show.
#[derive(Clone, Default)]
pub(super) struct Env(Scope);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
