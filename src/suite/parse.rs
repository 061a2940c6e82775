//! Suite text to [`Suite`]: every mistake of a file is told at once.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::fault::{RawFault, lower_fault};
use super::lower::lower_expect;
use super::raw::{RawExpect, RawRequest, RawSuite, RawTemplate};
use super::reader::Reader;
use super::repeat::Repeat;
use super::{
    Auth, Axis, Body, Capture, CaptureFrom, Client, Expect, OwnMatchers, Param, ParamValue, RequestTemplate, Step,
    Suite, Template, Xfail, template,
};
use crate::yaml::{self, Error, Pairs, Place, Short, Source, Spanned};

/// Names a suite may refer to.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Capabilities.
    pub capabilities: Vec<String>,
    /// Matchers of the project's own.
    pub matchers: OwnMatchers,
}

/// Reads one suite file. `Err` holds every mistake found, in file order.
pub fn parse(source: Arc<Source>, known: &Known) -> Result<Suite, Vec<Error>> {
    let raw: RawSuite = yaml::from_source(&source).map_err(|error| vec![error])?;
    let mut reader = Reader { source: &source, known, errors: Vec::new(), from: 0, to: source.text.len() };
    if raw.cases.value.is_empty() {
        reader.error(raw.cases.place, 1, "there are no cases here").push_help("write at least one `- name: …`");
    }
    let starts = Place::to_bytes(&source.text, raw.cases.value.iter().map(|case| case.place));
    let mut names = HashSet::new();
    let mut templates = Vec::new();
    for (index, case) in raw.cases.value.into_iter().enumerate() {
        reader.from = starts[index];
        reader.to = starts.get(index + 1).copied().filter(|end| *end > starts[index]).unwrap_or(source.text.len());
        let name = case.value.name.clone();
        if !names.insert(name.value.clone()) {
            let width = name.value.chars().count();
            reader
                .error(name.place, width, format!("a second case named `{}`", name.value))
                .push_help("names are unique in a file; rename one of the two");
        }
        templates.push(reader.template(case));
    }
    let mut errors = reader.errors;
    if errors.is_empty() {
        return Ok(Suite { source, templates });
    }
    errors.sort_by_key(|error| error.place);
    Err(errors)
}

impl Reader<'_> {
    fn template(&mut self, case: Spanned<RawTemplate>) -> Template {
        let (place, raw) = (case.place, case.value);
        self.case_name(&raw.name);
        let clients = raw.clients.iter().filter_map(|word| self.client(word)).collect();
        let model = raw.model.as_ref().and_then(|word| self.axis(word));
        let params = self.params(raw.params);
        for need in &raw.needs {
            if !self.known.capabilities.contains(&need.value) {
                let known: Vec<&str> = self.known.capabilities.iter().map(String::as_str).collect();
                let (known, need) = (known.clone(), need.clone());
                self.unknown(&need, "capability", &known);
            }
        }
        let mut scope: Vec<String> = params.iter().map(|param| param.name.clone()).collect();
        scope.extend(raw.model.is_some().then(|| "model".to_owned()));
        let steps =
            self.steps(place, &mut scope, raw.request, raw.expect, raw.capture, raw.eventually, raw.faults, raw.steps);
        Template {
            name: raw.name.value,
            place: raw.name.place,
            description: raw.description,
            clients,
            model,
            params,
            keywords: raw.keywords,
            needs: raw.needs.into_iter().map(|need| need.value).collect(),
            skip: raw.skip,
            xfail: raw.xfail.and_then(|xfail| self.xfail(xfail.place, xfail.value)),
            repeat: self.repeat(raw.repeat, raw.pass_rate),
            steps,
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

    fn client(&mut self, word: &Spanned<String>) -> Option<Client> {
        let found = Client::ALL.iter().find(|(_, name)| *name == word.value).map(|(client, _)| *client);
        if found.is_none() {
            self.unknown(word, "client", &Client::ALL.map(|(_, name)| name));
        }
        found
    }

    fn axis(&mut self, word: &Spanned<String>) -> Option<Axis> {
        let found = Axis::ALL.iter().find(|(_, name, _)| *name == word.value).map(|(axis, ..)| *axis);
        if found.is_none() {
            self.unknown(word, "model axis", &Axis::ALL.map(|(_, name, _)| name));
        }
        found
    }

    fn xfail(&mut self, place: Place, raw: Short<super::raw::RawXfail>) -> Option<Xfail> {
        match raw {
            Short::Plain(Value::String(reason)) => Some(Xfail { reason, strict: false }),
            Short::Full(raw) => Some(Xfail { reason: raw.reason, strict: raw.strict }),
            Short::Plain(_) => {
                self.error(place, 1, "`xfail` wants a reason")
                    .push_help("write `xfail: why` or `xfail: {reason: why, strict: true}`");
                None
            }
        }
    }

    fn params(&mut self, raw: Pairs<Vec<Spanned<Value>>>) -> Vec<Param> {
        let mut params = Vec::new();
        for (name, values) in raw.0 {
            if name.value == "model" || name.value.is_empty() || name.value.contains(['.', '}', ' ']) {
                self.error(name.place, name.value.chars().count(), format!("`{}` cannot name a parameter", name.value))
                    .push_help("`model` is taken, and a name holds no dot, space or brace");
            }
            if values.is_empty() {
                self.error(name.place, name.value.chars().count(), format!("`{}` has no values", name.value))
                    .push_help("a parameter without values makes no case; give at least one");
            }
            let mut seen = HashSet::new();
            let values = values.into_iter().filter_map(|value| self.param_value(value, &mut seen)).collect();
            params.push(Param { name: name.value, values });
        }
        params
    }

    fn param_value(&mut self, raw: Spanned<Value>, seen: &mut HashSet<String>) -> Option<ParamValue> {
        let (id, value) = match raw.value {
            Value::Object(mut members) => match members.shift_remove("id") {
                Some(id) => {
                    // `{id: x, value: true}` names a scalar; otherwise the members are the value.
                    let only_value = members.len() == 1 && members.contains_key("value");
                    let value = if only_value {
                        members.shift_remove("value").unwrap_or_default()
                    } else {
                        Value::Object(members)
                    };
                    (scalar_id(&id)?, value)
                }
                None => {
                    self.error(raw.place, 1, "a parameter value that is a mapping needs an `id`")
                        .push_help("add `id: …`: it stands in the case's id");
                    return None;
                }
            },
            Value::Array(_) => {
                self.error(raw.place, 1, "a list cannot stand in a case's id")
                    .push_help("write `{id: name, value: […]}`");
                return None;
            }
            scalar => (scalar_id(&scalar)?, scalar),
        };
        if !seen.insert(id.clone()) {
            self.error(raw.place, id.chars().count(), format!("`{id}` stands here twice"))
                .push_help("two cases would have the same id; give one of them another `id`");
        }
        Some(ParamValue { id, value })
    }

    #[expect(clippy::too_many_arguments, reason = "the two ways to write a case share their four parts")]
    fn steps(
        &mut self,
        place: Place,
        scope: &mut Vec<String>,
        request: Option<Spanned<RawRequest>>,
        expect: Option<RawExpect>,
        capture: Option<Pairs<Spanned<String>>>,
        eventually: Option<Spanned<String>>,
        faults: Vec<Spanned<RawFault>>,
        steps: Option<Spanned<Vec<Spanned<super::raw::RawStep>>>>,
    ) -> Vec<Step> {
        match (request, steps) {
            (Some(request), None) => {
                vec![self.step(scope, request.place, None, request, expect, capture, eventually, faults)]
            }
            (None, Some(steps)) => {
                if expect.is_some() || capture.is_some() || eventually.is_some() || !faults.is_empty() {
                    self.error(place, 1, "`expect`, `capture`, `eventually` and `faults` belong to a request")
                        .push_help("move them into the step they are about");
                }
                if steps.value.is_empty() {
                    self.error(steps.place, 1, "`steps` is empty").push_help("write at least one `- request: …`");
                }
                let read = |step: Spanned<super::raw::RawStep>| {
                    let (place, raw) = (step.place, step.value);
                    self.step(scope, place, raw.name, raw.request, raw.expect, raw.capture, raw.eventually, raw.faults)
                };
                steps.value.into_iter().map(read).collect()
            }
            (Some(_), Some(steps)) => {
                self.error(steps.place, 1, "a case has either `request` or `steps`")
                    .push_help("move the request into the steps");
                Vec::new()
            }
            (None, None) => {
                self.error(place, 1, "`request` is missing here")
                    .push_help("add `request: {get: /v1/models}`, or `steps`");
                Vec::new()
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a step, as they stand in the file")]
    fn step(
        &mut self,
        scope: &mut Vec<String>,
        place: Place,
        name: Option<String>,
        request: Spanned<RawRequest>,
        expect: Option<RawExpect>,
        capture: Option<Pairs<Spanned<String>>>,
        eventually: Option<Spanned<String>>,
        faults: Vec<Spanned<RawFault>>,
    ) -> Step {
        let request = self.request(scope, request);
        let expect = expect.map_or_else(Expect::default, |raw| lower_expect(self, scope, place, raw));
        let capture = self.captures(scope, capture.unwrap_or_default());
        let eventually = eventually.and_then(|text| self.duration(&text));
        let faults = faults.into_iter().filter_map(|raw| lower_fault(self, raw)).collect();
        Step { place, name, request, expect, capture, eventually, faults }
    }

    fn request(&mut self, scope: &[String], raw: Spanned<RawRequest>) -> RequestTemplate {
        let (place, raw) = (raw.place, raw.value);
        let methods = [
            (http::Method::GET, raw.get),
            (http::Method::POST, raw.post),
            (http::Method::PUT, raw.put),
            (http::Method::PATCH, raw.patch),
            (http::Method::DELETE, raw.delete),
            (http::Method::HEAD, raw.head),
        ];
        let mut given: Vec<_> = methods.into_iter().filter_map(|(method, path)| Some((method, path?))).collect();
        if given.len() != 1 {
            self.error(place, 1, "a request has exactly one of get, post, put, patch, delete, head")
                .push_help("write `get: /v1/models`, for example");
        }
        let (method, path) = given.pop().unwrap_or((http::Method::GET, Spanned { value: "/".into(), place }));
        if !path.value.starts_with('/') {
            self.error(path.place, path.value.chars().count(), format!("the path `{}` begins with no `/`", path.value))
                .push_help("write the API's own path, such as `/v1/chat/completions`");
        }
        self.names(scope, path.place, template::names_in_text(&path.value));
        let auth = match &raw.auth {
            None => Auth::Provider,
            Some(word) if word.value == "none" => Auth::None,
            Some(word) if word.value == "provider" => Auth::Provider,
            Some(word) => {
                self.unknown(word, "auth", &["none", "provider"]);
                Auth::Provider
            }
        };
        let headers = raw.headers.0.into_iter().map(|(name, value)| {
            self.header(&name);
            self.names(scope, value.place, template::names_in_text(&value.value));
            (name.value, value.value)
        });
        RequestTemplate {
            method,
            path: path.value,
            headers: headers.collect(),
            body: self.body(scope, raw.body, raw.raw),
            auth,
        }
    }

    fn body(&mut self, scope: &[String], body: Option<Spanned<Value>>, raw: Option<Spanned<String>>) -> Body {
        match (body, raw) {
            (None, None) => Body::None,
            (Some(body), None) => {
                self.names(scope, body.place, template::names(&body.value));
                Body::Json(body.value)
            }
            (None, Some(raw)) => {
                self.names(scope, raw.place, template::names_in_text(&raw.value));
                Body::Raw(raw.value)
            }
            (Some(_), Some(raw)) => {
                self.error(raw.place, 1, "a request has either `body` or `raw`")
                    .push_help("`body` is JSON, `raw` is text sent as it stands: keep one");
                Body::None
            }
        }
    }

    fn captures(&mut self, scope: &mut Vec<String>, raw: Pairs<Spanned<String>>) -> Vec<Capture> {
        let mut captures = Vec::new();
        for (name, from) in raw.0 {
            let source = match from.value.as_str() {
                "text" => Some(CaptureFrom::Text),
                "tool_calls" => Some(CaptureFrom::ToolCalls),
                path if path.starts_with('$') => self.json_path(&from).map(CaptureFrom::Json),
                other => other.strip_prefix("header ").map(|header| CaptureFrom::Header(header.trim().to_owned())),
            };
            if source.is_none() && !from.value.starts_with('$') {
                self.error(from.place, from.value.chars().count(), format!("`{}` is nothing to capture", from.value))
                    .push_help("write a JSONPath (`$.id`), `text`, `tool_calls`, or `header NAME`");
            }
            scope.push(name.value.clone());
            captures.extend(source.map(|from| Capture { name: name.value, from, place: name.place }));
        }
        captures
    }
}

/// How a scalar stands in an id: as pytest writes it.
fn scalar_id(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.replace(['\n', '\r'], " "),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Suite, Vec<String>> {
        let known = Known { capabilities: vec!["tools".into()], ..Known::default() };
        let source = Arc::new(Source { name: "s.yaml".into(), text: text.into() });
        parse(source, &known).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_whole_template_is_read() {
        let suite = read(
            "anchors: {hi: &hi {role: user, content: hi}}\n\
             cases:\n\
             - name: a\n  clients: [openai_client]\n  model: text\n  needs: [tools]\n\
             \x20 params: {stream: [true, null, 1, 0.5, x], case: [{id: one, q: Q}, {id: two, value: [1]}]}\n\
             \x20 xfail: {reason: r, strict: true}\n\
             \x20 steps:\n\
             \x20 - request: {post: /v1/x, body: {m: [*hi], s: \"${stream}\"}}\n    capture: {id: $.id}\n\
             \x20 - request: {get: '/v1/x/${id}'}\n    eventually: 250ms\n    expect: {status: 404, text: null, json: {$.a: {equals: null}}}\n",
        )
        .unwrap();
        let template = &suite.templates[0];
        let ids: Vec<_> = template.params.iter().flat_map(|p| p.values.iter().map(|v| v.id.as_str())).collect();
        assert_eq!(ids, ["True", "None", "1", "0.5", "x", "one", "two"]);
        assert_eq!(template.params[1].values[0].value, serde_json::json!({"q": "Q"}));
        assert_eq!(template.params[1].values[1].value, serde_json::json!([1]));
        assert_eq!(template.steps[1].eventually, Some(Duration::from_millis(250)));
        assert_eq!(template.steps[1].expect.text.as_ref().unwrap().matcher.equals, Some(Value::Null));
        assert_eq!(template.steps[1].expect.json[0].need.matcher.equals, Some(Value::Null));
        assert!(template.xfail.as_ref().unwrap().strict);
        assert!(matches!(&template.steps[0].request.body, Body::Json(body) if body["m"][0]["content"] == "hi"));
    }

    #[test]
    fn every_mistake_of_a_file_is_told_in_order() {
        let errors = read(
            "cases:\n- name: a\n  clients: [openai]\n  needs: [tolls]\n  request: {get: v1}\n- name: a\n  model: txt\n  request: {get: '/${model}/${x}'}\n",
        )
        .unwrap_err();
        assert_eq!(
            errors,
            [
                "s.yaml:3:13: unknown client `openai`",
                "s.yaml:4:11: unknown capability `tolls`",
                "s.yaml:5:18: the path `v1` begins with no `/`",
                "s.yaml:6:9: a second case named `a`",
                "s.yaml:7:10: unknown model axis `txt`",
                "s.yaml:8:29: `${x}` is used but not declared",
            ]
        );
    }

    #[test]
    fn the_suites_that_ship_are_read() {
        // The names of capabilities are the business of the data beside them; here each suite may use any word it needs.
        let text = include_str!("../../suites/providers.yaml");
        let capabilities = text.lines().filter_map(|line| line.trim().split_once(':')).map(|(word, _)| word.to_owned());
        let known = Known { capabilities: capabilities.collect(), ..Known::default() };
        for (name, text) in [
            ("sanity", include_str!("../../suites/inference/sanity.yaml")),
            ("streaming", include_str!("../../suites/inference/streaming.yaml")),
            ("embeddings", include_str!("../../suites/inference/embeddings.yaml")),
            ("tool_calls", include_str!("../../suites/inference/tool_calls.yaml")),
            ("store", include_str!("../../suites/inference/store.yaml")),
        ] {
            let source = Arc::new(Source { name: name.into(), text: text.into() });
            if let Err(errors) = parse(source, &known) {
                panic!("{}", errors.iter().map(|error| error.render(false)).collect::<Vec<_>>().join("\n"));
            }
        }
    }
}
