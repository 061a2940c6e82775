//! Recognises files among recordings that are not recordings.

use std::fmt;

use super::super::parts::{Members, Text};

/// What kind of file this is, if it is not a recording of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OtherFile {
    /// A recording of something other than HTTP, for another tool to replay: `tool recording`.
    NotHttp(&'static str),
    /// A file of a tool whose recordings retake does not read: `VCR cassette`.
    OtherTool(&'static str),
}

impl OtherFile {
    /// The kind in the singular.
    pub fn name(self) -> &'static str {
        match self {
            OtherFile::NotHttp(name) | OtherFile::OtherTool(name) => name,
        }
    }
}

impl fmt::Display for OtherFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        let article = if name.to_ascii_lowercase().starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        match self {
            OtherFile::NotHttp(_) => write!(f, "this is {article} {name}: it is not HTTP, and only HTTP is replayed"),
            OtherFile::OtherTool(_) => write!(f, "this is {article} {name}, which retake does not read"),
        }
    }
}

/// Top-level members that show which tool wrote a file.
const AT_THE_TOP: [(&str, &str); 10] = [
    ("retake_index", "retake index file"),
    ("interactions", "VCR cassette"),
    ("http_interactions", "VCR cassette"),
    ("fixtures", "aimock or llmposter fixture"),
    ("match", "aimock or llmposter fixture"),
    ("mappings", "WireMock mapping"),
    ("imposters", "Mountebank configuration"),
    ("httpRequest", "MockServer expectation"),
    ("Entries", "Azure SDK recording"),
    ("item", "Postman collection"),
];

/// Members of a WireMock stub, in its `request` and in its `response`. Recordings have these two as well.
const OF_WIREMOCK_REQUEST: [&str; 6] =
    ["urlPath", "urlPattern", "urlPathPattern", "urlPathTemplate", "bodyPatterns", "queryParameters"];
const OF_WIREMOCK_RESPONSE: [&str; 6] =
    ["jsonBody", "base64Body", "bodyFileName", "proxyBaseUrl", "fixedDelayMilliseconds", "transformers"];

/// The kind of a JSON object without our section, if it is not a recording of HTTP.
pub(in super::super) fn other_file(text: Text<'_>, top: &Members<'_>) -> Option<OtherFile> {
    if let Some(request) = top.get("request") {
        return of_request(text, top, &text.members(request).ok()?);
    }
    if let Some(log) = top.get("log").and_then(|log| text.members(log).ok()) {
        return match (log.has("_recordingName"), log.has("entries")) {
            (true, _) => Some(OtherFile::OtherTool("Polly.js recording")),
            (_, true) => Some(OtherFile::OtherTool("HAR file")),
            _ => None,
        };
    }
    AT_THE_TOP.iter().find(|(member, _)| top.has(member)).map(|(_, name)| OtherFile::OtherTool(name))
}

fn of_request(text: Text<'_>, top: &Members<'_>, request: &Members<'_>) -> Option<OtherFile> {
    let has_address = request.has("url") || request.has("endpoint");
    if !has_address && (request.has("tool_name") || request.has("kwargs")) {
        return Some(OtherFile::NotHttp("tool recording"));
    }
    if !has_address && !request.has("method") && request.names().any(|name| name.contains("processor")) {
        return Some(OtherFile::NotHttp("file processor recording"));
    }
    let url: String = request.get("url").and_then(|url| serde_json::from_str(url).ok()).unwrap_or_default();
    if let Some((scheme, _)) = url.split_once("://")
        && !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https")
    {
        let name = if scheme.eq_ignore_ascii_case("vertexai") { "Vertex AI recording" } else { "Python SDK recording" };
        return Some(OtherFile::NotHttp(name));
    }
    let response = || top.get("response").and_then(|response| text.members(response).ok());
    // The URL of a WireMock stub is a path. A recording of llama-stack's has a full URL, or at least a member that
    // describes the call.
    let is_stub = OF_WIREMOCK_REQUEST.iter().any(|member| request.has(member))
        || url.starts_with('/') && !["endpoint", "payload", "test_id"].iter().any(|member| request.has(member))
        || !request.has("endpoint")
            && response().is_some_and(|response| OF_WIREMOCK_RESPONSE.iter().any(|member| response.has(member)));
    is_stub.then_some(OtherFile::OtherTool("WireMock mapping"))
}

/// The kind of a text that is not a JSON object.
pub(in super::super) fn other_file_of_text(text: &str) -> Option<OtherFile> {
    if !text.trim_start().starts_with('[') {
        let is_cassette = |line: &str| line.starts_with("interactions:") || line.starts_with("http_interactions:");
        return text.lines().any(is_cassette).then_some(OtherFile::OtherTool("VCR cassette"));
    }
    let list: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(text).ok()?;
    let first = list.first()?;
    if first.contains_key("scope") {
        return Some(OtherFile::OtherTool("nock recording"));
    }
    let at_the_top = AT_THE_TOP.iter().find(|(member, _)| first.contains_key(*member));
    at_the_top.map(|(_, name)| OtherFile::OtherTool(name))
}
