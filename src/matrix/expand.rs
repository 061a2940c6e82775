//! One template × one value of every parameter.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::provider::{Catalogue, Provider, Setup};
use crate::suite::template::Scope;
use crate::suite::{Client, ParamValue, Suite, Template, Xfail};

/// The thing that is run and reported.
#[derive(Debug, Clone)]
pub struct Case {
    /// `suites/inference/sanity.yaml::name[openai_client-txt=together/…-True]`; unique in a run; never parsed.
    pub id: String,
    /// The suite, and in it the template.
    pub suite: Arc<Suite>,
    /// Index into `suite.templates`.
    pub template: usize,
    /// Who calls.
    pub client: Client,
    /// The setup it is for.
    pub setup: Arc<str>,
    /// The provider that answers: the first part of the model, else the setup's.
    pub provider: Arc<str>,
    /// The model as the case's requests name it.
    model: Option<Arc<str>>,
    /// The values of the secrets it uses.
    env: Option<Box<Env>>,
    /// Of each parameter, which of its values: a case of a hundred thousand is a few numbers.
    values: Box<[u32]>,
    /// Set when it is known beforehand that it will not run: the reason after SKIPPED.
    pub skip: Option<String>,
    /// Set when it is expected to fail: reason and strictness, from the template or the provider's `broken`.
    pub xfail: Option<Xfail>,
}

impl Case {
    /// Where it stands in its suite.
    pub fn template(&self) -> &Template {
        &self.suite.templates[self.template]
    }

    /// `model` and the parameters.
    pub fn scope(&self) -> Scope {
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

    /// The same, not to be run, and why.
    pub fn skipped(&self, why: &str) -> Self {
        Case { skip: Some(why.to_owned()), xfail: None, ..self.clone() }
    }

    /// The same with what it needs of the environment, or skipped because that is not there. `var` is the value of a
    /// variable that is set. In replay a secret that is not set is what recordings hold in its place.
    pub fn equipped(mut self, var: &dyn Fn(&str) -> Option<String>, is_replay: bool) -> Self {
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

/// Values that no message may show.
#[derive(Clone, Default)]
struct Env(Scope);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Every case of `suite` for `setup`, in file order: for each template clients × params (first varies slowest).
/// `direct` says that there is no gateway, so that what only it offers is missing.
pub fn expand<'a>(
    suite: &'a Arc<Suite>,
    setup: &'a Setup,
    catalogue: &'a Catalogue,
    direct: bool,
) -> impl Iterator<Item = Case> {
    let name: Arc<str> = setup.name.as_str().into();
    (0..suite.templates.len()).flat_map(move |index| of_template(suite, index, setup, &name, catalogue, direct))
}

fn of_template(
    suite: &Arc<Suite>,
    index: usize,
    setup: &Setup,
    setup_name: &Arc<str>,
    catalogue: &Catalogue,
    direct: bool,
) -> Vec<Case> {
    let template = &suite.templates[index];
    let target = Target::new(template, setup, catalogue);
    let skip = skip(template, setup, &target, catalogue, direct);
    let xfail = template.xfail.clone().or_else(|| target.broken(template));
    let provider: Arc<str> = target.provider_name.into();
    // With the provider in front, unless there is no gateway to read it.
    let model: Option<Arc<str>> = if direct { target.bare } else { target.model }.map(Arc::from);
    let clients: Vec<Option<Client>> =
        if template.clients.is_empty() { vec![None] } else { template.clients.iter().copied().map(Some).collect() };
    let mut cases = Vec::new();
    let mut seen = HashSet::new();
    for client in clients {
        for indexes in combinations(template) {
            let values: Vec<&ParamValue> =
                template.params.iter().zip(&indexes).map(|(param, index)| &param.values[*index as usize]).collect();
            let mut id = case_id(suite, template, client, &target, &values);
            // Ids of values may hold `-` themselves, so that two combinations can read alike.
            let stem = id.clone();
            let mut repeat = 1;
            while !seen.insert(id.clone()) {
                repeat += 1;
                id = format!("{stem}#{repeat}");
            }
            cases.push(Case {
                id,
                suite: Arc::clone(suite),
                template: index,
                client: client.unwrap_or(Client::WithModels),
                setup: Arc::clone(setup_name),
                provider: Arc::clone(&provider),
                model: model.clone(),
                env: None,
                values: indexes.into(),
                skip: skip.clone(),
                // What does not run cannot fail.
                xfail: match &skip {
                    Some(_) => None,
                    None => xfail.clone().or_else(|| target.expected_failure(template, &values)),
                },
            });
        }
    }
    cases
}

/// Whom a template's cases are for: the setup's model on the template's axis, and who answers for it.
struct Target<'a> {
    model: Option<&'a str>,
    /// The model as the provider knows it.
    bare: Option<&'a str>,
    provider_name: &'a str,
    provider: Option<&'a Provider>,
}

impl<'a> Target<'a> {
    fn new(template: &Template, setup: &'a Setup, catalogue: &'a Catalogue) -> Self {
        let model = template.model.and_then(|axis| setup.models.get(axis));
        let routed = model
            .and_then(|model| model.split_once('/'))
            .and_then(|(first, rest)| catalogue.provider(first).map(|provider| (provider, rest)));
        match routed {
            Some((provider, rest)) => {
                Target { model, bare: Some(rest), provider_name: &provider.name, provider: Some(provider) }
            }
            None => Target {
                model,
                bare: model,
                provider_name: &setup.provider,
                provider: catalogue.provider(&setup.provider),
            },
        }
    }

    /// Whether a list of models that is empty for all names this one.
    fn applies(&self, models: &[String]) -> bool {
        models.is_empty() || self.bare.is_some_and(|bare| models.iter().any(|model| model == bare))
    }

    /// The expected failure that the provider's data names for this very case.
    fn expected_failure(&self, template: &Template, values: &[&ParamValue]) -> Option<Xfail> {
        let named = |case: &String| match case.strip_suffix(']').and_then(|case| case.split_once('[')) {
            Some((name, id)) => name == template.name && values.iter().any(|value| value.id == id),
            None => *case == template.name,
        };
        let mut known = self.provider?.xfail.iter();
        let found = known.find(|known| self.applies(&known.models) && known.cases.iter().any(named))?;
        Some(Xfail { reason: found.reason.clone(), strict: false })
    }

    /// Why the provider cannot do `capability`.
    fn lack(&self, capability: &str) -> Option<&'a str> {
        let gap = self.provider?.lacks.get(capability)?;
        self.applies(&gap.models).then_some(gap.reason.as_str())
    }

    /// The expected failure that follows from what the provider does not do right.
    fn broken(&self, template: &Template) -> Option<Xfail> {
        let provider = self.provider?;
        let mut gaps = template.needs.iter().filter_map(|need| provider.broken.get(need));
        let gap = gaps.find(|gap| self.applies(&gap.models))?;
        Some(Xfail { reason: gap.reason.clone(), strict: false })
    }
}

/// Why a template's cases will not run, the template's own word first.
fn skip(
    template: &Template,
    setup: &Setup,
    target: &Target<'_>,
    catalogue: &Catalogue,
    direct: bool,
) -> Option<String> {
    if let Some(reason) = &template.skip {
        return Some(reason.clone());
    }
    if let (Some(axis), None) = (template.model, target.model) {
        return Some(format!("setup '{}' names no {} model", setup.name, axis.name()));
    }
    template.needs.iter().find_map(|need| {
        let of_stack = catalogue.capabilities.get(need).is_some_and(|capability| capability.of_stack);
        if of_stack && direct {
            return Some(format!("{need} is offered by the gateway, and there is none (direct)"));
        }
        target.lack(need).map(str::to_owned)
    })
}

/// `{file}::{name}[{client-}{label=model-}{values joined by '-'}]`
fn case_id(
    suite: &Suite,
    template: &Template,
    client: Option<Client>,
    target: &Target<'_>,
    values: &[&ParamValue],
) -> String {
    let client = client.map(|client| client.name().to_owned());
    let model = template.model.map(|axis| format!("{}={}", axis.label(), target.model.unwrap_or("none")));
    let parts: Vec<String> =
        client.into_iter().chain(model).chain(values.iter().map(|value| value.id.clone())).collect();
    let base = format!("{}::{}", suite.source.name, template.name);
    if parts.is_empty() { base } else { format!("{base}[{}]", parts.join("-")) }
}

/// Every choice of one value per parameter, by their indexes; the first parameter varies slowest.
fn combinations(template: &Template) -> Vec<Vec<u32>> {
    let mut rows: Vec<Vec<u32>> = vec![Vec::new()];
    for param in &template.params {
        let indexes = 0..u32::try_from(param.values.len()).unwrap_or(u32::MAX);
        rows = rows
            .into_iter()
            .flat_map(|row| indexes.clone().map(move |index| row.iter().copied().chain([index]).collect()))
            .collect();
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::{Capability, ExpectedFailure, Gap, Models};
    use crate::suite::{Axis, Param, Repeat};
    use crate::yaml::{Place, Source};

    fn template(name: &str) -> Template {
        Template {
            name: name.into(),
            place: Place::default(),
            description: None,
            clients: vec![],
            model: None,
            params: vec![],
            keywords: vec![],
            needs: vec![],
            needs_env: None,
            secrets: vec![],
            skip: None,
            xfail: None,
            repeat: Repeat::default(),
            setup: vec![],
            teardown: vec![],
            steps: vec![],
        }
    }

    fn param(name: &str, values: Vec<(&str, Value)>) -> Param {
        let values = values.into_iter().map(|(id, value)| ParamValue { id: id.into(), value }).collect();
        Param { names: vec![name.into()], values }
    }

    fn gap(reason: &str, models: &[&str]) -> Gap {
        Gap { reason: reason.into(), models: models.iter().map(|model| (*model).into()).collect() }
    }

    fn catalogue() -> Catalogue {
        let capability = |of_stack| Capability { description: String::new(), of_stack };
        let together = Provider {
            name: "together".into(),
            lacks: [("suffix".into(), gap("no suffix", &[])), ("tools".into(), gap("no tools", &["meta/Small"]))]
                .into(),
            broken: [("json".into(), gap("loses keys", &[]))].into(),
            xfail: vec![ExpectedFailure {
                cases: vec!["whole".into(), "some[b]".into()],
                models: vec!["meta/Big".into()],
                reason: "too big".into(),
            }],
            ..Provider::default()
        };
        let tgi = Provider { name: "tgi".into(), ..Provider::default() };
        Catalogue {
            capabilities: [
                ("suffix".into(), capability(false)),
                ("tools".into(), capability(false)),
                ("json".into(), capability(false)),
                ("store".into(), capability(true)),
            ]
            .into(),
            providers: vec![together, tgi],
        }
    }

    fn setup() -> Setup {
        Setup {
            name: "together".into(),
            provider: "together".into(),
            models: Models { text: Some("together/meta/Big".into()), embedding: None, vision: Some("plain".into()) },
            ..Setup::default()
        }
    }

    fn cases_with(templates: Vec<Template>, setup: &Setup, direct: bool) -> Vec<Case> {
        let source = Source { name: "suites/inference/sanity.yaml".into(), text: "".into() };
        let suite = Arc::new(Suite { source: Arc::new(source), secrets: vec![], templates });
        expand(&suite, setup, &catalogue(), direct).collect()
    }

    fn cases(templates: Vec<Template>) -> Vec<Case> {
        cases_with(templates, &setup(), false)
    }

    fn ids(templates: Vec<Template>) -> Vec<String> {
        let ids = cases(templates).into_iter().map(|case| case.id);
        ids.map(|id| id.trim_start_matches("suites/inference/sanity.yaml::").to_owned()).collect()
    }

    #[test]
    fn ids_join_client_model_and_values() {
        let stream = || param("stream", vec![("True", json!(true)), ("False", json!(false))]);
        let case = param("case", vec![("inference:01", json!({"question": "q"})), ("inference:02", json!(null))]);
        let chat = Template {
            clients: vec![Client::OpenAi, Client::WithModels],
            model: Some(Axis::Text),
            params: vec![case, stream()],
            ..template("chat")
        };
        let bare = Template { params: vec![stream()], ..template("bare") };
        assert_eq!(
            ids(vec![chat, template("plain"), bare]),
            [
                "chat[openai_client-txt=together/meta/Big-inference:01-True]",
                "chat[openai_client-txt=together/meta/Big-inference:01-False]",
                "chat[openai_client-txt=together/meta/Big-inference:02-True]",
                "chat[openai_client-txt=together/meta/Big-inference:02-False]",
                "chat[client_with_models-txt=together/meta/Big-inference:01-True]",
                "chat[client_with_models-txt=together/meta/Big-inference:01-False]",
                "chat[client_with_models-txt=together/meta/Big-inference:02-True]",
                "chat[client_with_models-txt=together/meta/Big-inference:02-False]",
                "plain",
                "bare[True]",
                "bare[False]",
            ]
        );
    }

    #[test]
    fn ids_that_would_be_equal_are_told_apart() {
        let params = vec![
            param("a", vec![("x", json!(1)), ("x-y", json!(2))]),
            param("b", vec![("y-z", json!(3)), ("z", json!(4))]),
        ];
        assert_eq!(ids(vec![Template { params, ..template("t") }]), ["t[x-y-z]", "t[x-z]", "t[x-y-y-z]", "t[x-y-z]#2"]);
    }

    #[test]
    fn scope_holds_the_model_and_typed_values() {
        let params = vec![param("n", vec![("1", json!(1))]), param("case", vec![("c", json!({"q": "x"}))])];
        let [case] = &cases(vec![Template { model: Some(Axis::Text), params, ..template("t") }])[..] else { panic!() };
        assert_eq!(Value::Object(case.scope()), json!({"model": "together/meta/Big", "n": 1, "case": {"q": "x"}}));
        assert_eq!((case.client, &*case.provider, &*case.setup), (Client::WithModels, "together", "together"));
    }

    #[test]
    fn a_setup_without_the_model_skips() {
        let [case] = &cases(vec![Template { model: Some(Axis::Embedding), ..template("t") }])[..] else { panic!() };
        assert_eq!(case.id, "suites/inference/sanity.yaml::t[emb=none]");
        assert_eq!(case.skip.as_deref(), Some("setup 'together' names no embedding model"));
        assert_eq!(case.scope()["model"], Value::Null);
    }

    #[test]
    fn what_is_lacking_skips_and_what_is_broken_is_expected_to_fail() {
        let needing = |needs: &[&str]| Template {
            model: Some(Axis::Text),
            needs: needs.iter().map(|need| (*need).into()).collect(),
            ..template(&needs.join("_"))
        };
        let all = cases(vec![
            needing(&["suffix"]),
            needing(&["tools"]),
            needing(&["json"]),
            needing(&["json", "suffix"]),
            Template { xfail: Some(Xfail { reason: "own".into(), strict: true }), ..needing(&["json"]) },
            Template { skip: Some("own skip".into()), ..needing(&["suffix", "json"]) },
        ]);
        let told: Vec<_> = all
            .iter()
            .map(|case| (case.skip.as_deref(), case.xfail.as_ref().map(|xfail| (xfail.reason.as_str(), xfail.strict))))
            .collect();
        assert_eq!(
            told,
            [
                (Some("no suffix"), None),
                (None, None),
                (None, Some(("loses keys", false))),
                (Some("no suffix"), None),
                (None, Some(("own", true))),
                (Some("own skip"), None),
            ]
        );
    }

    #[test]
    fn a_case_that_a_model_is_known_to_fail_is_expected_to() {
        let some = |name: &str| Template {
            model: Some(Axis::Text),
            params: vec![param("p", vec![("a", json!(1)), ("b", json!(2))])],
            ..template(name)
        };
        let expected = |setup: &Setup| -> Vec<bool> {
            let all = cases_with(vec![some("whole"), some("some"), some("other")], setup, false);
            all.iter().map(|case| case.xfail.as_ref().is_some_and(|xfail| xfail.reason == "too big")).collect()
        };
        assert_eq!(expected(&setup()), [true, true, false, true, false, false]);
        let small =
            Setup { models: Models { text: Some("together/meta/Small".into()), ..Models::default() }, ..setup() };
        assert_eq!(expected(&small), [false; 6]);
    }

    #[test]
    fn a_gap_may_be_that_of_one_model() {
        let mut setup = setup();
        setup.models.text = Some("together/meta/Small".into());
        let tools = Template { model: Some(Axis::Text), needs: vec!["tools".into()], ..template("t") };
        assert_eq!(cases_with(vec![tools], &setup, false)[0].skip.as_deref(), Some("no tools"));
    }

    #[test]
    fn the_model_says_who_answers() {
        let mut setup = setup();
        setup.models.text = Some("tgi/meta/Small".into());
        let text = Template { model: Some(Axis::Text), ..template("text") };
        let vision = Template { model: Some(Axis::Vision), ..template("vision") };
        let providers: Vec<String> = cases_with(vec![text, vision, template("none")], &setup, false)
            .into_iter()
            .map(|case| case.provider.to_string())
            .collect();
        assert_eq!(providers, ["tgi", "together", "together"]);
    }

    #[test]
    fn what_the_stack_offers_is_missing_without_it() {
        let store = || Template { needs: vec!["store".into()], ..template("t") };
        assert_eq!(cases_with(vec![store()], &setup(), false)[0].skip, None);
        let reason = cases_with(vec![store()], &setup(), true)[0].skip.clone().unwrap();
        assert_eq!(reason, "store is offered by the gateway, and there is none (direct)");
    }
}
