//! What is said of a value that cannot be used.

/// A value that was read and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct Invalid {
    /// Dotted.
    pub key: String,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl Invalid {
    /// The value of `key` cannot be used.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}
