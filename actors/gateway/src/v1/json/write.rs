//! From a message to one line of ASCII JSON.
//!
//! Set fields only, in the order of their numbers; the entries of a map in the order of its keys.

use std::collections::BTreeMap;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, Value};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

/// `message` as JSON.
///
/// # Errors
/// None in practice: writing to memory and every value of a message has a JSON form.
pub fn message(message: &DynamicMessage) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(256);
    Message(message).serialize(&mut serde_json::Serializer::with_formatter(&mut json, Ascii))?;
    Ok(json)
}

struct Message<'a>(&'a DynamicMessage);

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (field, value) in self.0.fields() {
            object.serialize_entry(field.name(), &Field { field: &field, value })?;
        }
        object.end()
    }
}

struct Field<'a> {
    field: &'a FieldDescriptor,
    value: &'a Value,
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let with = |value| Self { field: self.field, value };
        match self.value {
            Value::Bool(yes) => serializer.serialize_bool(*yes),
            Value::I32(number) => serializer.serialize_i32(*number),
            Value::I64(number) => serializer.serialize_i64(*number),
            Value::U32(number) => serializer.serialize_u32(*number),
            Value::U64(number) => serializer.serialize_u64(*number),
            Value::F32(number) => double(f64::from(*number), serializer),
            Value::F64(number) => double(*number, serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Value::EnumNumber(number) => enum_value(self.field, *number, serializer),
            Value::Message(message) => Message(message).serialize(serializer),
            Value::List(values) => serializer.collect_seq(values.iter().map(with)),
            Value::Map(entries) => {
                let kind = self.field.kind();
                let Kind::Message(entry) = kind else {
                    return Err(S::Error::custom("a map without entries"));
                };
                let field = &entry.map_entry_value_field();
                let sorted: BTreeMap<_, _> =
                    entries.iter().map(|(key, value)| (text(key), value)).collect();
                serializer
                    .collect_map(sorted.iter().map(|(key, value)| (key, Field { field, value })))
            }
        }
    }
}

/// JSON has no name for the doubles that are no numbers.
fn double<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        _ if number.is_nan() => serializer.serialize_str("NaN"),
        f64::INFINITY => serializer.serialize_str("Infinity"),
        f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
        _ => serializer.serialize_f64(number),
    }
}

fn enum_value<S: Serializer>(
    field: &FieldDescriptor,
    number: i32,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Kind::Enum(kind) = field.kind() else {
        return Err(S::Error::custom("not a field of an enum"));
    };
    match kind.get_value(number) {
        Some(value) => serializer.serialize_str(value.name()),
        None => serializer.serialize_i32(number),
    }
}

fn text(key: &MapKey) -> String {
    match key {
        MapKey::String(text) => text.clone(),
        MapKey::Bool(yes) => yes.to_string(),
        MapKey::I32(number) => number.to_string(),
        MapKey::I64(number) => number.to_string(),
        MapKey::U32(number) => number.to_string(),
        MapKey::U64(number) => number.to_string(),
    }
}

/// No spaces, and `\u` escapes for everything outside of ASCII.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|character: char| !character.is_ascii()) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let character = rest[at..].chars().next().unwrap_or_default();
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + character.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        CompactFormatter.write_char_escape(writer, escape)
    }
}
