//! A client's own credential through the proxy, and the secrets of a `--provider` URL.

use std::process::Stdio;

use super::server::serve;
use super::strangers::{Recorded, raw};
use super::world::{Dir, Running};

const TOKEN: &str = "ya29.a0AfH6SMBx-Qw3rTy";
const PATH: &str = "/openai/v1/chat/completions";

/// Asks with these lines in the head.
fn ask(server: &Running, path: &str, lines: &[&str], body: &str) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let fixed = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let length = body.len();
    raw(server, &format!("POST {path} HTTP/1.1\r\n{fixed}{lines}Content-Length: {length}\r\n\r\n{body}"))
}

/// `retake serve` in front of that provider, whose variable is not set.
fn keyless(dir: &Dir, base: &str, words: &str) -> Running {
    let mut command = dir.retake(&format!("serve --port 0 --provider openai={base} {words}"));
    command.0.stderr(Stdio::null());
    Running::with(command)
}

#[track_caller]
fn is_nowhere(dir: &Dir, secret: &str) {
    for (name, bytes) in dir.files("") {
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{secret} is in {name}");
    }
}

#[test]
fn a_clients_own_credential_goes_on_where_the_variable_is_not_set_and_is_kept_nowhere() {
    let signed = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7REALLY/20261125/us-east-1/bedrock/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024";
    let bearer = format!("Bearer {TOKEN}");
    for (header, value, secret) in [
        ("Authorization", bearer.as_str(), TOKEN),
        ("Authorization", signed, "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"),
        ("x-api-key", "sk-ant-9fK2mQ7xV1bN", "sk-ant-9fK2mQ7xV1bN"),
        ("api-key", "0f3b9c2e71d84a65", "0f3b9c2e71d84a65"),
    ] {
        // It echoes everything.
        let base = serve(|asked| {
            let lines: Vec<&str> = asked.head.lines().filter(|line| !line.is_empty()).collect();
            (200, format!("x-echo: {}\r\n", lines.join(" ")), serde_json::json!({"head": lines}).to_string())
        });
        for mode in ["record", "record-if-missing"] {
            let dir = Dir::new();
            let server = keyless(&dir, &base, &format!("--mode {mode}"));
            let line = format!("{header}: {value}");
            let body = format!("{{\"model\":\"m\",\"user\":\"{secret}\"}}");
            let reply = ask(&server, PATH, &[&line], &body);
            assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains(secret), "{mode}: {reply}");
            server.end();
            assert_eq!(dir.files("recordings").len(), 1, "{mode}");
            is_nowhere(&dir, secret);
            let player = Running::start(dir.path(), "serve --port 0");
            let replayed = ask(&player, PATH, &[&line], &body);
            assert!(replayed.starts_with("HTTP/1.1 200 ") && replayed.contains("$CLIENT_"), "{replayed}");
        }
    }
}

#[test]
fn a_key_in_the_query_goes_on_as_a_header() {
    let world = Recorded::new("");
    let server = keyless(&world.dir, &world.base, "--mode record");
    let reply = ask(&server, "/openai/v1/models/m:generate?key=AIzaSyD-9fK2mQ7xV1bN", &[], "{}");
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    server.end();
    let head = world.asked().remove(0);
    assert!(head.contains("x-goog-api-key: AIzaSyD-9fK2mQ7xV1bN") && !head.contains("?key"), "{head}");
    is_nowhere(&world.dir, "AIzaSyD-9fK2mQ7xV1bN");
}

#[test]
fn a_made_up_key_goes_to_nobody() {
    let world = Recorded::new("");
    let server = keyless(&world.dir, &world.base, "--mode record");
    for line in
        ["Authorization: Bearer sk-test", "Authorization: Bearer retake", "x-api-key: dummy-key-for-tests", "X-Own: 1"]
    {
        let reply = ask(&server, PATH, &[line], "{}");
        assert!(reply.starts_with("HTTP/1.1 401 ") && reply.contains("x-retake-error: missing-key"), "{reply}");
        assert!(reply.contains("set OPENAI_API_KEY in the environment, let the client send its own"), "{reply}");
    }
    world.is_untouched();
}

#[test]
fn a_variable_that_is_set_wins_unless_the_client_is_to_be_asked() {
    let line = format!("Authorization: Bearer {TOKEN}");
    let sent = |words: &str, line: &str| {
        let world = Recorded::new("");
        let server = world.start(&format!("serve {words}"));
        assert!(ask(&server, PATH, &[line], "{}").starts_with("HTTP/1.1 200 "));
        server.end();
        is_nowhere(&world.dir, TOKEN);
        let head = world.asked().remove(0);
        head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default().to_owned()
    };
    assert_eq!(sent("", &line), "Bearer sk-canary-0123456789");
    assert_eq!(sent("--client-auth", &line), format!("Bearer {TOKEN}"));
    assert_eq!(sent("--client-auth", "Authorization: Bearer sk-test"), "Bearer sk-canary-0123456789");
}

#[test]
fn the_secrets_of_a_providers_url_are_used_and_shown_nowhere() {
    let base =
        serve(|asked| (200, String::new(), format!("{{\"path\":\"{}\",\"head\":{:?}}}", asked.path, asked.head)));
    let dir = Dir::new();
    let host = base.trim_start_matches("http://");
    let url = format!("openai=http://user:pa55word-4711@{host}?api-version=2&sig=s1gnature-4711");
    let serve = |words: &str| {
        let mut command = dir.retake(&format!("serve --port 0 {words}")).arg("--provider").arg(&url);
        command = command.env("OPENAI_API_KEY", "sk-canary-0123456789");
        command.0.stderr(std::fs::File::create(dir.path().join("stderr")).unwrap());
        Running::with(command)
    };
    let server = serve("--mode record");
    let reply = ask(&server, PATH, &[], "{}");
    assert!(reply.contains("sig=s1gnature-4711"), "{reply}");
    server.end();
    let player = serve("");
    let missed = ask(&player, PATH, &[], "{\"other\":1}");
    assert!(missed.contains(&format!("openai=http://{host}?api-version=2")), "{missed}");
    player.end();
    for (name, bytes) in dir.files("").into_iter().chain([("the reply".to_owned(), missed.into_bytes())]) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("pa55word-4711") && !text.contains("s1gnature-4711"), "{name}: {text}");
    }
    for wrong in ["openai=ftp://user:pa55word-4711@h/v1", "opnai=http://user:pa55word-4711@h/v1"] {
        let ran = dir.retake("serve --port 0").arg("--provider").arg(wrong).run().exits(4);
        assert!(!ran.stderr.contains("pa55word-4711"), "{}", ran.stderr);
    }
}

#[test]
fn a_key_that_leaves_this_machine_in_the_open_is_said_once() {
    let run = |url: &str, key: &str| {
        let words = format!("run --mode live --provider openai={url} -- true");
        Dir::new().retake(&words).env("OPENAI_API_KEY", key).run().exits(0).stderr
    };
    let said = run("http://gpu.example:8000/v1", "sk-canary-0123456789");
    assert_eq!(said.matches("goes over plain http to gpu.example").count(), 1, "{said}");
    for (url, key) in [
        ("https://gpu.example/v1", "sk-canary-0123456789"),
        ("http://127.0.0.1:9/v1", "sk-canary-0123456789"),
        ("http://ollama:11434/v1", "sk-canary-0123456789"),
        ("http://gpu.example:8000/v1", ""),
    ] {
        assert_eq!(run(url, key), "", "{url}");
    }
}
