//! The frame of a role's `main`.

use std::fmt::Display;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::config::{Loaded, Settings, load};
use crate::exit;
use crate::flags::CommonFlags;
use crate::signals::{Shutdown, die_with_parent};

/// A role's flags: those of its own serialise under the names of their configuration keys.
pub trait Role: Parser + Serialize {
    type Settings: Settings;
    /// The binary's name.
    const NAME: &'static str;
    /// The flags that every role has.
    fn common(&self) -> &CommonFlags;
}

/// Parses flags, loads the configuration, starts logging, and runs `serve` on an actix system on
/// this thread until it returns.
pub fn serve<R, F>(serve: impl FnOnce(R::Settings, Shutdown) -> F) -> ExitCode
where
    R: Role,
    F: Future<Output = anyhow::Result<()>>,
{
    let flags = match R::try_parse() {
        Ok(flags) => flags,
        Err(error) => return refuse_flags(&error),
    };
    let loaded = match configure::<R>(&flags) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if flags.common().print_config {
        // A reader that has seen enough is no failure.
        let _ = write!(std::io::stdout(), "{loaded}");
        return ExitCode::SUCCESS;
    }
    if let Err(code) = start_process::<R>(&flags, &loaded) {
        return code;
    }
    let outcome = actix_rt::System::new().block_on(async move {
        let shutdown = Shutdown::on_signals()?;
        serve(loaded.settings, shutdown).await
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(R::NAME, format_args!("{error:#}"), exit::FAILED),
    }
}

/// Prints what clap has to say. Help and version are successes; the rest is bad usage.
pub fn refuse_flags(error: &clap::Error) -> ExitCode {
    // Nothing can be told to somebody whose terminal is gone.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS }
}

fn configure<R: Role>(flags: &R) -> Result<Loaded<R::Settings>, ExitCode> {
    let variable = |name: &str| std::env::var(name).ok();
    load(flags.common().config.as_deref(), variable, flags)
        .map_err(|error| complain(R::NAME, &error, error.exit_code()))
}

fn start_process<R: Role>(flags: &R, loaded: &Loaded<R::Settings>) -> Result<(), ExitCode> {
    let logging = loaded.settings.logging();
    logging.start().map_err(|invalid| complain(R::NAME, invalid.message, exit::USAGE))?;
    if flags.common().die_with_parent && !die_with_parent().unwrap_or(true) {
        return Err(complain(R::NAME, "the process that started this one has ended", exit::FAILED));
    }
    Ok(())
}

fn complain(name: &str, message: impl Display, code: u8) -> ExitCode {
    eprintln!("{name}: {message}");
    ExitCode::from(code)
}
