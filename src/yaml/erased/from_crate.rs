//! The YAML crate's deserializers behind trait objects. What is compiled for the crate is compiled for what stands here.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as DeError, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::error::Error;
use super::placed::read_placed;
use super::{Answer, ErasedDeserializer, ErasedEnum, ErasedMap, ErasedSeed, ErasedSeq, ErasedVisitor, Question};
use crate::yaml::Place;

/// Something of the crate's, and the error it has reported.
struct Source<T, E> {
    inner: T,
    reported: Option<E>,
}

impl<T, E: DeError> Source<T, E> {
    fn new(inner: T) -> Self {
        Source { inner, reported: None }
    }

    /// Keeps an error of the crate's here, since the types know no type of it.
    fn keep<R>(&mut self, result: Result<R, E>) -> Result<R, Error> {
        result.map_err(|error| {
            self.reported = Some(error);
            Error::Reported
        })
    }

    /// Gives the crate its own error back, or the type's.
    fn give<R>(&mut self, result: Result<R, Error>) -> Result<R, E> {
        result.map_err(|error| error.of(self.reported.take()))
    }
}

impl<'de, D: Deserializer<'de>> ErasedDeserializer<'de> for Source<Option<D>, D::Error> {
    fn answer(&mut self, question: Question, visitor: &mut dyn ErasedVisitor<'de>) -> Result<(), Error> {
        let deserializer = self.inner.take().ok_or_else(Error::unread)?;
        let visitor = Passing(visitor);
        let answered = match question {
            Question::Any => deserializer.deserialize_any(visitor),
            Question::Bool => deserializer.deserialize_bool(visitor),
            Question::I8 => deserializer.deserialize_i8(visitor),
            Question::I16 => deserializer.deserialize_i16(visitor),
            Question::I32 => deserializer.deserialize_i32(visitor),
            Question::I64 => deserializer.deserialize_i64(visitor),
            Question::U8 => deserializer.deserialize_u8(visitor),
            Question::U16 => deserializer.deserialize_u16(visitor),
            Question::U32 => deserializer.deserialize_u32(visitor),
            Question::U64 => deserializer.deserialize_u64(visitor),
            Question::F32 => deserializer.deserialize_f32(visitor),
            Question::F64 => deserializer.deserialize_f64(visitor),
            Question::Char => deserializer.deserialize_char(visitor),
            Question::Str => deserializer.deserialize_str(visitor),
            Question::String => deserializer.deserialize_string(visitor),
            Question::Bytes => deserializer.deserialize_bytes(visitor),
            Question::Option => deserializer.deserialize_option(visitor),
            Question::Unit => deserializer.deserialize_unit(visitor),
            Question::UnitStruct(name) => deserializer.deserialize_unit_struct(name, visitor),
            Question::Newtype(name) => deserializer.deserialize_newtype_struct(name, visitor),
            Question::Seq => deserializer.deserialize_seq(visitor),
            Question::Tuple(length) => deserializer.deserialize_tuple(length, visitor),
            Question::TupleStruct(name, length) => deserializer.deserialize_tuple_struct(name, length, visitor),
            Question::Map => deserializer.deserialize_map(visitor),
            Question::Struct(name, fields) => deserializer.deserialize_struct(name, fields, visitor),
            Question::Enum(name, variants) => deserializer.deserialize_enum(name, variants, visitor),
            Question::Identifier => deserializer.deserialize_identifier(visitor),
            Question::IgnoredAny => deserializer.deserialize_ignored_any(visitor),
        };
        self.keep(answered)
    }

    fn read_placed(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<Place, Error> {
        let deserializer = self.inner.take().ok_or_else(Error::unread)?;
        let read = read_placed(deserializer, seed);
        self.keep(read)
    }
}

impl<'de, A: SeqAccess<'de>> ErasedSeq<'de> for Source<A, A::Error> {
    fn read_item(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<bool, Error> {
        let read = self.inner.next_element_seed(Planted(seed));
        Ok(self.keep(read)?.is_some())
    }
}

impl<'de, A: MapAccess<'de>> ErasedMap<'de> for Source<A, A::Error> {
    fn read_key(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<bool, Error> {
        let read = self.inner.next_key_seed(Planted(seed));
        Ok(self.keep(read)?.is_some())
    }
    fn read_value(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<(), Error> {
        let read = self.inner.next_value_seed(Planted(seed));
        self.keep(read)
    }
}

impl<'de, A: EnumAccess<'de>> ErasedEnum<'de> for Source<Option<A>, A::Error> {
    fn read_variant(&mut self, seed: &mut dyn ErasedSeed<'de>) -> Result<(), Error> {
        let access = self.inner.take().ok_or_else(Error::unread)?;
        let read = access.variant_seed(Planted(seed)).and_then(|((), variant)| variant.unit_variant());
        self.keep(read)
    }
}

/// The one seed that the crate meets.
pub(super) struct Planted<'de, 'x>(pub(super) &'x mut dyn ErasedSeed<'de>);

impl<'de> DeserializeSeed<'de> for Planted<'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut source = Source::new(Some(deserializer));
        let read = self.0.read(&mut source);
        source.give(read)
    }
}

/// The one visitor that the crate meets.
struct Passing<'de, 'x>(&'x mut dyn ErasedVisitor<'de>);

impl<'de> Passing<'de, '_> {
    fn pass<E: DeError>(self, answer: Answer<'de, '_>) -> Result<(), E> {
        self.0.visit(answer).map_err(|error| error.of(None))
    }
}

impl<'de> Visitor<'de> for Passing<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
    fn visit_bool<E: DeError>(self, value: bool) -> Result<(), E> {
        self.pass(Answer::Bool(value))
    }
    fn visit_i64<E: DeError>(self, value: i64) -> Result<(), E> {
        self.pass(Answer::I64(value))
    }
    fn visit_u64<E: DeError>(self, value: u64) -> Result<(), E> {
        self.pass(Answer::U64(value))
    }
    fn visit_f64<E: DeError>(self, value: f64) -> Result<(), E> {
        self.pass(Answer::F64(value))
    }
    fn visit_str<E: DeError>(self, value: &str) -> Result<(), E> {
        self.pass(Answer::Str(value))
    }
    fn visit_borrowed_str<E: DeError>(self, value: &'de str) -> Result<(), E> {
        self.pass(Answer::BorrowedStr(value))
    }
    fn visit_string<E: DeError>(self, value: String) -> Result<(), E> {
        self.pass(Answer::String(value))
    }
    fn visit_none<E: DeError>(self) -> Result<(), E> {
        self.pass(Answer::None)
    }
    fn visit_unit<E: DeError>(self) -> Result<(), E> {
        self.pass(Answer::Unit)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut source = Source::new(Some(deserializer));
        let visited = self.0.visit(Answer::Some(&mut source));
        source.give(visited)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut source = Source::new(Some(deserializer));
        let visited = self.0.visit(Answer::Newtype(&mut source));
        source.give(visited)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let mut source = Source::new(access);
        let visited = self.0.visit(Answer::Seq(&mut source));
        source.give(visited)
    }
    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let mut source = Source::new(access);
        let visited = self.0.visit(Answer::Map(&mut source));
        source.give(visited)
    }
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let mut source = Source::new(Some(access));
        let visited = self.0.visit(Answer::Enum(&mut source));
        source.give(visited)
    }
}
