//! Suite text to [`Suite`]: every mistake of a file is told at once.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::fault::lower_fault;
use super::lower::lower_expect;
use super::raw::{RawIf, RawRequest, RawStep, RawTemplate};
use super::reader::Reader;
use super::repeat::Repeat;
use super::stream::{self, Read};
use super::{
    Auth, Axis, Body, Capture, CaptureFrom, Client, Expect, Files, OwnMatchers, RequestTemplate, Step, Suite, Template,
    Xfail, template,
};
use crate::yaml::{Error, Pairs, Place, Short, Source, Spanned};

/// Names a suite may refer to.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Capabilities.
    pub capabilities: Vec<String>,
    /// Matchers of the project's own.
    pub matchers: OwnMatchers,
    /// How a suite gets at the files it names.
    pub files: Files,
}

/// Reads one suite file. `Err` holds every mistake found, in file order.
pub fn parse(source: Arc<Source>, known: &Known) -> Result<Suite, Vec<Error>> {
    let mut reader = Reader::new(Arc::clone(&source), known);
    let mut read = stream::read(&mut reader, &source, None);
    if let Ok(Read::Top(top)) = read {
        reader = Reader::new(Arc::clone(&source), known);
        read = stream::read(&mut reader, &source, Some(top));
    }
    let templates = match read {
        Ok(Read::Cases(templates)) => templates,
        // The second time, all that cases share is known.
        Ok(Read::Top(_)) => Vec::new(),
        Err(error) => return Err(vec![error]),
    };
    if templates.is_empty() {
        let place = stream::place_of_cases(&source);
        reader.error(place, 1, "there are no cases here").push_help("write at least one `- name: …`");
    }
    let mut errors = std::mem::take(&mut reader.errors);
    if errors.is_empty() {
        return Ok(Suite { source, secrets: reader.secrets, templates });
    }
    // What stands in an included file comes after it, and once, however often it is used.
    errors.sort_by(|a, b| {
        let key = |error: &Error| (error.file.name != source.name, error.file.name.clone(), error.place);
        key(a).cmp(&key(b))
    });
    errors.dedup_by(|a, b| (&a.file.name, a.place, &a.reason) == (&b.file.name, b.place, &b.reason));
    Err(errors)
}

impl Reader<'_> {
    /// A case of the file, which reaches to `end`, or to the end of the file. `names` are those of the cases before it.
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
        let clients = raw.clients.iter().filter_map(|word| self.client(word)).collect();
        let model = raw.model.as_ref().and_then(|word| self.axis(word));
        let params = self.params(raw.params);
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
        let setup = raw.setup.into_iter().filter_map(|step| self.step(&mut scope, step)).collect();
        let own = RawStep {
            request: raw.request,
            expect: raw.expect,
            capture: raw.capture,
            eventually: raw.eventually,
            faults: raw.faults,
            ..RawStep::default()
        };
        let steps = self.steps(place, &mut scope, own, raw.steps);
        let teardown = raw.teardown.into_iter().rev().filter_map(|step| self.step(&mut scope, step)).collect();
        Template {
            name: raw.name.value,
            place: raw.name.place,
            description: raw.description,
            clients,
            model,
            params,
            keywords: raw.keywords,
            needs: needs.into_iter().map(|need| need.value).collect(),
            needs_env,
            secrets: std::mem::take(&mut self.used_secrets).into_iter().collect(),
            skip: raw.skip,
            xfail: raw.xfail.and_then(|xfail| self.xfail(xfail.place, xfail.value)),
            repeat: self.repeat(raw.repeat, raw.pass_rate),
            setup,
            steps,
            teardown,
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

    /// The capability and the variable that a case asks for.
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

    /// The steps of a case: those it lists, or the one whose parts stand in the case itself.
    fn steps(
        &mut self,
        place: Place,
        scope: &mut Vec<String>,
        own: RawStep,
        listed: Option<Spanned<Vec<Spanned<RawStep>>>>,
    ) -> Vec<Step> {
        let request = own.request.as_ref().map(|request| request.place);
        match (request, listed) {
            (Some(place), None) => self.step(scope, Spanned { value: own, place }).into_iter().collect(),
            (None, Some(steps)) => {
                if own.expect.is_some() || own.capture.is_some() || own.eventually.is_some() || !own.faults.is_empty() {
                    self.error(place, 1, "`expect`, `capture`, `eventually` and `faults` belong to a request")
                        .push_help("move them into the step they are about");
                }
                if steps.value.is_empty() {
                    self.error(steps.place, 1, "`steps` is empty").push_help("write at least one `- request: …`");
                }
                steps.value.into_iter().filter_map(|step| self.step(scope, step)).collect()
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

    /// A step: its own request, or one that is written elsewhere.
    fn step(&mut self, scope: &mut Vec<String>, raw: Spanned<RawStep>) -> Option<Step> {
        let (place, raw) = (raw.place, raw.value);
        let Some(name) = &raw.r#use else { return self.own_step(scope, place, raw) };
        if raw.request.is_some() || raw.expect.is_some() || raw.capture.is_some() || raw.eventually.is_some() {
            self.error(name.place, name.value.chars().count(), "a step either uses another or has a request")
                .push_help("move what stands beside `use` into the step that it names");
        }
        let (source, found) = self.named_step(name)?;
        let value = RawStep { name: raw.name.or(found.value.name), ..found.value };
        self.elsewhere(&source, found.place, |reader| reader.own_step(scope, found.place, value))
    }

    fn own_step(&mut self, scope: &mut Vec<String>, place: Place, raw: RawStep) -> Option<Step> {
        if let Some(name) = raw.r#use {
            self.error(name.place, name.value.chars().count(), "a step with a name uses no other")
                .push_help("write its `request` here, and use the other one where this one is used");
            return None;
        }
        let Some(request) = raw.request else {
            self.error(place, 1, "`request` is missing here").push_help("add `request: {get: /v1/models}`, or `use`");
            return None;
        };
        let request = self.request(scope, request);
        let expect = raw.expect.map_or_else(Expect::default, |raw| lower_expect(self, scope, place, raw));
        let capture = self.captures(scope, raw.capture.unwrap_or_default());
        let eventually = raw.eventually.and_then(|text| self.duration(&text));
        let faults = raw.faults.into_iter().filter_map(|raw| lower_fault(self, raw)).collect();
        let source = Arc::clone(&self.source);
        Some(Step { source, place, name: raw.name, request, expect, capture, eventually, faults })
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
                Body::Json(body.value.into())
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

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
        assert_eq!(template.steps[1].expect.text.as_ref().unwrap().matcher.equals.as_deref(), Some(&Value::Null));
        assert_eq!(template.steps[1].expect.json[0].need.matcher.equals.as_deref(), Some(&Value::Null));
        assert!(template.xfail.as_ref().unwrap().strict);
        assert!(
            matches!(&template.steps[0].request.body, Body::Json(body) if body.value().unwrap()["m"][0]["content"] == "hi")
        );
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

    fn read_among(files: &'static [(&'static str, &'static str)], text: &str) -> Result<Suite, Vec<String>> {
        let read = |_: &str, path: &str| {
            let found = files.iter().find(|(name, _)| *name == path).ok_or("there is none")?;
            Ok(Source { name: found.0.into(), text: found.1.into() })
        };
        let known = Known { files: Files::new(read), ..Known::default() };
        let source = Arc::new(Source { name: "s.yaml".into(), text: text.into() });
        parse(source, &known).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    const SHARED: &[(&str, &str)] = &[(
        "c.yaml",
        "matchers: {day: {matches: '^\\d{4}-', not: {is: empty}}, empty: {length: 0}}\n\
         params: {city: [Paris, Rome], all: {file: q.jsonl}}\n\
         steps:\n  make: {request: {post: '/v1/${path}'}, capture: {id: $.id}}\n",
    )];

    #[test]
    fn what_is_included_is_used_by_name() {
        let suite = read_among(
            SHARED,
            "include: [c.yaml]\nsteps: {look: {request: {get: '/v1/x/${id}'}}}\ncases:\n- name: a\n  \
             params: {where: {use: city}, path: [x]}\n  steps:\n  - use: make\n  - {use: look, name: again}\n  \
             - request: {get: '/${where}'}\n    expect: {text: {is: day}}\n",
        )
        .unwrap();
        let template = &suite.templates[0];
        assert_eq!(template.params[0].values.len(), 2);
        let files: Vec<_> = template.steps.iter().map(|step| step.source.name.as_str()).collect();
        assert_eq!(files, ["c.yaml", "s.yaml", "s.yaml"]);
        assert_eq!(template.steps[1].name.as_deref(), Some("again"));
        let is = template.steps[2].expect.text.as_ref().unwrap().matcher.is.as_ref().unwrap();
        assert_eq!(is.name(), "day");
    }

    #[test]
    fn mistakes_in_what_is_included_are_told_there_and_once() {
        let partial = "include: [d.yaml]\ncases: [{name: a, steps: [{use: m}]}]\n";
        assert_eq!(read_among(SHARED, partial).unwrap_err(), ["s.yaml:1:11: cannot read `d.yaml`: there is none"]);
        let errors = read_among(
            SHARED,
            "include: [c.yaml]\nmatchers: {day: 5}\ncases:\n- name: a\n  params: {x: {use: citty}, y: {use: all}}\n  \
             steps: [{use: make}, {use: make}, {use: mak}]\n",
        )
        .unwrap_err();
        assert_eq!(
            errors,
            [
                "s.yaml:5:21: unknown list of values `citty`",
                "s.yaml:6:43: unknown step `mak`",
                "c.yaml:1:12: a second matcher named `day`; the first stands in s.yaml",
                "c.yaml:2:43: cannot read `q.jsonl`: there is none",
                "c.yaml:4:31: `${path}` is used but not declared",
            ]
        );
    }

    #[test]
    fn a_matcher_that_is_made_of_itself_is_refused() {
        let errors = read(
            "matchers: {a: {is: b}, b: {any: {is: a}}, c: {count: 1}}\ncases:\n- {name: x, request: {get: /}, expect: {text: {is: d}}}\n",
        )
        .unwrap_err();
        assert_eq!(
            errors,
            [
                "s.yaml:1:38: the matcher `a` is made of itself",
                "s.yaml:1:46: `exists` and `count` are about a path, and a matcher with a name is about a value",
                "s.yaml:3:52: unknown matcher `d`",
            ]
        );
    }

    const DATA: &[(&str, &str)] = &[
        ("q.jsonl", "{\"id\": \"sun\", \"q\": \"Sun?\"}\n\n{\"q\": [1]}\n7\n"),
        ("c.csv", "id,city,country\nfr,Paris,France\n,\"Rome, old\",Italy\n"),
        ("wrong.csv", "a,b\n1,2\n3\n"),
        ("wrong.jsonl", "1\n{\"a\": }\n"),
        ("twice.jsonl", "{\"id\": 1, \"a\": 1}\n{\"id\": 1, \"a\": 2}\n"),
        ("empty.jsonl", "\n"),
    ];

    fn values_of(params: &str) -> Result<Vec<(String, Value)>, Vec<String>> {
        let text = format!("cases:\n- name: a\n  request: {{get: /}}\n  params: {params}\n");
        let suite = read_among(DATA, &text)?;
        let values = &suite.templates[0].params[0].values;
        Ok(values.iter().map(|value| (value.id.clone(), value.value.clone())).collect())
    }

    #[test]
    fn values_come_from_tables_and_files() {
        let value = |id: &str, value| (id.to_owned(), value);
        assert_eq!(
            values_of("{'city, country': [[Paris, France], {id: it, country: Italy, city: Rome}]}"),
            Ok(vec![value("Paris-France", json!(["Paris", "France"])), value("it", json!(["Rome", "Italy"]))])
        );
        assert_eq!(
            values_of("{x: {file: q.jsonl}}"),
            Ok(vec![value("sun", json!({"q": "Sun?"})), value("2", json!({"q": [1]})), value("3", json!(7))])
        );
        assert_eq!(
            values_of("{'country,city': {file: c.csv}}"),
            Ok(vec![value("fr", json!(["France", "Paris"])), value("2", json!(["Italy", "Rome, old"]))])
        );
    }

    #[test]
    fn mistakes_in_tables_and_files_are_told_where_they_are() {
        for (params, said) in [
            ("{'a,b': [[1, 2], [1]]}", "s.yaml:4:28: 1 value for 2 names"),
            ("{'a,b': [[1, [2]]]}", "s.yaml:4:20: a list or a mapping cannot stand in a case's id"),
            ("{'a,b': [{id: 1, a: 2}]}", "s.yaml:4:20: `b` is missing here"),
            ("{'a,model': [[1, 2]]}", "s.yaml:4:12: `model` cannot name a parameter"),
            ("{x: {file: wrong.csv}}", "wrong.csv:3:1: 1 field here, and 2 in the first line"),
            ("{x: {file: wrong.jsonl}}", "wrong.jsonl:2:7: this line is no JSON: expected value"),
            ("{x: {file: twice.jsonl}}", "twice.jsonl:2:1: `1` stands here twice"),
            ("{x: {file: empty.jsonl}}", "s.yaml:4:22: `empty.jsonl` holds no rows"),
            ("{x: {file: a.txt}}", "s.yaml:4:22: cannot read `a.txt`: there is none"),
            ("{'a,city': {file: c.csv}}", "c.csv:2:1: `a` is missing here"),
            ("{x: {}}", "s.yaml:4:15: values are found in one place"),
        ] {
            assert_eq!(values_of(params).unwrap_err()[0], said, "{params}");
        }
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
