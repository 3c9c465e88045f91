//! Values at small, stable, typed indices, found by key: references between them cost a number,
//! and following one costs an index.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// Where a `T` is in its [`Slab`]. Valid until that value is removed; whoever removes one removes
/// the references to it first, because the index is used again.
pub(crate) struct Slot<T> {
    at: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Slot<T> {
    /// Before or at every other.
    pub(crate) const FIRST: Self = Self { at: 0, of: PhantomData };

    /// The one with this index.
    pub(crate) fn at(index: usize) -> Self {
        Self { at: u32::try_from(index).expect("fewer than 2^32 of anything"), of: PhantomData }
    }

    /// The index.
    pub(crate) const fn index(self) -> usize {
        self.at as usize
    }

    /// The one after this.
    pub(crate) const fn next(self) -> Self {
        Self { at: self.at + 1, of: PhantomData }
    }
}

// Derived impls would ask the same of `T`.
impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Slot<T> {}
impl<T> PartialEq for Slot<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl<T> Eq for Slot<T> {}
impl<T> PartialOrd for Slot<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Slot<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}
impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.at)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Slab<K, V> {
    index: BTreeMap<K, Slot<V>>,
    values: Vec<Option<V>>,
    unused: Vec<Slot<V>>,
}

impl<K, V> Default for Slab<K, V> {
    fn default() -> Self {
        Self { index: BTreeMap::new(), values: Vec::new(), unused: Vec::new() }
    }
}

impl<K: Ord, V> Slab<K, V> {
    /// Where the value of `key` is.
    pub(crate) fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Slot<V>>
    where
        K: Borrow<Q>,
    {
        self.index.get(key).copied()
    }

    /// Puts a value; the caller has looked that `key` is new.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Slot<V> {
        let slot = self.unused.pop().unwrap_or_else(|| {
            self.values.push(None);
            Slot::at(self.values.len() - 1)
        });
        self.values[slot.index()] = Some(value);
        let before = self.index.insert(key, slot);
        debug_assert!(before.is_none(), "keys are looked up before they are inserted");
        slot
    }

    /// Takes the value of `key` out.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let slot = self.index.remove(key)?;
        self.unused.push(slot);
        self.values[slot.index()].take()
    }

    /// What is there, if anything still is.
    pub(crate) fn get(&self, slot: Slot<V>) -> Option<&V> {
        self.values.get(slot.index())?.as_ref()
    }

    /// All of them, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot<V>, &V)> {
        self.index.values().map(|slot| (*slot, &self[*slot]))
    }

    /// Where they all are, by key.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot<V>> {
        self.index.values().copied()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }
}

impl<K, V> Index<Slot<V>> for Slab<K, V> {
    type Output = V;
    fn index(&self, slot: Slot<V>) -> &V {
        self.values[slot.index()].as_ref().expect("references go before what they refer to")
    }
}

impl<K, V> IndexMut<Slot<V>> for Slab<K, V> {
    fn index_mut(&mut self, slot: Slot<V>) -> &mut V {
        self.values[slot.index()].as_mut().expect("references go before what they refer to")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_stable_until_its_value_goes_and_is_used_again_then() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a", 1), slab.insert("b", 2));
        assert_eq!(slab.remove("a"), Some(1));
        assert_eq!((slab.get(a), slab[b]), (None, 2));
        assert_eq!(slab.insert("c", 3), a);
        assert_eq!(slab.iter().map(|(_, v)| *v).collect::<Vec<_>>(), [2, 3]);
    }
}
