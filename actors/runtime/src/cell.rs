//! The home of one actor on its thread: takes messages in bounded turns and supervises.
//!
//! This is the only module that names actix. actix gives the thread (`Arbiter`), the execution
//! context and the life cycle; its own mailbox carries nothing, because it has no fairness between
//! actors of a thread and no bound on `do_send`.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::AsyncContext as _;
use actix::fut::ActorFuture;
use futures_util::{FutureExt, StreamExt};
use protocol::runtime::{ExitReason, TraceEntry};
use protocol::{Failure, FailureKind};
use tokio::time::Instant;

use crate::actor::Actor;
use crate::context::{Context, Ending, Then};
use crate::delivery::{Delivery, Payload, System, died};
use crate::host::{Placement, Restart, SpawnOptions};
use crate::stats::SAMPLE_EVERY;

/// Messages that an actor handles before its neighbours on the thread get a turn. At a microsecond
/// a message a turn is far below a millisecond, and the cost of changing turns is spread over it.
const TURN: usize = 128;

/// Empty turns that an actor with a thread of its own takes after its last message before the
/// thread sleeps. A message that comes meanwhile (within some microseconds) is handled without the
/// two context switches of waking a thread, which cost more than all of these.
const LINGER: u32 = 64;

pub(crate) type Factory<A> = Box<dyn FnMut() -> A + Send>;

pub(crate) struct Cell<A: Actor> {
    ctx: Context<A>,
    factory: Factory<A>,
    restart: Restart,
    /// Absent between a failure and the next incarnation. Boxed, so that the cell can be moved
    /// whatever the actor is made of.
    actor: Option<Box<A>>,
    batch: VecDeque<Delivery>,
    restarts: VecDeque<Instant>,
    /// Messages until the next one whose handling is timed.
    until_sample: u64,
    /// Empty turns to take before the thread may sleep, and how many there are to begin with.
    linger: u32,
    max_linger: u32,
}

/// Nothing in it is pinned in place: what waits is boxed.
impl<A: Actor> Unpin for Cell<A> {}

impl<A: Actor> actix::Actor for Cell<A> {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Pump);
    }
}

/// Drives a cell whenever it is woken.
struct Pump;

impl<A: Actor> ActorFuture<Cell<A>> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        cell: &mut Cell<A>,
        ctx: &mut actix::Context<Cell<A>>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        let poll = cell.turn(task);
        if poll.is_ready() {
            actix::ActorContext::stop(ctx);
        }
        poll
    }
}

impl<A: Actor> Cell<A> {
    pub(crate) fn new(ctx: Context<A>, factory: Factory<A>, options: &SpawnOptions) -> Self {
        let max_linger = if options.placement == Placement::Own { LINGER } else { 0 };
        Self {
            ctx,
            factory,
            restart: options.restart,
            actor: None,
            batch: VecDeque::new(),
            restarts: VecDeque::new(),
            until_sample: 0,
            linger: 0,
            max_linger,
        }
    }

    /// One turn. Ready when the actor has ended for good.
    fn turn(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let shared = self.ctx.shared().clone();
        shared.mailbox.register(cx.waker());
        shared.busy.store(true, Ordering::Relaxed);
        let poll = self.work(cx);
        shared.busy.store(false, Ordering::Relaxed);
        poll
    }

    fn work(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut left = TURN;
        while left > 0 {
            if self.settle_ending().is_ready() {
                return Poll::Ready(());
            }
            if let Some(waiting) = &mut self.ctx.blocked {
                let Poll::Ready(then) = waiting.poll_unpin(cx) else { return Poll::Pending };
                self.ctx.blocked = None;
                self.continue_with(then);
            } else if let Poll::Ready(Some(then)) = self.poll_running(cx) {
                self.continue_with(then);
            } else if let Poll::Ready(timer) = self.ctx.timers.poll(cx) {
                self.guarded(|actor, ctx| actor.timer(timer, ctx));
            } else {
                let done = self.messages(left);
                if done == 0 {
                    return self.rest(cx);
                }
                self.linger = self.max_linger;
                left = left.saturating_sub(done);
                continue;
            }
            self.ctx.end();
            left -= 1;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Nothing to do: sleeps, or looks once more if there was something just now.
    fn rest(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        if self.linger > 0 {
            self.linger -= 1;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_running(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Then<A>>> {
        if self.ctx.running.is_empty() {
            return Poll::Pending;
        }
        self.ctx.running.poll_next_unpin(cx)
    }

    /// Handles up to `max` messages, fewer if one of them waits, ends the actor, or starts
    /// something that has to be looked at first.
    fn messages(&mut self, max: usize) -> usize {
        let shared = self.ctx.shared().clone();
        if self.batch.is_empty() {
            shared.mailbox.take(&mut self.batch);
        }
        let mut done = 0;
        let running = self.ctx.running.len();
        while done < max {
            let Some(delivery) = self.batch.pop_front() else { break };
            self.dispatch(delivery);
            done += 1;
            if self.ctx.blocked.is_some()
                || self.ctx.ending.is_some()
                || self.ctx.running.len() > running
            {
                break;
            }
        }
        shared.mailbox.handled(done);
        shared.metrics.count(done as u64);
        done
    }

    fn dispatch(&mut self, delivery: Delivery) {
        let trace = delivery.trace;
        if self.until_sample > 0 && trace == 0 {
            self.until_sample -= 1;
            return self.deliver(delivery);
        }
        self.until_sample = SAMPLE_EVERY;
        let traced = (trace != 0).then(|| {
            let from = delivery.from.as_ref().unwrap_or_else(|| self.ctx.sender());
            (from.clone(), delivery.message_name().to_owned())
        });
        let at = self.ctx.now();
        let start = Instant::now();
        self.deliver(delivery);
        let took = start.elapsed();
        self.ctx.shared().metrics.record(took);
        if let Some((from, name)) = traced {
            let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let to = self.ctx.address().clone();
            self.ctx.host().traces().push(TraceEntry { trace, at, from, to, name, took_us });
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match self.ctx.begin(delivery) {
            Payload::Local { name, type_id, message } => {
                let handlers = self.ctx.handlers();
                self.guarded(|actor, ctx| {
                    handlers.run_local(actor, (name, type_id), message, ctx);
                });
            }
            Payload::Wire(message) => {
                let handlers = self.ctx.handlers();
                self.guarded(|actor, ctx| handlers.run_wire(actor, &message, ctx));
            }
            Payload::System(System::Exited(exited)) => {
                if self.ctx.forget_exited(&exited.actor) {
                    self.guarded(|actor, ctx| actor.exited(exited, ctx));
                }
            }
            Payload::System(System::Stop) => self.ctx.stop(),
        }
        // A handler that panicked, or a message without one, leaves its asker to be told.
        self.ctx.drop_reply();
        self.ctx.end();
    }

    fn continue_with(&mut self, then: Then<A>) {
        self.guarded(|actor, ctx| then(actor, ctx));
    }

    /// Runs actor code; a panic ends the incarnation and nothing else.
    fn guarded(&mut self, run: impl FnOnce(&mut A, &mut Context<A>)) {
        let Some(actor) = &mut self.actor else { return };
        let ctx = &mut self.ctx;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(actor, ctx))) {
            self.ctx.ending = Some(Ending::Fail(panic_text(panic.as_ref())));
        }
    }

    /// Makes the first or next incarnation, or ends the actor. Ready when it has ended.
    fn settle_ending(&mut self) -> Poll<()> {
        loop {
            match self.ctx.ending.take() {
                Some(Ending::Stop) => return self.finish(ExitReason::Stopped),
                Some(Ending::Fail(why)) => {
                    if self.fail(&why).is_ready() {
                        return Poll::Ready(());
                    }
                }
                None if self.actor.is_some() => return Poll::Pending,
                None => self.start(),
            }
        }
    }

    fn start(&mut self) {
        match catch_unwind(AssertUnwindSafe(|| (self.factory)())) {
            Ok(actor) => self.actor = Some(Box::new(actor)),
            Err(panic) => {
                self.ctx.ending = Some(Ending::Fail(panic_text(panic.as_ref())));
                return;
            }
        }
        self.guarded(Actor::started);
        for (topic, subscriber) in self.ctx.subscriptions() {
            self.guarded(|actor, ctx| actor.subscribed(&topic, &subscriber, ctx));
        }
    }

    fn fail(&mut self, why: &str) -> Poll<()> {
        let address = self.ctx.address().clone();
        tracing::error!(actor = %address, why, "actor failed");
        self.actor = None;
        self.ctx.drop_reply();
        if !self.may_restart() {
            self.ctx.host().report_fatal(&address, why);
            return self.finish(ExitReason::Panicked { restarted_as: None });
        }
        let incarnation = self.ctx.shared().next_incarnation();
        self.ctx
            .host()
            .actor_ended(&address, &ExitReason::Panicked { restarted_as: Some(incarnation) });
        self.ctx = self.ctx.renewed();
        Poll::Pending
    }

    fn may_restart(&mut self) -> bool {
        let Restart::UpTo { times, within } = self.restart else { return false };
        let now = Instant::now();
        while self.restarts.front().is_some_and(|at| now - *at > within) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        self.restarts.len() <= times
    }

    fn finish(&mut self, reason: ExitReason) -> Poll<()> {
        self.guarded(Actor::stopping);
        self.actor = None;
        let shared = self.ctx.shared().clone();
        self.ctx.host().remove_actor(shared.address.name());
        let left = shared.mailbox.close();
        for delivery in self.batch.drain(..).chain(left) {
            delivery.reply.refuse(died());
        }
        self.ctx.host().actor_ended(&shared.address, &reason);
        shared.ended.send_replace(true);
        Poll::Ready(())
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("(no text)"))
}

/// What an ask to an actor with a full mailbox is answered.
pub(crate) fn overloaded(capacity: usize) -> Failure {
    Failure::new(
        FailureKind::Overloaded,
        format!("mailbox is full ({capacity} messages wait); try again later"),
    )
}

/// The supervision that actors get unless their spawner says otherwise: enough for a fault that
/// passes, not for one that is there to stay.
pub(crate) const DEFAULT_RESTART: Restart =
    Restart::UpTo { times: 5, within: Duration::from_secs(60) };

/// Starts `cell` on the present thread.
pub(crate) fn start_here<A: Actor>(cell: Cell<A>) {
    use actix::Actor as _;
    cell.start();
}
