//! Those who wait for an answer of the core.

use std::collections::BTreeMap;

use agent_core::Reply;
use protocol::agent::{AgentStateReply, ExecutorRegistered, SandboxChunk};
use protocol::{CallId, Failure};
use runtime::ReplyTo;

/// One who waits, by what the answer will be.
pub(crate) enum Waiting {
    Done(ReplyTo<()>),
    Registered(ReplyTo<ExecutorRegistered>),
    State(ReplyTo<AgentStateReply>),
    Chunk(ReplyTo<SandboxChunk>),
}

/// Everyone who waits, by the number that the core knows.
#[derive(Default)]
pub(crate) struct Calls {
    last: CallId,
    waiting: BTreeMap<CallId, Waiting>,
}

impl Calls {
    pub(crate) fn add(&mut self, waiting: Waiting) -> CallId {
        self.last = self.last.next();
        self.waiting.insert(self.last, waiting);
        self.last
    }

    /// Takes one who waits for a part of a file.
    pub(crate) fn chunk(&mut self, call: CallId) -> Option<ReplyTo<SandboxChunk>> {
        match self.waiting.remove(&call) {
            Some(Waiting::Chunk(reply)) => Some(reply),
            _ => None,
        }
    }

    pub(crate) fn answer(&mut self, call: CallId, reply: Reply) {
        let Some(waiting) = self.waiting.remove(&call) else { return };
        match (waiting, reply) {
            (Waiting::Done(to), Reply::Done) => to.reply(()),
            (Waiting::Registered(to), Reply::Registered(registered)) => to.reply(registered),
            (Waiting::State(to), Reply::AgentState(state)) => to.reply(*state),
            (waiting, Reply::Refused(failure)) => waiting.refuse(failure),
            // Dropped, it tells the asker that there will be no answer.
            (_, reply) => debug_assert!(false, "a call was answered with {reply:?}"),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Waiting {
    fn refuse(self, failure: Failure) {
        match self {
            Self::Done(to) => to.refuse(failure),
            Self::Registered(to) => to.refuse(failure),
            Self::State(to) => to.refuse(failure),
            Self::Chunk(to) => to.refuse(failure),
        }
    }
}
