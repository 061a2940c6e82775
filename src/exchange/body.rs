//! A request's body as it is compared: by its content, not by how it was packed.

use std::borrow::Cow;

use super::key::Content;
use super::model::Request;
use super::multipart::{self, Boundary};
use crate::wire::coding;

/// A compressed body that decodes to more than this is compared by its own bytes: a few bytes can decode to more than
/// fits into memory.
const MOST_UNPACKED: usize = 100 << 20;

/// The decoded content of a compressed body; `None` if it is not compressed or cannot be decoded.
pub(super) fn unpacked(request: &Request) -> Option<Vec<u8>> {
    coding::unpacked(&request.headers, &request.body, MOST_UNPACKED)
}

/// A body without its compression and its boundaries.
pub(super) struct Body<'a> {
    bytes: Cow<'a, [u8]>,
    /// The bytes are JSON made from a form.
    pub(super) is_form: bool,
}

impl<'a> Body<'a> {
    /// The body of a request.
    pub(super) fn of(request: &'a Request) -> Self {
        let bytes = unpacked(request).map_or(Cow::Borrowed(&request.body[..]), Cow::Owned);
        match multipart::boundary(&request.headers) {
            None => Body { bytes, is_form: false },
            Some(Boundary { text, is_form }) => match multipart::form(&bytes, &text).filter(|_| is_form) {
                Some(json) => Body { bytes: json.into_bytes().into(), is_form: true },
                None => Body { bytes: multipart::without_boundary(&bytes, &text).into(), is_form: false },
            },
        }
    }

    /// The body as older versions of retake compared it: they did not decode forms or compression.
    pub(super) fn as_before(request: &'a Request) -> Self {
        let bytes = match multipart::boundary(&request.headers) {
            Some(boundary) => multipart::without_boundary(&request.body, &boundary.text).into(),
            None => Cow::Borrowed(&request.body[..]),
        };
        Body { bytes, is_form: false }
    }

    pub(super) fn content(&self) -> Content<'_> {
        Content::of(&self.bytes)
    }
}
