//! A provider whose connection ends before its reply begins, or that says nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::post;
use super::run::Waiting;
use super::serve;
use crate::world::Dir;

/// Reads a first request and closes its connection, or says nothing more, and answers the others.
fn provider(is_silent: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut all = listener.incoming().map(Result::unwrap);
        let first = all.next().inspect(read).filter(|_| is_silent);
        for stream in all {
            read(&stream);
            answer(stream);
        }
        drop(first);
    });
    port
}

fn flaky() -> u16 {
    provider(false)
}

fn read(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 0 && line != "\r\n" {
        let lower = line.to_ascii_lowercase();
        length = lower.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
        line.clear();
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}

fn answer(mut stream: TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    stream.write_all(head.as_bytes()).unwrap();
}

fn flags(port: u16) -> String {
    format!("--mode record --provider ollama=http://127.0.0.1:{port}/v1")
}

#[tokio::test]
async fn a_client_may_ask_again_where_no_reply_came_and_replay_answers_at_once() {
    let dir = Dir::new();
    let recording = Waiting::start(&dir, &flags(flaky()), "OLLAMA_HOST");
    let lost = recording.reply("/api/chat", "{}").await;
    assert_eq!((lost.status().as_u16(), &lost.headers()["x-retake-error"]), (502, &"broken-off".parse().unwrap()));
    assert!(!lost.headers().contains_key("x-should-retry"), "an SDK retries a 502 unless it is told not to");
    assert_eq!(recording.ask("/api/chat").await, 200);
    recording.end(0).exits(0).says("2 requests, 1 recorded, 1 without a reply");
    let replaying = Waiting::start(&dir, "", "OLLAMA_HOST");
    assert_eq!(replaying.ask("/api/chat").await, 200);
    replaying.end(0).exits(0);
}

#[tokio::test]
async fn a_run_that_records_fails_where_replay_would_miss_a_request() {
    let dir = Dir::new();
    let recording = Waiting::start(&dir, &flags(flaky()), "OLLAMA_HOST");
    assert_eq!((recording.ask("/api/chat").await, recording.ask("/api/other").await), (502, 200));
    let ran = recording.end(0).exits(1).says("POST /api/chat: no reply came, so there is no recording");
    ran.says("the command succeeded, but 1 recording could not be made: exit 1");
    // What was answered is kept.
    let replaying = Waiting::start(&dir, "", "OLLAMA_HOST");
    assert_eq!((replaying.ask("/api/other").await, replaying.ask("/api/chat").await), (200, 424));
    replaying.end(0).exits(1);
    // A command that failed has its own reason.
    let failed = Waiting::start(&dir, &flags(flaky()), "OLLAMA_HOST");
    assert_eq!(failed.ask("/api/chat").await, 502);
    assert!(!failed.end(3).exits(3).stderr.contains("no reply came, so"));
}

#[tokio::test]
async fn replay_gives_the_first_request_what_the_retry_got_after_a_time_limit() {
    let dir = Dir::new();
    let recording = Waiting::start(&dir, &flags(provider(true)), "OLLAMA_HOST");
    assert!(recording.leave("/api/chat", Duration::from_millis(300)).await.is_timeout());
    assert_eq!(recording.ask("/api/chat").await, 200);
    let ran = recording.end(0).exits(0).says("2 requests, 1 recorded (");
    assert!(!ran.stderr.contains("had not ended"), "nothing is waited for");
    let replaying = Waiting::start(&dir, "", "OLLAMA_HOST");
    assert_eq!(replaying.ask("/api/chat").await, 200);
    replaying.end(0).exits(0);
}

#[cfg(unix)]
#[tokio::test]
async fn so_does_a_server() {
    let dir = Dir::new();
    let running = serve(&dir, &flags(flaky()));
    assert_eq!(post(&running, "/ollama/api/chat", "{}").await.status(), 502);
    assert_eq!(post(&running, "/ollama/api/other", "{}").await.status(), 200);
    running.ends(1);
    let running = serve(&dir, &flags(flaky()));
    assert_eq!(post(&running, "/ollama/api/new", "{}").await.status(), 502);
    assert_eq!(post(&running, "/ollama/api/new", "{}").await.status(), 200);
    running.ends(0);
}
