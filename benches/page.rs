//! What the page of a run of 10,000 cases costs: the time to make it and its size. How fast it answers in a browser is
//! measured where there is one: `cargo test --release --test program -- --ignored page::`, whose last test prints it. Ends with 1
//! beyond the bounds below.
//!
//!     cargo bench --bench page
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use retake::report::page;

#[path = "../tests/corpus/runs.rs"]
mod corpus;

const CASES: usize = 10_000;
const MOST_TIME: Duration = Duration::from_secs(1);
const MOST_BYTES: usize = 8_000_000;
const ROUNDS: usize = 3;

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
        println!("{number} runs of {count} cases: {bytes} bytes (at most {MOST_BYTES}) in {best:.0?} (at most {MOST_TIME:?})");
        good &= best <= MOST_TIME && bytes <= MOST_BYTES;
    }
    if is_measured && !good { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
