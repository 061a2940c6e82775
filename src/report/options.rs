//! What the user wants to see.

use super::letters::Letters;
use super::trace::Trace;

/// How to print.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// Columns of a line.
    pub width: usize,
    /// Whether to write colours.
    pub color: bool,
    /// How many `-v` minus how many `-q`. 0: a line a case; 1: reasons whole; -1: letters, and neither head nor
    /// separators around the last line; -2: no last line either.
    pub verbosity: i8,
    /// Whether a log is written rather than a screen: lines of the short summary are then never cut.
    pub ci: bool,
    /// Whether the head is left out.
    pub no_head: bool,
    /// Whether cases are printed as they finish, and not in the order of their files.
    pub as_finished: bool,
    /// How much is told of each failure.
    pub trace: Trace,
    /// Which outcomes the short summary lists.
    pub letters: Letters,
    /// How many of the slowest cases are listed, 0 for all of them; `None` for no list.
    pub durations: Option<usize>,
    /// The list of the slowest leaves out what took less than this many seconds.
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
