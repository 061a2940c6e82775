//! The error in a reply, in every form that servers use.

use serde_json::{Map, Value};

/// The error in a value, as the server wrote it. Some servers send an empty one with every good answer (`"error":
/// false`, `{"message": "", "code": null}`): that is no error.
pub fn error_in(value: &Value) -> Option<&Value> {
    match value {
        // Google's API sends its errors as an array.
        Value::Array(items) => items.first().filter(|first| first.is_object()).and_then(error_in),
        Value::Object(members) => error_of_object(value, members),
        _ => None,
    }
}

fn error_of_object<'v>(value: &'v Value, members: &'v Map<String, Value>) -> Option<&'v Value> {
    let member = |name: &str| members.get(name).filter(|value| tells(value));
    if let Some(error) = member("error") {
        return Some(error);
    }
    if let Some(errors) = member("errors") {
        return Some(errors.get(0).unwrap_or(errors));
    }
    if let Some(error) = member("response").and_then(|response| response.get("error")).filter(|error| tells(error)) {
        return Some(error);
    }
    if ["type", "object", "status"].iter().any(|name| members.get(*name).is_some_and(|value| value == "error")) {
        return Some(value);
    }
    let choices = members.get("choices").and_then(Value::as_array);
    let of_choice = |choice: &'v Value| {
        let failed = (choice["finish_reason"] == "error").then_some(choice);
        choice.get("error").filter(|error| tells(error)).or(failed)
    };
    match choices {
        Some(choices) => choices.iter().find_map(of_choice),
        // Beside an answer, `detail` means something else.
        None => member("detail"),
    }
}

/// Whether a value says something: a text that is not empty, a number, `true`.
fn tells(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(items) => items.iter().any(tells),
        Value::Object(members) => members.values().any(tells),
    }
}

/// An error as an object with a `message` and the server's other members: `type`, `code`, `param`.
pub fn as_object(error: &Value) -> Map<String, Value> {
    let mut members = match error {
        Value::Object(members) => members.clone(),
        other => Map::from_iter([("message".to_owned(), words(other).into())]),
    };
    if !members.get("message").is_some_and(tells) {
        let told = ["error", "detail", "msg", "status"]
            .iter()
            .find_map(|name| members.get(*name).filter(|value| tells(value)));
        if let Some(told) = told.map(words) {
            members.insert("message".to_owned(), told.into());
        }
    }
    members
}

/// The error of a 4xx or 5xx reply in whose body [`error_in`] finds none, made from what the body holds.
pub fn of_failed_body(json: Option<&Value>, text: &str) -> Option<Map<String, Value>> {
    let error = json.and_then(|json| json.get("error")).filter(|error| error.is_object());
    if let Some(error) = error.filter(|error| tells(error)) {
        return Some(as_object(error));
    }
    match json {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(as_object(&text.trim().into())),
        Some(json @ Value::Object(members)) if members.get("message").is_some_and(tells) => Some(as_object(json)),
        Some(_) => error.map(as_object),
        None => Some(text.trim()).filter(|text| !text.is_empty()).map(|text| as_object(&text.into())),
    }
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(value: Value) -> Option<String> {
        error_in(&value).map(|error| words(&as_object(error)["message"]))
    }

    #[test]
    fn every_form_tells_its_words() {
        for value in [
            json!({"error": {"message": "no", "code": 400}}),
            json!({"error": "no"}),
            json!({"detail": "no"}),
            json!({"detail": {"error": "no"}}),
            json!({"error": {"error": "no"}, "choices": [{"delta": {"content": "a"}}]}),
            json!([{"error": {"code": 400, "message": "no"}}]),
            json!({"success": false, "errors": [{"code": 7003, "message": "no"}], "result": null}),
            json!({"errors": "no"}),
            json!({"type": "error", "message": "no"}),
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}),
            json!({"object": "error", "message": "no"}),
            json!({"status": "error", "message": "no"}),
            json!({"choices": [{"index": 0}, {"error": {"message": "no"}, "finish_reason": "error"}]}),
            json!({"choices": [{"finish_reason": "error", "message": "no"}]}),
            json!({"type": "response.failed", "response": {"error": {"message": "no"}}}),
        ] {
            assert_eq!(message(value.clone()).as_deref(), Some("no"), "{value}");
        }
    }

    #[test]
    fn empty_errors_and_other_members_beside_an_answer_tell_nothing() {
        let choices = json!([{"message": {"content": "a"}, "finish_reason": "stop"}]);
        for value in [
            json!({"error": null}),
            json!({"error": false, "choices": choices}),
            json!({"error": {}, "id": "resp_1"}),
            json!({"error": {"message": "", "type": "", "code": null}, "choices": choices}),
            json!({"errors": [], "choices": choices}),
            json!({"detail": {"provider": "x"}, "choices": choices}),
            json!({"status": "completed"}),
            json!([1, {"error": "in a list of something else"}]),
            json!("error"),
        ] {
            assert_eq!(error_in(&value), None, "{value}");
        }
    }

    #[test]
    fn a_failed_body_that_names_no_error_is_the_error() {
        let of = |text: &str| {
            let json = serde_json::from_str::<Value>(text).ok();
            of_failed_body(json.as_ref(), text).map(|error| words(&error["message"]))
        };
        assert_eq!(of("\"slow down\"").as_deref(), Some("slow down"));
        assert_eq!(of(" Bad Gateway\n").as_deref(), Some("Bad Gateway"));
        assert_eq!(of("{\"message\": \"no\"}").as_deref(), Some("no"));
        assert_eq!([of(""), of("{}"), of("[]"), of("{\"message\": \"\"}")], [None, None, None, None]);
    }

    #[test]
    fn a_failed_body_tells_what_it_can() {
        let told = |json: Option<Value>, text: &str| {
            of_failed_body(json.as_ref(), text).map(|error| error.get("message").cloned().unwrap_or_default())
        };
        for (json, said) in [
            (json!({"error": {"code": 1, "message": "no"}}), Some(json!("no"))),
            (json!({"error": {"code": 1}, "message": "no"}), Some(Value::Null)),
            (json!({"error": {}, "message": "no"}), Some(json!("no"))),
            (json!({"error": 5, "message": "no"}), Some(json!("no"))),
            (json!(" no "), Some(json!("no"))),
            (json!("  "), None),
            (json!({"message": ""}), None),
            (json!({"error": {"code": null}}), Some(Value::Null)),
        ] {
            assert_eq!(told(Some(json.clone()), "text"), said, "{json}");
        }
        assert_eq!((told(None, " no "), told(None, " ")), (Some(json!("no")), None));
    }

    #[test]
    fn zero_and_no_tell_nothing_and_other_numbers_do() {
        for (error, tells) in
            [(json!(0), false), (json!(0.0), false), (json!(5), true), (json!(false), false), (json!(true), true)]
        {
            assert_eq!(error_in(&json!({"error": error})).is_some(), tells, "{error}");
        }
    }
}
