//! Records on their way to the registry. One at a time for each framework; what else concerns the
//! framework's record meanwhile waits its turn, in order.

use std::collections::VecDeque;

use protocol::Failure;
use protocol::FailureKind;
use protocol::id::{CallId, FrameworkId};
use protocol::registrar::{ApplyOperations, FrameworkRecord, RegistryOperation};
use serde::Serialize;

use crate::effect::Effect;
use crate::removal::Removal;
use crate::revision::Revision;
use crate::state::{Term, Turn};
use crate::subscribe::Subscription;

/// How many may wait for one framework's record. A scheduler repeats a subscription at most every
/// second and a write takes milliseconds; more than this is a flood.
const MAX_WAITING: usize = 16;

/// A record that is being written, and what waits for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Write {
    pub(crate) change: Change,
    pub(crate) waiting: VecDeque<Change>,
}

/// What changes a framework's record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Change {
    Subscribe(Box<Subscription>),
    Revise(Box<Revision>),
    Remove(Removal),
}

impl Change {
    fn call(&self) -> Option<CallId> {
        match self {
            Self::Subscribe(subscription) => Some(subscription.call),
            Self::Revise(revision) => Some(revision.call),
            Self::Remove(removal) => removal.call,
        }
    }
}

impl Write {
    /// Who waits for an answer.
    pub(crate) fn calls(&self) -> impl Iterator<Item = CallId> + '_ {
        std::iter::once(&self.change).chain(&self.waiting).filter_map(Change::call)
    }
}

impl Term {
    /// Begins a change of a framework's record, or queues it behind the one in flight.
    pub(crate) fn change(&mut self, id: &FrameworkId, change: Change, turn: &mut Turn<'_>) {
        let Some(write) = self.writes.get_mut(id) else { return self.begin(id, change, turn) };
        if write.waiting.len() < MAX_WAITING {
            write.waiting.push_back(change);
        } else if let Some(call) = change.call() {
            let text = format!("too many changes of framework {id} are waiting; try again");
            turn.reply(call, Err(Failure::new(FailureKind::Overloaded, text)));
        }
    }

    fn begin(&mut self, id: &FrameworkId, change: Change, turn: &mut Turn<'_>) {
        match change {
            Change::Subscribe(subscription) => self.begin_subscription(*subscription, turn),
            Change::Revise(revision) => self.begin_revision(id, *revision, turn),
            Change::Remove(removal) => self.begin_removal(id, removal, turn),
        }
    }

    /// Sends a record to the registrar; `change` goes on when it is durable.
    pub(crate) fn record(
        &mut self,
        id: FrameworkId,
        record: FrameworkRecord,
        change: Change,
        turn: &mut Turn<'_>,
    ) {
        let operation = RegistryOperation::PutFramework { framework_id: id.clone(), record };
        let operations = ApplyOperations { epoch: self.epoch, operations: vec![operation] };
        turn.out.push(Effect::Record { framework_id: id.clone(), operations });
        self.writes.insert(id, Write { change, waiting: VecDeque::new() });
    }

    pub(crate) fn on_recorded(
        &mut self,
        id: &FrameworkId,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        let Some(write) = self.writes.remove(id) else { return };
        match write.change {
            Change::Subscribe(subscription) => {
                self.on_subscription_recorded(*subscription, result, turn)
            }
            Change::Revise(revision) => self.on_revision_recorded(id, *revision, result, turn),
            Change::Remove(removal) => self.on_removal_recorded(id, removal, result, turn),
        }
        for change in write.waiting {
            self.change(id, change, turn);
        }
    }
}
