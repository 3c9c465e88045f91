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

    /// The value of `key` cannot be used, for this reason and what has caused it.
    pub fn because(key: impl Into<String>, reason: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(reason), |error| error.source());
        let texts: Vec<String> = causes.map(ToString::to_string).collect();
        Self::new(key, texts.join(": "))
    }
}
