//! What happens while a reply is still on its way.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use futures_util::StreamExt as _;
use retake::record::Mode;
use retake::upstream::{Request, Upstream as _};
use tempfile::TempDir;

use super::reply::Heard;
use super::server::{PATIENCE, Server, Step};
use super::{http, request, tape};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const FIRST: &str = "data: {\"n\":1}\n\n";
const SECOND: &str = "data: {\"n\":2}\n\ndata: [DONE]\n\n";

fn write(text: &str) -> Step {
    Step::Write(text.as_bytes().to_vec())
}

fn chunk(text: &str) -> Step {
    write(&format!("{:x}\r\n{text}\r\n", text.len()))
}

fn ask() -> Request {
    request("POST", "/v1/chat/completions", r#"{"model":"m","messages":[],"stream":true}"#)
}

/// A server that sends the second chunk, and what comes after it, when it is told to.
fn halting() -> (Server, Sender<()>) {
    let (go_on, signal) = channel();
    let steps = vec![write(HEAD), chunk(FIRST), Step::Wait(signal), chunk(SECOND), write("0\r\n\r\n")];
    (Server::start(vec![steps]), go_on)
}

async fn replayed(folder: &TempDir) -> Vec<Vec<u8>> {
    let heard = Heard::from(&tape(Mode::Replay, folder.path(), None), ask()).await.unwrap();
    assert_eq!(heard.broken, None);
    heard.chunks
}

#[tokio::test]
async fn the_client_has_the_first_chunk_before_the_server_sends_the_second() {
    let folder = TempDir::new().unwrap();
    let (server, go_on) = halting();
    let recorder = tape(Mode::Record, folder.path(), Some(http(&server.base_url)));
    let mut reply = recorder.send(ask()).await.unwrap();
    let first = tokio::time::timeout(PATIENCE / 2, reply.body.next()).await.expect("the first chunk is held back");
    assert_eq!(first.unwrap().unwrap(), FIRST);
    go_on.send(()).unwrap();
    assert_eq!(reply.body.next().await.unwrap().unwrap(), SECOND);
    assert!(reply.body.next().await.is_none());
    assert_eq!(replayed(&folder).await, [FIRST.as_bytes(), SECOND.as_bytes()]);
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_leaves_a_whole_recording() {
    let folder = TempDir::new().unwrap();
    let (server, go_on) = halting();
    let recorder = tape(Mode::Record, folder.path(), Some(http(&server.base_url)));
    let mut reply = recorder.send(ask()).await.unwrap();
    assert_eq!(reply.body.next().await.unwrap().unwrap(), FIRST);
    drop(reply);
    go_on.send(()).unwrap();
    recorder.settle().await;
    assert_eq!(replayed(&folder).await, [FIRST.as_bytes(), SECOND.as_bytes()]);
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_reply_began_leaves_a_whole_recording() {
    let folder = TempDir::new().unwrap();
    let (go_on, signal) = channel();
    let steps = vec![Step::Wait(signal), write(HEAD), chunk(FIRST), chunk(SECOND), write("0\r\n\r\n")];
    let server = Server::start(vec![steps]);
    let recorder = tape(Mode::Record, folder.path(), Some(http(&server.base_url)));
    let reply = tokio::time::timeout(Duration::from_millis(100), recorder.send(ask())).await;
    assert!(reply.is_err(), "the server waits");
    go_on.send(()).unwrap();
    recorder.settle().await;
    assert_eq!(replayed(&folder).await, [FIRST.as_bytes(), SECOND.as_bytes()]);
}
