//! A stage for the agent: one host with the real `agent` and `updates`, and stand-ins for the
//! master's actors, the isolator, and executors.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test helper")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::{Agent, AgentConfig, Machine};
use protocol::agent::{
    ContainerExited, RegisterExecutor, ReportStatus, RunTasks, UpdateAcknowledged,
};
use protocol::agents::{AgentRegistered, Pong, RegisterAgent, UnregisterAgent};
use protocol::elector::{GetLeader, Leader, Leadership};
use protocol::executor::{KillExecutorTask, LaunchTask, ShutdownThisExecutor};
use protocol::frameworks::ForwardUpdate;
use protocol::isolator::{
    ContainerLaunched, DestroyContainer, LaunchContainer, Limitation, RecoverContainers,
};
use protocol::runtime::Exited;
use protocol::task::{Reason, Source, TaskInfo, TaskState, TaskStatus, Termination};
use protocol::{Address, ContainerId, Epoch, Generation, Resources, TaskId};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use serde_json::json;
use updates::{Updates, UpdatesConfig};

pub const PATIENCE: Duration = Duration::from_secs(10);
const EPOCH: Epoch = Epoch(1);

// --- the master -------------------------------------------------------------------------------

struct Elector;

impl Actor for Elector {
    const ABOUT: &'static str = "this host leads";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetLeader>();
    }
}

impl Handler<GetLeader> for Elector {
    fn handle(&mut self, _: GetLeader, ctx: &mut Context<Self>) -> Outcome<Leadership> {
        let host = ctx.host().addr().clone();
        let leader = Some(Leader { host, http: "127.0.0.1:0".into(), epoch: EPOCH });
        Outcome::Reply(Leadership { leader, leading: true })
    }
}

/// What the stand-ins have seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub registrations: Vec<RegisterAgent>,
    pub updates: Vec<TaskStatus>,
    pub goodbyes: usize,
    pub recovered: Vec<RecoverContainers>,
    pub launches: Vec<LaunchContainer>,
    /// Containers that are there.
    pub containers: BTreeMap<ContainerId, Address>,
}

pub type Shared = Arc<Mutex<Seen>>;

struct Agents(Shared);

impl Actor for Agents {
    const ABOUT: &'static str = "registers whoever asks";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<RegisterAgent>().on::<UnregisterAgent>().on::<Pong>();
    }
}

impl Handler<RegisterAgent> for Agents {
    fn handle(
        &mut self,
        message: RegisterAgent,
        _: &mut Context<Self>,
    ) -> Outcome<AgentRegistered> {
        let mut seen = self.0.lock().unwrap();
        seen.registrations.push(message);
        Outcome::Reply(AgentRegistered {
            agent_id: "S1".into(),
            epoch: EPOCH,
            generation: Generation(seen.registrations.len() as u64),
            ping_timeout_ms: 60_000,
        })
    }
}

impl Handler<UnregisterAgent> for Agents {
    fn handle(&mut self, _: UnregisterAgent, _: &mut Context<Self>) -> Outcome<()> {
        self.0.lock().unwrap().goodbyes += 1;
        Outcome::Reply(())
    }
}

impl Handler<Pong> for Agents {
    fn handle(&mut self, _: Pong, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

/// Acknowledges every update.
struct Frameworks(Shared);

impl Actor for Frameworks {
    const ABOUT: &'static str = "acknowledges every update";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<ForwardUpdate>();
    }
}

impl Handler<ForwardUpdate> for Frameworks {
    fn handle(&mut self, message: ForwardUpdate, ctx: &mut Context<Self>) -> Outcome<()> {
        let ForwardUpdate { framework_id, status, .. } = message;
        if let Some(update_id) = status.update_id.clone() {
            let task_id = status.task_id.clone();
            let agent = ctx.local("agent");
            ctx.tell(
                &agent,
                UpdateAcknowledged { framework_id, task_id, update_id, generation: None },
            );
        }
        self.0.lock().unwrap().updates.push(status);
        Outcome::Reply(())
    }
}

// --- the machine ------------------------------------------------------------------------------

/// Makes no containers, and starts a stand-in for the executor of each.
struct Isolator(Shared);

impl Actor for Isolator {
    const ABOUT: &'static str = "makes no containers";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<LaunchContainer>().on::<DestroyContainer>().on::<RecoverContainers>();
    }
}

impl Handler<LaunchContainer> for Isolator {
    fn handle(
        &mut self,
        message: LaunchContainer,
        ctx: &mut Context<Self>,
    ) -> Outcome<ContainerLaunched> {
        std::fs::create_dir_all(&message.sandbox).unwrap();
        std::fs::write(Path::new(&message.sandbox).join("stdout"), "hi\n").unwrap();
        self.0.lock().unwrap().launches.push(message.clone());
        let container_id = message.container_id.clone();
        let name = format!("executor/{container_id}");
        let executor = ctx
            .host()
            .spawn(&name, SpawnOptions::default(), move || Executor { launch: message.clone() })
            .unwrap();
        self.0.lock().unwrap().containers.insert(container_id, executor);
        Outcome::Reply(ContainerLaunched { pid: 1 })
    }
}

impl Handler<DestroyContainer> for Isolator {
    fn handle(&mut self, message: DestroyContainer, ctx: &mut Context<Self>) -> Outcome<()> {
        let container_id = message.container_id;
        let Some(executor) = self.0.lock().unwrap().containers.remove(&container_id) else {
            return Outcome::Reply(());
        };
        let over = container_id.as_str().contains("oom");
        let limitation = over.then(|| Limitation {
            reason: Reason::ContainerLimitationMemory,
            message: "too much".into(),
        });
        let (host, agent) = (ctx.host().clone(), ctx.local("agent"));
        let stopping = async move { host.stop_actor(executor.name()).await };
        ctx.run(stopping, move |_, (), ctx| {
            let termination = Some(Termination::Signaled(9));
            ctx.tell(&agent, ContainerExited { container_id, termination, limitation });
        });
        Outcome::Reply(())
    }
}

impl Handler<RecoverContainers> for Isolator {
    fn handle(&mut self, message: RecoverContainers, _: &mut Context<Self>) -> Outcome<()> {
        self.0.lock().unwrap().recovered.push(message);
        Outcome::Reply(())
    }
}

/// Runs tasks by saying so: `exit` has finished at once, `oom` has failed, anything else runs on.
struct Executor {
    launch: LaunchContainer,
}

impl Executor {
    fn register(&self, ctx: &mut Context<Self>) {
        let agent: Address = self.launch.process.environment["MESETA_AGENT"].parse().unwrap();
        let message = RegisterExecutor {
            framework_id: self.launch.framework_id.clone(),
            executor_id: self.launch.executor_id.clone(),
            container_id: self.launch.container_id.clone(),
            executor: None,
            tasks: vec![self.launch.executor_id.as_str().into()],
            unconfirmed: Vec::new(),
        };
        ctx.ask(&agent, message, PATIENCE, |_, result, ctx| match result {
            Ok(_) => {
                let agent = ctx.local("agent");
                ctx.link(&agent);
            }
            Err(_) => ctx.set_timer((), Duration::from_millis(20)),
        });
    }

    fn report(&self, task_id: &TaskId, state: TaskState, ctx: &mut Context<Self>) {
        let now = ctx.now();
        let mut status = TaskStatus::new(task_id.clone(), state, Source::Executor, now);
        status.update_id = Some(format!("{task_id}-{state}").into());
        let message = ReportStatus {
            framework_id: self.launch.framework_id.clone(),
            executor_id: self.launch.executor_id.clone(),
            status,
        };
        let agent = ctx.local("agent");
        ctx.ask(&agent, message, PATIENCE, |_, _, _| {});
    }
}

impl Actor for Executor {
    const ABOUT: &'static str = "pretends to run tasks";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<LaunchTask>().on::<KillExecutorTask>().on::<ShutdownThisExecutor>();
    }
    fn started(&mut self, ctx: &mut Context<Self>) {
        self.register(ctx);
    }
    fn timer(&mut self, (): (), ctx: &mut Context<Self>) {
        self.register(ctx);
    }
    fn exited(&mut self, _: Exited, ctx: &mut Context<Self>) {
        self.register(ctx);
    }
}

impl Handler<LaunchTask> for Executor {
    fn handle(&mut self, message: LaunchTask, ctx: &mut Context<Self>) -> Outcome<()> {
        let task_id = message.task.task_id;
        self.report(&task_id, TaskState::Running, ctx);
        match message.task.command.and_then(|command| command.value).as_deref() {
            Some("exit") => self.report(&task_id, TaskState::Finished, ctx),
            Some("oom") => self.report(&task_id, TaskState::Failed, ctx),
            _ => {}
        }
        Outcome::Reply(())
    }
}

impl Handler<KillExecutorTask> for Executor {
    fn handle(&mut self, message: KillExecutorTask, ctx: &mut Context<Self>) -> Outcome<()> {
        self.report(&message.task_id, TaskState::Killed, ctx);
        Outcome::Reply(())
    }
}

impl Handler<ShutdownThisExecutor> for Executor {
    fn handle(&mut self, _: ShutdownThisExecutor, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

// --- the stage --------------------------------------------------------------------------------

pub struct Stage {
    pub host: Host,
    pub seen: Shared,
    pub work_dir: tempfile::TempDir,
    secret_file: Option<PathBuf>,
}

impl Stage {
    /// With everything on it and the agent registered.
    pub async fn new() -> Self {
        Self::with_secret(None).await
    }

    /// The same, where executors get tokens that are signed with what is in this file.
    pub async fn with_secret(secret_file: Option<PathBuf>) -> Self {
        let config = HostConfig {
            cluster: "test".into(),
            listen: Some(([127, 0, 0, 1], 0).into()),
            advertise: None,
        };
        let host = Host::start(config).await.unwrap();
        let work_dir = tempfile::tempdir().unwrap();
        let stage = Self { host, seen: Shared::default(), work_dir, secret_file };
        let spawn = SpawnOptions::default;
        let seen = || Arc::clone(&stage.seen);
        let (agents, frameworks, isolator) = (seen(), seen(), seen());
        stage.host.spawn("elector", spawn(), || Elector).unwrap();
        stage.host.spawn("agents", spawn(), move || Agents(Arc::clone(&agents))).unwrap();
        let factory = move || Frameworks(Arc::clone(&frameworks));
        stage.host.spawn("frameworks", spawn(), factory).unwrap();
        stage.host.spawn("isolator", spawn(), move || Isolator(Arc::clone(&isolator))).unwrap();
        stage.start_updates();
        stage.start_agent();
        stage.until("the agent is registered", |seen| !seen.registrations.is_empty()).await;
        stage
    }

    pub fn start_updates(&self) {
        let work_dir = self.work_dir.path().to_owned();
        let factory = move || Updates::new(UpdatesConfig::default(), &work_dir);
        self.host.spawn(updates::NAME, Updates::spawn_options(), factory).unwrap();
    }

    pub fn start_agent(&self) {
        let config = AgentConfig {
            masters: vec![self.host.addr().clone()],
            work_dir: self.work_dir.path().to_owned(),
            executor: Some("/bin/true".into()),
            switch_user: false,
            executor_secret_file: self.secret_file.clone(),
            ..AgentConfig::default()
        };
        let machine = Machine {
            hostname: "h".into(),
            boot_id: "boot".into(),
            resources: Resources::parse("cpus=4;mem=1024").unwrap(),
            http: "127.0.0.1:0".into(),
        };
        let secret = config.executor_secret().unwrap();
        let factory =
            move || Agent::new(config.clone(), machine.clone()).with_tokens(secret.clone());
        self.host.spawn(agent::NAME, Agent::spawn_options(), factory).unwrap();
    }

    pub fn agent(&self) -> Address {
        self.host.address_of(agent::NAME)
    }

    /// Tells the agent to run command tasks, each with the command of its pair.
    pub fn run(&self, tasks: &[(&str, &str)]) {
        let task = |(id, command): &(&str, &str)| TaskInfo {
            resources: Resources::parse("cpus=0.1;mem=32").unwrap(),
            ..serde_json::from_value(json!({
                "task_id": id, "agent_id": "S1", "resources": [], "command": { "value": command },
            }))
            .unwrap()
        };
        self.run_all(tasks.iter().map(task).collect());
    }

    /// Tells the agent to run a task in an executor of the framework's own.
    pub fn run_in(&self, executor: &str, id: &str) {
        let task = json!({
            "task_id": id, "agent_id": "S1", "resources": [],
            "executor": {
                "executor_id": executor, "kind": "custom", "resources": [],
                "command": {
                    "value": "./run",
                    "environment": { "MINE": "1", "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "forged" },
                },
            },
        });
        let task: TaskInfo = serde_json::from_value(task).unwrap();
        let resources = Resources::parse("cpus=0.1;mem=32").unwrap();
        self.run_all(vec![TaskInfo { resources, ..task }]);
    }

    fn run_all(&self, tasks: Vec<TaskInfo>) {
        let generation = Generation(self.seen.lock().unwrap().registrations.len() as u64);
        let framework = json!({ "user": "", "name": "f", "id": "f" });
        let message = RunTasks {
            epoch: EPOCH,
            generation,
            framework: serde_json::from_value(framework).unwrap(),
            role: "*".into(),
            tasks,
        };
        self.host.tell(&self.agent(), message);
    }

    /// Waits until what was seen is as wished.
    pub async fn until(&self, what: &str, wish: impl Fn(&Seen) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !wish(&self.seen.lock().unwrap()) {
            let seen = || format!("{:#?}", self.seen.lock().unwrap());
            assert!(tokio::time::Instant::now() < deadline, "not until {what}: {}", seen());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn until_state(&self, task: &str, state: TaskState) {
        let is = |status: &TaskStatus| status.task_id.as_str() == task && status.state == state;
        self.until(&format!("{task} is {state}"), |seen| seen.updates.iter().any(is)).await;
    }
}
