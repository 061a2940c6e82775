//! Reads recordings of other tools.
//!
//! llama-stack (later OGX) records calls of Python SDKs: the arguments of the call and the objects that came back. The
//! HTTP exchange is derived from these. llama-stack also records plain HTTP, and things that are not HTTP. Files of the
//! latter kind, and those of tools that work in another way, are only recognised by name.

mod exception;
mod kwargs;
mod other_file;
mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::extra::Extra;
use super::file::{File, OF_FILE, OF_REQUEST, OF_RESPONSE};
use super::parts::FormatError;
use super::{Auth, Exchange, Origin, Owners, RecordedRequest, Recording, Request, Times};
pub use other_file::OtherFile;
pub(super) use other_file::{other_file, other_file_of_text};
use request::SentRequest;

/// Replacing normalised ids may make a file this many times longer at most.
const MOST_GROWTH: usize = 4;

/// Reads a file without our section. The other tool writes files only for tests that pass.
pub(super) fn recording(file: &File<'_>) -> Result<Recording, FormatError> {
    let asked = request::asked(file)?;
    let response = file.response()?;
    let reply = reply::reply(file.text, &response, &asked)?;
    let (request, url) = requested(file, asked)?;
    // `body` will hold the request when the file is written again, and the ids are already replaced.
    let of_file = [OF_FILE, &["id_normalization_mapping"]].concat();
    let of_request = [OF_REQUEST, &["payload"]].concat();
    let extra = Extra {
        file: file.top.beside(&of_file),
        request: file.request.beside(&of_request),
        response: response.beside(OF_RESPONSE),
        ..Extra::default()
    };
    let exchange = Exchange { request, url, reply, recorded_at: None, origin: Origin::Real };
    Ok(Recording { expected: true, extra, ..Recording::new(exchange, owners(file)) })
}

/// Reads everything except the reply.
pub(super) fn recorded_request(file: &File<'_>) -> Result<RecordedRequest, FormatError> {
    let (request, url) = requested(file, request::asked(file)?)?;
    let owners = owners(file);
    Ok(RecordedRequest { request, url, owners, origin: Origin::Real, expected: true, is_foreign: true })
}

fn requested(file: &File<'_>, asked: SentRequest) -> Result<(Request, String), FormatError> {
    let SentRequest { method, endpoint, url, body, .. } = asked;
    Ok((file.asked(method, endpoint, body, Auth::Provider)?, url))
}

/// The file does not say which of several equal requests it answers, so it answers all of them.
fn owners(file: &File<'_>) -> Owners {
    Owners::ByOrder { times: Times::Any, cases: file.test_id().into_iter().collect::<BTreeSet<_>>() }
}

/// The file's text with the ids that its own tool replays: `id_normalization_mapping` pairs each normalised id with an
/// original one, which it replaces in the whole file. `None` if there is nothing to replace.
pub(super) fn with_plain_ids(file: &File<'_>) -> Result<Option<String>, FormatError> {
    let Some(mapping) = file.top.get("id_normalization_mapping") else { return Ok(None) };
    let mapping = file.text.members(mapping)?;
    let mut text = file.text.0.to_owned();
    for (normalised, original) in mapping.iter() {
        let original: String = file.text.parse(original)?;
        if original.is_empty() {
            continue;
        }
        text = text.replace(&original, normalised);
        if text.len() > file.text.0.len().saturating_mul(MOST_GROWTH) {
            let reason = "`id_normalization_mapping` makes the file many times as long: take out what is not an id";
            return Err(file.text.error(mapping.whole, reason));
        }
    }
    Ok(mapping.names().next().is_some().then_some(text))
}
