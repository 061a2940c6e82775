//! The YAML crate's errors in a user's words.

use super::{Error, Place, Source, place};
use crate::spelling::nearest;

const MIND: &str = "mind brackets, quotes and indentation on this line and above it";

/// The description of an error: how many characters to underline, the reason, and the way out.
type Words = (usize, String, Option<String>);

/// Turns an error of the crate into one with a place.
pub(super) fn explain(source: &Source, error: &serde_yaml::Error) -> Error {
    let error = error.without_snippet();
    let place = error.location().map_or_else(Place::default, place);
    let (width, reason, help) = words(error);
    let error = Error::at(source, place, width, reason);
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

fn words(error: &serde_yaml::Error) -> Words {
    use serde_yaml::Error as E;
    let plain = |reason: &str, help: &str| (1, reason.to_owned(), Some(help.to_owned()));
    match error {
        E::SerdeUnknownField { field, expected, .. } | E::SerdeUnknownVariant { variant: field, expected, .. } => {
            let help = match nearest(field, expected.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? The keys here are: {}", expected.join(", ")),
                None => format!("the keys here are: {}", expected.join(", ")),
            };
            (field.chars().count(), format!("unknown key `{field}`"), Some(help))
        }
        E::SerdeMissingField { field, .. } => {
            (1, format!("`{field}` is missing here"), Some(format!("add `{field}: …` to this mapping")))
        }
        E::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("this key");
            (key.chars().count(), format!("`{key}` stands here twice"), Some("keep one of the two".to_owned()))
        }
        E::SerdeInvalidType { unexpected, expected, .. } | E::SerdeInvalidValue { unexpected, expected, .. } => {
            let help = format!("write {expected}, or leave the key out");
            (1, format!("{unexpected} stands where {expected} is expected"), Some(help))
        }
        E::Unexpected { expected, .. } => match *expected {
            "sequence start" => plain("this is not a list", "write `[…]`, or lines that begin with `- `"),
            "mapping start" => plain("this is not a mapping", "write `{key: value}`, or lines of `key: value`"),
            other => (1, format!("this is not {other}"), Some(MIND.to_owned())),
        },
        E::NullIntoString { .. } => {
            plain("nothing stands here where a text is expected", "write the text, or leave the key out")
        }
        E::InvalidBooleanStrict { .. } => plain("this is not a boolean", "write `true` or `false`"),
        E::Eof { .. } => plain("the file ends too early, or is empty", "write what is missing at its end"),
        E::MultipleDocuments { .. } => {
            plain("a second document begins here", "a file holds one: take the line `---` away, or make it two files")
        }
        E::UnknownAnchor { .. } => {
            plain("this alias has no anchor", "put `&name` before the value that is meant, above this line")
        }
        E::InvalidScalar { ty, .. } => match ty.as_bytes().first() {
            Some(b'u') => plain("this is not a whole number from 0 on", "write one, such as `3`"),
            Some(b'i') => plain("this is not a whole number", "write one, such as `3`"),
            Some(b'f') => plain("this is not a number", "write one, such as `0.5`"),
            _ => (1, format!("this is no {ty}"), Some(MIND.to_owned())),
        },
        other => (1, one_line(other), Some(MIND.to_owned())),
    }
}

/// The first line of the crate's message, without the place before or after it.
fn one_line(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.split(": line ").next().unwrap_or(line).trim_start_matches("error: ").to_owned()
}
