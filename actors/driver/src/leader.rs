//! Who leads, as a driver follows it: the freshest leader that any master has named.

use protocol::elector::Leader;
use protocol::{Address, HostAddr};

/// Where a driver stands with the masters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No leader is known, or the known one did not take us.
    #[default]
    Seeking,
    /// Asked this one to subscribe us.
    Subscribing(Leader),
    Subscribed(Leader),
    /// Stopped for good.
    Stopped,
}

impl Standing {
    /// The leader that we deal with.
    pub(crate) fn leader(&self) -> Option<&Leader> {
        match self {
            Self::Subscribing(leader) | Self::Subscribed(leader) => Some(leader),
            Self::Seeking | Self::Stopped => None,
        }
    }

    /// The leader that takes our calls.
    pub(crate) fn subscribed(&self) -> Option<&Leader> {
        match self {
            Self::Subscribed(leader) => Some(leader),
            _ => None,
        }
    }

    /// Whether to turn to this leader. News of an older election comes from a master that has not
    /// heard yet; news of the present one is no news.
    pub(crate) fn prefers(&self, named: &Leader) -> bool {
        match self {
            Self::Stopped => false,
            Self::Seeking => true,
            Self::Subscribing(present) | Self::Subscribed(present) => named.epoch > present.epoch,
        }
    }
}

/// The frameworks manager of a host.
pub(crate) fn frameworks(host: &HostAddr) -> Address {
    Address::new("frameworks", host.clone())
}

/// The elector of a host.
pub(crate) fn elector(host: &HostAddr) -> Address {
    Address::new("elector", host.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Epoch;

    fn leader(epoch: u64) -> Leader {
        let host = HostAddr::parse("10.0.0.1:7050").unwrap();
        Leader { host, http: "10.0.0.1:5050".into(), epoch: Epoch(epoch) }
    }

    #[test]
    fn only_a_later_election_draws_a_driver_away() {
        let subscribed = Standing::Subscribed(leader(5));
        assert!(subscribed.prefers(&leader(6)));
        assert!(!subscribed.prefers(&leader(5)) && !subscribed.prefers(&leader(4)));
        assert!(Standing::Seeking.prefers(&leader(1)));
        assert!(!Standing::Stopped.prefers(&leader(9)));
    }
}
