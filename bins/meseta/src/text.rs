//! Values as a table's cells show them.

use std::time::Duration;

use protocol::{Resources, Time};
use serde::Serialize;

/// How long ago, in its largest unit: `42s`, `5m`, `3h`, `2d`.
pub(crate) fn age(now: Time, then: Time) -> String {
    short(now.since(then))
}

fn short(duration: Duration) -> String {
    match duration.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// Resources as people type them, `-` for none.
pub(crate) fn resources(resources: &Resources) -> String {
    if resources.is_empty() { "-".to_owned() } else { resources.to_string() }
}

/// Something that may be absent, `-` for nothing.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Things with commas between them, `-` for none.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let joined = items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",");
    if joined.is_empty() { "-".to_owned() } else { joined }
}

/// The word that a choice has on the wire, with spaces.
pub(crate) fn word<T: Serialize>(choice: &T) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => "-".to_owned(),
    }
}

/// At most `width` characters.
pub(crate) fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_their_largest_unit() {
        let secs = [(0, "0s"), (59, "59s"), (60, "1m"), (7300, "2h"), (200_000, "2d")];
        for (s, text) in secs {
            assert_eq!(age(Time::from_millis(s * 1000), Time::default()), text);
        }
    }

    #[test]
    fn long_text_is_clipped_to_its_width() {
        assert_eq!(clip("sleep 1000", 7), "sleep …");
        assert_eq!(clip("sleep", 7), "sleep");
    }
}
