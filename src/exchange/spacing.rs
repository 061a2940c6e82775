//! Whitespace between the tokens of JSON text, in addition to what `wire::json` offers.

use serde_json::value::RawValue;

use crate::wire::json;

/// Whether `text` is one JSON value without whitespace around it.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get().len() == text.len())
}

/// JSON without whitespace between tokens; other text unchanged.
pub(super) fn minify(text: &str) -> String {
    json::minify(text).unwrap_or_else(|| text.to_owned())
}

/// JSON spaced as Python's `json.dumps` does it.
pub(super) fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let (mut in_string, mut escaped) = (false, false);
    for ch in minify(text).chars() {
        out.push(ch);
        match ch {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            ',' | ':' if !in_string => out.push(' '),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_puts_a_space_after_commas_and_colons_outside_strings() {
        let odd = r#" {"a" : [1.0, 1E5, -0 ],"b":{ } , "c":[[],{"d":"x, \"y: {"}], "e":"é\u00e9\\"} "#;
        assert_eq!(spaced(odd), r#"{"a": [1.0, 1E5, -0], "b": {}, "c": [[], {"d": "x, \"y: {"}], "e": "é\u00e9\\"}"#);
    }

    #[test]
    fn json_is_one_value_and_nothing_else() {
        assert!(is_json("1") && is_json("{}") && !is_json("") && !is_json(" 1") && !is_json("1 2") && !is_json("{"));
    }
}
