//! The user's own server as the stack.

use super::world::{Dir, package};

const RETAKE: &str = env!("CARGO_BIN_EXE_retake");

/// A server of the user's, without Python: retake's own gateway, whose provider is where the environment says.
fn gateway(dir: &Dir) -> String {
    let stack = "stack --setup together --mode live --provider together=$RETAKE_PROXY_URL/together/v1 --port $PORT";
    dir.write(
        "start.sh",
        &format!("echo starting >&2; exec {RETAKE} {stack} --store {{}}/store.db\n").replace("{}", "."),
    );
    "command:sh start.sh".to_owned()
}

const SUITE: &str = r#"
cases:
  - name: sun
    request:
      post: /v1/chat/completions
      body: {model: together/m, messages: [{role: user, content: "What is the Sun in Latin?"}]}
    expect: {text: Sol is the name.}
  - name: busy
    request: {post: /v1/chat/completions, body: {model: together/m, messages: [{role: user, content: "busy"}]}}
    faults: [{status: {code: 429, retry_after: 0}, times: 1}]
    expect: {text: Sol is the name.}
"#;

fn folder() -> Dir {
    let dir = Dir::new();
    dir.write("suites/sun.yaml", SUITE);
    dir.write(
        "script.yaml",
        "rules:\n  - when: {endpoint: /v1/chat/completions}\n    reply: {text: Sol is the name.}\n",
    );
    dir
}

#[test]
fn a_server_of_the_users_is_started_recorded_replayed_and_ended() {
    let dir = folder();
    let stack = gateway(&dir);
    let test = |words: &str| {
        let words = format!("test --setup together --stack-health /v1/health {words}");
        dir.retake(&words).arg("--stack-config").arg(&stack).run()
    };
    let recorded = test("--provider together=script:script.yaml --mode record").exits(0);
    // Its own client tries again after the 429, and gets what is recorded.
    assert_eq!(recorded.last_line(), "2 passed");
    assert_eq!(dir.files("recordings").len(), 2);
    let log = String::from_utf8(dir.files(".retake")[0].1.clone()).unwrap();
    assert!(log.starts_with("starting"), "{log}");
    test("").exits(0).says("log: .retake/stack.log");
    std::fs::remove_dir_all(dir.path().join("recordings")).unwrap();
    let missing = test("-k sun").exits(1);
    missing.says("missing recording").says("--stack-config 'command:sh start.sh'").says("--mode record");
}

#[test]
fn what_the_server_printed_stands_with_the_failure_alone() {
    let dir = folder();
    let suite = "cases:\n  - {name: fine, request: {get: /v1/health}}\n  \
                 - {name: gone, request: {post: /v1/chat/completions, body: {model: together/m, messages: [{role: user, content: hi}]}}, expect: {text: Luna}}\n";
    dir.write("script.yaml", "rules:\n  - reply: {text: Sol, delay: 200ms}\n");
    dir.write("suites/sun.yaml", suite);
    let words = "test --setup together --stack-health /v1/health --provider together=script:script.yaml --mode live";
    let talking = "while true; do echo still $((40+2)); sleep 0.02; done & sh start.sh";
    gateway(&dir);
    let ran = dir.retake(words).arg("--stack-config").arg(&format!("command:{talking}")).run().exits(1);
    let (fine, gone) = ran.stdout.split_once("FAILURES").expect("a failure");
    assert!(!fine.contains("still 42"), "{fine}");
    assert!(gone.contains("the stack printed:\n    still 42"), "{gone}");
    // Of a case that passed it is there for who asks.
    dir.write("suites/sun.yaml", &suite.replace("Luna", "Sol"));
    let ran =
        dir.retake(&format!("{words} -rP")).arg("--stack-config").arg(&format!("command:{talking}")).run().exits(0);
    let (_, passes) = ran.stdout.split_once("= PASSES =").expect("passed cases");
    assert!(passes.contains("- Captured stdout call -") && passes.contains("\nstill 42"), "{passes}");
}

#[test]
fn a_server_that_does_not_start_shows_what_it_printed() {
    let dir = folder();
    let test = |command: &str, words: &str| {
        let words = format!("test --setup together {words}");
        dir.retake(&words).arg("--stack-config").arg(&format!("command:{command}")).run().exits(4)
    };
    test("echo no such module; exit 3", "").says("ended before it was ready").says("no such module");
    test("sleep 60", "--stack-timeout 200ms")
        .says("was not ready within 200ms")
        .says("$PORT")
        .says("it printed nothing");
    test(" ", "").says("the command that starts your server is missing");
    test("sleep 60", "-n 2").says("one at a time");
    test("sleep 60", "--stack-health health").says("begins with `/`");
}

#[test]
#[ignore = "needs Python; .ci/run asks for it"]
fn the_example_app_is_tested_from_its_recordings() {
    let dir = Dir::new();
    dir.copy("examples/weather-app");
    let folder = dir.path().join("examples/weather-app");
    let command = super::world::TestCommand::new(&folder, "test --setup app").arg("--stack-config");
    let ran = command.arg("command:python3 app.py").run().exits(0);
    assert_eq!(ran.last_line(), "5 passed");
    assert!(package().join("examples/weather-app/README.md").exists());
}
