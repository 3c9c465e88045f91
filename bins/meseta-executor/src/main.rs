//! `meseta-executor`: runs one command task for the agent that started it.
//!
//! One thread, and nothing that is not needed: it is started anew for every task.

mod log;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use executor::Settings;
use runtime::{Host, HostConfig};

const HELP: &str = "\
meseta-executor runs one command task and reports its states to the agent.

It is started by meseta-agent, not by hand, and takes no arguments; the agent tells it through its
environment what it needs:

  MESETA_AGENT                 the agent's address, agent@host:port
  MESETA_CLUSTER               the cluster's name
  MESETA_FRAMEWORK_ID          whose task it runs
  MESETA_EXECUTOR_ID           as what
  MESETA_CONTAINER_ID          in which container
  MESETA_SANDBOX               the container's directory
  MESETA_CONTAINER             how tasks get into the container (JSON, from the isolator)
  MESETA_RECOVERY_TIMEOUT_MS   how long to go on without the agent (default: 15 minutes)

Tasks inherit the other variables. Output of the task goes to this process's standard output and
error, its own warnings to `executor.log` in the sandbox.
";

/// EX_USAGE: it was started by hand, or by an agent that it does not understand.
const BAD_USAGE: u8 = 64;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--version" | "-V") => {
            println!("meseta-executor {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Some("--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("meseta-executor: unexpected argument `{other}`; see --help");
            return ExitCode::from(BAD_USAGE);
        }
    }
    let settings = match Settings::new(environment()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("meseta-executor: {:#}; see --help", anyhow::Error::from(error));
            return ExitCode::from(BAD_USAGE);
        }
    };
    log::start(&settings.driver.sandbox);
    match actix_rt::System::new().block_on(run(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<()> {
    let agent = settings.driver.agent.host().clone();
    let address = address_of(agent.host())
        .with_context(|| format!("cannot tell the address of the agent's host {agent}"))?;
    let cluster = settings.driver.cluster.clone();
    let listen = Some(SocketAddr::new(address, 0));
    let host = Host::start(HostConfig { cluster, listen, advertise: None }).await?;
    let ended = executor::start(&host, settings)?;
    let outcome = tokio::select! {
        () = ended.wait() => Ok(()),
        why = host.fatal() => Err(anyhow!(why)),
    };
    host.shutdown().await;
    outcome
}

/// Tasks are reached, and the agent is, at the agent's own address: both are this machine.
fn address_of(host: &str) -> Result<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let resolved = (bare, 0).to_socket_addrs()?.next();
    resolved.map(|address| address.ip()).context("the name has no address")
}

/// The environment, without what is not text: no variable of ours is like that.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}
