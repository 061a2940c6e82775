//! Checks values, and the nodes that a JSONPath selects, against matchers.

use serde_json::Value;

use super::compare::{compare, type_name};
use super::show;
use super::unmet::Unmet;
use crate::suite::template::{self, Scope};
use crate::suite::{Is, Matcher, OwnMatcher, Panicked};

/// Checks a value. `any` and `all` apply to the elements of an array.
pub(super) fn meets(matcher: &Matcher, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    if matcher.exists == Some(false) {
        return Err(Unmet::new("nothing here", show::value(value)));
    }
    if matcher.count.is_some() {
        return Err(Unmet::senseless("a path whose nodes are counted", "a single value; its elements have a `length`"));
    }
    compare(matcher, value, scope)?;
    if let Some(named) = &matcher.is {
        meets_named(named, value, scope)?;
    }
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

fn meets_named(named: &Is, value: &Value, scope: &Scope) -> Result<(), Unmet> {
    match named {
        Is::Own(own) => meets_own(own, value),
        Is::Composed { name, matcher } => meets(matcher, value, scope)
            .map_err(|unmet| unmet.of(|it| (format!("{} (is {name})", it.expected), it.actual))),
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

/// Checks the nodes that a path selects. There must be at least one, and each must match, unless the matcher says
/// otherwise. `any` and `all` apply to the nodes. If the path can select only one node (`is_singular`) and that node is
/// an array, they apply to its elements.
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

/// Whether a matcher is about all nodes together. Then `not` negates its result for all of them, not for each node.
fn is_about_nodes(matcher: &Matcher) -> bool {
    let own = matcher.exists.is_some() || matcher.count.is_some() || matcher.any.is_some() || matcher.all.is_some();
    own || matcher.not.as_deref().is_some_and(is_about_nodes)
}

/// The inner matcher, with `fold` if the outer one has it.
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
    if holds { Ok(()) } else { Err(Unmet { senseless, ..Unmet::new(words.0, words.1) }) }
}

/// Checks that all values meet a matcher. If there are no values, it fails, also below `not`: nothing was checked.
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

/// Whether a path can select at most one node, because it consists of names and indexes only (RFC 9535, section
/// 2.3.5.1).
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

fn elements<'v>(value: &'v Value, word: &str) -> Result<&'v [Value], Unmet> {
    let items = value.as_array().map(Vec::as_slice);
    items.ok_or_else(|| Unmet::senseless(format!("an array, for `{word}`"), show::value(value)))
}

/// A matcher in words, for messages about `not`, `any`, `all`, and paths that select nothing.
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
    use crate::suite::ValueType;

    fn with(change: impl FnOnce(&mut Matcher)) -> Matcher {
        let mut matcher = Matcher::default();
        change(&mut matcher);
        matcher
    }

    fn boxed(change: impl FnOnce(&mut Matcher)) -> Option<Box<Matcher>> {
        Some(Box::new(with(change)))
    }

    #[expect(clippy::unnecessary_wraps, reason = "what is set is an option")]
    fn operand(value: Value) -> Option<Box<Value>> {
        Some(Box::new(value))
    }

    /// A matcher, values that meet it, and values that do not.
    fn table() -> Vec<(Matcher, Vec<Value>, Vec<Value>)> {
        vec![
            (
                with(|m| m.equals = operand(json!(1))),
                vec![json!(1), json!(1.0)],
                vec![json!(2), json!("1"), json!(null)],
            ),
            (with(|m| m.equals = operand(json!(null))), vec![json!(null)], vec![json!(0), json!("")]),
            (
                with(|m| m.equals = operand(json!(18168036348581554000u64))),
                vec![json!(18168036348581554000u64)],
                vec![json!(18168036348581554001u64)],
            ),
            (
                with(|m| m.contains = operand(json!("ab"))),
                vec![json!("xaby"), json!(["ab"])],
                vec![json!("a b"), json!(["xab"]), json!(7)],
            ),
            (
                with(|m| m.contains = operand(json!({"a": {"b": 1}}))),
                vec![json!({"a": {"b": 1, "c": 2}, "d": 3}), json!([{"a": {"b": 1}}])],
                vec![json!({"a": {"b": 2}}), json!({})],
            ),
            (
                with(|m| (m.contains, m.fold) = (operand(json!("Sol")), true)),
                vec![json!("the SŌL"), json!("sōl"), json!("so\u{304}l")],
                vec![json!("sun")],
            ),
            (with(|m| m.contains = operand(json!("Sol"))), vec![json!("Sol")], vec![json!("sōl"), json!("sol")]),
            (with(|m| m.matches = operand(json!("^a+$"))), vec![json!("aa")], vec![json!("ab"), json!(1)]),
            (
                with(|m| m.length = boxed(|m| m.equals = operand(json!(2)))),
                vec![json!("üü"), json!([1, 2]), json!({"a": 1, "b": 2})],
                vec![json!("a"), json!(2), json!(null)],
            ),
            (with(|m| m.gt = operand(json!(1))), vec![json!(1.5)], vec![json!(1), json!("2"), json!(null)]),
            (with(|m| m.ge = operand(json!(1))), vec![json!(1)], vec![json!(0.9)]),
            (with(|m| m.lt = operand(json!(1))), vec![json!(-1)], vec![json!(1)]),
            (with(|m| m.le = operand(json!(1))), vec![json!(1)], vec![json!(2)]),
            (with(|m| m.r#type = Some(ValueType::Integer)), vec![json!(1), json!(1.0)], vec![json!(1.5), json!("1")]),
            (
                with(|m| m.approx = Some(Box::new(crate::suite::Approx { value: json!(1), within: 0.1 }))),
                vec![json!(1.05)],
                vec![json!(1.2), json!("1")],
            ),
            (with(|m| m.one_of = Some(vec![json!("a"), json!(2)])), vec![json!("a"), json!(2)], vec![json!("b")]),
            (
                with(|m| m.any = boxed(|m| m.gt = operand(json!(1)))),
                vec![json!([0, 2])],
                vec![json!([0]), json!([]), json!(2)],
            ),
            (with(|m| m.all = boxed(|m| m.gt = operand(json!(1)))), vec![json!([2, 3])], vec![json!([2, 0]), json!(2)]),
            (with(|m| m.not = boxed(|m| m.equals = operand(json!(1)))), vec![json!(2)], vec![json!(1)]),
            (
                with(|m| m.schema = operand(json!({"type": "object", "required": ["a"]}))),
                vec![json!({"a": 1}), json!("{\"a\": 1}")],
                vec![json!({}), json!("{"), json!([])],
            ),
            (with(|m| m.equals = operand(json!("${nope}"))), vec![], vec![json!("${nope}"), json!(null)]),
            (with(|m| m.gt = operand(json!("${nope}"))), vec![], vec![json!(1)]),
            (with(|m| m.exists = Some(false)), vec![], vec![json!(null), json!(1)]),
        ]
    }

    #[test]
    fn every_matcher_holds_and_does_not() {
        let is_built = |matcher: &Matcher| cfg!(feature = "schema") || matcher.schema.is_none();
        for (matcher, good, bad) in table().into_iter().filter(|(matcher, ..)| is_built(matcher)) {
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
            (with(|m| m.equals = operand(json!("${nope}"))), json!(1)),
            (with(|m| m.one_of = Some(vec![json!(1), json!("${nope}")])), json!(1)),
            (with(|m| m.matches = operand(json!("("))), json!("a")),
            (with(|m| m.matches = operand(json!(1))), json!("1")),
            (with(|m| m.matches = operand(json!("a"))), json!(null)),
            (with(|m| m.contains = operand(json!(""))), json!("a")),
            (with(|m| m.contains = operand(json!("a"))), json!(null)),
            (with(|m| m.contains = operand(json!(4))), json!("4")),
            (with(|m| m.gt = operand(json!("a"))), json!(1)),
            (with(|m| m.gt = operand(json!(1))), json!("a")),
            (with(|m| m.approx = Some(Box::new(crate::suite::Approx { value: json!(null), within: 1.0 }))), json!(1)),
            (with(|m| m.length = boxed(|m| m.gt = operand(json!(0)))), json!(null)),
            (with(|m| m.length = boxed(|m| m.gt = operand(json!("x")))), json!("abc")),
            (with(|m| m.any = boxed(|m| m.gt = operand(json!(0)))), json!(1)),
            (with(|m| m.any = boxed(|m| m.gt = operand(json!(0)))), json!(["a"])),
            (with(|m| m.all = boxed(|m| m.gt = operand(json!(0)))), json!([])),
            (with(|m| m.all = boxed(|m| m.gt = operand(json!(0)))), json!([-1, "a"])),
            (with(|m| m.count = boxed(|m| m.equals = operand(json!(1)))), json!(["a"])),
            (with(|m| m.schema = operand(json!({"type": 1}))), json!(1)),
            (with(|m| m.schema = operand(json!({"$ref": "https://example.com/a"}))), json!(1)),
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
        assert!(meets(&with(|m| m.gt = operand(json!(18168036348581554000u64))), &big, &Scope::new()).is_ok());
        assert!(meets(&with(|m| m.le = operand(json!(18168036348581554000u64))), &big, &Scope::new()).is_err());
        assert!(meets(&with(|m| m.gt = operand(json!(-1))), &json!(0.5), &Scope::new()).is_ok());
    }

    #[test]
    fn fold_reaches_what_stands_inside() {
        let inner = || boxed(|m| m.contains = operand(json!("SOL")));
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
        assert_eq!(meets(&with(|m| m.equals = operand(json!("${n}"))), &json!(3), &scope), Ok(()));
        assert_eq!(meets(&with(|m| m.lt = operand(json!("${n}"))), &json!(2), &scope), Ok(()));
    }

    #[test]
    fn nothing_selected_is_never_a_match_unless_asked_for() {
        let scope = Scope::new();
        let nodes = |matcher: Matcher, nodes: &[&Value]| nodes_meet(&matcher, nodes, false, &scope).is_ok();
        let one = json!(1);
        for matcher in [
            Matcher::default(),
            with(|m| m.equals = operand(json!(1))),
            with(|m| m.any = boxed(|m| m.equals = operand(json!(1)))),
            with(|m| m.all = boxed(|m| m.equals = operand(json!(1)))),
            with(|m| m.not = boxed(|m| m.equals = operand(json!(1)))),
            with(|m| m.exists = Some(true)),
        ] {
            assert!(!nodes(matcher.clone(), &[]), "{matcher:?}");
        }
        assert!(nodes(with(|m| m.exists = Some(false)), &[]) && !nodes(with(|m| m.exists = Some(false)), &[&one]));
        assert!(nodes(with(|m| m.count = boxed(|m| m.equals = operand(json!(0)))), &[]));
        assert!(!nodes(with(|m| m.equals = operand(json!(1))), &[&one, &json!(2)]));
        assert!(nodes(with(|m| m.any = boxed(|m| m.equals = operand(json!(1)))), &[&one, &json!(2)]));
        assert!(nodes(with(|m| m.exists = Some(true)), &[&Value::Null]));
    }
}
