//! The actor `isolator`: which containers there are and what each is going through.
//!
//! It only keeps the table; what blocks or takes time runs beside it and comes back as a turn.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use protocol::agent::ContainerExited;
use protocol::isolator::{
    ContainerLaunched, ContainerUsage, DestroyContainer, GetContainerUsage, KnownContainer,
    LaunchContainer, Limitation, RecoverContainers, UpdateContainer, UsageList,
};
use protocol::task::Termination;
use protocol::{ContainerId, ExecutorId, Failure, FailureKind, FrameworkId};
use runtime::{Actor, Context, Handler, Handlers, Host, HostError, Outcome, ReplyTo, SpawnOptions};
use serde_json::json;
use tokio::sync::oneshot;

use crate::choice::choose;
use crate::config::IsolatorConfig;
use crate::error::{IsolatorError, chain};
use crate::launch::{Launcher, blocking};
use crate::limits::{Limits, Sample};
use crate::recovery;
use crate::watch::Watch;

/// The actor's name on its host.
pub const NAME: &str = "isolator";
/// Who is told what ended.
const AGENT: &str = "agent";

/// How often containers are looked at for having run into a limit: a task that lost a process to
/// the kernel is ended within this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the agent may take to note an end, and the pause before it is told again.
const REPORT_DEADLINE: Duration = Duration::from_secs(10);
const REPORT_PAUSE: Duration = Duration::from_millis(200);

/// One container.
struct Container {
    framework_id: FrameworkId,
    executor_id: ExecutorId,
    limits: Limits,
    limitation: Option<Limitation>,
    phase: Phase,
}

/// What a container is going through.
enum Phase {
    /// Not there yet, or not found again yet. `cancelled`: to be ended as soon as it is.
    Starting {
        cancelled: bool,
        stop_fetch: Option<oneshot::Sender<()>>,
    },
    Running {
        watch: Rc<Watch>,
    },
    /// Being killed and removed.
    Ending,
}

/// Keeps the containers of one agent.
pub struct Isolator {
    launcher: Launcher,
    containers: BTreeMap<ContainerId, Container>,
}

/// Starts the actor `isolator` on `host`. The text says what it can give here, for the log. The
/// configuration names a root for the cgroups, or has been [`IsolatorConfig::resolved`].
pub fn start(host: &Host, config: IsolatorConfig) -> Result<String, StartError> {
    config.check()?;
    let (containment, mut text) = choose(&config)?;
    let launcher = Launcher::new(containment, config);
    text.push_str(match launcher.switch_user {
        true => "; tasks run as their own users",
        false => "; tasks run as the agent's user",
    });
    let factory = move || Isolator { launcher: launcher.clone(), containers: BTreeMap::new() };
    host.spawn(NAME, SpawnOptions::own(), factory)?;
    Ok(text)
}

/// Why the isolator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no containers can be made here")]
    Containment(#[from] IsolatorError),
    #[error(transparent)]
    Host(#[from] HostError),
}

/// What can time out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Time to look whether a container ran into a limit.
    Look,
}

impl Actor for Isolator {
    const ABOUT: &'static str =
        "the containers of this machine: their cgroups, limits, processes and use";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LaunchContainer>()
            .on::<UpdateContainer>()
            .on::<DestroyContainer>()
            .on::<RecoverContainers>()
            .on::<GetContainerUsage>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Timer::Look, LOOK_EVERY);
    }

    fn timer(&mut self, Timer::Look: Timer, ctx: &mut Context<Self>) {
        ctx.set_timer(Timer::Look, LOOK_EVERY);
        self.look(ctx);
    }

    fn stopping(&mut self, _: &mut Context<Self>) {
        self.launcher.containment.close();
    }

    fn inspect(&self) -> serde_json::Value {
        let row = |(id, container): (&ContainerId, &Container)| {
            let (phase, pid) = match &container.phase {
                Phase::Starting { .. } => ("starting", None),
                Phase::Running { watch } => ("running", Some(watch.pid())),
                Phase::Ending => ("ending", None),
            };
            json!({
                "container_id": id, "framework_id": container.framework_id,
                "executor_id": container.executor_id, "phase": phase, "pid": pid,
                "cpus": container.limits.cpus, "mem_bytes": container.limits.mem_bytes,
                "limitation": container.limitation,
            })
        };
        let containers: Vec<_> = self.containers.iter().map(row).collect();
        json!({ "isolation": self.launcher.containment.describe(), "containers": containers })
    }
}

impl Handler<LaunchContainer> for Isolator {
    fn handle(
        &mut self,
        message: LaunchContainer,
        ctx: &mut Context<Self>,
    ) -> Outcome<ContainerLaunched> {
        let id = message.container_id.clone();
        if let Err(why) = id.check() {
            return Outcome::Refuse(IsolatorError::BadId { id, why }.into());
        }
        if self.containers.contains_key(&id) {
            return Outcome::Refuse(IsolatorError::Exists(id).into());
        }
        let (stop_fetch, stopped) = oneshot::channel();
        let container = Container {
            framework_id: message.framework_id.clone(),
            executor_id: message.executor_id.clone(),
            limits: Limits::of(&message.resources),
            limitation: None,
            phase: Phase::Starting { cancelled: false, stop_fetch: Some(stop_fetch) },
        };
        self.containers.insert(id.clone(), container);
        let reply = ctx.defer();
        let launch = self.launcher.clone().launch(message, ctx.host().clone(), stopped);
        ctx.run(launch, move |actor, launched, ctx| actor.on_launched(id, launched, reply, ctx));
        Outcome::Later
    }
}

impl Handler<UpdateContainer> for Isolator {
    fn handle(&mut self, message: UpdateContainer, ctx: &mut Context<Self>) -> Outcome<()> {
        let id = message.container_id;
        let Some(container) = self.containers.get_mut(&id) else {
            return Outcome::Refuse(IsolatorError::NoSuchContainer(id).into());
        };
        if message.exact && !self.launcher.containment.follows_changes() {
            return Outcome::Refuse(IsolatorError::FixedLimits.into());
        }
        let before = container.limits;
        container.limits = Limits::of(&message.resources);
        let reply = ctx.defer();
        self.apply(id, before, reply, ctx);
        Outcome::Later
    }
}

impl Handler<DestroyContainer> for Isolator {
    fn handle(&mut self, message: DestroyContainer, ctx: &mut Context<Self>) -> Outcome<()> {
        let id = message.container_id;
        match self.containers.get_mut(&id).map(|container| &mut container.phase) {
            // The launch ends with a failure, or is destroyed as soon as it has succeeded.
            Some(Phase::Starting { cancelled, stop_fetch }) => {
                *cancelled = true;
                if let Some(stop) = stop_fetch.take() {
                    // Nobody listens any more once the fetch is over.
                    let _ = stop.send(());
                }
            }
            // Its end does the rest.
            Some(Phase::Running { watch }) => watch.kill(),
            Some(Phase::Ending) => {}
            None => report(gone(id), ctx),
        }
        Outcome::Reply(())
    }
}

impl Handler<RecoverContainers> for Isolator {
    fn handle(&mut self, message: RecoverContainers, ctx: &mut Context<Self>) -> Outcome<()> {
        let reply = ctx.defer();
        let keep: Vec<ContainerId> = self
            .containers
            .keys()
            .cloned()
            .chain(message.containers.iter().map(|known| known.container_id.clone()))
            .collect();
        let known: Vec<KnownContainer> = message
            .containers
            .into_iter()
            .filter(|known| !self.containers.contains_key(&known.container_id))
            .collect();
        for known in &known {
            self.containers.insert(known.container_id.clone(), recovered(known));
        }
        let work = recovery::recover(self.launcher.clone(), known, keep);
        ctx.run(work, move |actor, found, ctx| {
            for (id, watch) in found {
                match watch {
                    Some(watch) => actor.watch(id, watch, ctx),
                    None => actor.end(id, None, ctx),
                }
            }
            reply.reply(());
        });
        Outcome::Later
    }
}

impl Handler<GetContainerUsage> for Isolator {
    fn handle(
        &mut self,
        message: GetContainerUsage,
        ctx: &mut Context<Self>,
    ) -> Outcome<UsageList> {
        let ids = match message.container_id {
            Some(id) if !self.containers.contains_key(&id) => {
                return Outcome::Refuse(IsolatorError::NoSuchContainer(id).into());
            }
            Some(id) => vec![id],
            None => self.containers.keys().cloned().collect(),
        };
        let reply = ctx.defer();
        self.sample(ids, ctx, move |actor, samples, _| {
            let containers = samples
                .into_iter()
                .filter_map(|(id, sample)| Some(actor.containers.get(&id)?.usage(id, &sample)))
                .collect();
            reply.reply(UsageList { containers });
        });
        Outcome::Later
    }
}

impl Isolator {
    fn on_launched(
        &mut self,
        id: ContainerId,
        launched: Result<Watch, IsolatorError>,
        reply: ReplyTo<ContainerLaunched>,
        ctx: &mut Context<Self>,
    ) {
        let cancelled = self.containers.get(&id).is_some_and(Container::is_cancelled);
        match launched {
            Ok(watch) => {
                match cancelled {
                    false => reply.reply(ContainerLaunched { pid: watch.pid() }),
                    true => reply.refuse(IsolatorError::Cancelled.into()),
                }
                self.watch(id, watch, ctx);
            }
            Err(error) => {
                tracing::warn!(container = %id, error = chain(&error), "container not launched");
                reply.refuse(error.into());
                self.containers.remove(&id);
                if cancelled {
                    report(gone(id), ctx);
                }
            }
        }
    }

    /// Waits for the end of a container's first process; hastens it if nobody wants it any more.
    fn watch(&mut self, id: ContainerId, watch: Watch, ctx: &mut Context<Self>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if container.is_cancelled() {
            watch.kill();
        }
        let watch = Rc::new(watch);
        container.phase = Phase::Running { watch: Rc::clone(&watch) };
        let ended = async move { watch.ended().await };
        ctx.run(ended, move |actor, termination, ctx| actor.end(id, termination, ctx));
    }

    /// The first process has ended: so does everything else in the container.
    fn end(&mut self, id: ContainerId, termination: Option<Termination>, ctx: &mut Context<Self>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        container.phase = Phase::Ending;
        let (launcher, limits, ended) = (self.launcher.clone(), container.limits, id.clone());
        let destroy = async move {
            // Asked before the cgroup, which knows, is removed.
            let limitation = launcher.limitation(ended.clone(), limits).await;
            launcher.destroy(ended).await;
            limitation
        };
        ctx.run(destroy, move |actor, limitation, ctx| {
            let noticed = actor.containers.remove(&id).and_then(|container| container.limitation);
            let limitation = noticed.or(limitation);
            report(ContainerExited { container_id: id, termination, limitation }, ctx);
        });
    }

    /// Ends containers that have run into a limit.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let watched = |container: &Container| {
            matches!(container.phase, Phase::Running { .. }) && container.limitation.is_none()
        };
        let ids: Vec<_> = self
            .containers
            .iter()
            .filter(|(_, container)| watched(container))
            .map(|(id, _)| id.clone())
            .collect();
        if ids.is_empty() {
            return;
        }
        self.sample(ids, ctx, |actor, samples, ctx| {
            for (id, sample) in samples {
                actor.enforce(id, &sample, ctx);
            }
        });
    }

    fn enforce(&mut self, id: ContainerId, sample: &Sample, ctx: &mut Context<Self>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        let containment = &self.launcher.containment;
        let Some(limitation) = containment.exceeded(&container.limits, sample) else { return };
        tracing::info!(container = %id, why = limitation.message, "container over its limit");
        container.limitation = Some(limitation);
        // Only what is subject to the limit: our executor stays and tells the end of its task.
        let containment = containment.clone();
        ctx.run(blocking(move || containment.kill(&id)), |_, killed, _| {
            if let Err(error) = killed {
                tracing::warn!(error = chain(&error), "container over its limit not killed");
            }
        });
    }

    /// Sets a container's present limits. Work of two updates may end in either order, so what was
    /// set is compared with what is wanted by then.
    fn apply(
        &mut self,
        id: ContainerId,
        before: Limits,
        reply: ReplyTo<()>,
        ctx: &mut Context<Self>,
    ) {
        let Some(container) = self.containers.get(&id) else {
            return reply.refuse(IsolatorError::NoSuchContainer(id).into());
        };
        let (containment, limits) = (self.launcher.containment.clone(), container.limits);
        let container_id = id.clone();
        let update = blocking(move || containment.update(&container_id, &before, &limits));
        ctx.run(update, move |actor, updated, ctx| {
            let wanted = actor.containers.get_mut(&id).map(|container| &mut container.limits);
            match (updated, wanted) {
                (Err(error), Some(wanted)) => {
                    if *wanted == limits {
                        *wanted = before;
                    }
                    reply.refuse(error.into());
                }
                (Err(error), None) => reply.refuse(error.into()),
                (Ok(()), Some(wanted)) if *wanted != limits => actor.apply(id, limits, reply, ctx),
                (Ok(()), _) => reply.reply(()),
            }
        });
    }

    fn sample(
        &self,
        ids: Vec<ContainerId>,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, BTreeMap<ContainerId, Sample>, &mut Context<Self>) + 'static,
    ) {
        let containment = self.launcher.containment.clone();
        let sample = blocking(move || Ok(containment.sample(&ids)));
        ctx.run(sample, move |actor, samples, ctx| {
            then(actor, samples.unwrap_or_default(), ctx);
        });
    }
}

impl Container {
    fn is_cancelled(&self) -> bool {
        matches!(self.phase, Phase::Starting { cancelled: true, .. })
    }

    fn usage(&self, container_id: ContainerId, sample: &Sample) -> ContainerUsage {
        ContainerUsage {
            container_id,
            framework_id: self.framework_id.clone(),
            executor_id: self.executor_id.clone(),
            cpu_seconds: sample.cpu_seconds,
            cpus_limit: self.limits.cpus,
            mem_bytes: sample.mem_bytes,
            mem_limit_bytes: self.limits.mem_bytes,
            processes: sample.processes,
            oom_kills: sample.oom_kills,
        }
    }
}

/// A container of an earlier life, until it is known whether it still runs.
fn recovered(known: &KnownContainer) -> Container {
    Container {
        framework_id: known.framework_id.clone(),
        executor_id: known.executor_id.clone(),
        limits: Limits::of(&known.resources),
        limitation: None,
        phase: Phase::Starting { cancelled: false, stop_fetch: None },
    }
}

/// The end of a container of which nothing is known but that it is gone.
fn gone(container_id: ContainerId) -> ContainerExited {
    ContainerExited { container_id, termination: None, limitation: None }
}

/// Tells the agent of an end until it has noted it: nobody else will ever tell it.
fn report(exited: ContainerExited, ctx: &mut Context<Isolator>) {
    let (host, agent) = (ctx.host().clone(), ctx.local(AGENT));
    let telling = async move {
        loop {
            match host.ask(&agent, exited.clone(), REPORT_DEADLINE).await {
                Ok(()) | Err(Failure { kind: FailureKind::Refused, .. }) => return,
                Err(failure) => {
                    tracing::warn!(container = %exited.container_id, %failure, "end not noted yet");
                    tokio::time::sleep(REPORT_PAUSE).await;
                }
            }
        }
    };
    ctx.run(telling, |_, (), _| ());
}
