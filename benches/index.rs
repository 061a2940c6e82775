//! What finding recordings by content costs: 100,000 files beside 64, hits and misses; and whether a miss over many large
//! recordings holds other requests up. Ends with 1 beyond the bounds below.
//!
//!     cargo bench --bench index
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use retake::exchange::{Auth, ChunkMark, End, Exchange, Named, Origin, Owners, Recording, Reply, Request, write};
use retake::provider::Provider;
use retake::record::{self, Library, Mode, Options, Tape};
use retake::upstream::Upstream as _;
use tempfile::TempDir;

const BASE_URL: &str = "https://bench.example/v1";
const FEW: usize = 64;
/// The most that these may take with 100,000 files, once an index lies beside them.
const MOST_READY: Duration = Duration::from_millis(200);
const MOST_FIRST_MISS: Duration = Duration::from_millis(300);
const MOST_MISS: Duration = Duration::from_millis(1);
/// How much longer a hit may take than among few.
const MORE_PER_HIT: f64 = 1.5;
/// The longest that a request may wait while others miss among many large recordings.
const MOST_DELAY: Duration = Duration::from_millis(10);
const LARGE: usize = 200_000;

fn main() -> ExitCode {
    // `cargo test --benches` and nextest call this too, without `--bench`: there it is only tried out.
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let is_measured = args.iter().any(|arg| arg == "--bench");
    let (many, large) = if is_measured { (100_000, 2_000) } else { (600, 10) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = TempDir::new().unwrap();
    let [few_root, many_root, large_root] = ["few", "many", "large"].map(|name| folder.path().join(name));
    fill(&few_root, FEW, 0);
    fill(&many_root, many, 0);
    fill(&large_root, large, LARGE);
    let good = runtime.block_on(async {
        let mut good = with_index(&few_root, &many_root, many).await;
        good &= delays(&large_root, large).await;
        good
    });
    if is_measured && !good { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn with_index(few_root: &Path, many_root: &Path, many: usize) -> bool {
    let start = Instant::now();
    miss(&tape(many_root), 1).await;
    println!("{many} files, no index yet: first miss after {:.0?}", start.elapsed());

    let start = Instant::now();
    let large = tape(many_root);
    let ready = start.elapsed();
    hit(&large, 1).await;
    let first_hit = start.elapsed();
    let start = Instant::now();
    miss(&large, 2).await;
    let first = start.elapsed();
    let later = best(|number| miss(&large, 10 + number)).await;
    let small = tape(few_root);
    let few = best(|number| hit(&small, number % FEW)).await;
    let hits = best(|number| hit(&large, number % FEW)).await;
    let ratio = hits.as_secs_f64() / few.as_secs_f64();
    println!(
        "{many} files, index beside them: ready after {ready:.1?}, first hit after {first_hit:.0?} (at most {MOST_READY:?} each)"
    );
    println!("  first miss {first:.0?} (at most {MOST_FIRST_MISS:?}), later ones {later:.2?} (at most {MOST_MISS:?})");
    println!("  a hit takes {hits:.1?}, among {FEW} files {few:.1?}: {ratio:.2} times (at most {MORE_PER_HIT})");
    first_hit <= MOST_READY && first <= MOST_FIRST_MISS && later <= MOST_MISS && ratio <= MORE_PER_HIT
}

/// The median of what 500 calls take, the fastest of three rounds.
async fn best<F: Future<Output = ()>>(call: impl Fn(usize) -> F) -> Duration {
    let mut best = Duration::MAX;
    for round in 0..3 {
        let mut times = Vec::new();
        for number in 0..500 {
            let start = Instant::now();
            call(round * 37 + number).await;
            times.push(start.elapsed());
        }
        times.sort();
        best = best.min(times[times.len() / 2]);
    }
    best
}

/// The longest that a hit takes while others miss.
async fn delays(root: &Path, count: usize) -> bool {
    let tape = Arc::new(tape(root));
    hit_of(&tape, 0, LARGE).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (missing, over) = (Arc::clone(&tape), Arc::clone(&is_over));
    let misses = tokio::spawn(async move {
        let mut times = Vec::new();
        for number in 0..5 {
            let start = Instant::now();
            miss(&missing, number).await;
            times.push(start.elapsed());
        }
        over.store(true, Ordering::SeqCst);
        times
    });
    let (mut longest, mut hits) = (Duration::ZERO, 0);
    while !is_over.load(Ordering::SeqCst) {
        let start = Instant::now();
        hit_of(&tape, 0, LARGE).await;
        longest = longest.max(start.elapsed());
        hits += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let times = misses.await.unwrap();
    println!(
        "{count} files of {LARGE} bytes: misses took {times:.0?}; of {hits} hits meanwhile the longest took {longest:.1?} (at most {MOST_DELAY:?})"
    );
    longest <= MOST_DELAY
}

fn provider() -> Provider {
    Provider { name: "bench".into(), base_url: BASE_URL.into(), ..Provider::default() }
}

fn tape(root: &Path) -> Tape {
    record::wire(Mode::Replay, Library::open(root, &provider()), None, Options::default())
}

fn request(text: &str) -> Request {
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"system","content":"Answer in one sentence."}},{{"role":"user","content":"{text}"}}],"temperature":0.2}}"#
    );
    Request {
        method: http::Method::POST,
        endpoint: "/v1/chat/completions".to_owned(),
        headers: http::HeaderMap::new(),
        body: body.into(),
        auth: Auth::Provider,
        case: None,
    }
}

fn question(number: usize, padding: usize) -> String {
    format!("This is question {number}: which planet do humans live on?{}", " x".repeat(padding / 2))
}

async fn hit(tape: &Tape, number: usize) {
    hit_of(tape, number, 0).await;
}

async fn hit_of(tape: &Tape, number: usize, padding: usize) {
    tape.send(request(&question(number, padding))).await.unwrap().collect().await.unwrap();
}

async fn miss(tape: &Tape, number: usize) {
    assert!(tape.send(request(&format!("This is another question {number}: which star?"))).await.is_err());
}

fn fill(root: &Path, count: usize, padding: usize) {
    let library = Library::open(root, &provider());
    let folder = root.join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    for number in 0..count {
        let request = request(&question(number, padding));
        let name = library.key(&request).name;
        let body = format!(
            r#"{{"id":"chatcmpl-{number}","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}"}},"finish_reason":"stop"}}]}}"#,
            "Humans live on Earth. ".repeat(20)
        );
        let reply = Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            chunks: vec![ChunkMark { size: body.len(), at_ms: 3 }],
            body: body.into(),
            large: None,
            end: End::Complete,
        };
        let url = format!("{BASE_URL}/v1/chat/completions");
        let exchange = Exchange { request, url, reply, recorded_at: None, origin: Origin::Simulated };
        let owners = Owners::Named(Named::of(Some(&format!("suites/a.yaml::case_{number}[txt=bench/m]")), 1));
        let recording = Recording::new(exchange, owners);
        std::fs::write(folder.join(format!("{name}.json")), write(&recording)).unwrap();
    }
}
