//! What an actor can do from within a handler.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::FuturesUnordered;
use protocol::runtime::{MessageDescription, Subscribe};
use protocol::{Address, Failure, Incarnation, Message, Time};
use serde::Serialize;

use crate::actor::{Actor, Outcome};
use crate::delivery::{Delivery, Reply, ReplyTo};
use crate::handlers::Handlers;
use crate::host::Host;
use crate::registry::ActorShared;
use crate::timers::Timers;

/// Runs in the actor's own turn, with what a future brought.
pub(crate) type Then<A> = Box<dyn FnOnce(&mut A, &mut Context<A>)>;
pub(crate) type Running<A> = Pin<Box<dyn Future<Output = Then<A>>>>;

/// How an incarnation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Stop,
    Fail(String),
}

/// An actor's means within a handler: whom it speaks for, and everything it can do.
pub struct Context<A: Actor> {
    host: Host,
    shared: Arc<ActorShared>,
    handlers: Rc<Handlers<A>>,
    sender: Address,
    reply: Reply,
    trace: u64,
    pub(crate) timers: Timers<A::Timer>,
    pub(crate) running: FuturesUnordered<Running<A>>,
    pub(crate) blocked: Option<Running<A>>,
    pub(crate) ending: Option<Ending>,
    /// Who linked by themselves, as opposed to the links that topics keep.
    linked: BTreeSet<Address>,
    topics: BTreeMap<String, BTreeSet<Address>>,
    /// Topics of others that this incarnation stays subscribed to.
    following: BTreeSet<(Address, String)>,
}

/// How long a publisher may take to note a subscription.
const FOLLOW_DEADLINE: Duration = Duration::from_secs(1);
/// Until a publisher that was not there, or ended, is asked again.
const FOLLOW_AGAIN: Duration = Duration::from_millis(100);

impl<A: Actor> Context<A> {
    pub(crate) fn new(host: Host, shared: Arc<ActorShared>, handlers: Rc<Handlers<A>>) -> Self {
        Self {
            sender: shared.address.clone(),
            host,
            shared,
            handlers,
            reply: Reply::Nobody,
            trace: 0,
            timers: Timers::new(),
            running: FuturesUnordered::new(),
            blocked: None,
            ending: None,
            linked: BTreeSet::new(),
            topics: BTreeMap::new(),
            following: BTreeSet::new(),
        }
    }

    // --- who and when ---

    /// This actor's own address.
    pub fn address(&self) -> &Address {
        &self.shared.address
    }

    /// The host it lives on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The actor `name` of this host.
    pub fn local(&self, name: &str) -> Address {
        self.host.address_of(name)
    }

    /// Who sent the message that is being handled; itself outside of messages.
    pub fn sender(&self) -> &Address {
        &self.sender
    }

    /// Refuses the message that is being handled unless `only` sent it: what one actor alone can
    /// know is believed of nobody else.
    pub fn only_from(&self, only: &Address) -> Result<(), Failure> {
        if self.sender == *only {
            return Ok(());
        }
        let me = &self.shared.address;
        Err(Failure::refused(format!("{me} believes this of {only} alone, not of {}", self.sender)))
    }

    /// Now. Never goes backwards.
    pub fn now(&self) -> Time {
        self.host.now()
    }

    /// Which life of this actor this is.
    pub fn incarnation(&self) -> Incarnation {
        self.shared.incarnation()
    }

    /// What the message that is being handled belongs to; 0 is nothing.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    // --- messages ---

    /// Sends, at most once, in order for each receiver while its host is connected.
    pub fn tell<M: Message>(&mut self, to: &Address, message: M) {
        self.host.tell_from(&self.shared.address, self.trace, to, message);
    }

    /// Sends, and runs `then` with the answer, or with why there is none, within `deadline`.
    /// Other messages are handled meanwhile.
    pub fn ask<M: Message>(
        &mut self,
        to: &Address,
        message: M,
        deadline: Duration,
        then: impl FnOnce(&mut A, Result<M::Reply, Failure>, &mut Self) + 'static,
    ) {
        let answer = self.host.ask_from(&self.shared.address, self.trace, to, message, deadline);
        self.run(answer, then);
    }

    /// Takes the reply of the message that is being handled; the handler returns
    /// [`Outcome::Later`].
    pub fn defer<R: Serialize + Send + 'static>(&mut self) -> ReplyTo<R> {
        ReplyTo::new(std::mem::replace(&mut self.reply, Reply::Nobody))
    }

    /// Hands a message on as if its sender had sent it there; the answer goes to the sender.
    /// The handler returns what this returns.
    pub fn forward<M: Message>(&mut self, to: &Address, message: M) -> Outcome<M::Reply> {
        let reply = std::mem::replace(&mut self.reply, Reply::Nobody);
        self.host.forward(&self.sender, self.trace, to, message, reply);
        Outcome::Later
    }

    /// Hears through [`Actor::exited`] when `to` ends or its host becomes unreachable; at once if
    /// there is no such actor. Once for each link.
    pub fn link(&mut self, to: &Address) {
        self.linked.insert(to.clone());
        self.host.link(&self.shared.address, to);
    }

    /// No longer.
    pub fn unlink(&mut self, to: &Address) {
        self.linked.remove(to);
        if !self.topics.values().any(|subscribers| subscribers.contains(to)) {
            self.host.unlink(&self.shared.address, to);
        }
    }

    /// Tells everyone who subscribed to `topic`.
    pub fn publish<M: Message + Clone>(&mut self, topic: &str, message: &M) {
        for subscriber in self.topics.get(topic).into_iter().flatten() {
            self.host.tell_from(&self.shared.address, self.trace, subscriber, message.clone());
        }
    }

    /// Subscribes to a topic of another actor, and again whenever that actor ends or cannot be
    /// reached, for as long as this incarnation lives. Subscribers are told the present value, so
    /// nothing is missed that matters still.
    pub fn follow(&mut self, publisher: &Address, topic: &str) {
        self.following.insert((publisher.clone(), topic.to_owned()));
        self.subscribe(publisher.clone(), topic.to_owned());
    }

    fn subscribe(&mut self, publisher: Address, topic: String) {
        let wish = Subscribe { topic: topic.clone(), subscriber: None };
        let asked = publisher.clone();
        self.ask(&asked, wish, FOLLOW_DEADLINE, move |_, result, ctx| match result {
            // Linked only now: a publisher that is not there is found out by the ask.
            Ok(()) => ctx.host.link(&ctx.shared.address, &publisher),
            Err(failure) => {
                tracing::debug!(%publisher, %failure, "cannot subscribe yet");
                ctx.subscribe_soon(publisher, topic);
            }
        });
    }

    fn subscribe_soon(&mut self, publisher: Address, topic: String) {
        self.run(tokio::time::sleep(FOLLOW_AGAIN), move |_, (), ctx| {
            ctx.subscribe(publisher, topic);
        });
    }

    // --- time ---

    /// Sets a timer, or moves it if it is set.
    pub fn set_timer(&mut self, timer: A::Timer, after: Duration) {
        let at = self.now() + after;
        self.set_timer_at(timer, at);
    }

    /// Sets a timer to a time; one in the past fires at once.
    pub fn set_timer_at(&mut self, timer: A::Timer, at: Time) {
        self.timers.set(timer, self.host.instant(at));
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: &A::Timer) {
        self.timers.cancel(timer);
    }

    // --- futures ---

    /// Runs a future beside the messages, and `then` in a turn of its own when it is done.
    pub fn run<T: 'static>(
        &mut self,
        future: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut A, T, &mut Self) + 'static,
    ) {
        let running = self.continuation(future, then);
        self.running.push(running);
    }

    /// Runs a future and handles nothing else of this actor until it is done. Several are done in
    /// the order given.
    pub fn wait<T: 'static>(
        &mut self,
        future: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut A, T, &mut Self) + 'static,
    ) {
        let next = self.continuation(future, then);
        self.blocked = Some(match self.blocked.take() {
            None => next,
            Some(first) => chain(first, next),
        });
    }

    fn continuation<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut A, T, &mut Self) + 'static,
    ) -> Running<A> {
        let trace = self.trace;
        Box::pin(future.map(move |value| -> Then<A> {
            Box::new(move |actor, ctx| {
                ctx.trace = trace;
                then(actor, value, ctx);
            })
        }))
    }

    // --- ending ---

    /// Ends this actor for good, after the present handler.
    pub fn stop(&mut self) {
        self.ending = Some(Ending::Stop);
    }

    /// Ends this incarnation after the present handler; the supervisor makes the next one. What to
    /// do when the outcome of a write is unknown: reload rather than guess.
    pub fn fail(&mut self, why: impl Into<String>) {
        self.ending = Some(Ending::Fail(why.into()));
    }

    // --- for the runtime ---

    pub(crate) fn begin(&mut self, delivery: Delivery) -> crate::delivery::Payload {
        if let Some(from) = delivery.from {
            self.sender = from;
        }
        self.trace = delivery.trace;
        self.reply = delivery.reply;
        delivery.payload
    }

    /// After a turn that was not a message's, nothing of the last message lingers.
    pub(crate) fn end(&mut self) {
        self.trace = 0;
    }

    pub(crate) fn conclude<R: Serialize + Send + 'static>(&mut self, outcome: Outcome<R>) {
        let reply = std::mem::replace(&mut self.reply, Reply::Nobody);
        match outcome {
            Outcome::Reply(value) => reply.send(Ok(value)),
            Outcome::Refuse(failure) => reply.send::<R>(Err(failure)),
            Outcome::Later => {
                debug_assert!(
                    matches!(reply, Reply::Nobody),
                    "Outcome::Later without `defer` or `forward`"
                );
            }
        }
    }

    /// The message could not be given to a handler.
    pub(crate) fn reject(&mut self, failure: Failure) {
        self.shared.metrics.reject();
        tracing::debug!(actor = %self.shared.address, from = %self.sender, %failure, "message rejected");
        std::mem::replace(&mut self.reply, Reply::Nobody).refuse(failure);
    }

    pub(crate) fn drop_reply(&mut self) {
        self.reply = Reply::Nobody;
    }

    pub(crate) fn shared(&self) -> &Arc<ActorShared> {
        &self.shared
    }

    pub(crate) fn handlers(&self) -> Rc<Handlers<A>> {
        Rc::clone(&self.handlers)
    }

    pub(crate) fn descriptions(&self) -> Vec<MessageDescription> {
        self.handlers.describe()
    }

    pub(crate) fn add_subscriber(&mut self, topic: &str, subscriber: &Address) {
        self.topics.entry(topic.to_owned()).or_default().insert(subscriber.clone());
        self.host.link(&self.shared.address, subscriber);
    }

    pub(crate) fn remove_subscriber(&mut self, topic: &str, subscriber: &Address) {
        if let Some(subscribers) = self.topics.get_mut(topic) {
            subscribers.remove(subscriber);
        }
        self.topics.retain(|_, subscribers| !subscribers.is_empty());
        if !self.linked.contains(subscriber) {
            self.unlink(subscriber);
        }
    }

    /// Forgets the links and subscriptions of an actor that ended. True if this actor itself had
    /// linked to it.
    pub(crate) fn forget_exited(&mut self, who: &Address) -> bool {
        for subscribers in self.topics.values_mut() {
            subscribers.remove(who);
        }
        self.topics.retain(|_, subscribers| !subscribers.is_empty());
        let lost: Vec<_> = self.following.iter().filter(|(of, _)| of == who).cloned().collect();
        for (publisher, topic) in lost {
            self.subscribe_soon(publisher, topic);
        }
        self.linked.remove(who)
    }

    /// The context of the next incarnation: subscribers stay, and the sender, whom the next message
    /// may be from too; everything else is gone.
    pub(crate) fn renewed(&mut self) -> Self {
        let mut next =
            Self::new(self.host.clone(), Arc::clone(&self.shared), Rc::clone(&self.handlers));
        next.topics = std::mem::take(&mut self.topics);
        next.sender = self.sender.clone();
        for subscriber in next.topics.values().flatten() {
            next.host.link(&next.shared.address, subscriber);
        }
        next
    }

    pub(crate) fn subscriptions(&self) -> Vec<(String, Address)> {
        let of_topic = |(topic, subscribers): (&String, &BTreeSet<Address>)| {
            subscribers.iter().map(|s| (topic.clone(), s.clone())).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }
}

/// `first`, then `second`, both continued in order.
fn chain<A: Actor>(first: Running<A>, second: Running<A>) -> Running<A> {
    Box::pin(first.map(move |then| -> Then<A> {
        Box::new(move |actor, ctx| {
            // `then` may wait for more itself; that comes before what was already behind it.
            then(actor, ctx);
            ctx.blocked = Some(match ctx.blocked.take() {
                None => second,
                Some(inner) => chain(inner, second),
            });
        })
    }))
}
