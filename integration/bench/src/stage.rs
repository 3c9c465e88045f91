//! A leading master without a store or machines: its `agents`, `frameworks`, `allocator` and gateway
//! are real; who leads and what is durable is played, and one actor answers for every agent.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, bail};
use gateway::{Gateway, MasterEdge};
use protocol::agent::Ping;
use protocol::agents::{Pong, RegisterAgent};
use protocol::elector::{GetLeader, LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::id::{Epoch, Incarnation};
use protocol::registrar::{ApplyOperations, GetRegistry, Registry, RegistrySnapshot};
use protocol::task::{Source, Task, TaskState, TaskStatus};
use protocol::{Address, AgentId, Resources, Time};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};

const EPOCH: Epoch = Epoch(1);
/// For one answer of an actor that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Registrations on their way at a time.
const AT_ONCE: usize = 200;

/// A leading master.
pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) gateway: Gateway,
}

impl Stage {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listen = Some("127.0.0.1:0".parse()?);
        let config = HostConfig { cluster: "bench".into(), listen, advertise: None };
        let host = Host::start(config).await?;
        events::spawn(&host)?;
        allocator::spawn(&host, allocator::Options::default())?;
        let options = SpawnOptions::default();
        host.spawn("registrar", options, || Registrar)?;
        let agents = agents::Config::default();
        host.spawn("agents", agents::Agents::spawn_options(), move || {
            agents::Agents::new(&agents)
        })?;
        let manager = || frameworks::Frameworks::new(&frameworks::Config::default());
        host.spawn("frameworks", frameworks::Frameworks::spawn_options(), manager)?;
        host.spawn("agent", SpawnOptions { capacity: 1 << 17, ..options }, || Machines)?;
        host.spawn("elector", options, || Elector)?;
        let gateway = Gateway::start(&host, TcpListener::bind("127.0.0.1:0")?, MasterEdge)?;
        Ok(Self { host, gateway })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    /// So many agents register, with so many running tasks each, of a few frameworks.
    pub(crate) async fn fill(&self, agents: usize, tasks_each: usize) -> anyhow::Result<()> {
        for first in (0..agents).step_by(AT_ONCE) {
            let batch = first..agents.min(first + AT_ONCE);
            let registrations = batch.map(|n| self.register(n, tasks_each));
            futures_util::future::try_join_all(registrations).await?;
        }
        Ok(())
    }

    async fn register(&self, n: usize, tasks: usize) -> anyhow::Result<()> {
        let to = self.host.address_of("agents");
        // Until it leads it refuses, which is a matter of milliseconds.
        for _ in 0..1000 {
            let message = registration(n, tasks, &self.host);
            match self.host.ask(&to, message, PATIENCE).await {
                Ok(_) => return Ok(()),
                Err(failure) if failure.kind == protocol::FailureKind::NotLeader => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(failure) => return Err(failure).context("an agent is not registered"),
            }
        }
        bail!("the agents manager does not lead")
    }

    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
        self.host.shutdown().await;
    }
}

/// Frameworks that tasks are spread over.
const FRAMEWORKS: usize = 20;

fn registration(n: usize, tasks: usize, host: &Host) -> RegisterAgent {
    let agent_id = AgentId::from(format!("agent-{n:06}"));
    let framework = |f: usize| FrameworkInfo {
        id: Some(format!("framework-{f:02}").into()),
        // They do not come back, and stay.
        failover_timeout_ms: 3_600_000,
        ..FrameworkInfo::new("root", format!("framework {f}"))
    };
    RegisterAgent {
        agent_id: Some(agent_id.clone()),
        incarnation: Incarnation(1),
        attempt: 1,
        info: AgentInfo {
            hostname: format!("node-{n:06}.example.com"),
            host: host.addr().clone(),
            http: "127.0.0.1:5051".into(),
            resources: bag("cpus=24;mem=65536;disk=400000;ports=[31000-32000]"),
            attributes: Default::default(),
            domain: None,
            boot_id: "boot".into(),
            version: "0".into(),
        },
        tasks: (0..tasks).map(|t| task(&agent_id, n, t)).collect(),
        frameworks: (0..FRAMEWORKS).map(framework).collect(),
        executors: vec![],
    }
}

fn task(agent_id: &AgentId, n: usize, t: usize) -> Task {
    let id = format!("service-{t:02}.instance-{n:06}");
    let mut status =
        TaskStatus::new(id.as_str().into(), TaskState::Running, Source::Executor, Time(1));
    status.agent_id = Some(agent_id.clone());
    status.container_id = Some(format!("container-{n:06}-{t:02}").into());
    Task {
        task_id: id.as_str().into(),
        framework_id: format!("framework-{:02}", (n + t) % FRAMEWORKS).into(),
        agent_id: agent_id.clone(),
        executor_id: id.as_str().into(),
        name: format!("service-{t:02}"),
        role: "*".into(),
        resources: bag("cpus=0.5;mem=512"),
        labels: vec![],
        state: TaskState::Running,
        status: Some(status),
    }
}

fn bag(text: &str) -> Resources {
    Resources::parse(text).expect("a constant that parses")
}

fn leadership(host: &Host) -> Leadership {
    let leader = Leader { host: host.addr().clone(), http: "127.0.0.1:5050".into(), epoch: EPOCH };
    Leadership { leader: Some(leader), leading: true }
}

/// This host leads.
struct Elector;

impl Actor for Elector {
    const ABOUT: &'static str = "this host leads";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetLeader>();
    }

    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        if topic == LEADER_TOPIC {
            let leadership = leadership(ctx.host());
            ctx.tell(subscriber, LeaderChanged { leadership });
        }
    }
}

impl Handler<GetLeader> for Elector {
    fn handle(&mut self, _: GetLeader, ctx: &mut Context<Self>) -> Outcome<Leadership> {
        Outcome::Reply(leadership(ctx.host()))
    }
}

/// A registry that keeps nothing, at once.
struct Registrar;

impl Actor for Registrar {
    const ABOUT: &'static str = "keeps nothing";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetRegistry>().on::<ApplyOperations>();
    }
}

impl Handler<GetRegistry> for Registrar {
    fn handle(&mut self, _: GetRegistry, _: &mut Context<Self>) -> Outcome<RegistrySnapshot> {
        Outcome::Reply(RegistrySnapshot { epoch: EPOCH, registry: Registry::default() })
    }
}

impl Handler<ApplyOperations> for Registrar {
    fn handle(&mut self, _: ApplyOperations, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

/// Answers the pings of every agent.
struct Machines;

impl Actor for Machines {
    const ABOUT: &'static str = "every agent";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<Ping>();
    }
}

impl Handler<Ping> for Machines {
    fn handle(&mut self, ping: Ping, ctx: &mut Context<Self>) -> Outcome<()> {
        let Ping { agent_id, sequence, .. } = ping;
        let agents = ctx.local("agents");
        ctx.tell(&agents, Pong { agent_id, incarnation: Incarnation(1), sequence });
        Outcome::Reply(())
    }
}
