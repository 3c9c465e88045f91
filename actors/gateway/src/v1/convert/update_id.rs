//! The `uuid` of a status update: what a scheduler acknowledges.
//!
//! The ids of executors are UUIDs and travel as 16 bytes. Those of agents are other text and
//! travel as that text, never 16 bytes long, so that each form leads back to its id without
//! anybody remembering what was sent.

use protocol::id::UpdateId;
use uuid::Uuid;

const UUID_LEN: usize = 16;
/// Lengthens text that would be taken for a UUID; no id contains it.
const PADDING: u8 = 0;

/// The bytes for `id`.
#[must_use]
pub fn to_bytes(id: &UpdateId) -> Vec<u8> {
    let text = id.as_str();
    match Uuid::try_parse(text) {
        // Only the spelling that `from_bytes` gives back.
        Ok(uuid) if uuid.to_string() == text => uuid.into_bytes().to_vec(),
        _ => {
            let mut bytes = text.as_bytes().to_vec();
            if bytes.len() == UUID_LEN {
                bytes.push(PADDING);
            }
            bytes
        }
    }
}

/// The id that `bytes` stand for; `None` if they stand for none.
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> Option<UpdateId> {
    if let Ok(uuid) = Uuid::from_slice(bytes) {
        return Some(UpdateId::from(uuid.to_string()));
    }
    let text = bytes.strip_suffix(&[PADDING]).unwrap_or(bytes);
    let id = UpdateId::from(std::str::from_utf8(text).ok()?);
    id.check().is_ok().then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lead_back_to_the_id() {
        for text in [
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "67E55044-10B1-426F-9247-BB680E5FE0C8",
            "67e5504410b1426f9247bb680e5fe0c8",
            "run-u7",
            "sixteen-bytes-u1",
        ] {
            let id = UpdateId::from(text);
            assert_eq!(from_bytes(&to_bytes(&id)), Some(id));
        }
    }

    #[test]
    fn a_uuid_is_sixteen_bytes_and_nothing_else_is() {
        assert_eq!(to_bytes(&UpdateId::from("67e55044-10b1-426f-9247-bb680e5fe0c8")).len(), 16);
        assert_eq!(to_bytes(&UpdateId::from("sixteen-bytes-u1")).len(), 17);
    }

    #[test]
    fn what_was_never_sent_stands_for_nothing() {
        for bytes in [&b""[..], &[7, 7], &[0xff; 15], b"a/b"] {
            assert_eq!(from_bytes(bytes), None);
        }
    }
}
