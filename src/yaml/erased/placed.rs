//! A value with its place. The crate's own type for that, [`serde_yaml::Spanned`], is compiled once, for a value that
//! stands for all others: [`Carried`], for which the seed of the real one is carried along.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::ErasedSeed;
use super::from_crate::Planted;
use crate::yaml::{Place, place};

/// Reads a value, and returns its place.
pub(super) fn read_placed<'de, D: Deserializer<'de>>(
    deserializer: D,
    seed: &mut dyn ErasedSeed<'de>,
) -> Result<Place, D::Error> {
    let found = serde_yaml::Spanned::<Carried>::deserialize(Carrying { inner: deserializer, seed })?;
    Ok(place(found.referenced))
}

/// Stands for the value that the carried seed reads.
struct Carried;

/// The name under which it asks for the seed.
const CARRIED: &str = "retake::Carried";

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

/// A deserializer, visitor, mapping or seed on the way to [`Carried`].
struct Carrying<'de, 'x, T> {
    inner: T,
    seed: &'x mut dyn ErasedSeed<'de>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Carrying<'de, '_, D> {
    type Error = D::Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        if name == CARRIED {
            Planted(self.seed).deserialize(self.inner)?;
            return visitor.visit_unit();
        }
        self.inner.deserialize_newtype_struct(name, Carrying { inner: visitor, seed: self.seed })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Carrying { inner: visitor, seed: self.seed })
    }

    // What stands beside the value: its places, and a mark.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Carrying<'de, '_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Carrying { inner: deserializer, seed: self.seed })
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Carrying { inner: map, seed: self.seed })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Carrying<'de, '_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(seed)
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Carrying { inner: seed, seed: &mut *self.seed })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Carrying<'de, '_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Carrying { inner: deserializer, seed: self.seed })
    }
}
