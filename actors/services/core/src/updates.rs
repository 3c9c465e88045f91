//! What the master says of tasks.

use protocol::Time;
use protocol::frameworks::TaskQuestion;
use protocol::services::{Instance, InstanceFailure};
use protocol::task::{Reason, TaskState, TaskStatus};

use crate::effect::{Effect, Write};
use crate::ids::InstanceName;
use crate::kills::changed;
use crate::plan::is_old;
use crate::state::Leading;

/// What a status means for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is there.
    Live,
    /// It has ended by itself: the next one has to wait.
    Ended,
    /// It has ended, or never was, through no fault of its app.
    Taken,
    /// Nobody can tell. It is given up and replaced, and killed should it come back: Marathon's
    /// default strategy for unreachable instances.
    OutOfReach,
}

fn fate(status: &TaskStatus) -> Fate {
    let blameless = matches!(
        status.reason,
        Some(
            Reason::AgentDisconnected
                | Reason::AgentRemoved
                | Reason::AgentRemovedByOperator
                | Reason::InvalidOffers
                | Reason::MasterDisconnected
                | Reason::Reconciliation
        )
    );
    match status.state {
        state if state.is_live() => Fate::Live,
        TaskState::Killed | TaskState::GoneByOperator => Fate::Taken,
        TaskState::Unreachable | TaskState::Unknown => Fate::OutOfReach,
        TaskState::Lost | TaskState::Dropped | TaskState::Gone if blameless => Fate::Taken,
        _ => Fate::Ended,
    }
}

impl Leading {
    pub(crate) fn on_update(&mut self, now: Time, status: TaskStatus, out: &mut Vec<Effect>) {
        let known = self.instances.get(&status.task_id).is_some();
        match (known, fate(&status)) {
            (true, Fate::Live) => self.on_progress(now, status, out),
            (true, fate) => self.on_end(now, status, fate, out),
            (false, Fate::Live) => self.on_stray(now, status, out),
            (false, _) => {
                self.kills.remove(&status.task_id);
                self.acknowledge(vec![], status, out);
            }
        }
    }

    fn on_progress(&mut self, now: Time, status: TaskStatus, out: &mut Vec<Effect>) {
        let Some(instance) = self.instances.get_mut(&status.task_id) else { return };
        let before = instance.clone();
        if let Ok(state) = instance.state.transition(status.state) {
            instance.state = state;
            instance.healthy = status.healthy.or(instance.healthy);
        }
        if instance.state == TaskState::Running && instance.started_at.is_none() {
            instance.started_at = Some(status.timestamp);
        }
        let after = instance.clone();
        if after == before {
            return self.acknowledge(vec![], status, out);
        }
        if let Some(entry) = self.apps.get_mut(&after.app_id) {
            entry.backoff.on_progress(now, &entry.app.spec);
        }
        let app_id = after.app_id.clone();
        let message = status.message.clone();
        // When it came up outlives this process; the states before that do not matter.
        let writes = if after.started_at == before.started_at {
            vec![]
        } else {
            vec![Write::PutInstance(after.clone())]
        };
        self.acknowledge(writes, status, out);
        self.durable.after_all(changed(after, message), out);
        self.converge(now, &app_id, out);
    }

    fn on_end(&mut self, now: Time, status: TaskStatus, fate: Fate, out: &mut Vec<Effect>) {
        let Some(mut instance) = self.instances.remove(&status.task_id) else { return };
        self.kills.remove(&status.task_id);
        instance.state = status.state;
        let mut writes = vec![Write::DeleteInstance(status.task_id.clone())];
        self.settle_account(now, &instance, &status, fate, &mut writes);
        let app_id = instance.app_id.clone();
        let message = status.message.clone();
        self.acknowledge(writes, status, out);
        self.durable.after_all(changed(instance, message), out);
        self.converge(now, &app_id, out);
    }

    /// What the end of an instance means for its app.
    fn settle_account(
        &mut self,
        now: Time,
        instance: &Instance,
        status: &TaskStatus,
        fate: Fate,
        writes: &mut Vec<Write>,
    ) {
        let Some(entry) = self.apps.get_mut(&instance.app_id) else { return };
        if is_old(&entry.app, instance) {
            return;
        }
        if fate == Fate::Ended && !instance.killing {
            entry.backoff.on_end(now, &entry.app.spec);
        }
        if fate != Fate::OutOfReach {
            entry.vacant.extend(InstanceName::after(instance.task_id.as_str()));
        }
        let failed = fate == Fate::Ended && status.state != TaskState::Finished;
        if failed && !instance.killing {
            let failure = failure(instance, status);
            entry.last_failure = Some(failure.clone());
            writes.push(Write::PutFailure { app_id: instance.app_id.clone(), failure });
        }
    }

    /// A task of ours that nothing is known of: of an app that is gone, or one that was given up
    /// and has come back.
    fn on_stray(&mut self, now: Time, status: TaskStatus, out: &mut Vec<Effect>) {
        if !self.kills.contains_key(&status.task_id) {
            let kill = self.kill_task(now, &status.task_id, status.agent_id.clone(), out);
            self.durable.after_all(kill, out);
        }
        self.acknowledge(vec![], status, out);
    }

    /// Acknowledges when the writes are durable.
    fn acknowledge(&mut self, writes: Vec<Write>, status: TaskStatus, out: &mut Vec<Effect>) {
        let wanted = status.update_id.is_some();
        let acknowledge = wanted.then_some(Effect::Acknowledge { status });
        self.durable.persist(writes, acknowledge.into_iter().collect(), out);
    }
}

fn failure(instance: &Instance, status: &TaskStatus) -> InstanceFailure {
    InstanceFailure {
        task_id: instance.task_id.clone(),
        host: instance.host.clone(),
        state: status.state,
        message: status.message.clone(),
        timestamp: status.timestamp,
        version: instance.version,
        agent_id: Some(instance.agent_id.clone()),
    }
}

/// What the master is asked about an instance.
pub(crate) fn question(instance: &Instance) -> TaskQuestion {
    let agent_id = Some(instance.agent_id.clone());
    TaskQuestion { task_id: instance.task_id.clone(), agent_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::task::Source;

    #[test]
    fn only_what_an_app_has_done_itself_counts_against_it() {
        use TaskState::*;
        let status = |state, reason| {
            let status = TaskStatus::new("t".into(), state, Source::Master, Time(0));
            TaskStatus { reason, ..status }
        };
        for (state, reason, expected) in [
            (Running, None, Fate::Live),
            (Killing, Some(Reason::Reconciliation), Fate::Live),
            (Finished, None, Fate::Ended),
            (Failed, Some(Reason::ContainerLimitationMemory), Fate::Ended),
            (Error, Some(Reason::TaskInvalid), Fate::Ended),
            (Lost, Some(Reason::ExecutorTerminated), Fate::Ended),
            (Gone, None, Fate::Ended),
            (Lost, Some(Reason::Reconciliation), Fate::Taken),
            (Gone, Some(Reason::Reconciliation), Fate::Taken),
            (Dropped, Some(Reason::InvalidOffers), Fate::Taken),
            (Dropped, Some(Reason::MasterDisconnected), Fate::Taken),
            (Killed, None, Fate::Taken),
            (GoneByOperator, None, Fate::Taken),
            (Unreachable, None, Fate::OutOfReach),
            (Unknown, Some(Reason::Reconciliation), Fate::OutOfReach),
        ] {
            assert_eq!(fate(&status(state, reason)), expected, "{state} {reason:?}");
        }
    }
}
