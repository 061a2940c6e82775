//! What the user wants to see.

use super::letters::Letters;
use super::trace::Trace;

/// How to print.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// The width of a line in columns.
    pub width: usize,
    /// Whether to write colours.
    pub color: bool,
    /// The number of `-v` minus the number of `-q`. 0: one line per case; 1: reasons in full; -1: one letter per case,
    /// without the head and without separators around the last line; -2: also without the last line.
    pub verbosity: i8,
    /// Whether the output is a log and not a screen: then lines of the short summary are never cut.
    pub ci: bool,
    /// Whether the head is left out.
    pub no_head: bool,
    /// Whether cases are printed as they finish, not in the order of their files.
    pub as_finished: bool,
    /// How much of each failure is shown.
    pub trace: Trace,
    /// The outcomes that the short summary lists.
    pub letters: Letters,
    /// How many of the slowest cases are listed, 0 for all; `None` for no list.
    pub durations: Option<usize>,
    /// The list of the slowest cases omits those that took less than this many seconds.
    pub durations_min: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            width: 80,
            color: false,
            verbosity: 0,
            ci: false,
            no_head: false,
            as_finished: false,
            trace: Trace::default(),
            letters: Letters::default(),
            durations: None,
            durations_min: 0.005,
        }
    }
}
