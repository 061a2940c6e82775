//! Error replies of the proxy itself. They must never be mistaken for a provider's, and are never worth a retry.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::access::Refused;
use crate::record::Size;
use crate::upstream::{ERROR_HEADER, Error, ErrorKind};

/// The name of the refusal of a host that is no provider's.
const BLOCKED: &str = "network-blocked";

/// A refused request, or one that has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The value of [`ERROR_HEADER`] and of the error's `code`.
    pub(super) name: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn new(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Refusal { status, name, message: message.into() }
    }

    /// The path leads nowhere.
    pub(super) fn unknown_route(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::NOT_FOUND, "unknown-route", message)
    }

    /// The provider has no such path, because the version in it is missing or stands twice; `base` is the path of the
    /// provider's base URL.
    pub(super) fn misplaced(provider: &str, path: &str, base: &str) -> Self {
        let without = base.rsplit_once('/').map_or("", |(parent, _)| parent);
        Refusal::unknown_route(format!(
            "{provider} has no {path}, in which the version is missing or stands twice: the client's base URL is \
             /{provider}{base}, or /{provider}{without} if the client adds the version"
        ))
    }

    /// The name of the session is not valid.
    pub(super) fn bad_session(why: &str) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "bad-session", format!("this cannot be the name of a session: {why}"))
    }

    /// The faults for the session are not valid.
    pub(super) fn bad_faults(why: &str) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "bad-faults", why)
    }

    /// The outcome of the session is not valid.
    pub(super) fn bad_outcome(why: &str) -> Self {
        let message = format!(
            "{why}; a session ends with POST /session/NAME/finish, and says how with {{\"outcome\": \"passed\"}} or \
             {{\"outcome\": \"failed\"}}"
        );
        Refusal::new(StatusCode::BAD_REQUEST, "bad-outcome", message)
    }

    /// The session runs already.
    pub(super) fn session_runs(name: &str) -> Self {
        let message = format!("the session {name:?} runs already: finish it with POST /session/NAME/finish");
        Refusal::new(StatusCode::CONFLICT, "session-runs", message)
    }

    /// The process runs another test.
    pub(super) fn process_runs(other: &str) -> Self {
        let message = format!(
            "this process runs {other:?} already, and its requests can be of one test only: finish it with POST \
             /session/NAME/finish"
        );
        Refusal::new(StatusCode::CONFLICT, "session-runs", message)
    }

    /// The session does not run.
    pub(super) fn unknown_session(name: &str, near: Option<&str>) -> Self {
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        let message = format!(
            "no session {name:?} runs: nothing has started it, it was finished, or let go because it was idle for long{near}"
        );
        Refusal::new(StatusCode::NOT_FOUND, "unknown-session", message)
    }

    /// The token is missing or wrong.
    pub(super) fn no_token() -> Self {
        let message = "this proxy wants its token: send it as `x-retake-token`, or where a client sends its API key";
        Refusal::new(StatusCode::UNAUTHORIZED, "no-token", message)
    }

    /// The network proxy wants its token.
    pub(super) fn no_proxy_token() -> Self {
        let message = "this proxy wants its token, as the password of its URL: HTTPS_PROXY=http://:TOKEN@HOST:PORT";
        Refusal::new(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "no-token", message)
    }

    /// The host that a client asked for cannot be one.
    pub(super) fn bad_host(host: &str) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "bad-host", format!("{host:?} is no host with a port"))
    }

    /// Hosts that are no provider's are blocked.
    pub(super) fn no_network(host: &str, name: &str) -> Self {
        let message = format!(
            "{host} is no host of a provider, and others are blocked (--block-network)\n  let it pass with \
             --allow-network {name}, or declare it as a provider in providers.yaml"
        );
        Refusal::new(StatusCode::FORBIDDEN, BLOCKED, message)
    }

    /// A host that is no provider's gave no connection or no reply.
    pub(super) fn unreachable(host: &str, why: &dyn std::fmt::Display) -> Self {
        Refusal::new(StatusCode::BAD_GATEWAY, ErrorKind::Connect.name(), format!("{host}: no connection: {why}"))
    }

    /// The provider has a host for each customer, and it is not known that it is at this one.
    pub(super) fn no_address(provider: &str, host: &str, base_url: &str) -> Self {
        let rest = base_url.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        let message = format!(
            "{host} looks like an address of {provider}, whose key it would get, and nothing says that it is\n  say so \
             with --provider {provider}=https://{host}{path}"
        );
        Refusal::new(StatusCode::MISDIRECTED_REQUEST, "no-address", message)
    }

    /// The body is larger than the limit; `declared` is its `Content-Length`.
    pub(super) fn too_large(declared: Option<u64>, most: Size) -> Self {
        let said = declared.map_or_else(String::new, |bytes| format!(" ({bytes} bytes)"));
        let message = format!(
            "the request's body{said} is larger than {most}, the most that is taken; --max-request-size SIZE, or \
             RETAKE_MAX_REQUEST_SIZE, sets another limit"
        );
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    /// The body for one of the proxy's own routes is too large.
    pub(super) fn too_large_for_us(most: Size) -> Self {
        let message = format!("the body of a request that starts or finishes a session is larger than {most}");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    /// All bodies under way together are larger than their limit.
    pub(super) fn too_many(most: Size) -> Self {
        let message = format!(
            "the bodies of all requests under way would be larger than {most}: ask with fewer of them at once, or \
             raise --max-request-size, of which it is twice"
        );
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too-many", message)
    }

    /// The body broke off.
    pub(super) fn broken_request(why: &str) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "broken-request", format!("the request's body broke off: {why}"))
    }

    /// A protocol that HTTP can switch to, but that recordings cannot hold.
    pub(super) fn no_upgrade(protocol: &str) -> Self {
        let message = format!(
            "the proxy records requests and replies; it cannot record what is said in {protocol}\n  --mode live passes it \
             on, unrecorded; or test without it"
        );
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "no-upgrade", message)
    }

    /// Adds the requested path to a message of several lines, since recordings only know the API's own path.
    pub(super) fn asked(mut self, path: &str) -> Self {
        if let Some(at) = self.message.find('\n') {
            self.message.insert_str(at, &format!("\n  asked: {path}"));
        }
        self
    }

    /// Whether it makes a run untrustworthy. A passing failure of the network or the provider does not: the client may
    /// retry, and its test decides.
    pub(super) fn is_trouble(&self) -> bool {
        // Some clients look for their own news, and live without: a blocked host is named at the end.
        !self.may_pass() && self.name != BLOCKED
    }

    fn may_pass(&self) -> bool {
        ErrorKind::from_name(self.name).is_some_and(ErrorKind::may_pass)
    }

    fn body(&self) -> Value {
        let kind = format!("retake_{}", self.name.replace('-', "_"));
        json!({"error": {"message": self.message, "type": kind, "param": null, "code": self.name}})
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Refusal::new(refused.status, refused.name, refused.message)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::new(error.kind.status(), error.kind.name(), error.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json_response(self.status, &self.body());
        let headers = response.headers_mut();
        headers.insert(ERROR_HEADER, HeaderValue::from_static(self.name));
        if !self.may_pass() {
            // A retry would only get the same answer later.
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if self.name == "no-connect" {
            // A client that wanted a tunnel may already send data for it.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A JSON reply of the proxy itself.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_own_status_type_and_code() {
        let all = [
            ErrorKind::MissingRecording,
            ErrorKind::StaleRecording,
            ErrorKind::MissingKey,
            ErrorKind::Connect,
            ErrorKind::Broken,
        ]
        .map(|kind| Refusal::from(Error::new(kind, "why")))
        .into_iter()
        .chain([Refusal::unknown_route("why"), Refusal::too_large(None, Size(100 << 20)), Refusal::session_runs("a")])
        .map(|refusal| format!("{} {} {}", refusal.status.as_u16(), refusal.is_trouble(), refusal.body()));
        insta::assert_snapshot!(all.collect::<Vec<_>>().join("\n"), @r#"
        424 true {"error":{"message":"why","type":"retake_missing_recording","param":null,"code":"missing-recording"}}
        424 true {"error":{"message":"why","type":"retake_stale_recording","param":null,"code":"stale-recording"}}
        401 true {"error":{"message":"why","type":"retake_missing_key","param":null,"code":"missing-key"}}
        502 false {"error":{"message":"why","type":"retake_connect","param":null,"code":"connect"}}
        502 false {"error":{"message":"why","type":"retake_broken_off","param":null,"code":"broken-off"}}
        404 true {"error":{"message":"why","type":"retake_unknown_route","param":null,"code":"unknown-route"}}
        413 true {"error":{"message":"the request's body is larger than 100MiB, the most that is taken; --max-request-size SIZE, or RETAKE_MAX_REQUEST_SIZE, sets another limit","type":"retake_too_large","param":null,"code":"too-large"}}
        409 true {"error":{"message":"the session \"a\" runs already: finish it with POST /session/NAME/finish","type":"retake_session_runs","param":null,"code":"session-runs"}}
        "#);
    }
}
