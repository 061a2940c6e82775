//! A recording as a value.

use super::extra::Extra;
use super::model::{Exchange, Origin, Request};
use super::owners::Owners;

/// An exchange as stored in a file.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What happened.
    pub exchange: Exchange,
    /// Which cases it is for.
    pub owners: Owners,
    /// The reply reports an error, but a case or session that ended well received it.
    pub expected: bool,
    /// The digest of the reply as it was recorded, if the file was edited by hand since. It is kept when the file is
    /// written, so that the file stays marked as edited.
    pub edited: Option<String>,
    /// Members of its file that this version does not know.
    pub extra: Extra,
}

impl Recording {
    /// A new recording: not edited, without unknown members, and not yet seen by a case that ended well.
    pub fn new(exchange: Exchange, owners: Owners) -> Self {
        Recording { exchange, owners, expected: false, edited: None, extra: Extra::default() }
    }

    /// Whether the reply was edited by hand after it was recorded: it is replayed, but it is no longer a real reply.
    pub fn is_edited(&self) -> bool {
        self.edited.is_some()
    }
}

/// What an index needs of a recording: everything except its reply.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The request.
    pub request: Request,
    /// The URL it went to.
    pub url: String,
    /// Which cases it is for.
    pub owners: Owners,
    /// Where the reply comes from.
    pub origin: Origin,
    /// The same as [`Recording::expected`].
    pub expected: bool,
    /// Another tool wrote it.
    pub is_foreign: bool,
}
