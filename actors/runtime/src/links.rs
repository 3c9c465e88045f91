//! Who wants to hear of whose end.
//!
//! Both directions are kept: which local actors are watched and by whom, and which remote actors
//! local ones watch, by host, so that a broken connection costs what was linked over it.

use std::collections::BTreeSet;

use foldhash::HashMap;
use parking_lot::Mutex;
use protocol::{Address, HostAddr};

#[derive(Default)]
pub(crate) struct Links {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Local actor's name → who watches it (local or remote).
    watchers: HashMap<Box<str>, BTreeSet<Address>>,
    /// Remote host → (local watcher, watched actor there).
    watching: HashMap<HostAddr, BTreeSet<(Address, Address)>>,
}

impl Links {
    /// `watcher` (anywhere) watches the local actor `name`.
    pub(crate) fn watch_local(&self, watcher: &Address, name: &str) {
        let mut inner = self.inner.lock();
        inner.watchers.entry(name.into()).or_default().insert(watcher.clone());
    }

    pub(crate) fn unwatch_local(&self, watcher: &Address, name: &str) {
        let mut inner = self.inner.lock();
        if let Some(watchers) = inner.watchers.get_mut(name) {
            watchers.remove(watcher);
            if watchers.is_empty() {
                inner.watchers.remove(name);
            }
        }
    }

    /// The local `watcher` watches `target` on another host. False if it did already.
    pub(crate) fn watch_remote(&self, watcher: &Address, target: &Address) -> bool {
        let mut inner = self.inner.lock();
        let pairs = inner.watching.entry(target.host().clone()).or_default();
        pairs.insert((watcher.clone(), target.clone()))
    }

    /// True if there was such a link.
    pub(crate) fn unwatch_remote(&self, watcher: &Address, target: &Address) -> bool {
        let mut inner = self.inner.lock();
        let Some(pairs) = inner.watching.get_mut(target.host()) else { return false };
        let was = pairs.remove(&(watcher.clone(), target.clone()));
        if pairs.is_empty() {
            inner.watching.remove(target.host());
        }
        was
    }

    /// The local actor `ended`: who is to be told. Its own links go with it; those to remote
    /// actors come back so that the other side can be told.
    pub(crate) fn actor_ended(&self, ended: &Address) -> (BTreeSet<Address>, Vec<Address>) {
        let mut inner = self.inner.lock();
        let watchers = inner.watchers.remove(ended.name()).unwrap_or_default();
        for others in inner.watchers.values_mut() {
            others.remove(ended);
        }
        let mut released = Vec::new();
        for pairs in inner.watching.values_mut() {
            pairs.retain(|(watcher, target)| {
                let its = watcher == ended;
                if its {
                    released.push(target.clone());
                }
                !its
            });
        }
        inner.watchers.retain(|_, watchers| !watchers.is_empty());
        inner.watching.retain(|_, pairs| !pairs.is_empty());
        (watchers, released)
    }

    /// The connection to `host` is gone: which local watchers lose which target.
    pub(crate) fn host_lost(&self, host: &HostAddr) -> BTreeSet<(Address, Address)> {
        let mut inner = self.inner.lock();
        for watchers in inner.watchers.values_mut() {
            watchers.retain(|watcher| watcher.host() != host);
        }
        inner.watchers.retain(|_, watchers| !watchers.is_empty());
        inner.watching.remove(host).unwrap_or_default()
    }
}
