//! From JSON to a message, with the leniency of Mesos: `null` is unset at any depth, unknown
//! fields are ignored, an unknown name of an enum value is unset unless the field is required,
//! numbers may come as strings, and integers may have a fraction, which is cut off.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost_reflect::{
    Cardinality, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage, Value,
};
use serde_json::{Map, Value as Json};
use thiserror::Error;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a JSON value is not the message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    #[error("Expecting a JSON object")]
    NotAnObject,
    #[error("Not expecting a JSON {found} for field '{field}'")]
    Unexpected { found: &'static str, field: String },
    #[error("Failed to find enum for '{name}'")]
    UnknownEnumValue { name: String },
    #[error("Failed to base64 decode bytes field '{field}': {reason}")]
    Base64 { field: String, reason: String },
    #[error("Failed to parse '{text}' as a JSON number for field '{field}'")]
    NotANumber { text: String, field: String },
    #[error("Number {number} is out of range for field '{field}'")]
    OutOfRange { number: String, field: String },
}

/// The message of `descriptor` that `json` is.
///
/// The depth is bounded by that of the value, which `serde_json` bounds when it parses.
///
/// # Errors
/// Names the field that does not fit. Missing fields are not looked for.
pub fn message(descriptor: MessageDescriptor, json: &Json) -> Result<DynamicMessage, ReadError> {
    let Json::Object(object) = json else { return Err(ReadError::NotAnObject) };
    object_into(DynamicMessage::new(descriptor), object)
}

fn object_into(
    mut message: DynamicMessage,
    object: &Map<String, Json>,
) -> Result<DynamicMessage, ReadError> {
    let descriptor = message.descriptor();
    for (name, json) in object {
        let Some(field) = descriptor.get_field_by_name(name) else { continue };
        if let Some(value) = field_value(&field, json)? {
            message.set_field(&field, value);
        }
    }
    Ok(message)
}

fn field_value(field: &FieldDescriptor, json: &Json) -> Result<Option<Value>, ReadError> {
    match json {
        Json::Null => Ok(None),
        Json::Object(object) if field.is_map() => map(field, object).map(Some),
        Json::Array(items) if field.is_list() => list(field, items).map(Some),
        _ if field.is_map() => Err(unexpected(field, json)),
        // A single value for a repeated field is a list of one, as Mesos reads it.
        _ if field.is_list() => Ok(single(field, json)?.map(|value| Value::List(vec![value]))),
        _ => single(field, json),
    }
}

fn list(field: &FieldDescriptor, items: &[Json]) -> Result<Value, ReadError> {
    let values = items.iter().filter_map(|item| single(field, item).transpose());
    values.collect::<Result<Vec<_>, _>>().map(Value::List)
}

fn map(field: &FieldDescriptor, object: &Map<String, Json>) -> Result<Value, ReadError> {
    let Kind::Message(entry) = field.kind() else { return Err(unexpected(field, &Json::Null)) };
    let value_field = entry.map_entry_value_field();
    let entries = object.iter().filter_map(|(key, json)| {
        let value = single(&value_field, json).transpose()?;
        Some(value.map(|value| (MapKey::String(key.clone()), value)))
    });
    entries.collect::<Result<_, _>>().map(Value::Map)
}

/// One value of the field's kind; `None` if it is unset.
fn single(field: &FieldDescriptor, json: &Json) -> Result<Option<Value>, ReadError> {
    let value = match (field.kind(), json) {
        (_, Json::Null) => return Ok(None),
        (Kind::Enum(kind), Json::String(name)) => return enum_value(field, &kind, name),
        (Kind::Message(kind), Json::Object(object)) => {
            Value::Message(object_into(DynamicMessage::new(kind), object)?)
        }
        (Kind::String, Json::String(text)) => Value::String(text.clone()),
        (Kind::Bytes, Json::String(text)) => bytes(field, text)?,
        (Kind::Bool, Json::Bool(yes)) => Value::Bool(*yes),
        (kind, Json::Number(_) | Json::String(_)) => number(field, &kind, json)?,
        _ => return Err(unexpected(field, json)),
    };
    Ok(Some(value))
}

fn enum_value(
    field: &FieldDescriptor,
    kind: &EnumDescriptor,
    name: &str,
) -> Result<Option<Value>, ReadError> {
    match kind.get_value_by_name(name) {
        Some(value) => Ok(Some(Value::EnumNumber(value.number()))),
        None if field.cardinality() == Cardinality::Required => {
            Err(ReadError::UnknownEnumValue { name: name.to_owned() })
        }
        None => Ok(None),
    }
}

fn bytes(field: &FieldDescriptor, text: &str) -> Result<Value, ReadError> {
    let decoded = BASE64.decode(text).map_err(|error| ReadError::Base64 {
        field: field.name().to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Value::Bytes(decoded.into()))
}

fn number(field: &FieldDescriptor, kind: &Kind, json: &Json) -> Result<Value, ReadError> {
    match kind {
        Kind::Double => double(field, json).map(Value::F64),
        Kind::Int64 => narrow(field, json, i64::try_from).map(Value::I64),
        Kind::Uint64 => narrow(field, json, u64::try_from).map(Value::U64),
        Kind::Int32 => narrow(field, json, i32::try_from).map(Value::I32),
        Kind::Uint32 => narrow(field, json, u32::try_from).map(Value::U32),
        _ => Err(unexpected(field, json)),
    }
}

fn narrow<T, E>(
    field: &FieldDescriptor,
    json: &Json,
    fit: fn(i128) -> Result<T, E>,
) -> Result<T, ReadError> {
    fit(integer(field, json)?).map_err(|_| ReadError::OutOfRange {
        number: json.to_string(),
        field: field.name().to_owned(),
    })
}

/// Every 64-bit integer, signed or not, without the detour over a double that would round it.
fn integer(field: &FieldDescriptor, json: &Json) -> Result<i128, ReadError> {
    let exact = match json {
        Json::String(text) => text.parse().ok(),
        _ => json.as_i64().map(i128::from).or_else(|| json.as_u64().map(i128::from)),
    };
    if let Some(integer) = exact {
        return Ok(integer);
    }
    match double(field, json)? {
        double if double.is_nan() => Err(not_a_number(field, json)),
        // `as` cuts off the fraction and stays at the ends of the range, which no field fits.
        double => Ok(double as i128),
    }
}

fn double(field: &FieldDescriptor, json: &Json) -> Result<f64, ReadError> {
    let double = match json {
        Json::String(text) => {
            text.parse().ok().filter(|double: &f64| double.is_finite() || is_special(text))
        }
        _ => json.as_f64(),
    };
    double.ok_or_else(|| not_a_number(field, json))
}

fn not_a_number(field: &FieldDescriptor, json: &Json) -> ReadError {
    ReadError::NotANumber {
        text: json.as_str().map_or_else(|| json.to_string(), str::to_owned),
        field: field.name().to_owned(),
    }
}

/// How JSON spells the doubles that are no numbers.
fn is_special(text: &str) -> bool {
    matches!(text, "Infinity" | "-Infinity" | "NaN")
}

fn unexpected(field: &FieldDescriptor, json: &Json) -> ReadError {
    let found = match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    ReadError::Unexpected { found, field: field.name().to_owned() }
}
