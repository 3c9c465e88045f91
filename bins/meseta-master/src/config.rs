//! What an operator decides about a master. `config/master.toml` explains every key.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use allocator::{Options, PolicyKind};
use boot::net::Place;
use boot::{CommonFlags, Invalid, LogFormat, Logging, Role};
use protocol::Resources;
use protocol::framework::Domain;
use protocol::frameworks::RoleSettings;
use protocol::quota::Quota;
use serde::{Deserialize, Serialize};
use store::StoreConfig;

use crate::access::AccessSettings;

/// The configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) cluster: String,
    pub(crate) http: SocketAddr,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) advertise: Option<String>,
    pub(crate) store: String,
    pub(crate) lease_ttl_ms: u64,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) domain: Option<Domain>,
    pub(crate) access: AccessSettings,
    pub(crate) agents: agents::Config,
    pub(crate) allocator: AllocatorSettings,
    pub(crate) frameworks: frameworks::Config,
}

/// The `[allocator]` section: the allocator's options, with resources as people write them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AllocatorSettings {
    policy: PolicyKind,
    weights: BTreeMap<String, f64>,
    quotas: BTreeMap<String, Quota>,
    priorities: BTreeMap<String, i64>,
    preempt_grace_ms: Option<u64>,
    min_allocatable: Vec<String>,
    fairness_excluded: Vec<String>,
    filter_gpu_resources: bool,
    coalesce_ms: u64,
    full_pass_ms: u64,
    min_refuse_ms: u64,
}

impl Default for AllocatorSettings {
    fn default() -> Self {
        let own = Options::default();
        Self {
            policy: own.policy,
            weights: own.weights,
            quotas: own.quotas,
            priorities: own.priorities,
            preempt_grace_ms: own.preempt_grace_ms,
            min_allocatable: vec!["cpus=0.01".to_owned(), "mem=32".to_owned()],
            fairness_excluded: own.fairness_excluded,
            filter_gpu_resources: own.filter_gpu_resources,
            coalesce_ms: own.coalesce_ms,
            full_pass_ms: own.full_pass_ms,
            min_refuse_ms: own.min_refuse_ms,
        }
    }
}

impl AllocatorSettings {
    /// What roles have unless operators set something else.
    pub(crate) fn roles(&self) -> RoleSettings {
        RoleSettings { quotas: self.quotas.clone(), weights: self.weights.clone() }
    }

    /// As the allocator of a master in this region takes them.
    fn options(&self, region: Option<&str>) -> Result<Options, Invalid> {
        let least = self.min_allocatable.iter().map(|text| Resources::parse(text));
        let least: Result<Vec<Resources>, _> = least.collect();
        let own = self.clone();
        let options = Options {
            policy: own.policy,
            weights: own.weights,
            quotas: own.quotas,
            priorities: own.priorities,
            preempt_grace_ms: own.preempt_grace_ms,
            min_allocatable: least
                .map_err(|e| Invalid::new("allocator.min_allocatable", e.to_string()))?,
            fairness_excluded: own.fairness_excluded,
            filter_gpu_resources: own.filter_gpu_resources,
            region: region.map(str::to_owned),
            coalesce_ms: own.coalesce_ms,
            full_pass_ms: own.full_pass_ms,
            min_refuse_ms: own.min_refuse_ms,
        };
        options.validate().map_err(|e| Invalid::new("allocator", e.to_string()))?;
        Ok(options)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster: "meseta".to_owned(),
            http: SocketAddr::from(([127, 0, 0, 1], 5050)),
            listen: None,
            advertise: None,
            store: "embedded:data/master/store.redb".to_owned(),
            lease_ttl_ms: 3000,
            log: "info".to_owned(),
            log_format: LogFormat::Human,
            domain: None,
            access: AccessSettings::default(),
            agents: agents::Config::default(),
            allocator: AllocatorSettings::default(),
            frameworks: frameworks::Config::default(),
        }
    }
}

impl boot::Settings for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        self.options()?;
        self.access.read()?;
        self.store().map(drop)
    }

    fn logging(&self) -> Logging {
        Logging { filter: self.log.clone(), format: self.log_format }
    }

    fn place(&self) -> Place<'_> {
        let advertise = self.advertise.as_deref();
        Place { cluster: &self.cluster, http: self.http, listen: self.listen, advertise }
    }
}

impl Settings {
    /// How the allocator of this master is to allocate.
    pub(crate) fn options(&self) -> Result<Options, Invalid> {
        let region = self.domain.as_ref().map(|domain| domain.region.as_str());
        self.allocator.options(region)
    }

    /// The store that `store` names.
    pub(crate) fn store(&self) -> Result<StoreConfig, Invalid> {
        boot::store(&self.store, self.lease_ttl_ms)
    }
}

/// One master of a Meseta cluster: admits agents, subscribes frameworks, and offers to the latter
/// what the former have. One of several leads; the others stand by and send clients to it.
#[derive(Debug, clap::Parser, Serialize)]
#[command(name = "meseta-master", version, max_term_width = 100, after_long_help = boot::exit::HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    #[serde(flatten)]
    common: CommonFlags,
    /// Where to serve HTTP [default: 127.0.0.1:5050]
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<SocketAddr>,
    /// embedded:FILE for one master, etcd:HOST:PORT,.. for several
    /// [default: embedded:data/master/store.redb]
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

impl Role for Flags {
    type Settings = Settings;
    const NAME: &'static str = "meseta-master";

    fn common(&self) -> &CommonFlags {
        &self.common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_every_key_with_its_default_and_prints_as_it_loads() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/master.toml");
        assert_eq!(boot::sample::faults::<Settings>(sample.as_ref()), Vec::<String>::new());
    }

    #[test]
    fn the_allocators_defaults_are_its_own() {
        assert_eq!(Settings::default().options(), Ok(Options::default()));
    }

    #[test]
    fn the_region_of_the_allocator_is_that_of_the_master() {
        let domain = Domain { region: "europe".to_owned(), zone: "a".to_owned() };
        let settings = Settings { domain: Some(domain), ..Settings::default() };
        assert_eq!(settings.options().unwrap().region.as_deref(), Some("europe"));
    }
}
