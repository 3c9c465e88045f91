//! The one way in: what concerns leadership is handled here, the rest by the term.

use std::time::Duration;

use protocol::agents::SetDownMachines;
use protocol::elector::LeaderChanged;
use protocol::registrar::RegistrySnapshot;
use protocol::{Epoch, Failure, FailureKind, Time};

use crate::effect::Effect;
use crate::input::{Input, Timer};
use crate::state::{Role, State};
use crate::tally;
use crate::term::Term;

/// Until `registrar` or `frameworks`, on the same host, is asked again: they need some
/// milliseconds to load, and an idle question each 200 ms costs nothing.
const RETRY: Duration = Duration::from_millis(200);

impl State {
    /// Takes one input; what is to be done is appended to `out`, to be performed in order.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::LeaderChanged(message) => self.on_leader_changed(message, out),
            Input::RegistryLoaded { epoch, result } => {
                self.on_registry_loaded(now, epoch, result, out);
            }
            Input::Introduced { epoch, result } => self.on_introduced(now, epoch, result, out),
            Input::SetDownMachines(message) => self.on_set_down_machines(now, message, out),
            Input::FrameworksExited => self.on_frameworks_exited(out),
            Input::TimerFired(Timer::Load) => self.on_load_timer(out),
            Input::TimerFired(Timer::Introduce) => self.on_introduce_timer(out),
            input => match &mut self.role {
                Role::Leading(term) => term.step(now, input, out),
                _ => self.refuse(&input, out),
            },
        }
    }

    fn on_leader_changed(&mut self, message: LeaderChanged, out: &mut Vec<Effect>) {
        self.leadership = message.leadership;
        let leads = self.leadership.leader.as_ref().filter(|_| self.leadership.leading);
        let leads = leads.map(|leader| leader.epoch);
        if leads == self.epoch() {
            return;
        }
        self.end_term(&self.leadership.not_leader(), out);
        if let Some(epoch) = leads {
            self.tally = tally::empty();
            self.load(epoch, out);
        }
    }

    fn load(&mut self, epoch: Epoch, out: &mut Vec<Effect>) {
        self.role = Role::Loading { epoch };
        out.push(Effect::LoadRegistry { epoch });
    }

    fn on_registry_loaded(
        &mut self,
        now: Time,
        asked: Epoch,
        result: Result<RegistrySnapshot, Failure>,
        out: &mut Vec<Effect>,
    ) {
        let Role::Loading { epoch } = self.role else { return };
        if asked != epoch {
            return;
        }
        match result {
            Ok(snapshot) if snapshot.epoch == epoch => {
                let counters = self.counters.resume(now);
                let term = Term::new(self.config, counters, self.tally.clone(), now, snapshot);
                out.push(Effect::Introduce(term.introduction()));
                self.role = Role::Introducing(Box::new(term));
            }
            _ => out.push(Effect::SetTimer { timer: Timer::Load, at: now + RETRY }),
        }
    }

    fn on_load_timer(&mut self, out: &mut Vec<Effect>) {
        if let Role::Loading { epoch } = self.role {
            out.push(Effect::LoadRegistry { epoch });
        }
    }

    fn on_introduced(
        &mut self,
        now: Time,
        asked: Epoch,
        result: Result<(), Failure>,
        out: &mut Vec<Effect>,
    ) {
        match std::mem::replace(&mut self.role, Role::Standby) {
            Role::Introducing(mut term) if term.epoch == asked && result.is_ok() => {
                term.serve(now, out);
                self.role = Role::Leading(term);
            }
            Role::Introducing(term) if term.epoch == asked => {
                out.push(Effect::SetTimer { timer: Timer::Introduce, at: now + RETRY });
                self.role = Role::Introducing(term);
            }
            role => self.role = role,
        }
    }

    /// The first word comes before `frameworks` has answered the introduction: nobody registers
    /// in between.
    fn on_set_down_machines(&mut self, now: Time, message: SetDownMachines, out: &mut Vec<Effect>) {
        match &mut self.role {
            Role::Introducing(term) => {
                term.note_down_machines(message);
            }
            Role::Leading(term) => {
                if term.note_down_machines(message) {
                    term.clear_down_machines(now, out);
                }
            }
            Role::Standby | Role::Loading { .. } => {}
        }
    }

    fn on_introduce_timer(&mut self, out: &mut Vec<Effect>) {
        if let Role::Introducing(term) = &self.role {
            out.push(Effect::Introduce(term.introduction()));
        }
    }

    /// Its ledger went with it. Everything is begun anew: the registry, the introduction, and
    /// every agent registers again, which brings the tasks back.
    fn on_frameworks_exited(&mut self, out: &mut Vec<Effect>) {
        if let (Some(epoch), Some(_)) = (self.epoch(), self.term()) {
            let why = "the frameworks manager of this leader was restarted; ask again";
            self.end_term(&Failure::new(FailureKind::NotLeader, why), out);
            self.load(epoch, out);
        }
    }

    fn refuse(&self, input: &Input, out: &mut Vec<Effect>) {
        if let Some(call) = input.call() {
            out.push(Effect::Reply { call, result: Err(self.leadership.not_leader()) });
        }
    }
}
