//! Errors on their way from a type to the YAML crate.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// What went wrong while a type was read.
#[derive(Debug)]
pub(super) enum Error {
    /// The crate has reported it: its error is kept by whoever called the crate.
    Reported,
    Custom(String),
    InvalidType {
        unexpected: String,
        expected: String,
    },
    InvalidValue {
        unexpected: String,
        expected: String,
    },
    InvalidLength {
        length: usize,
        expected: String,
    },
    UnknownVariant {
        name: String,
        expected: &'static [&'static str],
    },
    UnknownField {
        name: String,
        expected: &'static [&'static str],
    },
    MissingField(&'static str),
    DuplicateField(&'static str),
}

impl Error {
    /// The error of a value that was read never, or twice: serde reads each once.
    pub(super) fn unread() -> Self {
        Error::Custom("a value was not read once".to_owned())
    }

    /// The same error as the crate's. `reported` is what the crate has reported here.
    pub(super) fn of<E: serde::de::Error>(self, reported: Option<E>) -> E {
        match self {
            Error::Reported => reported.unwrap_or_else(|| E::custom("an error was lost")),
            Error::Custom(text) => E::custom(text),
            Error::InvalidType { unexpected, expected } => {
                E::invalid_type(Unexpected::Other(&unexpected), &expected.as_str())
            }
            Error::InvalidValue { unexpected, expected } => {
                E::invalid_value(Unexpected::Other(&unexpected), &expected.as_str())
            }
            Error::InvalidLength { length, expected } => E::invalid_length(length, &expected.as_str()),
            Error::UnknownVariant { name, expected } => E::unknown_variant(&name, expected),
            Error::UnknownField { name, expected } => E::unknown_field(&name, expected),
            Error::MissingField(name) => E::missing_field(name),
            Error::DuplicateField(name) => E::duplicate_field(name),
        }
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Error::Custom(text.to_string())
    }
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::InvalidType { unexpected: unexpected.to_string(), expected: expected.to_string() }
    }
    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::InvalidValue { unexpected: unexpected.to_string(), expected: expected.to_string() }
    }
    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Error::InvalidLength { length, expected: expected.to_string() }
    }
    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Error::UnknownVariant { name: name.to_owned(), expected }
    }
    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Error::UnknownField { name: name.to_owned(), expected }
    }
    fn missing_field(name: &'static str) -> Self {
        Error::MissingField(name)
    }
    fn duplicate_field(name: &'static str) -> Self {
        Error::DuplicateField(name)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Error {}
