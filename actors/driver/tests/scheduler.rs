//! The scheduler's driver against stand-ins for masters, each on a host of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver::{Scheduler, SchedulerConfig, SchedulerDriver, Subscribed, start_scheduler};
use protocol::elector::{GetLeader, LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::framework::{Filters, FrameworkInfo, Offer, Operation};
use protocol::frameworks::{
    AcceptOffers, AcknowledgeUpdate, FrameworkSubscribed, KillTask, ReconcileTasks,
    SubscribeFramework, TeardownFramework,
};
use protocol::resize::{ResizeTask, TaskResized};
use protocol::scheduler::{FrameworkError, ResourceOffers, UpdateStatus};
use protocol::task::{CommandInfo, Reason, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{
    Address, Epoch, Failure, FailureKind, FrameworkId, HostAddr, Resources, Scalar, TaskId, Time,
};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use tokio::sync::mpsc;

const DEADLINE: Duration = Duration::from_secs(20);

// --- a master ----------------------------------------------------------------------------------

/// What masters agree on: who leads.
type Elected = Arc<Mutex<Option<Leader>>>;

struct Elector(Elected);

impl Elector {
    fn leadership(&self) -> Leadership {
        Leadership { leader: self.0.lock().unwrap().clone(), leading: false }
    }
}

impl Actor for Elector {
    const ABOUT: &'static str = "who leads, for a test";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetLeader>().on::<LeaderChanged>();
    }
    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        assert_eq!(topic, LEADER_TOPIC);
        ctx.tell(subscriber, LeaderChanged { leadership: self.leadership() });
    }
}

impl Handler<GetLeader> for Elector {
    fn handle(&mut self, _: GetLeader, _: &mut Context<Self>) -> Outcome<Leadership> {
        Outcome::Reply(self.leadership())
    }
}

/// Told by the test when the election has changed.
impl Handler<LeaderChanged> for Elector {
    fn handle(&mut self, _: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        ctx.publish(LEADER_TOPIC, &LeaderChanged { leadership: self.leadership() });
        Outcome::Reply(())
    }
}

/// What a master was asked by the driver.
#[derive(Debug)]
enum Asked {
    Subscribe(Address, Box<SubscribeFramework>),
    Accept(AcceptOffers),
    Acknowledge(AcknowledgeUpdate),
    Kill(KillTask),
    Reconcile(ReconcileTasks),
    Resize(ResizeTask),
    Teardown,
}

struct Frameworks {
    asked: mpsc::UnboundedSender<Asked>,
    /// How calls other than a subscription are answered.
    answer: Arc<Mutex<Option<Failure>>>,
    refuse_subscription: bool,
    epoch: Epoch,
}

impl Frameworks {
    fn note(&self, asked: Asked) -> Outcome<()> {
        let _ = self.asked.send(asked);
        match self.answer.lock().unwrap().clone() {
            None => Outcome::Reply(()),
            Some(failure) => Outcome::Refuse(failure),
        }
    }
}

impl Actor for Frameworks {
    const ABOUT: &'static str = "what a scheduler asks, for a test";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<SubscribeFramework>()
            .on::<AcceptOffers>()
            .on::<AcknowledgeUpdate>()
            .on::<KillTask>()
            .on::<ReconcileTasks>()
            .on::<ResizeTask>()
            .on::<TeardownFramework>();
    }
}

impl Handler<SubscribeFramework> for Frameworks {
    fn handle(
        &mut self,
        message: SubscribeFramework,
        ctx: &mut Context<Self>,
    ) -> Outcome<FrameworkSubscribed> {
        let framework_id = message.info.id.clone().unwrap_or_else(|| "new".into());
        let _ = self.asked.send(Asked::Subscribe(ctx.sender().clone(), Box::new(message)));
        if self.refuse_subscription {
            return Outcome::Refuse(Failure::refused("this framework was torn down"));
        }
        Outcome::Reply(FrameworkSubscribed { framework_id, epoch: self.epoch })
    }
}

impl Handler<AcceptOffers> for Frameworks {
    fn handle(&mut self, message: AcceptOffers, _: &mut Context<Self>) -> Outcome<()> {
        self.note(Asked::Accept(message))
    }
}
impl Handler<AcknowledgeUpdate> for Frameworks {
    fn handle(&mut self, message: AcknowledgeUpdate, _: &mut Context<Self>) -> Outcome<()> {
        self.note(Asked::Acknowledge(message))
    }
}
impl Handler<KillTask> for Frameworks {
    fn handle(&mut self, message: KillTask, _: &mut Context<Self>) -> Outcome<()> {
        self.note(Asked::Kill(message))
    }
}
impl Handler<ReconcileTasks> for Frameworks {
    fn handle(&mut self, message: ReconcileTasks, _: &mut Context<Self>) -> Outcome<()> {
        let _ = self.asked.send(Asked::Reconcile(message));
        Outcome::Reply(())
    }
}
impl Handler<ResizeTask> for Frameworks {
    fn handle(&mut self, message: ResizeTask, _: &mut Context<Self>) -> Outcome<TaskResized> {
        let resized = TaskResized { agent_id: "agent".into(), resources: Resources::EMPTY };
        match self.note(Asked::Resize(message)) {
            Outcome::Refuse(failure) => Outcome::Refuse(failure),
            _ => Outcome::Reply(resized),
        }
    }
}
impl Handler<TeardownFramework> for Frameworks {
    fn handle(&mut self, _: TeardownFramework, _: &mut Context<Self>) -> Outcome<()> {
        self.note(Asked::Teardown)
    }
}

struct Master {
    host: Host,
    asked: mpsc::UnboundedReceiver<Asked>,
    answer: Arc<Mutex<Option<Failure>>>,
}

async fn host(listen: bool) -> Host {
    let listen = listen.then(|| "127.0.0.1:0".parse().unwrap());
    Host::start(HostConfig { cluster: "test".into(), listen, advertise: None }).await.unwrap()
}

impl Master {
    async fn start(elected: &Elected, epoch: u64) -> Self {
        Self::start_with(elected, epoch, false).await
    }

    async fn start_with(elected: &Elected, epoch: u64, refuse_subscription: bool) -> Self {
        let host = host(true).await;
        let (tell, asked) = mpsc::unbounded_channel();
        let answer = Arc::new(Mutex::new(None));
        let (agreed, given) = (Arc::clone(elected), Arc::clone(&answer));
        host.spawn("elector", SpawnOptions::default(), move || Elector(Arc::clone(&agreed)))
            .unwrap();
        let frameworks = move || Frameworks {
            asked: tell.clone(),
            answer: Arc::clone(&given),
            refuse_subscription,
            epoch: Epoch(epoch),
        };
        host.spawn("frameworks", SpawnOptions::default(), frameworks).unwrap();
        Self { host, asked, answer }
    }

    fn leads(&self, elected: &Elected, epoch: u64) {
        let host = self.host.addr().clone();
        let http = "127.0.0.1:5050".to_owned();
        *elected.lock().unwrap() = Some(Leader { host, http, epoch: Epoch(epoch) });
    }

    async fn asked(&mut self) -> Asked {
        tokio::time::timeout(DEADLINE, self.asked.recv()).await.expect("nothing asked").unwrap()
    }

    async fn subscription(&mut self) -> (Address, SubscribeFramework) {
        match self.asked().await {
            Asked::Subscribe(from, message) => (from, *message),
            other => panic!("expected a subscription: {other:?}"),
        }
    }

    /// Tells the scheduler in the name of the master's `frameworks`.
    fn tell<M: protocol::Message>(&self, to: &Address, message: M) {
        self.host.tell(to, message);
    }
}

// --- a scheduler -------------------------------------------------------------------------------

#[derive(Debug, PartialEq)]
enum Called {
    Subscribed(Subscribed),
    Offers(usize),
    Update(TaskStatus),
    Disconnected,
    ResizeRefused(String, String),
    Error(String),
}

struct Recorder(mpsc::UnboundedSender<Called>);

impl Scheduler for Recorder {
    fn subscribed(&mut self, _: &SchedulerDriver, subscribed: &Subscribed) {
        let _ = self.0.send(Called::Subscribed(subscribed.clone()));
    }
    fn offers(&mut self, _: &SchedulerDriver, offers: Vec<Offer>) {
        let _ = self.0.send(Called::Offers(offers.len()));
    }
    fn update(&mut self, _: &SchedulerDriver, status: TaskStatus) {
        let _ = self.0.send(Called::Update(status));
    }
    fn resize_refused(&mut self, _: &SchedulerDriver, task_id: &TaskId, why: &str) {
        let _ = self.0.send(Called::ResizeRefused(task_id.to_string(), why.to_owned()));
    }
    fn disconnected(&mut self, _: &SchedulerDriver) {
        let _ = self.0.send(Called::Disconnected);
    }
    fn error(&mut self, _: &SchedulerDriver, message: &str) {
        let _ = self.0.send(Called::Error(message.to_owned()));
    }
}

struct Rig {
    host: Host,
    driver: SchedulerDriver,
    called: mpsc::UnboundedReceiver<Called>,
}

fn info() -> FrameworkInfo {
    let text = r#"{"user": "root", "name": "test"}"#;
    serde_json::from_str(text).unwrap()
}

impl Rig {
    async fn start(masters: &[&Master]) -> Self {
        Self::start_with(masters, |_| ()).await
    }

    async fn start_with(masters: &[&Master], change: impl FnOnce(&mut SchedulerConfig)) -> Self {
        let host = host(true).await;
        let masters: Vec<HostAddr> = masters.iter().map(|m| m.host.addr().clone()).collect();
        let mut config = SchedulerConfig::new(info(), masters);
        change(&mut config);
        let (tell, called) = mpsc::unbounded_channel();
        let driver = start_scheduler(&host, config, move || Recorder(tell.clone())).unwrap();
        Self { host, driver, called }
    }

    async fn called(&mut self) -> Called {
        tokio::time::timeout(DEADLINE, self.called.recv()).await.expect("no callback").unwrap()
    }

    async fn subscribed(&mut self) -> Subscribed {
        match self.called().await {
            Called::Subscribed(subscribed) => subscribed,
            other => panic!("expected a subscription: {other:?}"),
        }
    }

    async fn update(&mut self) -> TaskStatus {
        match self.called().await {
            Called::Update(status) => status,
            other => panic!("expected an update: {other:?}"),
        }
    }

    fn address(&self) -> Address {
        self.host.address_of("scheduler")
    }
}

/// A master that leads, and a driver that has subscribed with it.
async fn subscribed() -> (Master, Rig) {
    let elected = Elected::default();
    let mut master = Master::start(&elected, 1).await;
    master.leads(&elected, 1);
    let mut rig = Rig::start(&[&master]).await;
    rig.subscribed().await;
    master.subscription().await;
    (master, rig)
}

fn task(id: &str) -> TaskInfo {
    TaskInfo::new(id, "agent", Resources::EMPTY, CommandInfo::shell("true"))
}

fn update(id: &str) -> UpdateStatus {
    let mut status = TaskStatus::new(id.into(), TaskState::Running, Source::Executor, Time(1));
    status.agent_id = Some("agent".into());
    status.update_id = Some("u1".into());
    UpdateStatus { framework_id: "new".into(), status }
}

#[actix_rt::test]
async fn a_size_that_is_refused_is_called_back_and_one_that_is_not_comes_as_an_update() {
    let (mut master, mut rig) = subscribed().await;
    let more = Some(Scalar::from_milli(2000));
    rig.driver.resize("t1".into(), more, None);
    let Asked::Resize(wish) = master.asked().await else { panic!("not a resize") };
    assert_eq!((wish.framework_id.as_str(), wish.task_id.as_str()), ("new", "t1"));
    assert_eq!((wish.cpus, wish.mem), (more, None));
    *master.answer.lock().unwrap() = Some(Failure::refused("no room"));
    rig.driver.resize("t2".into(), None, more);
    master.asked().await;
    let refused = Called::ResizeRefused("t2".into(), "no room".into());
    assert_eq!(rig.called().await, refused, "and nothing was said of t1");
}

#[actix_rt::test]
async fn any_master_leads_to_the_leader() {
    let elected = Elected::default();
    let (standby, mut leader) =
        (Master::start(&elected, 7).await, Master::start(&elected, 7).await);
    leader.leads(&elected, 7);
    let mut rig = Rig::start(&[&standby]).await;
    let (from, message) = leader.subscription().await;
    assert_eq!((from, message.info.id), (rig.address(), None));
    let subscribed = rig.subscribed().await;
    assert_eq!(subscribed.framework_id, FrameworkId::from("new"));
    assert_eq!((subscribed.epoch, &subscribed.master), (Epoch(7), leader.host.addr()));
    leader.tell(&rig.address(), ResourceOffers { framework_id: "new".into(), offers: vec![] });
    assert_eq!(rig.called().await, Called::Offers(0));
}

#[actix_rt::test]
async fn a_new_leader_is_subscribed_with_as_the_same_framework() {
    let elected = Elected::default();
    let (mut first, mut second) =
        (Master::start(&elected, 1).await, Master::start(&elected, 2).await);
    first.leads(&elected, 1);
    let mut rig = Rig::start(&[&first, &second]).await;
    rig.subscribed().await;
    first.subscription().await;
    second.leads(&elected, 2);
    let leadership = Leadership { leader: None, leading: true };
    second.tell(&second.host.address_of("elector"), LeaderChanged { leadership });
    let (_, message) = second.subscription().await;
    assert_eq!(message.info.id, Some("new".into()));
    assert_eq!(rig.called().await, Called::Disconnected);
    assert_eq!(rig.subscribed().await.epoch, Epoch(2));
    // The deposed one does not know yet, and is not listened to.
    first.tell(&rig.address(), ResourceOffers { framework_id: "new".into(), offers: vec![] });
    first.tell(&rig.address(), update("t"));
    second.tell(&rig.address(), update("t"));
    assert_eq!(rig.update().await.task_id, "t".into());
    assert!(matches!(second.asked().await, Asked::Acknowledge(_)));
}

#[actix_rt::test]
async fn a_leader_that_dies_and_comes_back_is_subscribed_with_again() {
    let elected = Elected::default();
    let (first, mut second) = (Master::start(&elected, 1).await, Master::start(&elected, 2).await);
    first.leads(&elected, 1);
    let mut rig = Rig::start(&[&first, &second]).await;
    rig.subscribed().await;
    first.host.shutdown().await;
    assert_eq!(rig.called().await, Called::Disconnected);
    second.leads(&elected, 2);
    assert_eq!(second.subscription().await.1.info.id, Some("new".into()));
    assert_eq!(rig.subscribed().await.master, *second.host.addr());
}

#[actix_rt::test]
async fn updates_are_acknowledged_after_the_callback_or_by_hand() {
    let (mut master, mut rig) = subscribed().await;
    master.tell(&rig.address(), update("t"));
    let status = rig.update().await;
    let Asked::Acknowledge(acknowledged) = master.asked().await else { panic!() };
    assert_eq!(acknowledged.framework_id, "new".into());
    assert_eq!((acknowledged.task_id, acknowledged.update_id), ("t".into(), "u1".into()));

    let explicit = |config: &mut SchedulerConfig| config.explicit_acknowledgements = true;
    let mut by_hand = Rig::start_with(&[&master], explicit).await;
    by_hand.subscribed().await;
    master.subscription().await;
    master.tell(&by_hand.address(), update("t"));
    by_hand.update().await;
    by_hand.driver.kill("marker".into(), None, None);
    assert!(matches!(master.asked().await, Asked::Kill(_)), "not acknowledged before");
    by_hand.driver.acknowledge(&status);
    assert!(matches!(master.asked().await, Asked::Acknowledge(_)));
}

#[actix_rt::test]
async fn without_a_master_tasks_are_dropped_and_kills_wait() {
    let elected = Elected::default();
    let mut master = Master::start(&elected, 1).await;
    let mut rig = Rig::start(&[&master]).await;
    rig.driver.launch(vec!["o1".into()], vec![task("a"), task("b")]);
    for id in ["a", "b"] {
        let status = rig.update().await;
        assert_eq!((status.task_id, status.state), (id.into(), TaskState::Lost));
        assert_eq!(status.reason, Some(Reason::MasterDisconnected));
        assert_eq!(status.update_id, None);
    }
    rig.driver.kill("old".into(), Some("agent".into()), None);
    rig.driver.suppress(vec!["web".into()]);
    master.leads(&elected, 1);
    assert_eq!(master.subscription().await.1.suppressed_roles, ["web"]);
    rig.subscribed().await;
    let Asked::Kill(kill) = master.asked().await else { panic!() };
    assert_eq!((kill.framework_id, kill.task_id), ("new".into(), "old".into()));
}

#[actix_rt::test]
async fn what_became_of_a_launch_that_failed_is_asked_unless_it_is_certain() {
    let (mut master, mut rig) = subscribed().await;
    let failing = |kind| *master.answer.lock().unwrap() = Some(Failure::new(kind, "no"));
    failing(FailureKind::Refused);
    let operations = vec![Operation::Launch { tasks: vec![task("a")] }];
    rig.driver.accept(vec!["o1".into()], operations, Filters::default());
    let Asked::Accept(accepted) = master.asked().await else { panic!() };
    assert_eq!(accepted.framework_id, "new".into());
    let Asked::Reconcile(reconcile) = master.asked().await else { panic!() };
    assert_eq!(reconcile.tasks[0].task_id, "a".into());
    assert_eq!(reconcile.tasks[0].agent_id, Some("agent".into()));
    *master.answer.lock().unwrap() = Some(Failure::new(FailureKind::Overloaded, "too much"));
    rig.driver.launch(vec!["o2".into()], vec![task("b")]);
    let status = rig.update().await;
    assert_eq!((status.task_id, status.state), ("b".into(), TaskState::Lost));
    assert_eq!(status.message, "not launched: too much");
}

#[actix_rt::test]
async fn a_refusal_or_an_error_of_the_master_ends_the_driver() {
    let elected = Elected::default();
    let master = Master::start_with(&elected, 1, true).await;
    master.leads(&elected, 1);
    let mut rig = Rig::start(&[&master]).await;
    assert_eq!(rig.called().await, Called::Error("this framework was torn down".into()));

    let (master, mut rig) = subscribed().await;
    let message = "Framework failed over".to_owned();
    master.tell(&rig.address(), FrameworkError { framework_id: "new".into(), message });
    assert_eq!(rig.called().await, Called::Error("Framework failed over".into()));
}

#[actix_rt::test]
async fn a_teardown_ends_the_driver_once_the_master_has_it() {
    let (mut master, mut rig) = subscribed().await;
    rig.driver.teardown();
    assert!(matches!(master.asked().await, Asked::Teardown));
    assert_eq!(rig.called.recv().await, None, "the scheduler is dropped");
}
