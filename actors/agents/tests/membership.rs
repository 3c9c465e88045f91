//! The agents manager beside a real elector, registrar and store, with agents on hosts of their
//! own.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agents::{Agents, Config};
use common::EtcdServer;
use elector::Candidate;
use protocol::agent::{Ping, RunTasks};
use protocol::agents::{
    AgentRegistered, AgentState, GetAgent, GetAgents, Pong, RegisterAgent, RouteLaunch,
    UnregisterAgent,
};
use protocol::elector::{Resign, leader_in};
use protocol::framework::{AgentInfo, FrameworkInfo};
use protocol::frameworks::{
    AgentJoined, AgentLeft, AgentLossCause, AgentsRecovered, LaunchUndeliverable,
};
use protocol::registrar::{AgentStanding, GetRegistry};
use protocol::{Address, AgentId, Failure, FailureKind, Incarnation, Message};
use registrar::Registrar;
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use store::{Store, StoreConfig};

const SOON: Duration = Duration::from_secs(20);

async fn host() -> Host {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    let config = HostConfig { cluster: "test".into(), listen, advertise: None };
    Host::start(config).await.unwrap()
}

/// Waits until `look` sees something.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < SOON, "{what} never happened");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

// --- a frameworks manager that only remembers --------------------------------------------------

#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Recovered(Vec<AgentId>),
    Joined(AgentId),
    Left(AgentId, AgentLossCause),
    Undeliverable,
}

struct Frameworks(Arc<Mutex<Vec<Heard>>>);

impl Actor for Frameworks {
    const ABOUT: &'static str = "what it heard of agents";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<AgentsRecovered>()
            .on::<AgentJoined>()
            .on::<AgentLeft>()
            .on::<LaunchUndeliverable>();
    }
}

macro_rules! hears {
    ($($message:ty => $heard:expr),+ $(,)?) => {$(
        impl Handler<$message> for Frameworks {
            fn handle(&mut self, message: $message, _: &mut Context<Self>) -> Outcome<()> {
                let heard: fn($message) -> Heard = $heard;
                self.0.lock().unwrap().push(heard(message));
                Outcome::Reply(())
            }
        }
    )+};
}

hears! {
    AgentsRecovered => |m| Heard::Recovered(m.agents),
    AgentJoined => |m| Heard::Joined(m.agent_id),
    AgentLeft => |m| Heard::Left(m.agent_id, m.cause),
    LaunchUndeliverable => |_| Heard::Undeliverable,
}

// --- a master ----------------------------------------------------------------------------------

struct Master {
    host: Host,
    agents: Address,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Master {
    async fn start(store: Arc<dyn Store>) -> Self {
        let host = host().await;
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let log = Arc::clone(&heard);
        let options = SpawnOptions::default();
        host.spawn("frameworks", options, move || Frameworks(Arc::clone(&log))).unwrap();
        let config =
            Config { ping_interval_ms: 100, reregister_timeout_ms: 500, ..Config::default() };
        let agents =
            host.spawn(agents::NAME, Agents::spawn_options(), move || Agents::new(&config));
        let held = Arc::clone(&store);
        host.spawn(registrar::NAME, options, move || Registrar::new(Arc::clone(&held))).unwrap();
        let candidate = Candidate { host: host.addr().clone(), http: "127.0.0.1:1".into() };
        elector::spawn(&host, store, candidate).unwrap();
        Self { host, agents: agents.unwrap(), heard }
    }

    async fn ask<M: Message + Clone>(&self, to: &str, message: M) -> Result<M::Reply, Failure> {
        self.host.ask(&self.host.address_of(to), message, SOON).await
    }

    async fn serves(&self) {
        eventually("serving", async || self.ask("agents", GetAgents {}).await.ok()).await;
    }

    async fn hears(&self, what: Heard) {
        let look = async || self.heard.lock().unwrap().contains(&what).then_some(());
        eventually(&format!("{what:?}"), look).await;
    }

    async fn is(&self, agent_id: &AgentId, state: AgentState) {
        let get = GetAgent { agent_id: agent_id.clone() };
        eventually(&format!("{agent_id} {state:?}"), async || {
            self.ask("agents", get.clone()).await.ok().filter(|agent| agent.state == state)
        })
        .await;
    }

    async fn standing(&self, agent_id: &AgentId) -> Option<AgentStanding> {
        let registry = self.ask("registrar", GetRegistry {}).await.unwrap().registry;
        registry.agents.get(agent_id).map(|record| record.standing)
    }
}

// --- an agent ----------------------------------------------------------------------------------

/// Answers pings for as long as it is not silent; remembers what it is to run.
struct Agent {
    silent: Arc<Mutex<bool>>,
    run: Arc<Mutex<usize>>,
}

impl Actor for Agent {
    const ABOUT: &'static str = "an agent that answers";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<Ping>().on::<RunTasks>();
    }
}

impl Handler<Ping> for Agent {
    fn handle(&mut self, ping: Ping, ctx: &mut Context<Self>) -> Outcome<()> {
        if !*self.silent.lock().unwrap() {
            let incarnation = ctx.host().incarnation();
            let pong = Pong { agent_id: ping.agent_id, incarnation, sequence: ping.sequence };
            let master = ctx.sender().clone();
            ctx.tell(&master, pong);
        }
        Outcome::Reply(())
    }
}

impl Handler<RunTasks> for Agent {
    fn handle(&mut self, _: RunTasks, _: &mut Context<Self>) -> Outcome<()> {
        *self.run.lock().unwrap() += 1;
        Outcome::Reply(())
    }
}

struct Node {
    host: Host,
    silent: Arc<Mutex<bool>>,
    run: Arc<Mutex<usize>>,
}

impl Node {
    async fn start() -> Self {
        let host = host().await;
        let (silent, run) = (Arc::<Mutex<bool>>::default(), Arc::<Mutex<usize>>::default());
        let (quiet, count) = (Arc::clone(&silent), Arc::clone(&run));
        let factory = move || Agent { silent: Arc::clone(&quiet), run: Arc::clone(&count) };
        host.spawn("agent", SpawnOptions::default(), factory).unwrap();
        Self { host, silent, run }
    }

    fn incarnation(&self) -> Incarnation {
        self.host.incarnation()
    }

    async fn register(
        &self,
        master: &Master,
        agent_id: Option<AgentId>,
        attempt: u64,
    ) -> Result<AgentRegistered, Failure> {
        let message = RegisterAgent {
            agent_id,
            incarnation: self.incarnation(),
            attempt,
            info: AgentInfo {
                hostname: "node".into(),
                host: self.host.addr().clone(),
                http: "127.0.0.1:1".into(),
                resources: Default::default(),
                attributes: Default::default(),
                domain: None,
                boot_id: "boot".into(),
                version: "1".into(),
            },
            operations: vec![],
            tasks: vec![],
            frameworks: vec![],
            executors: vec![],
        };
        self.host.ask(&master.agents, message, SOON).await
    }
}

fn embedded(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    let config = StoreConfig::Embedded { path: folder.path().join("registry") };
    store::open(&config, "test", "master").unwrap()
}

// --- the claims --------------------------------------------------------------------------------

#[actix_rt::test]
async fn an_agent_is_in_the_registry_and_known_to_frameworks_when_it_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let master = Master::start(embedded(&folder)).await;
    master.serves().await;
    let node = Node::start().await;
    let agent_id = node.register(&master, None, 1).await.unwrap().agent_id;
    assert_eq!(master.standing(&agent_id).await, Some(AgentStanding::Admitted));
    let heard = master.heard.lock().unwrap().clone();
    assert_eq!(heard, [Heard::Recovered(vec![]), Heard::Joined(agent_id.clone())]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    master.is(&agent_id, AgentState::Active).await;
}

#[actix_rt::test]
async fn a_launch_reaches_the_agent_or_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let master = Master::start(embedded(&folder)).await;
    master.serves().await;
    let node = Node::start().await;
    let AgentRegistered { agent_id, generation, .. } =
        node.register(&master, None, 1).await.unwrap();
    let framework =
        FrameworkInfo { id: Some("f".into()), roles: vec![], ..FrameworkInfo::new("root", "f") };
    let mut launch =
        RouteLaunch { agent_id, generation, framework, role: "*".into(), tasks: vec![] };
    master.ask("agents", launch.clone()).await.unwrap();
    eventually("running", async || (*node.run.lock().unwrap() == 1).then_some(())).await;
    launch.generation = protocol::Generation(1);
    master.ask("agents", launch).await.unwrap();
    master.hears(Heard::Undeliverable).await;
}

#[actix_rt::test]
async fn an_agent_that_falls_silent_is_unreachable_and_may_return() {
    let folder = tempfile::tempdir().unwrap();
    let master = Master::start(embedded(&folder)).await;
    master.serves().await;
    let node = Node::start().await;
    let agent_id = node.register(&master, None, 1).await.unwrap().agent_id;
    *node.silent.lock().unwrap() = true;
    master.hears(Heard::Left(agent_id.clone(), AgentLossCause::Unreachable)).await;
    let standing = master.standing(&agent_id).await.unwrap();
    assert!(matches!(standing, AgentStanding::Unreachable { .. }), "{standing:?}");
    *node.silent.lock().unwrap() = false;
    node.register(&master, Some(agent_id.clone()), 2).await.unwrap();
    assert_eq!(master.standing(&agent_id).await, Some(AgentStanding::Admitted));
}

#[actix_rt::test]
async fn an_agent_whose_host_is_gone_is_disconnected_at_once_and_unreachable_later() {
    let folder = tempfile::tempdir().unwrap();
    let master = Master::start(embedded(&folder)).await;
    master.serves().await;
    let node = Node::start().await;
    let agent_id = node.register(&master, None, 1).await.unwrap().agent_id;
    let begun = Instant::now();
    node.host.shutdown().await;
    master.hears(Heard::Left(agent_id.clone(), AgentLossCause::Disconnected)).await;
    assert!(begun.elapsed() < Duration::from_millis(500), "after {:?}", begun.elapsed());
    master.hears(Heard::Left(agent_id, AgentLossCause::Unreachable)).await;
}

#[actix_rt::test]
async fn an_agent_that_says_goodbye_leaves_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let master = Master::start(embedded(&folder)).await;
    master.serves().await;
    let node = Node::start().await;
    let agent_id = node.register(&master, None, 1).await.unwrap().agent_id;
    let goodbye = UnregisterAgent { agent_id: agent_id.clone(), incarnation: node.incarnation() };
    node.host.ask(&master.agents, goodbye, SOON).await.unwrap();
    assert_eq!(master.standing(&agent_id).await, None);
    master.hears(Heard::Left(agent_id, AgentLossCause::Removed)).await;
}

#[actix_rt::test]
async fn when_frameworks_is_restarted_the_agents_are_introduced_again() {
    let folder = tempfile::tempdir().unwrap();
    let master = Master::start(embedded(&folder)).await;
    master.serves().await;
    let node = Node::start().await;
    let first = node.register(&master, None, 1).await.unwrap();
    master.host.stop_actor("frameworks").await;
    master.heard.lock().unwrap().clear();
    let log = Arc::clone(&master.heard);
    let factory = move || Frameworks(Arc::clone(&log));
    master.host.spawn("frameworks", SpawnOptions::default(), factory).unwrap();
    master.hears(Heard::Recovered(vec![first.agent_id.clone()])).await;
    master.serves().await;
    let second = node.register(&master, Some(first.agent_id), 2).await.unwrap();
    assert!(second.generation > first.generation);
}

#[actix_rt::test]
async fn agents_move_to_the_next_leader_and_keep_their_ids() {
    let etcd = EtcdServer::start().await;
    let first = Master::start(etcd.store("test", "master")).await;
    first.serves().await;
    let second = Master::start(etcd.store("test", "master")).await;
    let node = Node::start().await;
    let agent_id = node.register(&first, None, 1).await.unwrap().agent_id;

    let leader = eventually("a hint", async || {
        let refused = node.register(&second, Some(agent_id.clone()), 2).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::NotLeader);
        leader_in(&refused)
    })
    .await;
    assert_eq!(leader, *first.host.addr());

    let begun = Instant::now();
    first.ask("elector", Resign {}).await.unwrap();
    second.serves().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "served after {:?}", begun.elapsed());
    second.hears(Heard::Recovered(vec![agent_id.clone()])).await;
    let again = node.register(&second, Some(agent_id.clone()), 3).await.unwrap();
    assert_eq!(again.agent_id, agent_id);
    second.is(&agent_id, AgentState::Active).await;
    let refused = node.register(&first, Some(agent_id), 4).await.unwrap_err();
    assert_eq!(leader_in(&refused), Some(second.host.addr().clone()));
}
