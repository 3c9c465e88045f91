//! A deserializer that counts what it builds, so that a few bytes cannot become gigabytes.
//!
//! Text and bytes take as much memory as they took in the frame. Items of lists and entries of maps
//! do not: a nil is one byte and may stand for 32, an empty array for a struct of hundreds. Each is
//! counted with the size of its type, which the fields of a struct are part of. What a `BTreeMap`
//! or a growing list sets aside with its first item is counted too.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// The most memory that the items and entries of one body may take: a few times what the longest
/// body has in bytes, as lists of small structs are written in fewer bytes than they take.
pub const MAX_UNFOLDED: usize = 6 * crate::envelope::MAX_FRAME_LEN;

/// Places that a `BTreeMap` sets aside with its first entry.
const MAP_NODE: usize = 11;
/// Places that a `Vec` sets aside with its first item if it does not know how many will come, as
/// the lists of `serde_json::Value` do not.
const FIRST_PUSH: usize = 4;

/// The memory that is left, in bytes.
pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Cell::new(MAX_UNFOLDED))
    }

    #[inline]
    fn spend<E: Error>(&self, bytes: usize) -> Result<(), E> {
        self.0.set(self.0.get().checked_sub(bytes).ok_or_else(too_much)?);
        Ok(())
    }
}

#[cold]
fn too_much<E: Error>() -> E {
    E::custom(format_args!("what it says takes more than {MAX_UNFOLDED} bytes of memory"))
}

/// A deserializer, seed or part of an enum that works within a budget.
pub(super) struct Bounded<'b, T> {
    inner: T,
    budget: &'b Budget,
}

impl<'b, T> Bounded<'b, T> {
    pub(super) fn new(inner: T, budget: &'b Budget) -> Self {
        Self { inner, budget }
    }
}

/// A visitor, or the list or map that it is shown.
struct Holder<'b, T> {
    inner: T,
    budget: &'b Budget,
    /// How many places are set aside with the first item, then 1; 0 if the items are fields, which
    /// are counted with their struct.
    places: usize,
}

impl<T> Holder<'_, T> {
    #[inline]
    fn count<Item, E: Error>(&self) -> Result<(), E> {
        self.budget.spend(size_of::<Item>().saturating_mul(self.places))
    }
}

/// Methods whose visitor is never shown a list or a map, or builds nothing of it.
macro_rules! as_it_is {
    ($($method:ident)+) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )+};
}

/// Methods whose visitor may be shown anything, with what the first item of a list or map takes.
macro_rules! counted {
    ($($method:ident($($arg:ident: $type:ty),*) $places:expr;)+) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V)
            -> Result<V::Value, D::Error>
        {
            let holder = Holder { inner: visitor, budget: self.budget, places: $places };
            self.inner.$method($($arg,)* holder)
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    as_it_is! {
        deserialize_bool deserialize_char deserialize_f32 deserialize_f64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_str deserialize_string deserialize_identifier deserialize_ignored_any
    }

    counted! {
        deserialize_any() FIRST_PUSH;
        deserialize_bytes() 1;
        deserialize_byte_buf() 1;
        deserialize_seq() 1;
        deserialize_map() MAP_NODE;
        deserialize_option() 0;
        deserialize_unit() 0;
        deserialize_unit_struct(name: &'static str) 0;
        deserialize_newtype_struct(name: &'static str) 0;
        deserialize_tuple(len: usize) 0;
        deserialize_tuple_struct(name: &'static str, len: usize) 0;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) 0;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) 0;
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// What is neither made of other values nor counted.
macro_rules! leaves {
    ($($method:ident($type:ty))+) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )+};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Holder<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    leaves! {
        visit_bool(bool) visit_char(char) visit_f32(f32) visit_f64(f64)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Bounded::new(value, self.budget))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Bounded::new(value, self.budget))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Holder { inner: list, budget: self.budget, places: self.places })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let places = if self.places == 0 { 0 } else { MAP_NODE };
        self.inner.visit_map(Holder { inner: map, budget: self.budget, places })
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Bounded::new(variant, self.budget))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Bounded::new(from, self.budget))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Holder<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let item = self.inner.next_element_seed(Bounded::new(seed, self.budget))?;
        if item.is_some() {
            self.count::<S::Value, _>()?;
            self.places = self.places.min(1);
        }
        Ok(item)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Holder<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let key = self.inner.next_key_seed(Bounded::new(seed, self.budget))?;
        if key.is_some() {
            self.count::<S::Value, _>()?;
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.count::<S::Value, _>()?;
        self.places = self.places.min(1);
        self.inner.next_value_seed(Bounded::new(seed, self.budget))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'b, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'b, A> {
    type Error = A::Error;
    type Variant = Bounded<'b, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, rest) = self.inner.variant_seed(Bounded::new(seed, self.budget))?;
        Ok((name, Bounded::new(rest, self.budget)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Bounded::new(seed, self.budget))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Holder { inner: visitor, budget: self.budget, places: 0 })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Holder { inner: visitor, budget: self.budget, places: 0 })
    }
}
