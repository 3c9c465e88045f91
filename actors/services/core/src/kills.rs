//! Killing, until it has worked.

use protocol::services::Instance;
use protocol::{AgentId, TaskId, Time};

use crate::effect::{Effect, Event, Timer, Write};
use crate::environment::kill_policy;
use crate::instances::is_coming_up;
use crate::state::{Leading, PendingKill};

impl Leading {
    /// Kills these instances, once the decision is durable: a successor must not choose others.
    pub(crate) fn kill_instances(&mut self, now: Time, ids: &[TaskId], out: &mut Vec<Effect>) {
        let (mut writes, mut then) = (Vec::new(), Vec::new());
        for task_id in ids {
            let Some(instance) = self.instances.get_mut(task_id).filter(|i| !i.killing) else {
                continue;
            };
            instance.killing = true;
            let instance = instance.clone();
            writes.push(Write::PutInstance(instance.clone()));
            then.push(self.kill_task(now, task_id, Some(instance.agent_id.clone()), out));
            then.push(changed(instance, "kill requested"));
        }
        self.durable.persist(writes, then, out);
    }

    /// The effect that kills a task; it is repeated until the task's end is known.
    pub(crate) fn kill_task(
        &mut self,
        now: Time,
        task_id: &TaskId,
        agent_id: Option<AgentId>,
        out: &mut Vec<Effect>,
    ) -> Effect {
        self.timers.arm(Timer::Kills, now + self.config.kill_retry, out);
        let kill = PendingKill { agent_id, asked_at: now };
        let effect = self.kill_effect(task_id, &kill);
        self.kills.insert(task_id.clone(), kill);
        effect
    }

    fn kill_effect(&self, task_id: &TaskId, kill: &PendingKill) -> Effect {
        let app = self.instances.get(task_id).and_then(|i| self.apps.get(&i.app_id));
        Effect::Kill {
            task_id: task_id.clone(),
            agent_id: kill.agent_id.clone(),
            kill_policy: app.and_then(|entry| kill_policy(&entry.app.spec)),
        }
    }

    pub(crate) fn on_kills_due(&mut self, now: Time, out: &mut Vec<Effect>) {
        let patience = self.config.kill_retry;
        let due = |kill: &PendingKill| now.since(kill.asked_at) >= patience;
        self.repeat_kills(now, due, out);
    }

    /// After a new subscription: what was asked before may not have arrived.
    pub(crate) fn repeat_all_kills(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.repeat_kills(now, |_| true, out);
    }

    fn repeat_kills(
        &mut self,
        now: Time,
        due: impl Fn(&PendingKill) -> bool,
        out: &mut Vec<Effect>,
    ) {
        let mut kills = std::mem::take(&mut self.kills);
        for (task_id, kill) in kills.iter_mut().filter(|(_, kill)| due(kill)) {
            kill.asked_at = now;
            self.durable.after_all(self.kill_effect(task_id, kill), out);
        }
        self.kills = kills;
        if let Some(oldest) = self.kills.values().map(|kill| kill.asked_at).min() {
            self.timers.arm(Timer::Kills, oldest + self.config.kill_retry, out);
        }
    }

    /// Watches for instances that do not come up.
    pub(crate) fn watch_launches(&mut self, out: &mut Vec<Effect>) {
        let coming_up = self.instances.iter().filter(|i| is_coming_up(i) && !i.killing);
        if let Some(oldest) = coming_up.map(|i| i.staged_at).min() {
            self.timers.arm(Timer::Overdue, oldest + self.config.launch_timeout, out);
        }
    }

    /// Kills what does not come up: it is replaced when it has ended.
    pub(crate) fn on_launches_due(&mut self, now: Time, out: &mut Vec<Effect>) {
        let patience = self.config.launch_timeout;
        let overdue: Vec<TaskId> = self
            .instances
            .iter()
            .filter(|i| is_coming_up(i) && !i.killing && now.since(i.staged_at) >= patience)
            .map(|i| i.task_id.clone())
            .collect();
        self.kill_instances(now, &overdue, out);
        self.watch_launches(out);
    }
}

/// The event of an instance's change.
pub(crate) fn changed(instance: Instance, message: impl Into<String>) -> Effect {
    Effect::Emit(Event::InstanceChanged { instance, message: message.into() })
}
