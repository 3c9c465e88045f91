//! Numbers beside their bounds, measured in one run. Run by `make bench` when nothing else runs.

mod actor;
mod allocator;
mod crowd;
mod launch;
mod local;
mod offers;
mod remote;
mod report;
mod stage;
mod state;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::report::Report;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the message path, launches, the allocator, offers on their way, a crowd of frameworks and
/// `/state`, and prints each number beside its bound.
#[derive(Parser)]
struct Args {
    /// Where the summary goes, as a JSON list of {name, value, unit, bound, ratio, target}.
    #[arg(long, default_value = "target/bench/summary.json")]
    summary: PathBuf,
    /// Only what has this in its group: `local`, `remote`, `launch`, `allocator`, `offers`, `crowd` or
    /// `state`.
    #[arg(long)]
    only: Option<String>,
    /// A hundredth of the work in `offers`, `crowd` and `state`: to see that it runs, not how fast.
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The second process of the remote measurements.
    #[command(hide = true)]
    Serve,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // In a task, as actors are: what the system is blocked on is polled with a look at the sockets
    // each time that it wakes.
    actix_rt::System::new().block_on(async { actix_rt::spawn(run(args)).await? })
}

async fn run(args: Args) -> anyhow::Result<()> {
    if matches!(args.command, Some(Command::Serve)) {
        return remote::serve().await;
    }
    let wanted = |group: &str| args.only.as_deref().is_none_or(|only| only == group);
    let mut report = Report::start();
    if wanted("local") {
        local::run(&mut report).await?;
    }
    if wanted("remote") {
        remote::run(&mut report).await?;
    }
    if wanted("launch") {
        launch::run(&mut report).await?;
    }
    if wanted("allocator") {
        allocator::run(&mut report)?;
    }
    if wanted("offers") {
        offers::run(&mut report, args.quick).await?;
    }
    if wanted("crowd") {
        crowd::run(&mut report, args.quick)?;
    }
    if wanted("state") {
        state::run(&mut report, args.quick).await?;
    }
    report.write(&args.summary)
}
