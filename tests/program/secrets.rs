//! A canary key, planted wherever a key can turn up, is found nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::server::serve;
use super::world::{Dir, Ran};

/// Has what each encoding changes.
const CANARY: &str = r#"cn-7Q/+"\ key%42~tail"#;

/// The canary as text may hold it: plain, percent-encoded, as JSON once and twice, as base64 wherever it starts.
fn forms() -> Vec<String> {
    let quoted = |text: &str| {
        let json = Value::from(text).to_string();
        json[1..json.len() - 1].to_owned()
    };
    let percent = utf8_percent_encode(CANARY, NON_ALPHANUMERIC).to_string();
    let mut forms = vec![CANARY.to_owned(), percent.to_lowercase(), percent, quoted(CANARY), quoted(&quoted(CANARY))];
    for offset in 0..3 {
        let bytes = [&b"xx"[..offset], CANARY.as_bytes()].concat();
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            // Without the characters that the bytes before and after have a part in.
            forms.push(text[4..text.len() - 4].to_owned());
        }
    }
    // As XML, Markdown's tables and GitHub's commands have it.
    forms.push(CANARY.replace('"', "&quot;"));
    forms.push(CANARY.replace('%', "%25"));
    forms
}

/// The reply to the request whose path is `path`: each hides the canary somewhere else.
fn reply(path: &str, asked: &Value) -> (u16, String, String) {
    let base64 = STANDARD_NO_PAD.encode(CANARY);
    let percent = utf8_percent_encode(CANARY, NON_ALPHANUMERIC).to_string();
    let chat = |message: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        .to_string()
    };
    let header = format!("x-echo: {CANARY}\r\nx-request-id: {percent}\r\n");
    match asked["messages"][0]["content"].as_str().unwrap_or(path) {
        "error" => {
            let message = format!("Incorrect API key provided: {CANARY} ({base64}) at /v1?key={percent}");
            (401, header, json!({"error": {"message": message, "type": "invalid_request_error"}}).to_string())
        }
        "text" => (401, header, format!("no such key: {CANARY} {percent} {base64} a{base64}")),
        "tool" if asked["messages"][1].is_null() => {
            let arguments = json!({"key": CANARY, "nested": json!({"key": CANARY}).to_string()}).to_string();
            let call = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}});
            (200, header, chat(json!({"role": "assistant", "content": null, "tool_calls": [call]})))
        }
        _ => (200, header, chat(json!({"role": "assistant", "content": format!("{CANARY} {percent} {base64}")}))),
    }
}

/// A provider that echoes the key. Returns its base URL.
fn provider() -> String {
    serve(|asked| {
        let has_key = asked.head.lines().any(|line| line.starts_with("authorization:") && line.contains(CANARY));
        match has_key {
            true => reply(&asked.path, &serde_json::from_slice(&asked.body).unwrap_or_default()),
            false => (500, String::new(), "the key did not arrive".to_owned()),
        }
    })
}

/// Each case fails, so that all that is known of it is shown.
const SUITE: &str = r##"
cases:
  - name: reply
    model: text
    steps: [{request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: reply}]}}, expect: {text: WANTED}}]
  - name: error
    model: text
    steps: [{request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: error}]}}, expect: {WANTED_ERROR}}]
  - name: text
    model: text
    steps: [{request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: text}]}}, expect: {WANTED_ERROR}}]
  - name: tool
    model: text
    steps:
      - request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: tool}]}}
        capture: {calls: tool_calls}
      - request: {post: /v1/chat/completions, body: {model: "${model}", messages: [{role: user, content: tool}, {role: assistant, content: null, tool_calls: "${calls}"}]}}
        expect: {text: WANTED}
"##;

fn suite(dir: &Dir, good: bool) {
    let (text, error) = match good {
        true => ("{exists: true}", "error: {message: {contains: key}}"),
        false => ("{equals: no}", "status: 200"),
    };
    dir.write("suites/canary.yaml", &SUITE.replace("{WANTED_ERROR}", &format!("{{{error}}}")).replace("WANTED", text));
}

#[track_caller]
fn is_clean(place: &str, bytes: &[u8], forms: &[String]) {
    let text = String::from_utf8_lossy(bytes);
    for form in forms {
        assert!(!text.contains(form.as_str()), "the canary is in {place} as {form}:\n{text}");
    }
}

#[test]
fn a_key_that_everything_echoes_is_found_nowhere() {
    let (dir, base, forms) = (Dir::new(), provider(), forms());
    let run = |words: &str| -> Ran {
        let key_in_url = format!("together={base}?key={}", utf8_percent_encode(CANARY, NON_ALPHANUMERIC));
        let reports = ["jsonl", "junit", "ctrf", "tap", "github", "markdown", "html"];
        let reports = reports.map(|kind| format!("--report {kind}=reports/{kind}")).join(" ");
        let command = dir.retake(&format!("test -vv --setup together {words} {reports}"));
        command.arg("--provider").arg(&key_in_url).env("TOGETHER_API_KEY", CANARY).run()
    };
    let (mut seen, mut reported) = (0, 0);
    for good in [false, true] {
        suite(&dir, good);
        for stack in ["ci-tests", "direct", "server:ci-tests:0"] {
            for mode in ["live", "record", "record-if-missing", "replay"] {
                let ran = run(&format!("--mode {mode} --stack-config {stack}"));
                let all = format!("{}{}", ran.stdout, ran.stderr);
                is_clean(&format!("the output of {mode} {stack}"), all.as_bytes(), &forms);
                // Of what did not pass nothing is kept, and the URL is shown without its query.
                let has_reply = !good && mode != "replay";
                assert!(!has_reply || all.contains("$TOGETHER_API_KEY"), "nothing was scrubbed: {all}");
                assert_eq!(ran.code, i32::from(!good), "{mode} {stack}: {all}");
                for (name, bytes) in dir.files("") {
                    is_clean(&name, &bytes, &forms);
                    seen += usize::from(name.starts_with("recordings"));
                    reported += usize::from(name.starts_with("reports") && bytes.len() > 100);
                }
            }
        }
    }
    assert!(seen > 0, "nothing was recorded");
    assert!(reported >= 5 * 24, "of {reported} reports");
}
