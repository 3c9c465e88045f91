//! The end of a framework: torn down, or not back in time. The registry has it first; then its
//! tasks are killed, and everything that it held is free.

use std::time::Duration;

use protocol::agents::RouteShutdownFramework;
use protocol::allocator::RemoveFramework;
use protocol::events::types;
use protocol::frameworks::TeardownFramework;
use protocol::id::{CallId, FrameworkId};
use protocol::registrar::FrameworkRecord;
use protocol::scheduler::FrameworkError;
use protocol::task::{Reason, TaskState};
use protocol::{Address, Failure};
use serde::Serialize;

use crate::effect::{Answer, Timer, ToAgents, ToAllocator, ToScheduler};
use crate::framework::{FrameworkEvent, FrameworkState};
use crate::report;
use crate::state::{Term, Turn};
use crate::updates::Verdict;
use crate::writes::Change;

/// Until a removal that could not be recorded is tried again.
const RETRY_REMOVAL: Duration = Duration::from_secs(1);

/// A removal on its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Removal {
    pub(crate) id: FrameworkId,
    /// Who asked for it; absent: its time is over.
    pub(crate) call: Option<CallId>,
    /// Where the call came from.
    pub(crate) from: Option<Address>,
}

impl Removal {
    fn event(&self) -> FrameworkEvent {
        match self.call {
            Some(_) => FrameworkEvent::TornDown,
            None => FrameworkEvent::FailoverExpired,
        }
    }
}

impl Term {
    /// Anyone who may call at all may tear a framework down: operators do, from anywhere.
    pub(crate) fn on_teardown(
        &mut self,
        call: CallId,
        from: &Address,
        message: &TeardownFramework,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        let id = message.framework_id.clone();
        let removal = Removal { id, call: Some(call), from: Some(from.clone()) };
        self.change(Change::Remove(removal), turn);
        None
    }

    pub(crate) fn on_failover_expired(&mut self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let removal = Removal { id: id.clone(), call: None, from: None };
        self.change(Change::Remove(removal), turn);
    }

    /// Goes on with a removal whose turn has come.
    pub(crate) fn begin_removal(&mut self, removal: Removal, turn: &mut Turn<'_>) {
        let framework = match self.framework(&removal.id) {
            Ok(framework) => framework,
            Err(failure) => return refuse(&removal, failure, turn),
        };
        if framework.state.transition(removal.event()).is_err() {
            return;
        }
        let record = FrameworkRecord {
            info: framework.info.clone(),
            registered: framework.registered,
            removed: Some(turn.now),
        };
        self.record_framework(record, Change::Remove(removal), turn);
    }

    pub(crate) fn on_removal_recorded(
        &mut self,
        removal: Removal,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        let id = &removal.id;
        if let Err(failure) = result {
            if removal.call.is_none() {
                turn.set(Timer::Failover(id.clone()), turn.now + RETRY_REMOVAL);
            }
            return refuse(&removal, failure, turn);
        }
        self.remove_framework(id, removal.from.as_ref(), turn);
        if let Some(call) = removal.call {
            turn.reply(call, Ok(Answer::Done));
        }
    }

    fn remove_framework(&mut self, id: &FrameworkId, by: Option<&Address>, turn: &mut Turn<'_>) {
        self.dismiss_scheduler(id, by, turn);
        self.rescind_all_of(id, None, turn);
        self.end_resizes_of(id, turn);
        let agents = self.ledger.agents_of(id);
        self.end_tasks_of(id, turn);
        self.end_executors_of(id, turn);
        if !agents.is_empty() {
            let framework_id = id.clone();
            turn.agents(ToAgents::ShutdownFramework(RouteShutdownFramework {
                framework_id,
                agents,
            }));
        }
        self.forget_claims_of(id);
        self.forget_answers_of(id);
        turn.allocator(ToAllocator::RemoveFramework(RemoveFramework { framework_id: id.clone() }));
        self.removed.insert(id.clone());
        self.setbacks.forget(id);
        self.counters.frameworks.remove(id);
        let Some(mut framework) = self.frameworks.remove(id) else { return };
        framework.state = FrameworkState::Removed;
        turn.emit(report::framework(types::FRAMEWORK_REMOVED, &framework));
        self.views.forget_framework(&framework, turn.now, self.config.completed_frameworks);
        self.completed.push_back(framework);
        while self.completed.len() > self.config.completed_frameworks {
            self.completed.pop_front();
        }
    }

    /// Its scheduler hears of it unless it is the one who asked.
    fn dismiss_scheduler(&mut self, id: &FrameworkId, by: Option<&Address>, turn: &mut Turn<'_>) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let Some(scheduler) = framework.scheduler.take() else {
            return turn.cancel(Timer::Failover(id.clone()));
        };
        self.schedulers.remove(&scheduler.address, id);
        if by.is_none_or(|from| *from != scheduler.address && *from != scheduler.subscriber) {
            let message = "Framework has been removed".to_owned();
            let error = FrameworkError { framework_id: id.clone(), message };
            turn.scheduler(&scheduler.address, ToScheduler::Error(error));
        }
        self.unlink(&scheduler.address, turn);
    }

    fn end_tasks_of(&mut self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let keys: Vec<_> = self.ledger.of_framework(id).map(|(key, _)| key.clone()).collect();
        let verdict =
            Verdict::new(TaskState::Killed, Reason::FrameworkRemoved, "Framework has been removed");
        for key in keys {
            self.end_task(&key, &verdict, turn);
        }
    }

    fn end_executors_of(&mut self, id: &FrameworkId, turn: &mut Turn<'_>) {
        let of_framework = |k: &&crate::ledger::ExecutorKey| k.framework_id == *id;
        let keys: Vec<_> = self.ledger.executors.keys().filter(of_framework).cloned().collect();
        for key in keys {
            self.end_executor(&key, turn);
        }
    }
}

fn refuse(removal: &Removal, failure: Failure, turn: &mut Turn<'_>) {
    if let Some(call) = removal.call {
        turn.reply(call, Err(failure));
    }
}
