//! Reconciliation: what the master knows of tasks, answered as Mesos does.

use protocol::Address;
use protocol::Failure;
use protocol::framework::{OperationState, OperationStatus};
use protocol::frameworks::{OperationQuestion, ReconcileOperations, ReconcileTasks, TaskQuestion};
use protocol::id::FrameworkId;
use protocol::scheduler::UpdateStatus;
use protocol::task::{Reason, Source, TaskState, TaskStatus};

use crate::agents::Standing;
use crate::effect::ToScheduler;
use crate::ledger::Entry;
use crate::state::{Term, Turn};
use crate::updates::master_status;

impl Term {
    pub(crate) fn on_reconcile(
        &mut self,
        from: &Address,
        message: &ReconcileTasks,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let id = &message.framework_id;
        self.caller(id, from)?;
        if message.tasks.is_empty() {
            for (_, entry) in self.ledger.of_framework(id) {
                self.answer_known(entry, turn);
            }
        }
        for question in &message.tasks {
            self.answer_question(id, question, turn);
        }
        Ok(())
    }

    /// One task in question: its last told state, or what its agent's standing says; silence
    /// while the agent may still come back with it.
    pub(crate) fn answer_question(
        &self,
        id: &FrameworkId,
        question: &TaskQuestion,
        turn: &mut Turn<'_>,
    ) {
        let named: Vec<_> = self.ledger.named(id, &question.task_id).map(|(_, e)| e).collect();
        if let Some(entry) = named.iter().find(|e| e.holds()).or_else(|| named.first()) {
            return self.answer_known(entry, turn);
        }
        let Some(state) = self.state_of_unknown(question) else { return };
        let Some(framework) = self.frameworks.get(id) else { return };
        let state = framework.understood(state);
        let status = TaskStatus::new(question.task_id.clone(), state, Source::Master, turn.now);
        let mut status = status.because(Reason::Reconciliation, "Reconciliation: Task is unknown");
        status.agent_id.clone_from(&question.agent_id);
        let agent_id = question.agent_id.as_ref();
        status.unreachable_time = agent_id.and_then(|id| self.unreachable_since(id));
        let message = UpdateStatus { framework_id: id.clone(), status };
        self.tell(id, ToScheduler::Update(message), turn);
    }

    fn state_of_unknown(&self, question: &TaskQuestion) -> Option<TaskState> {
        let Some(agent_id) = &question.agent_id else {
            let awaited = self.agents.values().any(|a| a.standing == Standing::Recovered);
            return (!awaited).then_some(TaskState::Unknown);
        };
        match self.standing(agent_id) {
            Some(Standing::Recovered) => None,
            Some(Standing::Here { .. } | Standing::Disconnected) => Some(TaskState::Gone),
            Some(Standing::Unreachable { .. }) => Some(TaskState::Unreachable),
            Some(Standing::Gone { .. }) => Some(TaskState::GoneByOperator),
            None => Some(TaskState::Unknown),
        }
    }

    /// What is known of an operation; otherwise what follows from its agent's standing.
    pub(crate) fn on_reconcile_operations(
        &mut self,
        from: &Address,
        message: &ReconcileOperations,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let id = &message.framework_id;
        self.caller(id, from)?;
        for question in &message.operations {
            let status = self.operation_status(id, question);
            self.tell_operation(id, status, turn);
        }
        Ok(())
    }

    fn operation_status(&self, id: &FrameworkId, question: &OperationQuestion) -> OperationStatus {
        let OperationQuestion { operation_id, agent_id } = question;
        let known = self.operations.named(id, operation_id);
        let agent_id = known.map(|view| &view.agent_id).or(agent_id.as_ref());
        let standing = agent_id.and_then(|agent_id| self.standing(agent_id));
        let state = match (known, standing) {
            (_, Some(Standing::Recovered)) => OperationState::Recovering,
            (_, Some(Standing::Unreachable { .. })) => OperationState::Unreachable,
            (_, Some(Standing::Gone { .. })) => OperationState::GoneByOperator,
            (Some(view), _) => view.report.status.state,
            (None, _) => OperationState::Unknown,
        };
        let mut status = OperationStatus::new(Some(operation_id.clone()), state);
        status.agent_id = agent_id.cloned();
        status.message = "Reconciliation: Operation is unknown".to_owned();
        if let Some(view) = known {
            status.converted.clone_from(&view.report.status.converted);
            status.message = "Reconciliation: Latest operation status".to_owned();
        }
        status
    }

    fn answer_known(&self, entry: &Entry, turn: &mut Turn<'_>) {
        let mut status = master_status(&entry.task, entry.told(), turn)
            .because(Reason::Reconciliation, "Reconciliation: Latest task state");
        status.container_id = entry.task.status.as_ref().and_then(|s| s.container_id.clone());
        status.unreachable_time = self.unreachable_since(&entry.task.agent_id);
        let framework_id = entry.task.framework_id.clone();
        let message = UpdateStatus { framework_id: framework_id.clone(), status };
        self.tell(&framework_id, ToScheduler::Update(message), turn);
    }
}
