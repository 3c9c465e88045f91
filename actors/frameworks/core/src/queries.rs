//! Questions from anyone: what is there.

use protocol::framework::FrameworkSummary;
use protocol::frameworks::{FrameworkList, GetFrameworks, GetTasks, OfferList, TaskList};
use protocol::resources::Resources;
use protocol::task::Task;

use crate::framework::Framework;
use crate::state::Term;

impl Term {
    pub(crate) fn list_frameworks(&self, question: &GetFrameworks) -> FrameworkList {
        let frameworks = match &question.framework_id {
            Some(id) => self.frameworks.get(id).map(|f| self.summarize(f)).into_iter().collect(),
            None => self.frameworks.values().map(|f| self.summarize(f)).collect(),
        };
        FrameworkList { frameworks }
    }

    pub(crate) fn summarize(&self, framework: &Framework) -> FrameworkSummary {
        let mut used = Resources::EMPTY;
        let mut tasks = 0;
        for (_, entry) in self.ledger.of_framework(&framework.id) {
            tasks += 1;
            if entry.holds() {
                used.add_all(&entry.task.resources);
            }
        }
        let executors = self.ledger.executors.iter();
        for (_, executor) in executors.filter(|(key, _)| key.framework_id == framework.id) {
            used.add_all(&executor.info.resources);
        }
        let offers: Vec<_> =
            self.offers.of_framework(&framework.id).map(|o| &o.offer.resources).collect();
        FrameworkSummary {
            info: framework.info.clone(),
            framework_id: framework.id.clone(),
            connected: framework.is_active(),
            active: framework.is_active(),
            registered: framework.registered,
            suppressed_roles: framework.suppressed.clone(),
            tasks,
            offers: offers.len(),
            used,
            offered: offers.into_iter().sum(),
        }
    }

    pub(crate) fn list_tasks(&self, question: &GetTasks) -> TaskList {
        let asked = |task: &&Task| {
            question.framework_id.as_ref().is_none_or(|id| task.framework_id == *id)
                && question.task_id.as_ref().is_none_or(|id| task.task_id == *id)
        };
        let mut tasks: Vec<Task> =
            self.ledger.iter().map(|(_, entry)| entry.task()).filter(asked).cloned().collect();
        if question.completed {
            let frameworks = self.frameworks.values().chain(&self.completed);
            tasks.extend(frameworks.flat_map(Framework::completed).filter(asked).cloned());
        }
        TaskList { tasks }
    }

    pub(crate) fn list_offers(&self) -> OfferList {
        OfferList { offers: self.offers.iter().map(|o| (*o.offer).clone()).collect() }
    }
}
