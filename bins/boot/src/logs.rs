//! Logs: to stderr, for people or as JSON lines; how much is said can be changed while the process
//! runs.

use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, reload};

use crate::invalid::Invalid;

/// What changes the filter of this process, once it logs.
static DIAL: OnceLock<Dial> = OnceLock::new();

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
        filter(&self.filter, 0).map_err(|e| {
            let accepted = "expected a level (error, warn, info, debug, trace) or directives such \
                            as info,runtime=debug";
            Invalid::new("log", format!("`{}` is not a log filter ({e}): {accepted}", self.filter))
        })
    }

    /// How much is said where nothing is configured for the target: the last level that stands for
    /// itself. The filter's own default is `error`.
    fn usual(&self) -> u32 {
        let mut levels = self.filter.rsplit(',').filter_map(|part| part.trim().parse().ok());
        levels.next().map_or(0, verbosity)
    }

    /// Starts logging; what was started before stays.
    pub fn start(&self) -> Result<(), Invalid> {
        let (subscriber, dial) = self.build()?;
        // A second subscriber cannot be installed; in a test the first one serves.
        if subscriber.try_init().is_ok() {
            let _ = DIAL.set(dial);
        }
        Ok(())
    }

    fn build(&self) -> Result<(impl Subscriber + Send + Sync + 'static, Dial), Invalid> {
        let filter = self.parse_filter()?;
        let usual = self.usual();
        let (filter, handle) = reload::Layer::new(filter);
        let lines = match self.format {
            LogFormat::Human => {
                fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).boxed()
            }
            LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(stderr).boxed(),
        };
        let dial = Dial { filter: self.filter.clone(), usual, handle };
        Ok((Registry::default().with(lines.and_then(filter)), dial))
    }
}

/// What is logged: `text`, and everything above a level, if that is more than usual. What `text`
/// says of a target holds for it in any case.
fn filter(text: &str, verbosity: u32) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    let more = match verbosity {
        0 => "",
        1 => ",debug",
        _ => ",trace",
    };
    // What they say at `info` is about their threads; who names them still hears it.
    EnvFilter::try_new(format!("actix_server=warn,actix_web=warn,{text}{more}"))
}

/// In the levels of glog: 0 is what is always said, and more is said from there.
fn verbosity(level: LevelFilter) -> u32 {
    match level {
        LevelFilter::TRACE => 2,
        LevelFilter::DEBUG => 1,
        _ => 0,
    }
}

/// Changes the filter of a subscriber.
struct Dial {
    /// As configured.
    filter: String,
    usual: u32,
    handle: reload::Handle<EnvFilter, Registry>,
}

impl Dial {
    fn set(&self, verbosity: u32) -> Result<(), String> {
        let more = if verbosity > self.usual { verbosity } else { 0 };
        let filter = filter(&self.filter, more).map_err(|error| error.to_string())?;
        self.handle.reload(filter).map_err(|error| error.to_string())
    }
}

/// How much the configuration says: 0 `info` and above, 1 `debug`, 2 `trace`.
#[must_use]
pub fn usual_verbosity() -> u32 {
    DIAL.get().map_or_else(|| verbosity(LevelFilter::current()), |dial| dial.usual)
}

/// Says so much from now on, or as much as the configuration if that is more.
///
/// # Errors
/// Says why nothing has changed.
pub fn set_verbosity(verbosity: u32) -> Result<(), String> {
    let dial = DIAL.get().ok_or("this process has not started its log")?;
    dial.set(verbosity)
}

#[cfg(test)]
mod tests {
    use tracing::{Level, enabled};

    use super::*;

    fn logging(filter: &str) -> Logging {
        Logging { filter: filter.to_owned(), format: LogFormat::Json }
    }

    #[test]
    fn more_is_said_and_then_as_much_as_configured_again() {
        let (subscriber, dial) = logging("info").build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let said = || (enabled!(Level::INFO), enabled!(Level::DEBUG), enabled!(Level::TRACE));
            assert_eq!((dial.usual, said()), (0, (true, false, false)));
            dial.set(1).unwrap();
            assert_eq!(said(), (true, true, false));
            dial.set(2).unwrap();
            assert_eq!(said(), (true, true, true));
            dial.set(0).unwrap();
            assert_eq!(said(), (true, false, false));
        });
    }

    #[test]
    fn what_is_configured_for_a_target_stays_as_it_is() {
        let (subscriber, dial) = logging("info,quiet=error,boot=debug").build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            dial.set(2).unwrap();
            assert!(enabled!(target: "other", Level::TRACE));
            assert!(!enabled!(target: "quiet", Level::INFO));
            assert!(!enabled!(target: "boot", Level::TRACE));
        });
    }

    #[test]
    fn what_is_configured_for_a_target_is_not_what_is_usual() {
        let (subscriber, dial) = logging("info,boot=debug").build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(dial.usual, 0);
            assert!(!enabled!(target: "other", Level::DEBUG));
            dial.set(1).unwrap();
            assert!(enabled!(target: "other", Level::DEBUG));
        });
        for (filter, usual) in [("", 0), ("boot=trace", 0), ("boot=warn,debug", 1), ("TRACE", 2)] {
            assert_eq!(logging(filter).usual(), usual, "{filter}");
        }
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        let invalid = logging("boot=loud").build().map(drop).unwrap_err();
        assert!(invalid.message.contains("`boot=loud` is not a log filter"), "{}", invalid.message);
    }
}
