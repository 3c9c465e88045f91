//! Ids and counters as newtypes. Ids are short strings, so that they read the same in a log, on
//! the wire and in a URL; cloning one is a reference count, not a copy.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest id that is accepted, in bytes: ids become file names (NAME_MAX).
pub const MAX_ID_LEN: usize = 255;

/// Why a string cannot be an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("id must not be empty")]
    Empty,
    #[error("id is {0} bytes long, at most {MAX_ID_LEN} are accepted")]
    TooLong(usize),
    #[error("id must not be `.` or `..`")]
    Dots,
    #[error("id must not contain `{0}`: no control characters, `/` or `\\`")]
    Character(char),
}

/// The rule for ids that frameworks choose (task, executor): they become path components.
pub fn check_id(id: &str) -> Result<(), IdError> {
    if id.is_empty() {
        return Err(IdError::Empty);
    }
    if id.len() > MAX_ID_LEN {
        return Err(IdError::TooLong(id.len()));
    }
    if id == "." || id == ".." {
        return Err(IdError::Dots);
    }
    match id.chars().find(|c| c.is_control() || *c == '/' || *c == '\\') {
        Some(c) => Err(IdError::Character(c)),
        None => Ok(()),
    }
}

macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the string as it is; call [`Self::check`] on input from outside.
            pub fn new(id: impl Into<Arc<str>>) -> Self {
                Self(id.into())
            }
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// Whether it may be used as a path component.
            pub fn check(&self) -> Result<(), IdError> {
                check_id(&self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(s: &str) -> Self {
                Self(s.into())
            }
        }
        impl From<String> for $name {
            fn from(s: String) -> Self {
                Self(s.into())
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    )+};
}

string_ids! {
    /// An agent, for as long as its work directory lives: `<master run>-S<n>`.
    AgentId,
    /// A framework, across its failovers: `<master run>-<nnnn>`.
    FrameworkId,
    /// One offer; never reused: `<master run>-O<n>`.
    OfferId,
    /// A task, chosen by its framework, unique within it.
    TaskId,
    /// An executor, chosen by its framework, unique within it and an agent.
    ExecutorId,
    /// One run of one executor on one agent.
    ContainerId,
    /// One status update; what the acknowledgement names.
    UpdateId,
    /// An operation that was sent to an agent, named by the master: `<master run>-P<n>`.
    ConversionId,
    /// An operation on offers, chosen by its framework, which wants to hear of its outcome.
    OperationId,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The one after this; the last one has none and stays, as it may be a peer's.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )+};
}

counters! {
    /// One term of leadership; grows with every election. The fence on every registry write.
    Epoch,
    /// One life of a process or of a supervised actor; grows with every restart.
    Incarnation,
    /// One ask that an actor has not answered yet, numbered by its shell; a core names it in the
    /// effect that answers.
    CallId,
    /// One registration of an agent with one master; grows with each, within an epoch. Facts about
    /// an agent that carry an older one are stale.
    Generation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_cannot_be_file_names_are_refused() {
        assert_eq!(check_id(""), Err(IdError::Empty));
        assert_eq!(check_id(".."), Err(IdError::Dots));
        assert_eq!(check_id("a/b"), Err(IdError::Character('/')));
        assert_eq!(check_id("a\nb"), Err(IdError::Character('\n')));
        assert_eq!(check_id(&"x".repeat(256)), Err(IdError::TooLong(256)));
        assert_eq!(check_id("web.instance-1._app.1"), Ok(()));
    }
}
