//! JSON as text: only the whitespace between tokens ever changes. Numbers, escapes and key order
//! stay as they came, because a parsed and printed value would lose all three.

use serde::de::IgnoredAny;

/// Takes out the whitespace between tokens. `None` when `text` is not one JSON value.
pub fn minify(text: &str) -> Option<String> {
    is_json(text).then(|| without_space(text))
}

/// Like [`minify`], for text that is known to be one JSON value.
pub fn without_space(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    tokens(text).for_each(|(token, _)| out.push_str(token));
    out
}

/// Lays `text` out with two spaces per level. The first line is not indented, so that it can follow a key; every other
/// line gets `indent_start` more spaces. An array of only numbers, booleans and nulls stays on one line. Text that is
/// not one JSON value comes back unchanged.
pub fn pretty(text: &str, indent_start: usize) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    write_pretty(text, indent_start, &mut out);
    out
}

/// Like [`pretty`], but appends to `out`.
pub fn write_pretty(text: &str, indent_start: usize, out: &mut String) {
    if !is_json(text) {
        return out.push_str(text);
    }
    let mut spacing = Indented { out, base: indent_start, level: 0 };
    let mut tokens = tokens(text).peekable();
    let mut flat = false;
    while let Some((token, tail)) = tokens.next() {
        match token {
            "[" | "{" => {
                spacing.out.push_str(token);
                if let Some((end, _)) = tokens.next_if(|(next, _)| matches!(*next, "]" | "}")) {
                    spacing.out.push_str(end);
                } else if token == "[" && is_flat(tail) {
                    flat = true;
                } else {
                    spacing.level += 1;
                    spacing.new_line();
                }
            }
            "]" | "}" => {
                if !std::mem::take(&mut flat) {
                    spacing.level -= 1;
                    spacing.new_line();
                }
                spacing.out.push_str(token);
            }
            "," if flat => spacing.out.push_str(", "),
            "," => {
                spacing.out.push(',');
                spacing.new_line();
            }
            ":" => spacing.out.push_str(": "),
            scalar => spacing.out.push_str(scalar),
        }
    }
}

/// Whether `text` is one JSON value, with numbers of any size and any depth of nesting.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Deeper levels are indented like this one.
const DEEPEST: usize = 64;

struct Indented<'o> {
    out: &'o mut String,
    base: usize,
    level: usize,
}

impl Indented<'_> {
    fn new_line(&mut self) {
        // Indentation grows with the square of the depth: a hostile body of brackets alone would fill the disk.
        let level = self.level.min(DEEPEST);
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', self.base + 2 * level));
    }
}

/// Whether the array whose content starts here holds no string, array or object. Looks only as far as the next bracket
/// or string, so that reading a whole text takes linear time.
fn is_flat(inside: &str) -> bool {
    inside.bytes().find(|byte| matches!(byte, b'"' | b'[' | b'{' | b']')) == Some(b']')
}

/// The tokens of valid JSON, each with the rest of the text after it.
fn tokens(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let (token, tail) = rest.split_at(token_length(rest.as_bytes()));
        rest = tail;
        (!token.is_empty()).then_some((token, tail))
    })
}

fn token_length(bytes: &[u8]) -> usize {
    match bytes.first() {
        None => 0,
        Some(b'[' | b']' | b'{' | b'}' | b',' | b':') => 1,
        Some(b'"') => string_length(bytes),
        Some(_) => bytes
            .iter()
            .position(|byte| matches!(byte, b']' | b'}' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r'))
            .unwrap_or(bytes.len()),
    }
}

fn string_length(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn minify_touches_nothing_but_whitespace_between_tokens() {
        let text =
            " {\"b\" : [ 1E5 , -0, 18168036348581554000.10 ],\r\n\t\"a\": \"x \\u00e9\\\" ,: y\" , \"\" : { } } ";
        assert_eq!(
            minify(text).as_deref(),
            Some("{\"b\":[1E5,-0,18168036348581554000.10],\"a\":\"x \\u00e9\\\" ,: y\",\"\":{}}")
        );
        assert_eq!(minify("1e999").as_deref(), Some("1e999"));
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for text in ["", " ", "{", "{\"a\":}", "[1,]", "1 2", "[DONE]", "\u{feff}{}", "\"a\nb\"", "nul", "01"] {
            assert_eq!(minify(text), None, "{text:?}");
            assert_eq!(pretty(text, 0), text, "{text:?}");
        }
    }

    #[test]
    fn depth_is_no_limit() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(minify(&deep).as_deref(), Some(deep.as_str()));
        assert!(pretty(&deep, 0).len() < 200 * deep.len());
    }

    #[test]
    fn pretty_keeps_vectors_on_one_line() {
        let text = r#"{"data":[{"embedding":[0.1,-2e3,null],"tags":["a","b"],"none":[],"nothing":{}}],"n":[[1,2],[]]}"#;
        insta::assert_snapshot!(pretty(text, 0), @r#"
        {
          "data": [
            {
              "embedding": [0.1, -2e3, null],
              "tags": [
                "a",
                "b"
              ],
              "none": [],
              "nothing": {}
            }
          ],
          "n": [
            [1, 2],
            []
          ]
        }
        "#);
        assert_eq!(pretty("{\"a\":1}", 4), "{\n      \"a\": 1\n    }");
    }

    fn json_text() -> impl Strategy<Value = String> {
        let space = || prop_oneof![Just(""), Just(" "), Just("\n\t"), Just("\r\n")];
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("1E5".to_owned()),
            Just("-0.0".to_owned()),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            (proptest::collection::vec((inner, any::<String>(), space()), 0..5), any::<bool>(), space()).prop_map(
                |(items, array, space)| {
                    let items: Vec<String> = items
                        .into_iter()
                        .map(|(value, key, gap)| match array {
                            true => format!("{gap}{value}{gap}"),
                            false => format!("{gap}{}{gap}:{value}", serde_json::Value::from(key)),
                        })
                        .collect();
                    let inside = items.join(",");
                    if array { format!("{space}[{space}{inside}]{space}") } else { format!("{{{space}{inside}}}") }
                },
            )
        })
    }

    proptest! {
        #[test]
        fn layout_changes_no_token(text in json_text(), indent in 0usize..9) {
            let small = minify(&text).expect("valid JSON");
            prop_assert_eq!(minify(&pretty(&text, indent)), Some(small.clone()));
            prop_assert_eq!(minify(&small), Some(small));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = minify(&text);
            let _ = pretty(&text, 2);
        }
    }
}
