//! The suites of another package under cargo-nextest, which has a process for each case.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::world::{Dir, Ran, Running, TestCommand, package};

const MANIFEST: &str = r#"[package]
name = "gateway"
version = "0.1.0"
edition = "2024"

# With the same profile, what was built for this package serves that one too.
[profile.dev]
debug = "line-tables-only"

[dev-dependencies]
retake = { path = "PACKAGE" }

[[test]]
name = "integration"
harness = false
"#;
const CONFIG: &str = r#"
[test-groups]
one-at-a-time = { max-threads = 1 }

[profile.default]
fail-fast = false

[[profile.default.overrides]]
filter = 'test(/::says\[/)'
test-group = "one-at-a-time"

[profile.ci.junit]
path = "junit.xml"
"#;
const PROVIDERS: &str = r#"
capabilities: {sight: pictures in messages}
providers:
  p: {type: remote::p, base_url: "https://p.example/v1", key: P_API_KEY, lacks: {sight: p has no eyes}}
"#;
const SETUPS: &str = "setups:\n  s: {provider: p, models: {text: p/m}}\n";
const SUITE: &str = r#"
cases:
  - name: says
    model: text
    params: {what: ["a b", "it's \"said\"", "[x]=1", "größe 東京", "e, f|g&h"]}
    request: &ask
      post: /v1/chat/completions
      body: {model: "${model}", messages: [{role: user, content: "${what}"}]}
    expect: {text: {contains: hello}}
  - name: sees
    model: text
    needs: [sight]
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: look}]}}
  - name: fails
    model: text
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: fail}]}}
    expect: {text: {contains: "<never> & ]]>"}}
  - name: wavers
    model: text
    request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: waver}]}}
    expect: {text: {contains: hello}}
"#;
const SCRIPT: &str = r#"
rules:
  - {when: {last_message: waver}, times: 1, reply: {text: not yet}}
  - {reply: {text: hello}}
"#;
const ID: &str = "suites/chat.yaml::";

/// The user's package, whose provider is a script that runs.
struct Project {
    dir: Dir,
    provider: Running,
}

impl Project {
    fn new() -> Self {
        let dir = Dir::new();
        dir.write("Cargo.toml", &MANIFEST.replace("PACKAGE", &package().display().to_string()));
        dir.write("src/lib.rs", "");
        dir.write("suites/chat.yaml", SUITE);
        dir.write("suites/providers.yaml", PROVIDERS);
        dir.write("suites/setups.yaml", SETUPS);
        dir.write(".config/nextest.toml", CONFIG);
        dir.write("script.yaml", SCRIPT);
        for (from, to) in [("src/cli/init/integration.rs", "tests/integration.rs"), ("Cargo.lock", "Cargo.lock")] {
            let text = std::fs::read_to_string(package().join(from)).unwrap();
            dir.write(to, &text);
        }
        let provider = Running::start(dir.path(), "script script.yaml");
        Project { dir, provider }
    }

    fn cargo(&self, words: &str) -> TestCommand {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        TestCommand::of("cargo", self.dir.path(), words)
            .env("CARGO_TARGET_DIR", &target.display().to_string())
            .env("CARGO_TERM_COLOR", "never")
            .env("RETAKE_SETUP", "s")
            .env("P_API_KEY", "canary-4711-canary")
            .env("RETAKE_PROVIDER", &format!("p={}", self.provider.url("/v1")))
            .env("RETAKE_MODE", "live")
    }

    /// The names of cases, without their file, that this list has.
    fn listed(&self, words: &str, filter: Option<&str>) -> Vec<String> {
        let mut command = self.cargo(&format!("nextest list --test integration {words}"));
        if let Some(filter) = filter {
            command = command.arg("-E").arg(filter);
        }
        names(&command.run().exits(0).stdout)
    }

    fn test_binary(&self) -> PathBuf {
        let ran = self.cargo("nextest list --test integration --list-type binaries-only --message-format json").run();
        let list: serde_json::Value = serde_json::from_str(&ran.exits(0).stdout).unwrap();
        list["rust-binaries"]["gateway::integration"]["binary-path"].as_str().unwrap().into()
    }
}

fn names(text: &str) -> Vec<String> {
    let mut names: Vec<String> =
        text.lines().filter_map(|line| Some(line.split_once(ID)?.1.trim_end().to_owned())).collect();
    names.sort();
    names
}

/// All of them: known skips are no part of it.
const LIST: [&str; 7] = [
    "fails[txt=p/m]",
    "says[txt=p/m-[x]=1]",
    "says[txt=p/m-a b]",
    "says[txt=p/m-e, f|g&h]",
    "says[txt=p/m-größe 東京]",
    "says[txt=p/m-it's \"said\"]",
    "wavers[txt=p/m]",
];

#[test]
#[ignore = "needs cargo-nextest; .ci/run asks for it"]
fn nextest_sees_each_case_as_a_test() {
    let project = Project::new();
    assert_eq!(project.listed("", None), LIST);
    assert_eq!(project.listed("--run-ignored only", None), ["sees[txt=p/m]"]);
    assert_eq!(project.listed("--run-ignored all", None).len(), LIST.len() + 1);
    // Every name can be asked for as it stands, but for the comma, which a filterset escapes.
    for name in LIST {
        let filter = format!("test(={ID}{})", name.replace(',', r"\,"));
        assert_eq!(project.listed("", Some(&filter)), [name], "{filter}");
    }
    for kind in ["count", "hash", "slice"] {
        let mut both = project.listed(&format!("--partition {kind}:1/2"), None);
        both.extend(project.listed(&format!("--partition {kind}:2/2"), None));
        both.sort();
        assert_eq!(both, LIST, "{kind}");
    }
    let groups = project.cargo("nextest show-config test-groups --test integration").run().exits(0);
    assert_eq!(names(&groups.stdout), LIST[1..6], "{}", groups.stdout);
}

#[test]
#[ignore = "needs cargo-nextest; .ci/run asks for it"]
fn nextest_runs_retries_and_reports_each_case() {
    let project = Project::new();
    let run = |words: &str| project.cargo(&format!("nextest run --test integration {words}")).run();
    let ran = run("--retries 1 --profile ci").exits(100);
    let ran = ran.says("7 tests run: 6 passed (1 flaky), 1 failed, 1 skipped");
    for line in ["TRY 1 FAIL", "TRY 2 FAIL"] {
        let cases: BTreeSet<_> = ran.stderr.lines().filter(|said| said.contains(line)).flat_map(names).collect();
        assert!(cases.contains(LIST[0]), "{line}: {}", ran.stderr);
    }
    assert!(ran.stderr.lines().any(|line| line.contains("FLAKY 2/2") && line.contains(LIST[6])), "{}", ran.stderr);

    let junit = std::fs::read_to_string(project.dir.path().join("target/nextest/ci/junit.xml")).unwrap();
    let message = "Error: text: expected contains &quot;&lt;never&gt; &amp; ]]&gt;&quot;, got &quot;hello&quot;";
    assert!(junit.contains(&format!("<failure message=\"{message} (finish_reason stop)\"")), "{junit}");
    assert!(junit.contains("<flakyFailure") && junit.contains("got &quot;not yet&quot;"), "{junit}");
    assert!(!junit.contains('\u{1b}') && !junit.contains("canary"), "{junit}");

    // What is skipped is a pass when it is asked for all the same.
    run("--run-ignored only").exits(0).says("1 test run: 1 passed, 7 skipped");
    // What fails in a process for itself says nothing of the run.
    assert!(project.dir.files(".retake").is_empty());
}

#[test]
#[ignore = "needs cargo-nextest; .ci/run asks for it"]
fn a_case_reads_no_suite_and_no_recording_but_its_own() {
    let project = Project::new();
    let record = format!("record --setup s --provider p={} -k says", project.provider.url("/v1"));
    project.dir.retake(&record).env("P_API_KEY", "canary-4711-canary").run().exits(0);
    let binary = project.test_binary();
    let run = || {
        let command = TestCommand::of(&binary.display().to_string(), project.dir.path(), "--nocapture --exact");
        command.arg(&format!("{ID}{}", LIST[4])).env("NEXTEST", "1").run()
    };
    run().exits(0);
    // Of five recordings one is needed; the others and another suite may be broken.
    let recordings = project.dir.files("recordings");
    assert_eq!(recordings.len(), 5);
    for (name, text) in recordings {
        let is_asked = String::from_utf8_lossy(&text).contains("größe");
        project.dir.write(&name, if is_asked { std::str::from_utf8(&text).unwrap() } else { "{" });
    }
    project.dir.write("suites/broken.yaml", "cases: [");
    assert_eq!(run().exits(0).last_line(), "1 passed, 7 deselected");
    // The list needs every suite, and nothing is run without it.
    let ran: Ran = project.cargo("nextest run --test integration").env("RETAKE_MODE", "replay").run().exits(104);
    ran.says("suites/broken.yaml:1:8");
}
