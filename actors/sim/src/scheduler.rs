//! A model of a framework's scheduler: moody while faults happen, and a good citizen afterwards.
//! What it knows of its tasks survives its process; offers and open calls do not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use frameworks_core::{Answer, Request, ToScheduler};
use protocol::framework::{Capability, FrameworkInfo, Offer};
use protocol::frameworks::{AcknowledgeUpdate, SubscribeFramework, TeardownFramework};
use protocol::id::{AgentId, FrameworkId, OfferId, TaskId};
use protocol::task::{TaskState, TaskStatus};
use protocol::{Address, Failure, FailureKind, Time};

use crate::event::{Event, Packet, Peer, SchedulerWake, Side};
use crate::kernel::Kernel;
use crate::names;

/// A call that is not answered by then has failed.
const ANSWER: Duration = Duration::from_secs(3);
/// The role of every framework here.
pub(crate) const ROLES: [&str; 2] = ["web", "batch"];

/// What becomes of a scheduler's work after the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Anything may come into its head.
    Whimsical,
    /// It wants one more task to run, to see that everything works.
    Probing,
    /// It wants none.
    Draining,
}

/// A task as the scheduler knows it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) agent_id: AgentId,
    pub(crate) state: TaskState,
    /// Its end was reported by an update that needs acknowledgement: it is the truth.
    pub(crate) certain: bool,
    pub(crate) since: Time,
}

impl Known {
    /// Nothing more is expected of it.
    pub(crate) fn is_over(&self) -> bool {
        self.state.is_terminal()
    }
}

/// Why a call is open.
#[derive(Clone, Debug)]
enum Open {
    Subscribe,
    Teardown,
    Revive,
    /// Whose failure says nothing about the framework.
    Resize,
    Other,
}

/// One scheduler.
pub(crate) struct Scheduler {
    pub(crate) index: usize,
    pub(crate) up: bool,
    pub(crate) life: u64,
    pub(crate) twin: bool,
    pub(crate) mood: Mood,
    // What survives its process.
    pub(crate) framework_id: Option<FrameworkId>,
    pub(crate) tasks: BTreeMap<TaskId, Known>,
    pub(crate) launched: u64,
    pub(crate) operations: u64,
    /// The task by which it sees that everything works.
    pub(crate) probe: Option<TaskId>,
    failover_timeout_ms: u64,
    aware: bool,
    // What does not.
    pub(crate) connected: bool,
    pub(crate) offers: BTreeMap<OfferId, Offer>,
    open: BTreeMap<u64, Open>,
    pub(crate) asks: u64,
    pub(crate) suppressed: bool,
    /// The master was told to offer again since the faults ended.
    revived: bool,
}

impl Scheduler {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            up: false,
            life: 0,
            twin: false,
            mood: Mood::Whimsical,
            framework_id: None,
            tasks: BTreeMap::new(),
            launched: 0,
            operations: 0,
            probe: None,
            failover_timeout_ms: [3_600_000, 6_000, 0][index % 3],
            aware: index.is_multiple_of(2),
            connected: false,
            offers: BTreeMap::new(),
            open: BTreeMap::new(),
            asks: 0,
            suppressed: false,
            revived: false,
        }
    }

    fn peer(&self) -> Peer {
        Peer::Scheduler(self.index)
    }

    pub(crate) fn address(&self) -> Address {
        names::scheduler(self.index, self.twin)
    }

    fn wake(&self, kernel: &mut Kernel, delay: Duration, wake: SchedulerWake) {
        kernel.after(delay, Event::Scheduler { index: self.index, life: self.life, wake });
    }

    // --- the process ---------------------------------------------------------------------------

    pub(crate) fn start(&mut self, kernel: &mut Kernel) {
        self.up = true;
        self.life += 1;
        kernel.net.set_peer_up(self.peer(), true);
        let delay = kernel.between(0, 300);
        self.wake(kernel, delay, SchedulerWake::Tick);
    }

    /// The process ends; the next one may be at another address.
    pub(crate) fn crash(&mut self, kernel: &mut Kernel) {
        kernel.cut(self.peer());
        kernel.net.set_peer_up(self.peer(), false);
        self.up = false;
        self.life += 1;
        self.twin = kernel.chance(0.5);
        self.lost_master();
        let delay = kernel.between(50, 5000);
        self.wake(kernel, delay, SchedulerWake::Start);
    }

    /// The master is gone: everything that it promised is void.
    pub(crate) fn lost_master(&mut self) {
        self.connected = false;
        self.offers.clear();
        self.open.clear();
        self.suppressed = false;
        self.revived = false;
    }

    /// The framework has ended; a new one begins.
    fn begin_anew(&mut self) {
        self.lost_master();
        self.framework_id = None;
        self.tasks.clear();
        self.probe = None;
    }

    // --- calls ---------------------------------------------------------------------------------

    pub(crate) fn call(&mut self, kernel: &mut Kernel, request: Request) {
        let why = match &request {
            Request::Subscribe(_) => Open::Subscribe,
            Request::Teardown(_) => Open::Teardown,
            Request::Revive(_) => Open::Revive,
            Request::Resize(_) => Open::Resize,
            _ => Open::Other,
        };
        self.asks += 1;
        let ask = self.asks;
        self.open.insert(ask, why);
        let packet = Packet::Call { ask, from: self.address(), request: Box::new(request) };
        kernel.send(self.peer(), Side::Master, packet);
        self.wake(kernel, ANSWER, SchedulerWake::Timeout(ask));
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.open.values().any(|why| matches!(why, Open::Subscribe | Open::Teardown))
    }

    pub(crate) fn subscribe(&mut self, kernel: &mut Kernel) {
        let mut capabilities = BTreeSet::from([Capability::SharedResources]);
        capabilities.extend(self.aware.then_some(Capability::PartitionAware));
        let info = FrameworkInfo {
            id: self.framework_id.clone(),
            failover_timeout_ms: self.failover_timeout_ms,
            roles: ROLES.map(str::to_owned).to_vec(),
            capabilities,
            ..FrameworkInfo::new("root", format!("scheduler{}", self.index))
        };
        self.call(kernel, Request::Subscribe(SubscribeFramework::new(info)));
    }

    pub(crate) fn tear_down(&mut self, kernel: &mut Kernel) {
        if let Some(framework_id) = self.framework_id.clone() {
            self.call(kernel, Request::Teardown(TeardownFramework { framework_id }));
        }
    }

    pub(crate) fn on_timeout(&mut self, ask: u64) {
        self.open.remove(&ask);
    }

    pub(crate) fn on_answer(&mut self, ask: u64, result: Result<Answer, Failure>) {
        let Some(why) = self.open.remove(&ask) else { return };
        match (why, result) {
            (Open::Subscribe, Ok(Answer::Subscribed(subscribed))) => {
                // Every earlier offer is void.
                self.offers.clear();
                self.framework_id = Some(subscribed.framework_id);
                self.connected = true;
                self.suppressed = false;
            }
            (Open::Subscribe, Err(failure)) if failure.kind == FailureKind::Refused => {
                self.begin_anew();
            }
            (Open::Teardown, Ok(_)) => self.begin_anew(),
            (Open::Revive, Ok(_)) => {
                self.suppressed = false;
                self.revived = true;
            }
            (Open::Other | Open::Revive, Err(failure)) => self.on_refused(&failure),
            _ => {}
        }
    }

    /// A master that does not know the framework has to be subscribed to again.
    fn on_refused(&mut self, failure: &Failure) {
        let strange = matches!(failure.kind, FailureKind::NotLeader | FailureKind::NotFound);
        if strange || failure.message.starts_with("Framework") {
            self.lost_master();
        }
    }

    pub(crate) fn wants_revival(&self) -> bool {
        let asking = self.open.values().any(|why| matches!(why, Open::Revive));
        !asking && (self.suppressed || !self.revived)
    }

    // --- messages ------------------------------------------------------------------------------

    pub(crate) fn on_message(&mut self, kernel: &mut Kernel, to: &Address, message: ToScheduler) {
        if *to != self.address() {
            return;
        }
        match message {
            ToScheduler::Offers(message) => self.on_offers(kernel, message.offers),
            ToScheduler::Rescind(message) => {
                for id in message.offer_ids {
                    self.offers.remove(&id);
                }
            }
            ToScheduler::Inverse(message) => self.on_inverse_offers(kernel, message),
            ToScheduler::Update(message) => self.on_update(kernel, message.status),
            ToScheduler::Error(_) => self.begin_anew(),
            ToScheduler::Operation(message) => self.on_operation(kernel, message.status),
            ToScheduler::RescindInverse(_) | ToScheduler::Failure(_) | ToScheduler::Message(_) => {}
        }
    }

    fn on_update(&mut self, kernel: &mut Kernel, status: TaskStatus) {
        if let (Some(update_id), Some(agent_id), Some(framework_id)) =
            (status.update_id.clone(), status.agent_id.clone(), self.framework_id.clone())
        {
            let task_id = status.task_id.clone();
            let message = AcknowledgeUpdate { framework_id, agent_id, task_id, update_id };
            self.call(kernel, Request::Acknowledge(message));
        }
        let Some(known) = self.tasks.get_mut(&status.task_id) else { return };
        if known.certain {
            return;
        }
        known.state = match status.state {
            // Nobody knows it, and nobody is awaited who might: it is over.
            TaskState::Unknown => TaskState::Lost,
            state => state,
        };
        known.certain = status.state.is_terminal() && status.update_id.is_some();
        known.since = kernel.now;
    }
}
