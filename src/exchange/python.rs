//! Python's `json.dumps(value, sort_keys=True)`, from JSON text.
//!
//! It works on the text, not on parsed numbers: Python keeps all digits of an integer beyond 64 bits, and requests that
//! differ in such a digit are different requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::edits::{At, Masker};

/// Text nested deeper than this does not count as JSON: reading is recursive, and the stack is limited.
const MAX_DEPTH: usize = 128;

/// JSON text as Python prints it with sorted keys; `None` if Python could not read `text` as JSON.
pub(super) fn dumps(text: &str) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    printed(raw.get(), &At::default(), &mut Masker::new(&[]), &mut out, 0)?;
    Some(out)
}

/// The members of a JSON object as text, the last one of equal names as in Python; `None` if `text` is not an object.
pub(super) fn members(text: &str) -> Option<BTreeMap<String, &RawValue>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Prints an object with these members, as it is compared at its place.
pub(super) fn object<'a>(
    members: impl Iterator<Item = (&'a str, &'a str)>,
    at: &At<'_>,
    masker: &mut Masker<'_>,
    out: &mut String,
) -> Option<()> {
    object_at(members, at, masker, out, 1)
}

/// Prints a value as it is compared at its place.
pub(super) fn value(text: &str, at: &At<'_>, masker: &mut Masker<'_>, out: &mut String) -> Option<()> {
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    printed(raw.get(), at, masker, out, 0)
}

fn object_at<'a>(
    members: impl Iterator<Item = (&'a str, &'a str)>,
    at: &At<'_>,
    masker: &mut Masker<'_>,
    out: &mut String,
    depth: usize,
) -> Option<()> {
    out.push('{');
    let mut first = true;
    for (name, text) in members {
        let below = at.member(name);
        if below.is_omitted() {
            continue;
        }
        if !first {
            out.push_str(", ");
        }
        first = false;
        string(name, out);
        out.push_str(": ");
        printed(text, &below, masker, out, depth)?;
    }
    out.push('}');
    Some(())
}

fn printed(text: &str, at: &At<'_>, masker: &mut Masker<'_>, out: &mut String, depth: usize) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    match text.as_bytes().first()? {
        b'{' => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let members = members.iter().map(|(name, member)| (name.as_str(), member.get()));
            object_at(members, at, masker, out, depth + 1)?;
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            out.push('[');
            let mut first = true;
            for (index, item) in items.iter().enumerate() {
                let below = at.element(index);
                if below.is_omitted() {
                    continue;
                }
                if !first {
                    out.push_str(", ");
                }
                first = false;
                printed(item.get(), &below, masker, out, depth + 1)?;
            }
            out.push(']');
        }
        b'"' => string(&masker.masked(&serde_json::from_str::<String>(text).ok()?, at), out),
        b'-' | b'0'..=b'9' => number(text, out)?,
        _ => out.push_str(text),
    }
    Some(())
}

fn number(text: &str, out: &mut String) -> Option<()> {
    if !text.contains(['.', 'e', 'E']) {
        out.push_str(if text == "-0" { "0" } else { text });
        return Some(());
    }
    float(text.parse().ok()?, out);
    Some(())
}

/// A float as `repr` prints it: the shortest digits, an exponent below 1e-4 and from 1e16 on.
fn float(number: f64, out: &mut String) {
    if number.is_infinite() {
        out.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
        return;
    }
    if number.is_sign_negative() {
        out.push('-');
    }
    if number == 0.0 {
        out.push_str("0.0");
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let (digits, point) = digits(buffer.format(number.abs()));
    let count = digits.len() as i32;
    // The decimal point: the number is 0.d₁d₂… × 10^point.
    if (-3..=16).contains(&point) {
        if point <= 0 {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', -point as usize));
            out.push_str(&digits);
        } else if point >= count {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', (point - count) as usize));
            out.push_str(".0");
        } else {
            let (whole, fraction) = digits.split_at(point as usize);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        return;
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let exponent = point - 1;
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "e{sign}{:02}", exponent.abs());
}

/// The digits of a printed positive float without leading and trailing zeros, and the place of the decimal point.
fn digits(printed: &str) -> (String, i32) {
    let (mantissa, exponent) = printed.split_once(['e', 'E']).unwrap_or((printed, "0"));
    let exponent: i32 = exponent.trim_start_matches('+').parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let point = whole.len() as i32 + exponent - (all.len() - significant.len()) as i32;
    (significant.trim_end_matches('0').to_owned(), point)
}

/// A string in Python's ASCII form.
pub(super) fn string(text: &str, out: &mut String) {
    out.push('"');
    for ch in text.chars() {
        match ch {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(ch),
            _ => {
                for unit in ch.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left: JSON as a client may send it. Right: what Python 3 prints for it.
    const GOLDEN: &[(&str, &str)] = &[
        (r#"{"b":1,"a":[true,false,null]}"#, r#"{"a": [true, false, null], "b": 1}"#),
        (r#"{ }"#, "{}"),
        (r#"[ ]"#, "[]"),
        (r#"{"b":{"z":1,"Z":2,"é":3,"a":4}}"#, r#"{"b": {"Z": 2, "a": 4, "z": 1, "\u00e9": 3}}"#),
        (r#"[1e-5,1.5e-7,1e16,1E5,0.0001,0.1]"#, "[1e-05, 1.5e-07, 1e+16, 100000.0, 0.0001, 0.1]"),
        (r#"[-0,-0.0,0.0,1.0,123456.789,9999999999999998.0]"#, "[0, -0.0, 0.0, 1.0, 123456.789, 9999999999999998.0]"),
        (r#"[12345678901234567890123,1e999,-1e999]"#, "[12345678901234567890123, Infinity, -Infinity]"),
        (r#"[1.7976931348623157e308,5e-324,2.5e21]"#, "[1.7976931348623157e+308, 5e-324, 2.5e+21]"),
        (r#"["\u007f😀\/\"\\\b\f\n\r\t\u0001"]"#, r#"["\u007f\ud83d\ude00/\"\\\b\f\n\r\t\u0001"]"#),
        (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
    ];

    #[test]
    fn prints_what_python_prints() {
        for (json, python) in GOLDEN {
            assert_eq!(dumps(json).as_deref(), Some(*python), "{json}");
        }
    }

    #[test]
    fn what_is_no_json_gives_none() {
        for text in ["", "{", "{\"a\":}", "[1,]", "\"\\ud800\"", "[1] 2", &"[".repeat(500)] {
            assert_eq!(dumps(text), None, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
        assert_eq!(dumps(&deep), None);
    }
}
