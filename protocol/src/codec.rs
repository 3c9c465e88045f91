//! The one pair of functions through which bodies become bytes: MessagePack with field names.
//!
//! Named maps cost about a fifth more CPU than positional arrays and buy rolling upgrades: an
//! unknown field is skipped, a missing one takes its default.
//!
//! Whatever bytes a peer sends, reading them ends in a value or a [`Failure`], in time and memory
//! that grow with their number at most: nesting, memory and the length of a complaint are bounded.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::{Failure, FailureKind};

mod bounded;

pub use bounded::MAX_UNFOLDED;
use bounded::{Bounded, Budget};

/// Why a body could not be written; only types that MessagePack cannot express get here.
pub type EncodeError = rmp_serde::encode::Error;

/// Appends `value` to `out`. Reusing one buffer halves the cost of a fresh one.
pub fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), EncodeError> {
    value.serialize(&mut rmp_serde::Serializer::new(out).with_struct_map())
}

/// `value` as bytes of its own.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(128);
    encode_into(&mut out, value)?;
    Ok(out)
}

/// How deep lists and maps of a body may be nested, itself included: as deep as JSON readers go, so
/// that all that is read can also be shown. The decoder recurses, a level takes kilobytes of stack
/// in debug builds, and actors run on threads of 2 MiB; its own limit of 1024 ends the process.
pub const MAX_DEPTH: usize = 128;

/// The longest complaint about a body, in bytes: it quotes what it does not like, which may be all
/// of a frame, and has to fit into the frame of the answer and into a line of the log.
const MAX_COMPLAINT: usize = 1024;

/// Reads a body. The failure says which field was wrong.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(MAX_DEPTH + 1); // it stops when its count comes to 0
    let budget = Budget::new();
    T::deserialize(Bounded::new(&mut reader, &budget)).map_err(|e| complaint(&e))
}

#[cold]
fn complaint(error: &rmp_serde::decode::Error) -> Failure {
    let mut text = match error {
        rmp_serde::decode::Error::DepthLimitExceeded => {
            format!("it is nested more than {MAX_DEPTH} deep")
        }
        other => other.to_string(),
    };
    if text.len() > MAX_COMPLAINT {
        let end = (0..=MAX_COMPLAINT).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    Failure::new(FailureKind::BadMessage, text)
}
