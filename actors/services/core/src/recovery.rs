//! Winning and losing leadership, and taking over what the leader before has left.

use std::collections::BTreeMap;

use protocol::elector::Leadership;
use protocol::{CallId, Epoch, FrameworkId, Time};

use crate::effect::{Effect, Timer, Write};
use crate::input::{Input, Records};
use crate::state::{AppEntry, Leading, Role, Services};
use crate::updates::question;

/// How many calls may wait for recovery. It takes milliseconds; more are told to ask again.
const MAX_WAITING: usize = 1000;

impl Services {
    pub(crate) fn on_leader_changed(&mut self, leadership: Leadership, out: &mut Vec<Effect>) {
        let epoch = leadership.leader.as_ref().filter(|_| leadership.leading).map(|l| l.epoch);
        if epoch.is_some() && epoch == self.epoch() {
            return;
        }
        self.step_down(&leadership, out);
        if let Some(epoch) = epoch {
            self.role = Role::Recovering { epoch, waiting: Vec::new() };
            out.push(Effect::Load { epoch });
        }
    }

    /// Everything of the last term ends; who waits is told who leads now.
    fn step_down(&mut self, leadership: &Leadership, out: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.role, Role::Standby(leadership.clone())) {
            Role::Standby(_) => {}
            Role::Recovering { waiting, .. } => {
                let calls = waiting.iter().filter_map(Input::call);
                out.extend(calls.map(|call| refuse(call, leadership)));
            }
            Role::Leading(leading) => {
                let Leading { durable, timers, .. } = *leading;
                out.push(Effect::Unsubscribe);
                timers.cancel_all(out);
                out.extend(durable.abandon().filter_map(|effect| match effect {
                    Effect::Reply { call, .. } => Some(refuse(call, leadership)),
                    _ => None,
                }));
            }
        }
    }

    /// A call while what is durable is being read: it waits.
    pub(crate) fn wait_for_recovery(&mut self, input: Input, out: &mut Vec<Effect>) {
        match &mut self.role {
            Role::Recovering { waiting, .. } if waiting.len() < MAX_WAITING => waiting.push(input),
            Role::Standby(leadership) => {
                out.extend(input.call().map(|call| refuse(call, leadership)));
            }
            _ => {
                let leading = Leadership { leader: None, leading: true };
                out.extend(input.call().map(|call| refuse(call, &leading)));
            }
        }
    }

    pub(crate) fn on_loaded(
        &mut self,
        now: Time,
        epoch: Epoch,
        records: Records,
        out: &mut Vec<Effect>,
    ) {
        let Role::Recovering { epoch: expected, waiting } = &mut self.role else { return };
        if *expected != epoch {
            return;
        }
        let waiting = std::mem::take(waiting);
        let mut leading = Leading::new(self.config.clone(), self.seed, epoch);
        leading.recover(records);
        out.push(Effect::Subscribe { framework_id: leading.framework_id.clone() });
        leading.converge_all(now, out);
        leading.watch_launches(out);
        self.role = Role::Leading(Box::new(leading));
        for input in waiting {
            self.step(now, input, out);
        }
    }
}

fn refuse(call: CallId, leadership: &Leadership) -> Effect {
    Effect::Reply { call, result: Err(leadership.not_leader()) }
}

impl Leading {
    fn recover(&mut self, records: Records) {
        self.framework_id = records.framework_id;
        for record in records.apps {
            let id = record.app.spec.id.clone();
            self.deployments.extend(record.deployments.into_iter().map(|d| (d.id.clone(), d)));
            self.apps.insert(id, AppEntry::new(record.app));
        }
        for app in records.versions {
            if let Some(entry) = self.apps.get_mut(&app.spec.id) {
                entry.versions.retain(|kept| kept.version != app.version);
                entry.versions.push(app);
            }
        }
        for entry in self.apps.values_mut() {
            entry.versions.sort_by_key(|app| std::cmp::Reverse(app.version));
        }
        for (app_id, failure) in records.failures {
            if let Some(entry) = self.apps.get_mut(&app_id) {
                entry.last_failure = Some(failure);
            }
        }
        for instance in records.instances {
            if instance.killing {
                self.resume_kill(&instance);
            }
            self.instances.insert(instance);
        }
    }

    /// A kill that was decided and may not have been sent: it is with the next subscription.
    fn resume_kill(&mut self, instance: &protocol::services::Instance) {
        let agent_id = Some(instance.agent_id.clone());
        let kill = crate::state::PendingKill { agent_id, asked_at: Time::default() };
        self.kills.insert(instance.task_id.clone(), kill);
    }

    /// Asks the master about everything, and for everything that it knows.
    pub(crate) fn on_subscribed(
        &mut self,
        now: Time,
        framework_id: FrameworkId,
        out: &mut Vec<Effect>,
    ) {
        self.connected = true;
        if self.framework_id.as_ref() != Some(&framework_id) {
            self.framework_id = Some(framework_id.clone());
            self.durable.persist(vec![Write::PutFramework(framework_id)], vec![], out);
        }
        self.demand.on_subscribed();
        self.repeat_all_kills(now, out);
        self.timers.cancel(&Timer::Reconcile, out);
        self.reconcile(now, out);
    }

    pub(crate) fn on_disconnected(&mut self) {
        self.connected = false;
    }

    pub(crate) fn reconcile(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.timers.arm(Timer::Reconcile, now + self.config.reconcile_interval, out);
        if !self.connected {
            return;
        }
        let known: Vec<_> = self.instances.iter().map(question).collect();
        if !known.is_empty() {
            self.durable.after_all(Effect::Reconcile { tasks: known }, out);
        }
        self.durable.after_all(Effect::Reconcile { tasks: vec![] }, out);
    }

    /// The framework's id is void: its tasks have ended with it, and a new one takes its place.
    pub(crate) fn on_rejected(
        &mut self,
        now: Time,
        removed: bool,
        why: String,
        out: &mut Vec<Effect>,
    ) {
        self.connected = false;
        if !removed {
            return out.push(Effect::Fail { why });
        }
        self.framework_id = None;
        self.kills = BTreeMap::new();
        let mut writes = vec![Write::DeleteFramework];
        let ended: Vec<_> = self.instances.iter().map(|i| i.task_id.clone()).collect();
        for task_id in ended {
            self.instances.remove(&task_id);
            writes.push(Write::DeleteInstance(task_id));
        }
        self.durable.persist(writes, vec![Effect::Subscribe { framework_id: None }], out);
        self.converge_all(now, out);
    }
}
