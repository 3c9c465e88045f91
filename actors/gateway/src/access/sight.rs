//! What those may see who may not see everything.

use protocol::access::Action;
use protocol::framework::FrameworkInfo;

use super::Caller;

/// The eyes of a caller. A task or an executor is seen if its framework is, too; both are of the
/// framework's user, as lists have no other.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    caller: Caller,
}

impl Sight {
    pub(super) fn new(caller: Caller) -> Self {
        Self { caller }
    }

    pub(crate) fn framework(&self, info: &FrameworkInfo) -> bool {
        self.caller.can(Action::ViewFrameworks, Some(&info.user))
    }

    pub(crate) fn tasks_of(&self, info: &FrameworkInfo) -> bool {
        self.framework(info) && self.caller.can(Action::ViewTasks, Some(&info.user))
    }

    pub(crate) fn executors_of(&self, info: &FrameworkInfo) -> bool {
        self.framework(info) && self.caller.can(Action::ViewExecutors, Some(&info.user))
    }
}
