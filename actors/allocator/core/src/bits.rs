//! Sets of slots as bits: small, and a difference of two costs a word for 64 of them.

use std::fmt;
use std::marker::PhantomData;

use crate::slab::Slot;

/// A set of `Slot<T>`.
pub(crate) struct Bits<T> {
    words: Vec<u64>,
    of: PhantomData<fn() -> T>,
}

impl<T> Default for Bits<T> {
    fn default() -> Self {
        Self { words: Vec::new(), of: PhantomData }
    }
}

impl<T> fmt::Debug for Bits<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T> Bits<T> {
    pub(crate) fn insert(&mut self, slot: Slot<T>) {
        let (word, bit) = place(slot);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    pub(crate) fn remove(&mut self, slot: Slot<T>) {
        let (word, bit) = place(slot);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
    }

    pub(crate) fn contains(&self, slot: Slot<T>) -> bool {
        let (word, bit) = place(slot);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot<T>> {
        self.words.iter().enumerate().flat_map(|(index, word)| slots(index, *word))
    }

    /// Those that are in none of `others`, in order.
    pub(crate) fn without<'a>(&'a self, others: &'a [&'a Self]) -> impl Iterator<Item = Slot<T>> {
        self.words.iter().enumerate().flat_map(move |(index, word)| {
            let other = |bits: &&Self| bits.words.get(index).copied().unwrap_or(0);
            slots(index, others.iter().fold(*word, |left, bits| left & !other(bits)))
        })
    }
}

fn place<T>(slot: Slot<T>) -> (usize, u64) {
    (slot.index() / 64, 1 << (slot.index() % 64))
}

/// The slots of the bits of one word.
fn slots<T>(index: usize, mut word: u64) -> impl Iterator<Item = Slot<T>> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(Slot::at(index * 64 + bit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_leaves_out_what_is_in_any_other() {
        let of = |indices: &[usize]| {
            let mut bits = Bits::<u8>::default();
            indices.iter().for_each(|index| bits.insert(Slot::at(*index)));
            bits
        };
        let all = of(&[0, 63, 64, 130, 200]);
        let others = [&of(&[63]), &of(&[130, 5000])];
        let left = all.without(&others).map(Slot::index);
        assert_eq!(left.collect::<Vec<_>>(), [0, 64, 200]);
    }

    #[test]
    fn what_is_taken_out_is_not_there() {
        let mut bits = Bits::<u8>::default();
        bits.remove(Slot::at(70));
        bits.insert(Slot::at(70));
        assert!(bits.contains(Slot::at(70)) && !bits.is_empty());
        bits.remove(Slot::at(70));
        assert!(!bits.contains(Slot::at(70)) && bits.is_empty());
    }
}
