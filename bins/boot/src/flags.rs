//! The flags that every role has.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use crate::logs::LogFormat;

/// The flags that every role has. Those that are configuration keys serialise under the key's
/// name; the rest are not serialised.
#[derive(Clone, Debug, Default, clap::Args, Serialize)]
pub struct CommonFlags {
    /// TOML file to read the configuration from
    #[arg(long, value_name = "FILE", env = "MESETA_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Print the configuration, with where each value comes from, and exit
    #[arg(long)]
    #[serde(skip)]
    pub print_config: bool,
    /// End when the process that started this one does (for supervisors such as `meseta up`)
    #[arg(long)]
    #[serde(skip)]
    pub die_with_parent: bool,
    /// Name of the cluster; hosts of other clusters are refused [default: meseta]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Where actors listen [default: 2000 above the HTTP port]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// How others name this machine [default: the address that it listens on]
    #[arg(long, value_name = "NAME")]
    pub advertise: Option<String>,
    /// What to log: a level (error, warn, info, debug, trace) or directives as in RUST_LOG
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// How to write the log
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}
