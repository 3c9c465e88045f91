//! Which store, as configuration files say it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::Store;
use crate::embedded::Embedded;
use crate::error::StoreError;
use crate::etcd::Etcd;

/// One of the two implementations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreConfig {
    /// One file of this process.
    Embedded { path: PathBuf },
    /// An etcd cluster that several masters share.
    Etcd {
        /// `host:port` or `http://host:port` of its members.
        endpoints: Vec<String>,
        /// How long a leader that is killed or cut off stays leader. etcd grants no less than 2 s
        /// with its default timings; shorter is more easily lost to a busy disk.
        #[serde(default = "default_ttl", with = "duration")]
        ttl: Duration,
    },
}

/// 3 s: one second above the least that etcd grants, so that one slow disk write is survived.
fn default_ttl() -> Duration {
    Duration::from_secs(3)
}

impl StoreConfig {
    /// etcd at these endpoints, with the default TTL.
    pub fn etcd(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let endpoints = endpoints.into_iter().map(Into::into).collect();
        Self::Etcd { endpoints, ttl: default_ttl() }
    }
}

/// Opens the store of one scope (`master`, `services`) of a cluster. etcd is not waited for: what
/// is asked of it fails until it answers.
pub fn open(
    config: &StoreConfig,
    cluster: &str,
    scope: &str,
) -> Result<Arc<dyn Store>, StoreError> {
    for part in [cluster, scope] {
        if part.is_empty() || part.contains('/') {
            let why = format!("`{part}` cannot be part of a key: it must not be empty or have `/`");
            return Err(StoreError::Config(why));
        }
    }
    Ok(match config {
        StoreConfig::Embedded { path } => Arc::new(Embedded::open(path, scope)?),
        StoreConfig::Etcd { endpoints, ttl } => {
            Arc::new(Etcd::open(endpoints, *ttl, cluster, scope)?)
        }
    })
}

mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(ttl: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&humantime::format_duration(*ttl))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(d)?;
        humantime::parse_duration(&text).map_err(|error| {
            de::Error::custom(format!("`{text}` is not a duration such as `3s`: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_read_from_toml() {
        #[derive(Deserialize)]
        struct File {
            store: StoreConfig,
        }
        let embedded: File = toml::from_str("[store.embedded]\npath = '/var/x'").unwrap();
        assert_eq!(embedded.store, StoreConfig::Embedded { path: "/var/x".into() });
        let etcd: File = toml::from_str("[store.etcd]\nendpoints = ['h:2379']").unwrap();
        assert_eq!(etcd.store, StoreConfig::etcd(["h:2379"]));
        let etcd: File = toml::from_str("store.etcd = { endpoints = [], ttl = '5s' }").unwrap();
        let ttl = Duration::from_secs(5);
        assert_eq!(etcd.store, StoreConfig::Etcd { endpoints: vec![], ttl });
        assert!(toml::from_str::<File>("[store.etcd]\nendpoints = []\nttl = 'soon'").is_err());
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        let config = StoreConfig::etcd(["127.0.0.1:1"]);
        assert!(open(&config, "a/b", "master").is_err());
        assert!(open(&config, "", "master").is_err());
        assert!(open(&StoreConfig::etcd(Vec::<String>::new()), "c", "master").is_err());
    }
}
