//! What recording adds to the time to first byte of a streamed reply: the same requests to the same server on
//! loopback, in turn with and without a recorder. Ends with 1 when that is more than [`MOST`].
//!
//!     cargo bench --bench first_byte
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use retake::exchange::Auth;
use retake::provider::Provider;
use retake::record::{self, Library, Mode, Options};
use retake::upstream::http::{Http, HttpConfig};
use retake::upstream::{Request, Shared, Upstream};
use tempfile::TempDir;

/// The most that recording may add to the median.
const MOST: Duration = Duration::from_millis(1);
/// Requests before any is counted: connections, caches, folders.
const WARM_UP: usize = 200;
const COUNTED: usize = 3_000;
/// Chunks of a reply, each written on its own.
const CHUNKS: usize = 8;

fn main() -> ExitCode {
    // `cargo test --benches` and nextest call this too, without `--bench`: there it is only tried out.
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let is_measured = args.iter().any(|arg| arg == "--bench");
    let (warm_up, counted) = if is_measured { (WARM_UP, COUNTED) } else { (0, 10) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let [mut alone, mut recorded] = runtime.block_on(measure(warm_up, counted));
    println!("time to first byte, {counted} streamed requests each, in turn, on loopback");
    let (alone, recorded) = (shown("http", &mut alone), shown("http + recorder", &mut recorded));
    let added = recorded.saturating_sub(alone);
    println!("{:<16} median {:>8.1?}, at most {MOST:?} allowed", "added", added);
    if is_measured && added > MOST { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Prints a row; gives the median.
fn shown(name: &str, times: &mut [Duration]) -> Duration {
    times.sort();
    let (median, p90) = (times[times.len() / 2], times[times.len() * 9 / 10]);
    println!("{name:<16} median {median:>8.1?}, p90 {p90:>8.1?}");
    median
}

/// The times without and with a recorder.
async fn measure(warm_up: usize, counted: usize) -> [Vec<Duration>; 2] {
    let folder = TempDir::new().unwrap();
    let base_url = serve();
    let http = || -> Shared { Arc::new(Http::new(HttpConfig::new("bench", &base_url))) };
    let provider = Provider { name: "bench".into(), base_url: base_url.clone(), ..Provider::default() };
    let options = Options::default();
    let tape = record::wire(Mode::Record, Library::open(folder.path(), &provider), Some(http()), options);
    let upstreams: [Shared; 2] = [http(), Arc::new(tape)];
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..warm_up + counted {
        // Neither is always the one that comes after the other.
        for which in [round % 2, 1 - round % 2] {
            let taken = first_byte(&*upstreams[which], round).await;
            if round >= warm_up {
                times[which].push(taken);
            }
        }
    }
    let entries = std::fs::read_dir(folder.path().join("bench")).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "json")).count();
    assert_eq!(files, warm_up + counted, "every reply was recorded");
    times
}

async fn first_byte(upstream: &dyn Upstream, round: usize) -> Duration {
    let body = format!(r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":"question {round}"}}]}}"#);
    let request = Request {
        method: http::Method::POST,
        endpoint: "/v1/chat/completions".to_owned(),
        headers: http::HeaderMap::new(),
        body: body.into(),
        auth: Auth::Provider,
        case: None,
    };
    let start = Instant::now();
    let mut reply = upstream.send(request).await.unwrap();
    let first = reply.body.next().await.unwrap().unwrap();
    let taken = start.elapsed();
    assert!(!first.is_empty());
    // To the end, where the recorder writes: the next request finds it idle.
    while let Some(chunk) = reply.body.next().await {
        chunk.unwrap();
    }
    taken
}

/// A server that streams the same to every request. Returns its base URL.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || converse(stream.unwrap()));
        }
    });
    base_url
}

fn converse(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let event =
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "word ".repeat(10));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    let mut buffer = [0; 4096];
    // A request is small enough to come in one read.
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
        let mut sent = stream.write_all(head.as_bytes());
        for _ in 0..CHUNKS {
            sent = sent.and_then(|()| stream.write_all(chunk.as_bytes()));
        }
        if sent.and_then(|()| stream.write_all(b"0\r\n\r\n")).is_err() {
            return;
        }
    }
}
