//! A place in a queue: what is compared to tell who is served next.

use std::cmp::Ordering;
use std::sync::Arc;

/// A policy's rank; the lower is served first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rank(pub(crate) f64);

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Rank {}
impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A place in a queue. Whoever has less than is guaranteed comes before all others; of equal ranks,
/// whoever was served longer ago comes first, so that equals take turns; the name settles the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place<S> {
    pub(crate) content: bool,
    pub(crate) rank: Rank,
    pub(crate) served: u64,
    pub(crate) name: Arc<str>,
    pub(crate) slot: S,
}
