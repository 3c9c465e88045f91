//! Those who wait for an answer of the core.

use std::collections::BTreeMap;

use frameworks_core::Answer;
use protocol::Failure;
use protocol::frameworks::{FrameworkList, FrameworkSubscribed, OfferList, TaskList};
use protocol::id::CallId;
use runtime::ReplyTo;

/// One who waits, by what the answer will be.
pub(crate) enum Waiting {
    Done(ReplyTo<()>),
    Subscribed(ReplyTo<FrameworkSubscribed>),
    Frameworks(ReplyTo<FrameworkList>),
    Tasks(ReplyTo<TaskList>),
    Offers(ReplyTo<OfferList>),
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
    FrameworkSubscribed => Subscribed,
    FrameworkList => Frameworks,
    TaskList => Tasks,
    OfferList => Offers,
}

impl Waiting {
    fn refuse(self, failure: Failure) {
        match self {
            Self::Done(reply) => reply.refuse(failure),
            Self::Subscribed(reply) => reply.refuse(failure),
            Self::Frameworks(reply) => reply.refuse(failure),
            Self::Tasks(reply) => reply.refuse(failure),
            Self::Offers(reply) => reply.refuse(failure),
        }
    }
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

    pub(crate) fn answer(&mut self, call: CallId, result: Result<Answer, Failure>) {
        let Some(waiting) = self.waiting.remove(&call) else { return };
        match (waiting, result) {
            (Waiting::Done(reply), Ok(Answer::Done)) => reply.reply(()),
            (Waiting::Subscribed(reply), Ok(Answer::Subscribed(answer))) => reply.reply(answer),
            (Waiting::Frameworks(reply), Ok(Answer::Frameworks(answer))) => reply.reply(answer),
            (Waiting::Tasks(reply), Ok(Answer::Tasks(answer))) => reply.reply(answer),
            (Waiting::Offers(reply), Ok(Answer::Offers(answer))) => reply.reply(answer),
            (waiting, Err(failure)) => waiting.refuse(failure),
            (waiting, Ok(answer)) => {
                // Dropping it tells the asker that it will not be answered.
                drop(waiting);
                debug_assert!(false, "a call was answered with {answer:?}");
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
