//! Lays out text for a terminal: widths, cuts, separators. Widths are columns, not characters.

use std::borrow::Cow;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` with visible control characters, so that a provider's text can neither move the cursor nor change colours.
/// Line ends and tabs stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    escape(text, |character| character.is_control() && !matches!(character, '\n' | '\t'))
}

/// Like [`visible`], for text that must stay on one line.
pub(super) fn visible_line(text: &str) -> Cow<'_, str> {
    escape(text, char::is_control)
}

fn escape(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// The first line of `text` between `before` and `after`, cut with `...` to `room` columns; `None` if not even the dots
/// fit.
pub(super) fn trimmed(before: &str, text: &str, after: &str, room: usize) -> Option<String> {
    const DOTS: &str = "...";
    let text = first_line(text);
    let frame = width(before) + width(after);
    if frame + DOTS.len() > room {
        return None;
    }
    if frame + width(&text) <= room {
        return Some(format!("{before}{text}{after}"));
    }
    let kept = prefix(&text, room - frame - DOTS.len());
    Some(format!("{before}{kept}{DOTS}{after}"))
}

/// The first line, with visible control characters.
pub(super) fn first_line(text: &str) -> Cow<'_, str> {
    visible_line(text.lines().next().unwrap_or_default())
}

/// The longest prefix that takes at most `room` columns.
fn prefix(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > room {
            return &text[..at];
        }
    }
    text
}

/// `words` after a line that already has `column` columns, broken between words so that lines stay within `limit`
/// columns if possible. Returns the text and the width of its last line.
pub(super) fn wrapped(words: &str, column: usize, limit: usize) -> (String, usize) {
    let mut text = String::new();
    let mut column = column;
    for word in words.split(' ') {
        let size = width(word);
        if column > 0 && column + 1 + size > limit {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += size;
    }
    (text, column)
}

/// The two sides of a title in a line of `fill`: equally many on both sides within `total` columns, at least one, and
/// one more on the right if there is room.
pub(super) fn around(fill: char, title_width: usize, total: usize) -> (String, String) {
    let side = (total.saturating_sub(title_width + 2) / 2).max(1);
    let left: String = std::iter::repeat_n(fill, side).collect();
    let mut right = left.clone();
    if 2 * side + 2 + title_width < total {
        right.push(fill);
    }
    (format!("{left} "), format!(" {right}"))
}

/// A title in a line of `fill`.
pub(super) fn titled(fill: char, title: &str, total: usize) -> String {
    let (left, right) = around(fill, width(title), total);
    format!("{left}{title}{right}")
}

/// `0.11s`; from one minute on also as a clock time: `75.30s (0:01:15)`.
pub(super) fn session_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.2}s");
    }
    let whole = duration.as_secs();
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        _ => format!("{days} days, "),
    };
    format!("{seconds:.2}s ({days}{hours}:{minutes:02}:{rest:02})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_columns_and_drops_what_does_not_fit() {
        assert_eq!(trimmed(" (", "no suffix", ")", 12).as_deref(), Some(" (no suffix)"));
        assert_eq!(trimmed(" (", "no suffix", ")", 11).as_deref(), Some(" (no su...)"));
        assert_eq!(trimmed(" (", "no suffix", ")", 6).as_deref(), Some(" (...)"));
        assert_eq!(trimmed(" (", "no suffix", ")", 5), None);
        assert_eq!(trimmed("", "太陽太陽", "", 7).as_deref(), Some("太陽..."));
        assert_eq!(trimmed("", "two\nlines", "", 80).as_deref(), Some("two"));
    }

    #[test]
    fn separators_fill_the_width() {
        assert_eq!(titled('=', "ab", 10), "=== ab ===");
        assert_eq!(titled('=', "abc", 10), "== abc ===");
        assert_eq!(titled('=', "abcdefghijkl", 10), "= abcdefghijkl =");
    }

    #[test]
    fn long_sessions_show_the_clock_form() {
        assert_eq!(session_duration(Duration::from_millis(110)), "0.11s");
        assert_eq!(session_duration(Duration::from_millis(75_300)), "75.30s (0:01:15)");
        assert_eq!(session_duration(Duration::from_secs(90_061)), "90061.00s (1 day, 1:01:01)");
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(visible("a\x1b[31m\n\tb\r"), "a\\u{1b}[31m\n\tb\\r");
        assert_eq!(visible_line("a\nb"), "a\\nb");
    }

    #[test]
    fn wraps_between_words() {
        assert_eq!(wrapped("(aa bb cc)", 4, 10), (" (aa\nbb cc)".to_owned(), 6));
        assert_eq!(wrapped("(aa bb)", 20, 10), ("\n(aa bb)".to_owned(), 7));
        assert_eq!(wrapped("(a)", 0, 10), ("(a)".to_owned(), 3));
    }
}
