//! Everything an agent knows, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use protocol::agent::{ApplyOperation, RunTasks};
use protocol::elector::Leader;
use protocol::operation::original;
use protocol::task::TaskStatus;
use protocol::{Address, CallId, ContainerId, Epoch, Generation, Time, UpdateId};
use serde::Serialize;

use crate::checkpoint::{Checkpoint, Record};
use crate::effect::Effect;
use crate::executor::{ExecutorState, Run};
use crate::input::Timer;
use crate::resize::{Answered, Resizing};
use crate::settings::Settings;
use crate::task::{ExecutorKey, SavedTask, Stage, TaskKey};

/// Where the agent stands with the leading master.
///
/// ```text
/// Disconnected ──leader found──► Registering ──answered──► Registered
///                    leader changed ▲  │  ▲                     │
///                          └────────┘  │  └──link broke, not pinged, told to, leader changed
///                                      ├──refused──► Refused
///                                      └──forgotten──► Leaving ──nothing runs──► Registering
/// ```
///
/// A life that begins as nobody, while something of a former life still runs, begins with Leaving.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Registration {
    /// No leader is known.
    Disconnected,
    /// Asks the leader, with backoff.
    Registering {
        master: Leader,
        /// How many of the asks in a row have failed.
        failures: u32,
        /// One is on its way; otherwise `Timer::Register` is set.
        asked: bool,
    },
    /// The leader counts on this agent. Nothing is started in any other state.
    Registered { master: Leader, epoch: Epoch, generation: Generation, ping_timeout_ms: u64 },
    /// An operator has marked this agent gone. What ran here is ended; the next life of the agent
    /// registers as another one.
    Refused { master: Leader, why: String },
    /// The master has forgotten this agent, whose machine is to be serviced. When what ran here has
    /// ended it asks again, as one that never was an agent, until it is taken.
    Leaving { master: Leader, why: String },
}

impl Registration {
    /// The leader that the agent talks to.
    pub fn master(&self) -> Option<&Leader> {
        match self {
            Self::Disconnected => None,
            Self::Registering { master, .. }
            | Self::Registered { master, .. }
            | Self::Refused { master, .. }
            | Self::Leaving { master, .. } => Some(master),
        }
    }
}

/// A status on its way to `updates`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Outgoing {
    pub(crate) status: TaskStatus,
    pub(crate) update_id: UpdateId,
    /// Who waits until it is safe.
    pub(crate) calls: Vec<CallId>,
}

/// The statuses of one task on their way to `updates`: one is asked at a time, so that a retry does
/// not change their order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Outbox {
    pub(crate) waiting: VecDeque<Outgoing>,
    /// The newest that is safe, if one has been in this life.
    pub(crate) safe: Option<UpdateId>,
}

/// A message of the master that was quicker than its answer to the registration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) enum Early {
    Launch(Box<RunTasks>),
    Operation(Box<ApplyOperation>),
}

/// How far the end of the agent has come; `Timer::Stop` is set in each phase but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum StopPhase {
    /// Executors were asked to end, with grace.
    Ending,
    /// Those that did not are being destroyed.
    Destroying,
    /// All have ended; the scheduler is given a moment to acknowledge it.
    Reporting,
    /// Goodbye was said; nothing is done any more.
    Over,
}

/// The agent is to end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Stopping {
    /// Who waits for it.
    pub(crate) calls: Vec<CallId>,
    pub(crate) phase: StopPhase,
}

/// Everything an agent knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    pub(crate) settings: Settings,
    /// What survives; changed by `Turn::persist` only.
    pub(crate) durable: Checkpoint,
    pub(crate) registration: Registration,
    /// Registrations sent by this life.
    pub(crate) attempt: u64,
    /// Of the newest registration that was answered.
    pub(crate) term: (Epoch, Generation),
    pub(crate) linked: Option<Address>,
    /// Launches that were quicker than the answer to the registration that allows them.
    pub(crate) early: Vec<Early>,
    /// How long unacknowledged operations wait before they are told of again.
    pub(crate) repeat: Duration,
    /// When that is, if any wait: `Timer::Operations` is set.
    pub(crate) repeat_at: Option<Time>,
    /// One for every executor of the checkpoint.
    pub(crate) runs: BTreeMap<ContainerId, Run>,
    /// The run of each executor that takes tasks.
    pub(crate) current: BTreeMap<ExecutorKey, ContainerId>,
    /// The tasks of each run.
    #[serde(skip)]
    pub(crate) members: BTreeMap<ContainerId, BTreeSet<TaskKey>>,
    #[serde(skip)]
    pub(crate) outboxes: BTreeMap<TaskKey, Outbox>,
    /// Containers that wait for their turn to be made.
    pub(crate) launch_queue: VecDeque<ContainerId>,
    /// Containers that the isolator is making.
    pub(crate) launching: BTreeSet<ContainerId>,
    /// The isolator had no room for more; `Timer::Launch` is set.
    pub(crate) launches_paused: bool,
    /// Containers of which a task is being resized.
    pub(crate) resizing: BTreeMap<ContainerId, Resizing>,
    #[serde(skip)]
    pub(crate) resize_answers: BTreeMap<TaskKey, Answered>,
    /// The isolator has sorted out what was there before.
    pub(crate) recovered: bool,
    pub(crate) stopping: Option<Stopping>,
    /// Names given to containers and updates so far.
    pub(crate) names: u64,
    pub(crate) jitter: u64,
}

impl State {
    /// An agent with what its former lives left behind. `Input::Started` begins its life.
    pub fn new(settings: Settings, checkpoint: Checkpoint) -> Self {
        let jitter = settings.seed;
        Self {
            settings,
            durable: checkpoint,
            registration: Registration::Disconnected,
            attempt: 0,
            term: (Epoch(0), Generation(0)),
            linked: None,
            early: Vec::new(),
            repeat: Duration::ZERO,
            repeat_at: None,
            runs: BTreeMap::new(),
            current: BTreeMap::new(),
            members: BTreeMap::new(),
            outboxes: BTreeMap::new(),
            launch_queue: VecDeque::new(),
            launching: BTreeSet::new(),
            launches_paused: false,
            resizing: BTreeMap::new(),
            resize_answers: BTreeMap::new(),
            recovered: false,
            stopping: None,
            names: 0,
            jitter,
        }
    }

    /// What survives; written anew when its log has grown long.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.durable
    }

    /// Where the agent stands with the leading master.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The state of every run of an executor that is remembered.
    pub fn executors(&self) -> impl Iterator<Item = (&ContainerId, ExecutorState)> {
        self.runs.iter().map(|(id, run)| (id, run.state))
    }

    /// The tasks of a run.
    pub(crate) fn tasks_of(&self, container_id: &ContainerId) -> impl Iterator<Item = &SavedTask> {
        let keys = self.members.get(container_id).into_iter().flatten();
        keys.filter_map(|key| self.durable.tasks.get(key))
    }

    pub(crate) fn keys_of(&self, container_id: &ContainerId) -> Vec<TaskKey> {
        self.members.get(container_id).into_iter().flatten().cloned().collect()
    }

    /// What must hold between any two steps.
    pub fn check(&self) -> Result<(), String> {
        self.check_runs()?;
        self.check_tasks()?;
        self.check_launches()?;
        self.check_resources()?;
        self.check_memory()
    }

    fn check_runs(&self) -> Result<(), String> {
        if !self.runs.keys().eq(self.durable.executors.keys()) {
            return Err("runs and checkpointed executors differ".into());
        }
        for (id, run) in &self.runs {
            let saved = &self.durable.executors[id];
            let tasks = || self.tasks_of(id);
            let wrong = if saved.ended != (run.state == ExecutorState::Terminated) {
                Some("has ended in one place and not in the other")
            } else if run.state == ExecutorState::Terminated && tasks().any(SavedTask::is_live) {
                Some("has ended with live tasks")
            } else if run.state == ExecutorState::Terminated && tasks().next().is_none() {
                Some("has ended, has no tasks and is still there")
            } else if saved.is_command() && run.state.takes_tasks() && tasks().next().is_none() {
                Some("is a command executor without a task and is not being ended")
            } else if saved.is_command() && tasks().count() > 1 {
                Some("is a command executor of several tasks")
            } else if run.state == ExecutorState::Running && saved.address.is_none() {
                Some("runs at no address")
            } else if (run.state == ExecutorState::Terminating) && !saved.ending {
                Some("is being ended and would not be after a restart")
            } else if run.held.is_some() && run.state != ExecutorState::Terminating {
                Some("holds a status and is not being ended")
            } else if run.state.takes_tasks() != (self.current.get(&saved.key()) == Some(id)) {
                Some("takes tasks and is not current, or the other way round")
            } else {
                None
            };
            if let Some(wrong) = wrong {
                return Err(format!("executor in {id} {wrong}"));
            }
        }
        Ok(())
    }

    fn check_tasks(&self) -> Result<(), String> {
        for (key, task) in &self.durable.tasks {
            let run = task.container_id.as_ref().and_then(|id| self.runs.get(id));
            let member = task.container_id.as_ref().and_then(|id| self.members.get(id));
            let held = run.and_then(|run| run.held.as_ref()).is_some_and(|held| held.key == *key);
            let outbox = self.outboxes.get(key);
            let reported = |id: &UpdateId| {
                outbox.is_some_and(|outbox| {
                    outbox.safe.as_ref() == Some(id)
                        || outbox.waiting.iter().any(|o| o.update_id == *id)
                })
            };
            let last = task.status.as_ref().and_then(|status| status.update_id.as_ref());
            let wrong = if task.is_live() && run.is_none() {
                Some("lives in no executor")
            } else if task.container_id.is_some() && !member.is_some_and(|m| m.contains(key)) {
                Some("is not among the tasks of its executor")
            } else if task.stage() == Stage::Pending
                && run.is_some_and(|run| run.state == ExecutorState::Running)
            {
                Some("waits for an executor that runs")
            } else if task.stage() == Stage::Ended && !held && !last.is_some_and(reported) {
                Some("has ended and its end is not on its way")
            } else if !self.durable.frameworks.contains_key(&key.framework_id) {
                Some("is of no framework")
            } else {
                None
            };
            if let Some(wrong) = wrong {
                return Err(format!("task {} {wrong}", key.task_id));
            }
        }
        Ok(())
    }

    fn check_launches(&self) -> Result<(), String> {
        if self.launching.len() > self.settings.parallel_launches {
            return Err("more containers are being made than allowed".into());
        }
        if self.launch_queue.iter().any(|id| self.launching.contains(id)) {
            return Err("a container waits to be made and is being made".into());
        }
        let waits = |id| self.launch_queue.contains(id) || self.launching.contains(id);
        for (id, run) in &self.runs {
            if run.state == ExecutorState::Launching && !waits(id) {
                return Err(format!("nobody makes container {id}"));
            }
        }
        Ok(())
    }

    fn check_resources(&self) -> Result<(), String> {
        let (configured, now) = (&self.settings.info.resources, self.resources());
        if original(&now) == *configured {
            return Ok(());
        }
        Err(format!("operations have made {now} of {configured}"))
    }

    fn check_memory(&self) -> Result<(), String> {
        let over = |id: &&ContainerId| {
            self.runs.get(*id).is_none_or(|run| run.state == ExecutorState::Terminated)
        };
        if let Some(id) = self.resizing.keys().find(over) {
            return Err(format!("{id} is gone and is being resized"));
        }
        if self.durable.completed.len() > self.settings.completed_tasks {
            return Err("more completed tasks are remembered than wanted".into());
        }
        if self.outboxes.keys().any(|key| !self.durable.tasks.contains_key(key)) {
            return Err("an outbox is left of a task that is gone".into());
        }
        let in_use = |id| self.members.values().flatten().any(|k| &k.framework_id == id);
        for id in self.durable.frameworks.keys() {
            let tasks = self.durable.tasks.keys().any(|key| &key.framework_id == id);
            let executors = self.durable.executors.values().any(|e| &e.framework_id == id);
            if !tasks && !executors && !in_use(id) {
                return Err(format!("framework {id} has nothing here and is remembered"));
            }
        }
        Ok(())
    }
}

/// One step of an agent: its state, the time, and what it wants done.
pub(crate) struct Turn<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Time,
    pub(crate) out: &'a mut Vec<Effect>,
}

impl std::ops::Deref for Turn<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.state
    }
}

impl std::ops::DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state
    }
}

impl Turn<'_> {
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    /// Changes what survives: in memory now, on disk before the effects that follow.
    pub(crate) fn persist(&mut self, record: Record) {
        self.state.durable.apply(record.clone());
        self.out.push(Effect::Persist(record));
    }

    pub(crate) fn set_timer(&mut self, timer: Timer, after: std::time::Duration) {
        let at = self.now + after;
        self.effect(Effect::SetTimer { timer, at });
    }

    pub(crate) fn cancel_timer(&mut self, timer: Timer) {
        self.effect(Effect::CancelTimer { timer });
    }

    /// A number that no container or update of this life was named after.
    pub(crate) fn next_name(&mut self) -> u64 {
        self.state.names += 1;
        self.state.names
    }

    /// From 0 to 1, by splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
    /// generators"): the same for the same seed, so that a run can be replayed.
    pub(crate) fn next_jitter(&mut self) -> f64 {
        self.state.jitter = self.state.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}
