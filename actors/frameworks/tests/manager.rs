//! The actor among stand-ins for its neighbours: what is told to whom, over the real runtime.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::time::Duration;

use frameworks::{Config, Frameworks, NAME};
use protocol::agents::RouteLaunch;
use protocol::allocator::{AddAgent, AddFramework, RecoverResources, ResetAllocator};
use protocol::elector::{Leader, LeaderChanged, Leadership};
use protocol::framework::{AgentInfo, Allocation, Filters, FrameworkInfo, Operation};
use protocol::frameworks::{
    AcceptOffers, AgentJoined, AgentsRecovered, ForwardUpdate, FrameworkSubscribed, GetFrameworks,
    GetTasks, OfferAllocations, SubscribeFramework,
};
use protocol::id::{Epoch, FrameworkId, Generation};
use protocol::registrar::{ApplyOperations, GetRegistry, Registry, RegistrySnapshot};
use protocol::runtime::Exited;
use protocol::scheduler::{ResourceOffers, UpdateStatus};
use protocol::task::{CommandInfo, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{Address, FailureKind, Resources, messages};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const SOON: Duration = Duration::from_secs(5);
const EPOCH: Epoch = Epoch(3);

/// Makes the stand-in panic, so that its supervisor restarts it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Panic {}
/// What the stand-in heard of the ends of others.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Heard {}
/// Link to this actor.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Watch {
    target: Address,
}
messages! { Panic, Heard -> Vec<Exited>, Watch }

/// Stands in for elector, registrar, agents, allocator and scheduler at once: each of them is one.
#[derive(Default)]
struct StandIn {
    heard: Vec<Exited>,
    /// As elector: whom it tells of, other than that this host leads.
    told: Option<Leadership>,
}

impl Actor for StandIn {
    const ABOUT: &'static str = "nothing";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<Panic>().on::<Heard>().on::<Watch>().on::<LeaderChanged>();
        handlers.on::<GetRegistry>().on::<ApplyOperations>();
        handlers.on::<RouteLaunch>();
        handlers
            .on::<ResetAllocator>()
            .on::<AddFramework>()
            .on::<AddAgent>()
            .on::<RecoverResources>();
        handlers.on::<ResourceOffers>().on::<UpdateStatus>();
    }

    fn subscribed(&mut self, _: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        let leadership = self.told.clone().unwrap_or_else(|| leadership(true));
        ctx.tell(subscriber, LeaderChanged { leadership });
    }

    fn exited(&mut self, exited: Exited, _: &mut Context<Self>) {
        self.heard.push(exited);
    }
}

macro_rules! taken {
    ($($message:ty),+) => {$(
        impl Handler<$message> for StandIn {
            fn handle(&mut self, _: $message, _: &mut Context<Self>) -> Outcome<()> {
                Outcome::Reply(())
            }
        }
    )+};
}

taken!(
    ApplyOperations,
    RouteLaunch,
    ResetAllocator,
    AddFramework,
    AddAgent,
    RecoverResources,
    ResourceOffers,
    UpdateStatus
);

impl Handler<Panic> for StandIn {
    fn handle(&mut self, _: Panic, _: &mut Context<Self>) -> Outcome<()> {
        panic!("as told")
    }
}

impl Handler<Heard> for StandIn {
    fn handle(&mut self, _: Heard, _: &mut Context<Self>) -> Outcome<Vec<Exited>> {
        Outcome::Reply(self.heard.clone())
    }
}

impl Handler<Watch> for StandIn {
    fn handle(&mut self, message: Watch, ctx: &mut Context<Self>) -> Outcome<()> {
        ctx.link(&message.target);
        Outcome::Reply(())
    }
}

impl Handler<LeaderChanged> for StandIn {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        ctx.publish(protocol::elector::LEADER_TOPIC, &message);
        Outcome::Reply(())
    }
}

impl Handler<GetRegistry> for StandIn {
    fn handle(&mut self, _: GetRegistry, _: &mut Context<Self>) -> Outcome<RegistrySnapshot> {
        Outcome::Reply(RegistrySnapshot { epoch: EPOCH, registry: Registry::default() })
    }
}

fn leadership(leading: bool) -> Leadership {
    let host = if leading { "127.0.0.1:1" } else { "10.0.0.2:7050" }.parse().unwrap();
    Leadership { leader: Some(Leader { host, http: String::new(), epoch: EPOCH }), leading }
}

fn info() -> FrameworkInfo {
    FrameworkInfo { failover_timeout_ms: 60_000, ..FrameworkInfo::new("root", "demo") }
}

async fn host() -> Host {
    let config = HostConfig { cluster: "test".into(), listen: None, advertise: None };
    Host::start(config).await.unwrap()
}

fn manager(host: &Host) -> Address {
    host.spawn(NAME, Frameworks::spawn_options(), || Frameworks::new(&Config::default())).unwrap()
}

struct Master {
    host: Host,
    frameworks: Address,
}

impl Master {
    /// A leader whose agents manager has said which agents there are: none.
    async fn leading() -> Self {
        let host = host().await;
        let stand_in = |name| host.spawn(name, SpawnOptions::default(), StandIn::default);
        for name in ["registrar", "agents", "allocator", "scheduler"] {
            stand_in(name).unwrap();
        }
        let frameworks = manager(&host);
        // The elector comes last: until then it is asked again and again.
        stand_in("elector").unwrap();
        let master = Self { host, frameworks };
        master.introduce().await;
        master
    }

    async fn introduce(&self) {
        for _ in 0..500 {
            let message = AgentsRecovered { epoch: EPOCH, agents: vec![] };
            if self.host.ask(&self.frameworks, message, SOON).await.is_ok() {
                return;
            }
            actix_rt::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the frameworks manager does not lead");
    }

    async fn subscribe(&self) -> FrameworkId {
        let scheduler = Some(self.host.address_of("scheduler"));
        let message = SubscribeFramework { scheduler, ..SubscribeFramework::new(info()) };
        let FrameworkSubscribed { framework_id, epoch } =
            self.host.ask(&self.frameworks, message, SOON).await.unwrap();
        assert_eq!(epoch, EPOCH);
        framework_id
    }

    fn join(&self) {
        let resources = Resources::parse("cpus=4;mem=1000").unwrap();
        let info = AgentInfo {
            hostname: "node".into(),
            host: "127.0.0.1:2".parse().unwrap(),
            http: "127.0.0.1:3".into(),
            resources,
            attributes: Default::default(),
            domain: None,
            boot_id: "b".into(),
            version: "0".into(),
        };
        self.host.tell(
            &self.frameworks,
            AgentJoined {
                agent_id: "a1".into(),
                generation: Generation(1),
                info,
                tasks: vec![],
                executors: vec![],
                frameworks: vec![],
                operations: vec![],
            },
        );
    }

    /// Offers one cpu; the round is the one that the allocator was last told.
    fn allocate(&self, framework_id: &FrameworkId, round: u64) {
        let allocation = Allocation {
            framework_id: framework_id.clone(),
            role: "*".into(),
            agent_id: "a1".into(),
            generation: Generation(1),
            resources: Resources::parse("cpus=1").unwrap(),
        };
        let allocations = vec![allocation];
        self.host.tell(&self.frameworks, OfferAllocations { round, allocations });
    }
}

fn task() -> TaskInfo {
    TaskInfo {
        task_id: "t1".into(),
        name: "t1".into(),
        agent_id: "a1".into(),
        resources: Resources::parse("cpus=1").unwrap(),
        command: Some(CommandInfo {
            value: Some("true".into()),
            shell: true,
            ..Default::default()
        }),
        executor: None,
        kill_policy: None,
        labels: vec![],
        data: None,
    }
}

#[actix_rt::test]
async fn an_offer_becomes_a_launch_and_an_update_reaches_the_scheduler() {
    let master = Master::leading().await;
    let probe = master.host.probe();
    let framework_id = master.subscribe().await;
    let added = probe.expect_message::<AddAgent>("allocator");
    master.join();
    added.await;
    let offered = probe.expect_message::<ResourceOffers>("scheduler");
    master.allocate(&framework_id, 1);
    let offer = offered.await.offers.remove(0);

    let launched = probe.expect_message::<RouteLaunch>("agents");
    let accept = AcceptOffers {
        framework_id: framework_id.clone(),
        offer_ids: vec![offer.offer_id],
        operations: vec![Operation::Launch { tasks: vec![task()] }],
        filters: Filters::default(),
    };
    master.host.ask(&master.frameworks, accept, SOON).await.unwrap();
    assert_eq!(launched.await.tasks[0].task_id, "t1".into());

    let updated = probe.expect_message::<UpdateStatus>("scheduler");
    let now = master.host.now();
    let status = TaskStatus::new("t1".into(), TaskState::Running, Source::Executor, now);
    let latest_state = TaskState::Running;
    let agent_id = "a1".into();
    let update = ForwardUpdate { framework_id, agent_id, status, latest_state };
    master.host.tell(&master.frameworks, update);
    assert_eq!(updated.await.status.state, TaskState::Running);
    let tasks = master.host.ask(&master.frameworks, GetTasks::default(), SOON).await.unwrap();
    assert_eq!(tasks.tasks[0].state, TaskState::Running);
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn a_scheduler_that_ends_is_disconnected() {
    let master = Master::leading().await;
    let framework_id = master.subscribe().await;
    master.host.stop_actor("scheduler").await;
    master.host.probe().settle().await;
    let list = master.host.ask(&master.frameworks, GetFrameworks::default(), SOON).await.unwrap();
    assert_eq!(list.frameworks[0].framework_id, framework_id);
    assert!(!list.frameworks[0].connected);
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn a_restarted_allocator_is_told_everything_again() {
    let master = Master::leading().await;
    let framework_id = master.subscribe().await;
    let reset = master.host.probe().expect_message::<ResetAllocator>("allocator");
    let added = master.host.probe().expect_message::<AddFramework>("allocator");
    master.host.tell(&master.host.address_of("allocator"), Panic {});
    let reset = reset.await;
    assert!(reset.round > 1 && reset.epoch == EPOCH);
    assert_eq!(added.await.framework_id, framework_id);
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn who_links_to_a_deposed_leader_hears_of_it() {
    let master = Master::leading().await;
    let scheduler = master.host.address_of("scheduler");
    let watch = Watch { target: master.frameworks.clone() };
    master.host.ask(&scheduler, watch, SOON).await.unwrap();
    let elector = master.host.address_of("elector");
    let deposed = LeaderChanged { leadership: leadership(false) };
    master.host.ask(&elector, deposed, SOON).await.unwrap();
    // The next incarnation asks the elector, which makes it the leader again.
    master.introduce().await;
    let heard = master.host.ask(&scheduler, Heard {}, SOON).await.unwrap();
    assert_eq!(heard[0].actor, master.frameworks);
    master.host.shutdown().await;
}

#[actix_rt::test]
async fn a_standby_names_the_leader() {
    let host = host().await;
    let elector = || StandIn { told: Some(leadership(false)), ..StandIn::default() };
    host.spawn("elector", SpawnOptions::default(), elector).unwrap();
    let told = host.probe().expect_message::<LeaderChanged>(NAME);
    let frameworks = manager(&host);
    told.await;
    let refused = host.ask(&frameworks, GetFrameworks::default(), SOON).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotLeader);
    assert!(refused.message.contains("10.0.0.2:7050"), "{refused}");
    host.shutdown().await;
}

#[actix_rt::test]
async fn the_leadership_is_believed_of_the_elector_of_this_host_alone() {
    let master = Master::leading().await;
    let framework_id = master.subscribe().await;
    let probe = master.host.probe();
    let heard = probe.expect_message::<LeaderChanged>(NAME);
    let deposed = LeaderChanged { leadership: leadership(false) };
    let refused = master.host.ask(&master.frameworks, deposed.clone(), SOON).await.unwrap_err();
    assert_eq!(heard.await, deposed);
    assert_eq!(refused.kind, FailureKind::Refused);
    assert!(refused.message.contains("elector@"), "{refused}");
    // It leads on, in the same incarnation.
    let list = master.host.ask(&master.frameworks, GetFrameworks::default(), SOON).await.unwrap();
    assert_eq!(list.frameworks[0].framework_id, framework_id);
    assert!(list.frameworks[0].connected);
    master.host.shutdown().await;
}
