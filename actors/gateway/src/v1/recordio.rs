//! The framing of event streams: the decimal length of a record, a newline, the record.

use bytes::{BufMut, Bytes, BytesMut};

/// Digits of the longest length, and the newline.
const MAX_HEADER: usize = 21;

/// One record in one piece, to be sent as one HTTP chunk: there are clients that read a chunk as a
/// record.
#[must_use]
pub fn record(body: &[u8]) -> Bytes {
    let mut record = BytesMut::with_capacity(MAX_HEADER + body.len());
    record.put_slice(body.len().to_string().as_bytes());
    record.put_u8(b'\n');
    record.put_slice(body);
    record.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_its_length_in_bytes_a_newline_and_itself() {
        assert_eq!(record(b""), "0\n");
        assert_eq!(record("aé\n".as_bytes()), "4\na\u{e9}\n");
    }
}
