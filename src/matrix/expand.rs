//! Expands suites to cases: each template with every client and every choice of values.

use std::collections::HashSet;
use std::sync::Arc;

use super::case::Case;
use super::target::{Target, skip};
use crate::provider::{Catalogue, Setup};
use crate::suite::{Client, ParamValue, Suite, Template};

/// All cases of `suite` for `setup`, in file order: for each template clients × params (the first varies slowest).
/// `direct` means that there is no gateway, so capabilities of the gateway are missing.
pub(crate) fn expand<'a>(
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
    // With the provider as a prefix, unless there is no gateway to read it.
    let model: Option<Arc<str>> = if direct { target.bare } else { target.model }.map(Arc::from);
    let clients: Vec<Option<Client>> =
        if template.clients.is_empty() { vec![None] } else { template.clients.iter().copied().map(Some).collect() };
    let mut cases = Vec::new();
    // Names are unique in a file and contain no brackets: cases of two templates never have the same id.
    let mut seen = HashSet::new();
    for client in clients {
        for indexes in combinations(template) {
            let values: Vec<&ParamValue> =
                template.params.iter().zip(&indexes).map(|(param, index)| &param.values[*index as usize]).collect();
            let mut id = case_id(suite, template, client, &target, &values);
            // Ids of values may contain `-`, so two combinations can give the same text.
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
                client,
                setup: Arc::clone(setup_name),
                provider: Arc::clone(&provider),
                model: model.clone(),
                env: None,
                values: indexes.into(),
                skip: skip.clone(),
                // A case that does not run cannot fail.
                xfail: match &skip {
                    Some(_) => None,
                    None => xfail.clone().or_else(|| target.expected_failure(template, &values)),
                },
            });
        }
    }
    cases
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

/// All choices of one value per parameter, as indexes; the first parameter varies slowest.
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
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::{Capability, ExpectedFailure, Gap, Models, Provider};
    use crate::suite::{Axis, Param, Repeat, Xfail};
    use crate::yaml::{Place, Source};

    fn template(name: &str) -> Template {
        Template {
            name: name.into(),
            place: Place::default(),
            clients: Box::default(),
            model: None,
            params: Box::default(),
            keywords: Box::default(),
            needs: Box::default(),
            needs_env: None,
            secrets: Box::default(),
            skip: None,
            xfail: None,
            repeat: Repeat::default(),
            setup: Box::default(),
            teardown: Box::default(),
            steps: Box::default(),
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
        let suite = Arc::new(Suite { source: Arc::new(source), secrets: vec![], masks: Arc::default(), templates });
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
            clients: vec![Client::OpenAi, Client::WithModels].into(),
            model: Some(Axis::Text),
            params: vec![case, stream()].into(),
            ..template("chat")
        };
        let bare = Template { params: vec![stream()].into(), ..template("bare") };
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
        assert_eq!(
            ids(vec![Template { params: params.into(), ..template("t") }]),
            ["t[x-y-z]", "t[x-z]", "t[x-y-y-z]", "t[x-y-z]#2"]
        );
    }

    #[test]
    fn scope_holds_the_model_and_typed_values() {
        let params = vec![param("n", vec![("1", json!(1))]), param("case", vec![("c", json!({"q": "x"}))])];
        let [case] = &cases(vec![Template { model: Some(Axis::Text), params: params.into(), ..template("t") }])[..]
        else {
            panic!()
        };
        assert_eq!(Value::Object(case.scope()), json!({"model": "together/meta/Big", "n": 1, "case": {"q": "x"}}));
        assert_eq!((case.client, &*case.provider, &*case.setup), (None, "together", "together"));
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
            params: vec![param("p", vec![("a", json!(1)), ("b", json!(2))])].into(),
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
        let tools = Template { model: Some(Axis::Text), needs: vec!["tools".into()].into(), ..template("t") };
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
        let store = || Template { needs: vec!["store".into()].into(), ..template("t") };
        assert_eq!(cases_with(vec![store()], &setup(), false)[0].skip, None);
        let reason = cases_with(vec![store()], &setup(), true)[0].skip.clone().unwrap();
        assert_eq!(reason, "store is offered by the gateway, and there is none (direct)");
    }
}
