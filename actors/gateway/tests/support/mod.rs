//! A host with the actors that an edge asks: `events` and `allocator` as they are; of those that
//! own machines and schedulers, just enough to answer.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use gateway::{Edge, Gateway};
use protocol::agent::{ReadSandbox, SandboxChunk};
use protocol::agents::{AgentList, GetAgents};
use protocol::elector::{GetLeader, LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::events::Report;
use protocol::frameworks::{
    FrameworkList, GetFrameworks, GetOffers, GetTasks, OfferList, TaskList,
};
use protocol::id::Epoch;
use protocol::monitor::{GetUsage, MachineUsage, UsageReport};
use protocol::services::{AppList, GetApps};
use protocol::task::TaskState;
use protocol::{Address, Failure, FailureKind};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A host with one edge and what it asks.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) gateway: Gateway,
    pub(crate) http: SocketAddr,
}

impl World {
    /// With an elector that says `leadership`, if there is one.
    pub(crate) async fn start(edge: impl Edge, leadership: Option<Leadership>) -> Self {
        Self::start_with(|_| edge, leadership).await
    }

    /// The same, of an edge that is made for a host.
    pub(crate) async fn start_with<E: Edge>(
        edge: impl FnOnce(&Host) -> E,
        leadership: Option<Leadership>,
    ) -> Self {
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let config = HostConfig { cluster: "test".into(), listen, advertise: None };
        let host = Host::start(config).await.unwrap();
        events::spawn(&host).unwrap();
        allocator::spawn(&host, allocator::Options::default()).unwrap();
        let options = SpawnOptions::default();
        host.spawn("agents", options, || Lists).unwrap();
        host.spawn("frameworks", options, || Lists).unwrap();
        host.spawn("agent", options, || Sandboxes).unwrap();
        host.spawn("monitor", options, || Monitor).unwrap();
        host.spawn("services", options, || Lists).unwrap();
        if let Some(leadership) = leadership {
            host.spawn("elector", options, move || Elector::new(&leadership)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Gateway::start(&host, listener, edge(&host)).unwrap();
        let http = gateway.address();
        Self { host, gateway, http }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    pub(crate) async fn report(&self, kind: &str, n: u64) {
        let report = Report { kind: kind.to_owned(), data: serde_json::json!({ "n": n }) };
        self.host.ask(&self.host.address_of("events"), report, SOON).await.unwrap();
    }

    /// Reports as many events of one type, all with the same data.
    pub(crate) async fn report_many(&self, kind: &str, data: &serde_json::Value, count: usize) {
        let to = self.host.address_of("events");
        let report = || Report { kind: kind.to_owned(), data: data.clone() };
        for n in 1..=count {
            // An ask now and then, so that the mailbox does not run over.
            if n % 1000 == 0 || n == count {
                self.host.ask(&to, report(), SOON).await.unwrap();
            } else {
                self.host.tell(&to, report());
            }
        }
    }

    /// Changes what the elector says.
    pub(crate) async fn elect(&self, leadership: Leadership) {
        let message = LeaderChanged { leadership };
        self.host.ask(&self.host.address_of("elector"), message, SOON).await.unwrap();
    }

    /// Until the edge knows who leads.
    pub(crate) async fn wait_until_leading(&self) {
        let client = client();
        for _ in 0..500 {
            let response = client.get(self.url("/api/v1/meseta/roles")).send().await.unwrap();
            if response.status().is_success() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the edge has not learned that it leads");
    }
}

/// A client that shows redirects rather than following them.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.timeout(SOON).build().unwrap()
}

pub(crate) fn leads(leading: bool, http: &str) -> Leadership {
    let host = "10.0.0.9:7050".parse().unwrap();
    Leadership { leader: Some(Leader { host, http: http.into(), epoch: Epoch(4) }), leading }
}

/// Says who leads, and lets a test change it.
pub(crate) struct Elector {
    leadership: Leadership,
}

impl Elector {
    pub(crate) fn new(leadership: &Leadership) -> Self {
        Self { leadership: leadership.clone() }
    }
}

impl Actor for Elector {
    const ABOUT: &'static str = "a leadership for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetLeader>().on::<LeaderChanged>();
    }

    fn subscribed(&mut self, _: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        ctx.tell(subscriber, LeaderChanged { leadership: self.leadership.clone() });
    }
}

impl Handler<GetLeader> for Elector {
    fn handle(&mut self, _: GetLeader, _: &mut Context<Self>) -> Outcome<Leadership> {
        Outcome::Reply(self.leadership.clone())
    }
}

impl Handler<LeaderChanged> for Elector {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        self.leadership = message.leadership.clone();
        ctx.publish(LEADER_TOPIC, &message);
        Outcome::Reply(())
    }
}

/// An empty cluster.
struct Lists;

impl Actor for Lists {
    const ABOUT: &'static str = "an empty cluster for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetAgents>().on::<GetFrameworks>().on::<GetTasks>().on::<GetOffers>();
        handlers.on::<GetApps>();
    }
}

macro_rules! empty {
    ($($question:ident -> $answer:ident { $list:ident }),+) => {$(
        impl Handler<$question> for Lists {
            fn handle(&mut self, _: $question, _: &mut Context<Self>) -> Outcome<$answer> {
                Outcome::Reply($answer { $list: Vec::new() })
            }
        }
    )+};
}

empty! {
    GetAgents -> AgentList { agents },
    GetFrameworks -> FrameworkList { frameworks },
    GetTasks -> TaskList { tasks },
    GetOffers -> OfferList { offers },
    GetApps -> AppList { apps }
}

/// The length of the file `big` in every sandbox: more than two answers carry.
pub(crate) const BIG: u64 = 2_500_000;
/// What one answer carries.
const CHUNK: u64 = 1 << 20;

/// One task, `t`, with the files `stdout` and `big`.
struct Sandboxes;

impl Actor for Sandboxes {
    const ABOUT: &'static str = "sandboxes for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<ReadSandbox>();
    }
}

impl Handler<ReadSandbox> for Sandboxes {
    fn handle(&mut self, message: ReadSandbox, _: &mut Context<Self>) -> Outcome<SandboxChunk> {
        let file: Vec<u8> = match (message.task_id.as_str(), message.path.as_str()) {
            ("t", "stdout") => "grüße\n".into(),
            ("t", "big") => (0..BIG).map(|n| (n % 251) as u8).collect(),
            ("t", path) => {
                let text = format!("there is no `{path}` in the sandbox of t");
                return Outcome::Refuse(Failure::new(FailureKind::NotFound, text));
            }
            (task, _) => {
                let text = format!("there is no task {task}");
                return Outcome::Refuse(Failure::new(FailureKind::NotFound, text));
            }
        };
        let from = file.len().min(message.offset as usize);
        let length = if message.length == 0 { CHUNK } else { message.length.min(CHUNK) };
        let to = file.len().min(from + length as usize);
        let data = file[from..to].to_vec().into();
        Outcome::Reply(SandboxChunk { size: file.len() as u64, data, state: TaskState::Running })
    }
}

/// An idle machine.
struct Monitor;

impl Actor for Monitor {
    const ABOUT: &'static str = "usage for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetUsage>();
    }
}

impl Handler<GetUsage> for Monitor {
    fn handle(&mut self, _: GetUsage, ctx: &mut Context<Self>) -> Outcome<UsageReport> {
        let machine = MachineUsage { cpus: 2, ..MachineUsage::default() };
        Outcome::Reply(UsageReport { time: ctx.now(), machine, containers: Vec::new() })
    }
}
