//! What holding replies to the schemas costs: 80,000 events judged by `retake check`, in time and memory; 80,000 whole replies,
//! read and judged; and a replayed run of the suites that ship with the rules beside one without them. Ends with 1 beyond the
//! bounds below.
//!
//!     cargo bench --bench check
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use retake::protocol::{Asked, Reply, Shapes, judge, judge_members};
use retake::wire;
use tempfile::TempDir;

/// Streams of so many events.
const EVENTS: usize = 100;
/// The most that 80,000 objects may take.
const MOST_TIME: Duration = Duration::from_secs(2);
const MOST_MEMORY: u64 = 100 << 10;
/// How much longer a run with the rules may take than one without.
const MORE_WITH_RULES: f64 = 1.10;
/// Each run is made so often, the two kinds in turn; the fastest counts, which other work on the machine slowed least.
const ROUNDS: usize = 15;

fn main() -> ExitCode {
    // `cargo test --benches` and nextest call this too, without `--bench`: there it is only tried out.
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let is_measured = args.iter().any(|arg| arg == "--bench");
    let (objects, rounds) = if is_measured { (80_000, ROUNDS) } else { (400, 1) };
    let folder = TempDir::new().unwrap();
    fill(folder.path(), objects / EVENTS, |number| stream(number, EVENTS));
    let (time, memory) = (0..3).map(|_| checked(folder.path(), objects / EVENTS)).min().unwrap();
    println!("{objects} events checked: {time:.2?} (at most {MOST_TIME:?}), {memory} KiB (at most {MOST_MEMORY})");
    let judging = (0..3).map(|_| judged(objects)).min().unwrap();
    println!("{objects} whole replies judged: {judging:.2?} (at most {MOST_TIME:?})");
    let mut good = time.max(judging) <= MOST_TIME && memory <= MOST_MEMORY;
    good &= rules(rounds);
    if is_measured && !good { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What it takes to read so many replies, to hold them to the rules and the schema, and to compare them.
fn judged(count: usize) -> Duration {
    let asked = Asked::new("POST", "/v1/chat/completions", br#"{"model": "gpt-4o"}"#);
    let replies: Vec<String> = (0..count.min(1_000)).map(whole).collect();
    let (start, mut shapes) = (Instant::now(), Shapes::default());
    for number in 0..count {
        let reading = wire::read("application/json", replies[number % replies.len()].as_bytes());
        let reply = Reply { status: 200, content_type: "application/json", reading: &reading };
        let mut findings = judge(&asked, &reply);
        judge_members(&asked, &reply, &mut findings);
        shapes.learn(number, "openai", b"{}", &asked, &reply);
        assert!(findings.is_empty(), "{findings:?}");
    }
    assert!(shapes.findings().is_empty());
    start.elapsed()
}

/// A run with the rules beside one without, of the suites that ship.
fn rules(rounds: usize) -> bool {
    let mut best = [Duration::MAX; 2];
    for round in 0..rounds {
        // Which of the two comes first changes: the second finds the files in memory.
        for at in [round % 2, (round + 1) % 2] {
            let (best, mode) = (&mut best[at], ["off", "standard"][at]);
            let start = Instant::now();
            let ran = retake()
                .args(["test", "--setup", "together", "--pattern", "openai", "--protocol", mode])
                .output()
                .unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
            *best = (*best).min(start.elapsed());
        }
    }
    let [off, standard] = best;
    let more = standard.as_secs_f64() / off.as_secs_f64();
    println!(
        "47 cases, replayed: {standard:.1?} with the rules, {off:.1?} without: {more:.2} times (at most {MORE_WITH_RULES})"
    );
    more <= MORE_WITH_RULES
}

fn retake() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retake"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).env_remove("RETAKE_SETUP");
    command
}

/// Processor time and the most memory in KiB that checking a folder takes; nothing may be found.
fn checked(folder: &Path, files: usize) -> (Duration, u64) {
    let report = folder.with_extension("txt");
    let start = Instant::now();
    let mut command = retake();
    command.arg("check").arg(folder).stdout(std::fs::File::create(&report).unwrap());
    let memory = watched(command.spawn().unwrap());
    let time = start.elapsed();
    let said = std::fs::read_to_string(&report).unwrap();
    assert!(said.ends_with(&format!("{files} recordings: 0 violations, 0 deviations, 0 known\n")), "{said:.2000}");
    (time, memory)
}

/// Waits for a program; the most memory it held in KiB, 0 where the system does not tell.
fn watched(mut child: Child) -> u64 {
    let (status, mut most) = (format!("/proc/{}/status", child.id()), 0);
    while child.try_wait().unwrap().is_none() {
        let said = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = said.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(peak.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    most
}

fn fill(folder: &Path, count: usize, recording: impl Fn(usize) -> String) {
    let folder = folder.join("openai");
    std::fs::create_dir_all(&folder).unwrap();
    for number in 0..count {
        std::fs::write(folder.join(format!("{number}.json")), recording(number)).unwrap();
    }
}

/// A recording as llama-stack writes it.
fn stream(number: usize, events: usize) -> String {
    let mut body = String::from("[");
    for event in 0..events {
        let (delta, reason) = match event {
            0 => (r#"{"role": "assistant", "content": "", "refusal": null}"#, "null"),
            last if last == events - 1 => ("{}", "\"stop\""),
            _ => (r#"{"content": " word"}"#, "null"),
        };
        let comma = if event == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}{{"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": {{"id": "chatcmpl-{number}",
                "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "service_tier": "default",
                "system_fingerprint": "fp_1", "choices": [{{"index": 0, "delta": {delta}, "logprobs": null, "finish_reason": {reason}}}],
                "obfuscation": "abc"}}}}"#
        );
    }
    format!(
        r#"{{"request": {{"method": "POST", "url": "https://api.openai.com/v1/v1/chat/completions", "headers": {{}},
            "body": {{"model": "gpt-4o", "messages": [{{"role": "user", "content": "{number}"}}], "stream": true}},
            "endpoint": "/v1/chat/completions", "model": "gpt-4o"}},
            "response": {{"body": {body}], "is_streaming": true}}}}"#
    )
}

/// A reply.
fn whole(number: usize) -> String {
    format!(
        r#"{{"id": "chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "gpt-4o", "service_tier": "default",
            "system_fingerprint": "fp_1", "choices": [{{"index": 0, "message": {{"role": "assistant",
            "content": "Humans live on Earth.", "refusal": null, "annotations": []}}, "logprobs": null, "finish_reason": "stop"}}],
            "usage": {{"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
            "prompt_tokens_details": {{"cached_tokens": 0, "audio_tokens": 0}},
            "completion_tokens_details": {{"reasoning_tokens": 0, "audio_tokens": 0}}}}}}"#
    )
}
