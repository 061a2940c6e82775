//! White space in JSON text, changed without touching any token.

use serde_json::value::RawValue;

/// Whether `text` is one JSON value without white space around it.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get().len() == text.len())
}

/// Valid JSON without white space.
pub(super) fn minify(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    out.extend(Tokens(json));
    out
}

/// Valid JSON as Python's `json.dumps` spaces it.
pub(super) fn spaced(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    for token in Tokens(json) {
        out.push_str(token);
        if matches!(token, "," | ":") {
            out.push(' ');
        }
    }
    out
}

/// Valid JSON broken into lines, two spaces a level, but for arrays of plain values, which stay on one line: a vector
/// of 768 numbers is one thing. Lines after the first are indented by `depth` levels more.
pub(super) fn pretty(json: &str, depth: usize) -> String {
    let tokens: Vec<&str> = Tokens(json).collect();
    let mut out = String::with_capacity(json.len() * 2);
    // For each open bracket: whether its items stand on lines of their own.
    let mut open: Vec<bool> = Vec::new();
    for (at, &token) in tokens.iter().enumerate() {
        match token {
            "{" | "[" => {
                let broken = !is_flat(&tokens[at..]);
                open.push(broken);
                out.push_str(token);
                if broken {
                    line(depth + open.len(), &mut out);
                }
            }
            "}" | "]" => {
                if open.pop() == Some(true) {
                    line(depth + open.len(), &mut out);
                }
                out.push_str(token);
            }
            "," if open.last() == Some(&true) => {
                out.push(',');
                line(depth + open.len(), &mut out);
            }
            "," | ":" => {
                out.push_str(token);
                out.push(' ');
            }
            _ => out.push_str(token),
        }
    }
    out
}

fn line(level: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}

/// Whether what the first token opens is empty, or an array of plain values.
fn is_flat(tokens: &[&str]) -> bool {
    let inside = tokens.iter().skip(1).find(|token| matches!(**token, "{" | "}" | "[" | "]"));
    match tokens.first() {
        Some(&"[") => inside == Some(&"]"),
        _ => tokens.get(1) == Some(&"}"),
    }
}

/// The tokens of valid JSON; of other text some division that loses nothing but white space.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        let bytes = text.as_bytes();
        let length = match bytes.first()? {
            b'"' => string_length(bytes),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => text.find(['{', '}', '[', ']', ',', ':', '"', ' ', '\t', '\n', '\r']).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    // A quote is always a character's whole; without one, the string is all that is left.
    if at < bytes.len() { at + 1 } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &str = r#" {"a" : [1.0, 1E5, -0 ],"b":{ } , "c":[[],{"d":"x, \"y: {"}], "e":"é\u00e9\\"} "#;

    #[test]
    fn tokens_stay_as_they_are() {
        assert_eq!(minify(ODD), r#"{"a":[1.0,1E5,-0],"b":{},"c":[[],{"d":"x, \"y: {"}],"e":"é\u00e9\\"}"#);
        assert_eq!(spaced(ODD), r#"{"a": [1.0, 1E5, -0], "b": {}, "c": [[], {"d": "x, \"y: {"}], "e": "é\u00e9\\"}"#);
        assert_eq!(minify(&pretty(ODD, 3)), minify(ODD));
        insta::assert_snapshot!(pretty(ODD, 1), @r#"
        {
            "a": [1.0, 1E5, -0],
            "b": {},
            "c": [
              [],
              {
                "d": "x, \"y: {"
              }
            ],
            "e": "é\u00e9\\"
          }
        "#);
    }

    #[test]
    fn json_is_one_value_and_nothing_else() {
        assert!(is_json("1") && is_json("{}") && !is_json("") && !is_json(" 1") && !is_json("1 2") && !is_json("{"));
    }
}
