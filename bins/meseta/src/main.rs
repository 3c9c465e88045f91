//! The command line. Parses, runs the command, and turns what became of it into an exit code.

mod body;
mod cli;
mod client;
mod commands;
mod error;
mod http;
mod output;
mod text;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return boot::refuse_flags(&error),
    };
    let logging = boot::Logging {
        filter: std::env::var("RUST_LOG").unwrap_or_else(|_| "error".to_owned()),
        format: boot::LogFormat::Human,
    };
    if let Err(invalid) = logging.start() {
        output::note(format_args!("meseta: RUST_LOG: {}", invalid.message));
        return ExitCode::from(boot::exit::USAGE);
    }
    match actix_rt::System::new().block_on(commands::run(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::note(format_args!("meseta: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
