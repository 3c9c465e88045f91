//! The actor for an executor with a stream: the agent's messages become events, the executor's
//! updates are reported until the agent has them on disk.
//!
//! It lives as long as the stream, on the agent's own host, and is named after the container. When
//! the stream ends it tells the agent; when the agent ends, it ends the stream, and the executor
//! subscribes again, saying what was not acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use protocol::agent::{ExecutorDisconnected, ExecutorRegistered, ReportStatus, SubscribeExecutor};
use protocol::executor::{
    ExecutorGone, FrameworkMessage, KillExecutorTask, LaunchTask, ShutdownThisExecutor,
};
use protocol::runtime::Exited;
use protocol::task::TaskStatus;
use protocol::{ContainerId, Failure, FailureKind, Message, TaskId};
use runtime::{Actor, Context, Handler, Handlers, Host, HostError, Outcome, SpawnOptions};
use serde_json::json;

use super::event::{self, Reader};
use super::stream::Writer;
use crate::v1::wire::executor::Event;

pub(super) const AGENT: &str = "agent";

/// How long the agent may take to answer; it writes to disk first.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Until a report that was not taken is repeated.
const RETRY: Duration = Duration::from_millis(200);
/// Reports that may wait for the agent: the ends of thousands of tasks. The executor is told to try
/// again beyond that.
const MAX_REPORTS: usize = 8192;
/// How often the place of a former session is tried for, when others want it at the same time.
const ATTEMPTS: usize = 5;

/// What an executor said when it subscribed, and what it is told.
#[derive(Clone)]
pub(super) struct Subscription {
    pub(super) reader: Reader,
    /// The event that comes first.
    pub(super) subscribed: Event,
    pub(super) message: SubscribeExecutor,
    /// Updates that were not acknowledged, oldest first.
    pub(super) updates: Vec<TaskStatus>,
    /// How often it is told that we are here.
    pub(super) heartbeat: Duration,
}

/// The name of the session of the executor in a container. What a name may not contain comes from
/// the id of a task; containers differ before that.
pub(super) fn name_of(container_id: &ContainerId) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name = container_id.as_str().chars().take(100).map(allowed);
    format!("executor/{}", name.collect::<String>())
}

/// Starts the session, in the place of a former one, whose stream ends.
pub(super) async fn start(
    host: &Host,
    subscription: Subscription,
    writer: Writer,
) -> Result<(), HostError> {
    let name = name_of(&subscription.message.container_id);
    let mut attempt = 0;
    loop {
        host.stop_actor(&name).await;
        let (subscription, mut writer) = (subscription.clone(), Some(writer.clone()));
        let session = move || Session {
            subscription: subscription.clone(),
            writer: writer.take(),
            registered: false,
            launched: BTreeSet::new(),
            reports: BTreeMap::new(),
            waiting: 0,
        };
        match host.spawn(&name, SpawnOptions::default(), session) {
            Ok(_) => return Ok(()),
            Err(HostError::NameTaken(_)) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

struct Session {
    subscription: Subscription,
    /// Absent in an incarnation that follows a panic: nobody knows what the stream has had.
    writer: Option<Writer>,
    /// The agent has answered. A task that it gave to the former session, whose name is the same,
    /// is lost to it then, and must not come through.
    registered: bool,
    /// Tasks that it has been given and has not ended: the agent repeats a launch whose answer it
    /// missed, the executor must not see it twice.
    launched: BTreeSet<TaskId>,
    /// Of each task, the reports that the agent has not confirmed, oldest first. The first is on its
    /// way, or its retry is set.
    reports: BTreeMap<TaskId, VecDeque<TaskStatus>>,
    /// How many they are.
    waiting: usize,
}

/// What can time out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The reader is to hear that we are here.
    Heartbeat,
    /// Time to report again on this task.
    Report(TaskId),
}

impl Actor for Session {
    const ABOUT: &'static str = "the stream of one executor that speaks the v1 API";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LaunchTask>()
            .on::<KillExecutorTask>()
            .on::<ShutdownThisExecutor>()
            .on::<ExecutorGone>()
            .on::<FrameworkMessage>()
            .on::<ReportStatus>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        let Some(writer) = self.writer.clone() else { return ctx.stop() };
        ctx.run(writer.closed(), |_, (), ctx| ctx.stop());
        self.subscribe(ctx);
        ctx.set_timer(Timer::Heartbeat, self.subscription.heartbeat);
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Heartbeat => {
                self.send(&event::heartbeat(), ctx);
                ctx.set_timer(Timer::Heartbeat, self.subscription.heartbeat);
            }
            Timer::Report(task_id) => self.report(&task_id, ctx),
        }
    }

    fn exited(&mut self, _: Exited, ctx: &mut Context<Self>) {
        ctx.stop();
    }

    fn stopping(&mut self, ctx: &mut Context<Self>) {
        let container_id = self.subscription.message.container_id.clone();
        let agent = ctx.local(AGENT);
        ctx.tell(&agent, ExecutorDisconnected { container_id });
    }

    fn inspect(&self) -> serde_json::Value {
        let SubscribeExecutor { framework_id, executor_id, container_id, .. } =
            &self.subscription.message;
        json!({
            "framework_id": framework_id, "executor_id": executor_id,
            "container_id": container_id, "launched": self.launched.len(),
            "unconfirmed": self.waiting,
            "bytes_waiting": self.writer.as_ref().map(Writer::waiting),
        })
    }
}

impl Session {
    fn subscribe(&mut self, ctx: &mut Context<Self>) {
        let agent = ctx.local(AGENT);
        ctx.link(&agent);
        let message = self.subscription.message.clone();
        self.launched.extend(message.tasks.iter().cloned());
        ctx.ask(&agent, message, DEADLINE, Self::on_subscribed);
        let subscribed = self.subscription.subscribed.clone();
        self.send(&subscribed, ctx);
        for status in std::mem::take(&mut self.subscription.updates) {
            self.enqueue(status, ctx);
        }
    }

    fn on_subscribed(
        &mut self,
        answer: Result<ExecutorRegistered, Failure>,
        ctx: &mut Context<Self>,
    ) {
        let Err(failure) = answer else {
            self.registered = true;
            return;
        };
        tracing::info!(%failure, session = %ctx.address(), "the agent does not take an executor");
        // It has been ended since it was looked up. Otherwise it had better subscribe again.
        if matches!(failure.kind, FailureKind::NotFound | FailureKind::Refused) {
            self.send(&event::shutdown(), ctx);
        }
        ctx.stop();
    }

    /// Queues an event; a reader that does not keep up is cut off.
    fn send(&self, event: &Event, ctx: &mut Context<Self>) {
        let Some(writer) = &self.writer else { return };
        if writer.send(event).is_err() {
            tracing::warn!(session = %ctx.address(), "an executor does not read its events");
            ctx.stop();
        }
    }

    fn enqueue(&mut self, status: TaskStatus, ctx: &mut Context<Self>) {
        let task_id = status.task_id.clone();
        let reports = self.reports.entry(task_id.clone()).or_default();
        let repeats = |waiting: &TaskStatus| waiting.update_id == status.update_id;
        if status.update_id.is_some() && reports.iter().any(repeats) {
            return;
        }
        reports.push_back(status);
        self.waiting += 1;
        if reports.len() == 1 {
            self.report(&task_id, ctx);
        }
    }

    /// Reports what is the oldest of a task.
    fn report(&mut self, task_id: &TaskId, ctx: &mut Context<Self>) {
        let oldest = self.reports.get(task_id).and_then(VecDeque::front);
        let Some(status) = oldest.cloned() else { return };
        let SubscribeExecutor { framework_id, executor_id, .. } = &self.subscription.message;
        let (framework_id, executor_id) = (framework_id.clone(), executor_id.clone());
        let message = ReportStatus { framework_id, executor_id, status };
        let (agent, task_id) = (ctx.local(AGENT), task_id.clone());
        ctx.ask(&agent, message, DEADLINE, |session, answer, ctx| {
            session.on_reported(task_id, answer, ctx);
        });
    }

    fn on_reported(
        &mut self,
        task_id: TaskId,
        answer: Result<(), Failure>,
        ctx: &mut Context<Self>,
    ) {
        match answer {
            Ok(()) => {}
            // To be acknowledged all the same: it would be refused for ever.
            Err(failure) if failure.kind == FailureKind::Refused => {
                tracing::warn!(%failure, session = %ctx.address(), "report refused");
            }
            Err(_) => return ctx.set_timer(Timer::Report(task_id), RETRY),
        }
        let Some(reports) = self.reports.get_mut(&task_id) else { return };
        let Some(status) = reports.pop_front() else { return };
        self.waiting -= 1;
        if reports.is_empty() {
            self.reports.remove(&task_id);
        }
        if status.state.is_terminal() {
            self.launched.remove(&task_id);
        }
        if let Some(update_id) = &status.update_id {
            self.send(&event::acknowledged(&task_id, update_id), ctx);
        }
        self.report(&task_id, ctx);
    }
}

/// What only the agent says.
trait FromAgent: Message<Reply = ()> {
    fn take(self, session: &mut Session, ctx: &mut Context<Session>);
}

macro_rules! from_agent {
    ($($message:ident),+ $(,)?) => {$(
        impl Handler<$message> for Session {
            fn handle(&mut self, message: $message, ctx: &mut Context<Self>) -> Outcome<()> {
                if let Err(failure) = ctx.only_from(&ctx.local(AGENT)) {
                    return Outcome::Refuse(failure);
                }
                message.take(self, ctx);
                Outcome::Reply(())
            }
        }
    )+};
}

from_agent! { KillExecutorTask, ShutdownThisExecutor, ExecutorGone, FrameworkMessage }

impl Handler<LaunchTask> for Session {
    fn handle(&mut self, message: LaunchTask, ctx: &mut Context<Self>) -> Outcome<()> {
        if let Err(failure) = ctx.only_from(&ctx.local(AGENT)) {
            return Outcome::Refuse(failure);
        }
        if !self.registered {
            let text = "the agent has not registered this session yet";
            return Outcome::Refuse(Failure::new(FailureKind::Overloaded, text));
        }
        if self.launched.insert(message.task.task_id.clone()) {
            self.send(&self.subscription.reader.launch(&message.task), ctx);
        }
        Outcome::Reply(())
    }
}

impl FromAgent for KillExecutorTask {
    fn take(self, session: &mut Session, ctx: &mut Context<Session>) {
        session.send(&event::kill(&self.task_id, self.kill_policy.as_ref()), ctx);
    }
}

impl FromAgent for ShutdownThisExecutor {
    fn take(self, session: &mut Session, ctx: &mut Context<Session>) {
        tracing::info!(session = %ctx.address(), reason = self.reason, "an executor is to end");
        session.send(&event::shutdown(), ctx);
    }
}

impl FromAgent for ExecutorGone {
    fn take(self, _: &mut Session, ctx: &mut Context<Session>) {
        ctx.stop();
    }
}

impl FromAgent for FrameworkMessage {
    fn take(self, session: &mut Session, ctx: &mut Context<Session>) {
        session.send(&event::message(self.data.0), ctx);
    }
}

/// From the edge, on a call of the executor. Answered when it is queued.
impl Handler<ReportStatus> for Session {
    fn handle(&mut self, message: ReportStatus, ctx: &mut Context<Self>) -> Outcome<()> {
        if ctx.sender().host() != ctx.host().addr() {
            return Outcome::Refuse(Failure::refused("an executor reports through its agent"));
        }
        if self.waiting >= MAX_REPORTS {
            let text = format!("{MAX_REPORTS} updates wait for the agent; try again later");
            return Outcome::Refuse(Failure::new(FailureKind::Overloaded, text));
        }
        self.enqueue(message.status, ctx);
        Outcome::Reply(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_a_name_whatever_the_task_is_called() {
        let name = name_of(&ContainerId::from("r0-1-a b/ü"));
        assert_eq!(name, "executor/r0-1-a_b__");
        let long = name_of(&ContainerId::from("x".repeat(255)));
        assert_eq!(protocol::address::check_name(&long), Ok(()));
    }
}
