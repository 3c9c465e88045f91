//! What the leading master tells a scheduler, as callbacks. Whoever led before is not listened to.

use protocol::elector::LeaderChanged;
use protocol::scheduler::{
    ExecutorMessage, FrameworkError, InverseOffers, ReportFailure, RescindInverseOffers,
    RescindOffers, ResourceOffers, UpdateOperation, UpdateStatus,
};
use runtime::{Context, Handler, Outcome};

use crate::StopDriver;
use crate::scheduler::Scheduler;
use crate::scheduler_actor::SchedulerActor;

impl<S: Scheduler> Handler<LeaderChanged> for SchedulerActor<S> {
    fn handle(&mut self, message: LeaderChanged, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Some(leader) = message.leadership.leader {
            self.consider(leader, ctx);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<ResourceOffers> for SchedulerActor<S> {
    fn handle(&mut self, message: ResourceOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        if self.is_current(&message.framework_id, ctx) {
            self.scheduler.offers(&self.driver, message.offers);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<RescindOffers> for SchedulerActor<S> {
    fn handle(&mut self, message: RescindOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        if self.is_current(&message.framework_id, ctx) {
            self.scheduler.rescinded(&self.driver, message.offer_ids);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<InverseOffers> for SchedulerActor<S> {
    fn handle(&mut self, message: InverseOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        if self.is_current(&message.framework_id, ctx) {
            self.scheduler.inverse_offers(&self.driver, message.inverse_offers);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<RescindInverseOffers> for SchedulerActor<S> {
    fn handle(&mut self, message: RescindInverseOffers, ctx: &mut Context<Self>) -> Outcome<()> {
        if self.is_current(&message.framework_id, ctx) {
            self.scheduler.inverse_rescinded(&self.driver, message.offer_ids);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<UpdateStatus> for SchedulerActor<S> {
    fn handle(&mut self, message: UpdateStatus, ctx: &mut Context<Self>) -> Outcome<()> {
        // One that is not acknowledged comes again from the right master.
        if !self.is_current(&message.framework_id, ctx) {
            return Outcome::Reply(());
        }
        let acknowledged = (!self.config.explicit_acknowledgements).then(|| message.status.clone());
        self.scheduler.update(&self.driver, message.status);
        if let Some(status) = acknowledged {
            self.driver.acknowledge(&status);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<UpdateOperation> for SchedulerActor<S> {
    fn handle(&mut self, message: UpdateOperation, ctx: &mut Context<Self>) -> Outcome<()> {
        if !self.is_current(&message.framework_id, ctx) {
            return Outcome::Reply(());
        }
        let acknowledged = (!self.config.explicit_acknowledgements).then(|| message.status.clone());
        self.scheduler.operation(&self.driver, message.status);
        if let Some(status) = acknowledged {
            self.driver.acknowledge_operation(&status);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<ReportFailure> for SchedulerActor<S> {
    fn handle(&mut self, message: ReportFailure, ctx: &mut Context<Self>) -> Outcome<()> {
        if self.is_current(&message.framework_id, ctx) {
            self.scheduler.failure(&self.driver, message);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<ExecutorMessage> for SchedulerActor<S> {
    fn handle(&mut self, message: ExecutorMessage, ctx: &mut Context<Self>) -> Outcome<()> {
        if self.is_current(&message.framework_id, ctx) {
            self.scheduler.message(&self.driver, message);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<FrameworkError> for SchedulerActor<S> {
    fn handle(&mut self, message: FrameworkError, ctx: &mut Context<Self>) -> Outcome<()> {
        if self.is_current(&message.framework_id, ctx) {
            self.abort(&message.message, ctx);
        }
        Outcome::Reply(())
    }
}

impl<S: Scheduler> Handler<StopDriver> for SchedulerActor<S> {
    fn handle(&mut self, _: StopDriver, ctx: &mut Context<Self>) -> Outcome<()> {
        self.finish(ctx);
        Outcome::Reply(())
    }
}
