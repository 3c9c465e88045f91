//! Logs: to stderr, for people or as JSON lines.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::invalid::Invalid;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged and how.
#[derive(Clone, Debug)]
pub struct Logging {
    /// A level or directives, the `log` key.
    pub filter: String,
    pub format: LogFormat,
}

impl Logging {
    /// Whether the filter can be read.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.parse_filter().map(drop)
    }

    fn parse_filter(&self) -> Result<EnvFilter, Invalid> {
        // What they say at `info` is about their threads; who names them still hears it.
        let filter = format!("actix_server=warn,actix_web=warn,{}", self.filter);
        EnvFilter::try_new(filter).map_err(|e| {
            let accepted = "expected a level (error, warn, info, debug, trace) or directives such \
                            as info,runtime=debug";
            Invalid::new("log", format!("`{}` is not a log filter ({e}): {accepted}", self.filter))
        })
    }

    /// Starts logging; what was started before stays.
    pub fn start(&self) -> Result<(), Invalid> {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(self.parse_filter()?)
            .with_writer(std::io::stderr)
            .with_span_events(FmtSpan::NONE);
        // A second subscriber cannot be installed; in a test the first one serves.
        let _ = match self.format {
            LogFormat::Human => {
                builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
            }
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
        Ok(())
    }
}
