//! A scheduler that decides nothing: every callback becomes a message to another actor, but for
//! inverse offers, which are left unanswered.

use protocol::framework::Offer;
use protocol::scheduler::{
    ExecutorMessage, FrameworkError, ReportFailure, RescindOffers, ResourceOffers,
    SchedulerDisconnected, SchedulerSubscribed, UpdateStatus,
};
use protocol::task::TaskStatus;
use protocol::{Address, FrameworkId, OfferId};
use runtime::Host;

use crate::scheduler::{Scheduler, SchedulerDriver, Subscribed};

/// For a framework whose state lives in an actor of its own on the driver's host: that actor gets
/// the messages of `protocol::scheduler`, and calls back on a clone of the [`SchedulerDriver`].
///
/// A told message may be lost when that actor is restarted, so it should acknowledge explicitly.
pub struct Relay {
    host: Host,
    to: Address,
    framework_id: FrameworkId,
}

impl Relay {
    /// Relays to the actor `name` of `host`.
    pub fn new(host: &Host, name: &str) -> Self {
        let to = host.address_of(name);
        Self { host: host.clone(), to, framework_id: FrameworkId::from("") }
    }
}

impl Scheduler for Relay {
    fn subscribed(&mut self, _: &SchedulerDriver, subscribed: &Subscribed) {
        let Subscribed { framework_id, epoch, master } = subscribed.clone();
        self.framework_id = framework_id.clone();
        self.host.tell(&self.to, SchedulerSubscribed { framework_id, epoch, master });
    }

    fn offers(&mut self, _: &SchedulerDriver, offers: Vec<Offer>) {
        let framework_id = self.framework_id.clone();
        self.host.tell(&self.to, ResourceOffers { framework_id, offers });
    }

    fn rescinded(&mut self, _: &SchedulerDriver, offer_ids: Vec<OfferId>) {
        let framework_id = self.framework_id.clone();
        self.host.tell(&self.to, RescindOffers { framework_id, offer_ids });
    }

    fn update(&mut self, _: &SchedulerDriver, status: TaskStatus) {
        let framework_id = self.framework_id.clone();
        self.host.tell(&self.to, UpdateStatus { framework_id, status });
    }

    fn failure(&mut self, _: &SchedulerDriver, failure: ReportFailure) {
        self.host.tell(&self.to, failure);
    }

    fn message(&mut self, _: &SchedulerDriver, message: ExecutorMessage) {
        self.host.tell(&self.to, message);
    }

    fn disconnected(&mut self, _: &SchedulerDriver) {
        self.host.tell(&self.to, SchedulerDisconnected {});
    }

    fn error(&mut self, _: &SchedulerDriver, message: &str) {
        let (framework_id, message) = (self.framework_id.clone(), message.to_owned());
        self.host.tell(&self.to, FrameworkError { framework_id, message });
    }
}
