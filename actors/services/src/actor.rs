//! The actor: messages in.

use std::sync::Arc;

use driver::SchedulerDriver;
use protocol::elector::{LEADER_TOPIC, LeaderChanged};
use protocol::explain::ExplainApp;
use protocol::scheduler::{
    ExecutorMessage, FrameworkError, ReportFailure, RescindOffers, ResourceOffers,
    SchedulerDisconnected, SchedulerSubscribed, UpdateStatus,
};
use protocol::services::{
    DeleteApp, GetApp, GetAppVersions, GetApps, GetDeployments, GetServicesInfo, KillInstances,
    PutApp, RestartApp, ScaleApp,
};
use protocol::{CallId, Epoch, Failure, FailureKind, HostAddr, Message};
use runtime::{Actor, Calls, Context, Handler, Handlers, Outcome, SpawnOptions};
use serde::Serialize;
use services_core::{Effect, Input, Timer};
use store::Store;

use crate::config::Config;
use crate::writer::Writer;

/// Messages that may wait: a master that was away tells of every task at once.
const CAPACITY: usize = 65_536;

/// Calls that may wait at a time. They wait for the store, which takes milliseconds; when it hangs,
/// more callers are told so than are kept.
const MAX_CALLS: usize = 10_000;

/// What can time out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// A timer of the core.
    Core(Timer),
    /// The store could not be read; try again.
    Load(Epoch),
}

/// The service scheduler of one services host.
pub struct Services {
    pub(crate) core: services_core::Services,
    pub(crate) config: services_core::Config,
    pub(crate) masters: Vec<HostAddr>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) writer: Writer,
    /// While subscribed, or trying to.
    pub(crate) driver: Option<SchedulerDriver>,
    pub(crate) calls: Calls,
    /// Empty between inputs; kept for its capacity.
    pub(crate) effects: Vec<Effect>,
}

impl Services {
    /// A standby, until the elector of this host says otherwise. The store is the one that the
    /// elector campaigns in: its epochs are the fence. Any of `masters` leads to the leading one.
    pub fn new(config: &Config, masters: Vec<HostAddr>, store: Arc<dyn Store>) -> Self {
        let config = config.core();
        Self {
            core: services_core::Services::new(config.clone(), uuid::Uuid::new_v4().as_u128()),
            config,
            masters,
            store,
            writer: Writer::default(),
            driver: None,
            calls: Calls::default(),
            effects: Vec::new(),
        }
    }

    /// How it is meant to be spawned: with room for many updates.
    pub fn spawn_options() -> SpawnOptions {
        SpawnOptions { capacity: CAPACITY, ..SpawnOptions::default() }
    }

    /// A call of the core, answered later.
    fn asked<R>(
        &mut self,
        input: impl FnOnce(CallId) -> Input,
        ctx: &mut Context<Self>,
    ) -> Outcome<R>
    where
        R: Serialize + Send + 'static,
    {
        if self.calls.len() >= MAX_CALLS {
            let text = format!("{MAX_CALLS} calls wait for the store already; ask again later");
            return Outcome::Refuse(Failure::new(FailureKind::Overloaded, text));
        }
        let call = self.calls.add(ctx.defer::<R>());
        self.take(input(call), ctx);
        Outcome::Later
    }

    /// News of the master. They are relayed by this host's own driver, and believed of nobody else.
    fn told(&mut self, input: Input, ctx: &mut Context<Self>) -> Outcome<()> {
        if ctx.sender().host() != ctx.host().addr() {
            let text = format!("the master is heard through {} alone", ctx.local("scheduler"));
            return Outcome::Refuse(Failure::refused(text));
        }
        self.take(input, ctx);
        Outcome::Reply(())
    }
}

impl Actor for Services {
    const ABOUT: &'static str = "owns the apps that stay up, and their instances";
    type Timer = Alarm;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LeaderChanged>()
            .on::<SchedulerSubscribed>()
            .on::<SchedulerDisconnected>()
            .on::<ResourceOffers>()
            .on::<RescindOffers>()
            .on::<UpdateStatus>()
            .on::<ReportFailure>()
            .on::<ExecutorMessage>()
            .on::<FrameworkError>()
            .on::<PutApp>()
            .on::<ScaleApp>()
            .on::<RestartApp>()
            .on::<DeleteApp>()
            .on::<KillInstances>()
            .on::<GetApp>()
            .on::<GetApps>()
            .on::<GetAppVersions>()
            .on::<GetDeployments>()
            .on::<GetServicesInfo>()
            .on::<ExplainApp>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        let elector = ctx.local("elector");
        ctx.follow(&elector, LEADER_TOPIC);
    }

    fn timer(&mut self, alarm: Alarm, ctx: &mut Context<Self>) {
        match alarm {
            Alarm::Core(timer) => self.take(Input::TimerFired(timer), ctx),
            Alarm::Load(epoch) => self.load(epoch, ctx),
        }
    }

    fn inspect(&self) -> serde_json::Value {
        let mut state = serde_json::to_value(self.core.summary()).unwrap_or_default();
        state["calls_waiting"] = self.calls.len().into();
        state["store"] = self.store.describe().into();
        state
    }
}

macro_rules! asked {
    ($($message:ident),+ $(,)?) => {$(
        impl Handler<$message> for Services {
            fn handle(
                &mut self,
                message: $message,
                ctx: &mut Context<Self>,
            ) -> Outcome<<$message as Message>::Reply> {
                self.asked(|call| Input::$message { call, message }, ctx)
            }
        }
    )+};
}

macro_rules! questions {
    ($($message:ident),+ $(,)?) => {$(
        impl Handler<$message> for Services {
            fn handle(
                &mut self,
                _: $message,
                ctx: &mut Context<Self>,
            ) -> Outcome<<$message as Message>::Reply> {
                self.asked(|call| Input::$message { call }, ctx)
            }
        }
    )+};
}

asked!(PutApp, ScaleApp, RestartApp, DeleteApp, KillInstances, GetApp, GetAppVersions, ExplainApp);
questions!(GetApps, GetDeployments, GetServicesInfo);

impl Handler<LeaderChanged> for Services {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local("elector")) {
            return Outcome::Refuse(failure);
        }
        self.take(Input::LeaderChanged(message.leadership), ctx);
        Outcome::Reply(())
    }
}

impl Handler<SchedulerSubscribed> for Services {
    fn handle(&mut self, message: SchedulerSubscribed, ctx: &mut Context<Self>) -> Outcome<()> {
        self.told(Input::Subscribed { framework_id: message.framework_id }, ctx)
    }
}

impl Handler<SchedulerDisconnected> for Services {
    fn handle(&mut self, _: SchedulerDisconnected, ctx: &mut Context<Self>) -> Outcome<()> {
        self.told(Input::Disconnected, ctx)
    }
}

impl Handler<ResourceOffers> for Services {
    fn handle(&mut self, message: ResourceOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        self.told(Input::Offers { offers: message.offers }, ctx)
    }
}

impl Handler<RescindOffers> for Services {
    fn handle(&mut self, message: RescindOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        self.told(Input::Rescinded { offer_ids: message.offer_ids }, ctx)
    }
}

impl Handler<UpdateStatus> for Services {
    fn handle(&mut self, message: UpdateStatus, ctx: &mut Context<Self>) -> Outcome<()> {
        self.told(Input::Update { status: message.status }, ctx)
    }
}

impl Handler<FrameworkError> for Services {
    fn handle(&mut self, message: FrameworkError, ctx: &mut Context<Self>) -> Outcome<()> {
        // The master has one error for every cause; this one, Mesos's own words, means that the
        // framework's id is void.
        let removed = message.message.starts_with("Framework has been removed");
        self.told(Input::Rejected { removed, why: message.message }, ctx)
    }
}

impl Handler<ReportFailure> for Services {
    /// The updates of the tasks that are concerned come on their own.
    fn handle(&mut self, _: ReportFailure, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}

impl Handler<ExecutorMessage> for Services {
    /// The executors of apps have nothing to say beyond their updates.
    fn handle(&mut self, _: ExecutorMessage, _: &mut Context<Self>) -> Outcome<()> {
        Outcome::Reply(())
    }
}
