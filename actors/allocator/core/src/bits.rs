//! Sets of slots as bits: small, without an allocation for each change, and a difference of two
//! costs a word for 64 of them.

use std::fmt;
use std::marker::PhantomData;

use crate::slab::Slot;

/// A set of `Slot<T>`.
pub(crate) struct Bits<T> {
    words: Vec<u64>,
    count: usize,
    of: PhantomData<fn() -> T>,
}

impl<T> Default for Bits<T> {
    fn default() -> Self {
        Self { words: Vec::new(), count: 0, of: PhantomData }
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
        self.count += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    pub(crate) fn remove(&mut self, slot: Slot<T>) {
        let (word, bit) = place(slot);
        if let Some(word) = self.words.get_mut(word) {
            self.count -= usize::from(*word & bit != 0);
            *word &= !bit;
        }
    }

    pub(crate) fn contains(&self, slot: Slot<T>) -> bool {
        let (word, bit) = place(slot);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.count = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The first that is not before `from`.
    pub(crate) fn next(&self, from: Slot<T>) -> Option<Slot<T>> {
        let (word, bit) = place(from);
        let mut words = self.words.iter().enumerate().skip(word);
        let (index, first) = words.next()?;
        // Those before `from` are below its bit.
        let found = slots(index, first & !(bit - 1)).next();
        found.or_else(|| words.find_map(|(index, word)| slots(index, *word).next()))
    }

    /// Adds all of `other`.
    pub(crate) fn add_all(&mut self, other: &Self) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            self.count += (more & !*word).count_ones() as usize;
            *word |= more;
        }
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
    fn the_next_is_found_from_anywhere() {
        let mut bits = Bits::<u8>::default();
        let mut more = Bits::default();
        [3, 64, 190].iter().for_each(|index| bits.insert(Slot::at(*index)));
        [3, 70].iter().for_each(|index| more.insert(Slot::at(*index)));
        bits.add_all(&more);
        let next = |from| bits.next(Slot::at(from)).map(Slot::index);
        let found = [next(0), next(3), next(4), next(65), next(71), next(191), next(9000)];
        assert_eq!(found, [Some(3), Some(3), Some(64), Some(70), Some(190), None, None]);
        assert_eq!(bits.len(), 4);
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
