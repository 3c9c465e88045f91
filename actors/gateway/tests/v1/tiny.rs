//! An encoder of protobuf in a few lines, independent of the code under test: a message is the
//! concatenation of its fields.

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn key(field: u64, wire_type: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3 | wire_type, &mut out);
    out
}

/// An integer, a boolean or an enum value.
pub(crate) fn int(field: u64, number: u64) -> Vec<u8> {
    let mut out = key(field, 0);
    varint(number, &mut out);
    out
}

/// A double.
pub(crate) fn double(field: u64, number: f64) -> Vec<u8> {
    let mut out = key(field, 1);
    out.extend(number.to_le_bytes());
    out
}

/// A string or bytes.
pub(crate) fn text(field: u64, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = key(field, 2);
    varint(bytes.as_ref().len() as u64, &mut out);
    out.extend(bytes.as_ref());
    out
}

/// A message of these fields.
pub(crate) fn message(field: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    text(field, fields.concat())
}

/// A message with nothing but `value = 1`, as all ids are.
pub(crate) fn id(field: u64, value: &str) -> Vec<u8> {
    message(field, &[text(1, value)])
}
