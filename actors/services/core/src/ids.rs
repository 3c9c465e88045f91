//! Ids out of a seed and a counter: unique when the seed is, and the same in every replay.

use serde::Serialize;

/// Makes ids. The seed comes from the shell, new for every process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct IdSource {
    seed: u64,
    salt: u64,
    next: u64,
}

impl IdSource {
    /// Seeds of different processes must differ; so must `salt` for two sources of one seed.
    pub(crate) fn new(seed: u128, salt: u64) -> Self {
        Self { seed: (seed >> 64) as u64 ^ seed as u64, salt: mix(salt ^ (seed as u64)), next: 0 }
    }

    /// A number that no one can tell from a random one.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        mix(self.seed ^ mix(self.salt.wrapping_add(self.next)))
    }

    /// In the form of a random UUID (version 4, variant 1 of RFC 9562).
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Which instance a task is a run of: `<app path with / as _>.instance-<uuid>`, and which run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct InstanceName {
    stem: String,
    run: u64,
}

impl InstanceName {
    /// A new instance of `app_id`.
    pub(crate) fn new(app_id: &str, ids: &mut IdSource) -> Self {
        let path = app_id.trim_start_matches('/').replace('/', "_");
        Self { stem: format!("{path}.instance-{}", ids.uuid()), run: 1 }
    }

    /// The run after the one of this task; `None` if it is not named as ours are.
    pub(crate) fn after(task_id: &str) -> Option<Self> {
        let (stem, run) = task_id.rsplit_once("._app.")?;
        Some(Self { stem: stem.to_owned(), run: run.parse::<u64>().ok()?.checked_add(1)? })
    }

    /// The task of this run.
    pub(crate) fn task_id(&self) -> protocol::TaskId {
        format!("{}._app.{}", self.stem, self.run).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_repeat_with_their_seed() {
        let make = |seed, salt| {
            let mut ids = IdSource::new(seed, salt);
            (0..1000).map(|_| ids.uuid()).collect::<BTreeSet<_>>()
        };
        assert_eq!(make(1, 1).len(), 1000);
        assert_eq!(make(7, 3), make(7, 3));
        assert!(make(7, 3).is_disjoint(&make(7, 4)) && make(7, 3).is_disjoint(&make(8, 3)));
    }

    #[test]
    fn uuids_have_their_form() {
        let uuid = IdSource::new(1, 2).uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }

    #[test]
    fn a_rerun_keeps_the_instance_and_counts_up() {
        let first = InstanceName::new("/shop/web", &mut IdSource::new(1, 1)).task_id();
        assert!(first.as_str().starts_with("shop_web.instance-"));
        let second = InstanceName::after(first.as_str()).unwrap().task_id();
        assert_eq!(second.as_str(), first.as_str().replace("._app.1", "._app.2"));
        assert_eq!(InstanceName::after("somebody-else"), None);
    }
}
