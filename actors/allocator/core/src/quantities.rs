//! Sums of scalar resources as dense vectors: what shares are computed from.
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
        let mut sums = Quantities::default();
        for resource in bag.iter() {
            if let Value::Scalar(amount) = resource.value {
                *sums.at(self.index(&resource.name)) += amount.milli();
            }
        }
        sums
    }

    fn index(&mut self, name: &str) -> usize {
        // A handful of names: a scan beats a map.
        self.0.iter().position(|known| known == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    /// The name at an index that [`Quantities::dominant`] gave.
    pub(crate) fn name(&self, index: usize) -> &str {
        &self.0[index]
    }

    /// By name, without those that are zero.
    pub(crate) fn by_name(&self, sums: &Quantities) -> BTreeMap<String, Scalar> {
        let named = self.0.iter().zip(&sums.0).filter(|(_, milli)| **milli != 0);
        named.map(|(name, milli)| (name.clone(), Scalar::from_milli(*milli))).collect()
    }

    /// As an unreserved bag.
    pub(crate) fn bag(&self, sums: &Quantities) -> Resources {
        let scalar = |(name, sum)| Resource::new(name, Value::Scalar(sum));
        self.by_name(sums).into_iter().map(scalar).collect()
    }
}

/// Thousandths by index of [`Names`]; what is not there is zero.
#[derive(Clone, Debug, Default)]
pub struct Quantities(Vec<i64>);

impl Quantities {
    fn at(&mut self, index: usize) -> &mut i64 {
        if index >= self.0.len() {
            self.0.resize(index + 1, 0);
        }
        &mut self.0[index]
    }

    /// Adds every quantity of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        for (index, milli) in other.0.iter().enumerate() {
            *self.at(index) += milli;
        }
    }

    /// Takes every quantity of `other` away.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (index, milli) in other.0.iter().enumerate() {
            *self.at(index) -= milli;
        }
    }

    /// The largest fraction of any one resource of `total`, and the index of that resource. What
    /// the cluster has none of does not count.
    pub fn dominant(&self, total: &Self) -> Option<(f64, usize)> {
        let pairs = self.0.iter().zip(&total.0).enumerate();
        let shares = pairs.filter(|(_, (_, all))| **all > 0);
        // On equal fractions the first name wins, so that the answer does not waver.
        shares.map(|(index, (mine, all))| (*mine as f64 / *all as f64, index)).reduce(
            |best, next| {
                if next.0 > best.0 { next } else { best }
            },
        )
    }
}

impl PartialEq for Quantities {
    fn eq(&self, other: &Self) -> bool {
        let longest = self.0.len().max(other.0.len());
        let at = |sums: &Self, index| sums.0.get(index).copied().unwrap_or(0);
        (0..longest).all(|index| at(self, index) == at(other, index))
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
    fn trailing_zeros_do_not_make_a_difference() {
        let mut names = Names::default();
        let mut a = names.quantities(&Resources::parse("cpus=1;mem=2").unwrap());
        a.subtract(&names.quantities(&Resources::parse("mem=2").unwrap()));
        assert_eq!(a, names.quantities(&Resources::parse("cpus=1").unwrap()));
    }
}
