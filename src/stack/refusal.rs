//! Errors in OpenAI's form: `{"error": {"message", "type", "param", "code"}}`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::access::Refused;
use crate::upstream;
use crate::wire;

/// A refused request, or one that has no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) kind: String,
    pub(super) param: Option<&'static str>,
    pub(super) code: Option<&'static str>,
    pub(super) message: String,
    /// A failure of retake itself: its headers mark it, so that it is never mistaken for the provider's error.
    pub(super) own: Option<&'static str>,
}

impl Refusal {
    /// A mistake of the caller.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Refusal::of(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A refusal with this status and OpenAI `type`.
    pub(super) fn of(status: StatusCode, kind: &str, message: impl Into<String>) -> Self {
        Refusal { status, kind: kind.to_owned(), param: None, code: None, message: message.into(), own: None }
    }

    /// There is no model of this name.
    pub(super) fn model_not_found(message: impl Into<String>) -> Self {
        Refusal::of(StatusCode::NOT_FOUND, "invalid_request_error", message).param("model").code("model_not_found")
    }

    /// Names the member or query parameter that is wrong.
    pub(super) fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }

    /// Adds OpenAI's `code`.
    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The body.
    pub(super) fn body(&self) -> Value {
        shape(&self.message, &self.kind, self.param.into(), self.code.into())
    }
}

impl From<upstream::Error> for Refusal {
    fn from(error: upstream::Error) -> Self {
        let kind = error.kind;
        let refusal = Refusal::of(kind.status(), &kind.openai_type(), error.message);
        Refusal { own: Some(kind.name()), ..refusal }.code(kind.name())
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let kind = format!("retake_{}", refused.name.replace('-', "_"));
        let refusal = Refusal::of(refused.status, &kind, refused.message);
        Refusal { own: Some(refused.name), ..refusal }.code(refused.name)
    }
}

fn shape(message: &str, kind: &str, param: Value, code: Value) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// A provider's error body in OpenAI's form, or `None` if it has that form already.
pub(super) fn shape_provider_error(status: StatusCode, content_type: &str, body: &[u8]) -> Option<Value> {
    let reading = wire::read(content_type, body);
    let has_shape = reading.json.as_ref().is_some_and(|json| json["error"].is_object());
    if has_shape && reading.not_json.is_none() && !reading.kind.is_stream() {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let error = reading.error(status.as_u16(), &text).unwrap_or_default();
    let member = |name: &str| error.get(name).cloned().unwrap_or(Value::Null);
    let whole = if error.is_empty() { text.trim().to_owned() } else { Value::from(error.clone()).to_string() };
    let message = error.get("message").and_then(Value::as_str).unwrap_or(&whole);
    let kind = error.get("type").and_then(Value::as_str).filter(|kind| *kind != "error");
    Some(shape(&message_or_status(message, status), kind.unwrap_or(kind_of(status)), member("param"), member("code")))
}

fn message_or_status(said: &str, status: StatusCode) -> String {
    if said.is_empty() { format!("the provider answered {status} with an empty body") } else { said.to_owned() }
}

fn kind_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::ErrorKind;

    fn shaped(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        shape_provider_error(status, "application/json", body.as_bytes())
            .map_or("as is".into(), |value| value.to_string())
    }

    #[test]
    fn an_openai_shaped_error_stays_as_it_is() {
        assert_eq!(shaped(400, r#"{"id": 1, "error": {"message": "m", "code": 400}}"#), "as is");
    }

    #[test]
    fn other_shapes_are_wrapped() {
        let all = [
            shaped(404, r#"{"detail":"Not Found"}"#),
            shaped(400, r#"{"detail":{"errors":[1]}}"#),
            shaped(400, r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#),
            shaped(503, r#"{"error":"loading"}"#),
            shaped(500, "Internal Server Error"),
            shaped(429, ""),
            shaped(401, r#"{"error":null}"#),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        {"error":{"message":"Not Found","type":"invalid_request_error","param":null,"code":null}}
        {"error":{"message":"{\"errors\":[1]}","type":"invalid_request_error","param":null,"code":null}}
        {"error":{"message":"too long","type":"BadRequestError","param":null,"code":400}}
        {"error":{"message":"loading","type":"server_error","param":null,"code":null}}
        {"error":{"message":"Internal Server Error","type":"server_error","param":null,"code":null}}
        {"error":{"message":"the provider answered 429 Too Many Requests with an empty body","type":"rate_limit_error","param":null,"code":null}}
        {"error":{"message":"{\"error\":null}","type":"authentication_error","param":null,"code":null}}
        "#);
    }

    #[test]
    fn no_answer_says_so() {
        let all = [
            ErrorKind::MissingRecording,
            ErrorKind::StaleRecording,
            ErrorKind::MissingKey,
            ErrorKind::Connect,
            ErrorKind::Timeout,
        ]
        .map(|kind| Refusal::from(upstream::Error::new(kind, "why")))
        .map(|refusal| format!("{} {}", refusal.status.as_u16(), refusal.body()));
        insta::assert_snapshot!(all.join("\n"), @r#"
        424 {"error":{"message":"why","type":"retake_missing_recording","param":null,"code":"missing-recording"}}
        424 {"error":{"message":"why","type":"retake_stale_recording","param":null,"code":"stale-recording"}}
        401 {"error":{"message":"why","type":"retake_missing_key","param":null,"code":"missing-key"}}
        502 {"error":{"message":"why","type":"retake_connect","param":null,"code":"connect"}}
        504 {"error":{"message":"why","type":"retake_timeout","param":null,"code":"timeout"}}
        "#);
        assert_eq!(StatusCode::FAILED_DEPENDENCY.as_u16(), upstream::ERROR_STATUS);
    }
}
