//! What an operator decides about an agent. `config/agent.toml` explains every key.

use std::net::SocketAddr;
use std::path::PathBuf;

use agent::{AgentConfig, OnShutdown};
use boot::net::Place;
use boot::{CommonFlags, Invalid, LogFormat, Logging, Role};
use fetcher::FetcherConfig;
use isolator::{Isolation, IsolatorConfig};
use monitor::MonitorConfig;
use protocol::{HostAddr, Resources};
use serde::{Deserialize, Serialize};
use updates::UpdatesConfig;

/// The configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) cluster: String,
    pub(crate) http: SocketAddr,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) advertise: Option<String>,
    pub(crate) resources: Option<String>,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) agent: AgentConfig,
    pub(crate) isolator: IsolatorSettings,
    pub(crate) fetcher: FetcherConfig,
    pub(crate) monitor: MonitorConfig,
    pub(crate) updates: UpdatesConfig,
}

/// The `[isolator]` section: the isolator's own, without what follows from the agent's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct IsolatorSettings {
    pub(crate) isolation: Isolation,
    pub(crate) cgroup_mount: PathBuf,
    pub(crate) cgroup_root: String,
    pub(crate) cfs_quota: bool,
    pub(crate) limit_swap: bool,
    pub(crate) pids_max: u64,
}

impl Default for IsolatorSettings {
    fn default() -> Self {
        let own = IsolatorConfig::default();
        Self {
            isolation: own.isolation,
            cgroup_mount: own.cgroup_mount,
            cgroup_root: own.cgroup_root,
            cfs_quota: own.cfs_quota,
            limit_swap: own.limit_swap,
            pids_max: own.pids_max,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster: "meseta".to_owned(),
            http: SocketAddr::from(([127, 0, 0, 1], 5051)),
            listen: None,
            advertise: None,
            resources: None,
            log: "info".to_owned(),
            log_format: LogFormat::Human,
            agent: AgentConfig {
                masters: boot::net::default_masters(),
                work_dir: "data/agent".into(),
                ..AgentConfig::default()
            },
            isolator: IsolatorSettings::default(),
            fetcher: FetcherConfig::default(),
            monitor: MonitorConfig::default(),
            updates: UpdatesConfig::default(),
        }
    }
}

impl boot::Settings for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        boot::net::check_masters("agent.masters", &self.agent.masters)?;
        if self.agent.executor_heartbeat_ms == 0 {
            let message = "must be at least 1: the time between two heartbeats";
            return Err(Invalid::new("agent.executor_heartbeat_ms", message));
        }
        self.agent
            .executor_secret()
            .map_err(|e| Invalid::because("agent.executor_secret_file", &e))?;
        let text = self.resources.as_deref().unwrap_or("");
        Resources::parse(text).map_err(|e| Invalid::new("resources", e.to_string()))?;
        self.isolator()
            .resolved(&self.agent.work_dir)
            .map(drop)
            .map_err(|e| Invalid::new("isolator.cgroup_root", e.to_string()))
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
    /// The isolator's settings.
    pub(crate) fn isolator(&self) -> IsolatorConfig {
        let own = self.isolator.clone();
        IsolatorConfig {
            isolation: own.isolation,
            cgroup_mount: own.cgroup_mount,
            cgroup_root: own.cgroup_root,
            cfs_quota: own.cfs_quota,
            limit_swap: own.limit_swap,
            pids_max: own.pids_max,
            switch_user: self.agent.switch_user,
        }
    }
}

/// One agent of a Meseta cluster: runs tasks on this machine, within limits, and reports what
/// becomes of them.
#[derive(Debug, clap::Parser, Serialize)]
#[command(name = "meseta-agent", version, max_term_width = 100, after_long_help = boot::exit::HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    #[serde(flatten)]
    common: CommonFlags,
    /// Where to serve HTTP [default: 127.0.0.1:5051]
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<SocketAddr>,
    /// What to offer, such as "cpus=4;mem=2048;ports=[31000-32000]" [default: what is found]
    #[arg(long, value_name = "RESOURCES")]
    resources: Option<String>,
    #[command(flatten)]
    agent: AgentFlags,
    #[command(flatten)]
    isolator: IsolatorFlags,
}

/// Of the `[agent]` section.
#[derive(Debug, clap::Args, Serialize)]
struct AgentFlags {
    /// Actor addresses of the masters [default: 127.0.0.1:7050]
    #[arg(long, value_name = "HOST:PORT,..", value_delimiter = ',', value_parser = HostAddr::parse)]
    masters: Option<Vec<HostAddr>>,
    /// Where sandboxes and checkpoints are kept [default: data/agent]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// Whether the tasks run on when the agent is asked to end [default: keep]
    #[arg(long, value_name = "keep|kill", value_parser = on_shutdown)]
    on_shutdown: Option<OnShutdown>,
}

/// Of the `[isolator]` section.
#[derive(Debug, clap::Args, Serialize)]
struct IsolatorFlags {
    /// How tasks are held together and limited [default: auto]
    #[arg(long, value_name = "auto|cgroups|processes", value_parser = isolation)]
    isolation: Option<Isolation>,
}

fn isolation(text: &str) -> Result<Isolation, String> {
    match text {
        "auto" => Ok(Isolation::Auto),
        "cgroups" => Ok(Isolation::Cgroups),
        "processes" => Ok(Isolation::Processes),
        _ => Err("expected auto, cgroups or processes".to_owned()),
    }
}

fn on_shutdown(text: &str) -> Result<OnShutdown, String> {
    match text {
        "keep" => Ok(OnShutdown::Keep),
        "kill" => Ok(OnShutdown::Kill),
        _ => Err("expected keep or kill".to_owned()),
    }
}

impl Role for Flags {
    type Settings = Settings;
    const NAME: &'static str = "meseta-agent";

    fn common(&self) -> &CommonFlags {
        &self.common
    }
}

#[cfg(test)]
mod tests {
    use boot::Settings as _;

    use super::*;

    #[test]
    fn heartbeats_without_a_time_between_them_are_refused() {
        let mut settings = Settings::default();
        assert_eq!(settings.validate(), Ok(()));
        settings.agent.executor_heartbeat_ms = 0;
        let error = settings.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`agent.executor_heartbeat_ms`: must be at least 1: the time between two heartbeats"
        );
    }

    #[test]
    fn the_sample_has_every_key_with_its_default_and_prints_as_it_loads() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/agent.toml");
        assert_eq!(boot::sample::faults::<Settings>(sample.as_ref()), Vec::<String>::new());
    }
}
