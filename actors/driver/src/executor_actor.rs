//! The actor behind an executor: registers with the agent, passes tasks on, and reports their
//! states in order, each until the agent has it on disk.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use protocol::agent::{ExecutorRegistered, RegisterExecutor, ReportStatus, SendToScheduler};
use protocol::executor::{
    ExecutorState, FrameworkMessage, GetExecutorState, KillExecutorTask, LaunchTask,
    ShutdownThisExecutor,
};
use protocol::runtime::Exited;
use protocol::task::TaskStatus;
use protocol::{Failure, FailureKind, TaskId, UpdateId};
use runtime::{Actor, Context, Handler, Handlers, Host, HostError, Outcome, Restart, SpawnOptions};
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::StopDriver;
use crate::call::ExecutorCall;
use crate::executor::{Executor, ExecutorDriver};
use crate::executor_config::ExecutorConfig;

/// The actor's name: agents address executors by it.
pub(crate) const NAME: &str = "executor";
/// How long the agent may take to answer; it writes to disk first.
const DEADLINE: Duration = Duration::from_secs(10);
/// The pause before the agent is tried again: the first, doubled up to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Resolves when the driver has ended: the process may end.
#[derive(Clone, Debug)]
pub struct Ended(watch::Receiver<bool>);

impl Ended {
    /// Waits for it.
    pub async fn wait(mut self) {
        // The sender is dropped with the actor, which is the end, too.
        let _ = self.0.wait_for(|ended| *ended).await;
    }
}

/// Starts an executor as the actor `executor` of `host`. Should it panic, the host reports that by
/// `Host::fatal`: its tasks cannot be known any more, and the process had better end.
pub fn start_executor<E: Executor>(
    host: &Host,
    config: ExecutorConfig,
    mut executor: impl FnMut() -> E + Send + 'static,
) -> Result<(ExecutorDriver, Ended), HostError> {
    let driver = handle(host);
    let (ended, waiting) = watch::channel(false);
    let options = SpawnOptions { restart: Restart::Never, ..SpawnOptions::default() };
    let given = driver.clone();
    host.spawn(NAME, options, move || ExecutorActor {
        executor: executor(),
        driver: given.clone(),
        config: config.clone(),
        ended: ended.clone(),
        standing: Standing::Away,
        pause: RETRY.0,
        launched: BTreeSet::new(),
        unconfirmed: VecDeque::new(),
        reporting: false,
        stopping: false,
    })?;
    Ok((driver, Ended(waiting)))
}

fn handle(host: &Host) -> ExecutorDriver {
    let (host, to) = (host.clone(), host.address_of(NAME));
    ExecutorDriver::from_fn(move |call| match call {
        ExecutorCall::Update(message) => host.tell(&to, message),
        ExecutorCall::Message(message) => host.tell(&to, message),
        ExecutorCall::Stop => host.tell(&to, StopDriver {}),
    })
}

/// Where the executor stands with its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Away,
    Registered,
    /// It does not want us, or has been away for too long: nobody is there to be told anything.
    Abandoned,
}

struct ExecutorActor<E> {
    executor: E,
    driver: ExecutorDriver,
    config: ExecutorConfig,
    ended: watch::Sender<bool>,
    standing: Standing,
    pause: Duration,
    /// Every task that was ever given to us: a launch may come twice.
    launched: BTreeSet<TaskId>,
    /// Reports that the agent has not confirmed, oldest first. Bounded by the tasks: each has a
    /// handful of states.
    unconfirmed: VecDeque<TaskStatus>,
    /// The oldest of them is on its way.
    reporting: bool,
    stopping: bool,
}

/// What can time out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Time to try to register again.
    Register,
    /// Time to report again.
    Report,
    /// The agent has been away for too long.
    GiveUp,
}

impl<E: Executor> Actor for ExecutorActor<E> {
    const ABOUT: &'static str = "the tasks of one executor and the reports of their states";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LaunchTask>()
            .on::<KillExecutorTask>()
            .on::<ShutdownThisExecutor>()
            .on::<FrameworkMessage>()
            .on::<GetExecutorState>()
            .on::<ReportStatus>()
            .on::<SendToScheduler>()
            .on::<StopDriver>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Timer::GiveUp, self.config.recovery_timeout);
        self.register(ctx);
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Register => self.register(ctx),
            Timer::Report => self.report(ctx),
            Timer::GiveUp => self.give_up("the agent was out of reach for too long", ctx),
        }
    }

    fn exited(&mut self, exited: Exited, ctx: &mut Context<Self>) {
        if exited.actor == self.config.agent && self.standing == Standing::Registered {
            self.standing = Standing::Away;
            self.executor.disconnected(&self.driver);
            ctx.set_timer(Timer::GiveUp, self.config.recovery_timeout);
            self.register(ctx);
        }
    }

    fn inspect(&self) -> serde_json::Value {
        json!({
            "framework_id": self.config.framework_id, "executor_id": self.config.executor_id,
            "container_id": self.config.container_id, "agent": self.config.agent,
            "registered": self.standing == Standing::Registered,
            "tasks": self.executor.tasks(), "unconfirmed": self.unconfirmed.len(),
            "stopping": self.stopping,
        })
    }

    fn stopping(&mut self, _: &mut Context<Self>) {
        self.ended.send_replace(true);
    }
}

impl<E: Executor> ExecutorActor<E> {
    fn register(&mut self, ctx: &mut Context<Self>) {
        if self.standing != Standing::Away {
            return;
        }
        let tasks = self.executor.tasks().into_iter().map(|task| task.task_id).collect();
        let message = RegisterExecutor {
            framework_id: self.config.framework_id.clone(),
            executor_id: self.config.executor_id.clone(),
            container_id: self.config.container_id.clone(),
            executor: None,
            tasks,
            unconfirmed: self.unconfirmed.iter().cloned().collect(),
        };
        let agent = self.config.agent.clone();
        ctx.ask(&agent, message, DEADLINE, |actor, answer, ctx| match answer {
            Ok(registered) => actor.on_registered(&registered, ctx),
            Err(Failure { kind: FailureKind::Refused | FailureKind::NotFound, message }) => {
                actor.give_up(&format!("the agent does not want us: {message}"), ctx);
            }
            Err(failure) => {
                tracing::debug!(%failure, "not registered yet");
                ctx.set_timer(Timer::Register, actor.next_pause());
            }
        });
    }

    fn on_registered(&mut self, registered: &ExecutorRegistered, ctx: &mut Context<Self>) {
        self.standing = Standing::Registered;
        self.pause = RETRY.0;
        ctx.cancel_timer(&Timer::GiveUp);
        ctx.link(&self.config.agent.clone());
        self.executor.registered(&self.driver, &registered.agent_id);
        self.report(ctx);
    }

    /// Reports the oldest unconfirmed state, unless that is under way.
    fn report(&mut self, ctx: &mut Context<Self>) {
        if self.reporting || self.standing != Standing::Registered {
            return;
        }
        let Some(status) = self.unconfirmed.front().cloned() else {
            return self.finish_if_done(ctx);
        };
        self.reporting = true;
        let (framework_id, executor_id) =
            (self.config.framework_id.clone(), self.config.executor_id.clone());
        let message = ReportStatus { framework_id, executor_id, status };
        let agent = self.config.agent.clone();
        ctx.ask(&agent, message, DEADLINE, |actor, answer, ctx| {
            actor.reporting = false;
            actor.on_reported(answer, ctx);
        });
    }

    fn on_reported(&mut self, answer: Result<(), Failure>, ctx: &mut Context<Self>) {
        match answer {
            Ok(()) => drop(self.unconfirmed.pop_front()),
            // Nobody wants to know: the framework is gone, say.
            Err(failure) if failure.kind == FailureKind::Refused => {
                tracing::warn!(%failure, "report refused");
                self.unconfirmed.pop_front();
            }
            Err(_) => return ctx.set_timer(Timer::Report, self.next_pause()),
        }
        self.pause = RETRY.0;
        self.report(ctx);
    }

    /// Nobody is there to serve: tasks end, unheard of.
    fn give_up(&mut self, why: &str, ctx: &mut Context<Self>) {
        tracing::warn!(why, "giving up");
        self.standing = Standing::Abandoned;
        self.executor.shutdown(&self.driver, why);
        self.finish_if_done(ctx);
    }

    fn finish_if_done(&mut self, ctx: &mut Context<Self>) {
        let told = self.unconfirmed.is_empty() || self.standing == Standing::Abandoned;
        if self.stopping && told {
            ctx.stop();
        }
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (self.pause * 2).min(RETRY.1);
        pause
    }

    /// Completes a report with what its author need not know.
    fn complete(&self, mut status: TaskStatus, ctx: &Context<Self>) -> TaskStatus {
        status.executor_id = Some(self.config.executor_id.clone());
        status.container_id = Some(self.config.container_id.clone());
        status.timestamp = ctx.now();
        status.update_id = Some(UpdateId::from(Uuid::new_v4().to_string()));
        status
    }
}

impl<E: Executor> Handler<LaunchTask> for ExecutorActor<E> {
    fn handle(&mut self, message: LaunchTask, _: &mut Context<Self>) -> Outcome<()> {
        if self.launched.insert(message.task.task_id.clone()) {
            self.executor.launch(&self.driver, message.task);
        }
        Outcome::Reply(())
    }
}

impl<E: Executor> Handler<KillExecutorTask> for ExecutorActor<E> {
    fn handle(&mut self, message: KillExecutorTask, _: &mut Context<Self>) -> Outcome<()> {
        self.executor.kill(&self.driver, message.task_id, message.kill_policy);
        Outcome::Reply(())
    }
}

impl<E: Executor> Handler<ShutdownThisExecutor> for ExecutorActor<E> {
    fn handle(&mut self, message: ShutdownThisExecutor, _: &mut Context<Self>) -> Outcome<()> {
        self.executor.shutdown(&self.driver, &message.reason);
        Outcome::Reply(())
    }
}

impl<E: Executor> Handler<FrameworkMessage> for ExecutorActor<E> {
    fn handle(&mut self, message: FrameworkMessage, _: &mut Context<Self>) -> Outcome<()> {
        self.executor.message(&self.driver, message.data);
        Outcome::Reply(())
    }
}

impl<E: Executor> Handler<GetExecutorState> for ExecutorActor<E> {
    fn handle(&mut self, _: GetExecutorState, _: &mut Context<Self>) -> Outcome<ExecutorState> {
        Outcome::Reply(ExecutorState {
            framework_id: self.config.framework_id.clone(),
            executor_id: self.config.executor_id.clone(),
            tasks: self.executor.tasks(),
        })
    }
}

impl<E: Executor> Handler<ReportStatus> for ExecutorActor<E> {
    fn handle(&mut self, message: ReportStatus, ctx: &mut Context<Self>) -> Outcome<()> {
        if ctx.sender().host() != ctx.host().addr() {
            return Outcome::Refuse(Failure::refused("only this executor reports its tasks"));
        }
        let status = self.complete(message.status, ctx);
        self.unconfirmed.push_back(status);
        self.report(ctx);
        self.finish_if_done(ctx);
        Outcome::Reply(())
    }
}

impl<E: Executor> Handler<SendToScheduler> for ExecutorActor<E> {
    fn handle(&mut self, mut message: SendToScheduler, ctx: &mut Context<Self>) -> Outcome<()> {
        message.framework_id = self.config.framework_id.clone();
        message.executor_id = self.config.executor_id.clone();
        ctx.tell(&self.config.agent, message);
        Outcome::Reply(())
    }
}

impl<E: Executor> Handler<StopDriver> for ExecutorActor<E> {
    fn handle(&mut self, _: StopDriver, ctx: &mut Context<Self>) -> Outcome<()> {
        self.stopping = true;
        self.finish_if_done(ctx);
        Outcome::Reply(())
    }
}
