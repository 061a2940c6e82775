//! serde's traits for the types, over the trait objects.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::error::Error;
use super::{Answer, ErasedDeserializer, ErasedEnum, ErasedMap, ErasedSeed, ErasedSeq, ErasedVisitor, Question};
use crate::yaml::{Place, Spanned};

/// The name under which [`Spanned`] asks for a value with its place: a list of value, line and column.
const SPANNED: &str = "retake::Spanned";

/// The deserializer of all types.
struct Erased<'de, 'x>(&'x mut dyn ErasedDeserializer<'de>);

impl<'de> Erased<'de, '_> {
    fn ask<V: Visitor<'de>>(self, question: Question, visitor: V) -> Result<V::Value, Error> {
        let mut slot = Slot { visitor: Some(visitor), value: None };
        self.0.answer(question, &mut slot)?;
        slot.value.ok_or_else(Error::unread)
    }
}

macro_rules! ask {
    ($($method:ident($($name:ident: $type:ty),*) => $question:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Error> {
            self.ask($question, visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Erased<'de, '_> {
    type Error = Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match name {
            SPANNED => visitor.visit_seq(Placed { inner: self.0, place: Place::default(), given: 0 }),
            _ => self.ask(Question::Newtype(name), visitor),
        }
    }

    ask! {
        deserialize_any() => Question::Any;
        deserialize_bool() => Question::Bool;
        deserialize_i8() => Question::I8;
        deserialize_i16() => Question::I16;
        deserialize_i32() => Question::I32;
        deserialize_i64() => Question::I64;
        deserialize_u8() => Question::U8;
        deserialize_u16() => Question::U16;
        deserialize_u32() => Question::U32;
        deserialize_u64() => Question::U64;
        deserialize_f32() => Question::F32;
        deserialize_f64() => Question::F64;
        deserialize_char() => Question::Char;
        deserialize_str() => Question::Str;
        deserialize_string() => Question::String;
        deserialize_bytes() => Question::Bytes;
        deserialize_byte_buf() => Question::Bytes;
        deserialize_option() => Question::Option;
        deserialize_unit() => Question::Unit;
        deserialize_unit_struct(name: &'static str) => Question::UnitStruct(name);
        deserialize_seq() => Question::Seq;
        deserialize_tuple(length: usize) => Question::Tuple(length);
        deserialize_tuple_struct(name: &'static str, length: usize) => Question::TupleStruct(name, length);
        deserialize_map() => Question::Map;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) => Question::Struct(name, fields);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) => Question::Enum(name, variants);
        deserialize_identifier() => Question::Identifier;
        deserialize_ignored_any() => Question::IgnoredAny;
    }
}

/// A visitor, and later what it has made.
struct Slot<'de, V: Visitor<'de>> {
    visitor: Option<V>,
    value: Option<V::Value>,
}

impl<'de, V: Visitor<'de>> ErasedVisitor<'de> for Slot<'de, V> {
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.expecting(f))
    }

    fn visit(&mut self, answer: Answer<'de, '_>) -> Result<(), Error> {
        let visitor = self.visitor.take().ok_or_else(Error::unread)?;
        let made = match answer {
            Answer::Bool(value) => visitor.visit_bool(value),
            Answer::I64(value) => visitor.visit_i64(value),
            Answer::U64(value) => visitor.visit_u64(value),
            Answer::F64(value) => visitor.visit_f64(value),
            Answer::Str(value) => visitor.visit_str(value),
            Answer::BorrowedStr(value) => visitor.visit_borrowed_str(value),
            Answer::String(value) => visitor.visit_string(value),
            Answer::None => visitor.visit_none(),
            Answer::Some(inner) => visitor.visit_some(Erased(inner)),
            Answer::Unit => visitor.visit_unit(),
            Answer::Newtype(inner) => visitor.visit_newtype_struct(Erased(inner)),
            Answer::Seq(inner) => visitor.visit_seq(Seq(inner)),
            Answer::Map(inner) => visitor.visit_map(Map(inner)),
            Answer::Enum(inner) => visitor.visit_enum(Enum(inner)),
        };
        self.value = Some(made?);
        Ok(())
    }
}

/// A seed, and later what it has read.
pub(super) struct Kept<'de, S: DeserializeSeed<'de>> {
    seed: Option<S>,
    value: Option<S::Value>,
}

impl<'de, S: DeserializeSeed<'de>> Kept<'de, S> {
    pub(super) fn new(seed: S) -> Self {
        Kept { seed: Some(seed), value: None }
    }

    /// What was read.
    pub(super) fn value<E: serde::de::Error>(self) -> Result<S::Value, E> {
        self.value.ok_or_else(|| Error::unread().of(None))
    }
}

impl<'de, S: DeserializeSeed<'de>> ErasedSeed<'de> for Kept<'de, S> {
    fn read(&mut self, deserializer: &mut dyn ErasedDeserializer<'de>) -> Result<(), Error> {
        let seed = self.seed.take().ok_or_else(Error::unread)?;
        self.value = Some(seed.deserialize(Erased(deserializer))?);
        Ok(())
    }
}

struct Seq<'de, 'x>(&'x mut dyn ErasedSeq<'de>);

impl<'de> SeqAccess<'de> for Seq<'de, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let mut kept = Kept::new(seed);
        self.0.read_item(&mut kept)?.then(|| kept.value()).transpose()
    }
}

struct Map<'de, 'x>(&'x mut dyn ErasedMap<'de>);

impl<'de> MapAccess<'de> for Map<'de, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let mut kept = Kept::new(seed);
        self.0.read_key(&mut kept)?.then(|| kept.value()).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let mut kept = Kept::new(seed);
        self.0.read_value(&mut kept)?;
        kept.value()
    }
}

struct Enum<'de, 'x>(&'x mut dyn ErasedEnum<'de>);

impl<'de> EnumAccess<'de> for Enum<'de, '_> {
    type Error = Error;
    type Variant = Bare;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Bare), Error> {
        let mut kept = Kept::new(seed);
        self.0.read_variant(&mut kept)?;
        Ok((kept.value()?, Bare))
    }
}

/// What a variant has beside its name: nothing.
struct Bare;

impl Bare {
    fn refused<T>() -> Result<T, Error> {
        Err(Error::custom("a variant with members cannot be read here"))
    }
}

impl<'de> VariantAccess<'de> for Bare {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Error> {
        Bare::refused()
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Bare::refused()
    }
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Bare::refused()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpannedVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
            type Value = Spanned<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                match (seq.next_element()?, seq.next_element()?, seq.next_element()?) {
                    (Some(value), Some(line), Some(column)) => Ok(Spanned { value, place: Place { line, column } }),
                    _ => Err(A::Error::custom("a value without its place")),
                }
            }
        }
        deserializer.deserialize_newtype_struct(SPANNED, SpannedVisitor(PhantomData))
    }
}

/// A value, its line and its column.
struct Placed<'de, 'x> {
    inner: &'x mut dyn ErasedDeserializer<'de>,
    place: Place,
    given: usize,
}

impl<'de> SeqAccess<'de> for Placed<'de, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.given += 1;
        match self.given {
            1 => {
                let mut kept = Kept::new(seed);
                self.place = self.inner.read_placed(&mut kept)?;
                kept.value().map(Some)
            }
            2 => seed.deserialize(self.place.line.into_deserializer()).map(Some),
            3 => seed.deserialize(self.place.column.into_deserializer()).map(Some),
            _ => Ok(None),
        }
    }
}
