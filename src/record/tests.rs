mod bounds;
mod large;
mod misses;
mod order;
mod owners;
mod recording;
mod replay;
mod rules;
mod set;
mod summary;
mod unanswered;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::file_cache::Found;
use super::*;
use crate::exchange::{self, Auth, Owners, Recording};
use crate::provider::Provider;
use crate::upstream::{Error, ErrorKind, Reply, Request, Upstream};

/// One reply of the fake upstream: status, content type, body chunks. Status 0 is no reply.
#[derive(Clone)]
struct Answer {
    status: u16,
    kind: &'static str,
    chunks: Vec<Result<Bytes, Error>>,
    simulated: bool,
}

fn answer(status: u16, kind: &'static str, chunks: &[&str]) -> Answer {
    let chunks = chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk.as_bytes()))).collect();
    Answer { status, kind, chunks, simulated: false }
}

fn json(body: &str) -> Answer {
    answer(200, "application/json", &[body])
}

fn torn(chunks: &[&str]) -> Answer {
    let mut answer = answer(200, "text/event-stream", chunks);
    answer.chunks.push(Err(Error::new(ErrorKind::Broken, "the connection was reset")));
    answer
}

const STREAM: [&str; 3] = ["data: {\"a\":1}\n\nda", "ta: {\"a\": 2}\n\n: x\n\n", "data: [DONE]\n\n"];

/// Gives its answers in turn, the last one for ever; each chunk waits for `gate`.
struct Fake {
    answers: Mutex<VecDeque<Answer>>,
    calls: AtomicUsize,
    gate: Arc<Semaphore>,
}

fn fake(answers: Vec<Answer>) -> Arc<Fake> {
    Arc::new(Fake {
        answers: Mutex::new(answers.into()),
        calls: AtomicUsize::new(0),
        gate: Arc::new(Semaphore::new(1_000)),
    })
}

impl Upstream for Fake {
    fn send(&self, _: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let gate = Arc::clone(&self.gate);
        async move {
            let answer = answer
                .filter(|answer| answer.status != 0)
                .ok_or_else(|| Error::new(ErrorKind::Connect, "nobody is there"))?;
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(answer.kind));
            headers.insert("date", HeaderValue::from_static("Sat, 21 Nov 2026 07:00:00 GMT"));
            headers.insert("set-cookie", HeaderValue::from_static("a=b"));
            if answer.simulated {
                headers.insert(crate::upstream::ORIGIN_HEADER, HeaderValue::from_static("simulated"));
            }
            let body = stream::iter(answer.chunks).then(move |chunk| {
                let gate = Arc::clone(&gate);
                async move {
                    gate.acquire().await.unwrap().forget();
                    chunk
                }
            });
            let status = StatusCode::from_u16(answer.status).unwrap();
            Ok(Reply { status, headers, body: body.boxed() })
        }
        .boxed()
    }
}

fn provider() -> Provider {
    Provider { name: "together".to_owned(), base_url: "https://api.together.xyz/v1".to_owned(), ..Provider::default() }
}

fn tape(mode: Mode, root: &Path, live: Option<Shared>, options: Options) -> Tape {
    wire(mode, Library::open(root, &provider()), live, options)
}

fn recorder(root: &Path, answers: Vec<Answer>) -> (Tape, Arc<Fake>) {
    let live = fake(answers);
    (tape(Mode::Record, root, Some(Arc::clone(&live) as Shared), Options::default()), live)
}

fn player(root: &Path) -> Tape {
    tape(Mode::Replay, root, None, Options::default())
}

pub(super) fn ask(case: Option<&str>, prompt: &str) -> Request {
    Request {
        method: Method::POST,
        endpoint: "/v1/chat/completions".to_owned(),
        headers: HeaderMap::new(),
        body: serde_json::json!({"model": "m", "messages": [{"role": "user", "content": prompt}]}).to_string().into(),
        auth: Auth::Provider,
        case: case.map(str::to_owned),
    }
}

type Heard = (u16, Vec<Result<String, ErrorKind>>);

async fn hear(tape: &Tape, request: Request) -> Result<Heard, Error> {
    let reply = tape.send(request).await?;
    let chunks = reply.body.map(|chunk| match chunk {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(error.kind),
    });
    Ok((reply.status.as_u16(), chunks.collect().await))
}

async fn body(tape: &Tape, request: Request) -> String {
    let (_, chunks) = hear(tape, request).await.unwrap();
    chunks.into_iter().map(Result::unwrap).collect()
}

/// Ends a case and returns the notes about its recordings.
async fn finish(tape: &Tape, case: &str, passed: bool) -> Vec<String> {
    tape.finish_case(case, if passed { Verdict::Passed } else { Verdict::Failed }).await.notes
}

/// A file as read, with a reply of this body.
pub(super) fn found(path: &str, reply: &str, owners: Owners) -> Arc<Found> {
    let reply = exchange::Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::copy_from_slice(reply.as_bytes()),
        large: None,
        chunks: Vec::new(),
        end: exchange::End::Complete,
    };
    let exchange = exchange::Exchange {
        request: ask(None, "hi"),
        url: "https://api.together.xyz/v1/v1/chat/completions".to_owned(),
        reply,
        recorded_at: None,
        origin: exchange::Origin::Real,
    };
    let key = exchange::key(&exchange.request, "https://api.together.xyz/v1", &exchange::Rules::default());
    let recording = Recording::new(exchange, owners);
    Arc::new(Found::new(path.into(), recording, key, 0))
}

fn files(root: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_name() == ".gitattributes" {
                continue;
            }
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(root).unwrap().display().to_string();
                all.push((name, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    all.sort();
    all
}
