//! Operations on what this machine has: reservations and persistent volumes. Done when they are in
//! the checkpoint; told of until whoever wanted them has acknowledged.

use std::time::Duration;

use protocol::agent::{ApplyOperation, OperationAcknowledged};
use protocol::elector::Leader;
use protocol::framework::{OperationState, OperationStatus};
use protocol::frameworks::ForwardOperation;
use protocol::operation::{AgentOperation, OperationReport, changed, original};
use protocol::{AgentId, ConversionId, Epoch, Generation, Resources};

use crate::checkpoint::Record;
use crate::effect::{Effect, ToFrameworks};
use crate::input::Timer;
use crate::launch::Standing;
use crate::registration::frameworks_of;
use crate::state::{Early, Registration, State, Turn};
use crate::status::update_id;

/// Until reports are repeated, doubling: as in Mesos, for operations and tasks alike.
const REPEAT_MIN: Duration = Duration::from_secs(10);
const REPEAT_MAX: Duration = Duration::from_secs(600);

impl State {
    /// What this machine has now: as configured, with what operations have made of it.
    pub fn resources(&self) -> Resources {
        let mut resources = self.settings.info.resources.clone();
        resources.remove_all(&original(&self.durable.converted));
        resources.add_all(&self.durable.converted);
        resources
    }

    /// Those that were not acknowledged.
    pub(crate) fn reports(&self) -> Vec<OperationReport> {
        self.durable.operations.values().cloned().collect()
    }
}

impl Turn<'_> {
    /// One that is turned away is missing from the registration that is under way or was made since:
    /// the master sees that it was not done.
    pub(crate) fn on_apply_operation(&mut self, message: ApplyOperation) {
        match self.standing(message.epoch, message.generation) {
            Standing::Current => self.apply_operation(message.operation),
            Standing::Early => self.state.early.push(Early::Operation(Box::new(message))),
            Standing::Stale(_) => self.miss_operation((message.epoch, message.generation)),
        }
    }

    /// Of the registration that is about to be answered, there was no room to keep it: another one
    /// says that it was not done.
    fn miss_operation(&mut self, term: (Epoch, Generation)) {
        if let Registration::Registering { master, asked: true, .. } = self.registration.clone()
            && term > self.term
        {
            self.register_with(master);
        }
    }

    fn apply_operation(&mut self, operation: AgentOperation) {
        let (Some(agent_id), Registration::Registered { master, .. }) =
            (self.durable.agent_id.clone(), self.registration.clone())
        else {
            return;
        };
        if self.durable.operations.contains_key(&operation.conversion_id) {
            return;
        }
        let Some(resources) = operation.conversion.apply(&self.resources()) else {
            // The master counts on something that is not so: it is told everything anew.
            return self.register_with(master);
        };
        let report = self.report_on(&agent_id, operation);
        let record = Some(Box::new(report.clone()));
        self.persist(Record::Converted { resources: changed(&resources), report: record });
        self.settle_volumes();
        self.forward_operation(agent_id, &master, report);
        self.repeat_soon();
    }

    /// Whatever is repeated sooner anyway is not put off.
    fn repeat_soon(&mut self) {
        let soon = self.now + REPEAT_MIN;
        if self.repeat_at.is_none_or(|at| at > soon) {
            self.state.repeat = REPEAT_MIN;
            self.set_repetition();
        }
    }

    fn set_repetition(&mut self) {
        let after = self.repeat;
        self.state.repeat_at = Some(self.now + after);
        self.set_timer(Timer::Operations, after);
    }

    fn report_on(&mut self, agent_id: &AgentId, operation: AgentOperation) -> OperationReport {
        let number = self.next_name();
        let mut status =
            OperationStatus::new(operation.operation_id.clone(), OperationState::Finished);
        status.agent_id = Some(agent_id.clone());
        status.converted = operation.conversion.produced.clone();
        status.update_id = Some(update_id(self.settings.updates, number));
        OperationReport { operation, status }
    }

    /// Tells of everything that was not acknowledged, now and again after a while.
    pub(crate) fn forward_operations(&mut self) {
        self.state.repeat = REPEAT_MIN;
        self.repeat_operations();
    }

    pub(crate) fn on_operations_due(&mut self) {
        self.state.repeat = (self.repeat * 2).clamp(REPEAT_MIN, REPEAT_MAX);
        self.state.repeat_at = None;
        self.repeat_operations();
    }

    fn repeat_operations(&mut self) {
        let (Some(agent_id), Registration::Registered { master, .. }) =
            (self.durable.agent_id.clone(), &self.registration)
        else {
            return;
        };
        let master = master.clone();
        for report in self.reports() {
            self.forward_operation(agent_id.clone(), &master, report);
        }
        if !self.durable.operations.is_empty() {
            self.set_repetition();
        }
    }

    fn forward_operation(&mut self, agent_id: AgentId, master: &Leader, report: OperationReport) {
        let message = ToFrameworks::Operation(Box::new(ForwardOperation { agent_id, report }));
        self.effect(Effect::ToFrameworks { to: frameworks_of(master), message });
    }

    pub(crate) fn on_operation_acknowledged(&mut self, message: &OperationAcknowledged) {
        if self.is_of_another_registration(message.generation) {
            return;
        }
        let meant = |report: &&OperationReport| {
            report.status.update_id.as_ref() == Some(&message.update_id)
        };
        let found = self.durable.operations.values().find(meant);
        let Some(id) = found.map(|report| report.operation.conversion_id.clone()) else { return };
        self.acknowledge(id);
    }

    fn acknowledge(&mut self, conversion_id: ConversionId) {
        self.persist(Record::OperationAcknowledged { conversion_id });
        if self.durable.operations.is_empty() {
            self.state.repeat_at = None;
            self.cancel_timer(Timer::Operations);
        }
    }

    /// What came before the answer to the registration that allows it, in its order.
    pub(crate) fn take_early(&mut self) {
        for early in std::mem::take(&mut self.state.early) {
            match early {
                Early::Launch(message) => self.on_run_tasks(*message),
                Early::Operation(message) => self.on_apply_operation(*message),
            }
        }
    }
}
