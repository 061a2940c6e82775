//! What is run: suites and their recordings, made here.

use std::fmt::Write as _;
use std::path::Path;

use retake::exchange::{Auth, ChunkMark, End, Exchange, Origin, Recording, Reply, Request, Times, write};
use retake::provider::Provider;
use retake::record::Library;

const MODEL: &str = "m";
const BASE_URL: &str = "http://127.0.0.1:9/v1";

/// Writes a folder from which the program can be started.
pub(crate) fn write_suite(home: &Path, suite: &str) {
    let suites = home.join("suites");
    std::fs::create_dir_all(&suites).unwrap();
    std::fs::write(suites.join("many.yaml"), suite).unwrap();
    let provider = format!("providers:\n  bench:\n    type: remote::openai\n    base_url: {BASE_URL}\n");
    std::fs::write(suites.join("providers.yaml"), provider).unwrap();
    let setup = format!("setups:\n  bench:\n    provider: bench\n    models: {{text: bench/{MODEL}}}\n");
    std::fs::write(suites.join("setups.yaml"), setup).unwrap();
}

const EXPECT: &str = "  expect:
    text: {contains: answer}
    json:
      $.usage.total_tokens: {gt: 0}
      $.choices[0].finish_reason: stop
";

/// One template with so many values of its parameter.
pub(crate) fn parameter(count: usize) -> String {
    let mut out = String::from("cases:\n- name: ask\n  model: text\n  params:\n    number:\n");
    for number in 0..count {
        let _ = writeln!(out, "    - {number}");
    }
    out + "  request: {post: /v1/chat/completions, body: {model: \"${model}\", messages: [{role: user, content: \"question ${number}\"}]}}\n"
        + EXPECT
}

/// So many templates.
pub(crate) fn templates(count: usize) -> String {
    let mut out = String::from("cases:\n");
    for number in 0..count {
        let _ = write!(
            out,
            "- name: ask_{number}\n  model: text\n  request: {{post: /v1/chat/completions, body: {{model: \"${{model}}\", messages: [{{role: user, content: question {number}}}]}}}}\n{EXPECT}"
        );
    }
    out
}

/// A script that answers after a while, as a provider does.
pub(crate) fn script(delay_ms: u32) -> String {
    format!("rules:\n- when: {{endpoint: /v1/chat/completions}}\n  reply: {{text: the answer, delay: {delay_ms}ms}}\n")
}

/// Writes the recording that each case asks for.
pub(crate) fn record(root: &Path, count: usize) {
    let provider = Provider { name: "bench".into(), base_url: BASE_URL.into(), ..Provider::default() };
    let library = Library::open(root, &provider);
    let folder = root.join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    for number in 0..count {
        let asked = format!(r#"{{"model":"{MODEL}","messages":[{{"role":"user","content":"question {number}"}}]}}"#);
        let answered = format!(
            r#"{{"id":"chat-{number}","object":"chat.completion","created":1,"model":"{MODEL}","choices":[{{"index":0,"message":{{"role":"assistant","content":"answer {number}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}}}"#
        );
        let request = Request {
            method: http::Method::POST,
            endpoint: "/v1/chat/completions".to_owned(),
            headers: http::HeaderMap::new(),
            body: asked.into(),
            auth: Auth::Provider,
            case: None,
        };
        let name = library.key(&request).name;
        let reply = Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            chunks: vec![ChunkMark { size: answered.len(), at_ms: 3 }],
            body: answered.into(),
            large: None,
            end: End::Complete,
        };
        let url = format!("{BASE_URL}/v1/chat/completions");
        let exchange = Exchange { request, url, reply, recorded_at: None, origin: Origin::Simulated };
        let recording = Recording::new(
            exchange,
            retake::exchange::Owners::ByOrder { times: Times::Count(1), cases: Default::default() },
        );
        std::fs::write(folder.join(format!("{name}.json")), write(&recording)).unwrap();
    }
}
