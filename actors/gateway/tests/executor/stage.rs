//! A host with the real `agent` and `updates` behind the agent's edge, and stand-ins for the master
//! and for the isolator, which makes no processes: the tests are the executors.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use agent::{Agent, AgentConfig, Machine};
use gateway::{AgentEdge, Gateway};
use protocol::agent::{ContainerExited, DeliverMessage, KillAgentTask, RunTasks};
use protocol::agents::{AgentRegistered, Pong, RegisterAgent};
use protocol::elector::{GetLeader, Leader, Leadership};
use protocol::frameworks::{ExecutorExited, ForwardUpdate, MessageFromExecutor};
use protocol::isolator::{
    ContainerLaunched, DestroyContainer, LaunchContainer, RecoverContainers, UpdateContainer,
};
use protocol::task::{ExecutorInfo, KillPolicy, TaskInfo, TaskState, TaskStatus, Termination};
use protocol::{Address, Blob, ContainerId, Epoch, Generation, Message, Resources};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use serde_json::json;
use updates::{Updates, UpdatesConfig};

use crate::client::Client;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
const EPOCH: Epoch = Epoch(1);

/// What the stand-ins have seen.
#[derive(Default)]
pub(crate) struct Seen {
    registrations: u64,
    pub(crate) updates: Vec<TaskStatus>,
    pub(crate) messages: Vec<Blob>,
    pub(crate) exits: Vec<ExecutorExited>,
    pub(crate) launches: Vec<LaunchContainer>,
    pub(crate) resizes: Vec<Resources>,
    pub(crate) containers: BTreeSet<ContainerId>,
}

type Shared = Arc<Mutex<Seen>>;

/// The master and the isolator, each under its names.
struct StandIn(Shared);

impl StandIn {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }
}

impl Actor for StandIn {
    const ABOUT: &'static str = "what an agent works with, for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetLeader>().on::<RegisterAgent>().on::<Pong>();
        handlers.on::<ForwardUpdate>().on::<MessageFromExecutor>().on::<ExecutorExited>();
        handlers.on::<LaunchContainer>().on::<UpdateContainer>();
        handlers.on::<DestroyContainer>().on::<RecoverContainers>();
    }
}

macro_rules! stand_in {
    ($($message:ident => |$this:ident, $it:ident, $ctx:ident| $answer:expr),+ $(,)?) => {$(
        impl Handler<$message> for StandIn {
            fn handle(
                &mut self,
                $it: $message,
                $ctx: &mut Context<Self>,
            ) -> Outcome<<$message as Message>::Reply> {
                let $this = self;
                Outcome::Reply($answer)
            }
        }
    )+};
}

stand_in! {
    GetLeader => |_this, _it, ctx| {
        let host = ctx.host().addr().clone();
        let leader = Some(Leader { host, http: "127.0.0.1:0".into(), epoch: EPOCH });
        Leadership { leader, leading: true }
    },
    RegisterAgent => |this, _it, _ctx| {
        this.seen().registrations += 1;
        let generation = Generation(this.seen().registrations);
        let agent_id = "S1".into();
        AgentRegistered { agent_id, epoch: EPOCH, generation, ping_timeout_ms: 60_000 }
    },
    Pong => |_this, _it, _ctx| {},
    ForwardUpdate => |this, it, _ctx| this.seen().updates.push(it.status),
    MessageFromExecutor => |this, it, _ctx| this.seen().messages.push(it.data),
    ExecutorExited => |this, it, _ctx| this.seen().exits.push(it),
    LaunchContainer => |this, it, _ctx| {
        this.seen().containers.insert(it.container_id.clone());
        this.seen().launches.push(it);
        ContainerLaunched { pid: 1 }
    },
    UpdateContainer => |this, it, _ctx| this.seen().resizes.push(it.resources),
    DestroyContainer => |this, it, ctx| {
        let container_id = it.container_id;
        if this.seen().containers.remove(&container_id) {
            let agent = ctx.local(agent::NAME);
            let termination = Some(Termination::Signaled(9));
            ctx.tell(&agent, ContainerExited { container_id, termination, limitation: None });
        }
    },
    RecoverContainers => |_this, _it, _ctx| {},
}

/// What a framework is like here.
#[derive(Clone, Copy)]
pub(crate) struct Framework {
    pub(crate) checkpoint: bool,
}

pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) seen: Shared,
    gateway: Gateway,
    config: AgentConfig,
    framework: Framework,
    _work_dir: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Framework { checkpoint: false }, |_| {}).await
    }

    /// With everything on it and the agent registered.
    pub(crate) async fn with(framework: Framework, tune: impl FnOnce(&mut AgentConfig)) -> Self {
        let listen = Some(([127, 0, 0, 1], 0).into());
        let host = Host::start(HostConfig { cluster: "test".into(), listen, advertise: None });
        let host = host.await.unwrap();
        let work_dir = tempfile::tempdir().unwrap();
        let mut config = AgentConfig {
            masters: vec![host.addr().clone()],
            work_dir: work_dir.path().to_owned(),
            executor: Some("/bin/true".into()),
            switch_user: false,
            ..AgentConfig::default()
        };
        tune(&mut config);
        let seen = Shared::default();
        for name in ["elector", "agents", "frameworks", "isolator"] {
            let seen = Arc::clone(&seen);
            let actor = move || StandIn(Arc::clone(&seen));
            host.spawn(name, SpawnOptions::default(), actor).unwrap();
        }
        let dir = work_dir.path().to_owned();
        let updates = move || Updates::new(UpdatesConfig::default(), &dir);
        host.spawn(updates::NAME, Updates::spawn_options(), updates).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let secret = config.executor_secret().unwrap();
        let edge = AgentEdge::new(config.executor_heartbeat()).with_tokens(secret);
        let gateway = Gateway::start(&host, listener, edge).unwrap();
        let stage = Self { host, seen, gateway, config, framework, _work_dir: work_dir };
        stage.start_agent().await;
        stage
    }

    /// Starts the agent, or starts it again.
    pub(crate) async fn start_agent(&self) {
        self.host.stop_actor(agent::NAME).await;
        let before = self.seen.lock().unwrap().registrations;
        let machine = Machine {
            hostname: "h".into(),
            boot_id: "boot".into(),
            resources: Resources::parse("cpus=4;mem=1024").unwrap(),
            http: self.gateway.address().to_string(),
        };
        let config = self.config.clone();
        let secret = config.executor_secret().unwrap();
        let agent = move || Agent::new(config.clone(), machine.clone()).with_tokens(secret.clone());
        self.host.spawn(agent::NAME, Agent::spawn_options(), agent).unwrap();
        self.until("the agent is registered", |seen| seen.registrations > before).await;
    }

    pub(crate) fn agent(&self) -> Address {
        self.host.address_of(agent::NAME)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.gateway.address())
    }

    /// Ends the edge, as at the end of an agent.
    pub(crate) async fn stop_edge(self) {
        self.gateway.stop().await;
    }

    /// Tells the agent to run these tasks in executor `e` of framework `f`, and waits for the
    /// container of the first.
    pub(crate) async fn run(&self, tasks: &[&str]) {
        let generation = Generation(self.seen.lock().unwrap().registrations);
        let framework = json!({
            "user": "u", "name": "n", "id": "f", "roles": ["*"],
            "checkpoint": self.framework.checkpoint, "capabilities": ["PARTITION_AWARE"],
        });
        let message = RunTasks {
            epoch: EPOCH,
            generation,
            framework: serde_json::from_value(framework).unwrap(),
            role: "*".into(),
            tasks: tasks.iter().map(|id| task(id)).collect(),
        };
        self.host.tell(&self.agent(), message);
        self.until("the container is there", |seen| !seen.launches.is_empty()).await;
    }

    pub(crate) fn kill(&self, task: &str, grace_ms: u64) {
        let kill_policy = Some(KillPolicy { grace_ms: Some(grace_ms) });
        let (framework_id, task_id) = ("f".into(), task.into());
        let message = KillAgentTask { epoch: EPOCH, framework_id, task_id, kill_policy };
        self.host.tell(&self.agent(), message);
    }

    pub(crate) fn send(&self, data: &[u8]) {
        let (framework_id, executor_id) = ("f".into(), "e".into());
        let message = DeliverMessage { framework_id, executor_id, data: Blob(data.to_vec()) };
        self.host.tell(&self.agent(), message);
    }

    /// The executor's process ends.
    pub(crate) fn exit(&self, code: i32) {
        let container_id = self.seen.lock().unwrap().launches[0].container_id.clone();
        let termination = Some(Termination::Exited(code));
        let message = ContainerExited { container_id, termination, limitation: None };
        self.host.tell(&self.agent(), message);
    }

    /// Waits until what was seen is as wished.
    pub(crate) async fn until(&self, what: &str, wish: impl Fn(&Seen) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !wish(&self.seen.lock().unwrap()) {
            let updates = || format!("{:#?}", self.seen.lock().unwrap().updates);
            assert!(tokio::time::Instant::now() < deadline, "not until {what}: {}", updates());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until the master has heard of this state, and returns the report.
    pub(crate) async fn until_state(&self, task: &str, state: TaskState) -> TaskStatus {
        let is = |status: &&TaskStatus| status.task_id.as_str() == task && status.state == state;
        let what = format!("{task} is {state}");
        self.until(&what, |seen| seen.updates.iter().any(|status| is(&status))).await;
        self.seen.lock().unwrap().updates.iter().find(is).unwrap().clone()
    }
}

fn task(id: &str) -> TaskInfo {
    let executor = json!({
        "executor_id": "e", "kind": "custom", "name": "the executor", "shutdown_grace_ms": 200,
        "command": { "value": "./run", "shell": false, "arguments": ["run"] },
    });
    let task = json!({
        "task_id": id, "name": "a täsk", "agent_id": "S1", "resources": [], "executor": executor,
    });
    let mut task: TaskInfo = serde_json::from_value(task).unwrap();
    task.resources = Resources::parse("cpus=0.5;mem=64").unwrap();
    let executor: &mut ExecutorInfo = task.executor.as_mut().unwrap();
    executor.resources = Resources::parse("cpus=0.1;mem=32").unwrap();
    task
}
