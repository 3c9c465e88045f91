//! Those who wait for an answer of the core.

use std::collections::BTreeMap;

use agents_core::Reply;
use protocol::agents::{AgentList, AgentRegistered, AgentSummary};
use protocol::{CallId, Failure};
use runtime::ReplyTo;

/// One who waits, by what the answer will be.
pub(crate) enum Waiting {
    Done(ReplyTo<()>),
    Registered(ReplyTo<AgentRegistered>),
    Agents(ReplyTo<AgentList>),
    Agent(ReplyTo<AgentSummary>),
}

macro_rules! into_waiting {
    ($($reply:ty => $variant:ident),+ $(,)?) => {$(
        impl From<ReplyTo<$reply>> for Waiting {
            fn from(reply: ReplyTo<$reply>) -> Self {
                Self::$variant(reply)
            }
        }
    )+};
}

into_waiting! {
    () => Done,
    AgentRegistered => Registered,
    AgentList => Agents,
    AgentSummary => Agent,
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

    pub(crate) fn answer(&mut self, call: CallId, result: Result<Reply, Failure>) {
        let Some(waiting) = self.waiting.remove(&call) else { return };
        match (waiting, result) {
            (Waiting::Done(to), Ok(Reply::Done)) => to.reply(()),
            (Waiting::Registered(to), Ok(Reply::Registered(answer))) => to.reply(answer),
            (Waiting::Agents(to), Ok(Reply::Agents(answer))) => to.reply(answer),
            (Waiting::Agent(to), Ok(Reply::Agent(answer))) => to.reply(answer),
            (Waiting::Done(to), Err(failure)) => to.refuse(failure),
            (Waiting::Registered(to), Err(failure)) => to.refuse(failure),
            (Waiting::Agents(to), Err(failure)) => to.refuse(failure),
            (Waiting::Agent(to), Err(failure)) => to.refuse(failure),
            (waiting, Ok(answer)) => {
                // Dropping it tells the asker that it will not be answered.
                drop(waiting);
                debug_assert!(false, "a call was answered with {answer:?}");
            }
        }
    }
}
