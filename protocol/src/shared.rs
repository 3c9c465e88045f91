//! Lists that are cheap to hand out again and again: copies share what has not changed between them.
//!
//! An owner keeps its items in a [`Tracked`] map, which remembers what was touched, and beside it a
//! [`SharedList`] of what others may see. Bringing the list up to date costs in proportion to what
//! was touched; a copy of it costs one count. Whoever has a copy reads it on a thread of its own.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Items that are copied, as pointers, with one that changes while others look at it, and that are
/// made anew by those who make something of each chunk. In the largest lists the pointers to the
/// chunks, which are copied once for each who looks, are more: some thousand.
const CHUNK: usize = 64;

/// Items that follow each other. Nobody who was handed them sees them change.
pub type Chunk<T> = Arc<Vec<Arc<T>>>;

/// Items in the order of their keys, immutable wherever it was handed out. Travels as a list.
pub struct SharedList<T> {
    /// None is empty.
    chunks: Arc<Vec<Chunk<T>>>,
}

impl<T> SharedList<T> {
    /// Replaces the item that compares equal to its key with `item`, adds it, or removes it.
    /// `compare` says where an item is, seen from the key.
    pub fn put(&mut self, item: Option<Arc<T>>, compare: impl Fn(&T) -> Ordering) {
        let ends_before =
            |chunk: &Chunk<T>| chunk.last().is_some_and(|last| compare(last) == Ordering::Less);
        let at = self.chunks.partition_point(ends_before);
        // What comes after everything else belongs to the last chunk.
        let at = at.min(self.chunks.len().saturating_sub(1));
        let place = self.chunks.get(at).map(|chunk| chunk.binary_search_by(|it| compare(it)));
        match (place, item) {
            (None, None) | (Some(Err(_)), None) => {}
            (None, Some(item)) => Arc::make_mut(&mut self.chunks).push(Arc::new(vec![item])),
            (Some(Ok(place)), Some(item)) => self.chunk_mut(at)[place] = item,
            (Some(Err(place)), Some(item)) => {
                self.chunk_mut(at).insert(place, item);
                self.split(at);
            }
            (Some(Ok(place)), None) => {
                self.chunk_mut(at).remove(place);
                self.close_up(at);
            }
        }
    }

    fn chunk_mut(&mut self, at: usize) -> &mut Vec<Arc<T>> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[at])
    }

    fn split(&mut self, at: usize) {
        let chunk = self.chunk_mut(at);
        if chunk.len() > CHUNK {
            let rest = chunk.split_off(chunk.len() / 2);
            Arc::make_mut(&mut self.chunks).insert(at + 1, Arc::new(rest));
        }
    }

    /// Joins a chunk that has become small with the next one, so that few chunks remain of a list
    /// that has shrunk.
    fn close_up(&mut self, at: usize) {
        let chunks = Arc::make_mut(&mut self.chunks);
        let follows =
            chunks.get(at + 1).is_some_and(|next| chunks[at].len() + next.len() <= CHUNK / 2);
        if follows {
            let next = chunks.remove(at + 1);
            Arc::make_mut(&mut chunks[at]).extend(next.iter().cloned());
        } else if chunks[at].is_empty() {
            chunks.remove(at);
        }
    }

    /// The item that compares equal to its key; see [`Self::put`].
    pub fn find(&self, compare: impl Fn(&T) -> Ordering) -> Option<&T> {
        let ends_before =
            |chunk: &Chunk<T>| chunk.last().is_some_and(|last| compare(last) == Ordering::Less);
        let chunk = self.chunks.get(self.chunks.partition_point(ends_before))?;
        let place = chunk.binary_search_by(|it| compare(it)).ok()?;
        chunk.get(place).map(AsRef::as_ref)
    }

    /// The items in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(AsRef::as_ref)
    }

    /// The same in chunks, for those who remember what they made of one: none is at the place in
    /// memory of another as long as there is a [`Weak`](std::sync::Weak) pointer to that.
    pub fn chunks(&self) -> &[Chunk<T>] {
        &self.chunks
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

impl<T> Default for SharedList<T> {
    fn default() -> Self {
        Self { chunks: Arc::default() }
    }
}

impl<T> Clone for SharedList<T> {
    fn clone(&self) -> Self {
        Self { chunks: Arc::clone(&self.chunks) }
    }
}

impl<T: fmt::Debug> fmt::Debug for SharedList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for SharedList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// In this order, which is that of the keys.
impl<T> FromIterator<Arc<T>> for SharedList<T> {
    fn from_iter<I: IntoIterator<Item = Arc<T>>>(items: I) -> Self {
        let mut chunks: Vec<Chunk<T>> = Vec::new();
        let mut items = items.into_iter();
        loop {
            let chunk: Vec<_> = items.by_ref().take(CHUNK / 2).collect();
            if chunk.is_empty() {
                return Self { chunks: Arc::new(chunks) };
            }
            chunks.push(Arc::new(chunk));
        }
    }
}

impl<T: Serialize> Serialize for SharedList<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // With the length, which MessagePack wants to know first.
        let items: Vec<&T> = self.iter().collect();
        serializer.collect_seq(items)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for SharedList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::<T>::deserialize(deserializer)?;
        Ok(items.into_iter().map(Arc::new).collect())
    }
}

impl<T: JsonSchema> JsonSchema for SharedList<T> {
    fn inline_schema() -> bool {
        <Vec<T>>::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        <Vec<T>>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Vec<T>>::json_schema(generator)
    }
}

/// A map that remembers what was touched since it was last asked. Reads are those of the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tracked<K: Ord, V> {
    map: BTreeMap<K, V>,
    #[serde(skip)]
    touched: BTreeSet<K>,
}

impl<K: Ord, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self { map: BTreeMap::new(), touched: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    /// As of a map.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.touched.insert(key.clone());
        self.map.insert(key, value)
    }

    /// As of a map.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.map.remove(key);
        if removed.is_some() {
            self.touched.insert(key.clone());
        }
        removed
    }

    /// As of a map; what is there counts as touched.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let value = self.map.get_mut(key)?;
        if !self.touched.contains(key) {
            self.touched.insert(key.clone());
        }
        Some(value)
    }

    /// What is there, or is put there; only the latter counts as touched.
    pub fn get_or_insert_unseen(&mut self, key: &K, value: impl FnOnce() -> V) -> &mut V {
        self.map.entry(key.clone()).or_insert_with(|| {
            self.touched.insert(key.clone());
            value()
        })
    }

    /// For a change that others do not see.
    pub fn get_mut_unseen(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    /// How many were touched since they were last taken.
    pub fn touched(&self) -> usize {
        self.touched.len()
    }

    /// Brings `list` up to date: `show` says what others see of an item, `compare` where an item
    /// of the list is, seen from a key.
    pub fn update<T>(
        &mut self,
        list: &mut SharedList<T>,
        show: impl Fn(&K, &V) -> Arc<T>,
        compare: impl Fn(&T, &K) -> Ordering,
    ) {
        for key in std::mem::take(&mut self.touched) {
            list.put(self.map.get(&key).map(|value| show(&key, value)), |item| compare(item, &key));
        }
    }
}

impl<K: Ord, V> Deref for Tracked<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

/// Everything counts as touched.
impl<K: Ord + Clone, V> FromIterator<(K, V)> for Tracked<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let map: BTreeMap<K, V> = items.into_iter().collect();
        Self { touched: map.keys().cloned().collect(), map }
    }
}

impl<K: Ord, V> IntoIterator for Tracked<K, V> {
    type Item = (K, V);
    type IntoIter = std::collections::btree_map::IntoIter<K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.into_iter()
    }
}

impl<'a, K: Ord, V> IntoIterator for &'a Tracked<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = std::collections::btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pair = (u64, u64);

    fn update(map: &mut Tracked<u64, u64>, list: &mut SharedList<Pair>) {
        map.update(list, |key, value| Arc::new((*key, *value)), |item, key| item.0.cmp(key));
    }

    /// A value that tells its key.
    fn value(key: u64, n: u64) -> u64 {
        key << 32 | n
    }

    #[test]
    fn a_list_is_what_its_map_is_after_any_changes_and_copies_stay_as_they_were() {
        let (mut map, mut list) = (Tracked::default(), SharedList::default());
        let (mut seed, mut copies) = (7_u64, Vec::new());
        for round in 0..60 {
            for n in 0..200 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let key = seed >> 33 & 0x7ff;
                if seed >> 20 & 3 == 0 || round > 40 {
                    map.remove(&key);
                } else {
                    map.insert(key, value(key, n));
                }
            }
            update(&mut map, &mut list);
            let expected: Vec<Pair> = map.iter().map(|(k, v)| (*k, *v)).collect();
            assert!(list.iter().eq(&expected), "round {round}");
            assert_eq!((list.len(), map.touched()), (expected.len(), 0));
            copies.push((list.clone(), expected));
        }
        assert!(copies.iter().all(|(copy, expected)| copy.iter().eq(expected)));
        assert!(list.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
    }

    #[test]
    fn a_copy_shares_all_but_the_chunk_that_changed() {
        let mut list: SharedList<Pair> = (0..10_000).map(|n| Arc::new((n, n))).collect();
        let copy = list.clone();
        list.put(Some(Arc::new((5, 0))), |item| item.0.cmp(&5));
        let both = list.chunks.iter().zip(copy.chunks.iter());
        assert_eq!(both.filter(|(new, old)| !Arc::ptr_eq(new, old)).count(), 1);
    }

    #[test]
    fn a_list_travels_as_a_list() {
        let list: SharedList<u64> = (0..1000).map(Arc::new).collect();
        let json = serde_json::to_string(&list).unwrap();
        assert!(json.starts_with("[0,1,2,"));
        assert_eq!(serde_json::from_str::<SharedList<u64>>(&json).unwrap(), list);
    }

    #[test]
    fn a_change_that_others_do_not_see_is_not_remembered() {
        let mut map: Tracked<u64, u64> = Tracked::default();
        map.insert(1, value(1, 1));
        let mut list = SharedList::default();
        update(&mut map, &mut list);
        *map.get_mut_unseen(&1).unwrap() = 9;
        assert_eq!((map.touched(), map.get_mut(&2)), (0, None));
        assert_eq!(map.touched(), 0);
        map.get_mut(&1).unwrap();
        assert_eq!(map.touched(), 1);
    }
}
