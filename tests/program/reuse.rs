//! What suites share, and what a case does before and after its steps, as a user sees it.

use super::world::{Dir, Ran};

const SCRIPT: &str = "\
rules:
- name: models
  when: {endpoint: /v1/models}
  reply: {json: {object: list, data: [{id: m, created: '2026-11-21'}]}}
- name: chat
  when: {endpoint: /v1/chat/completions}
  reply: {text: 'Yes, since 1861-03-17'}
";

fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("script.yaml", SCRIPT);
    dir.write("recordings/.keep", "");
    dir
}

fn live(dir: &Dir, words: &str) -> Ran {
    let words = format!(
        "test --setup together --stack-config direct --mode live --provider together=script:script.yaml {words}"
    );
    dir.retake(&words).run()
}

#[test]
fn suites_use_what_they_share() {
    let dir = folder();
    dir.write(
        "suites/shared/common.yaml",
        "matchers:\n  iso_date: {matches: '\\d{4}-\\d\\d-\\d\\d'}\nsteps:\n  models: {request: {get: /v1/models}, expect: {json: {'$.data[0].created': {is: iso_date}}}}\n  wrong: {request: {get: /v1/models}, expect: {json: {'$.data[0].id': {is: iso_date}}}}\nparams:\n  cities: {file: cities.csv}\n",
    );
    dir.write("suites/shared/cities.csv", "id,city,country\nfr,Paris,France\nit,Rome,Italy\n");
    dir.write(
        "suites/a.yaml",
        "include: [shared/common.yaml]\ncases:\n- name: good\n  model: text\n  params: {'city,country': {use: cities}}\n  steps:\n  - use: models\n  - request: {post: /v1/chat/completions, body: {model: '${model}', messages: [{role: user, content: 'Is ${city} in ${country}?'}]}}\n    expect: {text: {is: iso_date}}\n- name: bad\n  steps: [{use: wrong}]\n",
    );
    let ran = live(&dir, "").exits(1);
    let outcomes = ran.outcomes();
    let words: Vec<&str> = outcomes.iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words, ["FAILED", "PASSED", "PASSED"]);
    assert!(outcomes[1].0.contains("-fr]") && outcomes[2].0.contains("-it]"), "{outcomes:?}");
    // The failing expectation is shown in the file that it stands in.
    ran.says("suites/shared/common.yaml:5:").says("(is iso_date)");
}
