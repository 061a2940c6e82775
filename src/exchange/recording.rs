//! A recording as a value.

use super::extra::Extra;
use super::model::{Exchange, Origin, Request};
use super::owners::Owners;

/// An exchange in a file.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What happened.
    pub exchange: Exchange,
    /// For whom it is.
    pub owners: Owners,
    /// A case or session that ended well saw this reply, although it says that something went wrong.
    pub expected: bool,
    /// The digest of the reply as it was recorded, where the file was edited by hand since. Writing keeps it, so that
    /// the file stays known as edited.
    pub edited: Option<String>,
    /// What its file holds beside what is known here.
    pub extra: Extra,
}

impl Recording {
    /// An exchange as it was just recorded: not edited, nothing beside it, and nobody has yet ended well with it.
    pub fn new(exchange: Exchange, owners: Owners) -> Self {
        Recording { exchange, owners, expected: false, edited: None, extra: Extra::default() }
    }

    /// Whether the reply was edited by hand after it was recorded: it is played, but it is nobody's real reply.
    pub fn is_edited(&self) -> bool {
        self.edited.is_some()
    }
}

/// What an index holds of a recording: all but its reply.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The request.
    pub request: Request,
    /// The URL it went to.
    pub url: String,
    /// For whom it is.
    pub owners: Owners,
    /// Where the reply comes from.
    pub origin: Origin,
    /// As [`Recording::expected`].
    pub expected: bool,
    /// Another tool wrote it.
    pub is_foreign: bool,
}
