//! The SDKs that users have, against a real server and then against its recordings alone.

use std::path::Path;

use super::server::Server;
use super::world::{Dir, package};

/// Runs a program of an SDK, first recording from the provider, then with the provider gone; demands the same output.
fn answers_alike(kind: &str, program: &str, providers: &str, variables: &str, servers: Vec<Server>) {
    let dir = Dir::new();
    dir.copy("suites");
    let run = |flags: &str| {
        let script = package().join("scripts/sdks.sh");
        let program = package().join("tests/sdks").join(program);
        let words = format!("run {flags} {variables} -- {} {kind} {}", script.display(), program.display());
        dir.retake(&words).run().exits(0).stdout
    };
    let live = run(&format!("--mode record {providers}"));
    drop(servers);
    let replayed = run("--mode replay");
    assert!(live.lines().count() >= 6, "{live}");
    for (live, replayed) in live.lines().zip(replayed.lines()) {
        assert_eq!(replayed, live);
    }
    assert_eq!(live.lines().count(), replayed.lines().count());
    // A changed question is no longer answered, and the run says so.
    let file = package().join("tests/sdks").join(program);
    let changed = std::fs::read_to_string(file).unwrap().replace("humans live on", "people live on");
    let changed = dir.write(program, &changed);
    let script = package().join("scripts/sdks.sh");
    let words = format!("run {variables} -- {} {kind} {}", script.display(), changed.display());
    let ran = dir.retake(&words).run();
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    ran.says("missing-recording").says("people live on");
}

fn with_llama_cpp(kind: &str, program: &str, variables: &str) {
    let server = Server::llama_cpp();
    let providers = format!("--provider llama-cpp={}/v1", server.base);
    answers_alike(kind, program, &providers, variables, vec![server]);
}

#[test]
#[ignore = "installs a server, a model and SDKs from the package indexes; .ci/run asks for it"]
fn openai_for_python() {
    with_llama_cpp("python", "openai_python.py", "--env OPENAI_BASE_URL=llama-cpp/v1");
}

#[test]
#[ignore = "installs a server, a model and SDKs from the package indexes; .ci/run asks for it"]
fn openai_for_node() {
    with_llama_cpp("node", "openai_node.mjs", "--env OPENAI_BASE_URL=llama-cpp/v1");
}

#[test]
#[ignore = "installs a server, a model and SDKs from the package indexes; .ci/run asks for it"]
fn anthropic_for_python() {
    with_llama_cpp("python", "anthropic_python.py", "--env ANTHROPIC_BASE_URL=llama-cpp");
}

#[test]
#[ignore = "installs a server, a model and SDKs from the package indexes; .ci/run asks for it"]
fn ollama_for_python() {
    let server = Server::llama_cpp();
    let gateway = package().join("tests/sdks/ollama_gateway.py");
    let gateway = Server::start(Path::new("python3"), &[&gateway.to_string_lossy(), &format!("{}/v1", server.base)]);
    let providers = format!("--provider ollama={}/v1", gateway.base);
    answers_alike("python", "ollama_python.py", &providers, "", vec![gateway, server]);
}
