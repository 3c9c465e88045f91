//! The one way in.

use protocol::{Epoch, Time};

use crate::effect::{Effect, Timer};
use crate::input::Input;
use crate::queries::info;
use crate::state::{Leading, Role, Services};

impl Services {
    /// Takes one thing that happened at `now`, and appends what is to be done about it, in order.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::LeaderChanged(leadership) => self.on_leader_changed(leadership, out),
            Input::Loaded { epoch, records } => self.on_loaded(now, epoch, records, out),
            Input::GetServicesInfo { call } => {
                let result = Ok(match &self.role {
                    Role::Leading(l) => info(&l.config, l.framework_id.as_ref(), l.connected),
                    _ => info(&self.config, None, false),
                });
                out.push(Effect::Reply { call, result });
            }
            input => match &mut self.role {
                Role::Leading(leading) => leading.step(now, input, out),
                _ if input.call().is_some() => self.wait_for_recovery(input, out),
                _ => {}
            },
        }
    }
}

impl Leading {
    fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Persisted { epoch, id } => self.durable.on_persisted(epoch, id, out),
            Input::PersistFailed { epoch, why } => self.on_persist_failed(epoch, why, out),

            Input::Subscribed { framework_id } => self.on_subscribed(now, framework_id, out),
            Input::Rejected { removed, why } => self.on_rejected(now, removed, why, out),
            Input::Disconnected => self.on_disconnected(),
            Input::Offers { offers } => self.on_offers(now, offers, out),
            Input::Update { status } => self.on_update(now, status, out),

            Input::PutApp { call, message } => self.on_put_app(now, call, message, out),
            Input::ScaleApp { call, message } => self.on_scale_app(now, call, &message, out),
            Input::RestartApp { call, message } => self.on_restart_app(now, call, &message, out),
            Input::DeleteApp { call, message } => self.on_delete_app(now, call, &message, out),
            Input::KillInstances { call, message } => {
                self.on_kill_instances(now, call, &message, out);
            }
            Input::GetApp { call, message } => self.on_get_app(now, call, &message.id, out),
            Input::GetApps { call } => self.on_get_apps(now, call, out),
            Input::GetAppVersions { call, message } => {
                self.on_get_app_versions(call, &message.id, out);
            }
            Input::GetDeployments { call } => self.on_get_deployments(call, out),
            Input::ExplainApp { call, message } => self.on_explain_app(now, call, &message, out),

            Input::TimerFired(timer) => self.on_timer(now, &timer, out),

            // Answered before the role is looked at, or nothing to be done: an offer is used or
            // declined when it comes, and what was launched on one that was void is reported lost.
            Input::LeaderChanged(_)
            | Input::Loaded { .. }
            | Input::GetServicesInfo { .. }
            | Input::Rescinded { .. } => {}
        }
        if self.connected {
            let interval = self.config.revive_interval;
            self.demand.steer(now, interval, &mut self.timers, out);
        }
    }

    fn on_persist_failed(&mut self, epoch: Epoch, why: String, out: &mut Vec<Effect>) {
        if epoch == self.durable.epoch() {
            out.push(Effect::Fail { why });
        }
    }

    fn on_timer(&mut self, now: Time, timer: &Timer, out: &mut Vec<Effect>) {
        self.timers.on_fired(timer);
        match timer {
            Timer::Backoff(app_id) => self.converge(now, app_id, out),
            Timer::Kills => self.on_kills_due(now, out),
            Timer::Overdue => self.on_launches_due(now, out),
            Timer::Reconcile => self.reconcile(now, out),
            // Offers are steered after every step.
            Timer::Revive => {}
        }
    }
}
