//! A whole cluster on this machine: every role a process of its own, under this one.
//!
//! Invariant: none of them outlives this process. In good order they end as services, agents,
//! master, so that no task is left and no update is lost; if this process is killed, the kernel
//! asks each of them to end (`--die-with-parent`).

mod child;
mod plan;

use std::io::Write;
use std::time::{Duration, Instant};

use boot::{Ready, Shutdown};
use protocol::agents::{AgentState, GetAgents};
use protocol::services::GetServicesInfo;
use protocol::{Address, HostAddr};

use crate::cli::{Global, Up};
use crate::client::Client;
use crate::error::CliError;
use crate::output;
use child::Child;
use plan::Plan;

/// How long the whole may take to be healthy; a second is usual.
const HEALTHY: Duration = Duration::from_secs(30);
/// Between two looks at whether it is.
const LOOK: Duration = Duration::from_millis(25);

/// Starts everything and returns when it has been asked to end and everything has.
pub(crate) async fn up(options: &Up, global: &Global) -> Result<u8, CliError> {
    let mut shutdown = Shutdown::on_signals()
        .map_err(|e| CliError::Failed(format!("cannot hear signals: {e}")))?;
    let plan = Plan::new(options, &global.cluster)?;
    let mut cluster = Cluster::default();
    let outcome = tokio::select! {
        outcome = serve(&plan, &mut cluster, global) => outcome,
        () = shutdown.asked() => Ok(()),
    };
    output::note("meseta: ending services, agents and master");
    cluster.end().await;
    outcome.map(|()| 0)
}

/// The children that have been started, each with where it serves.
#[derive(Default)]
struct Cluster {
    master: Option<Child>,
    agents: Vec<Child>,
    services: Option<Child>,
}

async fn serve(plan: &Plan, cluster: &mut Cluster, global: &Global) -> Result<(), CliError> {
    let started = Instant::now();
    let master = cluster.master.insert(Child::start(plan.master())?).ready().await?;
    for index in 0..plan.agents {
        cluster.agents.push(Child::start(plan.agent(index, &master.actors)?)?);
    }
    let services = cluster.services.insert(Child::start(plan.services(&master.actors))?);
    let services = services.ready().await?;
    let mut agents = Vec::new();
    for agent in &mut cluster.agents {
        agents.push(agent.ready().await?);
    }
    tokio::select! {
        healthy = healthy(plan, &master.actors, &services.actors, global) => healthy?,
        ended = cluster.any_ended() => return Err(ended),
    }
    let text = announcement(plan, &master, &agents, &services, started.elapsed());
    // Whoever does not read it does not want the cluster to end for that.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Err(cluster.any_ended().await)
}

impl Cluster {
    fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        self.master.iter_mut().chain(&mut self.agents).chain(&mut self.services)
    }

    /// Resolves when a child has ended by itself, with what it said.
    async fn any_ended(&mut self) -> CliError {
        loop {
            for child in self.children() {
                if let Some(ended) = child.ended() {
                    return ended;
                }
            }
            tokio::time::sleep(LOOK * 4).await;
        }
    }

    async fn end(mut self) {
        if let Some(services) = &mut self.services {
            services.end().await;
        }
        for agent in &mut self.agents {
            agent.ask_to_end();
        }
        for agent in &mut self.agents {
            agent.end().await;
        }
        if let Some(master) = &mut self.master {
            master.end().await;
        }
    }
}

/// Waits until every agent is registered and the service scheduler subscribed.
async fn healthy(
    plan: &Plan,
    master: &HostAddr,
    services: &HostAddr,
    global: &Global,
) -> Result<(), CliError> {
    let client = Client::start(global).await?;
    let agents_actor = Address::new("agents", master.clone());
    let services_actor = Address::new("services", services.clone());
    let until = Instant::now() + HEALTHY;
    let mut seen = "nothing has answered yet".to_owned();
    while Instant::now() < until {
        let agents = client.ask(&agents_actor, GetAgents {}).await;
        let info = client.ask(&services_actor, GetServicesInfo {}).await;
        match (agents, info) {
            (Ok(found), Ok(info)) => {
                let active = found.agents.iter().filter(|a| a.state == AgentState::Active).count();
                if active >= usize::from(plan.agents) && info.connected {
                    return Ok(());
                }
                let word = if info.connected { "" } else { "not " };
                seen = format!("{active} agents registered, services {word}subscribed");
            }
            (Err(error), _) | (_, Err(error)) => seen = error.to_string(),
        }
        tokio::time::sleep(LOOK).await;
    }
    let seconds = HEALTHY.as_secs();
    Err(CliError::Timeout(format!(
        "the cluster is not healthy after {seconds}s ({seen}); see the logs in {}",
        plan.data.display()
    )))
}

/// What to know of a cluster that is up, for people.
fn announcement(
    plan: &Plan,
    master: &Ready,
    agents: &[Ready],
    services: &Ready,
    took: Duration,
) -> String {
    let mut text = format!("cluster `{}` is up after {} ms\n", plan.cluster, took.as_millis());
    text.push_str(&row("master", master));
    for (index, agent) in agents.iter().enumerate() {
        text.push_str(&row(&plan::agent_name(index), agent));
    }
    text.push_str(&row("services", services));
    text.push_str(&format!("  data and logs   {}\n", plan.data.display()));
    text.push_str("Ctrl-C ends it, with all its tasks\n");
    text
}

fn row(name: &str, ready: &Ready) -> String {
    format!("  {name:<15} http://{:<22} actors at {}\n", ready.http, ready.actors)
}
