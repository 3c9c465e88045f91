//! What an actor is, as its author sees it.

use protocol::runtime::Exited;
use protocol::{Address, Failure, Message};

use crate::context::Context;
use crate::handlers::Handlers;

/// A state that only its own handlers touch, one at a time.
///
/// An actor is made by the factory given to [`crate::Host::spawn`], on the thread that it will live
/// on (it need not be `Send`). When it panics or calls [`Context::fail`], the factory makes a new
/// one, which reloads what it needs from its durable source; the address stays.
pub trait Actor: Sized + 'static {
    /// What it owns, in one sentence, for `Describe`.
    const ABOUT: &'static str;

    /// The things that can time out; `()` if there are none.
    type Timer: Ord + Clone + std::fmt::Debug + 'static;

    /// Names the messages that it takes: `handlers.on::<A>().on::<B>();`
    fn install(handlers: &mut Handlers<Self>);

    /// Runs first, in every incarnation.
    fn started(&mut self, ctx: &mut Context<Self>) {
        let _ = ctx;
    }

    /// A timer that it set has come due.
    fn timer(&mut self, timer: Self::Timer, ctx: &mut Context<Self>) {
        let _ = (timer, ctx);
    }

    /// An actor that it linked to has ended or cannot be reached. The link is gone.
    fn exited(&mut self, exited: Exited, ctx: &mut Context<Self>) {
        let _ = (exited, ctx);
    }

    /// Somebody subscribed to a topic: the place to tell it the present value.
    fn subscribed(&mut self, topic: &str, subscriber: &Address, ctx: &mut Context<Self>) {
        let _ = (topic, subscriber, ctx);
    }

    /// Its observable state, for people and tests.
    fn inspect(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    /// Runs last when it ends for good; not after a panic.
    fn stopping(&mut self, ctx: &mut Context<Self>) {
        let _ = ctx;
    }
}

/// How an actor handles one message.
pub trait Handler<M: Message>: Actor {
    /// Handles it to the end before anything else of this actor runs. The outcome of a message
    /// that was told rather than asked is dropped.
    fn handle(&mut self, message: M, ctx: &mut Context<Self>) -> Outcome<M::Reply>;
}

/// What a handler has to say to the asker.
#[derive(Debug)]
pub enum Outcome<R> {
    /// The answer.
    Reply(R),
    /// No, and why.
    Refuse(Failure),
    /// [`Context::defer`] or [`Context::forward`] took the reply; it comes later.
    Later,
}

impl<R> From<Result<R, Failure>> for Outcome<R> {
    fn from(result: Result<R, Failure>) -> Self {
        match result {
            Ok(reply) => Self::Reply(reply),
            Err(failure) => Self::Refuse(failure),
        }
    }
}
