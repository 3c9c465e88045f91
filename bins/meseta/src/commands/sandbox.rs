//! Reading what a task writes, from its agent.

use protocol::agent::{ReadSandbox, SandboxChunk};
use protocol::agents::GetAgent;
use protocol::{Address, AgentId, TaskId};

use crate::client::Client;
use crate::error::CliError;

/// A file in a task's sandbox and how far it has been read.
pub(crate) struct SandboxFile {
    agent: Address,
    task_id: TaskId,
    path: &'static str,
    offset: u64,
}

impl SandboxFile {
    /// The file `path` of a task on the agent that runs it.
    pub(crate) fn new(agent: &Address, task_id: &TaskId, path: &'static str) -> Self {
        Self { agent: agent.clone(), task_id: task_id.clone(), path, offset: 0 }
    }

    /// What comes next; empty at the present end of the file.
    pub(crate) async fn next(&mut self, client: &Client) -> Result<SandboxChunk, CliError> {
        let question = ReadSandbox {
            task_id: self.task_id.clone(),
            framework_id: None,
            path: self.path.to_owned(),
            offset: self.offset,
            length: 0,
        };
        let chunk = client.ask(&self.agent, question).await?;
        self.offset += chunk.data.0.len() as u64;
        Ok(chunk)
    }
}

/// The `agent` actor of an agent.
pub(crate) async fn agent_actor(client: &Client, agent_id: &AgentId) -> Result<Address, CliError> {
    let found = client.ask_master("agents", GetAgent { agent_id: agent_id.clone() }).await?;
    Ok(Address::new("agent", found.info.host))
}
