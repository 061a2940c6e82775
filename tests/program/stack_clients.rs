//! The clients that llama-stack's own tests use, and Together's, against `retake stack` and its recordings.

use super::world::{Dir, Ran, Running, TestCommand, package};

/// Runs a program of `tests/sdks/stack` against a running stack.
fn client(running: &Running, program: &str, words: &str) -> Ran {
    let script = package().join("scripts/sdks.sh");
    let program = package().join("tests/sdks/stack").join(program);
    let words = format!("stack {} http://127.0.0.1:{} {words}", program.display(), running.port);
    TestCommand::of(&script.to_string_lossy(), package(), &words).run().exits(0)
}

fn replayed(setup: &str, text: &str, embedding: &str) {
    let dir = Dir::new();
    dir.copy("suites");
    dir.copy("recordings");
    let running = Running::start(dir.path(), &format!("stack --setup {setup} --port 0"));
    let ran = client(&running, "clients.py", &format!("{text} {embedding}"));
    let told = |name: &str| ran.stdout.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!((told("llama-stack "), told("openai ")), (7, 6), "{}", ran.stdout);
}

#[test]
#[ignore = "installs SDKs from the package index; .ci/run asks for it"]
fn llama_stacks_clients_are_answered_from_togethers_recordings() {
    let text = "together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free";
    replayed("together", text, "together/togethercomputer/m2-bert-80M-32k-retrieval");
}

#[test]
#[ignore = "installs SDKs from the package index; .ci/run asks for it"]
fn llama_stacks_clients_are_answered_from_llama_cpps_recordings() {
    replayed("llama-cpp", "llama-cpp/smollm2-135m-instruct", "llama-cpp/smollm2-135m-instruct");
}

#[test]
#[ignore = "installs SDKs from the package index; .ci/run asks for it"]
fn openais_sdk_pages_filters_updates_and_deletes_stored_completions() {
    let dir = Dir::new();
    dir.copy("suites");
    // Every question gets an id of its own.
    dir.write("script.yaml", "dialect: {id: \"sim-${hash}\"}\nrules:\n  - reply: {text: Yes.}\n");
    let words = "stack --setup together --mode live --provider together=script:script.yaml --port 0";
    let running = Running::start(dir.path(), words);
    let ran = client(&running, "stored.py", "together/m");
    assert_eq!(ran.stdout, "pages 250\nmetadata 83\nupdated True\nmessages 2\ndeleted 249\nrefused\n");
}

#[test]
#[ignore = "installs SDKs from the package index; .ci/run asks for it"]
fn togethers_sdk_reads_its_recorded_models() {
    let dir = Dir::new();
    dir.copy("suites");
    dir.copy("recordings");
    let script = package().join("scripts/sdks.sh");
    let program = package().join("tests/sdks/stack/together_models.py");
    let words = format!("run --setup together -- {} stack {}", script.display(), program.display());
    let ran = dir.retake(&words).run().exits(0);
    let models = "meta-llama/Llama-3.3-70B-Instruct-Turbo-Free chat 131072 0.0\n\
                  togethercomputer/m2-bert-80M-32k-retrieval embedding 32768 0.008\n";
    assert!(ran.stdout.contains(models), "{}", ran.stdout);
}
