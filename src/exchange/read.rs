//! The text of a recording's file, ours or another tool's, as a value.

use super::file::File;
use super::import::{self, OtherFile};
use super::parts::{FormatError, Text};
use super::recording::{RecordedRequest, Recording};
use super::section;

/// Why a text cannot be read as a recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It should be one, and something in it is wrong.
    #[error(transparent)]
    Broken(#[from] FormatError),
    /// It is something else, and nothing is wrong with it.
    #[error("{0}")]
    OtherFile(OtherFile),
}

/// Reads the text of a recording.
pub fn read(text: &str) -> Result<Recording, ReadError> {
    let file = open(text)?;
    match file.section() {
        Some(section) => Ok(section::recording(&file, section)?),
        None => match import::with_plain_ids(&file)? {
            Some(text) => Ok(import::recording(&open(&text)?)?),
            None => Ok(import::recording(&file)?),
        },
    }
}

/// All of a recording but its reply, which is passed over: for an index of many. What [`read`] gives of the rest is the
/// same, but a mistake in the reply is only found by [`read`].
pub fn read_request(text: &str) -> Result<RecordedRequest, ReadError> {
    let file = open(text)?;
    match file.section() {
        Some(section) => Ok(section::recorded_request(&file, section)?),
        None => match import::with_plain_ids(&file)? {
            Some(text) => Ok(import::recorded_request(&open(&text)?)?),
            None => Ok(import::recorded_request(&file)?),
        },
    }
}

fn open(text: &str) -> Result<File<'_>, ReadError> {
    let text = Text(text);
    match text.0.trim_start().chars().next() {
        Some('{') => {}
        None => return Err(text.error(text.0, "the file is empty").into()),
        Some(_) => {
            if let Some(other) = import::other_file_of_text(text.0) {
                return Err(ReadError::OtherFile(other));
            }
            return Err(text.error(text.0, "a recording is a JSON object with `request` and `response`").into());
        }
    }
    let top = text.members(text.0)?;
    if top.get("retake").is_none()
        && let Some(other) = import::other_file(text, &top)
    {
        return Err(ReadError::OtherFile(other));
    }
    Ok(File::open(text, top)?)
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
