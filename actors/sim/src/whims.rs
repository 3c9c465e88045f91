//! What a modelled scheduler does with its offers, its tasks and its time.

use std::time::Duration;

use frameworks_core::Request;
use protocol::framework::{Filters, Offer, Operation};
use protocol::frameworks::{
    AcceptOffers, AnswerInverseOffers, DeclineOffers, KillTask, ReconcileTasks, ReviveOffers,
    SuppressOffers, TaskQuestion,
};
use protocol::id::{ExecutorId, OfferId, TaskId};
use protocol::resize::ResizeTask;
use protocol::scheduler::InverseOffers;
use protocol::task::{CommandInfo, ExecutorInfo, ExecutorKind, TaskInfo, TaskState};
use protocol::{Resources, Scalar, Time};

use crate::event::{Event, SchedulerWake};
use crate::kernel::Kernel;
use crate::scheduler::{Known, Mood, ROLES, Scheduler};

/// A launch of which nothing was heard for this long is given up, and killed.
const STUCK: Duration = Duration::from_secs(8);
/// As many tasks as a scheduler wants at a time.
const WANTED: usize = 5;

fn bag(text: &str) -> Resources {
    Resources::parse(text).expect("resources that are written out")
}

impl Scheduler {
    pub(crate) fn on_tick(&mut self, kernel: &mut Kernel) {
        let delay = kernel.between(500, 900);
        let (index, life) = (self.index, self.life);
        kernel.after(delay, Event::Scheduler { index, life, wake: SchedulerWake::Tick });
        if !self.connected {
            if !self.is_asking() {
                self.subscribe(kernel);
            }
            return;
        }
        self.kill_unwanted(kernel);
        if kernel.chance(0.15) {
            self.reconcile(kernel);
        }
        match self.mood {
            Mood::Whimsical => self.follow_a_whim(kernel),
            _ if self.wants_revival() => self.revive(kernel),
            _ => {}
        }
        let held: Vec<_> = std::mem::take(&mut self.offers).into_values().collect();
        self.on_offers(kernel, held);
    }

    fn follow_a_whim(&mut self, kernel: &mut Kernel) {
        match kernel.pick(60) {
            0 => self.suppress(kernel),
            1..=6 if self.suppressed => self.revive(kernel),
            7 => self.revive(kernel),
            8 if kernel.chance(0.2) => self.tear_down(kernel),
            9 => self.subscribe(kernel),
            10..=15 => self.resize(kernel),
            _ => {}
        }
    }

    fn suppress(&mut self, kernel: &mut Kernel) {
        let Some(framework_id) = self.framework_id.clone() else { return };
        let roles = if kernel.chance(0.5) { vec![ROLES[0].to_owned()] } else { Vec::new() };
        self.suppressed = true;
        self.call(kernel, Request::Suppress(SuppressOffers { framework_id, roles }));
    }

    fn revive(&mut self, kernel: &mut Kernel) {
        let Some(framework_id) = self.framework_id.clone() else { return };
        let message = ReviveOffers { framework_id, roles: Vec::new() };
        self.call(kernel, Request::Revive(message));
    }

    /// It says whatever comes to its mind, or nothing.
    pub(crate) fn on_inverse_offers(&mut self, kernel: &mut Kernel, message: InverseOffers) {
        let InverseOffers { framework_id, inverse_offers } = message;
        if kernel.chance(0.5) {
            let offer_ids = inverse_offers.into_iter().map(|offer| offer.offer_id).collect();
            let (accepted, filters) = (kernel.chance(0.5), Filters::default());
            let answer = AnswerInverseOffers { framework_id, offer_ids, accepted, filters };
            self.call(kernel, Request::AnswerInverse(answer));
        }
    }

    /// One of its tasks gets more or less, or as much as nobody has.
    fn resize(&mut self, kernel: &mut Kernel) {
        let Some(framework_id) = self.framework_id.clone() else { return };
        let running: Vec<_> =
            self.tasks.iter().filter(|(_, known)| known.state == TaskState::Running).collect();
        if running.is_empty() {
            return;
        }
        let (task_id, known) = running[kernel.pick(running.len())];
        let (task_id, agent_id) = (task_id.clone(), Some(known.agent_id.clone()));
        let cpus = Some(Scalar::from_milli([100, 700, 1500, 9000][kernel.pick(4)]));
        let mem = [None, Some(64_000), Some(1_000_000)][kernel.pick(3)].map(Scalar::from_milli);
        let message = ResizeTask { framework_id, task_id, agent_id, cpus, mem };
        self.call(kernel, Request::Resize(message));
    }

    // --- tasks ---------------------------------------------------------------------------------

    fn kill_unwanted(&mut self, kernel: &mut Kernel) {
        let now = kernel.now;
        let whimsical = self.mood == Mood::Whimsical;
        let draining = self.mood == Mood::Draining;
        let mut unwanted = Vec::new();
        for (task_id, known) in self.tasks.iter().filter(|(_, known)| !known.is_over()) {
            let stuck = known.state != TaskState::Running && now.since(known.since) > STUCK;
            if draining || stuck || (whimsical && kernel.chance(0.03)) {
                unwanted.push((task_id.clone(), known.agent_id.clone()));
            }
        }
        for (task_id, agent_id) in unwanted {
            let agent_id = kernel.chance(0.5).then_some(agent_id);
            self.kill(kernel, task_id, agent_id);
        }
    }

    fn kill(&mut self, kernel: &mut Kernel, task_id: TaskId, agent_id: Option<protocol::AgentId>) {
        let Some(framework_id) = self.framework_id.clone() else { return };
        let kill_policy = None;
        let message = KillTask { framework_id, task_id, agent_id, kill_policy };
        self.call(kernel, Request::Kill(message));
    }

    fn reconcile(&mut self, kernel: &mut Kernel) {
        let Some(framework_id) = self.framework_id.clone() else { return };
        let open = self.tasks.iter().filter(|(_, known)| !known.certain);
        let tasks: Vec<_> = open
            .map(|(task_id, known)| TaskQuestion {
                task_id: task_id.clone(),
                agent_id: Some(known.agent_id.clone()),
            })
            .collect();
        let tasks = if kernel.chance(0.2) { Vec::new() } else { tasks };
        self.call(kernel, Request::Reconcile(ReconcileTasks { framework_id, tasks }));
    }

    fn running(&self) -> usize {
        self.tasks.values().filter(|known| !known.is_over()).count()
    }

    /// Whether it has a use for an offer.
    fn wants_more(&self) -> bool {
        match self.mood {
            Mood::Whimsical => self.running() < WANTED,
            Mood::Probing => match self.probe.as_ref().and_then(|id| self.tasks.get(id)) {
                None => true,
                Some(known) => known.is_over() && known.state != TaskState::Finished,
            },
            Mood::Draining => false,
        }
    }

    // --- offers --------------------------------------------------------------------------------

    pub(crate) fn on_offers(&mut self, kernel: &mut Kernel, offers: Vec<Offer>) {
        let whimsical = self.mood == Mood::Whimsical;
        for offer in offers {
            if whimsical && kernel.chance(0.15) {
                // Kept for later, when it may be void.
                self.offers.insert(offer.offer_id.clone(), offer);
            } else if whimsical && kernel.chance(0.03) {
                // Mislaid: only time takes it back.
            } else if self.wants_more() && self.framework_id.as_ref() == Some(&offer.framework_id) {
                self.use_offer(kernel, offer);
            } else {
                self.decline(kernel, offer.offer_id);
            }
        }
    }

    fn decline(&mut self, kernel: &mut Kernel, offer_id: OfferId) {
        let Some(framework_id) = self.framework_id.clone() else { return };
        let refuse_ms = match self.mood {
            // Nobody waits for a filter to lapse when all is to be seen to work.
            Mood::Probing => 500,
            _ => [0, 1000, 5000][kernel.pick(3)],
        };
        let filters = Filters { refuse_ms };
        let offer_ids = vec![offer_id];
        self.call(kernel, Request::Decline(DeclineOffers { framework_id, offer_ids, filters }));
    }

    fn use_offer(&mut self, kernel: &mut Kernel, offer: Offer) {
        let mut offer_ids = vec![offer.offer_id.clone()];
        let of_agent = |other: &&Offer| other.agent_id == offer.agent_id;
        let mate = self.offers.values().find(of_agent).map(|mate| mate.offer_id.clone());
        let mut available = offer.resources.clone();
        if let Some(mate) = mate.and_then(|mate| self.offers.remove(&mate)) {
            available.add_all(&mate.resources);
            offer_ids.push(mate.offer_id);
        }
        let count = if self.mood == Mood::Probing { 1 } else { 1 + kernel.pick(3) };
        let mut operations = Vec::new();
        if self.mood == Mood::Whimsical && kernel.chance(0.3) {
            operations.extend(self.wish(kernel, &offer, &mut available));
        }
        let mut tasks: Vec<TaskInfo> = Vec::new();
        for _ in 0..count {
            let twin = tasks.last().map(|task| task.task_id.clone());
            tasks.extend(self.make_task(kernel, &offer, &mut available, twin));
        }
        let Some(framework_id) = self.framework_id.clone() else { return };
        let filters = Filters { refuse_ms: [0, 1000][kernel.pick(2)] };
        operations.push(Operation::Launch { tasks });
        let accept = AcceptOffers { framework_id, offer_ids, operations, filters };
        self.call(kernel, Request::Accept(accept));
    }

    /// A task that fits what is left, or now and then one that does not, or has the id of its
    /// `twin`.
    fn make_task(
        &mut self,
        kernel: &mut Kernel,
        offer: &Offer,
        available: &mut Resources,
        twin: Option<TaskId>,
    ) -> Option<TaskInfo> {
        let whimsical = self.mood == Mood::Whimsical;
        let resources = self.pick_resources(kernel, available);
        let executor =
            if whimsical && kernel.chance(0.2) { self.pick_executor(kernel) } else { None };
        let mut rest = available.checked_use(&resources).ok();
        if let (Some(left), Some(executor)) = (&rest, &executor) {
            rest = left.checked_use(&executor.resources).ok();
        }
        let wrong = whimsical && kernel.chance(0.03);
        if rest.is_none() && !wrong {
            return None;
        }
        *available = rest.unwrap_or_default();
        let repeated = twin.filter(|_| wrong && kernel.chance(0.5));
        let task_id = repeated.unwrap_or_else(|| self.next_task(offer, kernel.now));
        if self.mood == Mood::Probing {
            self.probe = Some(task_id.clone());
        }
        let agent_id = offer.agent_id.clone();
        let task = TaskInfo::new(task_id, agent_id, resources, CommandInfo::shell("true"));
        Some(match executor {
            None => task,
            executor => TaskInfo { command: None, executor, ..task },
        })
    }

    fn next_task(&mut self, offer: &Offer, since: Time) -> TaskId {
        self.launched += 1;
        let task_id = TaskId::from(format!("s{}.t{}", self.index, self.launched));
        let (agent_id, state) = (offer.agent_id.clone(), TaskState::Staging);
        let known = Known { agent_id, state, certain: false, since };
        self.tasks.insert(task_id.clone(), known);
        task_id
    }

    fn pick_resources(&self, kernel: &mut Kernel, available: &Resources) -> Resources {
        let cpus = [100, 500, 1000][kernel.pick(3)];
        let cpus = Scalar::from_milli(cpus);
        let mem = Scalar::from_milli([32_000, 256_000][kernel.pick(2)]);
        let mut wanted = Resources::basic(cpus, mem, Scalar::ZERO);
        if kernel.chance(0.3)
            && let Some(port) = available.ranges("ports").iter().next()
        {
            wanted.add_all(&Resources::ports(protocol::resources::Ranges::single(port, port)));
        }
        if kernel.chance(0.5) {
            wanted.add_all(&available.shared().cloned().collect());
        }
        wanted
    }

    fn pick_executor(&self, kernel: &mut Kernel) -> Option<ExecutorInfo> {
        let id = format!("s{}.e{}", self.index, kernel.pick(2));
        Some(ExecutorInfo {
            executor_id: ExecutorId::from(id),
            kind: ExecutorKind::Custom,
            name: String::new(),
            command: Some(CommandInfo::shell("run")),
            resources: bag("cpus=0.2;mem=32"),
            shutdown_grace_ms: None,
            labels: Vec::new(),
            data: None,
        })
    }
}
