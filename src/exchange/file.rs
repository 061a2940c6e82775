//! What every recording file has, whoever wrote it: a request, a response and perhaps our section.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::header;
use super::model::{Auth, Request};
use super::parts::{FormatError, Members, Text};
use crate::wire::json;

/// The known members of a file. Unknown members are kept.
pub(super) const OF_FILE: &[&str] = &["request", "response", "retake"];
/// The known members of `request`.
pub(super) const OF_REQUEST: &[&str] = &["method", "url", "headers", "body", "endpoint", "model"];
/// The known members of `response`.
pub(super) const OF_RESPONSE: &[&str] = &["body", "is_streaming"];

/// A file split into its top-level members.
pub(super) struct File<'a> {
    pub(super) text: Text<'a>,
    pub(super) top: Members<'a>,
    pub(super) request: Members<'a>,
}

impl<'a> File<'a> {
    /// Opens a text that is known to be an object with a `request`.
    pub(super) fn open(text: Text<'a>, top: Members<'a>) -> Result<Self, FormatError> {
        let Some(request) = top.get("request") else {
            let reason = "a recording is a JSON object with `request` and `response`; this one has no `request`";
            return Err(text.error(top.whole, reason));
        };
        let request = text.members(request)?;
        Ok(File { text, top, request })
    }

    /// Our section, `retake`.
    pub(super) fn section(&self) -> Option<&'a str> {
        self.top.get("retake")
    }

    /// The members of `response`.
    pub(super) fn response(&self) -> Result<Members<'a>, FormatError> {
        match self.top.get("response") {
            Some(response) => self.text.members(response),
            None => Err(self.text.error(self.top.whole, "missing field `response`")),
        }
    }

    /// The test that recorded the file, if another tool names it. A value that is not text concerns only that tool.
    pub(super) fn test_id(&self) -> Option<String> {
        let said = self.top.get("test_id").or_else(|| self.request.get("test_id"))?;
        serde_json::from_str(said).ok()
    }

    pub(super) fn method(&self) -> Result<Method, FormatError> {
        let method: String = self.request.need(self.text, "method")?;
        let place = self.request.place("method");
        Method::from_bytes(method.as_bytes())
            .map_err(|_| self.text.error(place, format!("`{method}` is not an HTTP method")))
    }

    /// The request, from what is already known of it.
    pub(super) fn asked(
        &self,
        method: Method,
        endpoint: String,
        body: Bytes,
        auth: Auth,
    ) -> Result<Request, FormatError> {
        let wrong = |reason: String| self.text.error(self.request.place("headers"), reason);
        let recorded: Headers = self.request.or_default(self.text, "headers")?;
        let pairs = recorded.pairs().map_err(wrong)?;
        let mut headers = HeaderMap::with_capacity(pairs.len());
        for (name, value) in pairs {
            let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&header::bytes(&value)))
            else {
                return Err(wrong(format!("`{name}` is not a header that HTTP can carry")));
            };
            headers.append(name, value);
        }
        Ok(Request { method, endpoint, headers, body, auth, case: None })
    }
}

/// An item of a response's body.
pub(super) struct Item<'a> {
    pub(super) type_name: String,
    pub(super) data: &'a str,
}

/// The items of a response's body, taken out of their envelopes. An item without an envelope is taken as it is.
pub(super) fn items<'a>(text: Text<'a>, response: &Members<'a>) -> Result<Vec<Item<'a>>, FormatError> {
    match response.get("body") {
        Some(body) if is_list(body) => {
            let list: Vec<&RawValue> = text.parse(body)?;
            list.into_iter().map(|raw| item(text, raw.get())).collect()
        }
        Some(body) if is_streaming(text, response)? => {
            Err(text.error(body, "the body of a streamed response is a list with one item a chunk"))
        }
        Some(body) => Ok(vec![item(text, body)?]),
        None => Ok(Vec::new()),
    }
}

pub(super) fn is_streaming<'a>(text: Text<'a>, response: &Members<'a>) -> Result<bool, FormatError> {
    response.or_default(text, "is_streaming")
}

pub(super) fn is_list(json: &str) -> bool {
    json.starts_with('[')
}

fn item<'a>(text: Text<'a>, json: &'a str) -> Result<Item<'a>, FormatError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(rename = "__type__", default)]
        type_name: String,
        #[serde(rename = "__data__", borrow, default, deserialize_with = "there")]
        data: Option<&'a RawValue>,
    }
    if json.starts_with('{') && json.contains("__data__") {
        let Envelope { type_name, data } = text.parse(json)?;
        if let Some(data) = data {
            return Ok(Item { type_name, data: data.get() });
        }
    }
    Ok(Item { type_name: String::new(), data: json })
}

/// Keeps a member that is `null`: a reply may be just that.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The bytes of a request's recorded body, given as a JSON value.
pub(super) fn request_body(json: &str) -> Bytes {
    if json.starts_with('"')
        && let Ok(text) = serde_json::from_str::<String>(json)
    {
        return text.into();
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Binary {
        #[serde(rename = "__base64__")]
        base64: String,
    }
    if json.contains("__base64__")
        && let Ok(binary) = serde_json::from_str::<Binary>(json)
        && let Ok(bytes) = STANDARD.decode(binary.base64)
    {
        return bytes.into();
    }
    json::without_space(json).into()
}

/// Recorded headers, in either of the two ways to write them.
#[derive(Deserialize, Default)]
#[serde(transparent)]
pub(super) struct Headers(serde_json::Value);

impl Headers {
    pub(super) fn pairs(&self) -> Result<Vec<(String, String)>, String> {
        use serde_json::Value;
        let wrong = || "headers are an object of strings or lists of strings, or a list of [name, value]".to_owned();
        let mut pairs = Vec::new();
        match &self.0 {
            Value::Null => {}
            Value::Object(members) => {
                for (name, value) in members {
                    let values = match value {
                        Value::Array(values) => values.as_slice(),
                        one => std::slice::from_ref(one),
                    };
                    for value in values {
                        pairs.push((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned()));
                    }
                }
            }
            Value::Array(list) => {
                for pair in list {
                    let [Value::String(name), Value::String(value)] = pair.as_array().map_or(&[][..], Vec::as_slice)
                    else {
                        return Err(wrong());
                    };
                    pairs.push((name.clone(), value.clone()));
                }
            }
            _ => return Err(wrong()),
        }
        Ok(pairs)
    }
}
