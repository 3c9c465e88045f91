//! An agent: runs tasks on this machine.

mod config;

use std::process::ExitCode;
use std::time::Duration;

use agent::{Agent, Machine};
use anyhow::{Context, Result};
use boot::net::Opened;
use boot::{Settings as _, Shutdown};
use gateway::{AgentEdge, Gateway};
use monitor::Monitor;
use protocol::agent::StopAgent;
use runtime::Host;
use updates::Updates;

use config::{Flags, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Beyond the time that the tasks themselves may take to end.
const STOP_MARGIN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    boot::serve::<Flags, _>(serve)
}

async fn serve(settings: Settings, mut shutdown: Shutdown) -> Result<()> {
    let secret = settings.agent.executor_secret().context("`agent.executor_secret_file`")?;
    let work_dir = std::path::absolute(&settings.agent.work_dir).context("`agent.work_dir`")?;
    std::fs::create_dir_all(&work_dir)
        .with_context(|| format!("failed to make the work directory {}", work_dir.display()))?;
    let resources = monitor::machine::resources(settings.resources.as_deref(), &work_dir)?;
    let Opened { http, host, ready } = settings.place().open().await?;
    let machine = Machine::detect(resources, ready.http.clone())?;
    tracing::info!(resources = %machine.resources, "offering");

    events::spawn_without_elector(&host)?;
    fetcher::start(&host, settings.fetcher.clone())?;
    let containment = isolator::start(&host, settings.isolator().resolved(&work_dir)?)?;
    tracing::info!("isolation: {containment}");
    let (updates, dir) = (settings.updates.clone(), work_dir.clone());
    host.spawn(updates::NAME, Updates::spawn_options(), move || {
        Updates::new(updates.clone(), &dir)
    })?;
    let (config, dir) = (settings.monitor.clone(), work_dir.clone());
    host.spawn(monitor::NAME, Monitor::spawn_options(), move || Monitor::new(&config, &dir))?;
    let (config, tokens) = (settings.agent.clone(), secret.clone());
    host.spawn(agent::NAME, Agent::spawn_options(), move || {
        Agent::new(config.clone(), machine.clone()).with_tokens(tokens.clone())
    })?;
    let edge = AgentEdge::new(settings.agent.executor_heartbeat()).with_tokens(secret);
    let gateway = Gateway::start(&host, http, edge)?;
    ready.announce()?;

    let ended = boot::end_of(&host, &mut shutdown).await;
    gateway.stop().await;
    if ended.is_ok() {
        stop_agent(&host, &settings).await;
    }
    host.shutdown().await;
    Ok(ended?)
}

/// Leaves the tasks running or ends them all, as configured.
async fn stop_agent(host: &Host, settings: &Settings) {
    let limit = Duration::from_millis(settings.agent.stop_timeout_ms) + STOP_MARGIN;
    let stop = StopAgent { kill: None };
    if let Err(failure) = host.ask(&host.address_of(agent::NAME), stop, limit).await {
        tracing::warn!(%failure, "the agent did not stop in good order");
    }
}
