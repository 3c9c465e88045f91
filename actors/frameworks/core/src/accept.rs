//! Accepting offers: they are checked together, consumed whole, and their tasks launched in one
//! message to the agent; what is left over goes back.

use std::collections::BTreeSet;

use protocol::agents::RouteLaunch;
use protocol::allocator::{Holder, ShareResources};
use protocol::events::types;
use protocol::explain::{Setback, SetbackKind};
use protocol::framework::{Filters, Operation, OperationState, OperationStatus};
use protocol::frameworks::{AcceptOffers, OffersAccepted, RefusedOperation};
use protocol::id::{AgentId, FrameworkId, Generation, OfferId, OperationId, TaskId};
use protocol::operation::{Conversion, ResourceOperation};
use protocol::resources::Resources;
use protocol::scheduler::UpdateStatus;
use protocol::task::{Reason, Source, Task, TaskInfo, TaskState, TaskStatus};
use protocol::{Address, Failure};

use crate::agents::Share;
use crate::authority::may_run;
use crate::effect::{ToAgents, ToAllocator, ToScheduler};
use crate::ledger::{Entry, Executor, ExecutorKey};
use crate::offers::capped;
use crate::report;
use crate::setbacks::{self, of_task};
use crate::state::{Term, Turn};
use crate::updates::Verdict;
use crate::validate::{Site, Validated};

/// Offers that are used together.
pub(crate) struct Bundle {
    pub(crate) framework_id: FrameworkId,
    pub(crate) agent_id: AgentId,
    pub(crate) generation: Generation,
    pub(crate) role: String,
    /// What is not used yet, and all that is shared.
    pub(crate) rest: Resources,
    /// What operations have made, as far as it is still in `rest`.
    made: Resources,
    /// What no later operation of the same accept can use.
    aside: Resources,
    /// What is shared, once for each task and executor that uses it.
    uses: Resources,
}

impl Bundle {
    /// Who has the offers.
    pub(crate) fn holder(&self) -> Holder {
        Holder { framework_id: self.framework_id.clone(), role: self.role.clone() }
    }

    /// What an operation has made of the resources. Volumes that have grown or shrunk are not for
    /// use in the same accept, as in Mesos.
    pub(crate) fn convert(&mut self, operation: &ResourceOperation, conversion: &Conversion) {
        self.rest.remove_all(&conversion.consumed);
        self.made.remove_all(&conversion.consumed);
        match operation {
            ResourceOperation::GrowVolume { .. } | ResourceOperation::ShrinkVolume { .. } => {
                self.aside.add_all(&conversion.produced);
            }
            _ => {
                self.rest.add_all(&conversion.produced);
                self.made.add_all(&conversion.produced);
            }
        }
    }

    /// What is used is no longer there, unless it is shared; what was made goes first.
    fn take(&mut self, used: &Resources) {
        let exclusive = used.exclusive();
        self.rest.remove_all(&exclusive);
        self.made.remove_all(&exclusive);
        self.uses.add_all(&used.filter(|resource| resource.shared));
    }

    /// Everybody who uses what is shared has it once: those that the offers do not have.
    fn settle_shared(&mut self) -> Resources {
        let mut beyond = self.uses.clone();
        beyond.remove_all(&self.rest);
        self.rest.remove_all(&self.uses);
        self.made.remove_all(&self.uses);
        beyond
    }
}

/// Whether it makes an accept more than a decline.
pub(crate) fn is_use(operation: &Operation) -> bool {
    match operation {
        Operation::Launch { tasks } => !tasks.is_empty(),
        Operation::Apply { .. } => true,
        Operation::Refused { .. } => false,
    }
}

impl Term {
    pub(crate) fn on_accept(
        &mut self,
        from: &Address,
        message: AcceptOffers,
        turn: &mut Turn<'_>,
    ) -> Result<OffersAccepted, Failure> {
        let AcceptOffers { framework_id, offer_ids, operations, filters } = message;
        self.caller(&framework_id, from)?;
        let mut bundle = match self.check_offers(&framework_id, &offer_ids) {
            Ok(bundle) => bundle,
            Err(fault) => {
                self.discard(&framework_id, &offer_ids, turn);
                self.drop_operations(&framework_id, &operations, &fault, turn);
                let kind = SetbackKind::AcceptRefused;
                let setback = setbacks::of_offers(kind, turn.now, fault.clone(), &offer_ids);
                let task_ids = setbacks::tasks_of(&operations);
                self.setbacks.note(&framework_id, Setback { task_ids, ..setback });
                return Err(Failure::refused(fault));
            }
        };
        for offer_id in &offer_ids {
            if let Some(taken) = self.take_offer(offer_id) {
                bundle.rest.add_all(&taken.offer.resources);
            }
        }
        let used = operations.iter().any(is_use);
        let kind = if used { types::OFFER_ACCEPTED } else { types::OFFER_DECLINED };
        turn.emit(report::offers(kind, &framework_id, &offer_ids));
        let name = if used { "offers/accepted" } else { "offers/declined" };
        self.counters.count_of(&framework_id, name, offer_ids.len());
        let refused = self.operate(&mut bundle, operations, turn);
        self.hold_more_of_shared(&mut bundle, turn);
        self.give_back_rest(bundle, capped(filters), turn);
        Ok(OffersAccepted { refused })
    }

    /// An offer has what is shared once; more than one task may have used it.
    fn hold_more_of_shared(&self, bundle: &mut Bundle, turn: &mut Turn<'_>) {
        let resources = bundle.settle_shared();
        if resources.is_empty() {
            return;
        }
        turn.allocator(ToAllocator::Share(ShareResources {
            agent_id: bundle.agent_id.clone(),
            generation: bundle.generation,
            holder: bundle.holder(),
            resources,
        }));
    }

    /// What operations have made is offered again at once; what was not touched is not wanted.
    fn give_back_rest(&mut self, bundle: Bundle, filters: Filters, turn: &mut Turn<'_>) {
        let Bundle { framework_id, agent_id, role, rest, mut made, aside, .. } = bundle;
        let mut untouched = rest;
        untouched.remove_all(&made);
        made.add_all(&aside);
        for (resources, filters) in [(made, None), (untouched, Some(filters))] {
            let (agent_id, framework_id) = (agent_id.clone(), framework_id.clone());
            let share = Share { agent_id, framework_id, role: role.clone(), resources };
            self.recover(share, filters, turn);
        }
    }

    /// All outstanding, all this framework's, of one agent and for one role, none twice.
    fn check_offers(&self, id: &FrameworkId, offer_ids: &[OfferId]) -> Result<Bundle, String> {
        let mut seen = BTreeSet::new();
        let mut bundle: Option<Bundle> = None;
        for offer_id in offer_ids {
            if !seen.insert(offer_id) {
                return Err(format!("Duplicate offer {offer_id} in offer list"));
            }
            let outstanding = self
                .offers
                .get(offer_id)
                .filter(|o| o.offer.framework_id == *id)
                .ok_or_else(|| format!("Offer {offer_id} is no longer valid"))?;
            let offer = &outstanding.offer;
            let bundle = bundle.get_or_insert_with(|| Bundle {
                framework_id: id.clone(),
                agent_id: offer.agent_id.clone(),
                generation: outstanding.generation,
                role: offer.role.clone(),
                rest: Resources::EMPTY,
                made: Resources::EMPTY,
                aside: Resources::EMPTY,
                uses: Resources::EMPTY,
            });
            if bundle.agent_id != offer.agent_id {
                return Err(format!(
                    "Aggregated offers must belong to one single agent: offer {offer_id} is of agent {}, the ones before it of agent {}",
                    offer.agent_id, bundle.agent_id
                ));
            }
            if bundle.role != offer.role {
                return Err(format!(
                    "Aggregated offers must be allocated to the same role: offer {offer_id} is for role {}, the ones before it for role {}",
                    offer.role, bundle.role
                ));
            }
        }
        bundle.ok_or_else(|| "No offers specified".to_owned())
    }

    /// The good offers of a bad list are spent too: the scheduler counts them as used.
    fn discard(&mut self, id: &FrameworkId, offer_ids: &[OfferId], turn: &mut Turn<'_>) {
        for offer_id in offer_ids {
            if self.offers.get(offer_id).is_none_or(|o| o.offer.framework_id != *id) {
                continue;
            }
            if let Some(taken) = self.take_offer(offer_id) {
                self.recover(taken.share(), None, turn);
            }
        }
    }

    /// A task of that id that is known came with an earlier copy of the call: it is not meant.
    fn drop_operations(
        &mut self,
        id: &FrameworkId,
        operations: &[Operation],
        fault: &str,
        turn: &mut Turn<'_>,
    ) {
        let text = format!("Task launched with invalid offers: {fault}");
        let verdict = Verdict::new(TaskState::Dropped, Reason::InvalidOffers, text);
        for operation in operations {
            match operation {
                Operation::Launch { tasks } => {
                    for task in tasks {
                        if !self.knows(id, task) {
                            let agent_id = Some(&task.agent_id);
                            self.reject_task(id, &task.task_id, agent_id, &verdict, turn);
                        }
                    }
                }
                Operation::Apply { operation_id, operation } => {
                    self.counters.operation_end(Some(operation.name()), OperationState::Error);
                    let text = format!("Operation attempted with invalid offers: {fault}");
                    self.reject_operation(id, operation_id.as_ref(), text, turn);
                }
                Operation::Refused { operation_id, task_ids, .. } => {
                    for task_id in task_ids {
                        self.reject_task(id, task_id, None, &verdict, turn);
                    }
                    self.count_refused(task_ids);
                    let text = format!("Operation attempted with invalid offers: {fault}");
                    self.reject_operation(id, operation_id.as_ref(), text, turn);
                }
            }
        }
    }

    fn knows(&self, id: &FrameworkId, task: &TaskInfo) -> bool {
        self.ledger.named(id, &task.task_id).next().is_some()
            || self
                .frameworks
                .get(id)
                .is_some_and(|f| f.ended(&task.task_id, &task.agent_id).is_some())
    }

    /// A task that never comes into the ledger: its scheduler hears why.
    fn reject_task(
        &mut self,
        id: &FrameworkId,
        task_id: &TaskId,
        agent_id: Option<&AgentId>,
        verdict: &Verdict,
        turn: &mut Turn<'_>,
    ) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let state = framework.understood(verdict.state);
        let mut status = TaskStatus::new(task_id.clone(), state, Source::Master, turn.now)
            .because(verdict.reason, verdict.message.clone());
        status.agent_id = agent_id.cloned();
        self.counters.end(id, state);
        self.counters.cause(&status);
        turn.emit(report::task_updated(id, &status));
        let message = UpdateStatus { framework_id: id.clone(), status };
        self.tell(id, ToScheduler::Update(message), turn);
    }

    /// An operation that was not done: its scheduler hears why, if it gave it an id.
    fn reject_operation(
        &self,
        id: &FrameworkId,
        operation_id: Option<&OperationId>,
        message: String,
        turn: &mut Turn<'_>,
    ) {
        let Some(operation_id) = operation_id.cloned() else { return };
        let status = OperationStatus::new(Some(operation_id), OperationState::Error);
        self.tell_operation(id, OperationStatus { message, ..status }, turn);
    }

    /// Does the operations in order. All tasks travel in one message, behind the operations that
    /// they may count on. Returns those that were not done and of which no status tells.
    fn operate(
        &mut self,
        bundle: &mut Bundle,
        operations: Vec<Operation>,
        turn: &mut Turn<'_>,
    ) -> Vec<RefusedOperation> {
        let mut launched = Vec::new();
        let mut untold = Vec::new();
        for (at, operation) in operations.into_iter().enumerate() {
            self.counters.operation_of(&bundle.framework_id, &operation);
            match operation {
                Operation::Launch { tasks } => self.launch(bundle, tasks, &mut launched, turn),
                Operation::Apply { operation_id, operation } => {
                    let name = operation.name();
                    let done = self.convert(bundle, operation_id.clone(), *operation, turn);
                    if let Err(why) = done {
                        self.counters.operation_end(Some(name), OperationState::Error);
                        let why = format!("{name}: {why}");
                        let refused = || RefusedOperation { at, why: why.clone() };
                        untold.extend(operation_id.is_none().then(refused));
                        self.refuse_operation(bundle, operation_id.as_ref(), why, turn);
                    }
                }
                Operation::Refused { operation_id, task_ids, reason, message } => {
                    self.count_refused(&task_ids);
                    let refused = || RefusedOperation { at, why: message.clone() };
                    let silent = operation_id.is_none() && task_ids.is_empty();
                    untold.extend(silent.then(refused));
                    let id = &bundle.framework_id;
                    let verdict = Verdict::new(TaskState::Error, reason, message.clone());
                    for task_id in &task_ids {
                        self.reject_task(id, task_id, Some(&bundle.agent_id), &verdict, turn);
                    }
                    self.reject_operation(id, operation_id.as_ref(), message.clone(), turn);
                    let kind = match task_ids.is_empty() {
                        true => SetbackKind::OperationRefused,
                        false => SetbackKind::TaskRefused,
                    };
                    let setback = setbacks::setback(kind, turn.now, message);
                    let agent_id = Some(bundle.agent_id.clone());
                    self.setbacks.note(id, Setback { agent_id, task_ids, ..setback });
                }
            }
        }
        self.send_launch(bundle, launched, turn);
        untold
    }

    fn refuse_operation(
        &mut self,
        bundle: &Bundle,
        operation_id: Option<&OperationId>,
        why: String,
        turn: &mut Turn<'_>,
    ) {
        let id = &bundle.framework_id;
        let setback = setbacks::setback(SetbackKind::OperationRefused, turn.now, why.clone());
        let agent_id = Some(bundle.agent_id.clone());
        self.setbacks.note(id, Setback { agent_id, ..setback });
        self.reject_operation(id, operation_id, why, turn);
    }

    /// Enters what is valid; the rest is TASK_ERROR.
    fn launch(
        &mut self,
        bundle: &mut Bundle,
        tasks: Vec<TaskInfo>,
        launched: &mut Vec<TaskInfo>,
        turn: &mut Turn<'_>,
    ) {
        for task in tasks {
            if let Err(text) = self.check_authority(&bundle.framework_id, &task) {
                self.refuse_task(bundle, &task, Reason::TaskUnauthorized, text, turn);
                continue;
            }
            let site = Site {
                framework_id: &bundle.framework_id,
                agent_id: &bundle.agent_id,
                ledger: &self.ledger,
                available: &bundle.rest,
            };
            match site.validate(task.clone()) {
                Ok(valid) => launched.push(self.enter(bundle, valid, turn)),
                Err(invalid) => {
                    let text = invalid.to_string();
                    self.refuse_task(bundle, &task, Reason::TaskInvalid, text, turn);
                }
            }
        }
    }

    fn check_authority(&self, id: &FrameworkId, task: &TaskInfo) -> Result<(), String> {
        let Some(framework) = self.frameworks.get(id) else { return Ok(()) };
        may_run(&self.config.acls, &framework.info, task).map_err(|denied| denied.to_string())
    }

    /// TASK_ERROR.
    fn refuse_task(
        &mut self,
        bundle: &Bundle,
        task: &TaskInfo,
        reason: Reason,
        text: String,
        turn: &mut Turn<'_>,
    ) {
        let (id, agent) = (&bundle.framework_id, &task.agent_id);
        let kind = SetbackKind::TaskRefused;
        self.setbacks.note(id, of_task(kind, turn.now, text.clone(), agent, &task.task_id));
        let verdict = Verdict::new(TaskState::Error, reason, text);
        self.reject_task(id, &task.task_id, Some(agent), &verdict, turn);
    }

    fn send_launch(&self, bundle: &Bundle, launched: Vec<TaskInfo>, turn: &mut Turn<'_>) {
        if launched.is_empty() {
            return;
        }
        let Some(framework) = self.frameworks.get(&bundle.framework_id) else { return };
        turn.agents(ToAgents::Launch(RouteLaunch {
            agent_id: bundle.agent_id.clone(),
            generation: bundle.generation,
            framework: framework.info.clone(),
            role: bundle.role.clone(),
            tasks: launched,
        }));
    }

    /// Puts a task into the ledger, with its executor if that is new.
    fn enter(&mut self, bundle: &mut Bundle, valid: Validated, turn: &mut Turn<'_>) -> TaskInfo {
        let Validated { info, executor_id, new_executor } = valid;
        bundle.take(&info.resources);
        self.hold(&bundle.agent_id, &info.resources);
        if let Some(executor) = new_executor {
            bundle.take(&executor.resources);
            self.hold(&bundle.agent_id, &executor.resources);
            let key = ExecutorKey {
                agent_id: bundle.agent_id.clone(),
                framework_id: bundle.framework_id.clone(),
                executor_id: executor_id.clone(),
            };
            let role = bundle.role.clone();
            self.ledger.executors.insert(key, Executor::new(executor, role, false));
        }
        let task = Task {
            task_id: info.task_id.clone(),
            framework_id: bundle.framework_id.clone(),
            agent_id: bundle.agent_id.clone(),
            executor_id,
            executor_kind: info.executor_kind(),
            name: info.name.clone(),
            role: bundle.role.clone(),
            resources: info.resources.clone(),
            labels: info.labels.clone(),
            state: TaskState::Staging,
            status: None,
        };
        turn.emit(report::task_added(&task));
        self.ledger.insert(Entry::new(task, bundle.generation));
        info
    }
}
