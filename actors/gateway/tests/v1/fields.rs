//! A reader of protobuf that knows no types, independent of the code under test.

#![allow(dead_code, reason = "each test program reads what it needs")]

use std::collections::BTreeMap;

/// The values of a message's fields by their numbers, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(BTreeMap<u64, Vec<Field>>);

#[derive(Clone, Debug)]
enum Field {
    Varint(u64),
    Fixed(u64),
    Bytes(Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

impl Fields {
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Self::default();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Varint(varint(&mut bytes)),
                1 => {
                    let (fixed, rest) = bytes.split_at(8);
                    bytes = rest;
                    Field::Fixed(u64::from_le_bytes(fixed.try_into().unwrap()))
                }
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (content, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(content.to_vec())
                }
                other => panic!("wire type {other}"),
            };
            fields.0.entry(key >> 3).or_default().push(field);
        }
        fields
    }

    pub(crate) fn int(&self, number: u64) -> u64 {
        match &self.0[&number][0] {
            Field::Varint(int) => *int,
            other => panic!("{number}: {other:?}"),
        }
    }

    pub(crate) fn double(&self, number: u64) -> f64 {
        match &self.0[&number][0] {
            Field::Fixed(bits) => f64::from_bits(*bits),
            other => panic!("{number}: {other:?}"),
        }
    }

    pub(crate) fn bytes(&self, number: u64) -> Vec<u8> {
        match &self.0[&number][0] {
            Field::Bytes(bytes) => bytes.clone(),
            other => panic!("{number}: {other:?}"),
        }
    }

    pub(crate) fn text(&self, number: u64) -> String {
        String::from_utf8(self.bytes(number)).unwrap()
    }

    pub(crate) fn part(&self, number: u64) -> Self {
        Self::read(&self.bytes(number))
    }

    /// Every message of a repeated field.
    pub(crate) fn parts(&self, number: u64) -> Vec<Self> {
        let all = self.0.get(&number).into_iter().flatten();
        let part = |field: &Field| match field {
            Field::Bytes(bytes) => Self::read(bytes),
            other => panic!("{number}: {other:?}"),
        };
        all.map(part).collect()
    }

    /// Whether there is a field of this number.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.0.contains_key(&number)
    }

    /// How many fields there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The `value` of an id.
    pub(crate) fn id(&self, number: u64) -> String {
        self.part(number).text(1)
    }
}
