use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::suite::Body;

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
        ("{x: {file: wrong.jsonl}}", "wrong.jsonl:2:7: this line is not JSON: expected value"),
        ("{x: {file: twice.jsonl}}", "twice.jsonl:2:1: `1` stands here twice"),
        ("{x: {file: empty.jsonl}}", "s.yaml:4:22: `empty.jsonl` holds no rows"),
        ("{x: {file: a.txt}}", "s.yaml:4:22: cannot read `a.txt`: there is none"),
        ("{'a,city': {file: c.csv}}", "c.csv:2:1: `a` is missing here"),
        ("{x: {}}", "s.yaml:4:15: values are found in one place"),
    ] {
        assert_eq!(values_of(params).unwrap_err()[0], said, "{params}");
    }
}

#[cfg(feature = "schema")]
#[test]
fn the_suites_that_ship_are_read() {
    // This test is not about capabilities, so it accepts every key of the file as one.
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
