//! The rules of proto2 that the generated messages do not keep: an enum value that is not known
//! is an unset field, and required fields must be set.

use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};

/// Unsets the enum values of `message`, at any depth, that this version does not know.
pub fn forget_unknown_enum_values(message: &mut DynamicMessage) {
    let mut unset = Vec::new();
    for (field, value) in message.fields_mut() {
        if is_forgotten(&field, value) {
            unset.push(field);
        }
    }
    for field in &unset {
        message.clear_field(field);
    }
}

fn is_forgotten(field: &FieldDescriptor, value: &mut Value) -> bool {
    match value {
        Value::EnumNumber(number) => !is_known(field, *number),
        Value::Message(message) => {
            forget_unknown_enum_values(message);
            false
        }
        Value::List(values) => {
            values.retain_mut(|value| !is_forgotten(field, value));
            false
        }
        Value::Map(entries) => {
            for value in entries.values_mut() {
                if let Value::Message(message) = value {
                    forget_unknown_enum_values(message);
                }
            }
            false
        }
        _ => false,
    }
}

fn is_known(field: &FieldDescriptor, number: i32) -> bool {
    match field.kind() {
        Kind::Enum(kind) => kind.get_value(number).is_some(),
        _ => true,
    }
}

/// The paths of the required fields that are not set, e.g. `accept.operations[0].id.value`.
#[must_use]
pub fn missing(message: &DynamicMessage) -> Vec<String> {
    let mut missing = Vec::new();
    collect(message, "", &mut missing);
    missing
}

fn collect(message: &DynamicMessage, prefix: &str, missing: &mut Vec<String>) {
    for field in message.descriptor().fields() {
        let required = field.cardinality() == Cardinality::Required;
        if required && !message.has_field(&field) {
            missing.push(format!("{prefix}{}", field.name()));
        }
    }
    for (field, value) in message.fields() {
        let path = format!("{prefix}{}", field.name());
        match value {
            Value::Message(message) => collect(message, &format!("{path}."), missing),
            Value::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    collect_item(value, &format!("{path}[{index}]."), missing);
                }
            }
            Value::Map(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| key.as_str());
                for (key, value) in entries {
                    collect_item(
                        value,
                        &format!("{path}[{}].", key.as_str().unwrap_or_default()),
                        missing,
                    );
                }
            }
            _ => {}
        }
    }
}

fn collect_item(value: &Value, prefix: &str, missing: &mut Vec<String>) {
    if let Value::Message(message) = value {
        collect(message, prefix, missing);
    }
}
