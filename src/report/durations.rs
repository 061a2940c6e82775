//! `--durations`: the slowest cases.

use std::io::{self, Write};
use std::time::Duration;

use super::layout::{titled, visible_line};
use super::options::Options;

/// Lists the `most` slowest cases, or all if `most` is 0.
pub(super) fn write(
    out: &mut impl Write,
    durations: &[(Duration, String)],
    most: usize,
    options: &Options,
) -> io::Result<()> {
    if durations.is_empty() {
        return Ok(());
    }
    let mut slowest: Vec<&(Duration, String)> = durations.iter().collect();
    slowest.sort_by_key(|(duration, _)| std::cmp::Reverse(*duration));
    let title = if most == 0 { "slowest durations".to_owned() } else { format!("slowest {most} durations") };
    writeln!(out, "{}", titled('=', &title, options.width))?;
    if most > 0 {
        slowest.truncate(most);
    }
    for (at, (duration, id)) in slowest.iter().enumerate() {
        if options.verbosity < 2 && duration.as_secs_f64() < options.durations_min {
            let hidden = slowest.len() - at;
            let (least, s) = (options.durations_min, if hidden == 1 { "" } else { "s" });
            return writeln!(out, "\n({hidden} duration{s} < {least}s hidden.  Use -vv to show these durations.)");
        }
        writeln!(out, "{:.2}s call     {}", duration.as_secs_f64(), visible_line(id))?;
    }
    Ok(())
}
