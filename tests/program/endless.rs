//! Checks and suites that would compute for ever: each is bounded, and says so.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::server::serve;
use super::world::{Dir, Ran};

/// A schema in which each part asks for the next one twice.
fn doubling() -> String {
    let part =
        |at: u32| format!(r##""a{at}": {{allOf: [{{$ref: "#/$defs/a{0}"}}, {{$ref: "#/$defs/a{0}"}}]}}"##, at + 1);
    let parts: Vec<String> = (0..60).map(part).collect();
    format!(r##"{{$ref: "#/$defs/a0", $defs: {{{}, "a60": {{type: array}}}}}}"##, parts.join(", "))
}

/// A suite of one case with this expectation, against a provider that always answers this.
fn folder(expect: &str, reply: String) -> (Dir, String) {
    let dir = Dir::new();
    dir.write("suites/a.yaml", &format!("cases:\n  - name: a\n    request: {{get: /v1/a}}\n    expect: {expect}\n"));
    let base = serve(move |_| (200, String::new(), reply.clone()));
    (dir, format!("test --setup together --mode live --stack-config direct --provider together={base}"))
}

fn run(dir: &Dir, words: &str) -> Ran {
    dir.retake(words).env("TOGETHER_API_KEY", "canary-4711-canary").run()
}

#[test]
fn a_path_that_selects_millions_of_nodes_fails_its_case_and_says_so() {
    let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let (dir, words) = folder("{json: {'$..*..*..*..*..*': 1}}", nested.clone());
    run(&dir, &words).exits(1).says("given up: `$..*..*..*..*..*` would visit more nodes of this reply");
    let suite = "cases: [{name: a, request: {get: /v1/a}, capture: {x: '$..*..*..*..*..*'}}]";
    dir.write("suites/a.yaml", suite);
    run(&dir, &words).exits(1).says("nothing to capture as `x`: given up:");
}

/// 2 MB without a repetition that a matcher could learn.
fn mixed() -> String {
    let mut seed = 1_u64;
    let letter = move |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if seed >> 60 == 0 { 'b' } else { 'a' }
    };
    (0..2_000_000).map(letter).collect()
}

#[test]
fn an_expression_with_huge_repetitions_fails_its_case_and_says_so() {
    let text = mixed();
    let (dir, words) = folder("{json: {$.x: {matches: '(.{0,500}b){5}c'}}}", format!(r#"{{"x": "{text}"}}"#));
    run(&dir, &words).exits(1).says("given up: on a text of 2000000 bytes it may take");
}

#[test]
fn a_check_that_never_ends_is_given_up_when_the_time_of_its_case_is_over() {
    let (dir, words) = folder(&format!("{{json: {{$: {{schema: {}}}}}}}", doubling()), "[]".to_owned());
    let begun = Instant::now();
    let ran = run(&dir, &format!("{words} --timeout 1")).exits(1);
    ran.says("the checks were given up: they had not come to an end on this reply of 2 bytes").says("--timeout");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[cfg(unix)]
#[test]
fn a_check_that_never_ends_is_ended_by_ctrl_c() {
    let (dir, words) = folder(&format!("{{json: {{$: {{schema: {}}}}}}}", doubling()), "[]".to_owned());
    let mut command = dir.retake(&words).env("TOGETHER_API_KEY", "canary-4711-canary").0;
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let told = Instant::now();
    assert!(std::process::Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
    Ran::from(child.wait_with_output().unwrap()).exits(2).says("interrupted by the user");
    assert!(told.elapsed() < Duration::from_secs(20), "{:?}", told.elapsed());
}

/// A mask is asked while the request is on its way, on the threads that everything else needs too.
#[cfg(unix)]
#[test]
fn a_run_whose_every_thread_computes_ends_when_it_is_told_twice() {
    let dir = Dir::new();
    let ask = format!("{{post: /v1/messages, body: {{model: m, system: {}}}}}", mixed());
    let cases: String = (0..4).map(|number| format!("- {{name: a{number}, request: {ask}}}\n")).collect();
    let mask = "masks: [{place: $.system, pattern: '(.{0,500}b){5}c'}]\n";
    dir.write("suites/a.yaml", &format!("{mask}cases:\n{cases}"));
    let mut command = dir.retake("test --setup together --stack-config direct -n 4").0;
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(5));
    let told = Instant::now();
    for _ in 0..2 {
        assert!(std::process::Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
        std::thread::sleep(Duration::from_secs(1));
    }
    Ran::from(child.wait_with_output().unwrap()).exits(2);
    assert!(told.elapsed() < Duration::from_secs(30), "{:?}", told.elapsed());
}
