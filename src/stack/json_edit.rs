//! Edits JSON texts in place: everything else keeps its bytes, numbers and order.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, in order, each value as its original text.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads an object; `Err` when `text` is anything else.
    pub(super) fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The value of `name`; the last one if it is there twice, as in JSON parsers.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// The value of `name`, read as `T`; `None` if it is absent or of another type.
    pub(super) fn read<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// The names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whether `name` is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() != "null")
    }

    /// The object as text again, without members for which `keep` is false, and with the values that `replace` returns.
    pub(super) fn rebuild(&self, keep: impl Fn(&str) -> bool, replace: impl Fn(&str) -> Option<String>) -> String {
        let mut out = String::from("{");
        for (index, (name, _)) in self.0.iter().enumerate() {
            let repeated = self.0[..index].iter().any(|(earlier, _)| earlier == name);
            // A duplicate member counts once, with its last value: two parsers must not read two different requests.
            let Some(value) = self.get(name).filter(|_| !repeated && keep(name)) else { continue };
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&quote(name));
            out.push(':');
            out.push_str(&replace(name).unwrap_or_else(|| value.get().to_owned()));
        }
        out.push('}');
        out
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object).map(Members)
    }
}

/// Changes to one text, applied together.
pub(super) struct Edits<'a> {
    text: &'a str,
    changes: Vec<(Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Edits { text, changes: Vec::new() }
    }

    /// Replaces a value that was read from this text. A value from elsewhere changes nothing.
    pub(super) fn replace(&mut self, value: &RawValue, with: String) {
        let piece = value.get();
        let start = (piece.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let Some(range) = start.map(|start| start..start + piece.len()) else { return };
        if self.text.get(range.clone()) == Some(piece) {
            self.changes.push((range, with));
        }
    }

    /// Sets a member of the object that is the whole text.
    pub(super) fn set(&mut self, members: &Members<'_>, name: &str, value: String) {
        if let Some(present) = members.get(name) {
            return self.replace(present, value);
        }
        let end = self.text.trim_end().len().saturating_sub(1);
        let first = members.0.is_empty() && !self.changes.iter().any(|(range, _)| *range == (end..end));
        let comma = if first { "" } else { "," };
        self.changes.push((end..end, format!("{comma}{}:{value}", quote(name))));
    }

    /// The changed text, or `None` if there is no change.
    pub(super) fn apply(self) -> Option<String> {
        let text = self.text;
        self.apply_to(text)
    }

    /// Applies the changes to another text in which every value stands at the same place.
    pub(super) fn apply_to(mut self, text: &str) -> Option<String> {
        if self.changes.is_empty() || text.len() != self.text.len() {
            return None;
        }
        self.changes.sort_by_key(|(range, _)| range.start);
        let mut out = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for (range, with) in &self.changes {
            out.push_str(text.get(at..range.start)?);
            out.push_str(with);
            at = range.end;
        }
        out.push_str(text.get(at..)?);
        Some(out)
    }
}

/// A string as JSON.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" { "b" : 1E5, "model":"x\n", "a": [1.0, 18168036348581554000] } "#;

    #[test]
    fn what_is_not_named_keeps_its_bytes() {
        let members = Members::parse(TEXT).unwrap();
        let mut edits = Edits::new(TEXT);
        edits.replace(members.get("model").unwrap(), quote("p/\"y\""));
        edits.set(&members, "usage", "{}".into());
        insta::assert_snapshot!(edits.apply().unwrap().trim(), @r#"{ "b" : 1E5, "model":"p/\"y\"", "a": [1.0, 18168036348581554000] ,"usage":{}}"#);
    }

    #[test]
    fn a_rebuilt_object_drops_and_replaces_and_keeps_order() {
        let members = Members::parse(TEXT).unwrap();
        let text = members.rebuild(|name| name != "b", |name| (name == "model").then(|| quote("m")));
        assert_eq!(text, r#"{"model":"m","a":[1.0, 18168036348581554000]}"#);
    }

    #[test]
    fn a_member_said_twice_is_sent_once() {
        let members = Members::parse(r#"{"model":"a","n":1,"model":"b"}"#).unwrap();
        assert_eq!(members.rebuild(|_| true, |_| None), r#"{"model":"b","n":1}"#);
    }

    #[test]
    fn no_change_is_none_and_an_empty_object_takes_members() {
        assert_eq!(Edits::new(TEXT).apply(), None);
        let members = Members::parse("{}").unwrap();
        let mut edits = Edits::new("{}");
        edits.set(&members, "a", "1".into());
        edits.set(&members, "b", "2".into());
        assert_eq!(edits.apply().unwrap(), r#"{"a":1,"b":2}"#);
    }

    #[test]
    fn a_value_of_another_text_changes_nothing() {
        let other = Members::parse(r#"{"model":"z"}"#).unwrap();
        let mut edits = Edits::new(TEXT);
        edits.replace(other.get("model").unwrap(), "0".into());
        assert_eq!(edits.apply(), None);
    }
}
