//! `--tb`: how much of each failure is shown.

use std::str::FromStr;

/// How much of each failure is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trace {
    /// Everything.
    #[default]
    Long,
    /// Only the expected and the actual values.
    Short,
    /// One line.
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
