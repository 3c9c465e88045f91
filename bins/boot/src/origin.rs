//! The layers of a configuration as figment providers, each of which can say where it is from.

use std::path::Path;

use figment::providers::Format;
use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

/// Values with one origin.
pub(crate) struct Layer {
    /// As `--print-config` and errors show it.
    pub(crate) origin: String,
    pub(crate) values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The values that `serializable` has, without those that are absent.
pub(crate) fn present<T: serde::Serialize>(serializable: &T) -> Result<Dict, String> {
    match Value::serialize(serializable).map_err(|e| e.to_string())? {
        Value::Dict(_, dict) => Ok(without_empty(dict)),
        _ => Ok(Dict::new()),
    }
}

fn without_empty(dict: Dict) -> Dict {
    dict.into_iter()
        .filter(|(_, value)| !matches!(value, Value::Empty(..)))
        .map(|(key, value)| match value {
            Value::Dict(tag, inner) => (key, Value::Dict(tag, without_empty(inner))),
            other => (key, other),
        })
        .collect()
}

/// Dotted keys of every value that is not a table, with its default.
pub(crate) fn leaves<T: serde::Serialize>(defaults: &T) -> Result<Vec<(String, Value)>, String> {
    let mut found = Vec::new();
    let values = Value::serialize(defaults).map_err(|e| e.to_string())?;
    if let Value::Dict(_, dict) = values {
        collect_leaves(String::new(), dict, &mut found);
    }
    Ok(found)
}

fn collect_leaves(prefix: String, dict: Dict, found: &mut Vec<(String, Value)>) {
    for (key, value) in dict {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => collect_leaves(path, inner, found),
            leaf => found.push((path, leaf)),
        }
    }
}

/// A dictionary that has `value` under the dotted `key`.
pub(crate) fn nested(key: &str, value: Value) -> Dict {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let value = if rest.is_empty() { value } else { Value::from(nested(rest, value)) };
    Dict::from([(first.to_owned(), value)])
}

/// The environment variable of a dotted key: `agents.ping_interval` is
/// `MESETA_AGENTS_PING_INTERVAL`.
pub(crate) fn variable_of(key: &str) -> String {
    format!("MESETA_{}", key.replace('.', "_").to_uppercase())
}

/// The flag of a key: `work_dir` is `--work-dir`, `isolator.isolation` is `--isolation`.
pub(crate) fn flag_of(key: &str) -> String {
    format!("--{}", key.rsplit('.').next().unwrap_or(key).replace('_', "-"))
}

/// What a variable's text means for a key whose default is `default`: text if that is text, else
/// a number, boolean, list or text, whatever it looks like.
pub(crate) fn value_of(text: &str, default: &Value) -> Value {
    match default {
        Value::String(..) => Value::from(text),
        _ => text.parse().unwrap_or_else(|_| Value::from(text)),
    }
}

/// The file's own values.
pub(crate) fn file_layer(path: &Path) -> Result<Layer, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}"))?;
    let toml = figment::providers::Toml::string(&text).data().map_err(|e| e.to_string())?;
    let values = toml.into_iter().next().map(|(_, dict)| dict).unwrap_or_default();
    Ok(Layer { origin: path.display().to_string(), values })
}
