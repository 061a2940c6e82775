//! Evaluates a JSONPath in a bounded number of steps.
//!
//! In RFC 9535, a path selects a node once for each way to reach it. In JSON that is nested 100 deep,
//! `$..*..*..*..*..*` selects 75 million nodes. The library puts all of them into a list and cannot be interrupted. So
//! the nodes that a path visits are counted first. The count takes one walk through the JSON, however many nodes are
//! selected: how often a node is in the input of a segment follows from how often its ancestors are.

use serde_json::Value;

use super::unmet::Unmet;
use crate::suite::JsonPath;

/// The most nodes that a path may visit. They take about a second and at most about 100 MB.
const MOST: u64 = 5_000_000;

/// The nodes that a path selects. `Err` if the path would visit more than [`MOST`].
pub(super) fn nodes<'v>(path: &JsonPath, json: &'v Value) -> Result<Vec<&'v Value>, Unmet> {
    if selects_one(&path.text) || visits(&path.text, json) <= MOST {
        return Ok(path.query.query(json).all());
    }
    Err(Unmet::senseless(
        format!("an answer after at most {MOST} nodes"),
        format!("given up: `{}` would visit more nodes of this reply; write fewer `..` and `*`", path.text),
    ))
}

/// Whether each segment of a path selects at most one node, as in `$.choices[0].message.content`. Most paths are like
/// that and need no count.
fn selects_one(path: &str) -> bool {
    !path.contains(['*', '?', ':', ',']) && !path.contains("..")
}

/// A segment of a path. It selects among the children of a node or, if `is_deep`, among all its descendants.
#[derive(Debug, Default, PartialEq)]
struct Segment<'p> {
    is_deep: bool,
    selectors: Vec<Selector<'p>>,
}

#[derive(Debug, PartialEq)]
enum Selector<'p> {
    Name(&'p str),
    Index(usize),
    /// A selector that may select every child: a wildcard, a slice, or one that is not analyzed further.
    Any,
    Filter(Filter),
}

/// What determines the cost of a filter for one node.
#[derive(Debug, PartialEq)]
struct Filter {
    /// The number of queries in it.
    queries: u64,
    /// If the value that they search has `n` nodes, each query visits at most `n` to this power. 0 if each selects at
    /// most one node.
    power: u32,
    /// Whether one of them begins at the root (`$`).
    is_absolute: bool,
}

/// An upper bound of the nodes that `path` visits in `json`. The count stops soon after [`MOST`].
fn visits(path: &str, json: &Value) -> u64 {
    let segments = segments(path);
    let mut walk = Walk { segments: &segments, root: json, count: 0 };
    let mut times = vec![0; segments.len() + 1];
    times[0] = 1;
    walk.node(json, &times, &vec![0; segments.len() + 1]);
    walk.count
}

struct Walk<'w> {
    segments: &'w [Segment<'w>],
    root: &'w Value,
    count: u64,
}

impl Walk<'_> {
    /// `times` says for each segment how often this node is in the segment's input. `above` is the sum of that for all
    /// ancestors.
    fn node(&mut self, node: &Value, times: &[u64], above: &[u64]) {
        let reach: Vec<u64> = times.iter().zip(above).map(|(own, above)| own.saturating_add(*above)).collect();
        for (segment, reach) in self.segments.iter().zip(&reach) {
            self.count = self.count.saturating_add(if segment.is_deep { *reach } else { 0 });
        }
        match node {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.child(item, times, &reach, |selector| *selector == Selector::Index(index));
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.child(member, times, &reach, |selector| *selector == Selector::Name(name));
                }
            }
            _ => {}
        }
    }

    fn child(&mut self, child: &Value, times: &[u64], reach: &[u64], is_it: impl Fn(&Selector<'_>) -> bool) {
        if self.count > MOST {
            return;
        }
        let mut own = vec![0_u64; times.len()];
        for (at, segment) in self.segments.iter().enumerate() {
            let from = if segment.is_deep { reach[at] } else { times[at] };
            if from == 0 {
                continue;
            }
            for selector in &segment.selectors {
                if let Selector::Filter(filter) = selector {
                    self.count = self.count.saturating_add(from.saturating_mul(filter.cost(child, self.root)));
                }
                if matches!(selector, Selector::Any | Selector::Filter(_)) || is_it(selector) {
                    own[at + 1] = own[at + 1].saturating_add(from);
                }
            }
            self.count = self.count.saturating_add(own[at + 1]);
        }
        // Nodes that no segment can select are skipped.
        let goes_on = own.iter().any(|times| *times > 0)
            || self.segments.iter().zip(reach).any(|(segment, reach)| segment.is_deep && *reach > 0);
        if goes_on {
            self.node(child, &own, reach);
        }
    }
}

impl Filter {
    fn cost(&self, node: &Value, root: &Value) -> u64 {
        let size = if self.power == 0 { 1 } else { size(if self.is_absolute { root } else { node }, MOST) };
        self.queries.saturating_mul(size.saturating_pow(self.power.max(1))).max(1)
    }
}

/// The number of nodes in a value. The count stops soon after `most`.
fn size(value: &Value, most: u64) -> u64 {
    let add =
        |sum: u64, value: &Value| if sum > most { sum } else { sum.saturating_add(size(value, most - sum.min(most))) };
    match value {
        Value::Array(items) => items.iter().fold(1, add),
        Value::Object(members) => members.values().fold(1, add),
        _ => 1,
    }
}

/// The segments of a path. The library has parsed the path before, so it is valid.
fn segments(path: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut rest = path.trim_start().trim_start_matches('$').trim_start();
    while !rest.is_empty() {
        let is_deep = rest.starts_with("..");
        rest = rest.trim_start_matches('.').trim_start();
        let (selectors, after) = match rest.strip_prefix('[') {
            Some(inside) => {
                let (list, after) = split_at_top(inside, ']');
                (parts(list).into_iter().map(selector).collect(), after)
            }
            None => {
                let end = rest.find(|c: char| c == '.' || c == '[' || c.is_whitespace()).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                (vec![if name == "*" { Selector::Any } else { Selector::Name(name) }], after)
            }
        };
        segments.push(Segment { is_deep, selectors });
        rest = after.trim_start();
    }
    segments
}

/// Splits a text at the first character `at` that is outside of quotes and brackets.
fn split_at_top(text: &str, at: char) -> (&str, &str) {
    let mut depth = 0_usize;
    for (place, c) in unquoted(text) {
        if c == at && depth == 0 {
            return (&text[..place], &text[place + c.len_utf8()..]);
        }
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (text, "")
}

fn parts(list: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), list);
    while !rest.is_empty() {
        let (part, after) = split_at_top(rest, ',');
        parts.push(part.trim());
        rest = after;
    }
    parts
}

/// The characters outside of quotes, with their positions.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut is_escaped) = (None, false);
    text.char_indices().filter(move |(_, c)| match quote {
        Some(_) if std::mem::take(&mut is_escaped) => false,
        Some(open) => {
            is_escaped = *c == '\\';
            quote = Some(open).filter(|open| open != c);
            false
        }
        None if matches!(c, '"' | '\'') => {
            quote = Some(*c);
            false
        }
        None => true,
    })
}

fn selector(text: &str) -> Selector<'_> {
    if let Some(filter) = text.strip_prefix('?') {
        return Selector::Filter(cost_of(filter));
    }
    if let Ok(index) = text.parse() {
        return Selector::Index(index);
    }
    let name = text.strip_prefix(['"', '\'']).and_then(|rest| rest.strip_suffix(['"', '\'']));
    // A name with an escape is not decoded, so it may be any name.
    name.filter(|name| !name.contains('\\')).map_or(Selector::Any, Selector::Name)
}

fn cost_of(filter: &str) -> Filter {
    let symbols: Vec<char> = unquoted(filter).map(|(_, c)| c).collect();
    let count = |wanted: &[char]| symbols.iter().filter(|c| wanted.contains(c)).count();
    let deep = symbols.windows(2).filter(|pair| **pair == ['.', '.']).count();
    let is_wide = deep + count(&['*', ':', '?']) > 0;
    // Each of these can multiply the number of nodes that the part before it selects.
    let power = if is_wide { (deep + count(&[',', '?'])).max(1) } else { 0 };
    Filter {
        queries: u64::try_from(count(&['@', '$'])).unwrap_or(u64::MAX),
        power: u32::try_from(power).unwrap_or(u32::MAX),
        is_absolute: symbols.contains(&'$'),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |inside, _| json!([inside]))
    }

    fn path(text: &str) -> JsonPath {
        JsonPath { query: serde_json_path::JsonPath::parse(text).unwrap(), text: text.to_owned() }
    }

    #[test]
    fn a_path_that_would_select_millions_is_given_up_before_it_takes_memory() {
        let json = nested(100);
        for text in [
            "$..*..*..*..*..*",
            "$..[*, *, *]..[0:]..*..['a\\'', *]",
            &format!("${}", "[*, *, *, *, *, *, *, *]".repeat(8)),
            "$..[?@..*..*..*]",
            "$..[?$..*..*..*]",
            "$..[?count(@..*..*..*) > 1]",
            "$..[?@..[?@..*]..*]",
        ] {
            let unmet = nodes(&path(text), &json).unwrap_err();
            assert!(unmet.senseless && unmet.actual.contains("given up"), "{text}: {unmet:?}");
        }
    }

    #[test]
    fn what_people_write_is_answered() {
        let books: Vec<Value> =
            (0..20_000).map(|id| json!({"id": id, "author": {"name": "x"}, "price": 9, "tags": ["a"]})).collect();
        let json = json!({"store": {"books": books}});
        for (text, count) in [
            ("$..id", 20_000),
            ("$.store.books[*].author.name", 20_000),
            ("$..books[?@.price < 10].author..name", 20_000),
            ("$..[?@.tags[?@ == 'a']].id", 20_000),
            ("$..[?search(@.name, 'x')]", 20_000),
            ("$['store'][\"books\"][19999, -1].id", 2),
            ("$", 1),
        ] {
            assert_eq!(nodes(&path(text), &json).map(|nodes| nodes.len()), Ok(count), "{text}");
        }
    }

    #[test]
    fn a_path_falls_into_its_parts() {
        let told = segments("$ .a..['b]', \"c\",3, ?@['x,]'] == ')']\n[*]..*");
        let deep: Vec<bool> = told.iter().map(|segment| segment.is_deep).collect();
        assert_eq!(deep, [false, true, false, true]);
        let filter = Selector::Filter(Filter { queries: 1, power: 0, is_absolute: false });
        let selectors = [Selector::Name("b]"), Selector::Name("c"), Selector::Index(3), filter];
        assert_eq!(told[1].selectors, selectors);
    }

    fn value() -> impl Strategy<Value = Value> {
        any::<bool>().prop_map(Value::Bool).prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_path_selects_more_than_was_counted(
            text in r"\$((\.|\.\.)(\*|a|b)|(\.\.)?\[(\*|0|1|-1|'a'|\*,\*|'a',\*|0:|\?@\.a|\?@\.\.a|\?@\.\.\*)\]){0,4}",
            json in value(),
        ) {
            let selected = path(&text).query.query(&json).all().len() as u64;
            prop_assert!(selected <= 1 || !selects_one(&text), "{text}: {selected} of {json}");
            prop_assert!(selected <= visits(&text, &json) + 1, "{text}: {selected} of {json}");
        }
    }
}
