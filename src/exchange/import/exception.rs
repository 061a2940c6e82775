//! Turns errors that an SDK raised into replies that make the SDK raise them again.

use serde_json::{Value, json};

use super::super::parts::{FormatError, Members, Text};
use super::super::{End, Reply};
use super::reply::{JSON, TEXT, made};

/// The exception class that OpenAI's SDKs, and SDKs modelled on them, raise for a status.
const STATUS_OF: [(&str, u16); 8] = [
    ("BadRequestError", 400),
    ("AuthenticationError", 401),
    ("PermissionDeniedError", 403),
    ("NotFoundError", 404),
    ("ConflictError", 409),
    ("UnprocessableEntityError", 422),
    ("RateLimitError", 429),
    ("InternalServerError", 500),
];

/// Exception classes that mean that no reply came.
const NO_REPLY: [&str; 9] = [
    "APIConnectionError",
    "APITimeoutError",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "TimeoutError",
];

/// A recorded exception.
pub(super) struct Exception {
    /// Its message.
    pub(super) message: String,
    class: String,
    status: Option<u16>,
    body: Option<Value>,
}

impl Exception {
    /// The exception that a response holds, if it holds one.
    pub(super) fn of<'a>(text: Text<'a>, response: &Members<'a>) -> Result<Option<Self>, FormatError> {
        let data: Value = response.or_default(text, "exception_data")?;
        let flag: Option<bool> = response.or_default(text, "is_exception")?;
        if !flag.unwrap_or(!data.is_null()) {
            return Ok(None);
        }
        let said: Value = response.or_default(text, "exception_message")?;
        let message = [&said, &data["message"]].into_iter().find_map(Value::as_str);
        let class = ["type", "class", "name"].iter().find_map(|name| data[*name].as_str()).unwrap_or_default();
        let body = data.get("body").filter(|body| !body.is_null()).cloned();
        Ok(Some(Exception {
            message: message.unwrap_or("the call failed when it was recorded").to_owned(),
            class: class.rsplit('.').next().unwrap_or_default().to_owned(),
            status: ["status_code", "status"].iter().find_map(|name| status(&data[*name])),
            body,
        }))
    }

    /// The reply that raises the same error again.
    pub(super) fn reply(self, endpoint: &str) -> Reply {
        let class = self.class.as_str();
        let known = self.status.or_else(|| status_said(&self.message));
        if known.is_none() && NO_REPLY.contains(&class) {
            // The connection is lost before the first byte. The status is for clients that ignore that.
            return made(502, None, Vec::new(), End::Broken(self.message));
        }
        let by_class = || STATUS_OF.iter().find(|(name, _)| *name == class).map(|(_, status)| *status);
        let status = known.or_else(by_class).unwrap_or(500);
        let (content_type, body) = match &self.body {
            Some(Value::String(text)) if serde_json::from_str::<Value>(text).is_err() => (TEXT, text.clone()),
            Some(Value::String(json)) => (JSON, json.clone()),
            Some(body) => (JSON, wire_form(body).to_string()),
            // Ollama's own API gives its error as a text.
            None if endpoint.starts_with("/api/") => (JSON, json!({"error": self.message}).to_string()),
            None => (JSON, json!({"error": {"message": self.message, "type": self.type_name(status)}}).to_string()),
        };
        made(status, Some(content_type), vec![body], End::Complete)
    }

    fn type_name(&self, status: u16) -> &str {
        match self.class.as_str() {
            "" if status < 500 => "invalid_request_error",
            "" => "server_error",
            class => class,
        }
    }
}

/// The recorded error body as it came over the wire: SDKs remove the outer `error` before they hand out the rest.
fn wire_form(body: &Value) -> Value {
    let is_inner = body.get("message").is_some() && body.get("error").is_none() && body.get("object").is_none();
    if is_inner { json!({ "error": body }) } else { body.clone() }
}

/// A value as an HTTP error status, 400 to 599.
fn status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// The status in `Error code: 400 - {…}`, as OpenAI's SDK begins its messages.
fn status_said(message: &str) -> Option<u16> {
    let (_, rest) = message.split_once("Error code: ")?;
    status(&Value::from(rest.get(..3)?))
}
