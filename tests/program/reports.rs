//! Reports for machines: what a run writes, what comes of a run that was kept, and what readers make of both.

mod junitparser;
mod sessions;

use regex::Regex;
use serde_json::Value;

use super::server::serve;
use super::world::{Dir, Ran, TestCommand, package};

/// Every kind, with a file for it.
const KINDS: [(&str, &str); 7] = [
    ("jsonl", "out/run.jsonl"),
    ("junit", "out/deep/er/junit.xml"),
    ("ctrf", "out/ctrf.json"),
    ("tap", "out/run.tap"),
    ("github", "out/annotations.txt"),
    ("markdown", "out/comment.md"),
    ("html", "out/run.html"),
];

const SCRIPT: &str = r#"
rules:
  - {when: {last_message: waver}, times: 1, reply: {status: 503, json: {error: {message: "busy: 100%"}}}}
  - {when: {last_message: down}, reply: {status: 503, json: {error: {message: "down, for good"}}}}
  - {reply: {text: "hello <b> & ]]> \"you\", | `x`"}}
"#;

const SUITE: &str = r#"
cases:
  - name: greets
    model: text
    needs: [tools]
    params: {what: ["a b", "größe 東京", "100%, <x> & \"y\" | #1"]}
    request: &ask
      post: /v1/chat/completions
      body: {model: "${model}", messages: [{role: user, content: "${what}"}]}
    expect: {text: {contains: hello}}
  - name: fails
    model: text
    params: {what: ["1, 2", "%0A::error::x", "3"]}
    request: *ask
    expect: {text: {contains: "<never> & ]]>\n::warning::"}}
  - name: away
    skip: "not today: # | <soon>"
    request: {get: /v1/models}
  - name: known
    model: text
    xfail: {reason: "it never did, # 7"}
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: k}]}}
    expect: {text: {equals: other}}
  - name: mended
    model: text
    xfail: {reason: it once did not}
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: m}]}}
  - name: wavers
    model: text
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: waver}]}}
"#;

const OTHER: &str = r#"
cases:
  - name: unset
    model: text
    setup: [{request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: s}]}}, expect: {text: {equals: ready}}}]
    request: {get: /v1/models}
  - name: untidy
    model: text
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: t}]}}
    teardown: [{request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: t}]}}, expect: {text: {equals: gone}}}]
  - name: down
    model: text
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: down}]}}
"#;

/// A project of which some cases end in each way.
fn project() -> Dir {
    let dir = Dir::new();
    dir.write("script.yaml", SCRIPT);
    dir.write("suites/a/first.v1.yaml", SUITE);
    dir.write("suites/second.yaml", OTHER);
    let provider = "capabilities: {tools: calls of tools}\nproviders:\n  p:\n    type: remote::openai\n    base_url: http://127.0.0.1:9/v1\n    prices: {\"*\": {input: 1, output: 2}}\n";
    dir.write("suites/providers.yaml", provider);
    dir.write("suites/setups.yaml", "setups:\n  s: {provider: p, models: {text: p/llama-3.3-70b}}\n");
    dir
}

/// `retake test` in this project, which asks a script.
fn test(dir: &Dir, words: &str) -> TestCommand {
    let base = "test --setup s --stack-config direct --provider p=script:script.yaml --mode live --reruns 1";
    quiet(dir.retake(&format!("{base} {words}")))
}

/// `retake report`.
fn report(dir: &Dir, words: &str) -> Ran {
    quiet(dir.retake(&format!("report {words}"))).run()
}

/// Not as on a runner of GitHub, where this test may run.
fn quiet(mut command: TestCommand) -> TestCommand {
    command.0.env_remove("GITHUB_STEP_SUMMARY").env_remove("GITHUB_WORKSPACE");
    command
}

/// `--report KIND=FILE` for each kind.
fn all_kinds() -> String {
    KINDS.map(|(kind, file)| format!("--report {kind}={file}")).join(" ")
}

fn text(dir: &Dir, file: &str) -> String {
    std::fs::read_to_string(dir.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A report without its times.
fn timeless(text: &str) -> String {
    let times = [
        (r#"\b(time|timestamp)="[^"]*""#, "$1"),
        (r#""(start|stop|duration)": \d+"#, "$1"),
        (r"duration_ms: [\d.]+", "duration_ms"),
        (r" in [\d.]+s", " in"),
    ];
    times
        .iter()
        .fold(text.to_owned(), |text, (pattern, by)| Regex::new(pattern).unwrap().replace_all(&text, *by).into_owned())
}

#[test]
fn a_kept_run_is_rendered_to_the_bytes_that_the_run_wrote() {
    let dir = project();
    let ran = test(&dir, &all_kinds()).run().exits(1);
    assert_eq!(ran.last_line(), "4 failed, 4 passed, 1 flaky, 1 skipped, 1 xfailed, 1 xpassed, 2 errors, 2 rerun");
    for (kind, file) in KINDS {
        report(&dir, &format!("out/run.jsonl --report {kind}=again/{kind}")).exits(0);
        assert_eq!(text(&dir, &format!("again/{kind}")), text(&dir, file), "{kind}");
        // To stdout it is the same.
        assert_eq!(
            report(&dir, &format!("out/run.jsonl --report {kind}=-")).exits(0).stdout,
            text(&dir, file),
            "{kind}"
        );
    }
    assert_eq!(report(&dir, "out/run.jsonl").exits(0).stdout, ran.stdout);
    // Nothing but the reports is left.
    assert_eq!(dir.files("out").len() + dir.files("again").len(), 2 * KINDS.len());
}

#[test]
fn eight_shards_merged_are_one_run() {
    let dir = project();
    test(&dir, &all_kinds()).run().exits(1);
    let mut files = Vec::new();
    for part in 1..=8 {
        let file = format!("shards/{part}.jsonl");
        let ran = test(&dir, &format!("--shard {part}/8 --report jsonl={file}")).run();
        assert!([0, 1, 5].contains(&ran.code), "{}", ran.stdout);
        files.push(file);
    }
    // In whatever order they come. The page shows several runs beside each other.
    files.reverse();
    let files = files.join(" ");
    for (kind, file) in KINDS.into_iter().filter(|(kind, _)| !["jsonl", "html"].contains(kind)) {
        report(&dir, &format!("{files} --report {kind}=merged/{kind}")).exits(0);
        assert_eq!(timeless(&text(&dir, &format!("merged/{kind}"))), timeless(&text(&dir, file)), "{kind}");
    }
    let (merged, whole) = (report(&dir, &files).exits(0), report(&dir, "out/run.jsonl").exits(0));
    assert_eq!((merged.outcomes(), merged.last_line()), (whole.outcomes(), whole.last_line()));
    // Merged events are events again.
    report(&dir, &format!("{files} --report jsonl=merged/all.jsonl --report junit=merged/1")).exits(0);
    report(&dir, "merged/all.jsonl --report junit=merged/2").exits(0);
    assert_eq!(text(&dir, "merged/1"), text(&dir, "merged/2"));
}

#[test]
fn each_line_of_the_events_is_as_their_schema_says() {
    let dir = project();
    test(&dir, "--report jsonl=run.jsonl -rA").run().exits(1);
    let printed = dir.retake("schema events").run().exits(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let events: Vec<Value> = text(&dir, "run.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.len() > 20);
    for event in &events {
        let wrong: Vec<String> = validator.iter_errors(event).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{event}: {wrong:?}");
    }
    assert!(!validator.is_valid(&serde_json::json!({"event": "collected", "data": {"total": "1"}})));
    let finished = |name: &str| {
        let is_it = |event: &&Value| event["data"]["case"]["template"] == name && event["event"] == "case_finished";
        events.iter().find(is_it).unwrap_or_else(|| panic!("no {name}"))["data"].clone()
    };
    // Each request of each attempt in figures, and what it would cost.
    let wavers = finished("wavers");
    assert_eq!((wavers["calls"][0]["status"].clone(), wavers["calls"][1]["status"].clone()), (503.into(), 200.into()));
    assert_eq!(wavers["calls"][1]["attempt"], 1);
    let call = &wavers["calls"][1];
    assert_eq!((call["finish_reason"].clone(), call["model"].clone()), ("stop".into(), "llama-3.3-70b".into()));
    let (input, output) = (call["usage"]["input"].as_f64().unwrap(), call["usage"]["output"].as_f64().unwrap());
    assert!((call["usd"].as_f64().unwrap() - (input + 2.0 * output) / 1e6).abs() < 1e-12, "{call}");
    assert_eq!(finished("away")["calls"], Value::Null);
}

#[test]
fn junit_is_read_with_what_each_case_came_to() {
    let dir = project();
    test(&dir, "--report junit=junit.xml").run().exits(1);
    let xml = text(&dir, "junit.xml");
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures, report.errors, report.skipped), (14, 4, 2, 2));
    let suites: Vec<&str> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(suites, ["suites/a/first.v1.yaml", "suites/second.yaml"]);
    let cases: Vec<_> = report.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "{names:?}");
    for case in &cases {
        let class = case.classname.as_ref().unwrap().as_str();
        assert!(["suites.a.first_v1", "suites.second"].contains(&class), "{class}");
        let has = |name: &str| case.properties.iter().any(|property| property.name.as_str() == name);
        assert!(has("provider") && has("setup"), "{:?}", case.name);
    }
    assert!(xml.contains(r#"<skipped message="it never did, # 7" type="pytest.xfail""#), "{xml}");
    assert!(xml.contains("<flakyFailure") && xml.contains("<rerunFailure"), "{xml}");
    assert!(xml.contains(r#"<property name="model" value="llama-3.3-70b"/>"#));
    assert!(xml.contains(r#"<property name="network-requests" value="0"/>"#));
}

#[test]
fn ctrf_is_as_its_schema_says() {
    let dir = project();
    test(&dir, "--report ctrf=ctrf.json").run().exits(1);
    let schema = std::fs::read_to_string(package().join("tests/schemas/ctrf-0.0.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let report: Value = serde_json::from_str(&text(&dir, "ctrf.json")).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let summary = &report["results"]["summary"];
    let counts = ["tests", "passed", "failed", "skipped", "other", "flaky"].map(|name| summary[name].clone());
    assert_eq!(counts.map(|count| count.as_u64().unwrap()), [14, 6, 6, 1, 1, 1]);
    let wavers = report["results"]["tests"].as_array().unwrap().iter().find(|test| test["flaky"] == true).unwrap();
    assert_eq!((wavers["retries"].clone(), wavers["status"].clone()), (1.into(), "passed".into()));
}

#[test]
fn tap_has_a_plan_a_line_for_each_case_and_diagnostics_that_yaml_can_read() {
    let dir = project();
    test(&dir, "--report tap=run.tap").run().exits(1);
    let tap = text(&dir, "run.tap");
    let mut lines = tap.lines();
    assert_eq!((lines.next(), lines.next()), (Some("TAP version 14"), Some("1..14")));
    let point = Regex::new(r"^(ok|not ok) (\d+) - ((?:[^\\#]|\\[\\#])*?)(?: # (SKIP|TODO) (.+))?$").unwrap();
    let points: Vec<_> = tap.lines().filter(|line| line.starts_with("ok") || line.starts_with("not ok")).collect();
    for (number, line) in (1..).zip(&points) {
        let found = point.captures(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(found[2].parse(), Ok(number), "{line}");
    }
    assert!(
        points.iter().any(|line| line.starts_with("not ok") && line.ends_with(r"# TODO it never did, \# 7")),
        "{tap}"
    );
    assert!(points.iter().any(|line| line.contains(r"y\") || line.contains(r"| \#1")), "{tap}");
    let blocks: Vec<&str> = tap.split("  ---\n").skip(1).map(|rest| rest.split("  ...\n").next().unwrap()).collect();
    assert_eq!(blocks.len(), 14);
    for block in blocks {
        let source = retake::yaml::Source { name: "t".into(), text: block.into() };
        let read: Value =
            retake::yaml::from_source(&source).unwrap_or_else(|error| panic!("{}\n{block}", error.render(false)));
        assert!(read["setup"] == "s" && read["duration_ms"].is_number(), "{block}");
    }
}

/// GitHub's syntax: a command, properties without what ends them, and a message on one line.
fn is_command(line: &str) -> bool {
    let command = r"^::(error|warning|notice) (?:(?:file|line|col|endColumn|title)=(?:[^,:%]|%25|%0A|%0D|%3A|%2C)*,?)+::(?:[^%]|%25|%0A|%0D)*$";
    Regex::new(command).unwrap().is_match(line)
}

#[test]
fn annotations_stand_on_the_lines_of_the_suites_failures_first() {
    let dir = project();
    let ran = test(&dir, "--report github").run().exits(1);
    let at = ran.stdout.find("::error ").unwrap();
    let lines: Vec<&str> = ran.stdout[at..].lines().collect();
    assert!(lines.iter().all(|line| is_command(line)), "{lines:#?}");
    let levels: Vec<&str> = lines.iter().map(|line| line[2..].split(' ').next().unwrap()).collect();
    assert_eq!(levels, ["error", "error", "error", "error", "error", "error", "warning", "warning"]);
    let file = text(&dir, "suites/a/first.v1.yaml");
    let number = file.lines().position(|line| line.contains("<never>")).unwrap() + 1;
    let first = lines.iter().find(|line| line.contains("fails[")).unwrap();
    assert!(first.starts_with(&format!("::error file=suites/a/first.v1.yaml,line={number},col=")), "{first}");
    assert!(first.contains("%0Arerun%3A") || first.contains("%0Arerun: retake test"), "{first}");

    // Many of them are counted: GitHub shows ten of each kind.
    let case =
        |name: String| format!("  - name: {name}\n    request: {{get: /v1/none}}\n    expect: {{status: 201}}\n");
    dir.write("suites/second.yaml", &format!("cases:\n{}", (0..20).map(|n| case(format!("n{n}"))).collect::<String>()));
    let ran = test(&dir, "--report github").run().exits(1);
    let errors = ran.stdout.lines().filter(|line| line.starts_with("::error ")).count();
    assert_eq!(errors, 10);
    ran.says("::notice title=retake::and 13 more failures");
}

#[test]
fn on_github_the_summary_of_the_job_is_appended_and_files_count_from_the_root() {
    let dir = project();
    let sub = dir.path().join("sub");
    std::fs::rename(dir.path().join("suites"), dir.path().join("moved")).unwrap();
    std::fs::create_dir(&sub).unwrap();
    std::fs::rename(dir.path().join("moved"), sub.join("suites")).unwrap();
    std::fs::rename(dir.path().join("script.yaml"), sub.join("script.yaml")).unwrap();
    let summary = dir.write("summary.md", "before\n");
    let mut command = test(&dir, "--report github")
        .env("GITHUB_STEP_SUMMARY", &summary.display().to_string())
        .env("GITHUB_WORKSPACE", &dir.path().display().to_string());
    command.0.current_dir(&sub);
    let ran = command.run().exits(1);
    assert!(ran.stdout.contains("::error file=sub/suites/"), "{}", ran.stdout);
    let text = text(&dir, "summary.md");
    assert!(text.starts_with("before\n### ❌ retake: 4 failed"), "{text}");
    assert!(text.contains("| `p/llama-3.3-70b` |") && text.contains("network requests"), "{text}");

    // Where it cannot be written, that is told before anything is asked.
    let gone = dir.path().join("none/summary.md").display().to_string();
    let mut command = test(&dir, "--report github").env("GITHUB_STEP_SUMMARY", &gone);
    command.0.current_dir(&sub);
    let ran = command.run().exits(4).says("$GITHUB_STEP_SUMMARY");
    assert!(ran.stdout.is_empty());
}

#[test]
fn what_cannot_be_read_is_named_with_its_line_and_a_way_out() {
    let dir = project();
    test(&dir, "--report jsonl=run.jsonl").run().exits(1);
    let whole = text(&dir, "run.jsonl");
    let lines: Vec<&str> = whole.lines().collect();
    let with = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number - 1] = line;
        lines.join("\n") + "\n"
    };
    let newer = lines[0].replacen("\"format\":1", "\"format\":2", 1);
    for (text, says) in [
        (with(5, "{\"event\": \"case_finished\""), "bad.jsonl:5:"),
        (with(5, "what?"), "take the line out"),
        (with(1, &newer), "bad.jsonl:1: these events are of format 2"),
        (with(1, &newer), "update retake"),
        (lines[1..].join("\n"), "bad.jsonl:1: a run begins with"),
        (String::new(), "there is no event in it"),
        ("<xml/>\n".to_owned(), "bad.jsonl:1:1: not an event"),
    ] {
        dir.write("bad.jsonl", &text);
        let ran = report(&dir, "run.jsonl bad.jsonl --report junit=never.xml").exits(4).says(says);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    report(&dir, "run.jsnl --report junit=never.xml").exits(4).says("run.jsonl");
    assert!(!dir.path().join("never.xml").exists());

    // What a later version says besides is passed over.
    let more = lines[4].replacen("\"data\":{", "\"later\":[1],\"data\":{\"also\":{},", 1);
    dir.write("more.jsonl", &with(5, &format!("{{\"event\":\"dreamt\",\"data\":[]}}\n{more}")));
    for file in ["run", "more"] {
        report(&dir, &format!("{file}.jsonl --report tap={file}.tap")).exits(0);
    }
    assert_eq!(text(&dir, "run.tap"), text(&dir, "more.tap"));
}

#[test]
fn a_run_that_was_killed_is_reported_as_far_as_it_came() {
    let dir = project();
    test(&dir, "--report jsonl=run.jsonl").run().exits(1);
    let whole = text(&dir, "run.jsonl");
    let end = whole.trim_end().rfind('\n').unwrap();
    dir.write("cut.jsonl", &whole[..end - 20]);
    report(&dir, "cut.jsonl")
        .exits(0)
        .says("the last line is not whole")
        .says("cut off: the events of the run end here");
    report(&dir, "cut.jsonl --report tap=-").exits(0).says("Bail out! cut off");
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_is_asked() {
    let dir = project();
    dir.write("file", "");
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    let locked = dir.write("locked", "old");
    let mut permissions = std::fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&locked, permissions).unwrap();
    for (words, says) in [
        ("junit=folder", "it is a folder"),
        ("jsonl=file/run.jsonl", "no folder can be made at file"),
        ("tap=locked", "read-only"),
        ("tap=same --report ctrf=same", "two reports go to same"),
        ("tap=- --report ctrf=-", "two reports go to stdout"),
        ("junti=x", "did you mean `junit`"),
        ("junit", "write junit=FILE"),
        ("pdf=x.pdf", "is none of jsonl, junit"),
    ] {
        let mut command = test(&dir, "--provider p=http://127.0.0.1:9/v1");
        command = command.args(&format!("--report {words}"));
        let ran = command.run();
        let code = if ran.stderr.contains("error: invalid value") { 4 } else { ran.code };
        assert_eq!((ran.code, code), (4, 4), "{words}: {}", ran.stderr);
        let ran = ran.says(says);
        assert!(ran.stdout.is_empty(), "{words}: {}", ran.stdout);
    }
    assert_eq!(text(&dir, "locked"), "old");
}

#[test]
fn a_report_that_cannot_be_written_in_the_end_fails_a_run_that_passed() {
    let dir = Dir::new();
    dir.write("suites/models.yaml", "cases:\n  - {name: a, request: {get: /v1/models}, expect: {status: 200}}\n");
    let folder = dir.path().join("out");
    let base = serve(move |_| {
        let _ = std::fs::remove_dir_all(&folder);
        (200, String::new(), r#"{"object": "list", "data": []}"#.to_owned())
    });
    let words = format!(
        "test --setup together --stack-config direct --mode live --provider together={base} --report junit=out/j.xml"
    );
    let ran = quiet(dir.retake(&words)).env("TOGETHER_API_KEY", "key-of-the-test").run().exits(3);
    let ran = ran.says("ERROR: the report junit cannot be written to out/j.xml");
    assert!(ran.last_line().starts_with("1 passed"), "{}", ran.stdout);
}

#[test]
fn a_report_on_stdout_has_it_for_itself() {
    let dir = project();
    let ran = test(&dir, "--report jsonl=-").run().exits(1);
    assert!(ran.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", ran.stdout);
    assert!(ran.stderr.contains("test session starts"));
    let ran = test(&dir, "--report junit=-").run().exits(1);
    assert!(quick_junit::Report::deserialize_from_str(&ran.stdout).is_ok(), "{}", ran.stdout);
}

#[test]
fn a_proof_counts_what_a_run_rests_on() {
    let dir = project();
    let asked = || (200, String::new(), r#"{"object": "list", "data": []}"#.to_owned());
    let base = serve(move |_| asked());
    dir.write("suites/second.yaml", "cases:\n  - {name: a, request: {get: /v1/models}, expect: {status: 200}}\n");
    std::fs::remove_dir_all(dir.path().join("suites/a")).unwrap();
    let proof = |mode: &str| -> Value {
        let words =
            format!("test --setup s --stack-config direct --mode {mode} --provider p={base} --report jsonl=run.jsonl");
        quiet(dir.retake(&words)).env("P_API_KEY", "key-of-the-test").run().exits(0);
        let last = text(&dir, "run.jsonl").lines().last().unwrap().to_owned();
        serde_json::from_str::<Value>(&last).unwrap()["data"]["proof"].clone()
    };
    let (live, recorded, replayed) = (proof("live"), proof("record"), proof("replay"));
    assert_eq!((live["network_requests"].clone(), live["recordings"]["real"].clone()), (1.into(), 0.into()));
    assert_eq!(recorded["network_requests"], 1);
    assert_eq!((replayed["network_requests"].clone(), replayed["recordings"]["real"].clone()), (0.into(), 1.into()));
    assert!(replayed["recordings"]["oldest_ms"].is_u64() && replayed["recordings"]["unused"] == 0, "{replayed}");
    assert_eq!((replayed["protocol"].clone(), replayed["revision"].clone()), ("standard".into(), Value::Null));

    // In a repository the revision is told, and whether files were changed since.
    let git = |words: &str| {
        let set = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"];
        let mut command = std::process::Command::new("git");
        command.current_dir(dir.path()).args(set).args(words.split(' '));
        command.output().is_ok_and(|out| out.status.success())
    };
    if !git("init -q") {
        return;
    }
    assert!(git("add suites recordings") && git("commit -qm x"));
    let revision = proof("replay")["revision"].as_str().unwrap().to_owned();
    assert_eq!(revision.len(), 40);
    dir.write("suites/second.yaml", "cases:\n  - {name: a, request: {get: /v1/models}, expect: {status: 200 }}\n");
    assert_eq!(proof("replay")["revision"], format!("{revision}+"));
}

#[test]
fn under_nextest_a_report_is_refused_with_the_way_out() {
    let dir = project();
    let ran = test(&dir, "--report jsonl=run.jsonl").env("NEXTEST", "1").run().exits(4);
    ran.says("--shard 1/4").says("`retake report` merges");
    assert!(!dir.path().join("run.jsonl").exists());
    // The list is nextest's own, and needs no report.
    test(&dir, "--list").env("NEXTEST", "1").env("RETAKE_REPORTS", "jsonl=run.jsonl").run().exits(0);
}

#[test]
fn the_variable_asks_for_several_reports() {
    let dir = project();
    test(&dir, "").env("RETAKE_REPORTS", "tap=a.tap,markdown=b.md").run().exits(1);
    assert!(text(&dir, "a.tap").starts_with("TAP") && text(&dir, "b.md").starts_with("### ❌"));
    // Another variable is for letters, and says so.
    test(&dir, "").env("RETAKE_REPORT", "tap=a.tap").run().exits(4).says("RETAKE_REPORTS");
}

#[test]
fn text_of_others_is_no_command_to_a_runner_of_github() {
    let dir = project();
    let raw = r#"rules: [{reply: {raw: {status: 200, body: "x\n  ::error::body\n##[add-mask]body\r::set-output name=a::b\n"}}}]"#;
    dir.write("script.yaml", raw);
    dir.write("suites/a/first.v1.yaml", SUITE);
    let on_github = |command: TestCommand| command.env("GITHUB_ACTIONS", "true").run();
    let is_command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
    let lines = |ran: &Ran| -> Vec<String> {
        [&ran.stdout, &ran.stderr].iter().flat_map(|text| text.split(['\n', '\r'])).map(str::to_owned).collect()
    };
    let ran = on_github(test(&dir, "--tb long")).exits(1);
    let commands: Vec<String> = lines(&ran).into_iter().filter(|line| is_command(line)).collect();
    assert!(commands.is_empty(), "{commands:#?}");
    assert!(ran.stdout.contains("\\::error::body") && ran.stdout.contains("##\\[add-mask]body"), "{}", ran.stdout);
    // retake's own are.
    let own = on_github(test(&dir, "--report github")).exits(1);
    assert!(own.stdout.contains("\n::error file=suites/a/first.v1.yaml,line="), "{}", own.stdout);
    // What a command of the user's says is its own.
    let command = quiet(dir.retake("run --mode live -- sh -c")).arg("echo ::notice::mine");
    assert_eq!(on_github(command).exits(0).stdout, "::notice::mine\n");
    let elsewhere = test(&dir, "--tb long").env("GITHUB_ACTIONS", "false").run();
    assert!(elsewhere.stdout.contains("\n  ::error::body"), "{}", elsewhere.stdout);
    assert!(!elsewhere.stdout.contains("\\::error"), "{}", elsewhere.stdout);
}
