//! The operations of a modelled agent: done once, reported until acknowledged.

use frameworks_core::News;
use protocol::Resources;
use protocol::agent::{ApplyOperation, OperationAcknowledged};
use protocol::framework::{OperationState, OperationStatus};
use protocol::frameworks::ForwardOperation;
use protocol::id::UpdateId;
use protocol::operation::OperationReport;

use crate::agent::{Agent, Registration, total};
use crate::event::{AgentWake, Packet, Side};
use crate::kernel::Kernel;

impl Agent {
    /// What the machine has, with what operations have made of it.
    pub(crate) fn resources(&self) -> Resources {
        self.disk.resources.clone().unwrap_or_else(total)
    }

    /// One for another registration is missing from the next; one for a registration whose answer
    /// is on its way waits for it.
    pub(crate) fn on_operate(&mut self, kernel: &mut Kernel, message: ApplyOperation) {
        match self.registration {
            Registration::Asking { .. } => self.early.push(message),
            Registration::Done { epoch, generation }
                if (epoch, generation) == (message.epoch, message.generation) =>
            {
                self.operate(kernel, message);
            }
            _ => {}
        }
    }

    pub(crate) fn take_early(&mut self, kernel: &mut Kernel) {
        for message in std::mem::take(&mut self.early) {
            self.on_operate(kernel, message);
        }
        self.report_operations(kernel);
    }

    fn operate(&mut self, kernel: &mut Kernel, message: ApplyOperation) {
        let operation = message.operation;
        let Some(resources) = operation.conversion.apply(&self.resources()) else {
            return self.register(kernel);
        };
        self.disk.resources = Some(resources);
        self.disk.updates += 1;
        let id = format!("{}.{}.{}", self.index, self.boots, self.disk.updates);
        let mut status =
            OperationStatus::new(operation.operation_id.clone(), OperationState::Finished);
        status.converted = operation.conversion.produced.clone();
        status.update_id = Some(UpdateId::from(id));
        self.disk.operations.push(OperationReport { operation, status });
        self.report_operations(kernel);
    }

    /// Tells of everything that is not acknowledged, and will again.
    pub(crate) fn report_operations(&mut self, kernel: &mut Kernel) {
        let (Registration::Done { .. }, Some(agent_id)) =
            (self.registration, self.disk.agent_id.clone())
        else {
            return;
        };
        for report in self.disk.operations.clone() {
            let message = ForwardOperation { agent_id: agent_id.clone(), report };
            let news = News::Operation(Box::new(message));
            kernel.send(self.peer(), Side::Master, Packet::News(Box::new(news)));
        }
        if !self.disk.operations.is_empty() {
            let delay = kernel.between(900, 1500);
            self.wake(kernel, delay, AgentWake::Reports);
        }
    }

    pub(crate) fn on_operation_acknowledged(&mut self, message: &OperationAcknowledged) {
        if message.generation != self.generation() {
            return;
        }
        let same =
            |report: &OperationReport| report.status.update_id.as_ref() == Some(&message.update_id);
        self.disk.operations.retain(|report| !same(report));
    }
}
