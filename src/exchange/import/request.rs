//! Builds the request of a llama-stack recording.

use bytes::Bytes;
use http::Method;

use super::super::file::{self, File};
use super::super::key::has_no_body_by_nature;
use super::super::parts::FormatError;
use super::kwargs;

/// GET requests for lists. The recorder writes POST for every call of an SDK.
const LISTS: [&str; 3] = ["/v1/models", "/api/tags", "/api/ps"];

/// Prefixes of an endpoint if the recorded call went through a gateway, or if both base URL and endpoint have the
/// version.
const PREFIXES: [&str; 3] = ["/v1/openai", "/openai", "/v1"];

/// A request as it was sent.
#[derive(Debug)]
pub(super) struct SentRequest {
    pub(super) method: Method,
    pub(super) endpoint: String,
    pub(super) url: String,
    pub(super) body: Bytes,
    /// It was recorded as plain HTTP, not as a call of an SDK.
    pub(super) is_plain: bool,
    /// It asks for a list, which was recorded as the items that the SDK returned.
    pub(super) is_list: bool,
}

pub(super) fn asked(file: &File<'_>) -> Result<SentRequest, FormatError> {
    let mut url: String = file.request.need(file.text, "url")?;
    let mut method = file.method()?;
    let said: Option<String> = file.request.or_default(file.text, "endpoint")?;
    let is_plain = said.is_none() && (file.request.has("payload") || !file.request.has("body"));
    let mut endpoint = plain_endpoint(&said.unwrap_or_else(|| path_of(&url)));
    let mut body = if is_plain {
        file.request.get("payload").map(file::request_body).unwrap_or_default()
    } else {
        let sent = file.request.get("body").map(kwargs::sent).unwrap_or_default();
        for asked in [&mut endpoint, &mut url] {
            add_query(asked, &sent.query);
        }
        sent.body
    };
    let path = endpoint.split('?').next().unwrap_or_default();
    let is_list = !is_plain && method == Method::POST && LISTS.contains(&path);
    if is_list {
        method = Method::GET;
        body = Bytes::new();
    }
    if has_no_body_by_nature(&method) && body.as_ref() == b"{}" {
        body = Bytes::new();
    }
    Ok(SentRequest { method, endpoint, url, body, is_plain, is_list })
}

/// The API's own path, without a prefix.
fn plain_endpoint(endpoint: &str) -> String {
    let stripped = PREFIXES.iter().find_map(|prefix| {
        let rest = endpoint.strip_prefix(prefix)?;
        rest.starts_with("/v1/").then_some(rest)
    });
    stripped.unwrap_or(endpoint).to_owned()
}

/// The path of a URL with its query.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
    path.split('#').next().unwrap_or_default().to_owned()
}

fn add_query(asked: &mut String, query: &str) {
    if !query.is_empty() {
        asked.push(if asked.contains('?') { '&' } else { '?' });
        asked.push_str(query);
    }
}
