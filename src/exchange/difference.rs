//! Where two JSON values differ.

use serde_json::Value;

/// A place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// From the top: `$.messages[0].content`.
    pub path: String,
    /// What stands there in the one; `None` where nothing does.
    pub old: Option<Value>,
    /// What stands there in the other.
    pub new: Option<Value>,
}

/// The leaves that differ, and what only one of the two has.
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
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for at in 0..a.len().max(b.len()) {
                differ(&format!("{path}[{at}]"), a.get(at), b.get(at), out);
            }
        }
        (a, b) if a == b => {}
        (a, b) => out.push(Difference { path: path.to_owned(), old: a.cloned(), new: b.cloned() }),
    }
}

fn member(path: &str, name: &str) -> String {
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
}
