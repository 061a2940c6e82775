//! Exit codes are API: pytest's numbers, in one place.

#[cfg(not(all(feature = "schema", feature = "stack")))]
use crate::features;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything selected passed, was skipped, or failed as expected.
    Ok = 0,
    /// Some case failed or could not be run.
    Failed = 1,
    /// The user stopped the run.
    Interrupted = 2,
    /// A bug in retake, or a failure of the system.
    Internal = 3,
    /// A flag, a file or a name the user gave is wrong; no case ran.
    Usage = 4,
    /// Nothing was selected.
    NothingSelected = 5,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}

/// Ends a command early: the message for stderr, and the exit code.
#[derive(Debug)]
pub struct Stop {
    /// The code.
    pub exit: Exit,
    /// The text for stderr.
    pub message: String,
}

impl Stop {
    /// A mistake of the user.
    pub fn usage(message: impl Into<String>) -> Self {
        Stop { exit: Exit::Usage, message: message.into() }
    }

    /// The user asks for what this build lacks.
    #[cfg(not(all(feature = "schema", feature = "stack")))]
    pub(super) fn not_built(feature: &str) -> Self {
        Stop::usage(format!("{}\n  {}", features::without(feature), features::help(feature)))
    }

    /// The user stopped the program before it had a result.
    pub fn interrupted() -> Self {
        Stop { exit: Exit::Interrupted, message: "interrupted by the user".to_owned() }
    }

    /// A failure that is not the user's mistake.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Stop { exit: Exit::Internal, message: message.to_string() }
    }
}
