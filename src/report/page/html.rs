//! Texts of users and providers in HTML.

/// A text between tags or in an attribute.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // HTML has no escape for these, and a browser may drop them.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// JSON in a script element. `<` stands in strings only, so it may be escaped there: `</script` and `<!--` would end or
/// change the element.
pub(super) fn script(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 64);
    for character in json.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// The first `most` characters; `None` if that is all of it.
pub(super) fn start(text: &str, most: usize) -> Option<&str> {
    // Bytes are counted first: nearly every text is short.
    if text.len() <= most {
        return None;
    }
    text.char_indices().nth(most).map(|(at, _)| &text[..at])
}

/// The text, cut if it has more than `most` characters, which it then says.
pub(super) fn cut(text: &str, most: usize) -> String {
    match start(text, most) {
        Some(start) => format!("{start}… (cut: {} bytes in all)", text.len()),
        None => text.to_owned(),
    }
}
