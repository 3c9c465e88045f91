//! Which messages an actor takes, and how each is turned into a call.

use std::any::TypeId;
use std::cell::Cell;

use protocol::runtime::MessageDescription;
use protocol::{Failure, FailureKind, Message};

use crate::actor::{Actor, Handler, Outcome};
use crate::builtin;
use crate::context::Context;
use crate::delivery::{Boxed, WireMessage, open};

/// A message as it arrives: in a box from this host, as bytes from another.
pub(crate) enum Incoming<'a> {
    Local(Boxed),
    Wire(&'a [u8]),
}

type Run<A> = Box<dyn Fn(&mut A, Incoming<'_>, &mut Context<A>)>;

struct Entry<A: Actor> {
    name: &'static str,
    type_id: TypeId,
    run: Run<A>,
    describe: fn() -> MessageDescription,
}

/// The messages of one actor type.
pub struct Handlers<A: Actor> {
    entries: Vec<Entry<A>>,
    /// Where the last message was found: traffic comes in runs of one kind.
    last: Cell<usize>,
}

impl<A: Actor> Handlers<A> {
    /// Those of `A`, and those that every actor has.
    pub(crate) fn of_actor() -> Self {
        let mut handlers = Self { entries: Vec::new(), last: Cell::new(0) };
        A::install(&mut handlers);
        builtin::install(&mut handlers);
        handlers
    }

    /// Takes messages of type `M`.
    pub fn on<M: Message>(&mut self) -> &mut Self
    where
        A: Handler<M>,
    {
        self.add::<M>(<A as Handler<M>>::handle)
    }

    pub(crate) fn add<M: Message>(
        &mut self,
        handle: fn(&mut A, M, &mut Context<A>) -> Outcome<M::Reply>,
    ) -> &mut Self {
        debug_assert!(self.index(|e| e.name == M::NAME).is_none(), "{} is taken twice", M::NAME);
        self.entries.push(Entry {
            name: M::NAME,
            type_id: TypeId::of::<M>(),
            run: Box::new(move |actor, incoming, ctx| match read::<M>(incoming) {
                Ok(message) => {
                    let outcome = handle(actor, message, ctx);
                    ctx.conclude(outcome);
                }
                Err(failure) => ctx.reject(failure),
            }),
            describe: describe::<M>,
        });
        self
    }

    pub(crate) fn run_local(
        &self,
        actor: &mut A,
        (name, type_id): (&'static str, TypeId),
        message: Boxed,
        ctx: &mut Context<A>,
    ) {
        match self.index(|e| e.type_id == type_id) {
            Some(at) => (self.entries[at].run)(actor, Incoming::Local(message), ctx),
            None => ctx.reject(self.unknown(name)),
        }
    }

    pub(crate) fn run_wire(&self, actor: &mut A, message: &WireMessage, ctx: &mut Context<A>) {
        let name = message.name_bytes();
        match self.index(|e| e.name.as_bytes() == name) {
            Some(at) => (self.entries[at].run)(actor, Incoming::Wire(message.body()), ctx),
            None => ctx.reject(self.unknown(message.name())),
        }
    }

    pub(crate) fn describe(&self) -> Vec<MessageDescription> {
        self.entries.iter().map(|entry| (entry.describe)()).collect()
    }

    fn index(&self, is_it: impl Fn(&Entry<A>) -> bool) -> Option<usize> {
        let last = self.last.get();
        if self.entries.get(last).is_some_and(&is_it) {
            return Some(last);
        }
        let found = self.entries.iter().position(is_it)?;
        self.last.set(found);
        Some(found)
    }

    fn unknown(&self, name: &str) -> Failure {
        let known: Vec<&str> = self.entries.iter().map(|e| e.name).collect();
        Failure::new(
            FailureKind::UnknownMessage,
            format!("unknown message `{name}`; this actor takes {}", known.join(", ")),
        )
    }
}

fn read<M: Message>(incoming: Incoming<'_>) -> Result<M, Failure> {
    match incoming {
        Incoming::Local(message) => Ok(open(message).expect("entries match by type id")),
        Incoming::Wire(bytes) => protocol::codec::decode(bytes).map_err(|failure| {
            Failure::new(failure.kind, format!("body of {}: {}", M::NAME, failure.message))
        }),
    }
}

fn describe<M: Message>() -> MessageDescription {
    MessageDescription {
        name: M::NAME.to_owned(),
        body: schemars::schema_for!(M).to_value(),
        reply: schemars::schema_for!(M::Reply).to_value(),
    }
}
