//! The one place that knows the YAML crate: text to typed values, and errors that show the user's line.

use std::sync::Arc;

/// A file's name and text, kept for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as shown to the user.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
}

/// A place in a file; both count from 1, columns in characters. `0, 0` is "somewhere in the file".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// What is wrong with a user's file: place, reason and way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}:{}: {reason}", file.name, place.line, place.column)]
pub struct Error {
    /// The file.
    pub file: Source,
    /// Where.
    pub place: Place,
    /// How many characters the caret underlines, at least 1.
    pub width: usize,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub help: Option<String>,
}
