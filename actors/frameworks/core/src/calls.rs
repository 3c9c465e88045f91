//! A scheduler's calls about tasks and executors that run.

use protocol::agents::{RouteAcknowledgement, RouteMessage, RouteShutdownExecutor};
use protocol::frameworks::{
    AcknowledgeUpdate, KillTask, MessageToExecutor, ShutdownExecutor, TaskQuestion,
};
use protocol::id::{AgentId, Generation, UpdateId};
use protocol::{Address, Failure};

use crate::effect::ToAgents;
use crate::ledger::TaskKey;
use crate::state::{Term, Turn};

impl Term {
    /// Routed wherever the task is; the agents manager remembers it while the agent is away.
    pub(crate) fn on_kill(
        &mut self,
        from: &Address,
        message: KillTask,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let KillTask { framework_id, task_id, agent_id, kill_policy } = message;
        self.caller(&framework_id, from)?;
        let named: Vec<_> = self
            .ledger
            .named(&framework_id, &task_id)
            .map(|(key, entry)| (key.clone(), entry.task.state.is_terminal() && !entry.away))
            .collect();
        if named.is_empty() {
            let question = TaskQuestion { task_id, agent_id };
            self.answer_question(&framework_id, &question, turn);
            return Ok(());
        }
        let meant = |key: &TaskKey| agent_id.as_ref().is_none_or(|id| key.agent_id == *id);
        if let (false, Some((key, _))) = (named.iter().any(|(k, _)| meant(k)), named.first()) {
            return Err(Failure::refused(format!("task {task_id} is on agent {}", key.agent_id)));
        }
        for (key, ended) in named {
            if meant(&key) && !ended {
                self.route_kill(&key, kill_policy, turn);
            }
        }
        Ok(())
    }

    pub(crate) fn on_acknowledge(
        &mut self,
        from: &Address,
        message: AcknowledgeUpdate,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let AcknowledgeUpdate { framework_id, agent_id, task_id, update_id } = message;
        self.caller(&framework_id, from)?;
        let generation = Some(self.here(&agent_id)?);
        let key = TaskKey {
            framework_id: framework_id.clone(),
            task_id: task_id.clone(),
            agent_id: agent_id.clone(),
        };
        self.close(&key, &update_id);
        turn.agents(ToAgents::Acknowledge(RouteAcknowledgement {
            agent_id,
            framework_id,
            task_id,
            update_id,
            generation,
        }));
        Ok(())
    }

    /// The acknowledgement of its terminal update ends a task's entry.
    fn close(&mut self, key: &TaskKey, update_id: &UpdateId) {
        let last = self.ledger.get(key).and_then(|entry| entry.last_update.as_ref());
        if last == Some(update_id) {
            self.finish(key);
        }
    }

    pub(crate) fn on_shutdown_executor(
        &mut self,
        from: &Address,
        message: ShutdownExecutor,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let ShutdownExecutor { framework_id, agent_id, executor_id } = message;
        self.caller(&framework_id, from)?;
        self.here(&agent_id)?;
        turn.agents(ToAgents::ShutdownExecutor(RouteShutdownExecutor {
            agent_id,
            framework_id,
            executor_id,
        }));
        Ok(())
    }

    pub(crate) fn on_message(
        &mut self,
        from: &Address,
        message: MessageToExecutor,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let MessageToExecutor { framework_id, agent_id, executor_id, data } = message;
        self.caller(&framework_id, from)?;
        self.here(&agent_id)?;
        turn.agents(ToAgents::Message(RouteMessage { agent_id, framework_id, executor_id, data }));
        Ok(())
    }

    /// The generation in which the agent is here.
    pub(crate) fn here(&self, agent_id: &AgentId) -> Result<Generation, Failure> {
        let not_here = || Failure::refused(format!("agent {agent_id} is not connected"));
        self.generation(agent_id).ok_or_else(not_here)
    }
}
