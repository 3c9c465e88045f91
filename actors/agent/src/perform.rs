//! What the core wants done, done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::{
    Effect, Input, Reply, SandboxRead, TaskKey, ToExecutor, ToFrameworks, VolumeLink,
};
use protocol::agent::SandboxChunk;
use protocol::agents::RegisterAgent;
use protocol::executor::LaunchTask;
use protocol::isolator::{LaunchContainer, RecoverContainers, UpdateContainer};
use protocol::updates::{ConfirmUpdate, QueueUpdate};
use protocol::{Address, CallId, Failure, FailureKind, TaskId};
use runtime::Context;

use crate::actor::{Agent, Alarm, ISOLATOR, TOPIC, UPDATES};
use crate::{notes, sandbox, volumes};

/// A registration takes a write to the master's store; after this it has been lost, or the master
/// cannot write.
const REGISTER: Duration = Duration::from_secs(5);
/// An executor takes a task at once, or its link is down.
const DELIVER: Duration = Duration::from_secs(5);
/// `updates` writes to the disk.
const KEEP: Duration = Duration::from_secs(10);
/// The isolator writes a few files; the kernel may first take memory back.
const RESIZE: Duration = Duration::from_secs(10);
/// The isolator looks at every process of the machine and destroys what nobody knows.
const RECOVER: Duration = Duration::from_secs(60);

/// By which an executor of a framework finds the token that it is to show. It is told here, and not in
/// the core, which keeps no secret and whose effects are written down.
const TOKEN: &str = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";

impl Agent {
    pub(crate) fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            // Written by the caller, with others.
            Effect::Persist(_) => {}
            Effect::FindLeader { hint: Some(host) } => self.ask_elector(&host, ctx),
            Effect::FindLeader { hint: None } => self.find_leader(ctx),
            Effect::Link(to) => ctx.link(&to),
            Effect::Unlink(to) => ctx.unlink(&to),
            Effect::Register { to, message } => Self::register(&to, *message, ctx),
            Effect::Pong { to, message } => ctx.tell(&to, message),
            Effect::Unregister { to, message } => ctx.tell(&to, message),
            Effect::ToFrameworks { to, message } => Self::tell_frameworks(&to, message, ctx),
            Effect::DeliverTask { to, key, message } => Self::deliver(&to, key, *message, ctx),
            Effect::ToExecutor { to, message } => Self::tell_executor(&to, message, ctx),
            Effect::Recover(message) => Self::recover(message, ctx),
            Effect::Launch(message) => self.launch(*message, ctx),
            Effect::Resize(message) => ctx.tell(&ctx.local(ISOLATOR), message),
            Effect::ResizeTask { number, message } => Self::resize(number, message, ctx),
            Effect::Destroy(message) => ctx.tell(&ctx.local(ISOLATOR), message),
            Effect::Queue(message) => Self::queue(*message, ctx),
            Effect::Confirm(message) => Self::confirm(message, ctx),
            Effect::SetMaster(message) => ctx.tell(&ctx.local(UPDATES), message),
            Effect::ForgetFramework(message) => ctx.tell(&ctx.local(UPDATES), message),
            Effect::Reply { call, reply } => self.answer(call, reply),
            Effect::ReadFile { call, read } => self.read_file(call, read, ctx),
            Effect::SetTimer { timer, at } => ctx.set_timer_at(Alarm::Core(timer), at),
            Effect::CancelTimer { timer } => ctx.cancel_timer(&Alarm::Core(timer)),
            Effect::SettleVolumes { volumes } => self.settle_volumes(&volumes, ctx),
            Effect::LinkVolumes { sandbox, task_id, user, links } => {
                self.link_volumes(sandbox, task_id.as_ref(), user.as_deref(), &links);
            }
            Effect::RemoveSandbox { sandbox } => self.remove_sandbox(sandbox.into(), ctx),
            Effect::Emit(report) => ctx.publish(TOPIC, &report),
        }
    }

    fn register(to: &Address, message: RegisterAgent, ctx: &mut Context<Self>) {
        let attempt = message.attempt;
        ctx.ask(to, message, REGISTER, move |agent, result, ctx| {
            if let Err(failure) = &result {
                notes::not_registered(failure, attempt);
            }
            agent.take(Input::RegistrationAnswered { attempt, result }, ctx);
        });
    }

    fn tell_frameworks(to: &Address, message: ToFrameworks, ctx: &mut Context<Self>) {
        match message {
            ToFrameworks::ForwardUpdate(message) => ctx.tell(to, *message),
            ToFrameworks::Operation(message) => ctx.tell(to, *message),
            ToFrameworks::ExecutorExited(message) => ctx.tell(to, message),
            ToFrameworks::MessageFromExecutor(message) => ctx.tell(to, message),
            ToFrameworks::Resized(message) => ctx.tell(to, message),
        }
    }

    fn tell_executor(to: &Address, message: ToExecutor, ctx: &mut Context<Self>) {
        match message {
            ToExecutor::Kill(message) => ctx.tell(to, message),
            ToExecutor::Shutdown(message) => ctx.tell(to, message),
            ToExecutor::Message(message) => ctx.tell(to, message),
            ToExecutor::Gone(message) => ctx.tell(to, message),
        }
    }

    fn deliver(to: &Address, key: TaskKey, message: LaunchTask, ctx: &mut Context<Self>) {
        ctx.ask(to, message, DELIVER, move |agent, result, ctx| {
            agent.take(Input::TaskDelivered { key, result }, ctx);
        });
    }

    fn recover(message: RecoverContainers, ctx: &mut Context<Self>) {
        let isolator = ctx.local(ISOLATOR);
        ctx.ask(&isolator, message, RECOVER, |agent, result, ctx| {
            agent.take(Input::ContainersRecovered { result }, ctx);
        });
    }

    fn launch(&mut self, mut message: LaunchContainer, ctx: &mut Context<Self>) {
        let (isolator, container_id) = (ctx.local(ISOLATOR), message.container_id.clone());
        if let Some(failure) = self.broken_sandboxes.remove(&message.sandbox) {
            return ctx.run(std::future::ready(Err(failure)), |agent, result, ctx| {
                agent.take(Input::LaunchAnswered { container_id, result }, ctx);
            });
        }
        self.give_token(&mut message);
        ctx.ask(&isolator, message, self.config.launch_timeout(), |agent, result, ctx| {
            if let Err(failure) = &result {
                tracing::warn!(%failure, container = %container_id, "container not launched");
            }
            agent.take(Input::LaunchAnswered { container_id, result }, ctx);
        });
    }

    /// Ours do without: they do not use the API that asks for it.
    fn give_token(&self, launch: &mut LaunchContainer) {
        let Some(secret) = self.secret.as_ref().filter(|_| launch.process.inside) else { return };
        let LaunchContainer { framework_id, executor_id, container_id, .. } = &*launch;
        let token =
            secret.token(framework_id.as_str(), executor_id.as_str(), container_id.as_str());
        launch.process.environment.insert(TOKEN.to_owned(), token);
    }

    fn resize(number: u64, message: UpdateContainer, ctx: &mut Context<Self>) {
        let (isolator, container_id) = (ctx.local(ISOLATOR), message.container_id.clone());
        ctx.ask(&isolator, message, RESIZE, move |agent, result, ctx| {
            agent.take(Input::ContainerResized { container_id, number, result }, ctx);
        });
    }

    fn queue(message: QueueUpdate, ctx: &mut Context<Self>) {
        let framework_id = message.framework_id.clone();
        let key = TaskKey { framework_id, task_id: message.status.task_id.clone() };
        let Some(update_id) = message.status.update_id.clone() else { return };
        let updates = ctx.local(UPDATES);
        ctx.ask(&updates, message, KEEP, |agent, result, ctx| {
            if let Err(failure) = &result {
                tracing::warn!(%failure, task = %key.task_id, "a status is not safe yet");
            }
            agent.take(Input::UpdateQueued { key, update_id, result }, ctx);
        });
    }

    fn confirm(message: ConfirmUpdate, ctx: &mut Context<Self>) {
        let key = TaskKey {
            framework_id: message.framework_id.clone(),
            task_id: message.task_id.clone(),
        };
        let updates = ctx.local(UPDATES);
        ctx.ask(&updates, message, KEEP, |agent, result, ctx| {
            agent.take(Input::UpdateConfirmed { key, result }, ctx);
        });
    }

    fn answer(&mut self, call: CallId, reply: Reply) {
        match reply {
            Reply::Done => self.calls.reply(call, ()),
            Reply::Registered(registered) => self.calls.reply(call, registered),
            Reply::AgentState(state) => self.calls.reply(call, *state),
            Reply::ExecutorFound(found) => self.calls.reply(call, *found),
            Reply::Refused(failure) => self.calls.refuse(call, failure),
        }
    }

    fn read_file(&mut self, call: CallId, read: SandboxRead, ctx: &mut Context<Self>) {
        let Some(reply) = self.calls.take::<SandboxChunk>(call) else { return };
        let reading = tokio::task::spawn_blocking(move || sandbox::read(&read));
        ctx.run(reading, |_, result, _| match result {
            Ok(Ok(chunk)) => reply.reply(chunk),
            Ok(Err(failure)) => reply.refuse(failure),
            Err(_) => {
                let text = "reading the file failed in an unforeseen way";
                reply.refuse(Failure::new(FailureKind::ActorDied, text));
            }
        });
    }

    fn settle_volumes(&self, volumes: &[String], ctx: &mut Context<Self>) {
        match volumes::settle(&self.config.work_dir, volumes) {
            Ok(trash) if trash.is_empty() => {}
            Ok(trash) => {
                let deleting = tokio::task::spawn_blocking(move || volumes::delete(&trash));
                ctx.run(deleting, |_, result, _| {
                    if let Ok(Err(error)) = result {
                        tracing::warn!(%error, "data of destroyed volumes not deleted");
                    }
                });
            }
            Err(error) => tracing::error!(%error, "the volumes are not as they should be"),
        }
    }

    fn link_volumes(
        &mut self,
        sandbox: String,
        task_id: Option<&TaskId>,
        user: Option<&str>,
        links: &[VolumeLink],
    ) {
        let Err(error) = volumes::link(Path::new(&sandbox), user, links) else { return };
        tracing::error!(sandbox, ?task_id, %error, "no way from a sandbox to a volume");
        if task_id.is_none() {
            let text = format!("failed to give the container its volumes: {error}");
            self.broken_sandboxes.insert(sandbox, Failure::refused(text));
        }
    }

    fn remove_sandbox(&self, sandbox: PathBuf, ctx: &mut Context<Self>) {
        let (work_dir, path) = (self.config.work_dir.clone(), sandbox.clone());
        let removing = tokio::task::spawn_blocking(move || sandbox::remove(&path, &work_dir));
        ctx.run(removing, move |_, result, _| {
            if let Ok(Err(error)) = result {
                tracing::warn!(sandbox = %sandbox.display(), %error, "sandbox not removed");
            }
        });
    }
}
