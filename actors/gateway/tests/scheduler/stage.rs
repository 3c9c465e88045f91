//! A master without machines: its agents manager is a stand-in that runs every task at once.

use std::cell::Cell;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use frameworks::{Config, Frameworks};
use gateway::{About, Access, Gateway, MasterEdge};
use protocol::access::Acls;
use protocol::agents::{
    AgentsView, RouteAcknowledgement, RouteKill, RouteLaunch, RouteMessage, RouteOperation,
    RouteOperationAcknowledgement, RouteShutdownExecutor, RouteShutdownFramework,
    RouteUpdateFramework, SetDownMachines, ViewAgents,
};
use protocol::elector::Leadership;
use protocol::framework::{AgentInfo, Attribute, Domain, OperationState, OperationStatus};
use protocol::frameworks::{
    AgentJoined, AgentLeft, AgentLossCause, AgentsRecovered, ExecutorExited, ForwardOperation,
    ForwardUpdate, LaunchUndeliverable, MessageFromExecutor, RoleSettings,
};
use protocol::id::{Epoch, Generation};
use protocol::operation::OperationReport;
use protocol::registrar::{ApplyOperations, GetRegistry, Registry, RegistrySnapshot};
use protocol::resize::{ReportResize, RouteResize};
use protocol::task::{Reason, Source, Task, TaskState, TaskStatus};
use protocol::{AgentId, FrameworkId, Message, Resources, TaskId, Time, UpdateId};
use runtime::{
    Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, ReplyTo, SpawnOptions,
};

use crate::client::Client;
use crate::support::{Elector, SOON, leads};

/// What the election of [`leads`] says.
const EPOCH: Epoch = Epoch(4);
pub(crate) const AGENT: &str = "S1";
const RESOURCES: &str = "cpus=8;mem=8192;disk=10000;ports=[31000-31099]";
/// The task or operation that never reaches the agent.
pub(crate) const LOST: &str = "lost";
/// When agents become unreachable, as the registry has it.
const UNREACHABLE: Time = Time(1_500_000_000_000_000);
/// The uuid of every update of every task.
pub(crate) const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) gateway: Gateway,
    /// What the agents manager was told to do.
    pub(crate) routed: Arc<Mutex<Vec<String>>>,
    held: Held,
    registrations: Cell<u64>,
}

impl Stage {
    /// A leader with one agent.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[(AGENT, RESOURCES)]).await
    }

    /// A leader with these agents, each with what it has.
    pub(crate) async fn start_with(agents: &[(&str, &str)]) -> Self {
        let stage = Self::start_as(leads(true, "127.0.0.1:5050")).await;
        stage.introduce().await;
        for (agent, resources) in agents {
            stage.join(agent, resources, vec![]);
        }
        stage
    }

    /// The agent is back, in its second registration, with these tasks.
    pub(crate) fn rejoin(&self, tasks: Vec<Task>) {
        self.join(AGENT, RESOURCES, tasks);
    }

    /// A master of which this is known, before it hears of agents.
    pub(crate) async fn start_as(leadership: Leadership) -> Self {
        Self::start_guarded(leadership, Access::default(), Arc::default()).await
    }

    /// The same, where not everybody may do everything.
    pub(crate) async fn start_guarded(
        leadership: Leadership,
        access: Access,
        acls: Arc<Acls>,
    ) -> Self {
        let stage = Self::start_without_elector_as(access, acls).await;
        let elector = move || Elector::new(&leadership);
        stage.host.spawn("elector", SpawnOptions::default(), elector).unwrap();
        stage
    }

    pub(crate) async fn start_without_elector() -> Self {
        Self::start_without_elector_as(Access::default(), Arc::default()).await
    }

    async fn start_without_elector_as(access: Access, acls: Arc<Acls>) -> Self {
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let config = HostConfig { cluster: "test".into(), listen, advertise: None };
        let host = Host::start(config).await.unwrap();
        events::spawn(&host).unwrap();
        allocator::spawn(&host, allocator::Options::default()).unwrap();
        let routed = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&routed);
        let agents = move || Agents { routed: Arc::clone(&log) };
        host.spawn("agents", SpawnOptions::default(), agents).unwrap();
        let held = Held::default();
        let waiting = Arc::clone(&held);
        let registrar = move || Registrar { held: Arc::clone(&waiting) };
        host.spawn("registrar", SpawnOptions::default(), registrar).unwrap();
        let manager = move || {
            let acls = Arc::clone(&acls);
            Frameworks::with_rules(&Config::default(), RoleSettings::default(), acls)
        };
        host.spawn("frameworks", Frameworks::spawn_options(), manager).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let about = About::new("test", &serde_json::json!({ "log": "info" })).at(Some(domain("a")));
        let gateway =
            Gateway::start(&host, listener, MasterEdge.about(about).guarded(access)).unwrap();
        Self { host, gateway, routed, held, registrations: Cell::new(0) }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.gateway.address())
    }

    pub(crate) async fn introduce(&self) {
        let frameworks = self.host.address_of("frameworks");
        for _ in 0..500 {
            let message = AgentsRecovered { epoch: EPOCH, agents: vec!["S-old".into()] };
            if self.host.ask(&frameworks, message, SOON).await.is_ok() {
                return self.client().of("ops").until_it_leads().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the frameworks manager does not lead");
    }

    fn join(&self, agent: &str, resources: &str, tasks: Vec<Task>) {
        let rack = ("rack".to_owned(), Attribute::Text("r1".into()));
        self.registrations.set(self.registrations.get() + 1);
        let message = AgentJoined {
            agent_id: agent.into(),
            generation: Generation(self.registrations.get()),
            info: AgentInfo {
                hostname: "node".into(),
                host: "127.0.0.1:2".parse().unwrap(),
                http: "127.0.0.1:5051".into(),
                resources: Resources::parse(resources).unwrap(),
                attributes: [rack].into(),
                domain: Some(domain("b")),
                ..agent_info()
            },
            operations: vec![],
            tasks,
            executors: vec![],
            frameworks: vec![],
        };
        self.tell(message);
    }

    /// Tells the frameworks manager in the name of whomever.
    pub(crate) fn tell<M: Message>(&self, message: M) {
        self.host.tell(&self.host.address_of("frameworks"), message);
    }

    /// From now on the registry takes its time, until it is released.
    pub(crate) fn hold_writes(&self) {
        *self.held.lock().unwrap() = Some(Vec::new());
    }

    pub(crate) fn release_writes(&self) {
        for reply in self.held.lock().unwrap().take().into_iter().flatten() {
            reply.reply(());
        }
    }

    /// The agent is lost.
    pub(crate) fn leave(&self, cause: AgentLossCause) {
        self.lose(AGENT, cause);
    }

    /// An agent is lost.
    pub(crate) fn lose(&self, agent: &str, cause: AgentLossCause) {
        let generation = Generation(self.registrations.get());
        let since = (cause == AgentLossCause::Unreachable).then_some(UNREACHABLE);
        self.tell(AgentLeft { agent_id: agent.into(), generation, cause, since });
    }

    /// The task named [`LOST`] does not reach the agent.
    pub(crate) fn undeliverable(&self, framework: &str, reason: Reason) {
        self.tell(LaunchUndeliverable {
            agent_id: AGENT.into(),
            generation: Generation(self.registrations.get()),
            framework_id: framework.into(),
            task_ids: vec![LOST.into()],
            reason,
            message: "the agent is away".into(),
        });
    }

    /// Waits until the agents manager was told this.
    pub(crate) async fn routed(&self, what: &str) {
        for _ in 0..500 {
            if self.routed.lock().unwrap().iter().any(|line| line == what) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{what}` is not among {:?}", self.routed.lock().unwrap());
    }
}

fn domain(zone: &str) -> Domain {
    Domain { region: "europe".to_owned(), zone: zone.to_owned() }
}

fn agent_info() -> AgentInfo {
    serde_json::from_value(serde_json::json!({
        "hostname": "", "host": "127.0.0.1:2", "http": "", "resources": [], "boot_id": "b",
        "version": "0",
    }))
    .unwrap()
}

/// Writes that wait for their answers, if they are to wait.
type Held = Arc<Mutex<Option<Vec<ReplyTo<()>>>>>;

/// An empty registry that keeps nothing.
struct Registrar {
    held: Held,
}

impl Actor for Registrar {
    const ABOUT: &'static str = "a registry for a test";
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
    fn handle(&mut self, _: ApplyOperations, ctx: &mut Context<Self>) -> Outcome<()> {
        match &mut *self.held.lock().unwrap() {
            Some(held) => {
                held.push(ctx.defer());
                Outcome::Later
            }
            None => Outcome::Reply(()),
        }
    }
}

/// Runs what it is told to run.
struct Agents {
    routed: Arc<Mutex<Vec<String>>>,
}

impl Agents {
    fn note(&self, what: String) {
        self.routed.lock().unwrap().push(what);
    }

    fn update(
        framework_id: &FrameworkId,
        task_id: &TaskId,
        state: TaskState,
        ctx: &mut Context<Self>,
    ) {
        let mut status = TaskStatus::new(task_id.clone(), state, Source::Executor, ctx.now());
        status.update_id = Some(UpdateId::from(UUID));
        status.executor_id = Some(task_id.as_str().into());
        let message = ForwardUpdate {
            framework_id: framework_id.clone(),
            agent_id: AGENT.into(),
            status,
            latest_state: state,
        };
        ctx.tell(&ctx.local("frameworks"), message);
    }
}

impl Actor for Agents {
    const ABOUT: &'static str = "agents for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<RouteLaunch>()
            .on::<RouteKill>()
            .on::<RouteAcknowledgement>()
            .on::<RouteMessage>()
            .on::<RouteShutdownExecutor>()
            .on::<RouteShutdownFramework>()
            .on::<RouteUpdateFramework>()
            .on::<RouteResize>()
            .on::<RouteOperation>()
            .on::<RouteOperationAcknowledgement>()
            .on::<SetDownMachines>()
            .on::<ViewAgents>();
    }
}

impl Handler<RouteLaunch> for Agents {
    fn handle(&mut self, message: RouteLaunch, ctx: &mut Context<Self>) -> Outcome<()> {
        let id = message.framework.id.unwrap();
        for task in &message.tasks {
            if task.task_id.as_str() == LOST {
                self.note("launch nothing".to_owned());
                continue;
            }
            Self::update(&id, &task.task_id, TaskState::Running, ctx);
        }
        Outcome::Reply(())
    }
}

/// Agrees, but for what is too small for every task.
impl Handler<RouteResize> for Agents {
    fn handle(&mut self, message: RouteResize, ctx: &mut Context<Self>) -> Outcome<()> {
        self.note(format!("resize {} to {}", message.task_id, message.resources));
        let RouteResize { agent_id, generation, framework_id, task_id, number, resources } =
            message;
        let too_small = resources.scalar("mem") < protocol::Scalar::from_milli(8000);
        let refused = too_small.then(|| "more memory is in use".to_owned());
        let report = ReportResize { agent_id, generation, framework_id, task_id, number, refused };
        ctx.tell(&ctx.local("frameworks"), report);
        Outcome::Reply(())
    }
}

impl Handler<RouteOperation> for Agents {
    fn handle(&mut self, message: RouteOperation, ctx: &mut Context<Self>) -> Outcome<()> {
        let operation = message.operation;
        self.note(format!("operate {}", operation.operation.name()));
        if operation.operation_id == Some(LOST.into()) {
            return Outcome::Reply(());
        }
        let state = OperationState::Finished;
        let mut status = OperationStatus::new(operation.operation_id.clone(), state);
        status.converted = operation.conversion.produced.clone();
        status.update_id = Some(UpdateId::from(UUID));
        let report = OperationReport { operation, status };
        let message = ForwardOperation { agent_id: AGENT.into(), report };
        ctx.tell(&ctx.local("frameworks"), message);
        Outcome::Reply(())
    }
}

impl Handler<RouteOperationAcknowledgement> for Agents {
    fn handle(
        &mut self,
        message: RouteOperationAcknowledgement,
        _: &mut Context<Self>,
    ) -> Outcome<()> {
        self.note(format!("acknowledge operation {}", message.update_id));
        Outcome::Reply(())
    }
}

impl Handler<RouteKill> for Agents {
    fn handle(&mut self, message: RouteKill, ctx: &mut Context<Self>) -> Outcome<()> {
        let grace = message.kill_policy.and_then(|policy| policy.grace_ms);
        self.note(format!("kill {} {grace:?}", message.task_id));
        Self::update(&message.framework_id, &message.task_id, TaskState::Killed, ctx);
        Outcome::Reply(())
    }
}

impl Handler<RouteAcknowledgement> for Agents {
    fn handle(&mut self, message: RouteAcknowledgement, _: &mut Context<Self>) -> Outcome<()> {
        self.note(format!("acknowledge {} {}", message.task_id, message.update_id));
        Outcome::Reply(())
    }
}

impl Handler<RouteMessage> for Agents {
    fn handle(&mut self, message: RouteMessage, ctx: &mut Context<Self>) -> Outcome<()> {
        let RouteMessage { agent_id, framework_id, executor_id, data } = message;
        let answer = MessageFromExecutor { agent_id, framework_id, executor_id, data };
        ctx.tell(&ctx.local("frameworks"), answer);
        Outcome::Reply(())
    }
}

impl Handler<RouteShutdownExecutor> for Agents {
    fn handle(&mut self, message: RouteShutdownExecutor, ctx: &mut Context<Self>) -> Outcome<()> {
        let RouteShutdownExecutor { agent_id, framework_id, executor_id } = message;
        let exited = ExecutorExited { agent_id, framework_id, executor_id, status: 9 };
        ctx.tell(&ctx.local("frameworks"), exited);
        Outcome::Reply(())
    }
}

impl Handler<RouteShutdownFramework> for Agents {
    fn handle(&mut self, message: RouteShutdownFramework, _: &mut Context<Self>) -> Outcome<()> {
        let agents: Vec<&str> = message.agents.iter().map(AgentId::as_str).collect();
        self.note(format!("end the framework on {}", agents.join(",")));
        Outcome::Reply(())
    }
}

impl Handler<ViewAgents> for Agents {
    fn handle(&mut self, _: ViewAgents, _: &mut Context<Self>) -> Outcome<AgentsView> {
        Outcome::Reply(AgentsView { agents: Default::default() })
    }
}

impl Handler<SetDownMachines> for Agents {
    fn handle(&mut self, message: SetDownMachines, _: &mut Context<Self>) -> Outcome<()> {
        let machines: Vec<_> = message.machines.iter().map(ToString::to_string).collect();
        self.note(format!("down {}", machines.join(",")));
        Outcome::Reply(())
    }
}

impl Handler<RouteUpdateFramework> for Agents {
    fn handle(&mut self, message: RouteUpdateFramework, _: &mut Context<Self>) -> Outcome<()> {
        self.note(format!("framework is now {}", message.framework.name));
        Outcome::Reply(())
    }
}
