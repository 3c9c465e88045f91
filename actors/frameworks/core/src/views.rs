//! What others may read at leisure: lists that share their items with the term, brought up to date
//! when somebody asks, at a cost in proportion to what has changed.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::Time;
use protocol::framework::{InverseOffer, Offer};
use protocol::frameworks::{AgentUse, ExecutorView, FrameworkView, FrameworksView};
use protocol::metrics::FrameworkCounts;
use protocol::shared::SharedList;
use protocol::task::Task;

use crate::framework::{Framework, FrameworkState};
use crate::ledger::{Executor, ExecutorKey, TaskKey};
use crate::state::Term;

/// Changes that may wait for a reader. More are brought into the lists without one, so that what is
/// remembered for readers who never come stays small.
const MAX_WAITING: usize = 4096;

/// The lists. Not part of what is known: they follow from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Views {
    frameworks: SharedList<FrameworkView>,
    completed: VecDeque<Arc<FrameworkView>>,
    tasks: SharedList<Task>,
    executors: SharedList<ExecutorView>,
    uses: SharedList<AgentUse>,
    offers: SharedList<Offer>,
    inverse_offers: SharedList<InverseOffer>,
    counts: SharedList<FrameworkCounts>,
}

impl Views {
    /// A framework is removed; at most `limit` of them are remembered.
    pub(crate) fn forget_framework(&mut self, framework: &Framework, now: Time, limit: usize) {
        let view = FrameworkView { removed: Some(now), ..shown(framework) };
        self.completed.push_back(Arc::new(view));
        while self.completed.len() > limit {
            self.completed.pop_front();
        }
    }
}

impl Term {
    /// Everything there is, of this moment.
    pub(crate) fn view(&mut self) -> FrameworksView {
        self.update_views();
        FrameworksView {
            frameworks: self.views.frameworks.clone(),
            completed_frameworks: self.views.completed.iter().cloned().collect(),
            tasks: self.views.tasks.clone(),
            executors: self.views.executors.clone(),
            uses: self.views.uses.clone(),
            offers: self.views.offers.clone(),
            operations: self.operations.iter().cloned().collect(),
            inverse_offers: self.views.inverse_offers.clone(),
            counts: self.views.counts.clone(),
        }
    }

    /// Keeps what is remembered for readers small.
    pub(crate) fn bound_views(&mut self) {
        let waiting = self.ledger.tasks.touched()
            + self.ledger.executors.touched()
            + self.agents.touched()
            + self.offers.offers.touched()
            + self.inverse.offers.touched()
            + self.frameworks.touched()
            + self.counters.frameworks.touched();
        if waiting > MAX_WAITING {
            self.update_views();
        }
    }

    fn update_views(&mut self) {
        let views = &mut self.views;
        self.frameworks.update(
            &mut views.frameworks,
            |_, framework| Arc::new(shown(framework)),
            |view, id| view.framework_id.cmp(id),
        );
        self.ledger.tasks.update(
            &mut views.tasks,
            |_, entry| Arc::clone(&entry.task),
            |task, key| {
                let TaskKey { framework_id, task_id, agent_id } = key;
                let order = (&task.framework_id, &task.task_id, &task.agent_id);
                order.cmp(&(framework_id, task_id, agent_id))
            },
        );
        self.ledger.executors.update(&mut views.executors, executor, |view, key| {
            let ExecutorKey { agent_id, framework_id, executor_id } = key;
            let order = (&view.agent_id, &view.framework_id, &view.info.executor_id);
            order.cmp(&(agent_id, framework_id, executor_id))
        });
        self.agents.update(
            &mut views.uses,
            |id, agent| Arc::new(AgentUse { agent_id: id.clone(), used: agent.used.clone() }),
            |view, id| view.agent_id.cmp(id),
        );
        self.offers.offers.update(
            &mut views.offers,
            |_, outstanding| Arc::clone(&outstanding.offer),
            |offer, id| offer.offer_id.cmp(id),
        );
        self.inverse.offers.update(
            &mut views.inverse_offers,
            |_, asked| Arc::clone(&asked.offer),
            |offer, id| offer.offer_id.cmp(id),
        );
        self.counters.frameworks.update(&mut views.counts, Self::shown_counts, |counts, id| {
            counts.framework_id.cmp(id)
        });
    }
}

fn shown(framework: &Framework) -> FrameworkView {
    FrameworkView {
        framework_id: framework.id.clone(),
        info: framework.info.clone(),
        active: framework.is_active(),
        recovered: framework.state == FrameworkState::Recovered,
        registered: framework.registered,
        removed: None,
        suppressed_roles: framework.suppressed.clone(),
        offer_constraints: framework.constraints.clone(),
        completed: framework.completed.iter().cloned().collect(),
    }
}

fn executor(key: &ExecutorKey, executor: &Executor) -> Arc<ExecutorView> {
    Arc::new(ExecutorView {
        agent_id: key.agent_id.clone(),
        framework_id: key.framework_id.clone(),
        role: executor.role.clone(),
        info: executor.info.clone(),
    })
}
