//! Clients.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::recorded::{self, Ask, Kind, REPEATS};
use super::server::Server;

/// Requests answered in a second.
#[derive(Clone, Copy)]
pub(super) struct Rate(pub(super) f64);

impl Rate {
    fn new(requests: usize, took: Duration) -> Self {
        Rate(requests as f64 / took.as_secs_f64())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} requests/s", self.0)
    }
}

/// One kept-alive connection.
struct Client(SendRequest<Full<Bytes>>);

impl Client {
    async fn connect(server: &Server) -> Self {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let Some(roots) = &server.roots else { return Client::over(stream).await };
        stream.write_all(format!("CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}:443\r\n\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let name = HOST.try_into().unwrap();
        Client::over(TlsConnector::from(Arc::clone(roots)).connect(name, stream).await.unwrap()).await
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { connection.await.unwrap_or_default() });
        Client(sender)
    }

    /// From sending to the first byte of the body.
    async fn first_byte(&mut self, path: &str, body: Bytes) -> Duration {
        let began = Instant::now();
        let request = Client::request(path, body);
        self.0.ready().await.unwrap();
        let mut body = self.0.send_request(request).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        let took = began.elapsed();
        body.collect().await.unwrap();
        took
    }

    fn request(path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let host = if path == PATH_THERE { HOST } else { "127.0.0.1" };
        Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", host)
            .header("content-type", "application/json")
            .header("authorization", "Bearer retake")
            .body(Full::new(body))
            .unwrap()
    }

    async fn ask(&mut self, path: &str, body: Bytes) -> (u16, Bytes) {
        let request = Client::request(path, body);
        self.0.ready().await.unwrap();
        let response = self.0.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }
}

const PATH: &str = "/openai/v1/chat/completions";
/// A provider's host, for a client that uses the proxy as its network proxy, and the path there.
const HOST: &str = "api.openai.com";
const PATH_THERE: &str = "/v1/chat/completions";

fn path(server: &Server) -> &'static str {
    if server.roots.is_some() { PATH_THERE } else { PATH }
}

/// The median time from sending to the first byte of the body on one kept-alive connection each, in turn.
pub(super) async fn first_bytes<const N: usize>(servers: [&Server; N], asks: &[Ask], count: usize) -> [Duration; N] {
    let mut clients = Vec::new();
    for server in servers {
        clients.push((Client::connect(server).await, path(server)));
    }
    let mut times = [const { Vec::new() }; N];
    for round in 0..count {
        for at in 0..N {
            let at = (at + round) % N;
            let (client, path) = &mut clients[at];
            times[at].push(client.first_byte(path, asks[round % asks.len()].body.clone()).await);
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

/// As many requests as go in that time, from several connections at once. The bare server always says the same, so
/// that only lengths are compared here.
pub(super) async fn rate(server: &Server, asks: &[Ask], connections: usize, time: Duration) -> Rate {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(server).await);
    }
    let began = Instant::now();
    let counts = join_all(clients.into_iter().enumerate().map(|(first, mut client)| async move {
        let mut count = 0;
        while began.elapsed() < time {
            let ask = &asks[(first + count) % asks.len()];
            let (status, reply) = client.ask(path(server), ask.body.clone()).await;
            assert!(status == 200 && reply.len().abs_diff(ask.reply.len()) < 100, "{status}: {reply:?}");
            count += 1;
        }
        count
    }));
    let count = counts.await.into_iter().sum();
    Rate::new(count, began.elapsed())
}

/// Each request once, from several connections at once.
pub(super) async fn each_once(server: &Server, asks: &[Ask], connections: usize) -> Rate {
    let next = Rc::new(Cell::new(0));
    let began = Instant::now();
    join_all((0..connections).map(|_| {
        let next = Rc::clone(&next);
        async move {
            let mut client = Client::connect(server).await;
            while let Some(ask) = asks.get(next.replace(next.get() + 1)) {
                let (status, reply) = client.ask(PATH, ask.body.clone()).await;
                assert!(status == 200 && reply == ask.reply, "{status}: {reply:?}");
            }
        }
    }))
    .await;
    Rate::new(asks.len(), began.elapsed())
}

/// Requests in sessions, as many clients at once: each session asks everything as often as it was recorded, then is
/// finished, and its client starts another one. Returns how many replies were not those that were due.
pub(super) async fn sessions(server: &Server, clients: usize, requests: usize) -> usize {
    const QUESTIONS: usize = 10;
    let mistakes = join_all((0..clients).map(|number| async move {
        let mut client = Client::connect(server).await;
        let (mut asked, mut mistakes, mut session) = (0, 0, 0);
        while asked < requests / clients {
            let name = format!("soak-{number}-{session}");
            for nth in 1..=REPEATS {
                for question in 0..QUESTIONS {
                    let question = (question * 7 + number) % 40;
                    let body = recorded::ask(Kind::Repeats, question).body;
                    let (status, reply) = client.ask(&format!("/session/{name}{PATH}"), body).await;
                    let due = recorded::answer(Kind::Repeats, question, nth).concat();
                    mistakes += usize::from(status != 200 || reply != due);
                    asked += 1;
                }
            }
            let (status, summary) = client.ask(&format!("/session/{name}/finish"), Bytes::new()).await;
            let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
            let used = summary["used"].as_array().map_or(0, Vec::len);
            mistakes +=
                usize::from(status != 200 || used != QUESTIONS * REPEATS || summary["missed"] != serde_json::json!([]));
            session += 1;
        }
        mistakes
    }));
    mistakes.await.into_iter().sum()
}
