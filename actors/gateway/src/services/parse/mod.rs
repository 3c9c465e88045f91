//! JSON into values, with every mistake at its path.
//!
//! The words are those of Marathon (play-json's), because clients and people compare them:
//! `error.path.missing`, `error.expected.jsstring`, `error.min`.

pub(super) mod app;
mod fields;
mod unsupported;

use std::collections::BTreeMap;

use protocol::services::check::Violation;
use serde_json::{Map, Value};

pub(super) use app::AppPatch;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The JSON is not of the expected shape.
    pub(super) shape: Vec<Violation>,
    /// The shape is right and the meaning is not.
    pub(super) meaning: Vec<Violation>,
}

impl Faults {
    fn shape(&mut self, path: &str, error: &str) {
        self.shape.push(Violation::new(path, error));
    }

    /// A member that has to be there is not.
    pub(super) fn missing(&mut self, path: &str) {
        self.shape(path, "error.path.missing");
    }

    /// The same, if nothing is known to be wrong there already.
    pub(super) fn missing_unless_wrong(&mut self, path: &str) {
        if !self.shape.iter().any(|found| found.path == path) {
            self.missing(path);
        }
    }

    /// The whole is not a list.
    pub(super) fn not_an_array(&mut self) {
        self.shape("/", "error.expected.jsarray");
    }

    pub(super) fn meaning(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.meaning.push(Violation::new(path, message));
    }
}

/// A value that can be read from JSON.
pub(super) trait Read: Sized {
    /// The value, or what is wrong in `faults`.
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self>;
}

/// The members of a JSON object.
pub(super) struct Members<'a> {
    path: &'a str,
    members: &'a Map<String, Value>,
}

impl<'a> Members<'a> {
    pub(super) fn of(value: &'a Value, path: &'a str, faults: &mut Faults) -> Option<Self> {
        match value {
            Value::Object(members) => Some(Self { path, members }),
            _ => {
                faults.shape(if path.is_empty() { "/" } else { path }, "error.expected.jsobject");
                None
            }
        }
    }

    /// The member as it is; `null` is as good as absent.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// The names of the members that are there.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.members.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str())
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// The member if it is there and right.
    pub(super) fn get<T: Read>(&self, name: &str, faults: &mut Faults) -> Option<T> {
        T::read(self.raw(name)?, &self.path_of(name), faults)
    }

    /// The member, which must be there.
    pub(super) fn need<T: Read>(&self, name: &str, faults: &mut Faults) -> Option<T> {
        if self.raw(name).is_none() {
            faults.missing(&self.path_of(name));
            return None;
        }
        self.get(name, faults)
    }
}

impl Read for String {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            faults.shape(path, "error.expected.jsstring");
        }
        text
    }
}

impl Read for bool {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        if value.as_bool().is_none() {
            faults.shape(path, "error.expected.jsboolean");
        }
        value.as_bool()
    }
}

impl Read for f64 {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        if value.as_f64().is_none() {
            faults.shape(path, "error.expected.jsnumber");
        }
        value.as_f64()
    }
}

/// A whole number of zero or more, up to that of a Java `int`. `2.0` is one.
impl Read for u32 {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let number = f64::read(value, path, faults)?;
        if number.fract() != 0.0 {
            faults.shape(path, "error.expected.int");
        } else if number < 0.0 {
            faults.shape(path, "error.min");
        } else if number > f64::from(i32::MAX) {
            faults.shape(path, "error.max");
        } else {
            return Some(number as Self);
        }
        None
    }
}

impl Read for u16 {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let number = u32::read(value, path, faults)?;
        if number > u32::from(Self::MAX) {
            faults.shape(path, "error.max");
        }
        Self::try_from(number).ok()
    }
}

impl<T: Read> Read for Vec<T> {
    /// `None` if any item is wrong: a list with holes is not what was meant.
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let Value::Array(items) = value else {
            faults.shape(path, "error.expected.jsarray");
            return None;
        };
        let read = |(i, item)| T::read(item, &format!("{path}({i})"), faults);
        let all: Vec<Option<T>> = items.iter().enumerate().map(read).collect();
        all.into_iter().collect()
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let Members { members, .. } = Members::of(value, path, faults)?;
        let read = |(name, member): (&String, &Value)| {
            Some((name.clone(), T::read(member, &format!("{path}/{name}"), faults)?))
        };
        let all: Vec<Option<(String, T)>> = members.iter().map(read).collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn fault<T: Read + std::fmt::Debug>(value: &Value, path: &str, error: &str) {
        let mut faults = Faults::default();
        let read = T::read(value, "/x", &mut faults);
        assert!(read.is_none(), "{read:?}");
        assert_eq!(faults.shape, [Violation::new(path, error)]);
    }

    #[test]
    fn mistakes_are_named_as_marathon_names_them() {
        fault::<String>(&json!(1), "/x", "error.expected.jsstring");
        fault::<bool>(&json!("true"), "/x", "error.expected.jsboolean");
        fault::<f64>(&json!("1"), "/x", "error.expected.jsnumber");
        fault::<u32>(&json!(1.5), "/x", "error.expected.int");
        fault::<u32>(&json!(-1), "/x", "error.min");
        fault::<u32>(&json!(1e12), "/x", "error.max");
        fault::<u16>(&json!(65_536), "/x", "error.max");
        fault::<Vec<String>>(&json!({}), "/x", "error.expected.jsarray");
        fault::<Vec<String>>(&json!(["a", 1]), "/x(1)", "error.expected.jsstring");
        fault::<BTreeMap<String, String>>(&json!([]), "/x", "error.expected.jsobject");
        fault::<BTreeMap<String, String>>(&json!({"A": 1}), "/x/A", "error.expected.jsstring");
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_fraction() {
        assert_eq!(u32::read(&json!(2.0), "/x", &mut Faults::default()), Some(2));
    }
}
