//! Executors that speak the v1 API: the gateway's sessions stand for them.
//!
//! A session lives on the agent's own host, for as long as the executor's stream. Its end says
//! nothing about the executor, which may subscribe again; its process is watched by the isolator.

use std::time::Duration;

use protocol::agent::{
    ExecutorDisconnected, ExecutorFound, ExecutorStanding, FindExecutor, FoundExecutor,
    RegisterExecutor, SubscribeExecutor,
};
use protocol::executor::ExecutorGone;
use protocol::{Address, CallId, ContainerId, FrameworkId};

use crate::effect::{Effect, Reply, ToExecutor};
use crate::executor::{ExecutorEvent, ExecutorState, Run};
use crate::executors::Undelivered;
use crate::input::Timer;
use crate::state::{State, Turn};
use crate::task::ExecutorKey;

impl State {
    /// The framework's own executor that takes tasks, or one that is being ended.
    fn find_executor(&self, key: &ExecutorKey) -> Option<FoundExecutor> {
        let ending = || self.durable.executors.values().find(|e| e.key() == *key && !e.ended);
        let current = self.current.get(key).and_then(|id| self.durable.executors.get(id));
        let executor = current.or_else(ending).filter(|executor| !executor.is_command())?;
        let run = self.runs.get(&executor.container_id)?;
        Some(FoundExecutor {
            info: executor.info.clone(),
            role: executor.role.clone(),
            container_id: executor.container_id.clone(),
            standing: standing(run),
        })
    }

    pub(crate) fn is_checkpointing(&self, framework_id: &FrameworkId) -> bool {
        let framework = self.durable.frameworks.get(framework_id);
        framework.is_some_and(|framework| framework.info.checkpoint)
    }

    /// How long an executor may take to subscribe again: a framework that checkpoints wants its
    /// executors to outlive an agent that is away.
    pub(crate) fn patience_for_stream(&self, container_id: &ContainerId) -> Duration {
        match self.is_checkpointing(&self.durable.executors[container_id].framework_id) {
            true => self.settings.timeouts.executor_recovery,
            false => self.settings.timeouts.executor_reregistration,
        }
    }
}

fn standing(run: &Run) -> ExecutorStanding {
    match run.state {
        ExecutorState::Running => ExecutorStanding::Subscribed,
        ExecutorState::Registering if run.disconnected => ExecutorStanding::Subscribed,
        ExecutorState::Launching | ExecutorState::Registering => ExecutorStanding::Awaited,
        ExecutorState::Terminating | ExecutorState::Terminated => ExecutorStanding::Ending,
    }
}

impl Turn<'_> {
    pub(crate) fn on_find_executor(&mut self, call: CallId, message: FindExecutor) {
        let FindExecutor { framework_id, executor_id } = message;
        let framework = self.durable.frameworks.get(&framework_id);
        let found = ExecutorFound {
            agent_id: self.durable.agent_id.clone(),
            agent: self.settings.info.clone(),
            recovered: self.recovered,
            framework: framework.map(|framework| framework.info.clone()),
            executor: self.find_executor(&ExecutorKey { framework_id, executor_id }),
        };
        self.effect(Effect::Reply { call, reply: Reply::ExecutorFound(Box::new(found)) });
    }

    pub(crate) fn on_subscribe_executor(
        &mut self,
        call: CallId,
        sender: Address,
        message: SubscribeExecutor,
    ) {
        let SubscribeExecutor { framework_id, executor_id, container_id, tasks } = message;
        let (executor, unconfirmed) = (None, Vec::new());
        let message = RegisterExecutor {
            framework_id,
            executor_id,
            container_id,
            executor,
            tasks,
            unconfirmed,
        };
        self.register_executor(call, sender, &message, Undelivered::Lost);
    }

    /// The executor is given nothing until it subscribes again.
    pub(crate) fn on_executor_disconnected(
        &mut self,
        sender: &Address,
        message: &ExecutorDisconnected,
    ) {
        let container_id = &message.container_id;
        let executor = self.durable.executors.get(container_id);
        // Another session, or the executor itself, may have taken its place.
        if executor.and_then(|executor| executor.address.as_ref()) != Some(sender) {
            return;
        }
        let Some(run) = self.state.runs.get_mut(container_id) else { return };
        let Ok(state) = run.state.transition(ExecutorEvent::Disconnected) else { return };
        (run.state, run.disconnected) = (state, true);
        let patience = self.patience_for_stream(container_id);
        self.set_timer(Timer::ExecutorRegistration(container_id.clone()), patience);
    }

    /// Whoever holds the stream of an executor that is gone is told so.
    pub(crate) fn close_session(&mut self, container_id: &ContainerId) {
        let address = self.durable.executors.get(container_id).and_then(|e| e.address.clone());
        // A session is on this host; other executors are gone with their hosts.
        let ours = self.settings.agent.host();
        if let Some(to) = address.filter(|address| address.host() == ours) {
            self.effect(Effect::ToExecutor { to, message: ToExecutor::Gone(ExecutorGone {}) });
        }
    }
}
