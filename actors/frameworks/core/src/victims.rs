//! Which tasks have to end so that enough is free: as few as will do, and of these the ones that
//! leave least unused.

use std::collections::BTreeMap;

use protocol::resources::{Resource, Resources, Scalar};

/// Scalars by name; none is zero.
pub(crate) type Amounts = BTreeMap<String, Scalar>;

/// So many are compared two by two: the tasks of a crowded agent, in well under a millisecond.
const PAIRED: usize = 200;

/// All scalars of a bag, as the allocator counts what comes back.
pub(crate) fn amounts(bag: &Resources) -> Amounts {
    let sums = bag.scalars().into_iter().filter(|(_, amount)| amount.is_positive());
    sums.map(|(name, amount)| (name.to_owned(), amount)).collect()
}

/// Those of them that are of use to others.
pub(crate) fn plain(bag: &Resources) -> Amounts {
    let plain = |r: &Resource| r.reservations.is_empty() && !r.revocable && r.disk.is_none();
    amounts(&bag.filter(plain))
}

/// Takes as much of `other` away as is there; gives what was.
pub(crate) fn take(from: &mut Amounts, other: &Amounts) -> Amounts {
    let mut taken = Amounts::new();
    for (name, amount) in other {
        let Some(left) = from.get_mut(name) else { continue };
        let part = (*left).min(*amount);
        *left -= part;
        if part.is_positive() {
            taken.insert(name.clone(), part);
        }
    }
    from.retain(|_, left| left.is_positive());
    taken
}

pub(crate) fn add(to: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        *to.entry(name.clone()).or_default() += *amount;
    }
}

/// The places in `held` of the fewest that together have what is needed. If all of them have not,
/// of all that have anything of it.
pub(crate) fn fewest(held: &[Amounts], need: &Amounts) -> Vec<usize> {
    let mut chosen = one_by_one(held, need);
    thin_out(held, need, &mut chosen);
    if chosen.len() > 1 && held.len() <= PAIRED {
        return pair(held, need).unwrap_or(chosen);
    }
    chosen
}

/// The one that gives most of what is left to take, again and again; of equals the one of which
/// least is left unused.
fn one_by_one(held: &[Amounts], need: &Amounts) -> Vec<usize> {
    let mut left = need.clone();
    let mut chosen: Vec<usize> = Vec::new();
    while !left.is_empty() {
        let rest = (0..held.len()).filter(|at| !chosen.contains(at));
        let rated =
            rest.map(|at| (gain(&held[at], &left, need), waste(&held[at], &left, need), at));
        let best = rated.filter(|(gain, ..)| *gain > 0.0).reduce(|best, next| {
            let order = next.0.total_cmp(&best.0).then(best.1.total_cmp(&next.1));
            if order.is_gt() { next } else { best }
        });
        let Some((_, _, at)) = best else { break };
        take(&mut left, &held[at]);
        chosen.push(at);
    }
    chosen
}

/// Spares those without which the others suffice.
fn thin_out(held: &[Amounts], need: &Amounts, chosen: &mut Vec<usize>) {
    for at in chosen.clone() {
        let others: Vec<_> = chosen.iter().copied().filter(|other| *other != at).collect();
        if suffices(held, need, &others) {
            *chosen = others;
        }
    }
}

/// The two that suffice and leave least unused.
fn pair(held: &[Amounts], need: &Amounts) -> Option<Vec<usize>> {
    let mut best: Option<(f64, [usize; 2])> = None;
    for one in 0..held.len() {
        for other in one + 1..held.len() {
            if !suffices(held, need, &[one, other]) {
                continue;
            }
            let mut both = held[one].clone();
            add(&mut both, &held[other]);
            let waste = waste(&both, need, need);
            if best.is_none_or(|(least, _)| waste < least) {
                best = Some((waste, [one, other]));
            }
        }
    }
    best.map(|(_, pair)| pair.to_vec())
}

fn suffices(held: &[Amounts], need: &Amounts, chosen: &[usize]) -> bool {
    let mut left = need.clone();
    chosen.iter().for_each(|at| drop(take(&mut left, &held[*at])));
    left.is_empty()
}

/// How much of what is left it gives, in parts of what is needed.
fn gain(held: &Amounts, left: &Amounts, need: &Amounts) -> f64 {
    parts(need, |name| amount(held, name).min(amount(left, name)))
}

/// How much more it has, in parts of what is needed.
fn waste(held: &Amounts, left: &Amounts, need: &Amounts) -> f64 {
    parts(need, |name| amount(held, name).saturating_sub(amount(left, name)))
}

fn parts(need: &Amounts, of: impl Fn(&str) -> Scalar) -> f64 {
    need.iter().map(|(name, all)| of(name).as_f64() / all.as_f64()).sum()
}

fn amount(of: &Amounts, name: &str) -> Scalar {
    of.get(name).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bag(text: &str) -> Amounts {
        amounts(&Resources::parse(text).unwrap())
    }

    fn chosen(held: &[&str], need: &str) -> Vec<usize> {
        let held: Vec<_> = held.iter().map(|text| bag(text)).collect();
        let mut chosen = fewest(&held, &bag(need));
        chosen.sort_unstable();
        chosen
    }

    #[test]
    fn the_smallest_single_one_that_suffices_goes() {
        assert_eq!(chosen(&["cpus=1", "cpus=4", "cpus=2", "cpus=3"], "cpus=2"), [2]);
        assert_eq!(chosen(&["cpus=2;mem=10", "cpus=1;mem=90"], "cpus=1;mem=50"), [1]);
    }

    #[test]
    fn no_more_go_than_will_do() {
        assert_eq!(chosen(&["cpus=1", "cpus=1", "cpus=1"], "cpus=2"), [0, 1]);
        assert_eq!(chosen(&["cpus=3", "cpus=2", "cpus=2"], "cpus=4"), [1, 2]);
        // One by one: the first, which has most of both, then each of the others.
        let held = ["cpus=3;mem=3", "cpus=4;mem=1", "cpus=1;mem=4"];
        assert_eq!(chosen(&held, "cpus=5;mem=5"), [1, 2]);
    }

    #[test]
    fn who_has_nothing_of_it_is_spared_even_if_the_others_do_not_suffice() {
        assert_eq!(chosen(&["mem=10", "cpus=1", "gpus=1"], "cpus=2"), [1]);
        assert!(chosen(&["mem=10"], "cpus=2").is_empty());
    }

    /// The fewest of all subsets.
    fn optimum(held: &[Amounts], need: &Amounts) -> usize {
        let subsets = 0..1usize << held.len();
        let members = |set: usize| (0..held.len()).filter(move |at| set >> at & 1 == 1);
        let enough = subsets.filter(|set| suffices(held, need, &members(*set).collect::<Vec<_>>()));
        enough.map(usize::count_ones).min().expect("all of them suffice") as usize
    }

    #[test]
    fn of_one_resource_the_fewest_are_found_always() {
        let mut seed = 1_u64;
        let mut draw = |most: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            1 + (seed >> 33) % most
        };
        for _ in 0..500 {
            let held: Vec<_> = (0..draw(7)).map(|_| bag(&format!("cpus={}", draw(9)))).collect();
            let all: Scalar = held.iter().map(|one| amount(one, "cpus")).sum();
            let need = bag(&format!("cpus={}", draw(all.as_f64() as u64)));
            assert_eq!(fewest(&held, &need).len(), optimum(&held, &need), "{held:?} {need:?}");
        }
    }
}
