//! The flags that every role has.

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
    /// What to log: a level (error, warn, info, debug, trace) or directives as in RUST_LOG
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// How to write the log
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}
