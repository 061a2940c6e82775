//! The lines above the cases.

use crate::event::{Head, Interruption};

/// The head's lines, in order.
pub(super) fn lines(head: &Head) -> Vec<String> {
    let files = if head.files == 1 { "1 file".to_owned() } else { format!("{} files", head.files) };
    let run = format!(
        "retake {} -- mode: {}, stack: {}, setup: {}",
        head.retake,
        head.mode,
        head.stack,
        head.setups.join(", ")
    );
    let mut lines = vec![run, format!("suites: {} ({files})", head.suites)];
    lines.extend(head.shard.iter().map(|shard| format!("shard: {shard}, by id")));
    lines.extend(head.notes.iter().cloned());
    lines
}

/// Why a run was stopped, in pytest's words if there are any.
pub(super) fn interruption(why: Interruption) -> String {
    match why {
        Interruption::User => "interrupted by the user".to_owned(),
        Interruption::WorkerDied => "internal error: a worker died".to_owned(),
        Interruption::Cut => "cut off: the events of the run end here".to_owned(),
        Interruption::Failures(count) => format!("stopping after {count} failures"),
        Interruption::Stepwise => "Interrupted: Test failed, continuing from this test next run.".to_owned(),
    }
}
