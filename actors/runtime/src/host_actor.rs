//! The actor `host`: what is on this host and whom it is connected to.

use protocol::runtime::{
    ActorList, ConnectionList, GetTrace, ListActors, ListConnections, TraceList,
};

use crate::actor::{Actor, Handler, Outcome};
use crate::context::Context;
use crate::handlers::Handlers;

/// The name of this actor on every host.
pub(crate) const NAME: &str = "host";

pub(crate) struct HostActor;

impl Actor for HostActor {
    const ABOUT: &'static str = "knows the actors of this host and its connections";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<ListActors>().on::<ListConnections>().on::<GetTrace>();
    }
}

impl Handler<ListActors> for HostActor {
    fn handle(&mut self, _: ListActors, ctx: &mut Context<Self>) -> Outcome<ActorList> {
        let host = ctx.host();
        Outcome::Reply(ActorList {
            cluster: host.cluster().to_owned(),
            host: host.addr().clone(),
            incarnation: host.incarnation(),
            actors: host.actors(),
        })
    }
}

impl Handler<ListConnections> for HostActor {
    fn handle(&mut self, _: ListConnections, ctx: &mut Context<Self>) -> Outcome<ConnectionList> {
        Outcome::Reply(ConnectionList { connections: ctx.host().connections() })
    }
}

impl Handler<GetTrace> for HostActor {
    fn handle(&mut self, message: GetTrace, ctx: &mut Context<Self>) -> Outcome<TraceList> {
        Outcome::Reply(TraceList { entries: ctx.host().traces().of(message.trace) })
    }
}
