//! One run of the program, and what it took.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a run took.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// On the clock.
    pub(crate) wall: Duration,
    /// Of the processor.
    pub(crate) time: Duration,
    /// The most memory it held, in KiB; 0 where the system does not tell.
    pub(crate) memory: u64,
}

impl Cost {
    pub(crate) const MOST: Cost = Cost { wall: Duration::MAX, time: Duration::MAX, memory: u64::MAX };

    pub(crate) fn min(self, other: Cost) -> Cost {
        Cost { wall: self.wall.min(other.wall), time: self.time.min(other.time), memory: self.memory.min(other.memory) }
    }
}

/// Runs a suite of so many cases to its end; every one must have passed. `flags` say from what, and how.
pub(crate) fn run(home: &Path, count: usize, flags: &[&str]) -> Cost {
    let report = home.join("report.txt");
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_retake"))
        .args(["test", "--setup", "bench", "--stack-config", "direct"])
        .args(flags)
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
