//! What is shown on a terminal, and not in a log: `script` gives the program one.

use std::process::Command;

use super::world::{Dir, Ran, Running};

const SUITE: &str = r#"
cases:
  - name: slow
    params: {n: [1, 2, 3]}
    request: {post: /v1/chat/completions, body: {model: gpt-4o, messages: [{role: user, content: "number ${n}"}]}}
    expect: {status: 200}
"#;
const SCRIPT: &str = "rules:\n  - reply: {text: Well., delay: 600ms}\n";

fn project() -> Dir {
    let dir = Dir::new();
    dir.write("suites/slow.yaml", SUITE);
    dir.write("script.yaml", SCRIPT);
    dir
}

const WORDS: &str = "test --mode live --stack-config direct --setup gpt --provider openai=script:script.yaml";

/// The same command on a terminal of 100 columns; `None` where there is no `script`.
fn on_a_terminal(dir: &Dir, line: &str) -> Option<Ran> {
    let retake = env!("CARGO_BIN_EXE_retake");
    let line = format!("stty cols 100; TERM=xterm {line}").replace("@retake", retake);
    let plain = dir.retake("");
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(dir.path());
    for (name, value) in plain.0.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(std::process::Stdio::null()).output().ok().map(Ran::from)
}

#[test]
fn a_run_on_a_terminal_has_a_line_that_says_how_far_it_is_and_leaves_nothing_of_it() {
    let dir = project();
    let Some(ran) = on_a_terminal(&dir, &format!("@retake {WORDS}")) else { return };
    let ran = ran.exits(0).says("3 passed");
    assert!(ran.stdout.contains("\r\u{1b}[K1/3 | "), "{:?}", ran.stdout);
    assert!(ran.stdout.contains("s suites/slow.yaml::slow["), "{:?}", ran.stdout);
    // Each line of it was erased before anything else was printed.
    let last = ran.stdout.rsplit("\r\u{1b}[K").next().unwrap();
    assert!(!last.contains(" | ") && last.contains("3 passed"), "{last:?}");
}

#[test]
fn a_run_in_a_log_has_no_such_line() {
    let dir = project();
    let ran = dir.retake(WORDS).run().exits(0).says("3 passed");
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains("1/3"), "{:?}", ran.stdout);
    let Some(ran) = on_a_terminal(&dir, &format!("env CI=true @retake {WORDS}")) else { return };
    assert!(!ran.stdout.contains("1/3 |"), "{:?}", ran.stdout);
}

#[test]
fn a_server_on_a_terminal_shows_each_request_and_sums_up_at_its_end() {
    let dir = project();
    let asks = "(while ! curl -s 127.0.0.1:$PORT/health >/dev/null; do sleep 0.05; done; \
                curl -s -d '{\"model\":\"m-1\"}' 127.0.0.1:$PORT/openai/v1/chat/completions >/dev/null; sleep 0.2; kill -INT $(cat pid)) &";
    let port = free_port();
    dir.write("serve.sh", &format!("PORT={port}\n{asks}\necho $$ > pid\nexec \"$RETAKE\" serve --port {port}\n"));
    let Some(ran) = on_a_terminal(&dir, "env RETAKE=@retake sh serve.sh") else {
        return;
    };
    assert!(ran.stdout.contains("424 missing-recording"), "{}", ran.stdout);
    assert!(ran.stdout.contains("POST /openai/v1/chat/completions m-1"), "{}", ran.stdout);
    assert!(ran.stdout.contains("openai: 1 request, 1 missed (recordings/openai)"), "{}", ran.stdout);
    // In a log there are the troubles alone.
    let server = Running::start(dir.path(), "serve --port 0");
    server.ask("POST", "/openai/v1/chat/completions", "{}");
    server.end();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
