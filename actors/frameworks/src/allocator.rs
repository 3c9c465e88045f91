//! The allocator, on this host or elsewhere: what it is told, and what is said while it is not there.

use std::time::Duration;

use frameworks_core::{AllocatorQuestion, Input, QuestionId, ToAllocator};
use protocol::allocator::ResetAllocator;
use protocol::{Address, Message};
use runtime::Context;

use crate::actor::Frameworks;

/// An allocator that has not forgotten everything within this time is stuck.
const RESET_DEADLINE: Duration = Duration::from_secs(5);
/// The same for one that does not answer a question.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

impl Frameworks {
    /// Where it is.
    pub(crate) fn allocator(&self, ctx: &Context<Self>) -> Address {
        self.allocator.clone().unwrap_or_else(|| ctx.local("allocator"))
    }

    pub(crate) fn tell_allocator(&mut self, message: ToAllocator, ctx: &mut Context<Self>) {
        let to = &self.allocator(ctx);
        match message {
            ToAllocator::Reset(m) => self.reset_allocator(m, ctx),
            ToAllocator::AddFramework(m) => ctx.tell(to, m),
            ToAllocator::SetActive(m) => ctx.tell(to, m),
            ToAllocator::RemoveFramework(m) => ctx.tell(to, m),
            ToAllocator::AddAgent(m) => ctx.tell(to, m),
            ToAllocator::RemoveAgent(m) => ctx.tell(to, m),
            ToAllocator::Recover(m) => ctx.tell(to, m),
            ToAllocator::Convert(m) => ctx.tell(to, m),
            ToAllocator::Revive(m) => ctx.tell(to, m),
            ToAllocator::Suppress(m) => ctx.tell(to, m),
            ToAllocator::SetQuota(m) => ctx.tell(to, m),
            ToAllocator::SetWeight(m) => ctx.tell(to, m),
            ToAllocator::Share(m) => ctx.tell(to, m),
            ToAllocator::Request(m) => ctx.tell(to, m),
            ToAllocator::SetUnavailability(m) => ctx.tell(to, m),
            ToAllocator::AnswerInverse(m) => ctx.tell(to, m),
        }
    }

    pub(crate) fn ask_allocator(
        &mut self,
        question: QuestionId,
        message: AllocatorQuestion,
        ctx: &mut Context<Self>,
    ) {
        let to = &self.allocator(ctx);
        match message {
            AllocatorQuestion::Convert(m) => ask(to, question, m, ctx),
            AllocatorQuestion::Grow(m) => ask(to, question, m, ctx),
        }
    }

    /// Whether there is an allocator that understands.
    fn reset_allocator(&mut self, reset: ResetAllocator, ctx: &mut Context<Self>) {
        let (to, round) = (self.allocator(ctx), reset.round);
        self.round = round;
        ctx.ask(&to.clone(), reset, RESET_DEADLINE, move |this, answer, ctx| {
            if this.round != round {
                return;
            }
            match answer {
                Ok(()) => this.allocator_there(&to),
                Err(failure) => this.allocator_lost(failure.to_string(), ctx),
            }
        });
    }

    fn allocator_there(&mut self, allocator: &Address) {
        if self.no_offers.take().is_some() {
            tracing::info!(%allocator, "the allocator is there again: offers are made");
        }
    }

    /// No offers are made until it is there again. That is said once, however often it is tried.
    pub(crate) fn allocator_lost(&mut self, why: String, ctx: &mut Context<Self>) {
        if self.no_offers.is_none() {
            let allocator = self.allocator(ctx);
            tracing::warn!(%allocator, why, "no offers are made until the allocator is there again");
        }
        self.no_offers = Some(why);
        self.take(Input::AllocatorExited, ctx);
    }
}

fn ask<M: Message<Reply = ()>>(
    to: &Address,
    question: QuestionId,
    message: M,
    ctx: &mut Context<Frameworks>,
) {
    ctx.ask(to, message, ANSWER_DEADLINE, move |this, result, ctx| {
        this.take(Input::AllocatorAnswered { question, result }, ctx);
    });
}
