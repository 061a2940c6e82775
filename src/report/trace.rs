//! `--tb`: how much is told of each failure.

use std::str::FromStr;

/// How much is told of each failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trace {
    /// Everything.
    #[default]
    Long,
    /// What was expected and what came, and no more.
    Short,
    /// A line.
    Line,
    /// Nothing.
    No,
}

impl FromStr for Trace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" | "long" | "native" => Ok(Trace::Long),
            "short" => Ok(Trace::Short),
            "line" => Ok(Trace::Line),
            "no" => Ok(Trace::No),
            _ => Err("it is one of: auto, long, short, line, native, no".to_owned()),
        }
    }
}
