//! A model of an agent's machine: it keeps to what the protocol says of agents. Tasks and their
//! updates survive the agent's process; its registration does not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use agents_core::ToAgent;
use frameworks_core::News;
use protocol::agent::{ApplyOperation, Ping};
use protocol::agents::{AgentRegistered, Pong, RegisterAgent, RunningExecutor};
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::frameworks::ExecutorExited;
use protocol::id::{AgentId, Epoch, ExecutorId, FrameworkId, Generation, Incarnation};
use protocol::operation::OperationReport;
use protocol::task::{Task, TaskStatus};
use protocol::{Failure, FailureKind, Resources, Time};

use crate::event::{AgentWake, Event, Name, Packet, Peer, Side};
use crate::kernel::Kernel;
use crate::names;

/// Between two looks at whether the master still pings.
const LOOK: Duration = Duration::from_secs(2);
/// Without a ping for this long, the agent registers anew.
const PATIENCE: Duration = Duration::from_secs(4);
/// A registration that is not answered by then is sent again.
const ANSWER: Duration = Duration::from_millis(1500);

/// Where the agent stands with the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    None,
    Asking { ask: u64 },
    Done { epoch: Epoch, generation: Generation },
}

/// A task that has not ended, or has and is not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct AgentTask {
    pub(crate) task: Task,
    /// Not acknowledged, oldest first.
    pub(crate) updates: VecDeque<TaskStatus>,
    /// Times that the head was sent; names the resend that is due.
    pub(crate) sent: u64,
}

/// What survives the agent's process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) agent_id: Option<AgentId>,
    pub(crate) incarnation: u64,
    /// Of the agent's life on this machine, for ids that never repeat.
    pub(crate) updates: u64,
    pub(crate) tasks: BTreeMap<Name, AgentTask>,
    /// Every task that ever came here, so that a copy of a launch starts nothing twice.
    pub(crate) seen: BTreeSet<Name>,
    pub(crate) frameworks: BTreeMap<FrameworkId, FrameworkInfo>,
    pub(crate) executors: BTreeMap<(FrameworkId, ExecutorId), RunningExecutor>,
    /// What the machine has, once an operation has made it something else.
    pub(crate) resources: Option<Resources>,
    /// Operations that were done and not acknowledged.
    pub(crate) operations: Vec<OperationReport>,
}

/// One agent.
pub(crate) struct Agent {
    pub(crate) index: usize,
    pub(crate) up: bool,
    /// Of the process: what is scheduled for an earlier one is void.
    pub(crate) life: u64,
    pub(crate) boots: u64,
    pub(crate) disk: Disk,
    pub(crate) registration: Registration,
    attempt: u64,
    last_ping: Time,
    /// The last answer about the size of each task: its number, and whether it was a no.
    pub(crate) resized: BTreeMap<Name, (u64, Option<String>)>,
    /// Ends of executors that could not be told yet.
    exits: Vec<(FrameworkId, ExecutorId)>,
    /// Operations that were quicker than the answer to the registration.
    pub(crate) early: Vec<ApplyOperation>,
}

/// What every agent has.
pub(crate) fn total() -> Resources {
    Resources::parse("cpus=4;mem=4096;disk=1000;ports=[31000-31009]")
        .expect("resources that are written out")
}

impl Agent {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            up: false,
            life: 0,
            boots: 0,
            disk: Disk::default(),
            registration: Registration::None,
            attempt: 0,
            resized: BTreeMap::new(),
            last_ping: Time::default(),
            exits: Vec::new(),
            early: Vec::new(),
        }
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer::Agent(self.index)
    }

    pub(crate) fn wake(&self, kernel: &mut Kernel, delay: Duration, wake: AgentWake) {
        kernel.after(delay, Event::Agent { index: self.index, life: self.life, wake });
    }

    pub(crate) fn info(&self) -> AgentInfo {
        AgentInfo {
            hostname: format!("node{}", self.index),
            host: names::agent_host(self.index),
            http: format!("node{}:5051", self.index),
            resources: self.resources(),
            attributes: BTreeMap::new(),
            domain: None,
            boot_id: format!("boot{}", self.boots),
            version: "0".to_owned(),
        }
    }

    /// Of the registration that stands.
    pub(crate) fn generation(&self) -> Option<Generation> {
        match self.registration {
            Registration::Done { generation, .. } => Some(generation),
            _ => None,
        }
    }

    // --- the process ---------------------------------------------------------------------------

    pub(crate) fn start(&mut self, kernel: &mut Kernel) {
        self.up = true;
        self.life += 1;
        self.disk.incarnation += 1;
        self.attempt = 0;
        self.registration = Registration::None;
        kernel.net.set_peer_up(self.peer(), true);
        let delay = kernel.between(0, 300);
        self.wake(kernel, delay, AgentWake::Register);
        self.resume_tasks(kernel);
    }

    /// The process ends; with `reboot` its tasks end too, with `wipe` the disk is gone as well.
    pub(crate) fn crash(&mut self, kernel: &mut Kernel, reboot: bool, wipe: bool) {
        kernel.cut(self.peer());
        kernel.net.set_peer_up(self.peer(), false);
        self.up = false;
        self.life += 1;
        self.exits.clear();
        if wipe {
            self.disk = Disk { incarnation: self.disk.incarnation, ..Disk::default() };
        }
        if reboot || wipe {
            self.boots += 1;
            self.end_all_unseen(kernel);
        }
        let delay = kernel.between(50, 4000);
        self.wake(kernel, delay, AgentWake::Start);
    }

    /// The connection to the master is gone.
    pub(crate) fn lost_master(&mut self, kernel: &mut Kernel) {
        self.registration = Registration::None;
        let delay = kernel.between(0, 400);
        self.wake(kernel, delay, AgentWake::Register);
    }

    // --- registration --------------------------------------------------------------------------

    pub(crate) fn on_register_wake(&mut self, kernel: &mut Kernel) {
        match self.registration {
            Registration::Asking { .. } => {}
            Registration::Done { .. } if kernel.now.since(self.last_ping) < PATIENCE => {
                self.wake(kernel, LOOK, AgentWake::Register);
            }
            _ => self.register(kernel),
        }
    }

    pub(crate) fn register(&mut self, kernel: &mut Kernel) {
        self.attempt += 1;
        self.early.clear();
        let ask = self.attempt;
        self.registration = Registration::Asking { ask };
        let message = RegisterAgent {
            agent_id: self.disk.agent_id.clone(),
            incarnation: Incarnation(self.disk.incarnation),
            attempt: self.attempt,
            info: self.info(),
            tasks: self.disk.tasks.values().map(|t| t.task.clone()).collect(),
            frameworks: self.disk.frameworks.values().cloned().collect(),
            executors: self.disk.executors.values().cloned().collect(),
            operations: self.disk.operations.clone(),
        };
        let packet = Packet::Register { ask, message: Box::new(message) };
        kernel.send(self.peer(), Side::Master, packet);
        self.wake(kernel, ANSWER, AgentWake::RegisterTimeout(ask));
    }

    pub(crate) fn on_register_timeout(&mut self, kernel: &mut Kernel, ask: u64) {
        if self.registration == (Registration::Asking { ask }) {
            self.register(kernel);
        }
    }

    pub(crate) fn on_registered(
        &mut self,
        kernel: &mut Kernel,
        ask: u64,
        result: Result<AgentRegistered, Failure>,
    ) {
        if self.registration != (Registration::Asking { ask }) {
            return;
        }
        match result {
            Ok(registered) => self.enter(kernel, registered),
            Err(failure) if failure.kind == FailureKind::Refused => self.begin_anew(kernel),
            Err(_) => {
                self.registration = Registration::None;
                let delay = kernel.between(50, 400);
                self.wake(kernel, delay, AgentWake::Register);
            }
        }
    }

    fn enter(&mut self, kernel: &mut Kernel, registered: AgentRegistered) {
        let AgentRegistered { agent_id, epoch, generation, .. } = registered;
        self.disk.agent_id = Some(agent_id);
        self.registration = Registration::Done { epoch, generation };
        self.resized.clear();
        self.last_ping = kernel.now;
        for (framework_id, executor_id) in std::mem::take(&mut self.exits) {
            self.tell_exit(kernel, framework_id, executor_id);
        }
        self.send_all_heads(kernel);
        self.take_early(kernel);
        self.wake(kernel, LOOK, AgentWake::Register);
    }

    /// Its id is never accepted again: everything ends here, and a new agent begins.
    fn begin_anew(&mut self, kernel: &mut Kernel) {
        self.disk = Disk { incarnation: self.disk.incarnation + 1, ..Disk::default() };
        self.attempt = 0;
        self.exits.clear();
        self.registration = Registration::None;
        self.life += 1;
        let delay = kernel.between(50, 400);
        self.wake(kernel, delay, AgentWake::Register);
    }

    // --- messages ------------------------------------------------------------------------------

    pub(crate) fn on_message(&mut self, kernel: &mut Kernel, message: ToAgent) {
        match message {
            ToAgent::Ping(ping) => self.on_ping(kernel, &ping),
            ToAgent::Run(run) => self.on_run(kernel, *run),
            ToAgent::Kill(kill) => self.on_kill(kernel, kill),
            ToAgent::Acknowledged(acknowledged) => self.on_acknowledged(kernel, &acknowledged),
            ToAgent::ShutdownFramework(shutdown) => {
                self.end_framework(&shutdown.framework_id);
            }
            ToAgent::UpdateFramework(update) => {
                if let Some(id) = update.framework.id.clone() {
                    self.disk.frameworks.insert(id, update.framework);
                }
            }
            ToAgent::Resize(resize) => self.on_resize(kernel, resize),
            ToAgent::Operate(apply) => self.on_operate(kernel, *apply),
            ToAgent::OperationAcknowledged(message) => self.on_operation_acknowledged(&message),
            ToAgent::ShutdownExecutor(_) | ToAgent::Deliver(_) => {}
        }
    }

    fn on_ping(&mut self, kernel: &mut Kernel, ping: &Ping) {
        if self.disk.agent_id.as_ref().is_none_or(|id| *id != ping.agent_id) {
            return;
        }
        match self.registration {
            Registration::Done { epoch, .. } if epoch == ping.epoch && ping.connected => {
                self.last_ping = kernel.now;
                let incarnation = Incarnation(self.disk.incarnation);
                let (agent_id, sequence) = (ping.agent_id.clone(), ping.sequence);
                let pong = Pong { agent_id, incarnation, sequence };
                kernel.send(self.peer(), Side::Master, Packet::Pong(pong));
            }
            Registration::Done { epoch, .. } if epoch > ping.epoch => {}
            Registration::Asking { .. } => {}
            _ => self.register(kernel),
        }
    }

    /// Tells the master that an executor has ended, now or when it is registered again.
    pub(crate) fn tell_exit(
        &mut self,
        kernel: &mut Kernel,
        framework_id: FrameworkId,
        executor_id: ExecutorId,
    ) {
        let (Registration::Done { .. }, Some(agent_id)) =
            (self.registration, self.disk.agent_id.clone())
        else {
            return self.exits.push((framework_id, executor_id));
        };
        let exited = ExecutorExited { agent_id, framework_id, executor_id, status: 0 };
        let packet = Packet::News(Box::new(News::ExecutorExited(exited)));
        kernel.send(self.peer(), Side::Master, packet);
    }
}
