//! Sums of scalar resources as dense vectors: what shares and quotas are computed from.
//!
//! Names become indices once, so that a share is a loop over three or four integers.

use std::collections::BTreeMap;

use protocol::resources::Value;
use protocol::{Resource, Resources, Scalar};

/// The names of the scalars seen so far; the place of a name in it is its index everywhere.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<String>);

impl Names {
    /// The scalars of a bag, whatever they are reserved for.
    pub(crate) fn quantities(&mut self, bag: &Resources) -> Quantities {
        self.sum_if(bag, |_| true)
    }

    /// The scalars of those resources of a bag that `counts` accepts.
    pub(crate) fn sum_if(
        &mut self,
        bag: &Resources,
        counts: impl Fn(&Resource) -> bool,
    ) -> Quantities {
        let mut sums = Quantities::default();
        for resource in bag.distinct().filter(|resource| counts(resource)) {
            if let Value::Scalar(amount) = resource.value {
                *sums.at(self.index(&resource.name)) += amount.milli();
            }
        }
        sums
    }

    /// The scalars of a bag whose names are all known: of what an agent has.
    pub(crate) fn known(&self, bag: &Resources) -> Quantities {
        let mut sums = Quantities::default();
        for resource in bag.distinct() {
            if let (Value::Scalar(amount), Some(index)) =
                (&resource.value, self.find(&resource.name))
            {
                *sums.at(index) += amount.milli();
            }
        }
        sums
    }

    /// Of a list of amounts.
    pub(crate) fn amounts(&mut self, list: &BTreeMap<String, Scalar>) -> Vec<(usize, i64)> {
        list.iter().map(|(name, amount)| (self.index(name), amount.milli())).collect()
    }

    /// The index of a name, given to it if it is new.
    pub(crate) fn index(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    /// The index of a name that has been seen.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        // A handful of names: a scan beats a map.
        self.0.iter().position(|known| known == name)
    }

    /// The name at an index that [`Quantities::dominant`] gave.
    pub(crate) fn name(&self, index: usize) -> &str {
        &self.0[index]
    }

    /// By name, without those that are zero.
    pub(crate) fn by_name(&self, sums: &Quantities) -> BTreeMap<String, Scalar> {
        let named = sums.iter().filter(|(_, milli)| *milli != 0);
        named.map(|(index, milli)| (self.0[index].clone(), Scalar::from_milli(milli))).collect()
    }

    /// As an unreserved bag.
    pub(crate) fn bag(&self, sums: &Quantities) -> Resources {
        let scalar = |(name, sum)| Resource::new(name, Value::Scalar(sum));
        self.by_name(sums).into_iter().map(scalar).collect()
    }
}

/// So many names need no memory of their own: cpus, mem, disk and gpus.
const INLINE: usize = 4;

/// Thousandths by index of [`Names`]; what is not there is zero.
#[derive(Clone, Debug, Default)]
pub struct Quantities {
    first: [i64; INLINE],
    more: Vec<i64>,
}

impl Quantities {
    /// The amount at an index.
    pub fn get(&self, index: usize) -> i64 {
        match self.first.get(index) {
            Some(milli) => *milli,
            None => self.more.get(index - INLINE).copied().unwrap_or(0),
        }
    }

    pub(crate) fn at(&mut self, index: usize) -> &mut i64 {
        if index < INLINE {
            return &mut self.first[index];
        }
        let index = index - INLINE;
        if index >= self.more.len() {
            self.more.resize(index + 1, 0);
        }
        &mut self.more[index]
    }

    /// Every amount that was ever set, with its index.
    pub fn iter(&self) -> impl Iterator<Item = (usize, i64)> {
        self.first.iter().chain(&self.more).copied().enumerate()
    }

    /// Nothing at all.
    pub(crate) fn is_zero(&self) -> bool {
        self.first.iter().chain(&self.more).all(|milli| *milli == 0)
    }

    /// Adds every quantity of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        for (index, milli) in other.iter() {
            if milli != 0 {
                *self.at(index) += milli;
            }
        }
    }

    /// Takes every quantity of `other` away.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (index, milli) in other.iter() {
            if milli != 0 {
                *self.at(index) -= milli;
            }
        }
    }

    /// What of this is more than in `other`, and nothing where it is not.
    pub(crate) fn above(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest.first.iter_mut().chain(&mut rest.more).for_each(|milli| *milli = (*milli).max(0));
        rest
    }

    /// The smaller of each.
    pub(crate) fn least(&self, other: &Self) -> Self {
        let mut least = Self::default();
        for index in 0..INLINE + self.more.len().max(other.more.len()) {
            *least.at(index) = self.get(index).min(other.get(index));
        }
        least
    }

    /// The largest fraction of any one resource of `total`, and the index of that resource. What
    /// the cluster has none of does not count.
    pub fn dominant(&self, total: &Self) -> Option<(f64, usize)> {
        let shares = self.fractions(total).map(|(index, share)| (share, index));
        // On equal fractions the first name wins, so that the answer does not waver.
        shares.reduce(|best, next| if next.0 > best.0 { next } else { best })
    }

    /// The fraction of each resource of `total`, of which there is some.
    pub fn fractions<'a>(&'a self, total: &'a Self) -> impl Iterator<Item = (usize, f64)> + 'a {
        let there = total.iter().filter(|(_, all)| *all > 0);
        there.map(|(index, all)| (index, self.get(index) as f64 / all as f64))
    }
}

impl PartialEq for Quantities {
    fn eq(&self, other: &Self) -> bool {
        let longest = INLINE + self.more.len().max(other.more.len());
        (0..longest).all(|index| self.get(index) == other.get(index))
    }
}

/// What an offer has to contain: one of these sets of amounts. None at all: anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Least(pub(crate) Vec<Vec<(usize, i64)>>);

impl Least {
    /// Whether so much is enough.
    pub(crate) fn is_met_by(&self, sums: &Quantities) -> bool {
        let enough = |set: &Vec<(usize, i64)>| set.iter().all(|(i, least)| sums.get(*i) >= *least);
        self.0.is_empty() || self.0.iter().any(enough)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_share_is_the_largest_fraction_of_what_there_is() {
        let mut names = Names::default();
        let total = names.quantities(&Resources::parse("cpus=9;mem=18").unwrap());
        let mine = names.quantities(&Resources::parse("cpus=3;mem=1;gpus=7").unwrap());
        let (share, index) = mine.dominant(&total).unwrap();
        assert_eq!((share, names.name(index)), (1.0 / 3.0, "cpus"));
    }

    #[test]
    fn what_is_zero_makes_no_difference_and_there_may_be_many_names() {
        let mut names = Names::default();
        let mut a = names.quantities(&Resources::parse("a=1;b=2;c=3;d=4;e=5;f=6").unwrap());
        assert_eq!(names.by_name(&a).len(), 6);
        a.subtract(&names.quantities(&Resources::parse("e=5;f=6").unwrap()));
        let b = names.quantities(&Resources::parse("a=1;b=2;c=3;d=4").unwrap());
        assert_eq!(a, b);
        assert_eq!(a.above(&b), Quantities::default());
        assert_eq!(a.least(&b), b);
    }
}
