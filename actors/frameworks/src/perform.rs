//! The core's effects, performed in order.

use std::time::Duration;

use frameworks_core::{Answer, Effect, Input, Subject, ToAgents, ToScheduler};
use protocol::id::{CallId, Epoch};
use protocol::registrar::{ApplyOperations, GetRegistry};
use protocol::{Address, Failure, Message};
use runtime::Context;

use crate::actor::Frameworks;

/// As long as the registrar may take to read the registry before it is asked again.
const LOAD_DEADLINE: Duration = Duration::from_secs(10);
/// As long as a write may take, as in Mesos (`registry_store_timeout`).
const RECORD_DEADLINE: Duration = Duration::from_secs(20);

impl Frameworks {
    /// Gives one input to the core and does what it wants.
    pub(crate) fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.core.step(ctx.now(), input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::LoadRegistry { epoch } => load_registry(epoch, ctx),
            Effect::Record { subject, operations } => record(subject, operations, ctx),
            Effect::ToScheduler { scheduler, message } => to_scheduler(&scheduler, message, ctx),
            Effect::ToAgents(message) => to_agents(message, ctx),
            Effect::ToAllocator(message) => self.tell_allocator(message, ctx),
            Effect::AskAllocator { question, message } => {
                self.ask_allocator(question, message, ctx);
            }
            Effect::Reply { call, result } => self.answer(call, result),
            Effect::LinkScheduler(scheduler) => ctx.link(&scheduler),
            Effect::UnlinkScheduler(scheduler) => ctx.unlink(&scheduler),
            Effect::LinkAllocator => ctx.link(&self.allocator(ctx)),
            Effect::SetTimer { timer, at } => ctx.set_timer_at(timer, at),
            Effect::CancelTimer { timer } => ctx.cancel_timer(&timer),
            Effect::Emit(report) => tell_local("events", report, ctx),
        }
    }

    fn answer(&mut self, call: CallId, result: Result<Answer, Failure>) {
        match result {
            Ok(Answer::Done) => self.calls.reply(call, ()),
            Ok(Answer::Accepted(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Subscribed(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Frameworks(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Tasks(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Offers(answer)) => self.calls.reply(call, answer),
            Ok(Answer::RoleSettings(answer)) => self.calls.reply(call, answer),
            Ok(Answer::View(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Resized(answer)) => self.calls.reply(call, answer),
            Ok(Answer::Maintenance(answer)) => self.calls.reply(call, answer),
            Ok(Answer::MaintenanceStatus(answer)) => self.calls.reply(call, answer),
            Err(failure) => self.calls.refuse(call, failure),
        }
    }
}

fn load_registry(epoch: Epoch, ctx: &mut Context<Frameworks>) {
    let registrar = ctx.local("registrar");
    ctx.ask(&registrar, GetRegistry {}, LOAD_DEADLINE, move |this, result, ctx| {
        this.take(Input::RegistryLoaded { epoch, result }, ctx);
    });
}

fn record(subject: Subject, operations: ApplyOperations, ctx: &mut Context<Frameworks>) {
    let registrar = ctx.local("registrar");
    let epoch = operations.epoch;
    ctx.ask(&registrar, operations, RECORD_DEADLINE, move |this, result, ctx| {
        this.take(Input::Recorded { epoch, subject, result }, ctx);
    });
}

fn tell_local<M: Message>(name: &str, message: M, ctx: &mut Context<Frameworks>) {
    let to = ctx.local(name);
    ctx.tell(&to, message);
}

fn to_scheduler(to: &Address, message: ToScheduler, ctx: &mut Context<Frameworks>) {
    match message {
        ToScheduler::Offers(m) => ctx.tell(to, m),
        ToScheduler::Rescind(m) => ctx.tell(to, m),
        ToScheduler::Inverse(m) => ctx.tell(to, m),
        ToScheduler::RescindInverse(m) => ctx.tell(to, m),
        ToScheduler::Update(m) => ctx.tell(to, m),
        ToScheduler::Operation(m) => ctx.tell(to, m),
        ToScheduler::Failure(m) => ctx.tell(to, m),
        ToScheduler::Message(m) => ctx.tell(to, m),
        ToScheduler::Error(m) => ctx.tell(to, m),
    }
}

fn to_agents(message: ToAgents, ctx: &mut Context<Frameworks>) {
    let to = &ctx.local("agents");
    match message {
        ToAgents::Launch(m) => ctx.tell(to, m),
        ToAgents::Kill(m) => ctx.tell(to, m),
        ToAgents::Acknowledge(m) => ctx.tell(to, m),
        ToAgents::ShutdownFramework(m) => ctx.tell(to, m),
        ToAgents::ShutdownExecutor(m) => ctx.tell(to, m),
        ToAgents::Message(m) => ctx.tell(to, m),
        ToAgents::UpdateFramework(m) => ctx.tell(to, m),
        ToAgents::Resize(m) => ctx.tell(to, m),
        ToAgents::SetDownMachines(m) => ctx.tell(to, m),
        ToAgents::Operate(m) => ctx.tell(to, m),
        ToAgents::AcknowledgeOperation(m) => ctx.tell(to, m),
    }
}
