//! What a case costs in a run of very many: generated suites with a recording for each case, replayed by the program
//! itself with `--stack-config direct`. A run of 100,000 cases is compared with one of 10,000 that differs in nothing
//! else, so that whatever grows faster than the number of cases shows. Processor time counts, of all cores together,
//! where the system tells it: other work on the machine is no part of it. Then what several cases at once are good for.
//! Ends with 1 beyond the bounds below.
//!
//!     cargo bench --bench cases
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tempfile::TempDir;

use cost::{Cost, run};
use given::{parameter, record, templates, write_suite};

mod cost;
mod given;
mod workers;

/// The most that the smaller run may take.
const MOST_TIME: Duration = Duration::from_millis(1_500);
const MOST_MEMORY: u64 = 150 << 10;
/// The most that the larger run, of ten times the cases, may take of what the smaller one may.
const MORE_TIME: u32 = 10;
const MORE_MEMORY: u64 = 2;
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
            best[0] = best[0].min(replay(&small, folder.path(), few));
            best[1] = best[1].min(replay(&large, folder.path(), few * 10));
        }
        let [small, large] = best;
        show(kind, few, small);
        show(kind, few * 10, large);
        let more = large.time.as_secs_f64() / 10.0 / small.time.as_secs_f64();
        println!("{kind:<28} a case takes {more:.2} times as long among ten times as many (at most {MORE_PER_CASE})");
        good &= more <= MORE_PER_CASE
            && small.time <= MOST_TIME
            && large.time <= MOST_TIME * MORE_TIME
            && small.memory <= MOST_MEMORY
            && large.memory <= MOST_MEMORY * MORE_MEMORY;
    }
    println!(
        "allowed: {MOST_TIME:?} and {MOST_MEMORY} KiB; for ten times as many {MORE_TIME} times the time, {MORE_MEMORY} times the memory"
    );
    good &= workers::compare(folder.path(), is_measured, rounds);
    if is_measured && !good { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn show(kind: &str, count: usize, cost: Cost) {
    let each = cost.time / count as u32;
    let Cost { wall, time, memory } = cost;
    let (wall, time) = (wall.as_secs_f64(), time.as_secs_f64());
    println!(
        "{kind:<28} {count:>7} cases {time:>7.2} s ({wall:.2} s on the clock) {memory:>8} KiB {each:>8.1?} a case"
    );
}

fn replay(home: &Path, folder: &Path, count: usize) -> Cost {
    let recordings = folder.join(format!("recordings-{count}"));
    run(home, count, &["--recordings", &recordings.to_string_lossy()])
}
