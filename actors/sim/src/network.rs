//! Connections between the master and everybody else: in order while they hold, gone with all
//! that is on its way when they break, and noticed to be gone by each end on its own.

use std::collections::BTreeMap;

use protocol::Time;

use crate::event::{Peer, Side};

/// The connection of one peer.
#[derive(Debug, Default)]
struct Link {
    /// Of the last connection that was opened.
    session: u64,
    open: bool,
    /// The ends that have not noticed that the last connection is gone.
    master_unaware: bool,
    peer_unaware: bool,
    /// The last arrival at each end, so that later ones come later.
    last_at_master: Time,
    last_at_peer: Time,
    peer_up: bool,
    partitioned: bool,
}

/// All connections of the master's host.
#[derive(Debug)]
pub(crate) struct Network {
    links: BTreeMap<Peer, Link>,
    pub(crate) master_up: bool,
}

impl Network {
    pub(crate) fn new(agents: usize, schedulers: usize) -> Self {
        let peers = (0..agents).map(Peer::Agent).chain((0..schedulers).map(Peer::Scheduler));
        Self { links: peers.map(|peer| (peer, Link::default())).collect(), master_up: false }
    }

    pub(crate) fn peers(&self) -> Vec<Peer> {
        self.links.keys().copied().collect()
    }

    fn link(&mut self, peer: Peer) -> &mut Link {
        self.links.get_mut(&peer).expect("every peer has a link from the beginning")
    }

    /// The open connection.
    pub(crate) fn session(&self, peer: Peer) -> Option<u64> {
        self.links.get(&peer).filter(|link| link.open).map(|link| link.session)
    }

    /// Whether `from` would find the other end, and knows that it has to look.
    pub(crate) fn can_open(&self, peer: Peer, from: Side) -> bool {
        let Some(link) = self.links.get(&peer) else { return false };
        let unaware = match from {
            Side::Master => link.master_unaware,
            Side::Peer => link.peer_unaware,
        };
        self.master_up && link.peer_up && !link.partitioned && !unaware
    }

    /// Opens a connection; also the old one and the end that has yet to hear that it is gone.
    pub(crate) fn open(&mut self, peer: Peer, now: Time) -> (u64, Option<(u64, Side)>) {
        let link = self.link(peer);
        let unaware = if link.master_unaware {
            Some((link.session, Side::Master))
        } else if link.peer_unaware {
            Some((link.session, Side::Peer))
        } else {
            None
        };
        link.session += 1;
        link.open = true;
        link.last_at_master = now;
        link.last_at_peer = now;
        (link.session, unaware)
    }

    /// Closes the connection, if it is open.
    pub(crate) fn cut(&mut self, peer: Peer) -> Option<u64> {
        let master_up = self.master_up;
        let link = self.link(peer);
        if !link.open {
            return None;
        }
        link.open = false;
        link.master_unaware = master_up;
        link.peer_unaware = link.peer_up;
        Some(link.session)
    }

    /// An end notices that `session` is gone. False if it knew.
    pub(crate) fn notice(&mut self, peer: Peer, session: u64, side: Side) -> bool {
        let link = self.link(peer);
        let stale = session < link.session && !link.open;
        let unaware = match side {
            Side::Master => &mut link.master_unaware,
            Side::Peer => &mut link.peer_unaware,
        };
        // A newer connection has broken meanwhile: its own notice tells of it.
        if stale { false } else { std::mem::take(unaware) }
    }

    pub(crate) fn partition(&mut self, peer: Peer, partitioned: bool) {
        self.link(peer).partitioned = partitioned;
    }

    pub(crate) fn set_peer_up(&mut self, peer: Peer, up: bool) {
        let link = self.link(peer);
        link.peer_up = up;
        if !up {
            link.peer_unaware = false;
        }
    }

    pub(crate) fn set_master_up(&mut self, up: bool) {
        self.master_up = up;
        if !up {
            for link in self.links.values_mut() {
                link.master_unaware = false;
            }
        }
    }

    /// The time of an arrival that keeps the order at that end.
    pub(crate) fn in_order(&mut self, peer: Peer, to: Side, at: Time) -> Time {
        let link = self.link(peer);
        let last = match to {
            Side::Master => &mut link.last_at_master,
            Side::Peer => &mut link.last_at_peer,
        };
        *last = (*last).max(at);
        *last
    }
}
