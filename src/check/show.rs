//! Values as short readable text.

use serde_json::Value;

/// The most characters of a value that are shown.
const MOST: usize = 200;
/// The most characters of a server's text that are shown.
const MOST_WORDS: usize = 2000;

/// A value as compact JSON, cut if it is long.
pub(super) fn value(value: &Value) -> String {
    cut(&value.to_string())
}

/// A text. If it is long, it is cut and its length is added.
pub(super) fn cut(text: &str) -> String {
    cut_after(text, MOST)
}

/// A server's text on one line. Few texts are so long that they are cut.
pub(super) fn body(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    cut_after(&lines.join(" "), MOST_WORDS)
}

fn cut_after(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most).collect();
    format!("{start}… ({length} characters)")
}
