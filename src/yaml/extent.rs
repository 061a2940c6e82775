//! Finds the end of a value on its line, to underline it.

/// How many characters a node takes at the beginning of `rest`, which is the rest of its line; a key counts with its
/// value. `before` is the line's text before the node. At least 1.
pub(super) fn extent(before: &str, rest: &str) -> usize {
    let is_in_flow = depth(before) > 0;
    let mut end = node(rest, is_in_flow);
    if let Some(value) = rest[end..].strip_prefix(": ").map(str::trim_start) {
        let start = rest.len() - value.len();
        end = match node(value, is_in_flow) {
            // The value of the key begins on a later line.
            0 => end,
            length => start + length,
        };
    }
    rest[..end].trim_end().chars().count().max(1)
}

/// The length of one node in bytes: quoted, in brackets, or plain.
fn node(text: &str, is_in_flow: bool) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(text, quote),
        Some('{' | '[') => bracketed(text),
        _ => plain(text, is_in_flow),
    }
}

/// The bytes up to and including the closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if char == '\\' && quote == '"' {
            chars.next();
        } else if char == quote {
            // `''` within single quotes is an escaped quote.
            if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return at + 1;
            }
        }
    }
    text.len()
}

/// The bytes up to and including the closing bracket.
fn bracketed(text: &str) -> usize {
    let mut open = 0;
    walk(text, |at, char| {
        open += step(char);
        (open == 0).then_some(at + 1)
    })
    .unwrap_or(text.len())
}

/// The bytes of a plain scalar, which ends at a colon, at a comment, and in a flow collection at its punctuation.
fn plain(text: &str, is_in_flow: bool) -> usize {
    let bytes = text.as_bytes();
    let ends = |at: usize| match bytes[at] {
        b':' => matches!(bytes.get(at + 1), None | Some(b' ')),
        b'#' => at > 0 && bytes[at - 1] == b' ',
        b',' | b'}' | b']' => is_in_flow,
        _ => false,
    };
    (0..bytes.len()).find(|at| ends(*at)).unwrap_or(text.len())
}

/// How many brackets are open at the end of the text.
fn depth(text: &str) -> i32 {
    let mut open = 0;
    walk(text, |_, char| {
        open += step(char);
        None::<()>
    });
    open
}

fn step(char: char) -> i32 {
    match char {
        '{' | '[' => 1,
        '}' | ']' => -1,
        _ => 0,
    }
}

/// Calls `found` with each character outside of quotes, until it returns something.
fn walk<T>(text: &str, mut found: impl FnMut(usize, char) -> Option<T>) -> Option<T> {
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        // A quote inside a plain scalar is an ordinary character.
        let opens = matches!(char, '"' | '\'') && text[..at].trim_end().ends_with(['{', '[', ',', ':']);
        if let Some(result) = found(at, char) {
            return Some(result);
        }
        at += if opens { quoted(&text[at..], char) } else { char.len_utf8() };
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_stands_there_is_underlined_to_its_end() {
        // The bars mark what must be underlined; the text before the first one does not belong to it.
        for line in [
            "status: |200|",
            "status: |200| # fine",
            "expect: {status: |200|, text: x}",
            "text: |{equals: \"a } b\", fold: true}|",
            "text: |{contains: 'it''s }'}| # said",
            "  |$.object: nonsense|",
            "json: {|$.object: nonsense|}",
            "json: {|\"$.choices[0]\": {equals: [1, 2]}|, $.b: 1}",
            "json: {$.a: 1, |$.b: {gt: 0}|}",
            "|post: /v1/chat/completions|",
            "|post:|",
            "|{post: /v1/x, body: {a: 1}}|",
            "tools: [|{name: a}|, {name: b}]",
            "text: |plain, with a comma [and brackets]|",
            "text: |a:b#c|",
            "|größe: \"東京\"|",
            "text: |{open: [|",
        ] {
            let parts: Vec<&str> = line.split('|').collect();
            let [before, wanted, after] = parts[..] else { panic!("{line}") };
            let rest = format!("{wanted}{after}");
            let wanted = wanted.strip_suffix(':').filter(|_| after.is_empty()).unwrap_or(wanted);
            assert_eq!(extent(before, &rest), wanted.chars().count(), "{line}");
        }
        assert_eq!(extent("", ""), 1);
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(before in ".{0,12}", rest in "[ -~ö'\"{}\\[\\],:#\\\\]{0,24}") {
            let extent = extent(&before, &rest);
            prop_assert!(extent >= 1 && extent <= rest.chars().count().max(1));
        }
    }
}
