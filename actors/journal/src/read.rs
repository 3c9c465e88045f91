//! From bytes to records: how far they can be trusted.

use std::path::Path;

use protocol::codec;
use serde::de::DeserializeOwned;

use crate::crc::crc32;
use crate::{JournalError, MAGIC, MAX_RECORD_LEN};

/// The records of a file, and how many of its bytes they (with what precedes them) take. What
/// follows is a torn write.
pub(crate) fn records<R: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
) -> Result<(Vec<R>, usize), JournalError> {
    // A crash while the file was made leaves a part of the magic.
    if MAGIC.starts_with(bytes) && bytes.len() < MAGIC.len() {
        return Ok((Vec::new(), 0));
    }
    if !bytes.starts_with(MAGIC) {
        return Err(JournalError::NotAJournal { path: path.to_owned() });
    }
    let mut records = Vec::new();
    let mut offset = MAGIC.len();
    while let Some(body) = intact_body(&bytes[offset..]) {
        let record = codec::decode(body).map_err(|source| JournalError::UnknownRecord {
            path: path.to_owned(),
            offset,
            source,
        })?;
        records.push(record);
        offset += 8 + body.len();
    }
    Ok((records, offset))
}

fn intact_body(rest: &[u8]) -> Option<&[u8]> {
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    // A length of zero is what a file system leaves that had no time for the content.
    if len == 0 || len > MAX_RECORD_LEN {
        return None;
    }
    let body = rest.get(..len)?;
    (crc32(body) == u32::from_be_bytes(*crc)).then_some(body)
}
