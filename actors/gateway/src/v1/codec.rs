//! Bodies and records of the v1 API, in either encoding.
//!
//! How large a body may be is the server's affair ([`crate::MAX_BODY`]); how deep it may nest is
//! bounded here: JSON by `serde_json`, protobuf by `prost`.

use prost_reflect::DynamicMessage;

use super::error::WireError;
use super::media::MediaType;
use super::wire::WireMessage;
use super::{json, required};

/// The message of a body: it can be read and has all required fields.
///
/// # Errors
/// With Mesos's text, what cannot be read or which fields are missing.
pub fn decode<M: WireMessage>(media: MediaType, body: &[u8]) -> Result<M, WireError> {
    let mut message = match media {
        MediaType::Json => from_json::<M>(body)?,
        MediaType::Protobuf => DynamicMessage::decode(M::descriptor(), body)
            .map_err(|_| WireError::NotProtobuf { message: M::NAME })?,
    };
    required::forget_unknown_enum_values(&mut message);
    let missing = required::missing(&message);
    if !missing.is_empty() {
        return Err(WireError::invalid::<M>(format!("Not initialized: {}", missing.join(", "))));
    }
    // JSON may nest deeper than protobuf; then this is where it is found out.
    message.transcode_to().map_err(|error| match media {
        MediaType::Json => WireError::NotMessage { message: M::NAME, reason: error.to_string() },
        MediaType::Protobuf => WireError::NotProtobuf { message: M::NAME },
    })
}

fn from_json<M: WireMessage>(body: &[u8]) -> Result<DynamicMessage, WireError> {
    let json = serde_json::from_slice(body)
        .map_err(|error| WireError::NotJson { reason: error.to_string() })?;
    json::read::message(M::descriptor(), &json)
        .map_err(|error| WireError::NotMessage { message: M::NAME, reason: error.to_string() })
}

/// `message` as a body or the content of a record.
#[must_use]
pub fn encode<M: WireMessage>(media: MediaType, message: &M) -> Vec<u8> {
    match media {
        MediaType::Protobuf => message.encode_to_vec(),
        MediaType::Json => {
            let mut dynamic = DynamicMessage::new(M::descriptor());
            dynamic
                .transcode_from(message)
                .expect("descriptors and messages are of the same files");
            json::write::message(&dynamic).expect("every value of a message has a JSON form")
        }
    }
}
