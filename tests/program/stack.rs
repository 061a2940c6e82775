//! The gateway on a port.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::world::{Dir, Running, TestCommand, package};

fn started() -> (Dir, Running) {
    let dir = Dir::new();
    dir.copy("suites");
    dir.copy("recordings");
    let running = Running::start(dir.path(), "stack --setup together --port 0");
    (dir, running)
}

const HELLO: &str = r#"{"model":"together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free","messages":[{"role":"user","content":"Hello, world!"}],"stream":true}"#;

#[test]
fn a_stored_completion_survives_a_kill_right_after_the_reply() {
    let (dir, mut running) = started();
    let reply = running.ask("POST", "/v1/chat/completions", HELLO);
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let id = reply.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    running.kill();
    let again = Running::start(dir.path(), "stack --setup together --port 0");
    let kept = again.ask("GET", &format!("/v1/openai/v1/chat/completions/{id}"), "");
    assert!(
        kept.starts_with("HTTP/1.1 200") && kept.contains("Hello, world!") && kept.contains("input_messages"),
        "{kept}"
    );
}

#[test]
fn streams_end_without_done_where_the_stack_is_told_so() {
    let (dir, running) = started();
    let with = running.ask("POST", "/v1/chat/completions", HELLO);
    let without = Running::start(dir.path(), "stack --setup together --port 0 --no-done");
    let without = without.ask("POST", "/v1/chat/completions", HELLO);
    assert!(with.contains("data: [DONE]") && !without.contains("[DONE]"), "{with}\n{without}");
    assert_eq!(with.matches("data: {").count(), without.matches("data: {").count());
}

#[test]
fn a_running_stack_is_reused_and_that_is_said() {
    let (_dir, running) = started();
    let words = format!("test --setup together --pattern openai --stack-config server:ci-tests:{}", running.port);
    let ran = TestCommand::new(package(), &words).run().exits(0);
    assert!(ran.last_line().starts_with("30 passed, 17 skipped"), "{}", ran.last_line());
    ran.says(&format!("Port {} is already in use, assuming server is already running...", running.port));
}

#[test]
fn a_stack_in_another_mode_is_not_taken_for_this_run() {
    let (_dir, running) = started();
    let port = running.port;
    let words =
        format!("test --setup together --mode live --pattern chat_system --stack-config server:ci-tests:{port}");
    TestCommand::new(package(), &words).run().exits(4).says("replay");
}

#[test]
fn a_stranger_on_the_port_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
        }
    });
    let words = format!("test --setup together --pattern openai --stack-config server:ci-tests:{port}");
    TestCommand::new(package(), &words).run().exits(4).says(&format!("{port}"));
}

#[test]
fn a_free_port_gets_a_stack_for_the_run() {
    let words = "test --setup together --pattern openai --stack-config server:ci-tests:0";
    let ran = TestCommand::new(package(), words).run().exits(0);
    assert!(ran.last_line().starts_with("30 passed, 17 skipped"), "{}", ran.last_line());
}

#[test]
fn a_url_is_a_stack_too() {
    let (_dir, running) = started();
    let words = format!("test --setup together --pattern openai --stack-config http://127.0.0.1:{}", running.port);
    let ran = TestCommand::new(package(), &words).run().exits(0);
    assert!(ran.last_line().starts_with("30 passed, 17 skipped"), "{}", ran.last_line());
}

#[test]
fn without_keys_only_loopback_is_bound() {
    let dir = Dir::new();
    dir.copy("suites");
    dir.copy("recordings");
    dir.retake("stack --setup together --host 0.0.0.0 --port 0").run().exits(4).says("--keys");
}

#[test]
fn a_script_listens_on_loopback_and_is_recorded_from_there() {
    let dir = Dir::new();
    dir.copy("suites");
    dir.copy("examples");
    let script = Running::start(dir.path(), "script examples/together-script.yaml");
    let base = format!("--setup together --provider together=script:http://127.0.0.1:{}/v1", script.port);
    let words = format!("test {base} --mode record --pattern openai");
    let recorded = dir.retake(&words).env("TOGETHER_API_KEY", "canary-4711-canary").run().exits(0);
    drop(script);
    let replayed = dir.retake("test --setup together --pattern openai").run().exits(0);
    assert_eq!(recorded.outcomes(), replayed.outcomes());
    for (name, bytes) in dir.files("recordings") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.contains("\"origin\": \"simulated\"") && !text.contains("canary"), "{name}");
    }
}
