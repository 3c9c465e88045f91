//! A leading master without a store or machines: its `frameworks`, `allocator` and gateway are real;
//! who leads, what is durable and which agents there are is played. (The real agents manager would
//! dial every one of twenty thousand hosts.)

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use gateway::{Gateway, MasterEdge};
use protocol::agents::{AgentState, AgentSummary, AgentsView, ViewAgents};
use protocol::elector::{GetLeader, LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::frameworks::{AgentJoined, AgentsRecovered};
use protocol::id::{Epoch, Generation};
use protocol::registrar::{ApplyOperations, GetRegistry, Registry, RegistrySnapshot};
use protocol::shared::SharedList;
use protocol::task::{ExecutorKind, Source, Task, TaskState, TaskStatus};
use protocol::{Address, AgentId, Resources, Time};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};

const EPOCH: Epoch = Epoch(1);
/// For one answer of an actor that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Agents on their way at a time.
const AT_ONCE: usize = 200;

/// A leading master.
pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) gateway: Gateway,
}

impl Stage {
    /// With so many agents, of which each has so many running tasks of a few frameworks.
    pub(crate) async fn start(agents: usize, tasks_each: usize) -> anyhow::Result<Self> {
        let listen = Some("127.0.0.1:0".parse()?);
        let config = HostConfig { cluster: "bench".into(), listen, advertise: None };
        let host = Host::start(config).await?;
        events::spawn(&host)?;
        allocator::spawn(&host, allocator::Options::default())?;
        let options = SpawnOptions::default();
        host.spawn("registrar", options, || Registrar)?;
        let list: SharedList<AgentSummary> = (0..agents).map(|n| Arc::new(summary(n))).collect();
        host.spawn("agents", options, move || Agents { list: list.clone() })?;
        let manager = || frameworks::Frameworks::new(&frameworks::Config::default());
        host.spawn("frameworks", frameworks::Frameworks::spawn_options(), manager)?;
        host.spawn("elector", options, || Elector)?;
        let gateway = Gateway::start(&host, TcpListener::bind("127.0.0.1:0")?, MasterEdge)?;
        let stage = Self { host, gateway };
        stage.fill(agents, tasks_each).await?;
        Ok(stage)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    async fn fill(&self, agents: usize, tasks_each: usize) -> anyhow::Result<()> {
        self.introduce(&self.host.address_of("frameworks")).await?;
        self.join((0..agents).collect(), tasks_each, Generation(1)).await
    }

    /// These agents register, with tasks that are as they were and have to be looked at again.
    pub(crate) async fn join(
        &self,
        agents: Vec<usize>,
        tasks_each: usize,
        generation: Generation,
    ) -> anyhow::Result<()> {
        let to = self.host.address_of("frameworks");
        for batch in agents.chunks(AT_ONCE) {
            let message = |n: &usize| joined(*n, tasks_each, generation);
            let joins = batch.iter().map(|n| self.host.ask(&to, message(n), PATIENCE));
            futures_util::future::try_join_all(joins).await.context("an agent has not joined")?;
        }
        Ok(())
    }

    /// Until the frameworks manager leads it refuses, which is a matter of milliseconds.
    async fn introduce(&self, to: &Address) -> anyhow::Result<()> {
        for _ in 0..1000 {
            let message = AgentsRecovered { epoch: EPOCH, agents: vec![] };
            if self.host.ask(to, message, PATIENCE).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the frameworks manager does not lead")
    }

    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
        self.host.shutdown().await;
    }
}

/// Frameworks that tasks are spread over.
const FRAMEWORKS: usize = 20;

fn agent_id(n: usize) -> AgentId {
    AgentId::from(format!("agent-{n:06}"))
}

fn info(n: usize) -> AgentInfo {
    AgentInfo {
        hostname: format!("node-{n:06}.example.com"),
        host: protocol::HostAddr::parse("10.0.0.1:7051").expect("a constant that parses"),
        http: "10.0.0.1:5051".into(),
        resources: bag("cpus=24;mem=65536;disk=400000;ports=[31000-32000]"),
        attributes: Default::default(),
        domain: None,
        boot_id: "boot".into(),
        version: "0".into(),
    }
}

fn summary(n: usize) -> AgentSummary {
    AgentSummary {
        agent_id: agent_id(n),
        info: info(n),
        state: AgentState::Active,
        generation: Generation(1),
        registered: Some(Time(1)),
        last_pong: None,
    }
}

fn joined(n: usize, tasks: usize, generation: Generation) -> AgentJoined {
    let framework = |f: usize| FrameworkInfo {
        id: Some(format!("framework-{f:02}").into()),
        // They do not come back, and stay.
        failover_timeout_ms: 3_600_000,
        ..FrameworkInfo::new("root", format!("framework {f}"))
    };
    AgentJoined {
        agent_id: agent_id(n),
        generation,
        info: info(n),
        tasks: (0..tasks).map(|t| task(&agent_id(n), n, t)).collect(),
        executors: vec![],
        operations: vec![],
        frameworks: (0..FRAMEWORKS).map(framework).collect(),
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
        executor_kind: ExecutorKind::Command,
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

/// The agents, as the agents manager shows them.
struct Agents {
    list: SharedList<AgentSummary>,
}

impl Actor for Agents {
    const ABOUT: &'static str = "agents that are always there";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<ViewAgents>();
    }
}

impl Handler<ViewAgents> for Agents {
    fn handle(&mut self, _: ViewAgents, _: &mut Context<Self>) -> Outcome<AgentsView> {
        Outcome::Reply(AgentsView { agents: self.list.clone() })
    }
}
