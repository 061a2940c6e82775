//! serde's traits for the types, over the trait objects.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::error::Error;
use super::{Answer, ErasedDeserializer, ErasedEnum, ErasedMap, ErasedSeed, ErasedSeq, ErasedVisitor, Question};
use crate::yaml::{Place, Spanned, place};

/// The name under which [`Spanned`] asks for a value with its place: a list of value, line and column.
const SPANNED: &str = "retake::Spanned";

/// The name under which [`Carried`] asks for the seed that its deserializer carries.
const CARRIED: &str = "retake::Carried";

/// A seed that a deserializer carries to the [`Carried`] inside, if it carries one.
type Carry<'de, 'x> = Option<&'x mut dyn ErasedSeed<'de>>;

fn lend<'de, 'x>(carried: &'x mut Carry<'de, '_>) -> Carry<'de, 'x> {
    match carried {
        Some(seed) => Some(&mut **seed),
        None => None,
    }
}

/// The deserializer of all types.
struct Erased<'de, 'x> {
    inner: &'x mut dyn ErasedDeserializer<'de>,
    carried: Carry<'de, 'x>,
}

impl<'de> Erased<'de, '_> {
    fn ask<V: Visitor<'de>>(self, question: Question, visitor: V) -> Result<V::Value, Error> {
        let mut slot = Slot { visitor: Some(visitor), value: None, carried: self.carried };
        self.inner.answer(question, &mut slot)?;
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
        match (name, self.carried) {
            (SPANNED, _) => visitor.visit_seq(Placed { inner: self.inner, place: Place::default(), given: 0 }),
            (CARRIED, Some(seed)) => {
                seed.read(self.inner)?;
                visitor.visit_unit()
            }
            (_, carried) => Erased { inner: self.inner, carried }.ask(Question::Newtype(name), visitor),
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
struct Slot<'de, 'x, V: Visitor<'de>> {
    visitor: Option<V>,
    value: Option<V::Value>,
    carried: Carry<'de, 'x>,
}

impl<'de, V: Visitor<'de>> ErasedVisitor<'de> for Slot<'de, '_, V> {
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.expecting(f))
    }

    fn visit(&mut self, answer: Answer<'de, '_>) -> Result<(), Error> {
        let visitor = self.visitor.take().ok_or_else(Error::unread)?;
        let carried = lend(&mut self.carried);
        let made = match answer {
            Answer::Bool(value) => visitor.visit_bool(value),
            Answer::I64(value) => visitor.visit_i64(value),
            Answer::U64(value) => visitor.visit_u64(value),
            Answer::F64(value) => visitor.visit_f64(value),
            Answer::Str(value) => visitor.visit_str(value),
            Answer::BorrowedStr(value) => visitor.visit_borrowed_str(value),
            Answer::String(value) => visitor.visit_string(value),
            Answer::None => visitor.visit_none(),
            Answer::Some(inner) => visitor.visit_some(Erased { inner, carried }),
            Answer::Unit => visitor.visit_unit(),
            Answer::Newtype(inner) => visitor.visit_newtype_struct(Erased { inner, carried }),
            Answer::Seq(inner) => visitor.visit_seq(Seq { inner, carried }),
            Answer::Map(inner) => visitor.visit_map(Map { inner, carried }),
            Answer::Enum(inner) => visitor.visit_enum(Enum { inner, carried }),
        };
        self.value = Some(made?);
        Ok(())
    }
}

/// A seed, and later what it has read.
pub(super) struct Kept<'de, 'x, S: DeserializeSeed<'de>> {
    seed: Option<S>,
    value: Option<S::Value>,
    carried: Carry<'de, 'x>,
}

impl<'de, 'x, S: DeserializeSeed<'de>> Kept<'de, 'x, S> {
    pub(super) fn new(seed: S) -> Self {
        Kept::carrying(seed, None)
    }

    fn carrying(seed: S, carried: Carry<'de, 'x>) -> Self {
        Kept { seed: Some(seed), value: None, carried }
    }

    /// What was read.
    pub(super) fn value<E: serde::de::Error>(self) -> Result<S::Value, E> {
        self.value.ok_or_else(|| Error::unread().of(None))
    }
}

impl<'de, S: DeserializeSeed<'de>> ErasedSeed<'de> for Kept<'de, '_, S> {
    fn read(&mut self, inner: &mut dyn ErasedDeserializer<'de>) -> Result<(), Error> {
        let seed = self.seed.take().ok_or_else(Error::unread)?;
        self.value = Some(seed.deserialize(Erased { inner, carried: lend(&mut self.carried) })?);
        Ok(())
    }
}

struct Seq<'de, 'x> {
    inner: &'x mut dyn ErasedSeq<'de>,
    carried: Carry<'de, 'x>,
}

impl<'de> SeqAccess<'de> for Seq<'de, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let mut kept = Kept::carrying(seed, lend(&mut self.carried));
        self.inner.read_item(&mut kept)?.then(|| kept.value()).transpose()
    }
}

struct Map<'de, 'x> {
    inner: &'x mut dyn ErasedMap<'de>,
    carried: Carry<'de, 'x>,
}

impl<'de> MapAccess<'de> for Map<'de, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let mut kept = Kept::carrying(seed, lend(&mut self.carried));
        self.inner.read_key(&mut kept)?.then(|| kept.value()).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let mut kept = Kept::carrying(seed, lend(&mut self.carried));
        self.inner.read_value(&mut kept)?;
        kept.value()
    }
}

struct Enum<'de, 'x> {
    inner: &'x mut dyn ErasedEnum<'de>,
    carried: Carry<'de, 'x>,
}

impl<'de> EnumAccess<'de> for Enum<'de, '_> {
    type Error = Error;
    type Variant = Bare;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<(S::Value, Bare), Error> {
        let mut kept = Kept::carrying(seed, lend(&mut self.carried));
        self.inner.read_variant(&mut kept)?;
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
                self.place = read_placed(&mut *self.inner, &mut kept)?;
                kept.value().map(Some)
            }
            2 => seed.deserialize(self.place.line.into_deserializer()).map(Some),
            3 => seed.deserialize(self.place.column.into_deserializer()).map(Some),
            _ => Ok(None),
        }
    }
}

/// Reads a value, and returns its place. The crate's own type finds it: compiled once, for a value that stands for all.
fn read_placed<'de>(inner: &mut dyn ErasedDeserializer<'de>, seed: &mut dyn ErasedSeed<'de>) -> Result<Place, Error> {
    let found = serde_yaml::Spanned::<Carried>::deserialize(Erased { inner, carried: Some(seed) })?;
    Ok(place(found.referenced))
}

/// Stands for the value that the carried seed reads.
struct Carried;

impl<'de> Deserialize<'de> for Carried {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CarriedVisitor;
        impl Visitor<'_> for CarriedVisitor {
            type Value = Carried;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a seed to read with")
            }
            fn visit_unit<E>(self) -> Result<Carried, E> {
                Ok(Carried)
            }
        }
        deserializer.deserialize_newtype_struct(CARRIED, CarriedVisitor)
    }
}
