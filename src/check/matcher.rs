//! Does a value meet a matcher.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::show;
use crate::suite::template::{self, Scope};
use crate::suite::{Matcher, ValueType};

/// What should be and what is, short. `None` in the result of a check means that it holds.
pub(super) type Unmet = (String, String);

/// Checks a value; `any`, `all` look at an array's elements.
pub(super) fn meets(matcher: &Matcher, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    if matcher.exists == Some(false) {
        return Err(("nothing here".to_owned(), show::value(value)));
    }
    compare(matcher, value, scope)?;
    if let Some(inner) = &matcher.any {
        let items = elements(value, "any")?;
        if !items.iter().any(|item| meets(inner, item, scope).is_ok()) {
            return Err((format!("any element {}", describe(inner, scope)), show::value(value)));
        }
    }
    if let Some(inner) = &matcher.all {
        for (index, item) in elements(value, "all")?.iter().enumerate() {
            meets(inner, item, scope).map_err(|(expected, actual)| {
                (format!("every element {expected}"), format!("{actual} (element {index})"))
            })?;
        }
    }
    if let Some(inner) = &matcher.not
        && meets(inner, value, scope).is_ok()
    {
        return Err((format!("not {}", describe(inner, scope)), show::value(value)));
    }
    if let Some(inner) = &matcher.length {
        let length = match value {
            Value::String(text) => text.chars().count(),
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            other => return Err(("something with a length".to_owned(), show::value(other))),
        };
        meets(inner, &length.into(), scope).map_err(|(expected, actual)| {
            (format!("length {expected}"), format!("length {actual}: {}", show::value(value)))
        })?;
    }
    Ok(())
}

/// Checks the nodes that a path selects: each must match, at least one, unless the matcher says otherwise.
pub(super) fn nodes_meet(matcher: &Matcher, nodes: &[&Value], scope: &Scope) -> Result<(), Unmet> {
    if matcher.exists == Some(false) {
        return match nodes.first() {
            Some(node) => Err(("nothing here".to_owned(), show::value(node))),
            None => Ok(()),
        };
    }
    if let Some(count) = &matcher.count {
        meets(count, &nodes.len().into(), scope)
            .map_err(|(expected, actual)| (format!("number of nodes {expected}"), actual))?;
    }
    let mut each = matcher.clone();
    (each.count, each.exists, each.any, each.all) = (None, None, None, None);
    if let Some(inner) = &matcher.any
        && !nodes.iter().any(|node| meets(inner, node, scope).is_ok())
    {
        let found: Vec<String> = nodes.iter().map(|node| node.to_string()).collect();
        return Err((format!("any node {}", describe(inner, scope)), show::cut(&format!("[{}]", found.join(", ")))));
    }
    if let Some(inner) = &matcher.all {
        for node in nodes {
            meets(inner, node, scope).map_err(|(expected, actual)| (format!("every node {expected}"), actual))?;
        }
    }
    // `count: 0` is the one question that nothing answers; `all` of nothing proves nothing.
    let none_is_fine = matcher.count.is_some() && each.is_empty() && matcher.all.is_none() && matcher.any.is_none();
    if nodes.is_empty() && !none_is_fine {
        return Err((format!("something that {}", describe(matcher, scope)), "the path selects nothing".to_owned()));
    }
    nodes.iter().try_for_each(|node| meets(&each, node, scope))
}

/// The comparisons of the value itself.
fn compare(matcher: &Matcher, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    let fold = matcher.fold;
    if let Some(operand) = &matcher.equals {
        let wanted = filled(operand, scope)?;
        if !equal(&wanted, value, fold) {
            return Err(unequal(&wanted, value));
        }
    }
    if let Some(operand) = &matcher.contains {
        let wanted = filled(operand, scope)?;
        if !contains(value, &wanted, fold) {
            return Err((format!("contains {}", show::value(&wanted)), show::value(value)));
        }
    }
    if let Some(operands) = &matcher.one_of {
        let wanted = operands.iter().map(|operand| filled(operand, scope)).collect::<Result<Vec<_>, _>>()?;
        if !wanted.iter().any(|wanted| equal(wanted, value, fold)) {
            return Err((format!("one of {}", show::value(&Value::Array(wanted))), show::value(value)));
        }
    }
    if let Some(operand) = &matcher.matches {
        matches(&filled(operand, scope)?, value)?;
    }
    for (operand, word, holds) in [
        (&matcher.gt, ">", (|a, b| a > b) as fn(f64, f64) -> bool),
        (&matcher.ge, ">=", |a, b| a >= b),
        (&matcher.lt, "<", |a, b| a < b),
        (&matcher.le, "<=", |a, b| a <= b),
    ] {
        let Some(operand) = operand else { continue };
        let wanted = filled(operand, scope)?;
        let Some(limit) = wanted.as_f64() else {
            return Err((format!("{word} a number"), format!("the operand is {}", show::value(&wanted))));
        };
        if !value.as_f64().is_some_and(|number| holds(number, limit)) {
            return Err((format!("{word} {wanted}"), show::value(value)));
        }
    }
    if let Some(approx) = &matcher.approx {
        let wanted = filled(&approx.value, scope)?;
        let near = wanted.as_f64().zip(value.as_f64()).is_some_and(|(a, b)| (a - b).abs() <= approx.within);
        if !near {
            return Err((format!("{wanted} within {}", approx.within), show::value(value)));
        }
    }
    if let Some(kind) = matcher.r#type
        && !has_type(value, kind)
    {
        return Err((format!("type {}", type_name(kind)), show::value(value)));
    }
    match &matcher.schema {
        Some(schema) => validates(&filled(schema, scope)?, value),
        None => Ok(()),
    }
}

pub(super) fn filled(operand: &Value, scope: &Scope) -> Result<Value, Unmet> {
    template::fill(operand, scope).map_err(|unbound| ("an operand that is set".to_owned(), unbound.to_string()))
}

fn elements<'v>(value: &'v Value, word: &str) -> Result<&'v [Value], Unmet> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| (format!("an array, for `{word}`"), show::value(value)))
}

fn unequal(wanted: &Value, value: &Value) -> Unmet {
    let parted = wanted.as_str().zip(value.as_str()).and_then(|(wanted, actual)| show::parting(wanted, actual));
    parted.unwrap_or_else(|| (show::value(wanted), show::value(value)))
}

fn matches(pattern: &Value, value: &Value) -> Result<(), Unmet> {
    let Some(pattern) = pattern.as_str() else {
        return Err(("a regular expression".to_owned(), show::value(pattern)));
    };
    let regex = regex::Regex::new(pattern)
        .map_err(|error| ("a regular expression".to_owned(), error.to_string().replace('\n', " ")))?;
    match value.as_str() {
        Some(text) if regex.is_match(text) => Ok(()),
        _ => Err((format!("matches /{pattern}/"), show::value(value))),
    }
}

/// Equal as JSON: 1 equals 1.0, members in any order.
fn equal(a: &Value, b: &Value, fold: bool) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || (x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64(),
        (Value::String(x), Value::String(y)) => x == y || fold && folded(x) == folded(y),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y, fold)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| equal(x, y, fold)))
        }
        _ => a == b,
    }
}

fn contains(value: &Value, wanted: &Value, fold: bool) -> bool {
    match (value, wanted) {
        (Value::String(text), Value::String(part)) => {
            text.contains(part.as_str()) || fold && folded(text).contains(&folded(part))
        }
        (Value::Array(items), wanted) => items.iter().any(|item| equal(item, wanted, fold)),
        (Value::Object(_), Value::Object(_)) => has_subset(value, wanted, fold),
        _ => false,
    }
}

/// Whether `value` has at least the members of `wanted`, at every level; arrays must be as long.
pub(super) fn has_subset(value: &Value, wanted: &Value, fold: bool) -> bool {
    match (value, wanted) {
        (Value::Object(members), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| members.get(key).is_some_and(|value| has_subset(value, wanted, fold)))
        }
        (Value::Array(items), Value::Array(wanted)) => {
            items.len() == wanted.len() && items.iter().zip(wanted).all(|(item, wanted)| has_subset(item, wanted, fold))
        }
        _ => equal(value, wanted, fold),
    }
}

/// Without case and diacritics: "Sōl" is "sol".
fn folded(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase()
}

/// Checks against a JSON Schema; a string is read as JSON first.
pub(super) fn validates(schema: &Value, value: &Value) -> Result<(), Unmet> {
    let read;
    let value = match value {
        Value::String(text) => {
            read = serde_json::from_str(text)
                .map_err(|error| ("JSON that validates".to_owned(), format!("{error}: {}", show::cut(text))))?;
            &read
        }
        other => other,
    };
    let validator =
        jsonschema::validator_for(schema).map_err(|error| ("a JSON Schema".to_owned(), error.to_string()))?;
    match validator.iter_errors(value).next() {
        None => Ok(()),
        Some(error) => Err((
            "validates against the schema".to_owned(),
            format!("{error} (at {:?})", error.instance_path().to_string()),
        )),
    }
}

fn has_type(value: &Value, kind: ValueType) -> bool {
    match kind {
        ValueType::Null => value.is_null(),
        ValueType::Boolean => value.is_boolean(),
        ValueType::Integer => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        ValueType::Number => value.is_number(),
        ValueType::String => value.is_string(),
        ValueType::Array => value.is_array(),
        ValueType::Object => value.is_object(),
    }
}

fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Null => "null",
        ValueType::Boolean => "boolean",
        ValueType::Integer => "integer",
        ValueType::Number => "number",
        ValueType::String => "string",
        ValueType::Array => "array",
        ValueType::Object => "object",
    }
}

/// A matcher in words, for "not …", "any …" and "nothing was selected".
pub(super) fn describe(matcher: &Matcher, scope: &Scope) -> String {
    let mut words = Vec::new();
    let shown = |operand: &Value| {
        template::fill(operand, scope).map_or_else(|_| operand.to_string(), |value| show::value(&value))
    };
    for (operand, word) in [
        (&matcher.equals, "equals"),
        (&matcher.contains, "contains"),
        (&matcher.matches, "matches"),
        (&matcher.gt, ">"),
        (&matcher.ge, ">="),
        (&matcher.lt, "<"),
        (&matcher.le, "<="),
        (&matcher.schema, "validates against"),
    ] {
        words.extend(operand.as_ref().map(|operand| format!("{word} {}", shown(operand))));
    }
    words.extend(matcher.r#type.map(|kind| format!("is of type {}", type_name(kind))));
    words.extend(matcher.approx.as_ref().map(|approx| format!("is {} within {}", shown(&approx.value), approx.within)));
    words.extend(matcher.one_of.as_ref().map(|values| format!("is one of {}", shown(&Value::Array(values.clone())))));
    for (inner, word) in [
        (&matcher.length, "has a length that"),
        (&matcher.any, "any"),
        (&matcher.all, "every"),
        (&matcher.not, "not"),
        (&matcher.count, "number of nodes"),
    ] {
        words.extend(inner.as_ref().map(|inner| format!("{word} {}", describe(inner, scope))));
    }
    if words.is_empty() { "exists".to_owned() } else { words.join(" and ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(change: impl FnOnce(&mut Matcher)) -> Matcher {
        let mut matcher = Matcher::default();
        change(&mut matcher);
        matcher
    }

    fn boxed(change: impl FnOnce(&mut Matcher)) -> Option<Box<Matcher>> {
        Some(Box::new(with(change)))
    }

    /// A matcher, values that meet it, and values that do not.
    fn table() -> Vec<(Matcher, Vec<Value>, Vec<Value>)> {
        vec![
            (with(|m| m.equals = Some(json!(1))), vec![json!(1), json!(1.0)], vec![json!(2), json!("1"), json!(null)]),
            (with(|m| m.equals = Some(json!(null))), vec![json!(null)], vec![json!(0), json!("")]),
            (
                with(|m| m.equals = Some(json!(18168036348581554000u64))),
                vec![json!(18168036348581554000u64)],
                vec![json!(18168036348581554001u64)],
            ),
            (
                with(|m| m.contains = Some(json!("ab"))),
                vec![json!("xaby"), json!(["ab"])],
                vec![json!("a b"), json!(["xab"]), json!(7)],
            ),
            (
                with(|m| m.contains = Some(json!({"a": {"b": 1}}))),
                vec![json!({"a": {"b": 1, "c": 2}, "d": 3}), json!([{"a": {"b": 1}}])],
                vec![json!({"a": {"b": 2}}), json!({})],
            ),
            (
                with(|m| (m.contains, m.fold) = (Some(json!("Sol")), true)),
                vec![json!("the SŌL"), json!("sōl"), json!("so\u{304}l")],
                vec![json!("sun")],
            ),
            (with(|m| m.contains = Some(json!("Sol"))), vec![json!("Sol")], vec![json!("sōl"), json!("sol")]),
            (with(|m| m.matches = Some(json!("^a+$"))), vec![json!("aa")], vec![json!("ab"), json!(1)]),
            (
                with(|m| m.length = boxed(|m| m.equals = Some(json!(2)))),
                vec![json!("üü"), json!([1, 2]), json!({"a": 1, "b": 2})],
                vec![json!("a"), json!(2), json!(null)],
            ),
            (with(|m| m.gt = Some(json!(1))), vec![json!(1.5)], vec![json!(1), json!("2"), json!(null)]),
            (with(|m| m.ge = Some(json!(1))), vec![json!(1)], vec![json!(0.9)]),
            (with(|m| m.lt = Some(json!(1))), vec![json!(-1)], vec![json!(1)]),
            (with(|m| m.le = Some(json!(1))), vec![json!(1)], vec![json!(2)]),
            (with(|m| m.r#type = Some(ValueType::Integer)), vec![json!(1), json!(1.0)], vec![json!(1.5), json!("1")]),
            (
                with(|m| m.approx = Some(crate::suite::Approx { value: json!(1), within: 0.1 })),
                vec![json!(1.05)],
                vec![json!(1.2), json!("1")],
            ),
            (with(|m| m.one_of = Some(vec![json!("a"), json!(2)])), vec![json!("a"), json!(2)], vec![json!("b")]),
            (
                with(|m| m.any = boxed(|m| m.gt = Some(json!(1)))),
                vec![json!([0, 2])],
                vec![json!([0]), json!([]), json!(2)],
            ),
            (with(|m| m.all = boxed(|m| m.gt = Some(json!(1)))), vec![json!([2, 3])], vec![json!([2, 0]), json!(2)]),
            (with(|m| m.not = boxed(|m| m.equals = Some(json!(1)))), vec![json!(2)], vec![json!(1)]),
            (
                with(|m| m.schema = Some(json!({"type": "object", "required": ["a"]}))),
                vec![json!({"a": 1}), json!("{\"a\": 1}")],
                vec![json!({}), json!("{"), json!([])],
            ),
            (with(|m| m.equals = Some(json!("${nope}"))), vec![], vec![json!("${nope}"), json!(null)]),
            (with(|m| m.gt = Some(json!("${nope}"))), vec![], vec![json!(1)]),
            (with(|m| m.exists = Some(false)), vec![], vec![json!(null), json!(1)]),
        ]
    }

    #[test]
    fn every_matcher_holds_and_does_not() {
        for (matcher, good, bad) in table() {
            for value in good {
                assert_eq!(meets(&matcher, &value, &Scope::new()), Ok(()), "{matcher:?} {value}");
            }
            for value in bad {
                assert!(meets(&matcher, &value, &Scope::new()).is_err(), "{matcher:?} {value}");
            }
        }
    }

    #[test]
    fn operands_are_filled_in() {
        let mut scope = Scope::new();
        scope.insert("n".into(), json!(3));
        assert_eq!(meets(&with(|m| m.equals = Some(json!("${n}"))), &json!(3), &scope), Ok(()));
        assert_eq!(meets(&with(|m| m.lt = Some(json!("${n}"))), &json!(2), &scope), Ok(()));
    }

    #[test]
    fn nothing_selected_is_never_a_match_unless_asked_for() {
        let scope = Scope::new();
        let nodes = |matcher: Matcher, nodes: &[&Value]| nodes_meet(&matcher, nodes, &scope).is_ok();
        let one = json!(1);
        for matcher in [
            Matcher::default(),
            with(|m| m.equals = Some(json!(1))),
            with(|m| m.any = boxed(|m| m.equals = Some(json!(1)))),
            with(|m| m.all = boxed(|m| m.equals = Some(json!(1)))),
            with(|m| m.not = boxed(|m| m.equals = Some(json!(1)))),
            with(|m| m.exists = Some(true)),
        ] {
            assert!(!nodes(matcher.clone(), &[]), "{matcher:?}");
        }
        assert!(nodes(with(|m| m.exists = Some(false)), &[]) && !nodes(with(|m| m.exists = Some(false)), &[&one]));
        assert!(nodes(with(|m| m.count = boxed(|m| m.equals = Some(json!(0)))), &[]));
        assert!(!nodes(with(|m| m.equals = Some(json!(1))), &[&one, &json!(2)]));
        assert!(nodes(with(|m| m.any = boxed(|m| m.equals = Some(json!(1)))), &[&one, &json!(2)]));
        assert!(nodes(with(|m| m.exists = Some(true)), &[&Value::Null]));
    }
}
