//! An agent core with a virtual clock, and words for what happens to it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test helper")]

use agent_core::{
    Checkpoint, Effect, ExecutorState, Input, Record, Reply, Settings, State, TaskKey, Timeouts,
    Timer, ToExecutor,
};
use protocol::agent::{
    ContainerExited, KillAgentTask, RegisterExecutor, ReportStatus, RunTasks, UpdateAcknowledged,
};
use protocol::agents::AgentRegistered;
use protocol::elector::Leader;
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::isolator::{ContainerLaunched, LaunchContainer, Limitation};
use protocol::task::{KillPolicy, Source, TaskInfo, TaskState, TaskStatus, Termination};
use protocol::updates::{QueueUpdate, UpdateConfirmed};
use protocol::{
    Address, CallId, ContainerId, Epoch, Failure, FailureKind, Generation, HostAddr, Resources,
    Time, UpdateId,
};
use serde_json::json;

pub const EPOCH: Epoch = Epoch(5);
pub const GENERATION: Generation = Generation(2);

pub struct World {
    pub state: State,
    pub now: Time,
    pub log: Vec<Record>,
    pub lives: u64,
    calls: u64,
    reports: u64,
}

pub fn host(text: &str) -> HostAddr {
    HostAddr::parse(text).unwrap()
}

pub fn leader(name: &str, epoch: u64) -> Leader {
    let host = host(&format!("{name}:7050"));
    Leader { host, http: format!("{name}:5050"), epoch: Epoch(epoch) }
}

pub fn info(boot_id: &str) -> AgentInfo {
    AgentInfo {
        hostname: "a1".into(),
        host: host("a1:7051"),
        http: "a1:5051".into(),
        resources: Resources::parse("cpus=4;mem=1024;disk=100").unwrap(),
        attributes: Default::default(),
        domain: None,
        boot_id: boot_id.into(),
        version: "0.1.0".into(),
    }
}

pub fn settings(boot_id: &str, life: u64) -> Settings {
    Settings {
        agent: "agent@a1:7051".parse().unwrap(),
        cluster: "test".into(),
        info: info(boot_id),
        work_dir: "/w".into(),
        executor: "/bin/meseta-executor".into(),
        run: format!("r{life}"),
        updates: u128::from(life) << 64,
        seed: 1,
        switch_user: true,
        parallel_launches: 3,
        completed_tasks: 3,
        timeouts: Timeouts::default(),
    }
}

pub fn framework(id: &str) -> FrameworkInfo {
    let info = json!({ "user": "u", "name": id, "id": id, "capabilities": ["PARTITION_AWARE"] });
    serde_json::from_value(info).unwrap()
}

pub fn command_task(id: &str) -> TaskInfo {
    serde_json::from_value(json!({
        "task_id": id,
        "agent_id": "S1",
        "resources": [],
        "command": { "value": "sleep 1", "environment": { "A": "1" } },
    }))
    .map(|mut task: TaskInfo| {
        task.resources = Resources::parse("cpus=0.5;mem=64").unwrap();
        task
    })
    .unwrap()
}

pub fn custom_task(id: &str, executor: &str) -> TaskInfo {
    let mut task = command_task(id);
    task.command = None;
    let executor = json!({
        "executor_id": executor,
        "kind": "custom",
        "command": {
            "value": "./run", "shell": false, "arguments": ["run", "-v"],
            "environment": { "B": "2" },
        },
    });
    task.executor = Some(serde_json::from_value(executor).unwrap());
    task.executor.as_mut().unwrap().resources = Resources::parse("cpus=0.1;mem=32").unwrap();
    task
}

pub fn key(task: &str) -> TaskKey {
    TaskKey { framework_id: "f".into(), task_id: task.into() }
}

pub fn oom() -> Limitation {
    Limitation {
        reason: protocol::task::Reason::ContainerLimitationMemory,
        message: "used 65 MB of 64 MB".into(),
    }
}

pub fn down() -> Failure {
    Failure::new(FailureKind::LinkDown, "no connection")
}

/// The first match among the effects, or a panic that shows them all.
#[macro_export]
macro_rules! find {
    ($effects:expr, $pattern:pat $(if $guard:expr)? => $value:expr) => {{
        let effects = &$effects;
        effects
            .iter()
            .find_map(|effect| match effect {
                $pattern $(if $guard)? => Some($value),
                _ => None,
            })
            .unwrap_or_else(|| panic!("no {} in {effects:#?}", stringify!($pattern)))
    }};
}

/// Whether anything among the effects matches.
#[macro_export]
macro_rules! has {
    ($effects:expr, $pattern:pat $(if $guard:expr)?) => {
        $effects.iter().any(|effect| matches!(effect, $pattern $(if $guard)?))
    };
}

impl World {
    /// A machine on which an agent has never run.
    pub fn unstarted() -> Self {
        let state = State::new(settings("boot-1", 0), Checkpoint::default());
        let now = Time::from_millis(1_000);
        Self { state, now, log: Vec::new(), lives: 0, calls: 0, reports: 0 }
    }

    /// Started, and registered with the leader `m1`.
    pub fn new() -> Self {
        let mut world = Self::unstarted();
        world.step(Input::Started);
        world.step(Input::ContainersRecovered { result: Ok(()) });
        world.register();
        world
    }

    #[track_caller]
    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        let shown = format!("{input:?}");
        self.state.step(self.now, input, &mut out);
        for effect in &out {
            if let Effect::Persist(record) = effect {
                self.log.push(record.clone());
            }
        }
        if let Err(broken) = self.state.check() {
            panic!("{broken}\nafter {shown}\ngiving {out:#?}");
        }
        let replayed: Checkpoint = self.log.iter().cloned().collect();
        assert_eq!(&replayed, self.state.checkpoint(), "what is on disk differs after {shown}");
        out
    }

    /// The process is killed and started again; `boot_id` is the kernel's.
    pub fn restart(&mut self, boot_id: &str) -> Vec<Effect> {
        self.lives += 1;
        let checkpoint: Checkpoint = self.log.iter().cloned().collect();
        self.state = State::new(settings(boot_id, self.lives), checkpoint);
        self.step(Input::Started)
    }

    pub fn wait(&mut self, timer: Timer, effects: &[Effect]) -> Vec<Effect> {
        self.now = *find!(effects, Effect::SetTimer { timer: t, at } if *t == timer => at);
        self.fire(timer)
    }

    pub fn fire(&mut self, timer: Timer) -> Vec<Effect> {
        self.step(Input::TimerFired(timer))
    }

    pub fn next_call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    // --- the master ---

    pub fn register(&mut self) -> Vec<Effect> {
        let effects = self.step(Input::LeaderFound(leader("m1", EPOCH.0)));
        let attempt = find!(effects, Effect::Register { message, .. } => message.attempt);
        self.registered(attempt, EPOCH, GENERATION)
    }

    pub fn registered(
        &mut self,
        attempt: u64,
        epoch: Epoch,
        generation: Generation,
    ) -> Vec<Effect> {
        let answer =
            AgentRegistered { agent_id: "S1".into(), epoch, generation, ping_timeout_ms: 15_000 };
        self.step(Input::RegistrationAnswered { attempt, result: Ok(answer) })
    }

    pub fn run_tasks(&self, tasks: Vec<TaskInfo>) -> RunTasks {
        RunTasks {
            epoch: EPOCH,
            generation: GENERATION,
            framework: framework("f"),
            role: "*".into(),
            tasks,
        }
    }

    pub fn run(&mut self, tasks: Vec<TaskInfo>) -> Vec<Effect> {
        let message = self.run_tasks(tasks);
        self.step(Input::RunTasks(message))
    }

    pub fn kill(&mut self, task: &str, grace_ms: Option<u64>) -> Vec<Effect> {
        self.step(Input::KillAgentTask(KillAgentTask {
            epoch: EPOCH,
            framework_id: "f".into(),
            task_id: task.into(),
            kill_policy: grace_ms.map(|ms| KillPolicy { grace_ms: Some(ms) }),
        }))
    }

    // --- the isolator ---

    pub fn launched(&mut self, container_id: &ContainerId) -> Vec<Effect> {
        let result = Ok(ContainerLaunched { pid: 100 });
        self.step(Input::LaunchAnswered { container_id: container_id.clone(), result })
    }

    pub fn exited(
        &mut self,
        container_id: &ContainerId,
        termination: Termination,
        limitation: Option<Limitation>,
    ) -> Vec<Effect> {
        let container_id = container_id.clone();
        let termination = Some(termination);
        self.step(Input::ContainerExited(ContainerExited { container_id, termination, limitation }))
    }

    // --- executors ---

    pub fn executor_address() -> Address {
        "executor@a1:40000".parse().unwrap()
    }

    pub fn executor_registers(
        &mut self,
        container_id: &ContainerId,
        executor: &str,
        tasks: &[&str],
        unconfirmed: Vec<TaskStatus>,
    ) -> Vec<Effect> {
        let message = RegisterExecutor {
            framework_id: "f".into(),
            executor_id: executor.into(),
            container_id: container_id.clone(),
            executor: None,
            tasks: tasks.iter().map(|task| (*task).into()).collect(),
            unconfirmed,
        };
        let (call, sender) = (self.next_call(), Self::executor_address());
        self.step(Input::RegisterExecutor { call, sender, message })
    }

    pub fn status(&mut self, task: &str, state: TaskState) -> TaskStatus {
        self.reports += 1;
        let mut status = TaskStatus::new(task.into(), state, Source::Executor, self.now);
        status.update_id = Some(format!("e{}", self.reports).into());
        if state == TaskState::Failed {
            status.termination = Some(Termination::Signaled(9));
        }
        status
    }

    pub fn report_status(&mut self, executor: &str, status: TaskStatus) -> Vec<Effect> {
        let message =
            ReportStatus { framework_id: "f".into(), executor_id: executor.into(), status };
        let call = self.next_call();
        self.step(Input::ReportStatus { call, message })
    }

    /// A command executor reports, and `updates` has it on disk.
    pub fn report(&mut self, task: &str, state: TaskState) -> Vec<Effect> {
        let status = self.status(task, state);
        let mut effects = self.report_status(task, status);
        if has!(effects, Effect::Queue(_)) {
            effects.extend(self.safe(task));
        }
        effects
    }

    // --- updates ---

    /// The next status of the task that `updates` was asked to keep is safe.
    pub fn safe(&mut self, task: &str) -> Vec<Effect> {
        let update_id = self.last_update(task);
        self.step(Input::UpdateQueued { key: key(task), update_id, result: Ok(()) })
    }

    pub fn last_update(&self, task: &str) -> UpdateId {
        let task = self.state.checkpoint().tasks.get(&key(task)).expect("no such task");
        task.status.as_ref().and_then(|s| s.update_id.clone()).expect("no status")
    }

    pub fn acknowledged(&mut self, task: &str) -> Vec<Effect> {
        let update_id = self.last_update(task);
        let message = UpdateAcknowledged {
            framework_id: "f".into(),
            task_id: task.into(),
            update_id,
            generation: None,
        };
        let mut effects = self.step(Input::UpdateAcknowledged(message));
        assert!(has!(effects, Effect::Confirm(_)));
        let result = Ok(UpdateConfirmed { task_done: true });
        effects.extend(self.step(Input::UpdateConfirmed { key: key(task), result }));
        effects
    }

    // --- shortcuts ---

    /// A command task in a container whose process runs.
    pub fn up(&mut self, task: &str) -> ContainerId {
        let effects = self.run(vec![command_task(task)]);
        let container_id = launch(&effects).container_id.clone();
        self.launched(&container_id);
        container_id
    }

    /// A command task that its executor has, and has started.
    pub fn running(&mut self, task: &str) -> ContainerId {
        let container_id = self.up(task);
        self.executor_registers(&container_id, task, &[], vec![]);
        self.report(task, TaskState::Running);
        container_id
    }

    pub fn executor_state(&self, container_id: &ContainerId) -> Option<ExecutorState> {
        self.state.executors().find(|(id, _)| *id == container_id).map(|(_, state)| state)
    }
}

pub fn launch(effects: &[Effect]) -> &LaunchContainer {
    find!(effects, Effect::Launch(message) => message)
}

/// What `updates` was asked to keep.
pub fn queued(effects: &[Effect]) -> &QueueUpdate {
    find!(effects, Effect::Queue(message) => message)
}

pub fn delivered(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::DeliverTask { message, .. } => Some(message.task.task_id.to_string()),
            _ => None,
        })
        .collect()
}

pub fn kills(effects: &[Effect]) -> Vec<Option<u64>> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::ToExecutor { message: ToExecutor::Kill(kill), .. } => {
                Some(kill.kill_policy.and_then(|policy| policy.grace_ms))
            }
            _ => None,
        })
        .collect()
}

/// Who was answered, and whether well.
pub fn answered(effects: &[Effect]) -> Vec<(u64, bool)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Reply { call, reply } => Some((call.0, !matches!(reply, Reply::Refused(_)))),
            _ => None,
        })
        .collect()
}
