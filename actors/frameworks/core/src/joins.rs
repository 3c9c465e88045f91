//! Agents come and go: the ledger is brought in line with what an agent says it runs.

use std::collections::BTreeSet;

use protocol::agents::{RouteShutdownFramework, RunningExecutor};
use protocol::allocator::RemoveAgent;
use protocol::frameworks::{AgentJoined, AgentLeft, AgentLossCause, AgentsRecovered};
use protocol::id::{AgentId, FrameworkId, Generation};
use protocol::message::FailureKind;
use protocol::resources::Resources;
use protocol::scheduler::{ReportFailure, UpdateStatus};
use protocol::task::{ExecutorKind, Reason, Task, TaskState};
use protocol::{Failure, framework::FrameworkInfo};

use crate::agents::{Agent, Standing};
use crate::effect::{ToAgents, ToAllocator, ToScheduler};
use crate::framework::Framework;
use crate::ledger::{Entry, Executor, ExecutorKey, TaskKey};
use crate::report;
use crate::state::{Term, Turn};
use crate::updates::{Verdict, is_declared, master_status};

impl Term {
    /// `agents` begins, or begins again: none of them is here until it says so.
    pub(crate) fn on_introduce(
        &mut self,
        message: &AgentsRecovered,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        if message.epoch != self.epoch {
            let text = format!("epoch {} is not served here, {} is", message.epoch, self.epoch);
            return Err(Failure::new(FailureKind::NotLeader, text));
        }
        let present =
            |a: &Agent| matches!(a.standing, Standing::Here { .. } | Standing::Disconnected);
        let here: Vec<_> =
            self.agents.iter().filter(|(_, a)| present(a)).map(|(id, _)| id.clone()).collect();
        for agent_id in here {
            self.withdraw(&agent_id, Standing::Recovered, turn);
        }
        for agent_id in &message.agents {
            self.agents.get_or_insert_unseen(agent_id, || Agent::new(Standing::Recovered));
        }
        self.tell_down_machines(turn);
        Ok(())
    }

    /// Takes an agent out of the market: its offers are void, the allocator forgets it.
    fn withdraw(&mut self, agent_id: &AgentId, standing: Standing, turn: &mut Turn<'_>) {
        self.end_resizes_on(agent_id, turn);
        self.rescind_all_on(agent_id, turn);
        let generation = self.generation(agent_id);
        let agent = self.agents.get_or_insert_unseen(agent_id, || Agent::new(standing));
        agent.standing = standing;
        if let Some(generation) = generation {
            let agent_id = agent_id.clone();
            turn.allocator(ToAllocator::RemoveAgent(RemoveAgent { agent_id, generation }));
        }
    }

    pub(crate) fn on_agent_left(&mut self, message: &AgentLeft, turn: &mut Turn<'_>) {
        let agent_id = &message.agent_id;
        let (standing, verdict) = match message.cause {
            AgentLossCause::Disconnected => {
                return self.withdraw(agent_id, Standing::Disconnected, turn);
            }
            AgentLossCause::Unreachable => (
                Standing::Unreachable { since: message.since.unwrap_or(turn.now) },
                Verdict::new(TaskState::Unreachable, Reason::AgentRemoved, "Agent is unreachable"),
            ),
            AgentLossCause::Removed => (
                Standing::Gone { since: turn.now },
                Verdict::new(TaskState::Gone, Reason::AgentRemoved, "Agent has left"),
            ),
            AgentLossCause::Gone => (
                Standing::Gone { since: turn.now },
                Verdict::new(
                    TaskState::GoneByOperator,
                    Reason::AgentRemovedByOperator,
                    "Agent was marked gone by an operator",
                ),
            ),
        };
        self.withdraw(agent_id, standing, turn);
        for key in self.ledger.on_agent(agent_id) {
            if message.cause == AgentLossCause::Unreachable {
                self.send_away(&key, &verdict, turn);
            } else {
                self.end_task(&key, &verdict, turn);
            }
        }
        self.end_executors_on(agent_id, turn);
        self.lose_operations(agent_id, message.cause, turn);
        if message.cause == AgentLossCause::Removed {
            self.agents.remove(agent_id);
        }
        self.report_loss(agent_id, turn);
    }

    /// The task may still run where nobody can see it: it is kept, its id stays taken, and it
    /// holds nothing.
    fn send_away(&mut self, key: &TaskKey, verdict: &Verdict, turn: &mut Turn<'_>) {
        let Some(mut entry) = self.ledger.remove(key) else { return };
        if entry.holds() {
            self.release(entry.share(), turn);
            self.pronounce(&mut entry, verdict, turn);
            entry.away = true;
        }
        self.ledger.insert(entry);
    }

    fn end_executors_on(&mut self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let keys: Vec<_> = self.ledger.executors_on(agent_id).map(|(k, _)| k.clone()).collect();
        for key in keys {
            self.end_executor(&key, turn);
        }
    }

    fn report_loss(&self, agent_id: &AgentId, turn: &mut Turn<'_>) {
        for framework_id in self.frameworks.keys() {
            let failure = ReportFailure {
                framework_id: framework_id.clone(),
                agent_id: agent_id.clone(),
                executor_id: None,
                status: None,
            };
            self.tell(framework_id, ToScheduler::Failure(failure), turn);
        }
    }

    /// Everything about an agent, replacing what was known.
    pub(crate) fn on_agent_joined(&mut self, message: AgentJoined, turn: &mut Turn<'_>) {
        let AgentJoined { agent_id, generation, info, tasks, executors, frameworks, operations } =
            message;
        self.end_resizes_on(&agent_id, turn);
        self.rescind_all_on(&agent_id, turn);
        // Not here while it is settled: nothing of it is given back piece by piece, `AddAgent`
        // at the end says all of it.
        let unavailability = self.maintenance.unavailability(&info);
        self.agents.insert(
            agent_id.clone(),
            Agent { info: Some(info), unavailability, ..Agent::new(Standing::Disconnected) },
        );
        for framework in frameworks {
            self.adopt_framework(framework, turn);
        }
        let missing = self.settle_tasks(&agent_id, generation, tasks, turn);
        for key in missing {
            self.settle_missing(&key, turn);
        }
        self.settle_executors(&agent_id, executors, turn);
        self.settle_operations(&agent_id, operations, turn);
        let used = self.ledger.total_held(&agent_id);
        if let Some(agent) = self.agents.get_mut(&agent_id) {
            agent.standing = Standing::Here { generation };
            agent.used = used;
            agent.offered = Resources::EMPTY;
        }
        self.introduce_agent(&agent_id, turn);
    }

    /// A framework that the registry has lost is taken from the word of the agents that run it.
    fn adopt_framework(&mut self, info: FrameworkInfo, turn: &mut Turn<'_>) {
        let Some(id) = info.id.clone() else { return };
        if self.removed.contains(&id) || self.frameworks.contains_key(&id) {
            return;
        }
        self.frameworks.insert(id.clone(), Framework::new(info, id.clone(), turn.now));
        self.introduce_framework(&id, turn);
        self.start_failover_timer(&id, turn);
    }

    /// Takes over what the agent reports; the tasks of the ledger that it does not report.
    fn settle_tasks(
        &mut self,
        agent_id: &AgentId,
        generation: Generation,
        tasks: Vec<Task>,
        turn: &mut Turn<'_>,
    ) -> BTreeSet<TaskKey> {
        let mut missing: BTreeSet<_> = self.ledger.on_agent(agent_id).into_iter().collect();
        let mut orphans = BTreeSet::new();
        for mut task in tasks {
            task.agent_id = agent_id.clone();
            missing.remove(&TaskKey::of(&task));
            let task = with_executor_kind(task);
            if self.frameworks.contains_key(&task.framework_id) {
                self.settle_reported(task, generation, turn);
            } else {
                orphans.insert(task.framework_id);
            }
        }
        for framework_id in orphans {
            self.shut_down_orphans(framework_id, agent_id, turn);
        }
        missing
    }

    fn shut_down_orphans(&self, id: FrameworkId, agent_id: &AgentId, turn: &mut Turn<'_>) {
        let agents = vec![agent_id.clone()];
        let message = RouteShutdownFramework { framework_id: id, agents };
        turn.agents(ToAgents::ShutdownFramework(message));
    }

    fn settle_reported(&mut self, task: Task, generation: Generation, turn: &mut Turn<'_>) {
        let key = TaskKey::of(&task);
        let known = self.ledger.get(&key);
        if known.is_some_and(|e| !e.away && e.task.state.is_terminal()) {
            return;
        }
        if known.is_none() && self.has_ended(&task) {
            return;
        }
        if let Some(twin) = self.live_twin(&key) {
            // The id was used again while this one was thought lost: the newer one stays.
            if twin != key {
                self.route_kill(&key, None, turn);
            }
        }
        let lived = known.is_some_and(|e| !e.task.state.is_terminal());
        let returned = known.is_none_or(|e| e.away);
        let is_new = known.is_none();
        let changed = known.is_some_and(|e| e.task.resources != task.resources);
        let mut entry = Entry::new(task, generation);
        entry.preempted_for = known.and_then(|known| known.preempted_for.clone());
        if let Some(status) = entry.task.status.as_ref().filter(|s| s.state.is_terminal()) {
            entry.last_update.clone_from(&status.update_id);
        }
        if is_new {
            turn.emit(report::task_added(&entry.task));
        }
        if lived {
            self.count_unseen_end(&entry.task);
        }
        if returned && self.was_pronounced(&key) {
            self.welcome_back(&entry, turn);
        }
        self.ledger.insert(entry);
        if changed {
            self.tell_of_size(&key, turn);
        }
    }

    /// An agent is back with a task that lived when it was last heard of.
    fn count_unseen_end(&mut self, task: &Task) {
        self.counters.end(&task.framework_id, task.state);
        if let Some(status) = &task.status {
            self.counters.cause(status);
        }
    }

    /// Whether the end of this task was reported and acknowledged: what the agent says now is older
    /// than that.
    fn has_ended(&self, task: &Task) -> bool {
        let ended = self.frameworks.get(&task.framework_id);
        let ended = ended.and_then(|f| f.ended(&task.task_id, &task.agent_id));
        ended.is_some_and(|task| !is_declared(task))
    }

    /// Whether the master has told the scheduler that this task is lost in some way.
    fn was_pronounced(&self, key: &TaskKey) -> bool {
        self.ledger.get(key).is_some_and(|e| e.away)
            || self.frameworks[&key.framework_id].ended(&key.task_id, &key.agent_id).is_some()
    }

    fn live_twin(&self, key: &TaskKey) -> Option<TaskKey> {
        let mut named = self.ledger.named(&key.framework_id, &key.task_id);
        named.find(|(k, e)| *k != key && e.holds()).map(|(k, _)| k.clone())
    }

    fn welcome_back(&self, entry: &Entry, turn: &mut Turn<'_>) {
        let status = master_status(&entry.task, entry.task.state, turn)
            .because(Reason::AgentReregistered, "Agent is back with the task");
        turn.emit(report::task_updated(&entry.task.framework_id, &status));
        let framework_id = entry.task.framework_id.clone();
        let message = UpdateStatus { framework_id: framework_id.clone(), status };
        self.tell(&framework_id, ToScheduler::Update(message), turn);
    }

    /// A task that the agent does not have: a launch that did not reach it, or one that ended
    /// unseen. (A launch on its way to the agent now is of an older generation, and is refused
    /// there.)
    fn settle_missing(&mut self, key: &TaskKey, turn: &mut Turn<'_>) {
        let Some(entry) = self.ledger.get(key) else { return };
        let verdict = if entry.task.state == TaskState::Staging && entry.task.status.is_none() {
            Verdict::new(
                TaskState::Dropped,
                Reason::AgentDisconnected,
                "The launch did not reach the agent",
            )
        } else {
            Verdict::new(TaskState::Gone, Reason::Reconciliation, "Task is unknown to the agent")
        };
        self.end_task(key, &verdict, turn);
    }

    fn settle_executors(
        &mut self,
        agent_id: &AgentId,
        executors: Vec<RunningExecutor>,
        turn: &mut Turn<'_>,
    ) {
        self.end_executors_on(agent_id, turn);
        for RunningExecutor { framework_id, executor, role } in executors {
            if executor.kind != ExecutorKind::Custom || !self.frameworks.contains_key(&framework_id)
            {
                continue;
            }
            let key = ExecutorKey {
                agent_id: agent_id.clone(),
                framework_id,
                executor_id: executor.executor_id.clone(),
            };
            self.ledger.executors.insert(key, Executor::new(executor, role, true));
        }
    }
}

/// Agents of before `executor_kind` do not tell it. Our own executors are named like their tasks.
fn with_executor_kind(task: Task) -> Task {
    match task.executor_id.as_str() == task.task_id.as_str() {
        true => task,
        false => Task { executor_kind: ExecutorKind::Custom, ..task },
    }
}
