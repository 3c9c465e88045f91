//! What has been asked back of others and has not come yet, as the one who asked for it counts it.
//! `frameworks` counts alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::Time;

use crate::model::{Agent, Client};
use crate::quantities::Quantities;
use crate::slab::Slot;

/// What a client holds on an agent.
pub(crate) type Place = (Slot<Agent>, Client);

/// What is on its way back.
#[derive(Debug, Default)]
pub(crate) struct Reclaims {
    /// Of each place, what was asked for first is first.
    pub(crate) coming: BTreeMap<Place, Vec<Coming>>,
    /// Somebody for whom something was asked for may have given up.
    pub(crate) doubtful: bool,
}

/// What was asked for at once.
#[derive(Debug)]
pub(crate) struct Coming {
    pub(crate) left: Quantities,
    pub(crate) until: Time,
    pub(crate) for_role: Arc<str>,
    /// Since when nobody for whom it was asked has lacked anything.
    pub(crate) enough_since: Option<Time>,
}

impl Reclaims {
    /// Something has come back; it counts for what was asked for first.
    pub(crate) fn returned(&mut self, at: Slot<Agent>, client: Client, sums: &Quantities) {
        let Some(asked) = self.coming.get_mut(&(at, client)) else { return };
        let mut came = sums.clone();
        asked.retain_mut(|coming| {
            settle(&mut coming.left, &mut came);
            !coming.left.is_zero()
        });
        if asked.is_empty() {
            self.coming.remove(&(at, client));
        }
    }

    pub(crate) fn forget_agent(&mut self, at: Slot<Agent>) {
        self.coming.retain(|(of, _), _| *of != at);
    }

    pub(crate) fn forget_client(&mut self, client: Client) {
        self.coming.retain(|(_, of), _| *of != client);
    }

    /// Somebody wants less than before: what is coming is looked at at once.
    pub(crate) fn doubt(&mut self) {
        self.doubtful = !self.coming.is_empty();
    }

    /// Forgets what `drop` accepts; where it was, and for whom.
    pub(crate) fn forget(
        &mut self,
        mut drop: impl FnMut(&Place, &mut Coming) -> bool,
    ) -> Vec<(Place, Arc<str>)> {
        let mut forgotten = Vec::new();
        self.coming.retain(|place, asked| {
            asked.retain_mut(|coming| {
                let goes = drop(place, coming);
                forgotten.extend(goes.then(|| (*place, Arc::clone(&coming.for_role))));
                !goes
            });
            !asked.is_empty()
        });
        forgotten
    }

    pub(crate) fn at(&self, place: &Place) -> Quantities {
        sum(self.coming.get(place).into_iter().flatten())
    }

    pub(crate) fn by_role(&self) -> BTreeMap<Arc<str>, Quantities> {
        let mut sums: BTreeMap<_, Quantities> = BTreeMap::new();
        for coming in self.coming.values().flatten() {
            sums.entry(Arc::clone(&coming.for_role)).or_default().add(&coming.left);
        }
        sums
    }
}

pub(crate) fn sum<'a>(coming: impl Iterator<Item = &'a Coming>) -> Quantities {
    let mut sum = Quantities::default();
    coming.for_each(|coming| sum.add(&coming.left));
    sum
}

/// Takes off both what they have in common.
pub(crate) fn settle(one: &mut Quantities, other: &mut Quantities) {
    let common = one.least(other);
    one.subtract(&common);
    other.subtract(&common);
}
