//! The messages that every actor takes: what it is, what it holds, how busy it is, its topics.

use protocol::Address;
use protocol::runtime::{
    ActorStats, Describe, Description, Inspect, Inspection, Stats, Subscribe, Unsubscribe,
};

use crate::actor::{Actor, Outcome};
use crate::context::Context;
use crate::handlers::Handlers;

pub(crate) fn install<A: Actor>(handlers: &mut Handlers<A>) {
    handlers
        .add::<Describe>(describe)
        .add::<Inspect>(inspect)
        .add::<Stats>(stats)
        .add::<Subscribe>(subscribe)
        .add::<Unsubscribe>(unsubscribe);
}

fn describe<A: Actor>(_: &mut A, _: Describe, ctx: &mut Context<A>) -> Outcome<Description> {
    Outcome::Reply(Description {
        address: ctx.address().clone(),
        about: A::ABOUT.to_owned(),
        messages: ctx.descriptions(),
    })
}

fn inspect<A: Actor>(actor: &mut A, _: Inspect, ctx: &mut Context<A>) -> Outcome<Inspection> {
    Outcome::Reply(Inspection {
        address: ctx.address().clone(),
        incarnation: ctx.incarnation(),
        state: actor.inspect(),
    })
}

fn stats<A: Actor>(_: &mut A, _: Stats, ctx: &mut Context<A>) -> Outcome<ActorStats> {
    Outcome::Reply(ctx.shared().stats())
}

fn subscribe<A: Actor>(actor: &mut A, message: Subscribe, ctx: &mut Context<A>) -> Outcome<()> {
    let subscriber = subscriber(message.subscriber, ctx);
    ctx.add_subscriber(&message.topic, &subscriber);
    actor.subscribed(&message.topic, &subscriber, ctx);
    Outcome::Reply(())
}

fn unsubscribe<A: Actor>(_: &mut A, message: Unsubscribe, ctx: &mut Context<A>) -> Outcome<()> {
    let subscriber = subscriber(message.subscriber, ctx);
    ctx.remove_subscriber(&message.topic, &subscriber);
    Outcome::Reply(())
}

fn subscriber<A: Actor>(named: Option<Address>, ctx: &Context<A>) -> Address {
    named.unwrap_or_else(|| ctx.sender().clone())
}
