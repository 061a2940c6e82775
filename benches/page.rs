//! What the page of a run of 10,000 cases costs: the time to make it, its size, and, where there are Chromium and what
//! `scripts/page.sh install` installs, how fast it answers there. Ends with 1 beyond the bounds below.
//!
//!     cargo bench --bench page
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use retake::report::page;

#[path = "../tests/corpus/runs.rs"]
mod corpus;

const CASES: usize = 10_000;
const MOST_TIME: Duration = Duration::from_secs(1);
const MOST_BYTES: usize = 8_000_000;
const ROUNDS: usize = 3;
/// The most that a filter may take in a browser, from the key to the list on the screen, in milliseconds.
const MOST_ANSWER: f64 = 100.0;

fn main() -> ExitCode {
    // `cargo test --benches` and nextest call this too, without `--bench`: there it is only tried out.
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let is_measured = args.iter().any(|arg| arg == "--bench");
    let (count, rounds) = if is_measured { (CASES, ROUNDS) } else { (100, 1) };
    let mut good = true;
    for number in [1, 5] {
        let runs = corpus::runs(number, count);
        let mut best = Duration::MAX;
        let mut bytes = 0;
        for _ in 0..rounds {
            let start = Instant::now();
            bytes = page(&runs).len();
            best = best.min(start.elapsed());
        }
        println!(
            "{number} runs of {count} cases: {bytes} bytes (at most {MOST_BYTES}) in {best:.0?} (at most {MOST_TIME:?})"
        );
        good &= best <= MOST_TIME && bytes <= MOST_BYTES;
        if is_measured {
            good &= answers(&page(&runs));
        }
    }
    if is_measured && !good { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Whether every filter answers in time; also if there is no browser, which it says.
fn answers(page: &str) -> bool {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).unwrap();
    let mut command = Command::new(package.join("scripts/page.sh"));
    command.arg("run").arg(package.join("tests/page/speed.mjs")).arg(&file).arg(folder.path());
    let output = command.output().unwrap();
    if !output.status.success() {
        println!("  no browser here: {}", String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default());
        return true;
    }
    // `what: 12.3` on each line.
    let mut good = true;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((what, took)) = line.rsplit_once(": ") else { continue };
        let took: f64 = took.parse().unwrap();
        let is_filter = what.starts_with("filter");
        let bound = if is_filter { format!(" (at most {MOST_ANSWER} ms)") } else { String::new() };
        println!("  {what}: {took:.0} ms{bound}");
        good &= !is_filter || took <= MOST_ANSWER;
    }
    good
}
