//! The lines above the cases.

use crate::event::{Head, Interruption};

/// The head's lines, in order.
pub(super) fn lines(head: &Head) -> Vec<String> {
    let mut run = format!("retake {} -- mode: {}, stack: {}", head.retake, head.mode, head.stack);
    if !head.setups.is_empty() {
        run.push_str(&format!(", setup: {}", head.setups.join(", ")));
    }
    let mut lines = vec![run];
    // Sessions of the proxy are of no suites.
    if !head.suites.is_empty() {
        let files = if head.files == 1 { "1 file".to_owned() } else { format!("{} files", head.files) };
        lines.push(format!("suites: {} ({files})", head.suites));
    }
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
