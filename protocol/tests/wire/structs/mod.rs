//! Which maps of a body are structs: bytes alone do not tell them from maps with free keys, and
//! the JSON schema does.

use rmpv::Value;
use serde_json::Value as Json;

/// What is done with a struct: its fields, and its schema.
type Visit<'a> = &'a mut dyn FnMut(&mut Vec<(Value, Value)>, &Json);

/// Calls `visit` for every struct in `value`, the innermost first.
pub(crate) fn for_each_struct(value: &mut Value, schema: &Json, visit: Visit<'_>) {
    walk(value, schema, schema, visit);
}

fn walk(value: &mut Value, schema: &Json, root: &Json, visit: Visit<'_>) {
    if let Some(name) = schema["$ref"].as_str() {
        let path = name.strip_prefix('#').expect("a schema refers to parts of itself");
        return walk(value, root.pointer(path).expect("what it refers to is there"), root, visit);
    }
    for choice in ["anyOf", "oneOf"] {
        for schema in schema[choice].as_array().into_iter().flatten() {
            if fits(value, schema) {
                walk(value, schema, root, visit);
            }
        }
    }
    match value {
        Value::Array(items) => {
            for item in items {
                walk(item, &schema["items"], root, visit);
            }
        }
        Value::Map(pairs) => walk_map(pairs, schema, root, visit),
        _ => {}
    }
}

fn walk_map(pairs: &mut Vec<(Value, Value)>, schema: &Json, root: &Json, visit: Visit<'_>) {
    for (key, item) in pairs.iter_mut() {
        let key = key.as_str().expect("keys are text");
        let field =
            schema["properties"].get(key).unwrap_or_else(|| &schema["additionalProperties"]);
        walk(item, field, root, visit);
    }
    // The map of one around what an enum's variant brings along takes no further keys.
    let closed = schema["additionalProperties"] == false;
    let free = schema["additionalProperties"].is_object();
    if schema["type"] == "object" && !closed && !free {
        visit(pairs, schema);
    }
}

/// Whether this is the variant of an enum that `value` is.
fn fits(value: &Value, schema: &Json) -> bool {
    let Value::Map(pairs) = value else { return true };
    let Some(properties) = schema["properties"].as_object() else { return true };
    pairs.iter().all(|(key, _)| key.as_str().is_some_and(|key| properties.contains_key(key)))
}
