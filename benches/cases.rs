//! What a case costs in a run of very many: generated suites with a recording for each case, replayed by the program
//! itself with `--stack-config direct`. A run of 100,000 cases is compared with one of 10,000 that differs in nothing
//! else, so that whatever grows faster than the number of cases shows. Processor time counts, of all cores together,
//! where the system tells it: other work on the machine is no part of it. Ends with 1 beyond the bounds below.
//!
//!     cargo bench --bench cases
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use retake::exchange::{Auth, ChunkMark, End, Exchange, Origin, Recording, Reply, Request, Times, write};
use retake::provider::Provider;
use retake::tape::Library;
use tempfile::TempDir;

/// The most that the smaller run may take.
const MOST_TIME: Duration = Duration::from_millis(1_500);
const MOST_MEMORY: u64 = 150 << 10;
/// The most that the larger run, of ten times the cases, may take of what the smaller one may, in time and in memory: a
/// case costs next to nothing to keep, a template what it says, and 100,000 of them are 30 MB of YAML.
const MORE: [(&str, u32, u64); 2] = [(PARAMETER, 10, 2), (TEMPLATES, 16, 10)];
const PARAMETER: &str = "one template, a parameter";
const TEMPLATES: &str = "a template each";
/// How much more a case may take in the larger run than in the smaller one. Not 1: what is touched no longer fits in
/// the processor's caches, and a folder of 100,000 files is slower to look into than one of 10,000.
const MORE_PER_CASE: f64 = 1.6;
/// Each run is made so often, the two sizes in turn; the fastest counts, which other work on the machine slowed least.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    // `cargo test --benches` and nextest call this too, without `--bench`: there it is only tried out.
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let is_measured = args.iter().any(|arg| arg == "--bench");
    let (few, rounds) = if is_measured { (10_000, ROUNDS) } else { (10, 1) };
    let folder = TempDir::new().unwrap();
    for count in [few, few * 10] {
        record(&folder.path().join(format!("recordings-{count}")), count);
    }
    println!("cases in replay, `--stack-config direct`, the fastest of {rounds} runs each, in turn");
    let mut good = true;
    for (kind, suite) in [(PARAMETER, parameter as fn(usize) -> String), (TEMPLATES, templates)] {
        let [small, large] = [few, few * 10].map(|count| {
            let home = folder.path().join(format!("{}-{count}", kind.replace([' ', ','], "_")));
            write_suite(&home, &suite(count));
            home
        });
        let mut best = [Cost::MOST; 2];
        for _ in 0..rounds {
            best[0] = best[0].min(run(&small, folder.path(), few));
            best[1] = best[1].min(run(&large, folder.path(), few * 10));
        }
        let [small, large] = best;
        show(kind, few, small);
        show(kind, few * 10, large);
        let more = large.time.as_secs_f64() / 10.0 / small.time.as_secs_f64();
        println!("{kind:<28} a case takes {more:.2} times as long among ten times as many (at most {MORE_PER_CASE})");
        let (_, more_time, more_memory) = MORE.into_iter().find(|(name, ..)| *name == kind).unwrap();
        good &= more <= MORE_PER_CASE
            && small.time <= MOST_TIME
            && large.time <= MOST_TIME * more_time
            && small.memory <= MOST_MEMORY
            && large.memory <= MOST_MEMORY * more_memory;
    }
    println!("allowed: {MOST_TIME:?} and {MOST_MEMORY} KiB; for ten times as many, of that");
    for (kind, time, memory) in MORE {
        println!("{kind:<28} {time} times the time, {memory} times the memory");
    }
    if is_measured && !good { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What a run took.
#[derive(Clone, Copy)]
struct Cost {
    /// On the clock.
    wall: Duration,
    /// Of the processor.
    time: Duration,
    /// The most memory it held, in KiB; 0 where the system does not tell.
    memory: u64,
}

impl Cost {
    const MOST: Cost = Cost { wall: Duration::MAX, time: Duration::MAX, memory: u64::MAX };

    fn min(self, other: Cost) -> Cost {
        Cost { wall: self.wall.min(other.wall), time: self.time.min(other.time), memory: self.memory.min(other.memory) }
    }
}

fn show(kind: &str, count: usize, cost: Cost) {
    let each = cost.time / count as u32;
    let Cost { wall, time, memory } = cost;
    let (wall, time) = (wall.as_secs_f64(), time.as_secs_f64());
    println!(
        "{kind:<28} {count:>7} cases {time:>7.2} s ({wall:.2} s on the clock) {memory:>8} KiB {each:>8.1?} a case"
    );
}

/// Runs a suite to its end; every case must have passed.
fn run(home: &Path, folder: &Path, count: usize) -> Cost {
    let report = home.join("report.txt");
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_retake"))
        .args(["test", "--setup", "bench", "--stack-config", "direct", "--recordings"])
        .arg(folder.join(format!("recordings-{count}")))
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&report).unwrap())
        .spawn()
        .unwrap();
    let (memory, time) = watch(&mut child);
    let wall = start.elapsed();
    let said = std::fs::read_to_string(&report).unwrap();
    assert!(said.contains(&format!("= {count} passed in ")), "{}", said.lines().last().unwrap_or_default());
    Cost { wall, time: time.unwrap_or(wall), memory }
}

/// Waits for its end and returns the most memory that it was seen to hold, and the processor time it took.
fn watch(child: &mut Child) -> (u64, Option<Duration>) {
    let status = format!("/proc/{}/status", child.id());
    let stat = format!("/proc/{}/stat", child.id());
    let (mut most, mut time) = (0, None);
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        most = most.max(high.unwrap_or(0));
        time = time.max(processor_time(&std::fs::read_to_string(&stat).unwrap_or_default()));
        std::thread::sleep(Duration::from_millis(5));
    }
    (most, time)
}

/// User and system time, the fields 14 and 15 in hundredths of a second; the name in parentheses may hold spaces.
fn processor_time(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // A process that has ended shows nothing.
    (ticks > 0).then(|| Duration::from_millis(ticks * 10))
}

const MODEL: &str = "m";
const BASE_URL: &str = "http://127.0.0.1:9/v1";

fn write_suite(home: &Path, suite: &str) {
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

fn parameter(count: usize) -> String {
    let mut out = String::from("cases:\n- name: ask\n  model: text\n  params:\n    number:\n");
    for number in 0..count {
        let _ = writeln!(out, "    - {number}");
    }
    out + "  request: {post: /v1/chat/completions, body: {model: \"${model}\", messages: [{role: user, content: \"question ${number}\"}]}}\n"
        + EXPECT
}

fn templates(count: usize) -> String {
    let mut out = String::from("cases:\n");
    for number in 0..count {
        let _ = write!(
            out,
            "- name: ask_{number}\n  model: text\n  request: {{post: /v1/chat/completions, body: {{model: \"${{model}}\", messages: [{{role: user, content: question {number}}}]}}}}\n{EXPECT}"
        );
    }
    out
}

/// Writes the recording that each case asks for.
fn record(root: &Path, count: usize) {
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
            end: End::Complete,
        };
        let url = format!("{BASE_URL}/v1/chat/completions");
        let exchange = Exchange { request, url, reply, recorded_at: None, origin: Origin::Simulated };
        let recording = Recording { exchange, times: Times::Count(1), cases: Default::default() };
        std::fs::write(folder.join(format!("{name}.json")), write(&recording)).unwrap();
    }
}
