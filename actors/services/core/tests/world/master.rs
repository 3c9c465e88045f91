//! A master with its agents, reduced to what a scheduler sees of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::framework::{Offer, Operation};
use protocol::frameworks::TaskQuestion;
use protocol::task::{Reason, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{AgentId, FrameworkId, OfferId, Resources, TaskId, Time, UpdateId};

pub struct Task {
    pub info: TaskInfo,
    pub state: TaskState,
    /// Asked to end: it will.
    pub killed: bool,
}

pub struct Master {
    pub connected: bool,
    pub suppressed: bool,
    /// How often offers were asked for.
    pub revivals: usize,
    pub frameworks: BTreeSet<FrameworkId>,
    pub agents: BTreeMap<AgentId, Resources>,
    /// Agents that are away: what happens on them is not seen.
    pub away: BTreeSet<AgentId>,
    /// Every task that has not ended.
    pub tasks: BTreeMap<TaskId, Task>,
    pub offers: BTreeMap<OfferId, Offer>,
    /// Not acknowledged yet: repeated until it is.
    pub unacknowledged: Vec<TaskStatus>,
    /// To be said once.
    pub once: VecDeque<TaskStatus>,
    /// How often kills were asked for.
    pub kills: BTreeMap<TaskId, usize>,
    next: u64,
}

impl Master {
    pub fn new(agents: usize) -> Self {
        let resources = Resources::parse("cpus=4;mem=1000;ports=[31000-31999]").unwrap();
        let agents = (0..agents).map(|i| (AgentId::from(format!("S{i}")), resources.clone()));
        Self {
            connected: false,
            suppressed: false,
            revivals: 0,
            frameworks: BTreeSet::new(),
            agents: agents.collect(),
            away: BTreeSet::new(),
            tasks: BTreeMap::new(),
            offers: BTreeMap::new(),
            unacknowledged: Vec::new(),
            once: VecDeque::new(),
            kills: BTreeMap::new(),
            next: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn subscribe(&mut self, id: Option<FrameworkId>) -> FrameworkId {
        self.connected = true;
        self.suppressed = false;
        self.offers.clear();
        self.once.clear();
        let id = id.unwrap_or_else(|| format!("F{}", self.frameworks.len()).into());
        self.frameworks.insert(id.clone());
        id
    }

    fn free(&self, agent_id: &AgentId) -> Resources {
        let mut free = self.agents[agent_id].clone();
        for task in self.tasks.values().filter(|task| task.info.agent_id == *agent_id) {
            free = free.checked_sub(&task.info.resources).expect("never over-committed");
        }
        for offer in self.offers.values().filter(|offer| offer.agent_id == *agent_id) {
            free = free.checked_sub(&offer.resources).expect("never offered twice");
        }
        free
    }

    pub fn offer(&mut self) -> Vec<Offer> {
        if self.suppressed || !self.connected {
            return Vec::new();
        }
        let here: Vec<AgentId> =
            self.agents.keys().filter(|id| !self.away.contains(*id)).cloned().collect();
        let offers: Vec<Offer> = here.into_iter().filter_map(|id| self.offer_of(id)).collect();
        self.offers.extend(offers.iter().map(|offer| (offer.offer_id.clone(), offer.clone())));
        offers
    }

    fn offer_of(&mut self, agent_id: AgentId) -> Option<Offer> {
        let resources = self.free(&agent_id);
        let offer_id = format!("O{}", self.number()).into();
        (!resources.is_empty()).then(|| Offer {
            offer_id,
            framework_id: "F0".into(),
            hostname: format!("host-{agent_id}"),
            agent_id,
            http: String::new(),
            role: "*".into(),
            resources,
            attributes: BTreeMap::new(),
            executor_ids: vec![],
            unavailability: None,
            domain: None,
        })
    }

    pub fn decline(&mut self, offer_ids: &[OfferId]) {
        self.offers.retain(|id, _| !offer_ids.contains(id));
    }

    pub fn accept(&mut self, now: Time, offer_ids: &[OfferId], operations: Vec<Operation>) {
        let offers: Vec<Offer> = offer_ids.iter().filter_map(|id| self.offers.remove(id)).collect();
        let valid = self.connected && offers.len() == offer_ids.len();
        let mut left: Resources = offers.iter().map(|offer| &offer.resources).sum();
        for operation in operations {
            let Operation::Launch { tasks } = operation else { continue };
            for info in tasks {
                if !valid {
                    let reason = if self.connected {
                        Reason::InvalidOffers
                    } else {
                        Reason::MasterDisconnected
                    };
                    self.say(now, &info.task_id, TaskState::Dropped, Some(reason));
                    continue;
                }
                left = left.checked_sub(&info.resources).expect("within the offer");
                let task = Task { state: TaskState::Staging, killed: false, info };
                let before = self.tasks.insert(task.info.task_id.clone(), task);
                assert!(before.is_none(), "a task id is used once");
            }
        }
    }

    pub fn kill(&mut self, now: Time, task_id: &TaskId) {
        if !self.connected {
            return;
        }
        *self.kills.entry(task_id.clone()).or_default() += 1;
        match self.tasks.get_mut(task_id) {
            Some(task) if self.away.contains(&task.info.agent_id) => {}
            Some(task) => task.killed = true,
            None => self.say(now, task_id, TaskState::Gone, Some(Reason::Reconciliation)),
        }
    }

    pub fn reconcile(&mut self, now: Time, tasks: &[TaskQuestion]) {
        if tasks.is_empty() {
            let all: Vec<TaskId> = self.tasks.keys().cloned().collect();
            all.iter().for_each(|task_id| self.say_state(now, task_id));
        }
        for question in tasks {
            if self.tasks.contains_key(&question.task_id) {
                self.say_state(now, &question.task_id);
            } else {
                let reason = Some(Reason::Reconciliation);
                self.say(now, &question.task_id, TaskState::Gone, reason);
            }
        }
    }

    fn say_state(&mut self, now: Time, task_id: &TaskId) {
        let task = &self.tasks[task_id];
        let away = self.away.contains(&task.info.agent_id);
        let state = if away { TaskState::Unreachable } else { task.state };
        self.say(now, task_id, state, Some(Reason::Reconciliation));
    }

    /// Says it once, to be acknowledged by nobody.
    fn say(&mut self, now: Time, task_id: &TaskId, state: TaskState, reason: Option<Reason>) {
        let status = TaskStatus::new(task_id.clone(), state, Source::Master, now);
        self.once.push_back(TaskStatus { reason, ..status });
    }

    pub fn acknowledge(&mut self, status: &TaskStatus) {
        self.unacknowledged.retain(|other| other.update_id != status.update_id);
    }

    /// Says it until it is acknowledged.
    fn update(&mut self, now: Time, task_id: &TaskId, state: TaskState) {
        let update_id = UpdateId::from(format!("U{}", self.number()));
        let agent_id = self.tasks.get(task_id).map(|task| task.info.agent_id.clone());
        let status = TaskStatus::new(task_id.clone(), state, Source::Executor, now);
        let update_id = Some(update_id);
        self.unacknowledged.push(TaskStatus { update_id, agent_id, ..status });
    }

    /// Tasks come up, and those that were killed end.
    pub fn progress(&mut self, now: Time) {
        let all: Vec<TaskId> = self.tasks.keys().cloned().collect();
        for task_id in all {
            let task = &mut self.tasks.get_mut(&task_id).unwrap();
            if self.away.contains(&task.info.agent_id) {
                continue;
            }
            if task.killed {
                self.end(now, &task_id, TaskState::Killed);
            } else if task.state == TaskState::Staging {
                task.state = TaskState::Running;
                self.update(now, &task_id, TaskState::Running);
            }
        }
    }

    pub fn end(&mut self, now: Time, task_id: &TaskId, state: TaskState) {
        if self.tasks.contains_key(task_id) {
            self.update(now, task_id, state);
            self.tasks.remove(task_id);
        }
    }

    /// The agent is declared unreachable.
    pub fn lose_agent(&mut self, now: Time, agent_id: &AgentId) {
        self.away.insert(agent_id.clone());
        self.offers.retain(|_, offer| offer.agent_id != *agent_id);
        let lost: Vec<TaskId> = self.tasks_on(agent_id);
        lost.iter().for_each(|id| self.say(now, id, TaskState::Unreachable, None));
    }

    pub fn return_agent(&mut self, now: Time, agent_id: &AgentId) {
        self.away.remove(agent_id);
        for task_id in self.tasks_on(agent_id) {
            self.say(now, &task_id, self.tasks[&task_id].state, None);
        }
    }

    fn tasks_on(&self, agent_id: &AgentId) -> Vec<TaskId> {
        let there = self.tasks.values().filter(|task| task.info.agent_id == *agent_id);
        there.map(|task| task.info.task_id.clone()).collect()
    }

    /// Everything that is to be said now; what is not acknowledged comes again.
    pub fn take_updates(&mut self) -> Vec<TaskStatus> {
        if !self.connected {
            return Vec::new();
        }
        self.once.drain(..).chain(self.unacknowledged.iter().cloned()).collect()
    }

    pub fn live_tasks(&self, name: &str) -> Vec<TaskId> {
        let prefix = format!("{}.instance-", name.replace('/', "_"));
        self.tasks.keys().filter(|id| id.as_str().starts_with(&prefix)).cloned().collect()
    }
}
