//! Reads text that is almost JSON as clients read it.
//!
//! Python's `json` accepts `NaN` and `Infinity`; Python and JavaScript accept an escape that is half of a surrogate
//! pair (`\ud83c`). Servers send both: a tokenizer that splits an emoji sends each half in an event of its own.

use serde_json::Value;

use super::body::without_bom;

/// A value, and what in its text is not JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The value; a number that JSON cannot express is `null`.
    pub value: Value,
    /// What a strict parser rejects.
    pub oddity: Option<&'static str>,
}

/// Halves of a surrogate pair are kept as characters of the last private plane, in the same order, until they meet.
const HALVES: u32 = 0x0010_F800;

/// Reads one JSON value. `Err` is a strict parser's message for text that no client reads either.
pub fn read(text: &str) -> Result<Read, serde_json::Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let strict = match serde_json::from_str(text) {
        Ok(value) => return Ok(Read { value, oddity: None }),
        Err(error) => error,
    };
    let (repaired, oddity) = repaired(text, Numbers::Null);
    let Some(oddity) = oddity else { return Err(strict) };
    serde_json::from_str(&repaired).map(|value| Read { value, oddity: Some(oddity) }).map_err(|_| strict)
}

/// Like [`read`], for bytes; `Err` also if they are not UTF-8.
pub fn read_bytes(body: &[u8]) -> Result<Read, String> {
    let text = std::str::from_utf8(without_bom(body)).map_err(|error| format!("it is not UTF-8: {error}"))?;
    read(text).map_err(|error| error.to_string())
}

/// Valid JSON of the same length, with each value at the same place as in `text`: for finding places.
pub fn same_length(text: &str) -> String {
    repaired(text, Numbers::SameLength).0
}

/// Joins the two halves of a pair that stand side by side.
pub fn join_halves(text: &mut String) {
    if !text.contains(is_half) {
        return;
    }
    let mut joined = String::with_capacity(text.len());
    let mut high: Option<char> = None;
    for ch in text.chars() {
        let unit = half(ch);
        match (high.take(), unit) {
            (Some(first), Some(low @ 0xDC00..=0xDFFF)) => {
                let pair = [half(first).unwrap_or_default() as u16, low as u16];
                joined.extend(char::decode_utf16(pair).map(|ch| ch.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
            (before, unit) => {
                joined.extend(before);
                match unit {
                    Some(0xD800..=0xDBFF) => high = Some(ch),
                    _ => joined.push(ch),
                }
            }
        }
    }
    joined.extend(high);
    *text = joined;
}

/// Replaces each half that has met no other by U+FFFD; returns whether there was one.
pub fn give_halves_up(text: &mut String) -> bool {
    let has_half = text.contains(is_half);
    if has_half {
        *text = text.replace(is_half, "\u{fffd}");
    }
    has_half
}

fn is_half(ch: char) -> bool {
    half(ch).is_some()
}

/// The half of a pair that a private character stands for.
fn half(ch: char) -> Option<u32> {
    u32::from(ch).checked_sub(HALVES).map(|at| at + 0xD800).filter(|unit| *unit <= 0xDFFF)
}

/// What replaces a number that JSON cannot express.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    Null,
    SameLength,
}

/// The text as valid JSON, and what was wrong with it.
fn repaired(text: &str, numbers: Numbers) -> (String, Option<&'static str>) {
    const NOT_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    let (mut out, mut oddity) = (String::with_capacity(text.len()), None);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let (string, tail) = rest.split_at(string_end(rest));
            oddity = string_without_halves(string, numbers, &mut out).or(oddity);
            rest = tail;
        } else if let Some(word) = NOT_NUMBERS.iter().find(|word| rest.starts_with(**word)) {
            match numbers {
                Numbers::Null => out.push_str("null"),
                Numbers::SameLength => {
                    out.push('0');
                    out.extend(std::iter::repeat_n(' ', word.len() - 1));
                }
            }
            oddity = Some("a number that JSON cannot say (NaN, Infinity)");
            rest = &rest[word.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    (out, oddity)
}

/// The end of the string literal at the start of `text`.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Writes a string literal; each half of a pair becomes its private character.
fn string_without_halves(string: &str, numbers: Numbers, out: &mut String) -> Option<&'static str> {
    let mut oddity = None;
    let mut rest = string;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (unit, next) = (unit_at(rest), rest.get(6..).and_then(unit_at));
        let length = match (unit, next) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                oddity = Some("half of a character (an escape of a surrogate without its other half)");
                let stand_in = unit.and_then(|unit| char::from_u32(unit - 0xD800 + HALVES));
                match numbers {
                    Numbers::Null => out.extend(stand_in),
                    Numbers::SameLength => out.push_str("\\u0000"),
                }
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // Any other escape is a backslash and one character.
            (None, _) => rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    oddity
}

/// The code unit of the escape at the start of `text`: `\u` and four hex digits.
fn unit_at(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_json_cannot_say_are_null_outside_strings_only() {
        let odd = read(r#"{"a": [NaN, -Infinity, Infinity, 1], "b": "NaN \" Infinity"}"#).unwrap();
        assert_eq!(odd.value, json!({"a": [null, null, null, 1], "b": "NaN \" Infinity"}));
        assert!(odd.oddity.is_some_and(|oddity| oddity.contains("NaN")));
        assert_eq!(read("\u{feff}{}").unwrap(), Read { value: json!({}), oddity: None });
        assert!(read("{\"a\": nan}").is_err() && read("").is_err() && read("{\"a\": \"").is_err());
    }

    #[test]
    fn halves_of_a_character_meet_when_texts_are_joined() {
        let half = |text: &str| read(text).unwrap().value.as_str().unwrap().to_owned();
        let mut text = half(r#""Sol \ud83c""#) + &half(r#""\udf1e ok""#);
        join_halves(&mut text);
        assert!(!give_halves_up(&mut text));
        assert_eq!(text, "Sol 🌞 ok");
        let mut lone = half(r#""\udf1e\\ud83c \ud83c\ud83c\udf1e \ud83c""#);
        join_halves(&mut lone);
        assert!(give_halves_up(&mut lone));
        assert_eq!(lone, "\u{fffd}\\ud83c \u{fffd}🌞 \u{fffd}");
    }

    proptest! {
        #[test]
        fn places_stay_where_they_were(text in "[\\[{\"a:NInfity, \\\\ud83c\\]}é-]{0,40}") {
            prop_assert_eq!(same_length(&text).len(), text.len());
        }

        #[test]
        fn strict_json_is_read_as_it_is(text in "[ -~é🌞]{0,30}") {
            let literal = Value::from(text.clone()).to_string();
            prop_assert_eq!(read(&literal).unwrap(), Read { value: text.into(), oddity: None });
        }
    }
}
