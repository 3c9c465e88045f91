//! What becomes of tasks: by the agent's word, and by the master's.

use std::sync::Arc;

use protocol::agents::{RouteKill, RouteShutdownFramework};
use protocol::explain::SetbackKind;
use protocol::frameworks::{ForwardUpdate, LaunchUndeliverable};
use protocol::id::TaskId;
use protocol::scheduler::UpdateStatus;
use protocol::task::{Reason, Source, Task, TaskState, TaskStatus};

use crate::agents::Share;
use crate::effect::{ToAgents, ToScheduler};
use crate::ledger::{Entry, ExecutorKey, TaskKey};
use crate::report;
use crate::setbacks::of_task;
use crate::state::{Term, Turn};

/// What the master says has become of a task.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) state: TaskState,
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

impl Verdict {
    pub(crate) fn new(state: TaskState, reason: Reason, message: impl Into<String>) -> Self {
        Self { state, reason, message: message.into() }
    }
}

impl Term {
    pub(crate) fn on_update(&mut self, mut update: ForwardUpdate, turn: &mut Turn<'_>) {
        let ForwardUpdate { framework_id, agent_id, .. } = &update;
        let valid =
            self.frameworks.contains_key(framework_id) && self.generation(agent_id).is_some();
        self.counters.count("messages_status_update");
        self.counters.count(if valid { "valid_status_updates" } else { "invalid_status_updates" });
        if self.removed.contains(framework_id) {
            return self.shut_down_remains(&update, turn);
        }
        if !valid {
            return;
        }
        let key = TaskKey {
            framework_id: framework_id.clone(),
            task_id: update.status.task_id.clone(),
            agent_id: agent_id.clone(),
        };
        update.status.agent_id.get_or_insert_with(|| key.agent_id.clone());
        self.explain_preemption(&key, &mut update.status);
        if self.ledger.get(&key).is_some() {
            self.apply(&key, &update, turn);
        } else {
            self.kill_undead(&key, update.latest_state, turn);
        }
        let ForwardUpdate { framework_id, status, .. } = update;
        let message = UpdateStatus { framework_id: framework_id.clone(), status };
        self.tell(&framework_id, ToScheduler::Update(message), turn);
    }

    /// An agent that still has something of a removed framework was away when it ended.
    fn shut_down_remains(&self, update: &ForwardUpdate, turn: &mut Turn<'_>) {
        turn.agents(ToAgents::ShutdownFramework(RouteShutdownFramework {
            framework_id: update.framework_id.clone(),
            agents: vec![update.agent_id.clone()],
        }));
    }

    /// The newest state frees resources at once; the report itself is what the scheduler sees.
    fn apply(&mut self, key: &TaskKey, update: &ForwardUpdate, turn: &mut Turn<'_>) {
        let status = &update.status;
        let Some(entry) = self.ledger.get_mut(key) else { return };
        let is_new = entry.task.status.as_ref().is_none_or(|s| s.update_id != status.update_id);
        let is_first = entry.task.status.is_none();
        let (ended, told) = (entry.task.state.is_terminal(), entry.told().is_terminal());
        if is_first || entry.told().transition(status.state).is_ok() {
            entry.task_mut().status = Some(status.clone());
        }
        if status.state.is_terminal() && status.update_id.is_some() {
            entry.last_update.clone_from(&status.update_id);
        }
        let freed = advance_task(entry, update.latest_state);
        let state = entry.task.state;
        let executor = ExecutorKey::of(&entry.task);
        if is_new {
            turn.emit(report::task_updated(&key.framework_id, status));
        }
        if !ended {
            self.counters.end(&key.framework_id, state);
        }
        if !told {
            self.counters.cause(status);
        }
        if let Some(share) = freed {
            self.release(share, turn);
        }
        if status.source == Source::Executor {
            self.heard_of_executor(&executor, is_first && update.latest_state.is_live());
        }
        self.retire_executor(&executor, turn);
        if status.state.is_terminal() && status.update_id.is_none() {
            self.finish(key);
        }
    }

    /// Moves a task of which nothing more is to come to what is remembered.
    pub(crate) fn finish(&mut self, key: &TaskKey) {
        if let Some(entry) = self.ledger.remove(key) {
            self.remember(entry.task);
        }
    }

    /// A task that was declared ended without its executor's word, and that lives: it must not run
    /// uncounted. (One whose end was acknowledged does not live: this report is old.)
    fn kill_undead(&self, key: &TaskKey, latest: TaskState, turn: &mut Turn<'_>) {
        let ended = self.frameworks[&key.framework_id].ended(&key.task_id, &key.agent_id);
        if latest.is_live() && ended.is_some_and(is_declared) {
            self.route_kill(key, None, turn);
        }
    }

    pub(crate) fn route_kill(
        &self,
        key: &TaskKey,
        kill_policy: Option<protocol::task::KillPolicy>,
        turn: &mut Turn<'_>,
    ) {
        turn.agents(ToAgents::Kill(RouteKill {
            agent_id: key.agent_id.clone(),
            framework_id: key.framework_id.clone(),
            task_id: key.task_id.clone(),
            kill_policy,
        }));
    }

    /// Ends a task by the master's word: no agent will report on it any more. One that has ended
    /// already keeps its own end.
    pub(crate) fn end_task(&mut self, key: &TaskKey, verdict: &Verdict, turn: &mut Turn<'_>) {
        let Some(mut entry) = self.ledger.remove(key) else { return };
        if entry.holds() {
            self.release(entry.share(), turn);
        }
        if entry.away || !entry.task.state.is_terminal() {
            self.pronounce(&mut entry, verdict, turn);
        }
        self.remember(entry.task);
    }

    /// Sets the state that the master declares, and tells the scheduler if that is news.
    pub(crate) fn pronounce(&mut self, entry: &mut Entry, verdict: &Verdict, turn: &mut Turn<'_>) {
        let Some(framework) = self.frameworks.get(&entry.task.framework_id) else { return };
        let state = framework.understood(verdict.state);
        let known = entry.away && entry.task.state == state;
        let mut status = master_status(&entry.task, state, turn)
            .because(verdict.reason, verdict.message.clone());
        status.healthy = None;
        status.unreachable_time = self.unreachable_since(&entry.task.agent_id);
        let task = entry.task_mut();
        task.state = state;
        task.status = Some(status.clone());
        if known {
            return;
        }
        let framework_id = framework.id.clone();
        self.counters.end(&framework_id, state);
        self.counters.cause(&status);
        turn.emit(report::task_updated(&framework_id, &status));
        let message = UpdateStatus { framework_id: framework_id.clone(), status };
        self.tell(&framework_id, ToScheduler::Update(message), turn);
    }

    /// Moves an ended task to what is remembered of its framework.
    pub(crate) fn remember(&mut self, task: Arc<Task>) {
        if let Some(framework) = self.frameworks.get_mut(&task.framework_id) {
            framework.remember(task, self.config.completed_tasks);
        }
    }

    pub(crate) fn on_launch_undeliverable(
        &mut self,
        message: &LaunchUndeliverable,
        turn: &mut Turn<'_>,
    ) {
        let verdict = Verdict::new(TaskState::Dropped, message.reason, message.message.clone());
        for task_id in &message.task_ids {
            self.drop_undelivered(message, task_id, &verdict, turn);
        }
    }

    fn drop_undelivered(
        &mut self,
        message: &LaunchUndeliverable,
        task_id: &TaskId,
        verdict: &Verdict,
        turn: &mut Turn<'_>,
    ) {
        let key = TaskKey {
            framework_id: message.framework_id.clone(),
            task_id: task_id.clone(),
            agent_id: message.agent_id.clone(),
        };
        let Some(entry) = self.ledger.get(&key) else { return };
        if entry.generation != message.generation || entry.task.status.is_some() {
            return;
        }
        let executor = ExecutorKey::of(&entry.task);
        let (kind, reason) = (SetbackKind::LaunchDropped, verdict.message.clone());
        let setback = of_task(kind, turn.now, reason, &key.agent_id, task_id);
        self.setbacks.note(&key.framework_id, setback);
        self.end_task(&key, verdict, turn);
        self.retire_executor(&executor, turn);
    }
}

/// Whether its end was declared by somebody who could not see the task: nobody acknowledges that.
pub(crate) fn is_declared(task: &Task) -> bool {
    task.status.as_ref().is_none_or(|status| status.update_id.is_none())
}

/// Takes the newest state; what the task held if it has thereby ended.
fn advance_task(entry: &mut Entry, latest: TaskState) -> Option<Share> {
    let held = entry.holds();
    if let Ok(state) = entry.task.state.transition(latest) {
        entry.task_mut().state = state;
    }
    (held && !entry.holds()).then(|| entry.share())
}

/// A report of the master about a task, without reason or text.
pub(crate) fn master_status(task: &Task, state: TaskState, turn: &Turn<'_>) -> TaskStatus {
    let mut status = TaskStatus::new(task.task_id.clone(), state, Source::Master, turn.now);
    status.agent_id = Some(task.agent_id.clone());
    status.executor_id = Some(task.executor_id.clone());
    status.healthy = task.status.as_ref().and_then(|s| s.healthy);
    status
}
