//! The agent and the leading master: finding it, registering with it, being pinged by it.

use protocol::agent::Ping;
use protocol::agents::{AgentRegistered, Pong, RegisterAgent, RunningExecutor};
use protocol::elector::{Leader, leader_in};
use protocol::framework::AgentInfo;
use protocol::updates::SetMaster;
use protocol::{Address, Failure, FailureKind};

use crate::checkpoint::Record;
use crate::effect::Effect;
use crate::executor::ExecutorState;
use crate::input::Timer;
use crate::state::{Early, Registration, State, Turn};

/// After this many failures in a row a leader of a lower epoch is believed too: the registry may
/// have begun anew, with an empty store.
const FAILURES_BEFORE_DOUBT: u32 = 3;

/// The agents manager of that leader.
pub(crate) fn agents_of(leader: &Leader) -> Address {
    Address::new("agents", leader.host.clone())
}

/// The frameworks manager of that leader.
pub(crate) fn frameworks_of(leader: &Leader) -> Address {
    Address::new("frameworks", leader.host.clone())
}

impl State {
    /// How the agent introduces itself: everything that it holds.
    pub(crate) fn introduction(&self) -> RegisterAgent {
        let agent_id = self.durable.agent_id.clone();
        let tasks = match &agent_id {
            Some(id) => self.durable.tasks.values().map(|task| task.summary(id)).collect(),
            None => Vec::new(),
        };
        RegisterAgent {
            agent_id,
            incarnation: self.durable.incarnation,
            attempt: self.attempt,
            info: AgentInfo { resources: self.resources(), ..self.settings.info.clone() },
            tasks,
            frameworks: self.durable.frameworks.values().map(|f| f.info.clone()).collect(),
            executors: self.custom_executors(),
            operations: self.reports(),
        }
    }

    fn custom_executors(&self) -> Vec<RunningExecutor> {
        let alive = self.durable.executors.values().filter(|e| !e.ended && !e.is_command());
        alive
            .map(|executor| RunningExecutor {
                framework_id: executor.framework_id.clone(),
                executor: executor.info.clone(),
                role: executor.role.clone(),
            })
            .collect()
    }
}

impl Turn<'_> {
    pub(crate) fn on_leader_found(&mut self, leader: Leader) {
        let news = match &self.registration {
            Registration::Disconnected => true,
            Registration::Refused { .. } | Registration::Leaving { .. } => false,
            Registration::Registering { master, failures, .. } => {
                *master != leader
                    && (leader.epoch >= master.epoch || *failures >= FAILURES_BEFORE_DOUBT)
            }
            Registration::Registered { master, .. } => {
                *master != leader && leader.epoch >= master.epoch
            }
        };
        if news && self.stopping.is_none() {
            self.introduce_to(leader);
        }
    }

    /// What is left of another agent, of a life that was killed while it ended, ends first.
    fn introduce_to(&mut self, leader: Leader) {
        if self.is_nobody() && !self.nothing_runs() {
            let why = "what ran here as another agent is ending".to_owned();
            self.state.registration = Registration::Leaving { master: leader, why };
        } else {
            self.register_with(leader);
        }
    }

    pub(crate) fn on_master_exited(&mut self, actor: &Address) {
        if self.linked.as_ref() != Some(actor) {
            return;
        }
        self.linked = None;
        if let Registration::Registered { master, .. } = self.registration.clone() {
            self.register_with(master);
            self.effect(Effect::FindLeader { hint: None });
        }
    }

    /// Whoever leads gets everything anew: what was said before may be lost.
    pub(crate) fn register_with(&mut self, master: Leader) {
        if matches!(self.registration, Registration::Registered { .. }) {
            self.effect(Effect::SetMaster(SetMaster { frameworks: None }));
            self.cancel_timer(Timer::Ping);
        }
        self.drop_early();
        let to = agents_of(&master);
        if let Some(old) = self.linked.take_if(|linked| *linked != to) {
            self.effect(Effect::Unlink(old));
        }
        self.registration = Registration::Registering { master, failures: 0, asked: false };
        self.on_register_due();
    }

    pub(crate) fn on_register_due(&mut self) {
        let Registration::Registering { master, asked, .. } = &mut self.state.registration else {
            return;
        };
        *asked = true;
        let to = agents_of(master);
        if self.linked.as_ref() != Some(&to) {
            self.linked = Some(to.clone());
            self.effect(Effect::Link(to.clone()));
        }
        self.cancel_timer(Timer::Register);
        self.state.attempt += 1;
        let message = Box::new(self.introduction());
        self.effect(Effect::Register { to, message });
    }

    pub(crate) fn on_registration_answered(
        &mut self,
        attempt: u64,
        result: Result<AgentRegistered, Failure>,
    ) {
        let Registration::Registering { master, .. } = &self.registration else { return };
        if attempt != self.attempt {
            return;
        }
        let master = master.clone();
        match result {
            Ok(answer) if self.is_another_agent(&answer) => {
                let given = answer.agent_id;
                self.register_later(&Failure::refused(format!("was given the id {given} instead")));
            }
            Ok(answer) => self.registered(master, answer),
            Err(failure) if failure.kind == FailureKind::Refused => {
                self.disowned(Registration::Refused { master, why: failure.message });
            }
            Err(failure) if failure.kind == FailureKind::NotFound && !self.is_nobody() => {
                self.disowned(Registration::Leaving { master, why: failure.message });
            }
            Err(failure) => self.register_later(&failure),
        }
    }

    fn is_another_agent(&self, answer: &AgentRegistered) -> bool {
        self.durable.agent_id.as_ref().is_some_and(|mine| *mine != answer.agent_id)
    }

    fn is_nobody(&self) -> bool {
        self.durable.agent_id.is_none()
    }

    fn registered(&mut self, master: Leader, answer: AgentRegistered) {
        let AgentRegistered { agent_id, epoch, generation, ping_timeout_ms } = answer;
        let first = self.durable.agent_id.is_none();
        if first {
            self.persist(Record::Registered { agent_id });
        }
        let frameworks = Some(frameworks_of(&master));
        self.term = (epoch, generation);
        self.registration = Registration::Registered { master, epoch, generation, ping_timeout_ms };
        self.effect(Effect::SetMaster(SetMaster { frameworks }));
        self.await_ping(ping_timeout_ms);
        if first {
            // Nothing could be said of tasks (of a life that has said goodbye) without an id.
            let keys: Vec<_> = self.outboxes.keys().cloned().collect();
            keys.iter().for_each(|key| self.queue_next(key));
        }
        self.forward_operations();
        self.take_early();
    }

    /// The agent was marked gone, or forgotten, and its tasks given up: they must not run uncounted
    /// beside their replacements. The next life begins anew.
    fn disowned(&mut self, registration: Registration) {
        self.state.early.clear();
        self.registration = registration;
        let frameworks: Vec<_> = self.durable.frameworks.keys().cloned().collect();
        for framework_id in frameworks {
            self.tear_down(framework_id);
        }
        self.persist(Record::Left);
    }

    /// Asks again when everything that it ran as another agent has ended. Called after every step.
    pub(crate) fn begin_anew(&mut self) {
        let Registration::Leaving { master, .. } = &self.registration else { return };
        if self.stopping.is_none() && self.nothing_runs() {
            let master = master.clone();
            self.register_with(master);
        }
    }

    /// Tasks that were turned away may wait for an id, to be told of.
    fn nothing_runs(&self) -> bool {
        self.runs.values().all(|run| run.state == ExecutorState::Terminated)
    }

    fn register_later(&mut self, failure: &Failure) {
        let Registration::Registering { failures, asked, .. } = &mut self.state.registration else {
            return;
        };
        *asked = false;
        *failures = failures.saturating_add(1);
        let doublings = failures.saturating_sub(1).min(16);
        let timeouts = &self.settings.timeouts;
        let whole = (timeouts.register_min * (1 << doublings)).min(timeouts.register_max);
        let wait = whole.mul_f64(1.0 - self.next_jitter() / 2.0);
        self.set_timer(Timer::Register, wait);
        self.effect(Effect::FindLeader { hint: leader_in(failure) });
        self.drop_early();
    }

    fn drop_early(&mut self) {
        for early in std::mem::take(&mut self.state.early) {
            if let Early::Launch(message) = early {
                self.turn_away(*message, "the agent was not registered");
            }
        }
    }

    pub(crate) fn on_ping(&mut self, message: &Ping) {
        let Some(agent_id) = self.durable.agent_id.clone() else { return };
        let Some(master) = self.registration.master().cloned() else { return };
        if message.agent_id != agent_id || message.epoch != master.epoch {
            // Of a leader that was deposed; or of the next, before anybody has told of it.
            return self.effect(Effect::FindLeader { hint: None });
        }
        let incarnation = self.durable.incarnation;
        let pong = Pong { agent_id, incarnation, sequence: message.sequence };
        self.effect(Effect::Pong { to: agents_of(&master), message: pong });
        let Registration::Registered { ping_timeout_ms, .. } = self.registration else { return };
        if message.connected {
            self.await_ping(ping_timeout_ms);
        } else {
            self.register_with(master);
        }
    }

    pub(crate) fn on_ping_overdue(&mut self) {
        if let Registration::Registered { master, .. } = self.registration.clone() {
            self.register_with(master);
            self.effect(Effect::FindLeader { hint: None });
        }
    }

    fn await_ping(&mut self, ping_timeout_ms: u64) {
        self.set_timer(Timer::Ping, std::time::Duration::from_millis(ping_timeout_ms));
    }

    pub(crate) fn on_updates_restarted(&mut self) {
        if let Registration::Registered { master, .. } = &self.registration {
            let frameworks = Some(frameworks_of(master));
            self.effect(Effect::SetMaster(SetMaster { frameworks }));
        }
    }
}
