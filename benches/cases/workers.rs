//! What several cases at once are good for: the same suite with `-n 1` and with `-n auto`, in turn.

use std::path::Path;

use super::cost::{Cost, run};
use super::given::{parameter, record, script, write_suite};

/// How long the provider takes to answer a case that waits for it.
const DELAY_MS: u32 = 20;
/// Of the gain that so many workers could bring to cases that wait, the part that must be there.
const LEAST_GAIN: f64 = 0.75;

/// Runs both kinds; whether the cases that wait gain what they must. A replay waits for nothing, so that what it gains is
/// what the machine has to spare just then: that is shown, and holds no bound.
pub(crate) fn compare(folder: &Path, is_measured: bool, rounds: usize) -> bool {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (waiting, replayed) = if is_measured { (200, 10_000) } else { (4, 10) };
    println!("`-n 1` against `-n auto`, which is {processors} here, the fastest of {rounds} runs each, in turn");
    let home = folder.join("waiting");
    write_suite(&home, &parameter(waiting));
    std::fs::write(home.join("script.yaml"), script(DELAY_MS)).unwrap();
    let live = ["--mode", "live", "--provider", "bench=script:script.yaml"];
    let waited = both(&home, waiting, &live, rounds);
    let gain = show(&format!("live, {DELAY_MS} ms an answer"), waiting, waited);
    let home = folder.join("replayed");
    write_suite(&home, &parameter(replayed));
    let recordings = folder.join("recordings-replayed");
    record(&recordings, replayed);
    let recordings = recordings.to_string_lossy();
    let played = both(&home, replayed, &["--recordings", &*recordings], rounds);
    show("replay", replayed, played);
    let least = LEAST_GAIN * processors as f64;
    println!("allowed: at least {least:.2} times as fast where cases wait; a replay is only shown");
    processors == 1 || gain >= least
}

/// What one worker took, and as many as there are processors.
fn both(home: &Path, count: usize, flags: &[&str], rounds: usize) -> [Cost; 2] {
    let mut best = [Cost::MOST; 2];
    for _ in 0..rounds {
        for (best, workers) in best.iter_mut().zip(["1", "auto"]) {
            *best = best.min(run(home, count, &[flags, &["-n", workers]].concat()));
        }
    }
    best
}

/// Prints both; how many times as fast the second is.
fn show(kind: &str, count: usize, both: [Cost; 2]) -> f64 {
    for (cost, workers) in both.iter().zip(["1", "auto"]) {
        let (wall, time) = (cost.wall.as_secs_f64(), cost.time.as_secs_f64());
        let busy = time / wall;
        println!(
            "{kind:<28} {count:>7} cases -n {workers:<4} {wall:>6.2} s on the clock, {time:.2} s of the processor: {busy:.2} cores busy"
        );
    }
    let gain = both[0].wall.as_secs_f64() / both[1].wall.as_secs_f64();
    println!("{kind:<28} -n auto is {gain:.2} times as fast");
    gain
}
