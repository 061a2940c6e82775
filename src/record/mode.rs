//! The four modes.

use std::fmt;
use std::str::FromStr;

/// What happens to a request to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// It goes to the provider; nothing is recorded.
    Live,
    /// It goes to the provider; everything is recorded.
    Record,
    /// Recordings answer it; nothing goes to the provider.
    #[default]
    Replay,
    /// Recordings answer it; if none does, it goes to the provider and is recorded.
    RecordIfMissing,
}

impl Mode {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Mode; 4] = [Mode::Live, Mode::Record, Mode::Replay, Mode::RecordIfMissing];

    /// The name that users type.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Record => "record",
            Mode::Replay => "replay",
            Mode::RecordIfMissing => "record-if-missing",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Mode::ALL
            .into_iter()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| format!("`{text}` is not a mode: use live, record, replay or record-if-missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_as_it_is_written() {
        for (mode, name) in [
            (Mode::Replay, "replay"),
            (Mode::Record, "record"),
            (Mode::RecordIfMissing, "record-if-missing"),
            (Mode::Live, "live"),
        ] {
            assert_eq!((mode.to_string().as_str(), name.parse()), (name, Ok(mode)));
        }
        assert!("Replay".parse::<Mode>().is_err());
    }
}
