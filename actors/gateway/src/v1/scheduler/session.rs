//! An actor for each event stream: to `frameworks` it is the scheduler.
//!
//! It subscribes when it starts, hands what it hears to the stream's queue, and ends with the
//! stream, with `frameworks`, or when the framework is somebody else's or nobody's.

use std::time::Duration;

use protocol::framework::Domain;
use protocol::frameworks::{FrameworkSubscribed, SubscribeFramework, TeardownFramework};
use protocol::runtime::Exited;
use protocol::scheduler::{
    ExecutorMessage, FrameworkError, InverseOffers, ReportFailure, RescindInverseOffers,
    RescindOffers, ResourceOffers, UpdateOperation, UpdateStatus,
};
use protocol::{Failure, FailureKind, messages};
use runtime::{Actor, Context, Handler, Handlers, Outcome, SpawnOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;

use super::event::{Event, Subscribed};
use super::sessions::{Listing, Open, Sessions};
use crate::v1::stream::EventQueue;

const FRAMEWORKS: &str = "frameworks";
/// How long a subscription may take: the registry is written first.
const SUBSCRIBE_DEADLINE: Duration = Duration::from_secs(20);
/// How long a teardown may take, for the same reason.
const TEARDOWN_DEADLINE: Duration = Duration::from_secs(20);
/// Messages that may wait for it; as many as for a scheduler's driver.
const CAPACITY: usize = 65_536;
/// What arrives before the answer to the subscription: offers, and updates that are repeated.
const MAX_EARLY: usize = 1024;

/// The reader of the stream is gone. From the edge on this host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StreamClosed {}

/// End the framework, and with it the stream. From the edge on this host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EndFramework {}

messages! { StreamClosed, EndFramework }

/// What a session is made of.
pub(crate) struct Beginning {
    pub(crate) subscription: SubscribeFramework,
    pub(crate) queue: EventQueue<Box<Event>>,
    pub(crate) sessions: Sessions,
    pub(crate) stream: Open,
    /// The HTTP edge of this master, `host:port`.
    pub(crate) http: String,
    /// Where this master is, if that is known.
    pub(crate) domain: Option<Domain>,
    /// Hears whether there is a stream to read: of events, or of the one error.
    pub(crate) outcome: oneshot::Sender<Result<(), Failure>>,
}

/// The scheduler of one event stream.
pub(crate) struct Session {
    phase: Phase,
}

enum Phase {
    /// Before it has started; there is nothing to start a second time.
    Fresh(Option<Box<Beginning>>),
    Subscribing {
        beginning: Box<Beginning>,
        early: Vec<Event>,
    },
    Subscribed {
        listing: Listing,
        queue: EventQueue<Box<Event>>,
    },
    Over,
}

impl Session {
    pub(crate) fn new(beginning: Option<Box<Beginning>>) -> Self {
        Self { phase: Phase::Fresh(beginning) }
    }

    pub(crate) fn spawn_options() -> SpawnOptions {
        SpawnOptions { capacity: CAPACITY, ..SpawnOptions::default() }
    }

    fn on_answer(&mut self, answer: Result<FrameworkSubscribed, Failure>, ctx: &mut Context<Self>) {
        let Phase::Subscribing { beginning, early } =
            std::mem::replace(&mut self.phase, Phase::Over)
        else {
            return;
        };
        match answer {
            Ok(subscribed) => self.begin(*beginning, subscribed, early, ctx),
            Err(failure) => {
                ctx.stop();
                refuse(*beginning, failure);
            }
        }
    }

    fn begin(
        &mut self,
        beginning: Beginning,
        subscribed: FrameworkSubscribed,
        early: Vec<Event>,
        ctx: &mut Context<Self>,
    ) {
        let Beginning { queue, sessions, stream, http, domain, outcome, .. } = beginning;
        let FrameworkSubscribed { framework_id, epoch } = subscribed;
        let master_id = format!("{}-{epoch}", ctx.host().addr());
        let listing = sessions.list(framework_id.clone(), stream);
        self.phase = Phase::Subscribed { listing, queue };
        let first = Subscribed { framework_id, http, master_id, domain };
        self.push(Event::Subscribed(first), ctx);
        for event in early {
            self.push(event, ctx);
        }
        // Without a reader the notice of that is on its way.
        let _ = outcome.send(Ok(()));
    }

    /// Takes an event of `frameworks` for the stream.
    fn take(&mut self, event: Event, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local(FRAMEWORKS)) {
            return Outcome::Refuse(failure);
        }
        match &mut self.phase {
            Phase::Subscribing { early, .. } if early.len() < MAX_EARLY => early.push(event),
            Phase::Subscribing { .. } | Phase::Fresh(_) | Phase::Over => {}
            Phase::Subscribed { .. } => self.push(event, ctx),
        }
        Outcome::Reply(())
    }

    fn push(&mut self, event: Event, ctx: &mut Context<Self>) {
        let Phase::Subscribed { listing, queue } = &self.phase else { return };
        if queue.push(Box::new(event)).is_err() {
            if let Some(reason) = queue.was_cut() {
                tracing::warn!(framework = %listing.framework_id(), reason, "scheduler cut off");
            }
            self.end(ctx);
        }
    }

    /// The stream ends when what is queued has been read.
    fn end(&mut self, ctx: &mut Context<Self>) {
        self.phase = Phase::Over;
        ctx.stop();
    }
}

/// What `frameworks` says no to is told on the stream, as Mesos does; the rest may be better the
/// next time.
fn refuse(beginning: Beginning, failure: Failure) {
    let outcome = match failure.kind {
        FailureKind::Refused | FailureKind::BadMessage => {
            // A queue that is empty has room, or there is no reader.
            let _ = beginning.queue.push(Box::new(Event::Error(failure.message)));
            Ok(())
        }
        _ => Err(failure),
    };
    let _ = beginning.outcome.send(outcome);
}

impl Actor for Session {
    const ABOUT: &'static str = "the event stream of a scheduler that speaks HTTP";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<ResourceOffers>()
            .on::<RescindOffers>()
            .on::<InverseOffers>()
            .on::<RescindInverseOffers>()
            .on::<UpdateStatus>()
            .on::<UpdateOperation>()
            .on::<ReportFailure>()
            .on::<ExecutorMessage>()
            .on::<FrameworkError>()
            .on::<StreamClosed>()
            .on::<EndFramework>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        let Phase::Fresh(beginning) = &mut self.phase else { return };
        let Some(beginning) = beginning.take() else { return ctx.stop() };
        let frameworks = ctx.local(FRAMEWORKS);
        ctx.link(&frameworks);
        let subscription = beginning.subscription.clone();
        self.phase = Phase::Subscribing { beginning, early: Vec::new() };
        ctx.ask(&frameworks, subscription, SUBSCRIBE_DEADLINE, |session, answer, ctx| {
            session.on_answer(answer, ctx);
        });
    }

    fn exited(&mut self, _: Exited, ctx: &mut Context<Self>) {
        self.end(ctx);
    }

    fn inspect(&self) -> serde_json::Value {
        match &self.phase {
            Phase::Fresh(_) | Phase::Subscribing { .. } => json!({ "phase": "subscribing" }),
            Phase::Subscribed { listing, .. } => {
                json!({ "phase": "subscribed", "framework_id": listing.framework_id() })
            }
            Phase::Over => json!({ "phase": "over" }),
        }
    }
}

macro_rules! events {
    ($($message:ident => $event:ident),+ $(,)?) => {$(
        impl Handler<$message> for Session {
            fn handle(&mut self, message: $message, ctx: &mut Context<Self>) -> Outcome<()> {
                self.take(Event::$event(message), ctx)
            }
        }
    )+};
}

events! {
    ResourceOffers => Offers,
    RescindOffers => Rescind,
    InverseOffers => Inverse,
    RescindInverseOffers => RescindInverse,
    UpdateStatus => Update,
    UpdateOperation => Operation,
    ReportFailure => Failure,
    ExecutorMessage => Message,
}

/// The framework is somebody else's, or nobody's: the last event of the stream.
impl Handler<FrameworkError> for Session {
    fn handle(&mut self, message: FrameworkError, ctx: &mut Context<Self>) -> Outcome<()> {
        let taken = self.take(Event::Error(message.message), ctx);
        if matches!(taken, Outcome::Reply(())) {
            self.end(ctx);
        }
        taken
    }
}

/// Refuses what did not come from this host.
fn only_here(ctx: &Context<Session>) -> Result<(), Failure> {
    if ctx.sender().host() == ctx.address().host() {
        return Ok(());
    }
    Err(Failure::refused(format!("only the edge of this host may say that, not {}", ctx.sender())))
}

impl Handler<StreamClosed> for Session {
    fn handle(&mut self, _: StreamClosed, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = only_here(ctx) {
            return Outcome::Refuse(failure);
        }
        self.end(ctx);
        Outcome::Reply(())
    }
}

impl Handler<EndFramework> for Session {
    fn handle(&mut self, _: EndFramework, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = only_here(ctx) {
            return Outcome::Refuse(failure);
        }
        let Phase::Subscribed { listing, .. } = &self.phase else {
            return Outcome::Refuse(Failure::refused("Framework is not subscribed"));
        };
        let message = TeardownFramework { framework_id: listing.framework_id().clone() };
        let reply = ctx.defer::<()>();
        let frameworks = ctx.local(FRAMEWORKS);
        ctx.ask(
            &frameworks,
            message,
            TEARDOWN_DEADLINE,
            move |session, answer, ctx| match answer {
                Ok(()) => {
                    reply.reply(());
                    session.end(ctx);
                }
                Err(failure) => reply.refuse(failure),
            },
        );
        Outcome::Later
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Phase::Subscribed { listing, .. } = &self.phase {
            tracing::debug!(framework = %listing.framework_id(), "event stream ended");
        }
    }
}
