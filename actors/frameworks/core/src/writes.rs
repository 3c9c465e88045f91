//! Records on their way to the registry. One change at a time for each subject; what else concerns
//! the same records meanwhile waits its turn, in order.
//!
//! A change goes through `begin` (is it still right?), `record`, and `recorded`, where it takes
//! effect and is answered. Nothing of it shows before that.

use std::collections::VecDeque;

use protocol::Failure;
use protocol::FailureKind;
use protocol::id::{CallId, FrameworkId};
use protocol::registrar::{ApplyOperations, FrameworkRecord, RegistryOperation};
use serde::Serialize;

use crate::effect::Effect;
use crate::maintenance::MaintenanceChange;
use crate::quotas::QuotaChange;
use crate::removal::Removal;
use crate::revision::Revision;
use crate::state::{Term, Turn};
use crate::subscribe::Subscription;
use crate::weights::WeightChange;

/// How many may wait for one subject's records. A scheduler repeats a subscription at most every
/// second, operators are people, and a write takes milliseconds; more than this is a flood.
const MAX_WAITING: usize = 16;

/// Whose records a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Subject {
    /// Those of one framework.
    Framework(FrameworkId),
    /// Those that are of the whole cluster.
    Cluster,
}

/// A record that is being written, and what waits for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Write {
    pub(crate) change: Change,
    pub(crate) waiting: VecDeque<Change>,
}

/// What changes records.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Change {
    Subscribe(Box<Subscription>),
    Revise(Box<Revision>),
    Remove(Removal),
    Quotas(QuotaChange),
    Weights(WeightChange),
    Maintenance(MaintenanceChange),
    /// Nobody knows what became of the one before: the registry is read.
    Reread,
}

impl Change {
    fn subject(&self) -> Subject {
        match self {
            Self::Subscribe(subscription) => Subject::Framework(subscription.id.clone()),
            Self::Revise(revision) => Subject::Framework(revision.id.clone()),
            Self::Remove(removal) => Subject::Framework(removal.id.clone()),
            Self::Quotas(_) | Self::Weights(_) | Self::Maintenance(_) | Self::Reread => {
                Subject::Cluster
            }
        }
    }

    fn call(&self) -> Option<CallId> {
        match self {
            Self::Subscribe(subscription) => Some(subscription.call),
            Self::Revise(revision) => Some(revision.call),
            Self::Remove(removal) => removal.call,
            Self::Quotas(change) => Some(change.call),
            Self::Weights(change) => Some(change.call),
            Self::Maintenance(change) => Some(change.call),
            Self::Reread => None,
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
    /// Begins a change, or queues it behind the one of the same subject that is in flight.
    pub(crate) fn change(&mut self, change: Change, turn: &mut Turn<'_>) {
        let Some(write) = self.writes.get_mut(&change.subject()) else {
            return self.begin(change, turn);
        };
        if write.waiting.len() < MAX_WAITING {
            write.waiting.push_back(change);
        } else if let Some(call) = change.call() {
            let text = match change.subject() {
                Subject::Framework(id) => format!("too many changes of framework {id} are waiting"),
                Subject::Cluster => "too many changes of the cluster are waiting".to_owned(),
            };
            let failure = Failure::new(FailureKind::Overloaded, format!("{text}; try again"));
            turn.reply(call, Err(failure));
        }
    }

    fn begin(&mut self, change: Change, turn: &mut Turn<'_>) {
        match change {
            Change::Subscribe(subscription) => self.begin_subscription(*subscription, turn),
            Change::Revise(revision) => self.begin_revision(*revision, turn),
            Change::Remove(removal) => self.begin_removal(removal, turn),
            Change::Quotas(change) => self.begin_quotas(change, turn),
            Change::Weights(change) => self.begin_weights(change, turn),
            Change::Maintenance(change) => self.begin_maintenance(change, turn),
            Change::Reread => self.reread_registry(turn),
        }
    }

    /// Sends a framework's record to the registrar; `change` goes on when it is durable.
    pub(crate) fn record_framework(
        &mut self,
        record: FrameworkRecord,
        change: Change,
        turn: &mut Turn<'_>,
    ) {
        if let Subject::Framework(framework_id) = change.subject() {
            let operation = RegistryOperation::PutFramework { framework_id, record };
            self.record(vec![operation], change, turn);
        }
    }

    /// Sends operations to the registrar; `change` goes on when they are durable.
    pub(crate) fn record(
        &mut self,
        operations: Vec<RegistryOperation>,
        change: Change,
        turn: &mut Turn<'_>,
    ) {
        let subject = change.subject();
        if let Change::Subscribe(it) = &change {
            self.schedulers.begin(it.scheduler(), it.framework());
        }
        let operations = ApplyOperations { epoch: self.epoch, operations };
        turn.out.push(Effect::Record { subject: subject.clone(), operations });
        self.writes.insert(subject, Write { change, waiting: VecDeque::new() });
    }

    pub(crate) fn on_recorded(
        &mut self,
        subject: &Subject,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        let Some(write) = self.writes.remove(subject) else { return };
        if let (Subject::Cluster, Err(failure)) = (subject, &result)
            && !failure.is_certain()
        {
            return self.doubt(write, failure.clone(), turn);
        }
        match write.change {
            Change::Subscribe(subscription) => {
                self.schedulers.end(subscription.scheduler(), subscription.framework());
                self.on_subscription_recorded(*subscription, result, turn);
            }
            Change::Revise(revision) => self.on_revision_recorded(*revision, result, turn),
            Change::Remove(removal) => self.on_removal_recorded(removal, result, turn),
            Change::Quotas(change) => self.on_quotas_recorded(change, result, turn),
            Change::Weights(change) => self.on_weights_recorded(change, result, turn),
            Change::Maintenance(change) => self.on_maintenance_recorded(&change, result, turn),
            Change::Reread => {}
        }
        self.resume(write.waiting, turn);
    }

    /// Whoever asked is told that nobody knows, and nothing is changed until that is known.
    fn doubt(&mut self, write: Write, failure: Failure, turn: &mut Turn<'_>) {
        if let Some(call) = write.change.call() {
            turn.reply(call, Err(failure));
        }
        let reread = Write { change: Change::Reread, waiting: write.waiting };
        self.writes.insert(Subject::Cluster, reread);
        self.reread_registry(turn);
    }

    /// Goes on with what has waited.
    pub(crate) fn resume(&mut self, waiting: VecDeque<Change>, turn: &mut Turn<'_>) {
        for change in waiting {
            self.change(change, turn);
        }
    }
}
