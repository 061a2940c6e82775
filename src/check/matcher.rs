//! Does a value meet a matcher.

use std::cmp::Ordering;

use serde_json::{Number, Value};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::show;
use crate::suite::template::{self, Scope};
use crate::suite::{Is, Matcher, OwnMatcher, Panicked, ValueType};

/// Why something does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmet {
    /// What should be, short.
    pub(super) expected: String,
    /// What is, short.
    pub(super) actual: String,
    /// The question has no answer for this value: an operand that is not set, a regular expression that is none, a
    /// length of null. Then `not` does not hold either, lest a mistake in a suite turns it green.
    pub(super) senseless: bool,
}

impl Unmet {
    /// It does not hold.
    pub(super) fn new(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { expected: expected.into(), actual: actual.into(), senseless: false }
    }

    /// It cannot be asked.
    pub(super) fn senseless(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Unmet { senseless: true, ..Unmet::new(expected, actual) }
    }

    fn of(self, words: impl FnOnce(Unmet) -> (String, String)) -> Self {
        let senseless = self.senseless;
        let (expected, actual) = words(self);
        Unmet { expected, actual, senseless }
    }
}

/// Checks a value; `any`, `all` look at an array's elements.
pub(super) fn meets(matcher: &Matcher, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    if matcher.exists == Some(false) {
        return Err(Unmet::new("nothing here", show::value(value)));
    }
    if matcher.count.is_some() {
        return Err(Unmet::senseless("a path whose nodes are counted", "a single value; its elements have a `length`"));
    }
    compare(matcher, value, scope)?;
    if let Some(inner) = &matcher.any {
        some_meets(&inherit(inner, matcher), "element", elements(value, "any")?.iter(), scope)?;
    }
    if let Some(inner) = &matcher.all {
        every_meets(&inherit(inner, matcher), "element", elements(value, "all")?.iter(), scope)?;
    }
    if let Some(inner) = &matcher.not {
        let inner = inherit(inner, matcher);
        negate(meets(&inner, value, scope), &inner, scope, || show::value(value))?;
    }
    if let Some(inner) = &matcher.length {
        let length = match value {
            Value::String(text) => text.chars().count(),
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            other => return Err(Unmet::senseless("something with a length", show::value(other))),
        };
        meets(inner, &length.into(), scope).map_err(|unmet| {
            unmet.of(|it| (format!("length {}", it.expected), format!("length {}: {}", it.actual, show::value(value))))
        })?;
    }
    Ok(())
}

/// Checks the nodes that a path selects: each must match, at least one, unless the matcher says otherwise.
/// `any` and `all` look at the nodes; where the path can select but one (`is_singular`) and that is an array, at its elements.
pub(super) fn nodes_meet(matcher: &Matcher, nodes: &[&Value], is_singular: bool, scope: &Scope) -> Result<(), Unmet> {
    if matcher.exists == Some(false) {
        return match nodes.first() {
            Some(node) => Err(Unmet::new("nothing here", show::value(node))),
            None => Ok(()),
        };
    }
    if let Some(count) = &matcher.count {
        meets(count, &nodes.len().into(), scope)
            .map_err(|unmet| unmet.of(|it| (format!("number of nodes {}", it.expected), it.actual)))?;
    }
    let mut each = matcher.clone();
    (each.count, each.exists) = (None, None);
    if let [Value::Array(_)] = nodes
        && is_singular
    {
        return meets(&each, nodes[0], scope);
    }
    if let Some(inner) = each.not.take_if(|inner| is_about_nodes(inner)) {
        let inner = inherit(&inner, matcher);
        negate(nodes_meet(&inner, nodes, is_singular, scope), &inner, scope, || show_nodes(nodes))?;
        if each.is_empty() {
            return Ok(());
        }
    }
    let none_is_fine = matcher.count.is_some() && each.is_empty();
    if nodes.is_empty() && !none_is_fine {
        let wanted = format!("something that {}", describe(matcher, scope));
        return Err(Unmet::new(wanted, "the path selects nothing"));
    }
    if let Some(inner) = each.any.take() {
        some_meets(&inherit(&inner, matcher), "node", nodes.iter().copied(), scope)?;
    }
    if let Some(inner) = each.all.take() {
        every_meets(&inherit(&inner, matcher), "node", nodes.iter().copied(), scope)?;
    }
    nodes.iter().try_for_each(|node| meets(&each, node, scope))
}

/// Whether a matcher asks for the nodes together, so that `not` must be taken of them together.
fn is_about_nodes(matcher: &Matcher) -> bool {
    let own = matcher.exists.is_some() || matcher.count.is_some() || matcher.any.is_some() || matcher.all.is_some();
    own || matcher.not.as_deref().is_some_and(is_about_nodes)
}

/// `fold` counts for what stands inside, too.
fn inherit(inner: &Matcher, outer: &Matcher) -> Matcher {
    Matcher { fold: inner.fold || outer.fold, ..inner.clone() }
}

fn some_meets<'v>(
    inner: &Matcher,
    word: &str,
    mut values: impl Iterator<Item = &'v Value> + Clone,
    scope: &Scope,
) -> Result<(), Unmet> {
    let found: Vec<&Value> = values.clone().collect();
    let mut senseless = false;
    let holds = values.any(|value| match meets(inner, value, scope) {
        Ok(()) => true,
        Err(unmet) => {
            senseless |= unmet.senseless;
            false
        }
    });
    let words = (format!("any {word} {}", describe(inner, scope)), show_nodes(&found));
    if holds { Ok(()) } else { Err(Unmet { expected: words.0, actual: words.1, senseless }) }
}

/// Every one of nothing proves nothing.
fn every_meets<'v>(
    inner: &Matcher,
    word: &str,
    values: impl Iterator<Item = &'v Value>,
    scope: &Scope,
) -> Result<(), Unmet> {
    let mut unmet = None;
    let mut count = 0;
    for (index, value) in values.enumerate() {
        count += 1;
        match meets(inner, value, scope) {
            Ok(()) => {}
            Err(it) if it.senseless => return Err(it),
            Err(it) => {
                let words =
                    |it: Unmet| (format!("every {word} {}", it.expected), format!("{} ({word} {index})", it.actual));
                unmet = unmet.or(Some(it.of(words)));
            }
        }
    }
    match unmet {
        Some(unmet) => Err(unmet),
        None if count == 0 => {
            Err(Unmet::senseless(format!("every {word} {}", describe(inner, scope)), format!("no {word}")))
        }
        None => Ok(()),
    }
}

fn negate(
    result: Result<(), Unmet>,
    inner: &Matcher,
    scope: &Scope,
    actual: impl FnOnce() -> String,
) -> Result<(), Unmet> {
    match result {
        Ok(()) => Err(Unmet::new(format!("not {}", describe(inner, scope)), actual())),
        Err(unmet) if unmet.senseless => Err(unmet),
        Err(_) => Ok(()),
    }
}

fn show_nodes(nodes: &[&Value]) -> String {
    let found: Vec<String> = nodes.iter().map(|node| node.to_string()).collect();
    show::cut(&format!("[{}]", found.join(", ")))
}

/// Whether a path can select one node at most: names and indexes only (RFC 9535, 2.3.5.1).
pub(super) fn is_singular(path: &str) -> bool {
    let mut quote = None;
    let mut chars = path.chars();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '*' | '?' | ':' | ',') => return false,
            (None, '.') if last == '.' => return false,
            (None, _) => {}
        }
        last = c;
    }
    true
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
        contains(value, &filled(operand, scope)?, fold)?;
    }
    if let Some(operands) = &matcher.one_of {
        let wanted = operands.iter().map(|operand| filled(operand, scope)).collect::<Result<Vec<_>, _>>()?;
        if !wanted.iter().any(|wanted| equal(wanted, value, fold)) {
            return Err(Unmet::new(format!("one of {}", show::value(&Value::Array(wanted))), show::value(value)));
        }
    }
    if let Some(operand) = &matcher.matches {
        matches(&filled(operand, scope)?, value)?;
    }
    compare_numbers(matcher, value, scope)?;
    if let Some(kind) = matcher.r#type
        && !has_type(value, kind)
    {
        return Err(Unmet::new(format!("type {}", type_name(kind)), show::value(value)));
    }
    if let Some(schema) = &matcher.schema {
        validates(&filled(schema, scope)?, value)?;
    }
    match &matcher.is {
        Some(Is::Own(own)) => meets_own(own, value),
        Some(Is::Composed { name, matcher }) => meets(matcher, value, scope)
            .map_err(|unmet| unmet.of(|it| (format!("{} (is {name})", it.expected), it.actual))),
        None => Ok(()),
    }
}

fn meets_own(own: &OwnMatcher, value: &Value) -> Result<(), Unmet> {
    match own.ask(value) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(Unmet::new(format!("is {}", own.name), format!("{} ({why})", show::value(value)))),
        Err(Panicked) => {
            let actual = format!("it panicked at {}", show::value(value));
            Err(Unmet::senseless(format!("an answer of the matcher {}", own.name), actual))
        }
    }
}

fn compare_numbers(matcher: &Matcher, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    for (operand, word, holds) in [
        (&matcher.gt, ">", Ordering::is_gt as fn(Ordering) -> bool),
        (&matcher.ge, ">=", Ordering::is_ge),
        (&matcher.lt, "<", Ordering::is_lt),
        (&matcher.le, "<=", Ordering::is_le),
    ] {
        let Some(operand) = operand else { continue };
        let wanted = filled(operand, scope)?;
        let limit = number(&wanted, "operand is")?;
        let words = || (format!("{word} {wanted}"), show::value(value));
        match value.as_number().and_then(|number| order(number, limit)) {
            Some(ordering) if holds(ordering) => {}
            Some(_) => return Err(Unmet::new(words().0, words().1)),
            None => return Err(Unmet::senseless(words().0, words().1)),
        }
    }
    if let Some(approx) = &matcher.approx {
        let wanted = filled(&approx.value, scope)?;
        let limit = number(&wanted, "operand is")?.as_f64().unwrap_or(f64::NAN);
        let words = || (format!("{wanted} within {}", approx.within), show::value(value));
        match value.as_f64() {
            Some(number) if (number - limit).abs() <= approx.within => {}
            Some(_) => return Err(Unmet::new(words().0, words().1)),
            None => return Err(Unmet::senseless(words().0, words().1)),
        }
    }
    Ok(())
}

fn number<'v>(value: &'v Value, what: &str) -> Result<&'v Number, Unmet> {
    value.as_number().ok_or_else(|| Unmet::senseless("a number", format!("the {what} {}", show::value(value))))
}

/// Whole numbers exactly, since ids and seeds do not fit into a float; others as floats.
fn order(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// An operand with its names filled in.
pub(super) fn filled(operand: &Value, scope: &Scope) -> Result<Value, Unmet> {
    template::fill(operand, scope).map_err(|unbound| Unmet::senseless("an operand that is set", unbound.to_string()))
}

fn elements<'v>(value: &'v Value, word: &str) -> Result<&'v [Value], Unmet> {
    let items = value.as_array().map(Vec::as_slice);
    items.ok_or_else(|| Unmet::senseless(format!("an array, for `{word}`"), show::value(value)))
}

fn unequal(wanted: &Value, value: &Value) -> Unmet {
    let parted = wanted.as_str().zip(value.as_str()).and_then(|(wanted, actual)| show::parting(wanted, actual));
    let (expected, actual) = parted.unwrap_or_else(|| (show::value(wanted), show::value(value)));
    Unmet::new(expected, actual)
}

fn matches(pattern: &Value, value: &Value) -> Result<(), Unmet> {
    let Some(pattern) = pattern.as_str() else {
        return Err(Unmet::senseless("a regular expression", show::value(pattern)));
    };
    let regex = regex::Regex::new(pattern)
        .map_err(|error| Unmet::senseless("a regular expression", error.to_string().replace('\n', " ")))?;
    let wanted = format!("matches /{pattern}/");
    match value.as_str() {
        Some(text) if regex.is_match(text) => Ok(()),
        Some(_) => Err(Unmet::new(wanted, show::value(value))),
        None => Err(Unmet::senseless(wanted, show::value(value))),
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

fn contains(value: &Value, wanted: &Value, fold: bool) -> Result<(), Unmet> {
    let words = || (format!("contains {}", show::value(wanted)), show::value(value));
    let holds = match (value, wanted) {
        (Value::String(_), Value::String(part)) if part.is_empty() => {
            return Err(Unmet::senseless("a text to look for", "an empty one, which stands in every text"));
        }
        (Value::String(text), Value::String(part)) => {
            text.contains(part.as_str()) || fold && folded(text).contains(&folded(part))
        }
        (Value::Array(items), wanted) => items.iter().any(|item| equal(item, wanted, fold)),
        (Value::Object(_), Value::Object(_)) => has_subset(value, wanted, fold),
        _ => return Err(Unmet::senseless(words().0, words().1)),
    };
    if holds { Ok(()) } else { Err(Unmet::new(words().0, words().1)) }
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

/// Checks against a JSON Schema, draft 2020-12, that refers to nothing outside; a string is read as JSON first.
pub(super) fn validates(schema: &Value, value: &Value) -> Result<(), Unmet> {
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .offline()
        .build(schema)
        .map_err(|error| Unmet::senseless("a JSON Schema", show::cut(&error.to_string())))?;
    let read;
    let value = match value {
        Value::String(text) => {
            read = serde_json::from_str(text)
                .map_err(|error| Unmet::new("JSON that validates", format!("{error}: {}", show::cut(text))))?;
            &read
        }
        other => other,
    };
    match validator.iter_errors(value).next() {
        None => Ok(()),
        Some(error) => {
            let place = error.instance_path().to_string();
            let said = show::cut(&error.to_string());
            let actual = if place.is_empty() { said } else { format!("{said} (at {place})") };
            Err(Unmet::new("validates against the schema", actual))
        }
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
    words.extend(matcher.is.as_ref().map(|is| format!("is {}", is.name())));
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
    fn what_cannot_be_asked_holds_neither_way() {
        let table: Vec<(Matcher, Value)> = vec![
            (with(|m| m.equals = Some(json!("${nope}"))), json!(1)),
            (with(|m| m.one_of = Some(vec![json!(1), json!("${nope}")])), json!(1)),
            (with(|m| m.matches = Some(json!("("))), json!("a")),
            (with(|m| m.matches = Some(json!(1))), json!("1")),
            (with(|m| m.matches = Some(json!("a"))), json!(null)),
            (with(|m| m.contains = Some(json!(""))), json!("a")),
            (with(|m| m.contains = Some(json!("a"))), json!(null)),
            (with(|m| m.contains = Some(json!(4))), json!("4")),
            (with(|m| m.gt = Some(json!("a"))), json!(1)),
            (with(|m| m.gt = Some(json!(1))), json!("a")),
            (with(|m| m.approx = Some(crate::suite::Approx { value: json!(null), within: 1.0 })), json!(1)),
            (with(|m| m.length = boxed(|m| m.gt = Some(json!(0)))), json!(null)),
            (with(|m| m.length = boxed(|m| m.gt = Some(json!("x")))), json!("abc")),
            (with(|m| m.any = boxed(|m| m.gt = Some(json!(0)))), json!(1)),
            (with(|m| m.any = boxed(|m| m.gt = Some(json!(0)))), json!(["a"])),
            (with(|m| m.all = boxed(|m| m.gt = Some(json!(0)))), json!([])),
            (with(|m| m.all = boxed(|m| m.gt = Some(json!(0)))), json!([-1, "a"])),
            (with(|m| m.count = boxed(|m| m.equals = Some(json!(1)))), json!(["a"])),
            (with(|m| m.schema = Some(json!({"type": 1}))), json!(1)),
            (with(|m| m.schema = Some(json!({"$ref": "https://example.com/a"}))), json!(1)),
        ];
        for (matcher, value) in table {
            let both = [matcher.clone(), with(|m| m.not = Some(Box::new(matcher.clone())))];
            for matcher in both {
                assert!(meets(&matcher, &value, &Scope::new()).is_err(), "{matcher:?} {value}");
            }
        }
    }

    #[test]
    fn whole_numbers_are_compared_exactly() {
        let big = json!(18168036348581554001u64);
        assert!(meets(&with(|m| m.gt = Some(json!(18168036348581554000u64))), &big, &Scope::new()).is_ok());
        assert!(meets(&with(|m| m.le = Some(json!(18168036348581554000u64))), &big, &Scope::new()).is_err());
        assert!(meets(&with(|m| m.gt = Some(json!(-1))), &json!(0.5), &Scope::new()).is_ok());
    }

    #[test]
    fn fold_reaches_what_stands_inside() {
        let inner = || boxed(|m| m.contains = Some(json!("SOL")));
        let not = with(|m| (m.not, m.fold) = (inner(), true));
        assert!(meets(&not, &json!("the sōl"), &Scope::new()).is_err());
        let any = with(|m| (m.any, m.fold) = (inner(), true));
        assert!(meets(&any, &json!(["the sōl"]), &Scope::new()).is_ok());
    }

    #[test]
    fn a_path_of_names_and_indexes_is_singular() {
        for path in ["$", "$.a.b", "$['a*b..,'][0]", "$[\"a\\\"?\"].b[-1]"] {
            assert!(is_singular(path), "{path}");
        }
        for path in ["$..a", "$.a[*]", "$.*", "$[0,1]", "$[0:2]", "$.a[?@.b == 'x']"] {
            assert!(!is_singular(path), "{path}");
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
        let nodes = |matcher: Matcher, nodes: &[&Value]| nodes_meet(&matcher, nodes, false, &scope).is_ok();
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
