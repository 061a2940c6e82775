//! A provider that fails in every way at random, and clients that ask again as SDKs do: what they hear while it is recorded
//! is what they hear in replay.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::client;
use super::run::Waiting;
use crate::world::Dir;

/// How long a client waits for a reply. The provider answers long before it or long after it: of a reply that comes just then,
/// nobody knows whether the client still saw it.
const LIMIT: Duration = Duration::from_secs(1);
/// How often it asks until it gives up.
const TRIES: u32 = 20;
const AGENTS: usize = 6;
const TURNS: usize = 3;

/// Random numbers that a seed repeats (xorshift).
struct Dice(Mutex<u64>);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % sides
    }
}

async fn provider(seed: u64) -> u16 {
    let dice = Arc::new(Dice(Mutex::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, Arc::clone(&dice)));
        }
    });
    port
}

/// Answers the requests of one connection until one of them ends it.
async fn serve(stream: TcpStream, dice: Arc<Dice>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            let lower = line.to_ascii_lowercase();
            length = lower.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
        }
        stream.read_exact(&mut vec![0; length]).await.ok()?;
        tokio::time::sleep(Duration::from_millis(dice.roll(30))).await;
        let fresh = json!({"id": dice.roll(u64::MAX), "text": "hi"}).to_string();
        let (status, body) = match dice.roll(12) {
            0 => return None,
            1 => (429, "{\"error\":{\"message\":\"slow down\"}}".to_owned()),
            2 => (500, "{\"error\":{\"message\":\"sorry\"}}".to_owned()),
            // Long after every limit.
            3 => std::future::pending().await,
            4 => {
                tokio::time::sleep(LIMIT + Duration::from_millis(300 + dice.roll(300))).await;
                (200, fresh)
            }
            _ => (200, fresh),
        };
        let is_cut = status == 200 && dice.roll(8) == 0;
        let sent = if is_cut { &body[..10] } else { &body };
        let kind = "content-type: application/json";
        let reply = format!("HTTP/1.1 {status} X\r\n{kind}\r\ncontent-length: {}\r\n\r\n{sent}", body.len());
        stream.write_all(reply.as_bytes()).await.ok()?;
        if is_cut {
            return None;
        }
    }
}

/// Asks until there is an answer, and says what came on the way, but for what no reply came to.
async fn ask(url: &str, session: &str, messages: &Value) -> Vec<String> {
    let body = json!({"model": "m", "messages": messages}).to_string();
    let mut heard = Vec::new();
    for _ in 0..TRIES {
        let asked = client().post(url).header("x-retake-session", session).header("content-type", "application/json");
        let Ok(reply) = asked.body(body.clone()).timeout(LIMIT).send().await else { continue };
        let status = reply.status().as_u16();
        match reply.text().await {
            Ok(text) if status == 200 => {
                heard.push(text);
                return heard;
            }
            // The proxy's own: the provider said nothing.
            _ if [502, 504].contains(&status) => {}
            Ok(text) => heard.push(format!("{status} {text}")),
            Err(_) => heard.push(format!("{status} cut")),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{session} gave up: {heard:?}");
}

/// What each agent hears. Each goes on with what it got.
async fn agents(recorder: &Waiting) -> Vec<Vec<Vec<String>>> {
    let url = format!("{}/chat/completions", recorder.said());
    join_all((0..AGENTS).map(|agent| {
        let (url, session) = (&url, format!("agent-{agent}"));
        async move {
            let (mut messages, mut all) =
                (vec![json!({"role": "user", "content": format!("begin {agent}")})], Vec::new());
            for turn in 0..TURNS {
                let heard = ask(url, &session, &Value::from(messages.clone())).await;
                messages.push(json!({"role": "assistant", "content": heard.last()}));
                messages.push(json!({"role": "user", "content": format!("go on {turn}")}));
                all.push(heard);
            }
            all
        }
    }))
    .await
}

#[tokio::test]
async fn what_clients_hear_of_a_failing_provider_is_what_they_hear_in_replay() {
    join_all((1..=4).map(async |seed| {
        let dir = Dir::new();
        let port = provider(seed).await;
        let flags =
            format!("--mode record --provider llama-cpp=http://127.0.0.1:{port}/v1 --env OPENAI_BASE_URL=llama-cpp/v1");
        let recording = Waiting::start(&dir, &flags, "OPENAI_BASE_URL");
        let recorded = agents(&recording).await;
        recording.end(0).exits(0);
        let replaying = Waiting::start(&dir, "--env OPENAI_BASE_URL=llama-cpp/v1", "OPENAI_BASE_URL");
        for (agent, (heard, before)) in agents(&replaying).await.into_iter().zip(recorded).enumerate() {
            assert_eq!(heard, before, "seed {seed}, agent {agent}");
        }
        replaying.end(0).exits(0);
    }))
    .await;
}
