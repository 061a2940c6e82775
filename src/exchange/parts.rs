//! JSON text in parts. Each part is a slice of the whole text, so that an error can name its place.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::extra::Member;

/// Why a text is not a recording, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct FormatError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong, and what to do about it if that is not obvious.
    pub reason: String,
}

/// A whole text.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl<'a> Text<'a> {
    /// Parses a part of the text. Errors have their place in the whole text.
    pub(super) fn parse<T: Deserialize<'a>>(self, part: &'a str) -> Result<T, FormatError> {
        serde_json::from_str(part).map_err(|error| {
            let (line, column) = self.place(part);
            let (inner_line, inner_column) = (error.line().max(1), error.column().max(1));
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or_default().to_owned();
            FormatError {
                line: line + inner_line - 1,
                column: if inner_line == 1 { column + inner_column - 1 } else { inner_column },
                reason,
            }
        })
    }

    /// The members of a part that is a JSON object.
    pub(super) fn members(self, part: &'a str) -> Result<Members<'a>, FormatError> {
        let Entries(all) = self.parse(part)?;
        if let Some((name, value)) = twice(&all) {
            return Err(self.error(value, format!("the member `{name}` stands here twice: take one out")));
        }
        Ok(Members { whole: part, all })
    }

    pub(super) fn error(self, part: &str, reason: impl Into<String>) -> FormatError {
        let (line, column) = self.place(part);
        FormatError { line, column, reason: reason.into() }
    }

    /// Line and column of a slice of the text.
    fn place(self, part: &str) -> (usize, usize) {
        let offset = (part.as_ptr() as usize).saturating_sub(self.0.as_ptr() as usize);
        let before = self.0.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// The members of a JSON object: their names, and their values as text.
#[derive(Default)]
pub(super) struct Members<'a> {
    /// The object itself.
    pub(super) whole: &'a str,
    all: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Members<'a> {
    /// The value of a member; `None` if the member is missing or `null`.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.all.iter().find(|(member, _)| member == name).map(|(_, value)| *value);
        found.filter(|value| *value != "null")
    }

    /// Whether the object has this member, even if it is `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|member| member == name)
    }

    /// Names and values, in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.all.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(name, _)| name.as_ref())
    }

    /// The value of a required member, parsed.
    pub(super) fn need<T: Deserialize<'a>>(&self, text: Text<'a>, name: &str) -> Result<T, FormatError> {
        match self.get(name) {
            Some(value) => text.parse(value),
            None => Err(text.error(self.whole, format!("missing field `{name}`"))),
        }
    }

    /// The value of a member, or the default if it is missing.
    pub(super) fn or_default<T: Deserialize<'a> + Default>(
        &self,
        text: Text<'a>,
        name: &str,
    ) -> Result<T, FormatError> {
        self.get(name).map_or_else(|| Ok(T::default()), |value| text.parse(value))
    }

    /// The place of an error about a member: its value, or the whole object if the member is missing.
    pub(super) fn place(&self, name: &str) -> &'a str {
        self.all.iter().find(|(member, _)| member == name).map_or(self.whole, |(_, value)| value)
    }

    /// The first member whose name is not in `known`, with the place of its name, if the name stands in the text
    /// without escapes.
    pub(super) fn unknown(&self, known: &[&str]) -> Option<(&str, &str)> {
        let (name, value) = self.all.iter().find(|(name, _)| !known.contains(&name.as_ref()))?;
        let place = match name {
            Cow::Borrowed(name) => name,
            Cow::Owned(_) => value,
        };
        Some((name, place))
    }

    /// The members whose names are not in `known`, to be kept.
    pub(super) fn beside(&self, known: &[&str]) -> Vec<Member> {
        let others = self.all.iter().filter(|(name, _)| !known.contains(&name.as_ref()));
        others.map(|(name, value)| Member::new(name, value)).collect()
    }
}

/// The first member whose name occurred before.
fn twice<'m, 'a>(all: &'m [(Cow<'a, str>, &'a str)]) -> Option<&'m (Cow<'a, str>, &'a str)> {
    // Nearly every object has few members: comparing them is cheaper than a set.
    if all.len() <= 16 {
        let stood =
            |(at, (name, _)): &(usize, &(Cow<'_, str>, &str))| all[..*at].iter().any(|(known, _)| known == name);
        return all.iter().enumerate().find(stood).map(|(_, member)| member);
    }
    let mut names = BTreeSet::new();
    all.iter().find(|(name, _)| !names.insert(name.as_ref()))
}

struct Entries<'a>(Vec<(Cow<'a, str>, &'a str)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::with_capacity(8);
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    all.push((name, value.get()));
                }
                Ok(Entries(all))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
