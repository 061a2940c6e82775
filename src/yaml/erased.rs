//! One deserializer for the types of all files. serde compiles what reads a type once for each deserializer that it is
//! read with, and the YAML crate's is large. So the types are read with `to_types`, which asks the crate through trait
//! objects, and the crate meets one visitor and one seed: those of `from_crate`.
//!
//! Errors go through unchanged. What the crate reports stays on its side, where its type is known, until it is returned
//! there; what a type reports is kept in its parts (`error`), so that the crate can add the place.

use std::fmt;

use serde::de::DeserializeSeed;

mod error;
mod from_crate;
mod placed;
mod to_types;

use super::Place;
use error::Error;
use from_crate::Planted;
use to_types::Kept;

/// Reads a whole text with a seed.
pub(super) fn from_text<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    options: serde_yaml::Options,
    seed: S,
) -> Result<S::Value, serde_yaml::Error> {
    let mut kept = Kept::new(seed);
    read(text, options, &mut kept)?;
    kept.value()
}

fn read<'de>(
    text: &'de str,
    options: serde_yaml::Options,
    seed: &mut dyn ErasedSeed<'de>,
) -> Result<(), serde_yaml::Error> {
    serde_yaml::with_deserializer_from_str_with_options(text, options, |deserializer| {
        Planted(seed).deserialize(deserializer)
    })
}

/// What a type asks for.
#[derive(Clone, Copy)]
enum Question {
    Any,
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Char,
    Str,
    String,
    Bytes,
    Option,
    Unit,
    UnitStruct(&'static str),
    Newtype(&'static str),
    Seq,
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Map,
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    Identifier,
    IgnoredAny,
}

/// What there is. A small number comes as the largest of its kind: serde's visitors take it for that anyway.
enum Answer<'de, 'x> {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Str(&'x str),
    BorrowedStr(&'de str),
    String(String),
    None,
    Some(&'x mut dyn ErasedDeserializer<'de>),
    Unit,
    Newtype(&'x mut dyn ErasedDeserializer<'de>),
    Seq(&'x mut dyn ErasedSeq<'de>),
    Map(&'x mut dyn ErasedMap<'de>),
    Enum(&'x mut dyn ErasedEnum<'de>),
}

/// A deserializer of the crate's: good for one question.
trait ErasedDeserializer<'de> {
    fn answer(&mut self, question: Question, visitor: &mut dyn ErasedVisitor<'de>) -> Result<(), Error>;
    /// Reads the value, and returns its place.
    fn read_placed(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<Place, Error>;
}

/// A visitor of a type's: good for one answer, of which it keeps what it makes.
trait ErasedVisitor<'de> {
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn visit(&mut self, answer: Answer<'de, '_>) -> Result<(), Error>;
}

/// A type's seed: good for one value, which it keeps.
trait ErasedSeed<'de> {
    fn read(&mut self, deserializer: &mut dyn ErasedDeserializer<'de>) -> Result<(), Error>;
}

/// The items of a list.
trait ErasedSeq<'de> {
    /// Reads the next item; false after the last one.
    fn read_item(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<bool, Error>;
}

/// The keys and values of a mapping, by turns.
trait ErasedMap<'de> {
    /// Reads the next key; false after the last one.
    fn read_key(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<bool, Error>;
    /// Reads the value of that key.
    fn read_value(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<(), Error>;
}

/// A variant without members: the files have no other.
trait ErasedEnum<'de> {
    /// Reads its name.
    fn read_variant(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<(), Error>;
}

#[cfg(test)]
mod tests;
