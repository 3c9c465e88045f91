//! Durations in configuration: `250ms`, `3s`, `1h 30m`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// For `#[serde(with = "boot::duration")]`.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

/// For `#[serde(with = "boot::duration")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// Reads a duration; the error shows the form.
pub fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|e| format!("`{text}` is not a duration, for example 250ms, 3s or 1h 30m: {e}"))
}
