//! Flags of pytest that are not specific to retake.

use clap::{ArgAction, Args};

use crate::cli::near;
use crate::cli::reports::Wanted;
use crate::matrix::Shard;
use crate::report::Trace;

/// Which cases run, as in pytest.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(in crate::cli) struct ChoiceArgs {
    /// Only cases for which this expression of keywords is true; keywords count as whole names
    #[arg(short = 'm', long = "marks", env = "RETAKE_MARKS", value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(in crate::cli) marks: Option<String>,
    /// A mark in -m that no case has is an error
    #[arg(long, alias = "strict")]
    pub(in crate::cli) strict_markers: bool,
    /// Leave out cases whose id begins with this; may be repeated
    #[arg(long, env = "RETAKE_DESELECT", value_name = "ID")]
    pub(in crate::cli) deselect: Vec<String>,
    /// Only this part of all cases, stable by id: 1/4 to 4/4
    #[arg(long, env = "RETAKE_SHARD", value_name = "PART/PARTS")]
    pub(in crate::cli) shard: Option<Shard>,
    /// Only cases that failed last time; all cases if none failed
    #[arg(long, visible_alias = "last-failed")]
    pub(in crate::cli) lf: bool,
    /// Cases that failed last time first, then the others
    #[arg(long, visible_alias = "failed-first")]
    pub(in crate::cli) ff: bool,
    /// With --lf, if no case failed last time: all or none
    #[arg(long, visible_alias = "last-failed-no-failures", value_name = "WHICH", default_value = "all",
          value_parser = ["all", "none"])]
    pub(in crate::cli) lfnf: String,
    /// Stop at a failure, and continue from there the next time
    #[arg(long, visible_alias = "stepwise")]
    pub(in crate::cli) sw: bool,
    /// With --sw, continue after the first failure
    #[arg(long, visible_alias = "stepwise-skip")]
    pub(in crate::cli) sw_skip: bool,
    /// With --sw, start at the first case again
    #[arg(long, visible_alias = "stepwise-reset")]
    pub(in crate::cli) sw_reset: bool,
    /// Forget which cases failed last time
    #[arg(long)]
    pub(in crate::cli) cache_clear: bool,
    /// Show which cases would run, and run none; -q: ids, -qq: the count of each suite
    #[arg(long, visible_alias = "co")]
    pub(in crate::cli) collect_only: bool,
}

/// How to report, as in pytest.
#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(in crate::cli) struct ReportArgs {
    /// Show reasons and messages in full
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(in crate::cli) verbose: u8,
    /// Show letters instead of lines; -qq: also without the last line
    #[arg(short = 'q', long, action = ArgAction::Count)]
    pub(in crate::cli) quiet: u8,
    /// What the short summary lists: f failed, E error, s skipped, x xfailed, X xpassed, p passed, R rerun, K flaky, a
    /// all except passed, A all, N none; P shows captured output of passed cases
    #[arg(short = 'r', env = "RETAKE_REPORT", value_name = "LETTERS")]
    pub(in crate::cli) report: Vec<String>,
    /// Also report for machines: jsonl, junit, ctrf, tap, github, markdown or html, to FILE, or to - for stdout; may be repeated
    #[arg(long = "report", env = "RETAKE_REPORTS", value_name = "KIND=FILE", value_delimiter = ',')]
    pub(in crate::cli) reports: Vec<Wanted>,
    /// How much of each failure is shown: auto, long, short, line, no
    #[arg(long, env = "RETAKE_TB", value_name = "STYLE", default_value = "auto", value_parser = trace)]
    pub(in crate::cli) tb: Trace,
    /// List the slowest N cases, 0 for all
    #[arg(long, env = "RETAKE_DURATIONS", value_name = "N")]
    pub(in crate::cli) durations: Option<usize>,
    /// The list leaves out cases that took fewer seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.005)]
    pub(in crate::cli) durations_min: f64,
    /// Print cases in the order of their files, or as they finish
    #[arg(long, env = "RETAKE_ORDER", value_name = "ORDER", default_value = "file", value_parser = ["file", "finish"])]
    pub(in crate::cli) order: String,
    /// Leave out the head
    #[arg(long)]
    pub(in crate::cli) no_header: bool,
    /// Leave out the short summary
    #[arg(long)]
    pub(in crate::cli) no_summary: bool,
}

fn trace(text: &str) -> Result<Trace, String> {
    let near = || near::one_of(text, ["auto", "long", "short", "line", "native", "no"]);
    text.parse().map_err(|error| format!("{error}{}", near()))
}

impl ReportArgs {
    /// The number of `-v` minus the number of `-q`.
    pub(in crate::cli) fn verbosity(&self) -> i8 {
        self.verbose.min(9) as i8 - self.quiet.min(9) as i8
    }
}
