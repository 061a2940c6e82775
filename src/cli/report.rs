//! `retake report`: renders runs that were kept as events, alone or several as one.

use std::io::{self, BufWriter};
use std::path::Path;

use super::args::{KeptArgs, ReportArgs};
use super::exit::{Exit, Stop};
use super::output::{Scrubbed, warn};
use super::reports::Reports;
use super::{near, settings};
use crate::disk::{self, MOST_RECORDED};
use crate::event::{self, Event, latest, merged};
use crate::exchange::Secrets;
use crate::report::{self, Letters, Terminal};

/// Renders the runs in these files.
pub(super) fn run(args: &KeptArgs) -> Result<Exit, Stop> {
    let report = &args.report;
    let options = options(report, settings::color(args.color))?;
    // A mistake in a place is told before anything is read.
    let reports = Reports::open(&report.reports, Secrets::default(), false)?;
    let mut runs = Vec::new();
    for file in &args.files {
        runs.extend(read(file)?);
    }
    if !reports.is_empty() {
        return reports.of_runs(&runs).map(|()| Exit::Ok).map_err(Stop::internal);
    }
    let mut terminal = Terminal::new(Scrubbed::new(BufWriter::new(io::stdout()), Secrets::default()), options);
    for event in latest(merged(&runs)).iter() {
        match terminal.handle(event) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            result => result.map_err(|error| Stop::internal(format!("cannot write the report: {error}")))?,
        }
    }
    Ok(Exit::Ok)
}

/// The runs in a file.
fn read(file: &Path) -> Result<Vec<Vec<Event>>, Stop> {
    let name = file.display();
    let text = disk::text(file, MOST_RECORDED).map_err(|why| {
        let near = if why.is_missing() { near::path(file) } else { String::new() };
        Stop::usage(format!("{name}: {why}{near}"))
    })?;
    let read = event::read(&text).map_err(|why| {
        let column = if why.column > 0 { format!(":{}", why.column) } else { String::new() };
        Stop::usage(format!("{name}:{}{column}: {}", why.line, why.reason))
    })?;
    if read.is_torn {
        let said = "the last line is not whole and is left out: the run was killed while it wrote it";
        warn(&Secrets::default(), &format!("warning: {name}: {said}"));
    }
    Ok(read.runs)
}

/// How a report for people looks.
pub(super) fn options(args: &ReportArgs, color: bool) -> Result<report::Options, Stop> {
    let letters = Letters::parse(args.report.iter().map(String::as_str));
    let letters = letters.map_err(|letter| {
        // The flags and their variables are easily taken for each other.
        let is_report = args.report.iter().any(|word| word.contains('='));
        let hint = if is_report { "; for a report in another form: --report KIND=FILE, or RETAKE_REPORTS" } else { "" };
        Stop::usage(format!("-r: `{letter}` is not a letter of fEsxXpPRKaAN{hint}"))
    })?;
    Ok(report::Options {
        width: settings::width(),
        color,
        verbosity: args.verbosity(),
        ci: settings::ci(),
        no_head: args.no_header,
        as_finished: args.order == "finish",
        trace: if args.no_summary { report::Trace::No } else { args.tb },
        letters: if args.no_summary { letters.none() } else { letters },
        durations: args.durations,
        durations_min: args.durations_min,
    })
}
