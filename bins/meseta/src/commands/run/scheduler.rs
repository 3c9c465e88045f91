//! The framework of one task: takes the first offer that is large enough.

use driver::{Scheduler, SchedulerDriver, Subscribed};
use protocol::framework::{Filters, Offer};
use protocol::task::{Reason, TaskInfo, TaskStatus};
use protocol::{AgentId, Resources, TaskId};
use tokio::sync::watch;

/// How long not to be offered again what was too small.
const REFUSE_MS: u64 = 1000;

/// How far it has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Progress {
    pub(crate) subscribed: bool,
    /// The largest offer that was too small.
    pub(crate) largest: Option<Resources>,
    /// What the task is called on its present attempt.
    pub(crate) task_id: TaskId,
    /// Where it has been launched.
    pub(crate) agent_id: Option<AgentId>,
    pub(crate) status: Option<TaskStatus>,
    /// The master will not have this framework.
    pub(crate) error: Option<String>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            subscribed: false,
            largest: None,
            task_id: TaskId::from(""),
            agent_id: None,
            status: None,
            error: None,
        }
    }
}

#[derive(Clone)]
pub(crate) struct OneTask {
    task: TaskInfo,
    role: String,
    attempts: u32,
    progress: watch::Sender<Progress>,
}

impl OneTask {
    pub(crate) fn new(task: TaskInfo, role: String, progress: watch::Sender<Progress>) -> Self {
        Self { task, role, attempts: 0, progress }
    }

    fn launched(&self) -> bool {
        self.progress.borrow().agent_id.is_some()
    }

    fn launch(&mut self, driver: &SchedulerDriver, offer: &Offer) {
        self.attempts += 1;
        let mut task = self.task.clone();
        if self.attempts > 1 {
            // An id that a master has seen once is never taken again.
            task.task_id = TaskId::from(format!("{}.{}", task.task_id, self.attempts));
        }
        task.agent_id = offer.agent_id.clone();
        self.progress.send_modify(|now| {
            now.task_id = task.task_id.clone();
            now.agent_id = Some(offer.agent_id.clone());
        });
        driver.launch(vec![offer.offer_id.clone()], vec![task]);
        driver.suppress(Vec::new());
    }

    /// The launch did not reach an agent, so nothing has run and the next offer may be used.
    fn may_try_again(status: &TaskStatus) -> bool {
        let fleeting = [Reason::InvalidOffers, Reason::MasterDisconnected];
        status.state.is_terminal() && status.reason.is_some_and(|r| fleeting.contains(&r))
    }
}

impl Scheduler for OneTask {
    fn subscribed(&mut self, _: &SchedulerDriver, _: &Subscribed) {
        self.progress.send_modify(|now| now.subscribed = true);
    }

    fn offers(&mut self, driver: &SchedulerDriver, offers: Vec<Offer>) {
        for offer in offers {
            if offer.role == self.role
                && !self.launched()
                && offer.resources.contains(&self.task.resources)
            {
                self.launch(driver, &offer);
                continue;
            }
            if !self.launched() {
                self.progress.send_modify(|now| {
                    let cpus = |r: &Resources| r.scalar("cpus");
                    if now.largest.as_ref().is_none_or(|l| cpus(l) < cpus(&offer.resources)) {
                        now.largest = Some(offer.resources.clone());
                    }
                });
            }
            driver.decline(vec![offer.offer_id], Filters { refuse_ms: REFUSE_MS });
        }
    }

    fn update(&mut self, driver: &SchedulerDriver, status: TaskStatus) {
        if status.task_id != self.progress.borrow().task_id {
            driver.acknowledge(&status);
            return;
        }
        if Self::may_try_again(&status) {
            driver.acknowledge(&status);
            self.progress.send_modify(|now| now.agent_id = None);
            driver.revive(Vec::new());
            return;
        }
        if !status.state.is_terminal() {
            driver.acknowledge(&status);
        }
        self.progress.send_modify(|now| now.status = Some(status));
    }

    fn error(&mut self, _: &SchedulerDriver, message: &str) {
        self.progress.send_modify(|now| now.error = Some(message.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver::SchedulerCall;
    use protocol::framework::Operation;
    use protocol::task::{Source, TaskState};
    use protocol::{FrameworkId, OfferId, Time};
    use std::sync::{Arc, Mutex};

    fn task() -> TaskInfo {
        serde_json::from_value(serde_json::json!({
            "task_id": "t", "agent_id": "",
            "resources": Resources::parse("cpus=1;mem=10").unwrap(),
        }))
        .unwrap()
    }

    fn offer(id: &str, resources: &str) -> Offer {
        Offer {
            offer_id: OfferId::from(id),
            framework_id: FrameworkId::from("f"),
            agent_id: AgentId::from("a"),
            hostname: "h".into(),
            http: "h:1".into(),
            role: "*".into(),
            resources: Resources::parse(resources).unwrap(),
            attributes: Default::default(),
            executor_ids: Vec::new(),
            unavailability: None,
            domain: None,
        }
    }

    fn watched() -> (SchedulerDriver, Arc<Mutex<Vec<SchedulerCall>>>) {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&calls);
        (SchedulerDriver::from_fn(move |call| kept.lock().unwrap().push(call)), calls)
    }

    fn launched_ids(calls: &[SchedulerCall]) -> Vec<String> {
        let accepts = calls.iter().filter_map(|call| match call {
            SchedulerCall::Accept(accept) => Some(&accept.operations),
            _ => None,
        });
        let tasks = accepts.flatten().flat_map(|operation| match operation {
            Operation::Launch { tasks } => tasks.as_slice(),
            Operation::Apply { .. } | Operation::Refused { .. } => &[],
        });
        tasks.map(|task| task.task_id.to_string()).collect()
    }

    #[test]
    fn the_first_offer_that_is_large_enough_is_used_and_the_others_are_declined() {
        let (driver, calls) = watched();
        let progress = watch::Sender::new(Progress::default());
        let mut one = OneTask::new(task(), "*".into(), progress.clone());
        let small = offer("small", "cpus=0.5;mem=10");
        one.offers(&driver, vec![small, offer("1", "cpus=2;mem=20"), offer("2", "cpus=2;mem=20")]);
        let calls = calls.lock().unwrap();
        assert_eq!(launched_ids(&calls), ["t"]);
        let declined = calls.iter().filter(|c| matches!(c, SchedulerCall::Decline(_))).count();
        assert_eq!(declined, 2);
        assert_eq!(progress.borrow().agent_id, Some(AgentId::from("a")));
        assert_eq!(progress.borrow().largest, Some(Resources::parse("cpus=0.5;mem=10").unwrap()));
    }

    #[test]
    fn a_launch_that_met_a_stale_offer_is_made_again_under_another_id() {
        let (driver, calls) = watched();
        let mut one = OneTask::new(task(), "*".into(), watch::Sender::new(Progress::default()));
        one.offers(&driver, vec![offer("1", "cpus=2;mem=20")]);
        let lost = TaskStatus::new("t".into(), TaskState::Lost, Source::Master, Time::default());
        one.update(&driver, lost.because(Reason::InvalidOffers, "gone"));
        one.offers(&driver, vec![offer("2", "cpus=2;mem=20")]);
        assert_eq!(launched_ids(&calls.lock().unwrap()), ["t", "t.2"]);
    }
}
