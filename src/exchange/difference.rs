//! Where two JSON values differ, and where two requests do.

use serde_json::Value;

/// A place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// From the top: `$.messages[0].content`.
    pub path: String,
    /// The value in the first; `None` where it has none.
    pub old: Option<Value>,
    /// The value in the second; `None` where it has none.
    pub new: Option<Value>,
}

impl Difference {
    /// Whether both values are lists of the same elements in another order.
    pub fn is_order(&self) -> bool {
        match (&self.old, &self.new) {
            (Some(Value::Array(old)), Some(Value::Array(new))) => is_reordered(old, new),
            _ => false,
        }
    }
}

/// Where two requests differ, by the canonical texts of their keys as JSON. A place in a body is a JSONPath, in a form
/// a part (`part "file": filename`), in a header that counts its name (`header anthropic-beta`). Methods and paths are
/// not compared.
pub fn request_differences(old: &Value, new: &Value) -> Vec<Difference> {
    let is_form = |whole: &Value| whole.get("form").is_some();
    let (old_body, new_body) = (&old["body"], &new["body"]);
    let mut found = if is_form(old) && is_form(new) {
        part_differences(old_body, new_body)
    } else {
        differences(old_body, new_body)
    };
    each_of(&old["headers"], &new["headers"], |name, old, new| {
        found.push(Difference { path: format!("header {name}"), old: old.cloned(), new: new.cloned() });
    });
    found
}

/// Calls `differ` for each member that differs between two objects. Other values count as objects without members.
fn each_of(old: &Value, new: &Value, mut differ: impl FnMut(&str, Option<&Value>, Option<&Value>)) {
    for (name, value) in old.as_object().into_iter().flatten() {
        if new.get(name) != Some(value) {
            differ(name, Some(value), new.get(name));
        }
    }
    for (name, value) in new.as_object().into_iter().flatten().filter(|(name, _)| old.get(name).is_none()) {
        differ(name, None, Some(value));
    }
}

/// Where two forms differ: which parts, and what in them.
fn part_differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    each_of(old, new, |name, old, new| {
        let (old, new) = (listed(old), listed(new));
        for at in 0..old.len().max(new.len()) {
            let number = if old.len().max(new.len()) > 1 { format!(" {}", at + 1) } else { String::new() };
            let part = format!("part {}{number}", Value::from(name));
            part_difference(&part, old.get(at), new.get(at), &mut found);
        }
    });
    found
}

/// All parts that have one name.
fn listed(parts: Option<&Value>) -> &[Value] {
    match parts {
        None => &[],
        Some(Value::Array(parts)) => parts,
        Some(part) => std::slice::from_ref(part),
    }
}

fn part_difference(part: &str, old: Option<&Value>, new: Option<&Value>, out: &mut Vec<Difference>) {
    let (Some(a), Some(b)) = (old, new) else {
        let content = |part: Option<&Value>| part.map(|part| shown_content(&part["content"]));
        out.push(Difference { path: part.to_owned(), old: content(old), new: content(new) });
        return;
    };
    each_of(a, b, |name, old, new| {
        let what = match name {
            "content" => "content differs",
            "content-type" => "content type",
            other => other,
        };
        out.push(Difference {
            path: format!("{part}: {what}"),
            old: old.map(shown_content),
            new: new.map(shown_content),
        });
    });
}

/// The content of a part for people: binary content as its size and the beginning of its hash.
fn shown_content(content: &Value) -> Value {
    match (content.get("bytes"), content.get("sha256").and_then(Value::as_str)) {
        (Some(bytes), Some(hash)) => format!("{bytes} bytes, SHA-256 {}…", hash.get(..12).unwrap_or(hash)).into(),
        _ => content.clone(),
    }
}

/// The leaves that differ, and those that only one value has. Lists of the same elements in another order are one leaf.
pub fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    differ("$", Some(old), Some(new), &mut found);
    found
}

fn differ(path: &str, old: Option<&Value>, new: Option<&Value>, out: &mut Vec<Difference>) {
    match (old, new) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for (name, value) in a {
                differ(&member(path, name), Some(value), b.get(name), out);
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                differ(&member(path, name), None, Some(value), out);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if !is_reordered(a, b) => {
            for at in 0..a.len().max(b.len()) {
                differ(&format!("{path}[{at}]"), a.get(at), b.get(at), out);
            }
        }
        (a, b) if a == b => {}
        (a, b) => out.push(Difference { path: path.to_owned(), old: a.cloned(), new: b.cloned() }),
    }
}

/// Whether two lists have the same elements in another order.
fn is_reordered(a: &[Value], b: &[Value]) -> bool {
    let Some(first) = a.iter().zip(b).position(|(a, b)| a != b) else { return false };
    // Most lists that differ have an element that the other lacks: this finds it without printing any element.
    if a.len() != b.len() || !b[first..].contains(&a[first]) {
        return false;
    }
    let sorted = |items: &[Value]| {
        let mut texts: Vec<String> = items.iter().map(sorted_text).collect();
        texts.sort_unstable();
        texts
    };
    sorted(&a[first..]) == sorted(&b[first..])
}

/// JSON text that does not depend on the order of members.
fn sorted_text(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), sorted_text(value)))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(sorted_text).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// The JSONPath of a member.
pub(super) fn member(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && !name.starts_with(|ch: char| ch.is_ascii_digit())
        && name.chars().all(|ch| ch.is_alphanumeric() || ch == '_');
    if plain { format!("{path}.{name}") } else { format!("{path}[{}]", Value::from(name)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_leaves_with_their_paths() {
        let old = json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "a b": 1, "old": 1});
        let new = json!({"model": "m", "messages": [{"role": "user", "content": "b"}, {}], "a b": 2});
        let paths: Vec<String> = differences(&old, &new).into_iter().map(|difference| difference.path).collect();
        assert_eq!(paths, ["$.messages[0].content", "$.messages[1]", "$[\"a b\"]", "$.old"]);
    }

    #[test]
    fn a_list_in_another_order_is_one_difference() {
        let of = |old: Value, new: Value| {
            let all = differences(&json!({"a": old}), &json!({"a": new}));
            all.iter().map(|difference| (difference.path.clone(), difference.is_order())).collect::<Vec<_>>()
        };
        let path = |path: &str, is_order| (path.to_owned(), is_order);
        assert_eq!(of(json!([1, 2, 3]), json!([1, 3, 2])), [path("$.a", true)]);
        assert_eq!(of(json!([{"x": 1, "y": 2}, 0]), json!([0, {"y": 2, "x": 1}])), [path("$.a", true)]);
        assert_eq!(of(json!([1, 1, 2]), json!([1, 2, 2])), [path("$.a[1]", false)]);
        assert_eq!(of(json!([1, 2]), json!([2])), [path("$.a[0]", false), path("$.a[1]", false)]);
        assert_eq!(of(json!([[1, 2], 0]), json!([[2, 1], 0])), [path("$.a[0]", true)]);
    }

    #[test]
    fn forms_differ_by_what_of_which_part() {
        let whole = |body: Value| json!({"body": body, "form": true});
        let bytes = |count: u32, hash: &str| json!({"bytes": count, "sha256": format!("{hash}{}", "0".repeat(60))});
        let old = json!({"file": {"filename": "a.wav", "content": bytes(2, "aaaa")}, "tag": [{"content": "x"}, {"content": "y"}], "old": {"content": "z"}});
        let new = json!({"file": {"filename": "b.wav", "content": bytes(3, "bbbb"), "content-type": "audio/wav"}, "tag": [{"content": "x"}, {"content": "z"}]});
        let said: Vec<String> = request_differences(&whole(old), &whole(new))
            .iter()
            .map(|difference| {
                let shown = |value: &Option<Value>| value.as_ref().map_or("(absent)".to_owned(), Value::to_string);
                format!("{}: {} then {}", difference.path, shown(&difference.old), shown(&difference.new))
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        part "file": filename: "a.wav" then "b.wav"
        part "file": content differs: "2 bytes, SHA-256 aaaa00000000…" then "3 bytes, SHA-256 bbbb00000000…"
        part "file": content type: (absent) then "audio/wav"
        part "tag" 2: content differs: "y" then "z"
        part "old": "z" then (absent)
        "#);
    }

    #[test]
    fn a_header_that_counts_is_named() {
        let whole = |headers: Value| json!({"body": {}, "headers": headers});
        let found =
            request_differences(&whole(json!({"a": "1", "b": "1"})), &whole(json!({"a": "2", "b": "1", "c": "3"})));
        let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(paths, ["header a", "header c"]);
    }
}
