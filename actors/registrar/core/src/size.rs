//! How large the registry is in the store.

use std::collections::BTreeMap;

use crate::effect::RecordWrite;

/// The bytes of every record, key and value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Size {
    records: BTreeMap<String, usize>,
    total: usize,
}

impl Size {
    /// Of what was read.
    pub(crate) fn of(records: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut size = Self::default();
        for (key, value) in records {
            size.put(key, Some(value.len()));
        }
        size
    }

    /// It is durable.
    pub(crate) fn note(&mut self, write: &RecordWrite) {
        self.put(&write.key, write.value.as_ref().map(Vec::len));
    }

    /// Of all records.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    fn put(&mut self, key: &str, value: Option<usize>) {
        let before = match value {
            Some(length) => self.records.insert(key.to_owned(), key.len() + length),
            None => self.records.remove(key),
        };
        let after = value.map_or(0, |length| key.len() + length);
        self.total = self.total - before.unwrap_or(0) + after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_with_their_keys_and_only_once() {
        let mut size = Size::of(&[("agents/a".to_owned(), vec![0; 10])].into());
        assert_eq!(size.total(), 18);
        let write = |key: &str, value| RecordWrite { key: key.to_owned(), value };
        size.note(&write("agents/a", Some(vec![0; 20])));
        size.note(&write("weights/b", Some(vec![0])));
        assert_eq!(size.total(), 28 + 10);
        size.note(&write("agents/a", None));
        size.note(&write("agents/a", None));
        assert_eq!(size.total(), 10);
    }
}
