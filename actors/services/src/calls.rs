//! Who waits for an answer of the core.

use std::collections::BTreeMap;

use protocol::services::{
    AppAccepted, AppList, AppStatus, AppVersions, DeploymentList, InstancesKilled, ServicesInfo,
};
use protocol::{CallId, Failure, FailureKind};
use runtime::ReplyTo;
use services_core::Answer;

/// Calls that may wait at a time. They wait for the store, which takes milliseconds; when it hangs,
/// more callers are told so than are kept.
const MAX_WAITING: usize = 10_000;

/// One who waits.
pub(crate) enum Waiting {
    Accepted(ReplyTo<AppAccepted>),
    Killed(ReplyTo<InstancesKilled>),
    App(ReplyTo<AppStatus>),
    Apps(ReplyTo<AppList>),
    Versions(ReplyTo<AppVersions>),
    Deployments(ReplyTo<DeploymentList>),
    Info(ReplyTo<ServicesInfo>),
}

macro_rules! waiting {
    ($($kind:ident($reply:ty)),+ $(,)?) => {
        $(impl From<ReplyTo<$reply>> for Waiting {
            fn from(to: ReplyTo<$reply>) -> Self {
                Self::$kind(to)
            }
        })+

        impl Waiting {
            fn answer(self, result: Result<Answer, Failure>) {
                match (self, result) {
                    $((Self::$kind(to), Ok(Answer::$kind(answer))) => to.reply(answer),
                    (Self::$kind(to), Err(failure)) => to.refuse(failure),)+
                    // Dropping it tells the asker that it will not be answered.
                    (_, Ok(answer)) => debug_assert!(false, "a call was answered with {answer:?}"),
                }
            }
        }
    };
}

waiting! {
    Accepted(AppAccepted),
    Killed(InstancesKilled),
    App(AppStatus),
    Apps(AppList),
    Versions(AppVersions),
    Deployments(DeploymentList),
    Info(ServicesInfo),
}

/// The calls that wait, by number.
#[derive(Default)]
pub(crate) struct Calls {
    last: CallId,
    waiting: BTreeMap<CallId, Waiting>,
}

impl Calls {
    /// Numbers it; or refuses it when too many wait.
    pub(crate) fn add(&mut self, waiting: Waiting) -> Option<CallId> {
        if self.waiting.len() >= MAX_WAITING {
            let text = format!("{MAX_WAITING} calls wait for the store already; ask again later");
            waiting.answer(Err(Failure::new(FailureKind::Overloaded, text)));
            return None;
        }
        self.last = self.last.next();
        self.waiting.insert(self.last, waiting);
        Some(self.last)
    }

    pub(crate) fn answer(&mut self, call: CallId, result: Result<Answer, Failure>) {
        if let Some(waiting) = self.waiting.remove(&call) {
            waiting.answer(result);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
