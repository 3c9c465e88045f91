//! The three kinds of value a resource can have, and their arithmetic.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scalar;

/// A quantity, a set of intervals (ports), or a set of names.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Scalar(Scalar),
    Ranges(Ranges),
    Set(BTreeSet<String>),
}

impl Value {
    /// Zero, no interval, or no name.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(s) => !s.is_positive(),
            Self::Ranges(r) => r.is_empty(),
            Self::Set(s) => s.is_empty(),
        }
    }

    /// Adds a value of the same kind; for intervals and sets, what is already there stays once.
    pub(super) fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => *a += *b,
            (Self::Ranges(a), Self::Ranges(b)) => a.add(b),
            (Self::Set(a), Self::Set(b)) => a.extend(b.iter().cloned()),
            _ => debug_assert!(false, "entries are matched by kind before they are added"),
        }
    }

    /// The same for many. Intervals are sorted and merged once, not once for each value.
    pub(super) fn add_each(&mut self, others: Vec<Self>) {
        let Self::Ranges(mine) = self else {
            return others.iter().for_each(|other| self.add(other));
        };
        let mut all = std::mem::take(&mut mine.0);
        for other in others {
            match other {
                Self::Ranges(ranges) => all.extend(ranges.0),
                _ => debug_assert!(false, "entries are matched by kind before they are added"),
            }
        }
        *mine = all.into();
    }

    /// Takes `other` away; the caller has checked that it is contained.
    pub(super) fn subtract(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => *a = a.saturating_sub(*b),
            (Self::Ranges(a), Self::Ranges(b)) => a.subtract(b),
            (Self::Set(a), Self::Set(b)) => a.retain(|name| !b.contains(name)),
            _ => debug_assert!(false, "entries are matched by kind before they are subtracted"),
        }
    }

    /// Whether taking `other` away would leave nothing negative.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a >= b,
            (Self::Ranges(a), Self::Ranges(b)) => a.contains(b),
            (Self::Set(a), Self::Set(b)) => b.is_subset(a),
            _ => false,
        }
    }

    /// Same kind of value.
    pub(super) fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A set of whole numbers as sorted, disjoint, non-adjacent inclusive intervals.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(from = "Vec<(u64, u64)>")]
pub struct Ranges(Vec<(u64, u64)>);

impl From<Vec<(u64, u64)>> for Ranges {
    /// Sorts, merges, and drops intervals that end before they begin.
    fn from(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.retain(|(begin, end)| begin <= end);
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (begin, end) in ranges {
            match merged.last_mut() {
                Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((begin, end)),
            }
        }
        Self(merged)
    }
}

impl Ranges {
    /// One interval, both ends included.
    pub fn single(begin: u64, end: u64) -> Self {
        vec![(begin, end)].into()
    }

    /// The intervals in order.
    pub fn intervals(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Every number in order. Intervals are small (ports), but the caller should `take` what it
    /// needs.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(begin, end)| *begin..=*end)
    }

    /// How many numbers.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(begin, end)| (end - begin).saturating_add(1)).sum()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of `other` is here.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|(begin, end)| self.interval_with(*begin).is_some_and(|(_, e)| e >= *end))
    }

    fn interval_with(&self, n: u64) -> Option<(u64, u64)> {
        let after = self.0.partition_point(|(begin, _)| *begin <= n);
        self.0[..after].last().copied().filter(|(_, end)| *end >= n)
    }

    fn add(&mut self, other: &Self) {
        let mut all = std::mem::take(&mut self.0);
        all.extend_from_slice(&other.0);
        *self = all.into();
    }

    fn subtract(&mut self, other: &Self) {
        let mut left = Vec::with_capacity(self.0.len() + other.0.len());
        let mut taken = &other.0[..];
        for &(begin, end) in &self.0 {
            // What ends before this interval ends before the next ones, too.
            taken = &taken[taken.partition_point(|(_, e)| *e < begin)..];
            // What of this interval is still to be looked at; `None` once it is used up.
            let mut rest = Some(begin);
            for &(b, e) in taken.iter().take_while(|(b, _)| *b <= end) {
                let Some(from) = rest else { break };
                if b > from {
                    left.push((from, b - 1));
                }
                rest = e.checked_add(1).filter(|next| *next <= end);
            }
            left.extend(rest.map(|from| (from, end)));
        }
        self.0 = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn as_set(r: &Ranges) -> BTreeSet<u64> {
        r.iter().collect()
    }

    fn small() -> impl Strategy<Value = Ranges> {
        proptest::collection::vec((0u64..40, 0u64..8), 0..6)
            .prop_map(|v| v.into_iter().map(|(b, n)| (b, b + n)).collect::<Vec<_>>().into())
    }

    proptest! {
        #[test]
        fn ranges_behave_as_the_sets_they_stand_for(a in small(), b in small()) {
            let mut sum = a.clone();
            sum.add(&b);
            prop_assert_eq!(as_set(&sum), &as_set(&a) | &as_set(&b));
            let mut rest = a.clone();
            rest.subtract(&b);
            prop_assert_eq!(as_set(&rest), &as_set(&a) - &as_set(&b));
            prop_assert_eq!(a.contains(&b), as_set(&b).is_subset(&as_set(&a)));
            prop_assert_eq!(a.len() as usize, as_set(&a).len());
        }
    }

    #[test]
    fn the_ends_of_the_number_line_do_not_overflow() {
        let mut all = Ranges::single(0, u64::MAX);
        all.subtract(&Ranges::single(5, u64::MAX));
        assert_eq!(all, Ranges::single(0, 4));
        all.add(&Ranges::single(5, u64::MAX));
        assert_eq!(all, Ranges::single(0, u64::MAX));
    }
}
