//! Java's own clients, with a provider's address in their code and without changes.

use super::plugin::provider;
use super::world::{Dir, Ran, package};

fn java(dir: &Dir, flags: &str) -> Ran {
    let source = package().join("tests/clients/java/Ask.java");
    let command = dir.retake(&format!("run {flags} -- java {}", source.display()));
    command.env("OPENAI_API_KEY", "sk-of-the-test-0123456789").env("JAVA_TOOL_OPTIONS", "-Dkept=yes").run()
}

#[test]
#[ignore = "needs Java 17 or newer; .ci/run looks for it"]
fn both_clients_of_java_use_the_proxy_and_trust_it() {
    let dir = Dir::new();
    let record = format!("--mode record --provider openai={}", provider());
    let recorded = java(&dir, &record).exits(0).says("openai: 3 requests, 3 recorded").says("-Dkept=yes");
    for client in ["newer {\"id\":\"chat-", "older {\"id\":\"chat-", "plain {\"id\":\"chat-"] {
        assert!(recorded.stdout.contains(client), "{client}\n{}", recorded.stdout);
    }
    let replayed = java(&dir, "").exits(0);
    assert_eq!(replayed.stdout, recorded.stdout);
}
