//! `retake run`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use reqwest::Response;

use super::provider::Provider;
use super::{CANARY, client};
use crate::world::{Dir, Ran, TestCommand};

fn run(dir: &Dir, flags: &str, script: &str) -> Ran {
    dir.retake(&format!("run {flags} -- sh -c")).arg(script).run()
}

/// A command that says where its SDK would go and then waits for the test to have asked it: its stdout and exit code
/// are what the user would see.
pub(super) struct Waiting {
    child: Child,
    stdin: ChildStdin,
    base: String,
}

impl Waiting {
    pub(super) fn start(dir: &Dir, flags: &str, variable: &str) -> Self {
        Waiting::with(dir.retake(&format!("run {flags} -- sh -c")), variable)
    }

    /// The same with `retake run FLAGS -- sh -c` that is prepared already.
    pub(super) fn with(command: TestCommand, variable: &str) -> Self {
        let mut command = command.arg(&format!("echo ${variable}; read line; exit \"$line\"")).0;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut base = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut base).unwrap();
        let stdin = child.stdin.take().unwrap();
        Waiting { child, stdin, base: base.trim().to_owned() }
    }

    /// What the variables were.
    pub(super) fn said(&self) -> &str {
        &self.base
    }

    pub(super) async fn ask(&self, path: &str) -> u16 {
        self.ask_with(path, "{}").await
    }

    pub(super) async fn ask_with(&self, path: &str, body: &str) -> u16 {
        self.reply(path, body).await.status().as_u16()
    }

    pub(super) async fn reply(&self, path: &str, body: &str) -> Response {
        client().post(format!("{}{path}", self.base)).body(body.to_owned()).send().await.unwrap()
    }

    /// The error of a client that waits only so long.
    pub(super) async fn leave(&self, path: &str, limit: Duration) -> reqwest::Error {
        client().post(format!("{}{path}", self.base)).body("{}").timeout(limit).send().await.unwrap_err()
    }

    pub(super) fn end(mut self, code: u8) -> Ran {
        writeln!(self.stdin, "{code}").unwrap();
        drop(self.stdin);
        Ran::from(self.child.wait_with_output().unwrap())
    }
}

#[test]
fn the_command_has_the_terminal_and_its_exit_code_is_ours() {
    let dir = Dir::new();
    let ran = run(&dir, "--mode live", "echo out; echo err >&2").exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    run(&dir, "", "exit 7").exits(7);
    run(&dir, "", "exit 255").exits(255);
    dir.retake("run -- no-such-command-anywhere").run().exits(127).says("no such command");
    dir.retake("run").run().exits(4).says("COMMAND");
    dir.retake("run --").run().exits(4);
    dir.retake("run --setup togehter -- true").run().exits(4).says("did you mean `together`?");
}

#[cfg(unix)]
#[test]
fn signals_are_told_as_a_shell_tells_them_and_handed_on() {
    let dir = Dir::new();
    run(&dir, "", "kill -9 $$").exits(137);
    dir.write("script.txt", "no program");
    dir.retake("run -- ./script.txt").run().exits(126);
    for (signal, name) in [("-TERM", "TERM"), ("-INT", "INT"), ("-HUP", "HUP")] {
        let script = format!("trap 'echo cleaned up; exit 9' {name}; echo ready; while :; do sleep 0.05; done");
        let mut command = dir.retake("run -- sh -c").arg(&script).0;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        line.clear();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "cleaned up\n", "{name}");
        assert_eq!(child.wait().unwrap().code(), Some(9), "{name}");
    }
}

#[test]
fn sdks_are_led_here_and_have_a_key() {
    let dir = Dir::new();
    let all = "echo $OPENAI_BASE_URL $OLLAMA_HOST $RETAKE_PROXY_URL $OPENAI_API_KEY $GROQ_API_KEY $NO_PROXY";
    let ran = dir.retake("run --env OPENAI_BASE_URL=llama-cpp/v1 -- sh -c").arg(all);
    let ran = ran.env("GROQ_API_KEY", CANARY).env("NO_PROXY", "intranet").run().exits(0);
    let words: Vec<&str> = ran.stdout.split_whitespace().collect();
    let [openai, ollama, own, placeholder, real, no_proxy] = words[..] else { panic!("{words:?}") };
    assert_eq!(openai, format!("{own}/llama-cpp/v1"));
    assert_eq!(ollama, format!("{own}/ollama"));
    assert!(own.starts_with("http://127.0.0.1:"));
    assert_eq!((placeholder, real, no_proxy), ("retake", CANARY, "intranet,127.0.0.1,localhost,::1"));
}

#[tokio::test]
async fn a_miss_or_a_way_that_leads_nowhere_fails_a_command_that_did_not_notice() {
    let dir = Dir::new();
    let missed = Waiting::start(&dir, "", "OPENAI_BASE_URL");
    assert_eq!((missed.ask("/models").await, missed.ask("/models").await), (424, 424));
    let ran = missed.end(0).exits(1).says("no recording of POST /v1/models (openai)").says("asked 2 times");
    let ran =
        ran.says("to record it: retake run --mode record -- sh -c 'echo ").says("2 requests had no answer: exit 1");
    assert_eq!(ran.stdout, "");
    let lost = Waiting::start(&dir, "", "RETAKE_PROXY_URL");
    assert_eq!(lost.ask("/v1/models").await, 404);
    lost.end(0).exits(1).says("unknown-route");
    // What failed by itself keeps its own code, and the reason is said all the same.
    let failed = Waiting::start(&dir, "", "OPENAI_BASE_URL");
    failed.ask("/models").await;
    failed.end(5).exits(5).says("no recording of POST /v1/models");
}

#[tokio::test]
async fn what_one_run_recorded_the_next_replays_without_the_provider() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    let flags = format!("--mode record --provider ollama=http://127.0.0.1:{}/v1", provider.port);
    let recording = Waiting::start(&dir, &flags, "OLLAMA_HOST");
    assert_eq!(recording.ask("/api/chat").await, 200);
    recording.end(0).exits(0);
    assert_eq!(dir.files("recordings").len(), 1);
    let replaying = Waiting::start(&dir, "", "OLLAMA_HOST");
    assert_eq!(replaying.ask("/api/chat").await, 200);
    let ran = replaying.end(0).exits(0);
    assert_eq!((provider.calls(), ran.stderr.as_str()), (1, ""));
}

#[tokio::test]
async fn a_recording_that_cannot_be_written_fails_the_run() {
    let provider = Provider::start().await;
    let dir = Dir::new();
    dir.write("recordings", "a file where the folder should be");
    let flags = format!("--mode record --provider ollama=http://127.0.0.1:{}/v1", provider.port);
    let recording = Waiting::start(&dir, &flags, "OLLAMA_HOST");
    assert_eq!(recording.ask("/api/chat").await, 200);
    recording.end(0).exits(1).says("could not write").says("1 recording could not be made: exit 1");
}

#[tokio::test]
async fn what_lies_among_the_recordings_is_told_when_one_is_missing() {
    let dir = Dir::new();
    dir.write("recordings/cassette.json", r#"{"interactions": [], "version": 1}"#);
    dir.write(
        "recordings/of-another-host.json",
        r#"{"request": {"method": "POST", "url": "https://me.azure.example/v1/v1/x", "endpoint": "/v1/x", "body": {}},
            "response": {"body": {"a": 1}, "is_streaming": false}}"#,
    );
    let asking = Waiting::start(&dir, "", "OLLAMA_HOST");
    assert_eq!(asking.ask("/v1/x").await, 424);
    let ran = asking.end(0).exits(1);
    ran.says("1 VCR cassette is of another tool")
        .says("1 recording is of me.azure.example")
        .says("=https://me.azure.example/v1");
}
