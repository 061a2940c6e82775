//! What is recorded of requests and replies.

use std::borrow::Cow;
use std::io;
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Secrets;
use super::credentials::{self, PLACEHOLDER, is_place, out_of_url};
use super::edits::{replaced, shifted};
use crate::exchange::body;
use crate::exchange::model::{End, Exchange, Reply, Request};
use crate::exchange::trouble::wire_kind;
use crate::wire::BodyKind;
use crate::wire::headers::{is_account, is_credential, is_of_one_hop, sets_cookie};

/// Request headers that are recorded. All others are left out, whatever the name of a key header may be.
const KEPT_REQUEST_HEADERS: [&str; 6] =
    ["accept", "anthropic-beta", "anthropic-version", "content-encoding", "content-type", "openai-beta"];

/// Large bodies are searched in windows of so many bytes. A secret in pieces is found if all of them are within the
/// bytes that two windows share: a hundred pieces and more, each in an event of its own.
const WINDOW: usize = 1 << 20;
const OVERLAP: usize = 128 << 10;

/// Whether a reply header is recorded: not if it concerns one connection or one session, or follows from the body.
pub fn keeps_reply_header(name: &str) -> bool {
    !is_of_one_hop(name) && !sets_cookie(name) && !name.eq_ignore_ascii_case("x-retake-origin")
}

/// A request without recognisable credentials, as it is recorded today. A recording made before that was so then still
/// counts as the same request.
pub(in crate::exchange) fn without_credentials(request: &Request) -> Cow<'_, Request> {
    static NONE: LazyLock<Secrets> = LazyLock::new(Secrets::default);
    let (endpoint, body) = (NONE.url(&request.endpoint), NONE.request_body(&request.body));
    if endpoint == request.endpoint && body.is_none() {
        return Cow::Borrowed(request);
    }
    let body = body.unwrap_or_else(|| request.body.clone());
    Cow::Owned(Request { endpoint, body, ..request.clone() })
}

impl Secrets {
    /// Adds request headers that are recorded because they count when requests are compared. A header that carries a
    /// key is never recorded.
    pub fn keeping(mut self, headers: &[String]) -> Self {
        let new = headers.iter().filter(|name| !is_credential(name));
        self.kept_headers.extend(new.filter(|name| !KEPT_REQUEST_HEADERS.contains(&name.as_str())).cloned());
        self.kept_headers.sort_unstable();
        self.kept_headers.dedup();
        self
    }

    /// Adds the credentials that a request carries, so that they are removed wherever they are echoed.
    pub fn of<'s>(&'s self, request: &Request) -> Cow<'s, Self> {
        match credentials::of_request(request) {
            none if none.is_empty() => Cow::Borrowed(self),
            values => self.with(values),
        }
    }

    /// A request without secrets, with only the headers that are recorded.
    pub fn request(&self, request: &Request) -> Request {
        let mut headers = HeaderMap::new();
        let more = self.kept_headers.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        for name in KEPT_REQUEST_HEADERS.map(HeaderName::from_static).into_iter().chain(more) {
            for value in request.headers.get_all(&name) {
                if let Ok(value) = HeaderValue::from_bytes(&self.bytes(value.as_bytes())) {
                    headers.append(&name, value);
                }
            }
        }
        // A secret inside of a compressed body can only be removed from the decoded body, which is then recorded
        // decoded.
        let unpacked = body::unpacked(request).and_then(|plain| self.request_body(&plain));
        let body = match unpacked {
            Some(body) => {
                headers.remove(CONTENT_ENCODING);
                body
            }
            None => self.request_body(&request.body).unwrap_or_else(|| request.body.clone()),
        };
        Request {
            method: request.method.clone(),
            endpoint: self.url(&request.endpoint),
            headers,
            body,
            auth: request.auth,
            case: request.case.clone(),
        }
    }

    /// A declared variable whose value a request holds: the recording is then found only by requests with that value.
    pub fn find_in_request(&self, request: &Request) -> Option<&str> {
        let declared = Secrets { carried: None, ..self.clone() };
        let unpacked = body::unpacked(request);
        let held = [request.endpoint.as_bytes(), &request.body, unpacked.as_deref().unwrap_or_default()];
        let found = held.into_iter().find_map(|bytes| declared.find(bytes).map(str::to_owned))?;
        self.declared.variables().find(|variable| *variable == found)
    }

    /// An exchange without secrets. Its request must come from [`Secrets::request`].
    pub fn exchange(&self, exchange: &Exchange) -> Exchange {
        let all = self.of_reply(exchange);
        Exchange {
            request: self.request(&exchange.request),
            url: self.url(&exchange.url),
            reply: all.reply(&exchange.reply),
            recorded_at: exchange.recorded_at.clone(),
            origin: exchange.origin,
        }
    }

    /// Adds the credentials that the headers of a reply carry.
    fn of_reply(&self, exchange: &Exchange) -> Cow<'_, Self> {
        let headers = exchange.reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.with(credentials::of_reply(headers))
    }

    /// The declared variable whose value a scrubbed reply still contains in pieces or as numbers.
    pub fn find_in_reply(&self, reply: &Reply) -> Option<&str> {
        self.find_in_pieces(&reply.body, wire_kind(reply))
    }

    /// The placeholder of a secret that a large body holds, in one piece or in several. It cannot be replaced there.
    /// That takes seconds: [`io::ErrorKind::Interrupted`] as soon as `is_over`.
    pub fn find_in_large(&self, exchange: &Exchange, is_over: impl Fn() -> bool) -> io::Result<Option<String>> {
        let reply = &exchange.reply;
        let (Some(large), kind) = (&reply.large, wire_kind(reply)) else { return Ok(None) };
        let all = self.of_reply(exchange);
        for piece in large.overlapping(WINDOW, OVERLAP) {
            let piece = piece?;
            if is_over() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if let Some(edit) = all.edits_of_body(&piece, kind).into_iter().next() {
                return Ok(Some(edit.text));
            }
            if let Some(variable) = all.find_in_pieces(&piece, kind) {
                return Ok(Some(format!("${variable}")));
            }
        }
        Ok(None)
    }

    /// A reply without secrets, with only the headers that are recorded. Its chunks still add up to its body: a
    /// placeholder belongs to the chunk in which the secret began.
    pub(super) fn reply(&self, reply: &Reply) -> Reply {
        let edits = self.edits_of_body(&reply.body, wire_kind(reply));
        let headers = reply.headers.iter().filter(|(name, _)| keeps_reply_header(name));
        Reply {
            status: reply.status,
            headers: headers.map(|(name, value)| (name.clone(), self.header(name, value))).collect(),
            body: if edits.is_empty() { reply.body.clone() } else { replaced(&reply.body, &edits).into() },
            large: reply.large.clone(),
            chunks: if edits.is_empty() { reply.chunks.clone() } else { shifted(&reply.chunks, &edits) },
            end: match &reply.end {
                End::Complete => End::Complete,
                End::Broken(how) => End::Broken(self.text(how)),
            },
        }
    }

    fn header(&self, name: &str, value: &str) -> String {
        match () {
            () if (is_credential(name) || is_account(name)) && !value.is_empty() => PLACEHOLDER.to_owned(),
            () if is_place(name) => self.url(value),
            () => self.text(value),
        }
    }

    fn url(&self, url: &str) -> String {
        out_of_url(&self.text(url))
    }

    fn request_body(&self, body: &[u8]) -> Option<Bytes> {
        let edits = super::with_quotes(self.edits(body), body, BodyKind::Whole);
        (!edits.is_empty()).then(|| replaced(body, &edits).into())
    }
}
