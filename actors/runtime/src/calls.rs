//! Asks that an actor has taken and not answered yet, numbered, so that a core can name them
//! without knowing what a reply is.

use std::any::TypeId;
use std::collections::BTreeMap;

use protocol::{CallId, Failure};
use serde::Serialize;

use crate::delivery::{Reply, ReplyTo};

/// Open asks by their number. Dropped unanswered, they are answered `ActorDied`.
#[derive(Default)]
pub struct Calls {
    last: CallId,
    open: BTreeMap<CallId, Open>,
}

struct Open {
    reply: Reply,
    of: TypeId,
}

impl Calls {
    /// Keeps the right to answer, under a number that is never used again.
    pub fn add<R: 'static>(&mut self, reply: ReplyTo<R>) -> CallId {
        self.last = self.last.next();
        let open = Open { reply: reply.into_inner(), of: TypeId::of::<R>() };
        self.open.insert(self.last, open);
        self.last
    }

    /// Takes the right to answer back; `None` if it was answered, or is of another type.
    pub fn take<R: Serialize + Send + 'static>(&mut self, call: CallId) -> Option<ReplyTo<R>> {
        let open = self.open.remove(&call)?;
        debug_assert_eq!(open.of, TypeId::of::<R>(), "a call is answered with its own reply type");
        (open.of == TypeId::of::<R>()).then(|| ReplyTo::new(open.reply))
    }

    /// Answers. Nothing happens if it was answered already.
    pub fn reply<R: Serialize + Send + 'static>(&mut self, call: CallId, reply: R) {
        if let Some(to) = self.take(call) {
            to.reply(reply);
        }
    }

    /// Says no, whatever the reply would have been.
    pub fn refuse(&mut self, call: CallId, failure: Failure) {
        if let Some(open) = self.open.remove(&call) {
            open.reply.refuse(failure);
        }
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// None is.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Calls({} open)", self.open.len())
    }
}
