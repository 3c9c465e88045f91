//! What the master knows: agents, frameworks, tasks, offers, roles.

use protocol::agents::GetAgents;
use protocol::allocator::GetRoles;
use protocol::frameworks::{GetFrameworks, GetOffers, GetTasks};
use protocol::task::{Task, TaskStatus};

use crate::cli::Tasks;
use crate::client::Client;
use crate::error::CliError;
use crate::output;
use crate::text::{age, clip, list, or_dash, resources};

/// How much of a status message a table shows.
const MESSAGE_WIDTH: usize = 60;

pub(crate) async fn agents(client: &Client) -> Result<(), CliError> {
    let found = client.ask_master("agents", GetAgents {}).await?;
    let now = client.host.now();
    let header = ["AGENT", "HOSTNAME", "STATE", "RESOURCES", "ACTORS", "HTTP", "REGISTERED"];
    output::list(client.format(), &found, header, &found.agents, |agent| {
        [
            agent.agent_id.to_string(),
            agent.info.hostname.clone(),
            format!("{:?}", agent.state).to_lowercase(),
            resources(&agent.info.resources),
            agent.info.host.to_string(),
            agent.info.http.clone(),
            or_dash(agent.registered.map(|then| age(now, then))),
        ]
    })
}

pub(crate) async fn frameworks(client: &Client) -> Result<(), CliError> {
    let found = client.ask_master("frameworks", GetFrameworks::default()).await?;
    let now = client.host.now();
    let header = ["FRAMEWORK", "NAME", "STATE", "ROLES", "TASKS", "OFFERS", "USED", "REGISTERED"];
    output::list(client.format(), &found, header, &found.frameworks, |framework| {
        let state = match (framework.connected, framework.active) {
            (_, true) => "active",
            (true, false) => "inactive",
            (false, false) => "disconnected",
        };
        [
            framework.framework_id.to_string(),
            framework.info.name.clone(),
            state.to_owned(),
            list(&framework.info.roles),
            framework.tasks.to_string(),
            framework.offers.to_string(),
            resources(&framework.used),
            age(now, framework.registered),
        ]
    })
}

pub(crate) async fn tasks(client: &Client, options: &Tasks) -> Result<(), CliError> {
    let question = GetTasks {
        framework_id: options.framework.clone().map(Into::into),
        task_id: None,
        completed: options.all,
    };
    let found = client.ask_master("frameworks", question).await?;
    let now = client.host.now();
    let header = ["TASK", "NAME", "STATE", "SINCE", "FRAMEWORK", "AGENT", "RESOURCES", "MESSAGE"];
    output::list(client.format(), &found, header, &found.tasks, |task| {
        [
            task.task_id.to_string(),
            task.name.clone(),
            task.state.as_str().trim_start_matches("TASK_").to_lowercase(),
            or_dash(task.status.as_ref().map(|status| age(now, status.timestamp))),
            task.framework_id.to_string(),
            task.agent_id.to_string(),
            resources(&task.resources),
            clip(message_of(task), MESSAGE_WIDTH),
        ]
    })
}

fn message_of(task: &Task) -> &str {
    task.status.as_ref().map_or("", |status: &TaskStatus| status.message.as_str())
}

pub(crate) async fn offers(client: &Client) -> Result<(), CliError> {
    let found = client.ask_master("frameworks", GetOffers {}).await?;
    let header = ["OFFER", "FRAMEWORK", "AGENT", "HOSTNAME", "ROLE", "RESOURCES"];
    output::list(client.format(), &found, header, &found.offers, |offer| {
        [
            offer.offer_id.to_string(),
            offer.framework_id.to_string(),
            offer.agent_id.to_string(),
            offer.hostname.clone(),
            offer.role.clone(),
            resources(&offer.resources),
        ]
    })
}

pub(crate) async fn roles(client: &Client) -> Result<(), CliError> {
    let found = client.ask_master("allocator", GetRoles {}).await?;
    let header = ["ROLE", "WEIGHT", "FRAMEWORKS", "SHARE", "DOMINANT", "ALLOCATED"];
    output::list(client.format(), &found, header, &found.roles, |role| {
        [
            role.role.clone(),
            role.weight.to_string(),
            role.frameworks.len().to_string(),
            format!("{:.1}%", role.dominant_share * 100.0),
            or_dash(role.dominant_resource.as_ref()),
            resources(&role.allocated),
        ]
    })
}
