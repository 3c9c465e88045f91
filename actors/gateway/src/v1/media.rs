//! Which encoding a request has and which one its answer gets.
//!
//! Types are compared literally, as Mesos does: no other case, no parameters in `Content-Type`.
//! `Accept` may carry parameters; quality values do not change the order, JSON comes first.

use super::error::WireError;

/// An encoding of the v1 API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    Json,
    Protobuf,
}

impl MediaType {
    /// The name in `Content-Type` and `Accept`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// The encoding of a body, from its `Content-Type`.
    ///
    /// # Errors
    /// 400 without the header, 415 when it names neither encoding.
    pub fn of_body(content_type: Option<&str>) -> Result<Self, WireError> {
        let name = content_type.ok_or(WireError::NoContentType)?;
        [Self::Json, Self::Protobuf]
            .into_iter()
            .find(|media| media.as_str() == name)
            .ok_or(WireError::UnknownContentType)
    }

    /// The encoding of an answer, from `Accept`. Several headers come joined by commas.
    ///
    /// # Errors
    /// 406 when neither encoding is allowed.
    pub fn of_answer(accept: Option<&str>) -> Result<Self, WireError> {
        let Some(accept) = accept else { return Ok(Self::Json) };
        [Self::Json, Self::Protobuf]
            .into_iter()
            .find(|media| accept.split(',').any(|range| media.is_in(range)))
            .ok_or(WireError::NotAcceptable)
    }

    fn is_in(self, range: &str) -> bool {
        let name = range.split(';').next().unwrap_or_default().trim();
        matches!(name, "*/*" | "application/*") || name == self.as_str()
    }
}

/// Calls are posted.
///
/// # Errors
/// 405 for every other method.
pub fn check_method(method: &str) -> Result<(), WireError> {
    if method == "POST" { Ok(()) } else { Err(WireError::Method { method: method.to_owned() }) }
}
