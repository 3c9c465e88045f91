//! The actor behind a scheduler: finds the leading master, keeps the subscription, runs callbacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use protocol::constraints::OfferConstraints;
use protocol::elector::{GetLeader, LEADER_TOPIC, Leader, LeaderChanged};
use protocol::explain::ExplainOffers;
use protocol::framework::FrameworkInfo;
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AcknowledgeUpdate, AnswerInverseOffers, DeclineOffers,
    FrameworkSubscribed, KillTask, MessageToExecutor, ReconcileOperations, ReconcileTasks,
    RequestResources, ReviveOffers, ShutdownExecutor, SubscribeFramework, SuppressOffers,
    TeardownFramework,
};
use protocol::resize::ResizeTask;
use protocol::runtime::{Exited, Subscribe};
use protocol::scheduler::{
    ExecutorMessage, FrameworkError, InverseOffers, ReportFailure, RescindInverseOffers,
    RescindOffers, ResourceOffers, UpdateOperation, UpdateStatus,
};
use protocol::{Address, Failure, FailureKind, FrameworkId, HostAddr, TaskId};
use runtime::{Actor, Context, Handlers, Host, HostError, SpawnOptions};
use serde_json::json;

use crate::StopDriver;
use crate::accept::Doubtful;
use crate::call::SchedulerCall;
use crate::leader::{Standing, elector, frameworks};
use crate::scheduler::{Scheduler, SchedulerDriver, Subscribed};

/// Calls and callbacks that may wait: a burst of updates of a whole cluster.
const CAPACITY: usize = 65_536;
/// How long a master may take to say who leads.
const LEADER_DEADLINE: Duration = Duration::from_secs(2);
/// How long a master may take to subscribe a framework; it writes the registry first.
const SUBSCRIBE_DEADLINE: Duration = Duration::from_secs(10);
/// The pause before masters are asked again: the first, doubled up to the second. Short, because
/// the masters are few and a fail-over should not wait for it.
const SEEK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The pause before a lost subscription to a master's elections is made again.
const WATCH_AGAIN: Duration = Duration::from_secs(1);

/// How a scheduler is run.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// What the framework says of itself; with its `id` to take over its tasks.
    pub info: FrameworkInfo,
    /// The actors' addresses of all masters; any one that runs leads to the leader.
    pub masters: Vec<HostAddr>,
    /// The name of the driver's actor on its host; another one for a second framework.
    pub name: String,
    /// Updates are acknowledged by [`SchedulerDriver::acknowledge`] only. Otherwise they are when
    /// the callback has returned.
    pub explicit_acknowledgements: bool,
    /// Roles that want no offers at first.
    pub suppressed_roles: BTreeSet<String>,
    /// Only offers of agents like that are wanted.
    pub offer_constraints: Option<OfferConstraints>,
}

impl SchedulerConfig {
    /// With the common choices.
    pub fn new(info: FrameworkInfo, masters: Vec<HostAddr>) -> Self {
        Self {
            info,
            masters,
            name: "scheduler".into(),
            explicit_acknowledgements: false,
            suppressed_roles: BTreeSet::new(),
            offer_constraints: None,
        }
    }
}

/// Starts a scheduler on `host`. The factory makes it, and makes it anew should it panic.
pub fn start_scheduler<S: Scheduler>(
    host: &Host,
    config: SchedulerConfig,
    mut scheduler: impl FnMut() -> S + Send + 'static,
) -> Result<SchedulerDriver, HostError> {
    let driver = handle(host, host.address_of(&config.name));
    // Shared by all incarnations: the id must not be lost with one of them.
    let framework_id = Arc::new(Mutex::new(config.info.id.clone()));
    let (name, given) = (config.name.clone(), driver.clone());
    let options = SpawnOptions { capacity: CAPACITY, ..SpawnOptions::default() };
    host.spawn(&name, options, move || SchedulerActor {
        scheduler: scheduler(),
        driver: given.clone(),
        suppressed: config.suppressed_roles.clone(),
        config: config.clone(),
        framework_id: Arc::clone(&framework_id),
        standing: Standing::Seeking,
        attempt: 0,
        pause: SEEK.0,
        kills: BTreeMap::new(),
        doubtful: Doubtful::default(),
    })?;
    Ok(driver)
}

/// The handle that sends its calls to the actor at `to`.
fn handle(host: &Host, to: Address) -> SchedulerDriver {
    let host = host.clone();
    SchedulerDriver::from_fn(move |call| match call {
        SchedulerCall::Accept(message) => host.tell(&to, message),
        SchedulerCall::Decline(message) => host.tell(&to, message),
        SchedulerCall::AnswerInverse(message) => host.tell(&to, message),
        SchedulerCall::Request(message) => host.tell(&to, message),
        SchedulerCall::Revive(message) => host.tell(&to, message),
        SchedulerCall::Suppress(message) => host.tell(&to, message),
        SchedulerCall::Kill(message) => host.tell(&to, message),
        SchedulerCall::ShutdownExecutor(message) => host.tell(&to, message),
        SchedulerCall::Acknowledge(message) => host.tell(&to, message),
        SchedulerCall::AcknowledgeOperation(message) => host.tell(&to, message),
        SchedulerCall::Reconcile(message) => host.tell(&to, message),
        SchedulerCall::ReconcileOperations(message) => host.tell(&to, message),
        SchedulerCall::Message(message) => host.tell(&to, message),
        SchedulerCall::Resize(message) => host.tell(&to, message),
        SchedulerCall::Teardown(message) => host.tell(&to, message),
        SchedulerCall::Stop => host.tell(&to, StopDriver {}),
    })
}

/// See the module.
pub(crate) struct SchedulerActor<S> {
    pub(crate) scheduler: S,
    pub(crate) driver: SchedulerDriver,
    pub(crate) config: SchedulerConfig,
    pub(crate) framework_id: Arc<Mutex<Option<FrameworkId>>>,
    pub(crate) standing: Standing,
    /// Numbers the subscriptions tried, so that a late answer to an earlier one is known as such.
    attempt: u64,
    pause: Duration,
    pub(crate) suppressed: BTreeSet<String>,
    /// Kills that wait for a master.
    pub(crate) kills: BTreeMap<TaskId, KillTask>,
    pub(crate) doubtful: Doubtful,
}

/// What can time out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Time to ask the masters again who leads.
    Seek,
    /// Time to follow this master's elections again.
    Watch(HostAddr),
}

impl<S: Scheduler> Actor for SchedulerActor<S> {
    const ABOUT: &'static str =
        "the connection of a framework to the leading master, and its scheduler's callbacks";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LeaderChanged>()
            .on::<ResourceOffers>()
            .on::<RescindOffers>()
            .on::<InverseOffers>()
            .on::<RescindInverseOffers>()
            .on::<UpdateStatus>()
            .on::<UpdateOperation>()
            .on::<ReportFailure>()
            .on::<ExecutorMessage>()
            .on::<FrameworkError>()
            .on::<AcceptOffers>()
            .on::<DeclineOffers>()
            .on::<AnswerInverseOffers>()
            .on::<RequestResources>()
            .on::<ReviveOffers>()
            .on::<SuppressOffers>()
            .on::<KillTask>()
            .on::<ShutdownExecutor>()
            .on::<AcknowledgeUpdate>()
            .on::<AcknowledgeOperation>()
            .on::<ReconcileTasks>()
            .on::<ReconcileOperations>()
            .on::<MessageToExecutor>()
            .on::<TeardownFramework>()
            .on::<ResizeTask>()
            .on::<ExplainOffers>()
            .on::<StopDriver>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        for master in self.config.masters.clone() {
            self.watch(master, ctx);
        }
        self.seek(ctx);
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Seek => self.seek(ctx),
            Timer::Watch(master) => self.watch(master, ctx),
        }
    }

    fn exited(&mut self, exited: Exited, ctx: &mut Context<Self>) {
        let host = exited.actor.host().clone();
        if exited.actor == elector(&host) {
            ctx.set_timer(Timer::Watch(host), WATCH_AGAIN);
        } else if self.standing.leader().is_some_and(|leader| leader.host == host) {
            self.lose(ctx);
        }
    }

    fn inspect(&self) -> serde_json::Value {
        let (standing, leader) = match &self.standing {
            Standing::Seeking => ("seeking", None),
            Standing::Subscribing(leader) => ("subscribing", Some(leader)),
            Standing::Subscribed(leader) => ("subscribed", Some(leader)),
            Standing::Stopped => ("stopped", None),
        };
        json!({
            "framework_id": *self.framework_id.lock(), "name": self.config.info.name,
            "standing": standing, "leader": leader, "masters": self.config.masters,
            "suppressed_roles": self.suppressed, "waiting_kills": self.kills.len(),
        })
    }
}

// --- the connection ----------------------------------------------------------------------------

impl<S: Scheduler> SchedulerActor<S> {
    /// Follows the elections that this master sees.
    fn watch(&mut self, master: HostAddr, ctx: &mut Context<Self>) {
        let elector = elector(&master);
        let subscribe = Subscribe { topic: LEADER_TOPIC.into(), subscriber: None };
        ctx.ask(&elector.clone(), subscribe, LEADER_DEADLINE, move |_, subscribed, ctx| {
            match subscribed {
                Ok(()) => ctx.link(&elector),
                Err(_) => ctx.set_timer(Timer::Watch(master), WATCH_AGAIN),
            }
        });
    }

    /// Asks every master who leads, until subscribed.
    fn seek(&mut self, ctx: &mut Context<Self>) {
        if self.standing != Standing::Seeking {
            return;
        }
        for master in &self.config.masters {
            ctx.ask(&elector(master), GetLeader {}, LEADER_DEADLINE, |actor, answer, ctx| {
                if let Some(leader) = answer.ok().and_then(|leadership| leadership.leader) {
                    actor.consider(leader, ctx);
                }
            });
        }
        ctx.set_timer(Timer::Seek, self.pause);
        self.pause = (self.pause * 2).min(SEEK.1);
    }

    pub(crate) fn consider(&mut self, leader: Leader, ctx: &mut Context<Self>) {
        if !self.standing.prefers(&leader) {
            return;
        }
        self.leave(ctx);
        self.subscribe(leader, ctx);
    }

    fn subscribe(&mut self, leader: Leader, ctx: &mut Context<Self>) {
        let mut info = self.config.info.clone();
        info.id.clone_from(&self.framework_id.lock());
        let suppressed_roles = self.suppressed.iter().cloned().collect();
        let offer_constraints = self.config.offer_constraints.clone();
        let subscribe = SubscribeFramework::new(info);
        let message = SubscribeFramework { suppressed_roles, offer_constraints, ..subscribe };
        let to = frameworks(&leader.host);
        self.attempt += 1;
        let attempt = self.attempt;
        self.standing = Standing::Subscribing(leader);
        ctx.link(&to);
        ctx.ask(&to, message, SUBSCRIBE_DEADLINE, move |actor, answer, ctx| {
            if actor.attempt != attempt {
                return;
            }
            match answer {
                Ok(subscribed) => actor.on_subscribed(subscribed, ctx),
                Err(failure) => actor.on_not_subscribed(&failure, ctx),
            }
        });
    }

    fn on_subscribed(&mut self, subscribed: FrameworkSubscribed, ctx: &mut Context<Self>) {
        let Standing::Subscribing(leader) = &self.standing else { return };
        let (leader, FrameworkSubscribed { framework_id, epoch }) = (leader.clone(), subscribed);
        tracing::info!(framework = %framework_id, master = %leader.host, %epoch, "subscribed");
        *self.framework_id.lock() = Some(framework_id.clone());
        let master = leader.host.clone();
        self.standing = Standing::Subscribed(leader);
        self.pause = SEEK.0;
        self.scheduler.subscribed(&self.driver, &Subscribed { framework_id, epoch, master });
        self.catch_up(ctx);
    }

    /// What only a no of the master's own means for good; everything else may be better next time.
    fn on_not_subscribed(&mut self, failure: &Failure, ctx: &mut Context<Self>) {
        tracing::warn!(%failure, kind = ?failure.kind, "not subscribed");
        match failure.kind {
            FailureKind::Refused | FailureKind::BadMessage | FailureKind::Unwelcome => {
                self.abort(&failure.message, ctx);
            }
            _ => self.lose(ctx),
        }
    }

    /// The leader is out of reach: look for the next.
    fn lose(&mut self, ctx: &mut Context<Self>) {
        self.leave(ctx);
        ctx.set_timer(Timer::Seek, self.pause);
    }

    /// Drops the present leader, if there is one, and tells the scheduler.
    fn leave(&mut self, ctx: &mut Context<Self>) {
        let was = std::mem::take(&mut self.standing);
        self.attempt += 1;
        if let Some(leader) = was.leader() {
            ctx.unlink(&frameworks(&leader.host));
        }
        if was.subscribed().is_some() {
            tracing::warn!("disconnected from the master");
            self.scheduler.disconnected(&self.driver);
        }
    }

    pub(crate) fn abort(&mut self, message: &str, ctx: &mut Context<Self>) {
        self.scheduler.error(&self.driver, message);
        self.finish(ctx);
    }

    pub(crate) fn finish(&mut self, ctx: &mut Context<Self>) {
        self.standing = Standing::Stopped;
        ctx.stop();
    }

    /// Whether a message of the master is meant for what we are now, and from whom we take it.
    pub(crate) fn is_current(&self, framework_id: &FrameworkId, ctx: &Context<Self>) -> bool {
        let leads = |leader: &Leader| leader.host == *ctx.sender().host();
        self.standing.subscribed().is_some_and(leads)
            && self.framework_id.lock().as_ref() == Some(framework_id)
    }
}
