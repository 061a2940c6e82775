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
