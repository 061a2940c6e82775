//! Replaces `${name}` and `${name.field}` in strings by values of any type.

use serde_json::{Map, Value};

/// Values by name: `model`, the parameters, the captures.
pub(crate) type Scope = Map<String, Value>;

/// The name in a `${…}` that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{0}}}` is not set")]
pub(crate) struct Unbound(pub String);

/// A `${` without its `}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`${{` is never closed")]
pub(crate) struct Unclosed;

/// A piece of a string.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
    Open,
}

/// Splits a string at its `${…}`. `$${` is a literal `${`.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            out.extend([Piece::Text(before), Piece::Text("${")]);
            rest = &rest[at + 2..];
            continue;
        }
        out.push(Piece::Text(&rest[..at]));
        let Some(end) = rest[at..].find('}') else {
            out.push(Piece::Open);
            return out;
        };
        out.push(Piece::Name(rest[at + 2..at + end].trim()));
        rest = &rest[at + end + 1..];
    }
    out.push(Piece::Text(rest));
    out.retain(|piece| *piece != Piece::Text(""));
    out
}

/// The value of a path such as `name.field.0`.
fn look_up<'s>(path: &str, scope: &'s Scope) -> Option<&'s Value> {
    match path.split_once('.') {
        None => scope.get(path),
        Some((name, rest)) => member(scope.get(name)?, rest),
    }
}

/// The value of a path such as `field.0` in another value.
pub(super) fn member<'v>(mut value: &'v Value, path: &str) -> Option<&'v Value> {
    for part in path.split('.') {
        value = match value {
            Value::Object(members) => members.get(part)?,
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Replaces every `${…}` in the strings of `value`. A string that is a single `${…}` becomes the value, with the
/// value's type. Within a text, strings are inserted without quotes and other values as compact JSON. `$${` is a
/// literal `${`.
pub(crate) fn fill(value: &Value, scope: &Scope) -> Result<Value, Unbound> {
    Ok(match value {
        Value::String(text) => match pieces(text).as_slice() {
            [Piece::Name(name)] => look_up(name, scope).cloned().ok_or_else(|| Unbound((*name).to_owned()))?,
            _ => Value::String(fill_text(text, scope)?),
        },
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, scope)).collect::<Result<_, _>>()?),
        Value::Object(members) => {
            let filled = members.iter().map(|(key, value)| Ok((key.clone(), fill(value, scope)?)));
            Value::Object(filled.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// Like [`fill`], but the result is always text.
pub(crate) fn fill_text(text: &str, scope: &Scope) -> Result<String, Unbound> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Open => out.push_str("${"),
            Piece::Name(name) => match look_up(name, scope).ok_or_else(|| Unbound(name.to_owned()))? {
                Value::String(text) => out.push_str(text),
                other => out.push_str(&other.to_string()),
            },
        }
    }
    Ok(out)
}

/// The names that a string uses, fields included: `case.question`.
pub(crate) fn names_in_text(text: &str) -> Result<Vec<&str>, Unclosed> {
    let mut names = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Name(name) => names.push(name),
            Piece::Open => return Err(Unclosed),
            Piece::Text(_) => {}
        }
    }
    Ok(names)
}

/// The names that the strings of a value use.
pub(crate) fn names(value: &Value) -> Result<Vec<&str>, Unclosed> {
    let mut found = Vec::new();
    match value {
        Value::String(text) => found = names_in_text(text)?,
        Value::Array(items) => {
            for item in items {
                found.extend(names(item)?);
            }
        }
        Value::Object(members) => {
            for member in members.values() {
                found.extend(names(member)?);
            }
        }
        _ => {}
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        match json!({"stream": true, "case": {"q": "Sun?", "list": [1, {"x": null}]}, "n": 2}) {
            Value::Object(scope) => scope,
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_lone_name_keeps_its_type_and_text_stays_text() {
        let filled = fill(
            &json!({"a": "${stream}", "b": "n=${n}", "c": ["${case.q}", "${case.list.1}", "${ n }"], "d": 1}),
            &scope(),
        );
        let wanted = json!({"a": true, "b": "n=2", "c": ["Sun?", {"x": null}, 2], "d": 1});
        assert_eq!(filled, Ok(wanted));
    }

    #[test]
    fn dollars_can_be_said() {
        assert_eq!(fill_text("$${n} costs $5 and $${", &scope()), Ok("${n} costs $5 and ${".into()));
        assert_eq!(names_in_text("$${n}"), Ok(vec![]));
    }

    #[test]
    fn what_is_not_set_is_named() {
        assert_eq!(fill(&json!(["${case.nope}"]), &scope()), Err(Unbound("case.nope".into())));
        assert_eq!(fill_text("${}", &scope()), Err(Unbound(String::new())));
        assert_eq!(names(&json!({"a": "${x"})), Err(Unclosed));
        assert_eq!(names(&json!(["${a.b} ${c}"])), Ok(vec!["a.b", "c"]));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".*") {
            let _ = fill_text(&text, &scope());
            let _ = names_in_text(&text);
        }
    }
}
