//! The allocator and the frameworks manager as they are, with schedulers that want offers: what
//! one declines the other gets, what is over comes back, and an allocator that is lost is replaced
//! by one that knows as much.

#![allow(clippy::unwrap_used, reason = "a test that fails here is told where")]

use std::time::Duration;

use allocator::{Options, PolicyKind, spawn};
use frameworks::{Config, Frameworks};
use protocol::agents::{RouteKill, RouteLaunch};
use protocol::allocator::{GetRoles, RoleList};
use protocol::elector::{LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::framework::{AgentInfo, Filters, FrameworkInfo, InverseOffer, Offer, Operation};
use protocol::frameworks::{
    AcceptOffers, AgentJoined, AgentLeft, AgentLossCause, AgentsRecovered, DeclineOffers,
    ForwardUpdate, RequestResources, ResourceRequest, ReviveOffers, SubscribeFramework,
    SuppressOffers, TeardownFramework,
};
use protocol::id::{Epoch, FrameworkId, Generation};
use protocol::quota::Quota;
use protocol::registrar::{ApplyOperations, GetRegistry, Registry, RegistrySnapshot};
use protocol::runtime::Inspect;
use protocol::scheduler::{InverseOffers, RescindOffers, ResourceOffers, UpdateStatus};
use protocol::task::{CommandInfo, Reason, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{Address, Message, Resources, Scalar, TaskId};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(5);
const EPOCH: Epoch = Epoch(3);

/// Elector and registrar of a master that leads.
struct Leading;

impl Actor for Leading {
    const ABOUT: &'static str = "a leadership and an empty registry for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetRegistry>().on::<ApplyOperations>();
    }

    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        assert_eq!(topic, LEADER_TOPIC);
        let host = ctx.host().addr().clone();
        let leader = Leader { host, http: String::new(), epoch: EPOCH };
        let leadership = Leadership { leader: Some(leader), leading: true };
        ctx.tell(subscriber, LeaderChanged { leadership });
    }
}

impl Handler<GetRegistry> for Leading {
    fn handle(&mut self, _: GetRegistry, _: &mut Context<Self>) -> Outcome<RegistrySnapshot> {
        Outcome::Reply(RegistrySnapshot { epoch: EPOCH, registry: Registry::default() })
    }
}

impl Handler<ApplyOperations> for Leading {
    fn handle(&mut self, _: ApplyOperations, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

/// Agents whose tasks end when they are killed.
struct Agents {
    killed: mpsc::UnboundedSender<TaskId>,
}

impl Actor for Agents {
    const ABOUT: &'static str = "agents for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<RouteKill>().on::<RouteLaunch>();
    }
}

impl Handler<RouteLaunch> for Agents {
    fn handle(&mut self, _: RouteLaunch, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

impl Handler<RouteKill> for Agents {
    fn handle(&mut self, message: RouteKill, ctx: &mut Context<Self>) -> Outcome<()> {
        let RouteKill { agent_id, framework_id, task_id, .. } = message;
        self.killed.send(task_id.clone()).unwrap();
        let latest_state = TaskState::Killed;
        let mut status = TaskStatus::new(task_id, latest_state, Source::Executor, ctx.now());
        status.update_id = Some("u".into());
        let update = ForwardUpdate { framework_id, agent_id, status, latest_state };
        ctx.tell(&ctx.local(frameworks::NAME), update);
        Outcome::Reply(())
    }
}

/// Hands what it hears to the test.
struct Scheduler {
    offers: mpsc::UnboundedSender<Offer>,
    rescinded: mpsc::UnboundedSender<RescindOffers>,
    asked: mpsc::UnboundedSender<InverseOffer>,
    updates: mpsc::UnboundedSender<TaskStatus>,
}

impl Actor for Scheduler {
    const ABOUT: &'static str = "a scheduler for a test";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<ResourceOffers>()
            .on::<RescindOffers>()
            .on::<InverseOffers>()
            .on::<UpdateStatus>();
    }
}

impl Handler<ResourceOffers> for Scheduler {
    fn handle(&mut self, message: ResourceOffers, _: &mut Context<Self>) -> Outcome<()> {
        message.offers.into_iter().for_each(|offer| self.offers.send(offer).unwrap());
        Outcome::Reply(())
    }
}

impl Handler<InverseOffers> for Scheduler {
    fn handle(&mut self, message: InverseOffers, _: &mut Context<Self>) -> Outcome<()> {
        message.inverse_offers.into_iter().for_each(|offer| self.asked.send(offer).unwrap());
        Outcome::Reply(())
    }
}

impl Handler<UpdateStatus> for Scheduler {
    fn handle(&mut self, message: UpdateStatus, _: &mut Context<Self>) -> Outcome<()> {
        self.updates.send(message.status).unwrap();
        Outcome::Reply(())
    }
}

impl Handler<RescindOffers> for Scheduler {
    fn handle(&mut self, message: RescindOffers, _: &mut Context<Self>) -> Outcome<()> {
        self.rescinded.send(message).unwrap();
        Outcome::Reply(())
    }
}

struct Master {
    host: Host,
    killed: mpsc::UnboundedReceiver<TaskId>,
}

/// A subscribed framework.
struct Framework {
    id: FrameworkId,
    offers: mpsc::UnboundedReceiver<Offer>,
    rescinded: mpsc::UnboundedReceiver<RescindOffers>,
    asked: mpsc::UnboundedReceiver<InverseOffer>,
    updates: mpsc::UnboundedReceiver<TaskStatus>,
}

impl Master {
    async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    async fn start_with(allocation: Options) -> Self {
        let config = HostConfig { cluster: "test".into(), listen: None, advertise: None };
        let host = Host::start(config).await.unwrap();
        host.spawn("elector", SpawnOptions::default(), || Leading).unwrap();
        host.spawn("registrar", SpawnOptions::default(), || Leading).unwrap();
        spawn(&host, allocation).unwrap();
        let (kills, killed) = mpsc::unbounded_channel();
        let agents = move || Agents { killed: kills.clone() };
        host.spawn("agents", SpawnOptions::default(), agents).unwrap();
        let options = Frameworks::spawn_options();
        host.spawn(frameworks::NAME, options, || Frameworks::new(&Config::default())).unwrap();
        let master = Self { host, killed };
        let to = master.host.address_of(frameworks::NAME);
        let recovered = || AgentsRecovered { epoch: EPOCH, agents: Vec::new() };
        while master.host.ask(&to, recovered(), SOON).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        master
    }

    async fn ask<M: Message>(&self, actor: &str, message: M) -> M::Reply {
        self.host.ask(&self.host.address_of(actor), message, SOON).await.unwrap()
    }

    async fn subscribe(&self, name: &str) -> Framework {
        let (offers, receiver) = mpsc::unbounded_channel();
        let (rescinded, gone) = mpsc::unbounded_channel();
        let (asked, wishes) = mpsc::unbounded_channel();
        let (updated, updates) = mpsc::unbounded_channel();
        let make = move || Scheduler {
            offers: offers.clone(),
            rescinded: rescinded.clone(),
            asked: asked.clone(),
            updates: updated.clone(),
        };
        let scheduler = self.host.spawn(name, SpawnOptions::default(), make).unwrap();
        let info = FrameworkInfo {
            failover_timeout_ms: 60_000,
            roles: vec![name.into()],
            ..FrameworkInfo::new("root", name)
        };
        let subscribe =
            SubscribeFramework { scheduler: Some(scheduler), ..SubscribeFramework::new(info) };
        let id = self.ask("frameworks", subscribe).await.framework_id;
        Framework { id, offers: receiver, rescinded: gone, asked: wishes, updates }
    }

    async fn join(&self, agent: &str, generation: u64, resources: &str) {
        let info = AgentInfo {
            hostname: agent.into(),
            host: "127.0.0.1:2".parse().unwrap(),
            http: "127.0.0.1:3".into(),
            resources: Resources::parse(resources).unwrap(),
            attributes: Default::default(),
            domain: None,
            boot_id: "b".into(),
            version: "0".into(),
        };
        let joined = AgentJoined {
            agent_id: agent.into(),
            generation: Generation(generation),
            info,
            tasks: Vec::new(),
            executors: Vec::new(),
            frameworks: Vec::new(),
            operations: vec![],
        };
        self.ask("frameworks", joined).await;
    }

    async fn decline(&self, offer: &Offer, refuse_ms: u64) {
        let decline = DeclineOffers {
            framework_id: offer.framework_id.clone(),
            offer_ids: vec![offer.offer_id.clone()],
            filters: Filters { refuse_ms },
        };
        self.ask("frameworks", decline).await;
    }

    async fn launch(&self, offer: &Offer, task: &str, resources: &str) {
        let task = TaskInfo {
            task_id: task.into(),
            name: task.into(),
            agent_id: offer.agent_id.clone(),
            resources: Resources::parse(resources).unwrap(),
            command: Some(CommandInfo {
                value: Some("true".into()),
                shell: true,
                ..Default::default()
            }),
            executor: None,
            kill_policy: None,
            labels: Vec::new(),
            data: None,
        };
        let accept = AcceptOffers {
            framework_id: offer.framework_id.clone(),
            offer_ids: vec![offer.offer_id.clone()],
            operations: vec![Operation::Launch { tasks: vec![task] }],
            filters: Filters::NONE,
        };
        self.ask("frameworks", accept).await;
    }

    async fn roles(&self) -> RoleList {
        self.ask("allocator", GetRoles {}).await
    }

    async fn check(&self) {
        let state = self.ask("allocator", Inspect {}).await.state;
        assert_eq!(state["conservation"], "holds");
        assert_eq!(
            (&state["counters"]["anomalies"], &state["counters"]["overlooked"]),
            (&0.into(), &0.into())
        );
    }
}

impl Framework {
    async fn offer(&mut self) -> Offer {
        tokio::time::timeout(SOON, self.offers.recv()).await.unwrap().unwrap()
    }

    fn has_no_offer(&mut self) -> bool {
        self.offers.try_recv().is_err()
    }
}

fn cpus(offer: &Offer) -> f64 {
    offer.resources.scalar("cpus").as_f64()
}

#[actix_rt::test]
async fn what_one_declines_the_other_is_offered_and_what_is_over_comes_back() {
    let master = Master::start().await;
    let (mut a, mut b) = (master.subscribe("a").await, master.subscribe("b").await);
    master.join("s1", 1, "cpus=4;mem=1024;ports=[31000-31009]").await;
    let offer = a.offer().await;
    assert_eq!((cpus(&offer), offer.resources.ranges("ports").len()), (4.0, 10));
    master.decline(&offer, 60_000).await;
    let offer = b.offer().await;
    master.launch(&offer, "t", "cpus=1;mem=100;ports=[31000-31000]").await;
    let rest = b.offer().await;
    assert_eq!((cpus(&rest), rest.resources.ranges("ports").len()), (3.0, 9));
    assert!(a.has_no_offer(), "it has refused more than that");
    assert_eq!(master.roles().await.free, Default::default());
    master.check().await;
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn a_suppressed_framework_is_left_alone_until_it_revives() {
    let master = Master::start().await;
    let mut a = master.subscribe("a").await;
    let suppress = SuppressOffers { framework_id: a.id.clone(), roles: Vec::new() };
    master.ask("frameworks", suppress).await;
    master.join("s1", 1, "cpus=1;mem=100").await;
    // The shares are answered by the allocator after it has heard of the agent.
    while master.roles().await.total.is_empty() {}
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(a.has_no_offer());
    let revive = ReviveOffers { framework_id: a.id.clone(), roles: Vec::new() };
    master.ask("frameworks", revive).await;
    a.offer().await;
    master.check().await;
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn what_a_gone_framework_held_goes_to_the_others() {
    let master = Master::start().await;
    let (mut a, mut b) = (master.subscribe("a").await, master.subscribe("b").await);
    master.join("s1", 1, "cpus=2;mem=200").await;
    a.offer().await;
    master.ask("frameworks", TeardownFramework { framework_id: a.id.clone() }).await;
    assert_eq!(cpus(&b.offer().await), 2.0);
    master.check().await;
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn an_agent_that_leaves_takes_its_offers_along_and_brings_new_ones() {
    let master = Master::start().await;
    let mut a = master.subscribe("a").await;
    master.join("s1", 1, "cpus=2;mem=200").await;
    let offer = a.offer().await;
    let cause = AgentLossCause::Disconnected;
    let left = AgentLeft { agent_id: "s1".into(), generation: Generation(1), cause, since: None };
    master.ask("frameworks", left).await;
    let gone = tokio::time::timeout(SOON, a.rescinded.recv()).await.unwrap().unwrap();
    assert_eq!(gone.offer_ids, [offer.offer_id]);
    master.join("s1", 2, "cpus=3;mem=200").await;
    assert_eq!(cpus(&a.offer().await), 3.0);
    master.check().await;
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn a_new_allocator_is_told_what_the_lost_one_knew() {
    let master = Master::start().await;
    let mut a = master.subscribe("a").await;
    master.join("s1", 1, "cpus=4;mem=400").await;
    let offer = a.offer().await;
    master.launch(&offer, "t", "cpus=1;mem=100").await;
    let rest = a.offer().await;
    let before = master.roles().await;
    master.host.stop_actor("allocator").await;
    spawn(&master.host, Options::default()).unwrap();
    let again = async { while master.roles().await != before {} };
    tokio::time::timeout(SOON, again).await.unwrap();
    assert!(a.has_no_offer(), "what is offered already is not offered twice");
    master.decline(&rest, 0).await;
    assert_eq!(cpus(&a.offer().await), 3.0);
    master.check().await;
    master.host.shutdown().await;
}

/// A master on which `a` runs four tasks of one cpu on all there is, and what the tasks have is
/// taken back after this grace.
async fn full(options: Options) -> (Master, Framework) {
    let grace = Some(300);
    let master = Master::start_with(Options { preempt_grace_ms: grace, ..options }).await;
    let mut a = master.subscribe("a").await;
    master.join("s1", 1, "cpus=4;mem=4096").await;
    for task in ["t1", "t2", "t3", "t4"] {
        master.launch(&a.offer().await, task, "cpus=1;mem=1024").await;
    }
    (master, a)
}

/// What `b` lacks comes from `a`: asked for, taken, offered. Nothing else is.
async fn is_taken_back(mut master: Master, mut a: Framework, mut b: Framework) {
    let asked = tokio::time::timeout(SOON, a.asked.recv()).await.unwrap().unwrap();
    assert_eq!(asked.wanted.unwrap().resources, Resources::parse("cpus=2;mem=2048").unwrap());
    assert!(b.has_no_offer(), "the grace is not over");
    let offer = b.offer().await;
    assert_eq!(cpus(&offer), 2.0);
    for _ in 0..2 {
        let status = tokio::time::timeout(SOON, a.updates.recv()).await.unwrap().unwrap();
        assert_eq!(status.reason, Some(Reason::ContainerPreempted));
        assert_eq!(status.message, "preempted for role b");
    }
    master.launch(&offer, "own", "cpus=2;mem=2048").await;
    // More than another look at what is lacking.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!([master.killed.try_recv().is_ok(), master.killed.try_recv().is_ok()], [true; 2]);
    assert!(master.killed.try_recv().is_err(), "no more than needed");
    master.check().await;
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn a_guarantee_is_met_within_one_grace_and_takes_no_more_than_needed() {
    let guarantees = [("cpus".to_owned(), whole(2)), ("mem".to_owned(), whole(2048))].into();
    let quota = Quota { guarantees, ..Quota::default() };
    // Nothing is kept free for those who are not there: with this policy it is lent.
    let policy = PolicyKind::Capacity;
    let quotas = [("b".to_owned(), quota)].into();
    let (master, a) = full(Options { policy, quotas, ..Options::default() }).await;
    let b = master.subscribe("b").await;
    is_taken_back(master, a, b).await;
}

#[actix_rt::test]
async fn a_request_for_a_role_of_higher_priority_is_met_from_lower_ones() {
    let policy = PolicyKind::Priority;
    let priorities = [("b".to_owned(), 1)].into();
    let (master, a) = full(Options { policy, priorities, ..Options::default() }).await;
    let b = master.subscribe("b").await;
    let resources = Resources::parse("cpus=2;mem=2048").unwrap();
    let requests = vec![ResourceRequest { role: None, resources }];
    master.ask("frameworks", RequestResources { framework_id: b.id.clone(), requests }).await;
    is_taken_back(master, a, b).await;
}

fn whole(amount: i64) -> Scalar {
    Scalar::from_milli(amount * 1000)
}
