//! What an operator decides about a service scheduler. `config/services.toml` explains every key.

use std::net::SocketAddr;

use boot::net::Place;
use boot::{CommonFlags, Invalid, LogFormat, Logging, Role};
use protocol::HostAddr;
use serde::{Deserialize, Serialize};
use store::StoreConfig;

/// The configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) cluster: String,
    pub(crate) http: SocketAddr,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) advertise: Option<String>,
    pub(crate) masters: Vec<HostAddr>,
    pub(crate) store: String,
    pub(crate) lease_ttl_ms: u64,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) services: services::Config,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster: "meseta".to_owned(),
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            listen: None,
            advertise: None,
            masters: boot::net::default_masters(),
            store: "embedded:data/services/store.redb".to_owned(),
            lease_ttl_ms: 3000,
            log: "info".to_owned(),
            log_format: LogFormat::Human,
            services: services::Config::default(),
        }
    }
}

impl boot::Settings for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        boot::net::check_masters("masters", &self.masters)?;
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
    /// The store that `store` names.
    pub(crate) fn store(&self) -> Result<StoreConfig, Invalid> {
        boot::store(&self.store, self.lease_ttl_ms)
    }
}

/// The service scheduler of a Meseta cluster: keeps apps running, with an API that is compatible
/// with Marathon's. One of several leads; the others stand by and send clients to it.
#[derive(Debug, clap::Parser, Serialize)]
#[command(
    name = "meseta-services", version, max_term_width = 100, after_long_help = boot::exit::HELP
)]
pub(crate) struct Flags {
    #[command(flatten)]
    #[serde(flatten)]
    common: CommonFlags,
    /// Where to serve HTTP [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<SocketAddr>,
    /// Actor addresses of the masters [default: 127.0.0.1:7050]
    #[arg(long, value_name = "HOST:PORT,..", value_delimiter = ',', value_parser = HostAddr::parse)]
    masters: Option<Vec<HostAddr>>,
    /// embedded:FILE for one scheduler, etcd:HOST:PORT,.. for several
    /// [default: embedded:data/services/store.redb]
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

impl Role for Flags {
    type Settings = Settings;
    const NAME: &'static str = "meseta-services";

    fn common(&self) -> &CommonFlags {
        &self.common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_every_key_with_its_default_and_prints_as_it_loads() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/services.toml");
        assert_eq!(boot::sample::faults::<Settings>(sample.as_ref()), Vec::<String>::new());
    }
}
