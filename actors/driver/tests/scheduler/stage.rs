//! Masters, each on a host of its own, and a scheduler that records what it is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver::{Scheduler, SchedulerConfig, SchedulerDriver, Subscribed, start_scheduler};
use protocol::elector::{GetLeader, LEADER_TOPIC, Leader, LeaderChanged, Leadership};
use protocol::framework::{FrameworkInfo, Offer, OperationStatus};
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, FrameworkSubscribed, KillTask,
    OffersAccepted, ReconcileOperations, ReconcileTasks, RefusedOperation, SubscribeFramework,
    TeardownFramework,
};
use protocol::resize::{ResizeTask, TaskResized};
use protocol::scheduler::UpdateStatus;
use protocol::task::{CommandInfo, Source, TaskInfo, TaskState, TaskStatus};
use protocol::{Address, Epoch, Failure, HostAddr, OfferId, Resources, TaskId, Time};
use runtime::{
    Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, ReplyTo, SpawnOptions,
};
use tokio::sync::mpsc;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

// --- a master ----------------------------------------------------------------------------------

/// What masters agree on: who leads.
pub(crate) type Elected = Arc<Mutex<Option<Leader>>>;

pub(crate) struct Elector(Elected);

impl Elector {
    pub(crate) fn leadership(&self) -> Leadership {
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
pub(crate) enum Asked {
    Subscribe(Address, Box<SubscribeFramework>),
    Accept(AcceptOffers),
    Acknowledge(AcknowledgeUpdate),
    AcknowledgeOperation(AcknowledgeOperation),
    Kill(KillTask),
    Reconcile(ReconcileTasks),
    ReconcileOperations(ReconcileOperations),
    Resize(ResizeTask),
    Teardown,
}

pub(crate) struct Frameworks {
    pub(crate) asked: mpsc::UnboundedSender<Asked>,
    /// How calls other than a subscription are answered.
    pub(crate) answer: Arc<Mutex<Option<Failure>>>,
    /// What of an accept is not done.
    pub(crate) refused: Arc<Mutex<Vec<RefusedOperation>>>,
    /// Accepts are not answered.
    pub(crate) silent: Arc<AtomicBool>,
    pub(crate) unanswered: Vec<ReplyTo<OffersAccepted>>,
    pub(crate) refuse_subscription: bool,
    pub(crate) epoch: Epoch,
}

impl Frameworks {
    pub(crate) fn note(&self, asked: Asked) -> Outcome<()> {
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
            .on::<AcknowledgeOperation>()
            .on::<KillTask>()
            .on::<ReconcileTasks>()
            .on::<ReconcileOperations>()
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
    fn handle(
        &mut self,
        message: AcceptOffers,
        ctx: &mut Context<Self>,
    ) -> Outcome<OffersAccepted> {
        let refused = self.refused.lock().unwrap().clone();
        if self.silent.load(Ordering::Relaxed) {
            self.unanswered.push(ctx.defer());
            let _ = self.asked.send(Asked::Accept(message));
            return Outcome::Later;
        }
        match self.note(Asked::Accept(message)) {
            Outcome::Refuse(failure) => Outcome::Refuse(failure),
            _ => Outcome::Reply(OffersAccepted { refused }),
        }
    }
}
impl Handler<AcknowledgeOperation> for Frameworks {
    fn handle(&mut self, message: AcknowledgeOperation, _: &mut Context<Self>) -> Outcome<()> {
        self.note(Asked::AcknowledgeOperation(message))
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
impl Handler<ReconcileOperations> for Frameworks {
    fn handle(&mut self, message: ReconcileOperations, _: &mut Context<Self>) -> Outcome<()> {
        let _ = self.asked.send(Asked::ReconcileOperations(message));
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

pub(crate) struct Master {
    pub(crate) host: Host,
    pub(crate) asked: mpsc::UnboundedReceiver<Asked>,
    pub(crate) answer: Arc<Mutex<Option<Failure>>>,
    pub(crate) refused: Arc<Mutex<Vec<RefusedOperation>>>,
    pub(crate) silent: Arc<AtomicBool>,
}

pub(crate) async fn host(listen: bool) -> Host {
    let listen = listen.then(|| "127.0.0.1:0".parse().unwrap());
    Host::start(HostConfig { cluster: "test".into(), listen, advertise: None }).await.unwrap()
}

impl Master {
    pub(crate) async fn start(elected: &Elected, epoch: u64) -> Self {
        Self::start_with(elected, epoch, false).await
    }

    pub(crate) async fn start_with(
        elected: &Elected,
        epoch: u64,
        refuse_subscription: bool,
    ) -> Self {
        let host = host(true).await;
        let (tell, asked) = mpsc::unbounded_channel();
        let answer = Arc::new(Mutex::new(None));
        let refused = Arc::default();
        let (agreed, given) = (Arc::clone(elected), Arc::clone(&answer));
        let silent = Arc::<AtomicBool>::default();
        let (partly, quiet) = (Arc::clone(&refused), Arc::clone(&silent));
        host.spawn("elector", SpawnOptions::default(), move || Elector(Arc::clone(&agreed)))
            .unwrap();
        let frameworks = move || Frameworks {
            asked: tell.clone(),
            answer: Arc::clone(&given),
            refused: Arc::clone(&partly),
            silent: Arc::clone(&quiet),
            unanswered: Vec::new(),
            refuse_subscription,
            epoch: Epoch(epoch),
        };
        host.spawn("frameworks", SpawnOptions::default(), frameworks).unwrap();
        Self { host, asked, answer, refused, silent }
    }

    pub(crate) fn leads(&self, elected: &Elected, epoch: u64) {
        let host = self.host.addr().clone();
        let http = "127.0.0.1:5050".to_owned();
        *elected.lock().unwrap() = Some(Leader { host, http, epoch: Epoch(epoch) });
    }

    pub(crate) async fn asked(&mut self) -> Asked {
        tokio::time::timeout(DEADLINE, self.asked.recv()).await.expect("nothing asked").unwrap()
    }

    pub(crate) async fn subscription(&mut self) -> (Address, SubscribeFramework) {
        match self.asked().await {
            Asked::Subscribe(from, message) => (from, *message),
            other => panic!("expected a subscription: {other:?}"),
        }
    }

    /// Tells the scheduler in the name of the master's `frameworks`.
    pub(crate) fn tell<M: protocol::Message>(&self, to: &Address, message: M) {
        self.host.tell(to, message);
    }
}

// --- a scheduler -------------------------------------------------------------------------------

#[derive(Debug, PartialEq)]
pub(crate) enum Called {
    Subscribed(Subscribed),
    Offers(usize),
    Update(TaskStatus),
    Operation(OperationStatus),
    OperationsRefused(Vec<OfferId>, Vec<RefusedOperation>),
    Disconnected,
    ResizeRefused(String, String),
    Error(String),
}

pub(crate) struct Recorder(mpsc::UnboundedSender<Called>);

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
    fn operation(&mut self, _: &SchedulerDriver, status: OperationStatus) {
        let _ = self.0.send(Called::Operation(status));
    }
    fn operations_refused(
        &mut self,
        _: &SchedulerDriver,
        offer_ids: &[OfferId],
        refused: &[RefusedOperation],
    ) {
        let _ = self.0.send(Called::OperationsRefused(offer_ids.to_vec(), refused.to_vec()));
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

pub(crate) struct Rig {
    pub(crate) host: Host,
    pub(crate) driver: SchedulerDriver,
    pub(crate) called: mpsc::UnboundedReceiver<Called>,
}

pub(crate) fn info() -> FrameworkInfo {
    let text = r#"{"user": "root", "name": "test"}"#;
    serde_json::from_str(text).unwrap()
}

impl Rig {
    pub(crate) async fn start(masters: &[&Master]) -> Self {
        Self::start_with(masters, |_| ()).await
    }

    pub(crate) async fn start_with(
        masters: &[&Master],
        change: impl FnOnce(&mut SchedulerConfig),
    ) -> Self {
        let host = host(true).await;
        let masters: Vec<HostAddr> = masters.iter().map(|m| m.host.addr().clone()).collect();
        let mut config = SchedulerConfig::new(info(), masters);
        change(&mut config);
        let (tell, called) = mpsc::unbounded_channel();
        let driver = start_scheduler(&host, config, move || Recorder(tell.clone())).unwrap();
        Self { host, driver, called }
    }

    /// Two masters, and a scheduler that is subscribed with the first, which leads.
    pub(crate) async fn with_the_first_of_two(elected: &Elected) -> (Master, Master, Self) {
        let mut first = Master::start(elected, 1).await;
        let second = Master::start(elected, 2).await;
        first.leads(elected, 1);
        let mut rig = Self::start(&[&first, &second]).await;
        rig.subscribed().await;
        first.subscription().await;
        (first, second, rig)
    }

    pub(crate) async fn called(&mut self) -> Called {
        tokio::time::timeout(DEADLINE, self.called.recv()).await.expect("no callback").unwrap()
    }

    pub(crate) async fn subscribed(&mut self) -> Subscribed {
        match self.called().await {
            Called::Subscribed(subscribed) => subscribed,
            other => panic!("expected a subscription: {other:?}"),
        }
    }

    pub(crate) async fn update(&mut self) -> TaskStatus {
        match self.called().await {
            Called::Update(status) => status,
            other => panic!("expected an update: {other:?}"),
        }
    }

    pub(crate) fn address(&self) -> Address {
        self.host.address_of("scheduler")
    }
}

/// A master that leads, and a driver that has subscribed with it.
pub(crate) async fn subscribed() -> (Master, Rig) {
    let elected = Elected::default();
    let mut master = Master::start(&elected, 1).await;
    master.leads(&elected, 1);
    let mut rig = Rig::start(&[&master]).await;
    rig.subscribed().await;
    master.subscription().await;
    (master, rig)
}

pub(crate) fn task(id: &str) -> TaskInfo {
    TaskInfo::new(id, "agent", Resources::EMPTY, CommandInfo::shell("true"))
}

pub(crate) fn update(id: &str) -> UpdateStatus {
    let mut status = TaskStatus::new(id.into(), TaskState::Running, Source::Executor, Time(1));
    status.agent_id = Some("agent".into());
    status.update_id = Some("u1".into());
    UpdateStatus { framework_id: "new".into(), status }
}
