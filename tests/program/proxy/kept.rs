//! What is kept of credentials: nothing, whoever declared them, and however a provider tells of them.

use std::fs::File;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CANARY, client, served};
use crate::server;
use crate::world::{Dir, Running};

/// A client's own, under names that no provider's data declares.
const OWN: [(&str, &str); 5] = [
    ("x-portkey-api-key", "p0rtkey-own-cr3dential"),
    ("helicone-auth", "Bearer hel1cone-own-cr3dential"),
    ("x-amz-security-token", "am4zon-own-cr3dential"),
    ("ocp-apim-subscription-key", "4zure-own-cr3dential"),
    ("authorization", "Bearer cl1ent-own-cr3dential"),
];
const TOKEN: &str = "retake-t0ken-of-mine";
const FORM: &str = "sk-proj-a8Fq2LkZ0pWmX7vT1cRb9YdN";

/// All that must be in no file.
fn words() -> Vec<String> {
    let own = OWN.iter().map(|(_, value)| value.trim_start_matches("Bearer ").to_owned());
    let hex = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let twice = STANDARD.encode(STANDARD.encode(CANARY));
    let more = [CANARY, TOKEN, FORM, "s1gnature-of-mine", "org-a8fq2lkz0pwm", "us3r:passw0rd"].map(str::to_owned);
    own.chain(more).chain([hex, twice]).collect()
}

/// A provider that tells everything it knows, a part of it in pieces.
fn provider() -> String {
    server::serve(|asked| {
        let mut pieces = String::new();
        for piece in CANARY.as_bytes().chunks(4) {
            let arguments = json!({"arguments": String::from_utf8_lossy(piece)});
            let delta = json!({"tool_calls": [{"index": 0, "function": arguments}]});
            pieces += &format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
        }
        let headers = "openai-organization: org-a8fq2lkz0pwm\r\nset-cookie: a=c00kie-of-m1ne\r\n\
                       location: https://us3r:passw0rd@h.example/x?sig=s1gnature-of-mine\r\n";
        let told = words().iter().map(|word| format!("{word} ")).collect::<String>();
        let link = "https://b.example/i.png?se=2026&sig=s1gnature-of-mine";
        let whole = json!({"told": told.replace("us3r:passw0rd", ""), "link": link, "asked": asked.head});
        let body = if asked.path.contains("pieces") { pieces } else { whole.to_string() };
        (200, headers.to_owned(), body)
    })
}

async fn ask(running: &Running, path: &str, body: &str) -> (u16, String) {
    let mut message = client().post(running.url(path)).header("x-retake-token", TOKEN);
    for (name, value) in OWN {
        message = message.header(name, value);
    }
    let reply = message.body(body.to_owned()).send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

#[tokio::test]
async fn no_credential_reaches_a_file_whoever_declared_it_and_however_it_is_told() {
    let (dir, base) = (Dir::new(), provider());
    let start = |mode: &str, errors: &str| {
        let mut command = served(&dir, &format!("--mode {mode} --provider openai={base}"));
        command = command.env("OPENAI_API_KEY", CANARY).env("RETAKE_TOKEN", TOKEN);
        command.0.stderr(File::create(dir.path().join(errors)).unwrap());
        Running::with(command)
    };
    let asked = [
        ("/openai/v1/whole", json!({"messages": [{"content": "hello"}]})),
        ("/openai/v1/pieces?a=1;sig=s1gnature-of-mine", json!({"messages": [{"content": "hello"}]})),
        ("/openai/v1/held", json!({"messages": [{"content": format!("my key is {CANARY} and {FORM}")}]})),
    ];
    let recorder = start("record", "record.log");
    for (path, body) in &asked {
        assert_eq!(ask(&recorder, path, &body.to_string()).await.0, 200, "{path}");
    }
    recorder.end();
    let mut recorded = 0;
    for (name, bytes) in dir.files("") {
        let text = String::from_utf8_lossy(&bytes);
        for word in words() {
            assert!(!text.contains(&word), "{word} is in {name}:\n{text}");
        }
        if name.starts_with("recordings") {
            recorded += 1;
            assert!(serde_json::from_str::<Value>(&text).is_ok() && text.contains("$OPENAI_API_KEY"), "{text}");
        }
    }
    assert_eq!(recorded, 3);
    let told = std::fs::read_to_string(dir.path().join("record.log")).unwrap();
    assert_eq!(told.matches("holds the value of OPENAI_API_KEY").count(), 1, "{told}");

    let player = start("replay", "replay.log");
    for (path, body) in &asked {
        let (status, text) = ask(&player, path, &body.to_string()).await;
        assert!(status == 200 && text.contains("$OPENAI_API_KEY"), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_secret_that_only_a_lie_could_hide_is_not_written_and_said() {
    let dir = Dir::new();
    let base = server::serve(|_| {
        let tokens: Vec<Value> = CANARY.bytes().map(|byte| json!({"bytes": [byte]})).collect();
        (200, String::new(), json!({"choices": [{"logprobs": {"content": tokens}}]}).to_string())
    });
    let mut command = served(&dir, &format!("--mode record --provider openai={base}")).env("OPENAI_API_KEY", CANARY);
    command.0.stderr(File::create(dir.path().join("record.log")).unwrap());
    let recorder = Running::with(command);
    assert_eq!(ask(&recorder, "/openai/v1/chat/completions", "{\"model\":\"m\"}").await.0, 200);
    recorder.ends(1);
    assert!(dir.files("recordings").is_empty());
    let told = std::fs::read_to_string(dir.path().join("record.log")).unwrap();
    let wanted = "the value of OPENAI_API_KEY would remain in it: the reply to POST /v1/chat/completions holds it";
    assert!(told.contains(wanted), "{told}");
}

#[tokio::test]
async fn large_bodies_of_backslashes_hold_nobody_up() {
    let dir = Dir::new();
    let base = server::serve(|_| (200, String::new(), json!({"text": "\\".repeat(100_000)}).to_string()));
    let key = |command: crate::world::TestCommand| command.env("OPENAI_API_KEY", CANARY);
    let body = json!({"messages": [{"content": "\\".repeat(150_000)}]}).to_string();
    let recorder = Running::with(key(served(&dir, &format!("--mode record --provider openai={base}"))));
    assert_eq!(ask(&recorder, "/openai/v1/x", &body).await.0, 200);
    recorder.end();
    let player = Running::with(key(served(&dir, "")));
    let health = async {
        let start = Instant::now();
        let reply = client().get(player.url("/health")).send().await.unwrap();
        (reply.status().as_u16(), start.elapsed())
    };
    let replay = || ask(&player, "/openai/v1/x", &body);
    let (first, second, (status, took)) = tokio::join!(replay(), replay(), health);
    assert_eq!((first.0, second.0, status), (200, 200, 200));
    assert!(took < Duration::from_secs(10), "{took:?}");
}
