//! Values as short readable text.

use serde_json::Value;

/// Characters of a value that are shown.
const MOST: usize = 200;

/// A value as compact JSON, cut when long.
pub(super) fn value(value: &Value) -> String {
    cut(&value.to_string())
}

/// Text cut when long, its length said.
pub(super) fn cut(text: &str) -> String {
    let length = text.chars().count();
    if length <= MOST {
        return text.to_owned();
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{start}… ({length} characters)")
}

/// Where two texts part: both from a little before that place.
pub(super) fn parting(expected: &str, actual: &str) -> Option<(String, String)> {
    let same = expected.chars().zip(actual.chars()).take_while(|(a, b)| a == b).count();
    if same < 40 || (expected.chars().count() <= MOST && actual.chars().count() <= MOST) {
        return None;
    }
    let from = |text: &str| {
        let rest: String = text.chars().skip(same - 20).take(80).collect();
        format!("…{rest:?} (from character {})", same - 20)
    };
    Some((from(expected), from(actual)))
}
