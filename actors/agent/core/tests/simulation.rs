//! Thousands of seeded lives of an agent among an isolator, executors, `updates` and a master that
//! fail, repeat themselves and come back. After every step the invariants hold (`World::step`);
//! when the faults have stopped, every task comes to its end and nothing is left behind.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test, seeded from outside")]

#[macro_use]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use agent_core::{Effect, Input, Registration, TaskKey, Timer, ToExecutor};
use protocol::agent::{
    ExecutorDisconnected, Ping, RegisterExecutor, ReportStatus, ShutdownAgentExecutor,
    SubscribeExecutor,
};
use protocol::agents::AgentRegistered;
use protocol::isolator::ContainerLaunched;
use protocol::task::{TaskState, TaskStatus, Termination};
use protocol::updates::UpdateConfirmed;
use protocol::{ContainerId, Epoch, ExecutorId, Failure, FailureKind, Generation, Time};
use world::{World, command_task, custom_task, framework, leader};

/// More by `SEEDS=100000`, one alone by `SEED=42`.
const SEEDS: u64 = 1_000;
const STEPS: usize = 120;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: impl IntoIterator<Item = T>) -> Option<T> {
        let all: Vec<T> = from.into_iter().collect();
        if all.is_empty() { None } else { Some(all[self.roll(all.len())].clone()) }
    }
}

/// A process that the fake isolator has started.
#[derive(Default)]
struct Process {
    executor_id: String,
    tasks: BTreeMap<String, TaskState>,
    unconfirmed: Vec<TaskStatus>,
    told_to_end: bool,
}

struct Simulation {
    world: World,
    dice: Dice,
    /// Whether things go wrong.
    faults: bool,
    /// Asks of the agent that wait for an answer.
    asks: Vec<Effect>,
    timers: BTreeMap<Timer, Time>,
    processes: BTreeMap<ContainerId, Process>,
    /// Containers that were to be destroyed.
    doomed: BTreeSet<ContainerId>,
    /// What `updates` keeps: the newest state, and whether the scheduler has it.
    kept: BTreeMap<TaskKey, TaskState>,
    generation: u64,
    launched: usize,
    reports: u64,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut simulation = Self {
            world: World::unstarted(),
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            faults: true,
            asks: Vec::new(),
            timers: BTreeMap::new(),
            processes: BTreeMap::new(),
            doomed: BTreeSet::new(),
            kept: BTreeMap::new(),
            generation: 0,
            launched: 0,
            reports: 0,
        };
        simulation.step(Input::Started);
        simulation.step(Input::LeaderFound(leader("m1", 5)));
        simulation
    }

    fn step(&mut self, input: Input) {
        let effects = self.world.step(input);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Register { .. }
                | Effect::DeliverTask { .. }
                | Effect::Recover(_)
                | Effect::Launch(_)
                | Effect::Queue(_)
                | Effect::Confirm(_) => self.asks.push(effect),
                Effect::Destroy(message) => {
                    self.doomed.insert(message.container_id);
                }
                Effect::ToExecutor { message, .. } => self.tell_executors(message),
                Effect::SetTimer { timer, at } => {
                    self.timers.insert(timer, at);
                }
                Effect::CancelTimer { timer } => {
                    self.timers.remove(&timer);
                }
                _ => {}
            }
        }
    }

    fn tell_executors(&mut self, message: ToExecutor) {
        for process in self.processes.values_mut() {
            match &message {
                ToExecutor::Kill(kill) => {
                    let state = process.tasks.get_mut(kill.task_id.as_str());
                    state.into_iter().for_each(|state| *state = TaskState::Killing);
                }
                ToExecutor::Shutdown(_) => process.told_to_end = true,
                ToExecutor::Message(_) | ToExecutor::Gone(_) => {}
            }
        }
    }

    fn unlucky(&mut self, one_in: usize) -> bool {
        self.faults && self.dice.roll(one_in) == 0
    }

    fn failure(&mut self) -> Failure {
        let kinds = [FailureKind::Overloaded, FailureKind::Timeout, FailureKind::ActorDied];
        Failure::new(kinds[self.dice.roll(3)], "chance")
    }

    /// Answers one ask, not always the oldest: they are of different actors.
    fn answer(&mut self) {
        if self.asks.is_empty() {
            return;
        }
        let at = if self.faults { self.dice.roll(self.asks.len()) } else { 0 };
        let ask = self.asks.remove(at);
        let failed = self.unlucky(6).then(|| self.failure());
        match ask {
            Effect::Register { message, .. } => {
                self.generation += 1;
                let answer = AgentRegistered {
                    agent_id: "S1".into(),
                    epoch: self.epoch(),
                    generation: Generation(self.generation),
                    ping_timeout_ms: 1_000,
                };
                let result = failed.map_or(Ok(answer), Err);
                self.step(Input::RegistrationAnswered { attempt: message.attempt, result });
            }
            Effect::Recover(_) => {
                let result = failed.map_or(Ok(()), Err);
                if result.is_ok() {
                    self.destroy_unknown();
                }
                self.step(Input::ContainersRecovered { result });
            }
            Effect::Launch(message) => self.answer_launch(*message, failed),
            Effect::DeliverTask { key, message, .. } => {
                // A failed ask may have been heard nevertheless.
                let heard = failed.is_none() || self.dice.roll(2) == 0;
                let executor = message.task.executor.as_ref().map(|e| e.executor_id.as_str());
                let executor = executor.unwrap_or(key.task_id.as_str()).to_owned();
                let process = self.processes.values_mut().find(|p| p.executor_id == executor);
                if let Some(process) = process.filter(|_| heard) {
                    process.tasks.entry(key.task_id.to_string()).or_insert(TaskState::Staging);
                }
                self.step(Input::TaskDelivered { key, result: failed.map_or(Ok(()), Err) });
            }
            Effect::Queue(message) => {
                let key = TaskKey {
                    framework_id: message.framework_id.clone(),
                    task_id: message.status.task_id.clone(),
                };
                if failed.is_none() || self.dice.roll(2) == 0 {
                    self.kept.insert(key.clone(), message.status.state);
                }
                let update_id = message.status.update_id.clone().unwrap();
                let result = failed.map_or(Ok(()), Err);
                self.step(Input::UpdateQueued { key, update_id, result });
            }
            Effect::Confirm(message) => {
                let key = TaskKey { framework_id: message.framework_id, task_id: message.task_id };
                let task_done = self.kept.get(&key).is_some_and(|state| state.is_terminal());
                let result = failed.map_or(Ok(UpdateConfirmed { task_done }), Err);
                if result.is_ok() && task_done {
                    self.kept.remove(&key);
                }
                self.step(Input::UpdateConfirmed { key, result });
            }
            other => unreachable!("{other:?} is not an ask"),
        }
    }

    fn answer_launch(
        &mut self,
        message: protocol::isolator::LaunchContainer,
        failed: Option<Failure>,
    ) {
        let container_id = message.container_id;
        let unknown = failed.as_ref().is_some_and(|f| f.kind != FailureKind::Overloaded);
        if failed.is_none() || (unknown && self.dice.roll(2) == 0) {
            let executor_id = message.executor_id.to_string();
            let process = Process { executor_id, ..Process::default() };
            self.processes.insert(container_id.clone(), process);
        }
        let result = failed.map_or(Ok(ContainerLaunched { pid: 1 }), Err);
        self.step(Input::LaunchAnswered { container_id, result });
    }

    fn destroy_unknown(&mut self) {
        let executors = &self.world.state.checkpoint().executors;
        self.processes.retain(|id, _| executors.get(id).is_some_and(|e| e.pid.is_some()));
        for (id, executor) in executors {
            if executor.pid.is_some() && !executor.ended && !self.processes.contains_key(id) {
                self.doomed.insert(id.clone());
            }
        }
    }

    /// The isolator destroys a container, or a process ends by itself.
    fn end_container(&mut self) {
        let ended: Vec<_> = self
            .processes
            .iter()
            .filter(|(_, process)| process.told_to_end)
            .map(|(id, _)| id.clone())
            .collect();
        let dying = self.dice.pick(self.doomed.iter().cloned().chain(ended));
        let Some(container_id) = dying else { return };
        self.exit(container_id);
    }

    fn exit(&mut self, container_id: ContainerId) {
        let asked = self.doomed.remove(&container_id);
        self.processes.remove(&container_id);
        // What the agent waits for may be lost; that a process died by itself may not.
        if asked && self.unlucky(8) {
            return;
        }
        let limitation = (self.dice.roll(4) == 0).then(world::oom);
        let effects = self.world.exited(&container_id, Termination::Signaled(9), limitation);
        self.perform(effects);
    }

    fn executor_registers(&mut self) {
        let Some(id) = self.dice.pick(self.processes.keys().cloned()) else { return };
        let process = &self.processes[&id];
        let message = RegisterExecutor {
            framework_id: "f".into(),
            executor_id: process.executor_id.as_str().into(),
            container_id: id,
            executor: None,
            tasks: process.tasks.keys().map(|task| task.as_str().into()).collect(),
            unconfirmed: process.unconfirmed.clone(),
        };
        let (call, sender) = (self.world.next_call(), World::executor_address());
        if self.dice.roll(2) == 0 {
            return self.step(Input::RegisterExecutor { call, sender, message });
        }
        let RegisterExecutor { framework_id, executor_id, container_id, tasks, .. } = message;
        let message = SubscribeExecutor { framework_id, executor_id, container_id, tasks };
        self.step(Input::SubscribeExecutor { call, sender, message });
    }

    fn lose_stream(&mut self) {
        let Some(container_id) = self.dice.pick(self.processes.keys().cloned()) else { return };
        let message = ExecutorDisconnected { container_id };
        self.step(Input::ExecutorDisconnected { sender: World::executor_address(), message });
    }

    fn executor_reports(&mut self) {
        let with_tasks = self.processes.iter().filter(|(_, p)| !p.tasks.is_empty());
        let Some(id) = self.dice.pick(with_tasks.map(|(id, _)| id.clone())) else { return };
        let process = self.processes.get_mut(&id).unwrap();
        let (task, state) = self.dice.pick(process.tasks.clone()).unwrap();
        let next = match state {
            TaskState::Staging => TaskState::Running,
            TaskState::Killing => TaskState::Killed,
            TaskState::Running => [TaskState::Finished, TaskState::Failed][self.dice.roll(2)],
            ended => ended,
        };
        process.tasks.insert(task.clone(), next);
        self.reports += 1;
        let mut status = TaskStatus::new(
            task.as_str().into(),
            next,
            protocol::task::Source::Executor,
            self.world.now,
        );
        status.update_id = Some(format!("{task}-{next}").into());
        if next.is_terminal() && !process.unconfirmed.contains(&status) {
            process.unconfirmed.retain(|s| s.update_id != status.update_id);
            process.unconfirmed.push(status.clone());
        }
        let executor_id = ExecutorId::from(process.executor_id.as_str());
        let message = ReportStatus { framework_id: "f".into(), executor_id, status };
        let call = self.world.next_call();
        self.step(Input::ReportStatus { call, message });
    }

    fn fire_timer(&mut self) {
        let due = if self.faults {
            self.dice.pick(self.timers.keys().cloned())
        } else {
            self.timers.iter().min_by_key(|(_, at)| **at).map(|(timer, _)| timer.clone())
        };
        let Some(timer) = due else { return };
        let at = self.timers.remove(&timer).unwrap();
        self.world.now = self.world.now.max(at);
        self.step(Input::TimerFired(timer));
    }

    fn epoch(&self) -> Epoch {
        self.world.state.registration().master().map_or(Epoch(5), |master| master.epoch)
    }

    fn run_task(&mut self) {
        let name = format!("t{}", self.launched);
        self.launched += 1;
        let task = match self.dice.roll(3) {
            0 => custom_task(&name, ["e1", "e2"][self.dice.roll(2)]),
            _ => command_task(&name),
        };
        let stale = u64::from(self.unlucky(10));
        let message = protocol::agent::RunTasks {
            epoch: self.epoch(),
            generation: Generation(self.generation.saturating_sub(stale)),
            framework: framework("f"),
            role: "*".into(),
            tasks: vec![task],
        };
        self.step(Input::RunTasks(message.clone()));
        if self.unlucky(5) {
            self.step(Input::RunTasks(message));
        }
    }

    fn kill_task(&mut self) {
        let tasks: Vec<_> = self.world.state.checkpoint().tasks.keys().cloned().collect();
        let Some(key) = self.dice.pick(tasks) else { return };
        self.step(Input::KillAgentTask(protocol::agent::KillAgentTask {
            epoch: self.epoch(),
            framework_id: key.framework_id,
            task_id: key.task_id,
            kill_policy: None,
        }));
    }

    fn acknowledge(&mut self) {
        let Some(key) = self.dice.pick(self.kept.keys().cloned()) else { return };
        let task = self.world.state.checkpoint().tasks.get(&key);
        let update_id = task.and_then(|task| task.status.as_ref()?.update_id.clone());
        let message = protocol::agent::UpdateAcknowledged {
            framework_id: key.framework_id,
            task_id: key.task_id,
            update_id: update_id.unwrap_or_else(|| "unknown".into()),
            generation: None,
        };
        self.step(Input::UpdateAcknowledged(message));
    }

    fn disturb(&mut self) {
        match self.dice.roll(7) {
            0 => {
                let boot = if self.dice.roll(4) == 0 { "boot-2" } else { "boot-1" };
                if self.world.state.checkpoint().boot_id != boot {
                    self.processes.clear();
                }
                self.asks.clear();
                self.timers.clear();
                let effects = self.world.restart(boot);
                self.perform(effects);
                self.step(Input::LeaderFound(leader("m1", 5)));
            }
            1 => self.step(Input::IsolatorRestarted),
            2 => {
                let epoch = self.epoch().0 + 1;
                self.step(Input::LeaderFound(leader(&format!("m{epoch}"), epoch)));
            }
            3 => {
                let (epoch, agent_id) = (self.epoch(), "S1".into());
                let ping = Ping { epoch, agent_id, sequence: 1, connected: false };
                self.step(Input::Ping(ping));
            }
            4 => self.lose_stream(),
            5 => {
                let container_id = self.dice.pick(self.processes.keys().cloned());
                container_id.into_iter().for_each(|id| self.exit(id));
            }
            _ => self.shut_down_custom_executors(),
        }
    }

    fn act(&mut self) {
        match self.dice.roll(12) {
            0 if self.faults => self.run_task(),
            1 if self.faults => self.kill_task(),
            2 if self.faults && self.dice.roll(3) == 0 => self.disturb(),
            3 if self.faults => self.fire_timer(),
            4 => self.end_container(),
            5 => self.executor_registers(),
            6 | 7 => self.executor_reports(),
            8 => self.acknowledge(),
            _ => self.answer(),
        }
    }

    fn shut_down_custom_executors(&mut self) {
        for executor in ["e1", "e2"] {
            let message = ShutdownAgentExecutor {
                epoch: self.epoch(),
                framework_id: "f".into(),
                executor_id: executor.into(),
            };
            self.step(Input::ShutdownAgentExecutor(message));
        }
    }

    /// Without faults, everything that can happen happens, and time passes when nothing else does.
    fn settle(&mut self) {
        self.faults = false;
        for round in 0..400 {
            for _ in 0..20 {
                self.act();
            }
            if round % 4 == 3 {
                self.fire_timer();
            }
            if round > 40 {
                self.shut_down_custom_executors();
            }
            if self.is_quiet() {
                return;
            }
        }
    }

    fn is_quiet(&self) -> bool {
        let checkpoint = self.world.state.checkpoint();
        let registered = matches!(self.world.state.registration(), Registration::Registered { .. });
        registered && checkpoint.tasks.is_empty() && checkpoint.executors.is_empty()
    }
}

#[test]
fn eventually_every_task_has_ended_and_nothing_is_left_behind() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let all = 1..number("SEEDS").unwrap_or(SEEDS) + 1;
    for seed in number("SEED").map_or(all, |seed| seed..seed + 1) {
        let mut simulation = Simulation::new(seed);
        for _ in 0..STEPS {
            simulation.act();
        }
        simulation.settle();
        let checkpoint = simulation.world.state.checkpoint();
        assert!(
            simulation.is_quiet(),
            "seed {seed}: left {:#?}\n{:#?}\nexecutors {:?}\ntimers {:?}\nasks {:?}\n{:?}",
            checkpoint.tasks,
            checkpoint.executors,
            simulation.world.state.executors().collect::<Vec<_>>(),
            simulation.timers,
            simulation.asks,
            simulation.world.state.registration(),
        );
        assert!(checkpoint.frameworks.is_empty(), "seed {seed}");
    }
}
