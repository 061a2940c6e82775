//! Reads a recording's file, of retake or of another tool.

use super::file::File;
use super::import::{self, OtherFile};
use super::large::Large;
use super::parts::{FormatError, Text};
use super::recording::{RecordedRequest, Recording};
use super::section;

/// Why a text cannot be read as a recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It should be a recording, but something in it is wrong.
    #[error(transparent)]
    Broken(#[from] FormatError),
    /// It is another kind of file, and nothing is wrong with it.
    #[error("{0}")]
    OtherFile(OtherFile),
}

/// Reads the text of a recording.
pub fn read(text: &str) -> Result<Recording, ReadError> {
    let file = open(text)?;
    if let Some(section) = file.section()
        && let Some(recording) = section::recording(&file, section, None)?
    {
        return Ok(recording);
    }
    match import::with_plain_ids(&file)? {
        Some(text) => Ok(import::recording(&open(&text)?)?),
        None => Ok(import::recording(&file)?),
    }
}

/// Like [`read`], for a text from which a long base64 was left out, whose bytes are in `large`. `None` if these are not
/// the whole body of the reply: then the whole text is needed.
pub(crate) fn read_large(text: &str, large: Large) -> Result<Option<Recording>, ReadError> {
    let file = open(text)?;
    match file.section() {
        Some(section) => Ok(section::recording(&file, section, Some(large))?),
        None => Ok(None),
    }
}

/// Reads a recording without its reply, to index many files. The rest is the same as [`read`] gives, but only [`read`]
/// finds errors in the reply.
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
