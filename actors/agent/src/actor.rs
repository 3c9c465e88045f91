//! The actor: messages in, `State::step`, effects out.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_core::{Effect, Input, Settings, State, Timer};
use journal::JournalError;
use protocol::agent::{
    AgentStateReply, ApplyOperation, ContainerExited, DeliverMessage, ExecutorDisconnected,
    ExecutorFound, ExecutorRegistered, FindExecutor, GetAgentState, KillAgentTask,
    OperationAcknowledged, Ping, ReadSandbox, RegisterExecutor, ReportStatus, RunTasks,
    SandboxChunk, SendToScheduler, ShutdownAgentExecutor, ShutdownFramework, StopAgent,
    SubscribeExecutor, UpdateAcknowledged, UpdateFramework,
};
use protocol::elector::LeaderChanged;
use protocol::framework::AgentInfo;
use protocol::operation::original;
use protocol::resize::ResizeAgentTask;
use protocol::runtime::Exited;
use protocol::{Failure, HostAddr, Resources};
use runtime::{Actor, Calls, Context, Handler, Handlers, Outcome, SpawnOptions};
use serde_json::json;
use tokens::TokenSecret;

use crate::checkpoints::Checkpoints;
use crate::config::{AgentConfig, OnShutdown};
use crate::machine::{Machine, MachineError, absolute, executor_beside_us};
use crate::notes;

/// Its name on an agent's host.
pub const NAME: &str = "agent";

/// Under which it publishes what happens to its tasks, as [`protocol::events::Report`].
pub const TOPIC: &str = "tasks";

/// Messages that may wait: the executors of thousands of tasks that end at once, and as many
/// acknowledgements. Executors and the isolator repeat what was not taken, the master what it
/// misses at the next registration.
const CAPACITY: usize = 65_536;

/// Until an actor of this host that has ended, or was not there, is looked for again.
const RELINK: Duration = Duration::from_millis(100);

/// What can time out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// A timer of the core.
    Core(Timer),
    /// The masters are to be asked who leads.
    FindLeader,
    /// `isolator` or `updates` may be there again.
    Relink(&'static str),
}

/// The agent of one machine.
pub struct Agent {
    pub(crate) config: AgentConfig,
    machine: Machine,
    /// What executors are given tokens by, if they are.
    pub(crate) secret: Option<TokenSecret>,
    /// From the start of the actor on.
    pub(crate) state: Option<State>,
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) calls: Calls,
    /// Empty between inputs; kept for its capacity.
    effects: Vec<Effect>,
    /// Sandboxes that do not lead to the volumes that their tasks are to have, and why.
    pub(crate) broken_sandboxes: BTreeMap<String, Failure>,
}

/// Why the agent does not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("the checkpoint cannot be read")]
    Checkpoint(#[from] JournalError),
    #[error("the agent does not know where it is")]
    Machine(#[from] MachineError),
    #[error(
        "the machine is to have {configured}, and operations have made {converted} of more than that; configure at least as much, or clear the work directory"
    )]
    Resources { configured: Resources, converted: Resources },
}

impl Agent {
    /// Reads its checkpoint when the actor starts. Its host needs the actors `isolator` and
    /// `updates`, and an address that executors can reach and that stays the same after a restart.
    pub fn new(config: AgentConfig, machine: Machine) -> Self {
        Self {
            config,
            machine,
            secret: None,
            state: None,
            checkpoints: None,
            calls: Calls::default(),
            effects: Vec::new(),
            broken_sandboxes: BTreeMap::new(),
        }
    }

    /// Gives the executors that frameworks bring along a token each, by which the edge knows them.
    #[must_use]
    pub fn with_tokens(mut self, secret: Option<TokenSecret>) -> Self {
        self.secret = secret;
        self
    }

    /// How it is meant to be spawned: on the thread of the connections, where executors and the
    /// master arrive.
    pub fn spawn_options() -> SpawnOptions {
        SpawnOptions { capacity: CAPACITY, ..SpawnOptions::default() }
    }

    fn begin(&mut self, ctx: &mut Context<Self>) -> Result<(), StartError> {
        self.config.work_dir = absolute(&self.config.work_dir)?;
        let settings = self.settings(ctx)?;
        let (checkpoints, checkpoint) = Checkpoints::open(&self.config.work_dir)?;
        tracing::info!(
            agent_id = ?checkpoint.agent_id, executors = checkpoint.executors.len(),
            tasks = checkpoint.tasks.len(), work_dir = %self.config.work_dir.display(),
            "checkpoint read"
        );
        let configured = &settings.info.resources;
        if !configured.contains(&original(&checkpoint.converted)) {
            let (configured, converted) = (configured.clone(), checkpoint.converted);
            return Err(StartError::Resources { configured, converted });
        }
        self.checkpoints = Some(checkpoints);
        self.state = Some(State::new(settings, checkpoint));
        Ok(())
    }

    fn settings(&self, ctx: &Context<Self>) -> Result<Settings, MachineError> {
        let executor = match &self.config.executor {
            Some(path) => absolute(path)?,
            None => executor_beside_us()?,
        };
        let host = ctx.host();
        let now = ctx.now().0;
        Ok(Settings {
            agent: ctx.address().clone(),
            cluster: host.cluster().to_owned(),
            info: self.info(host.addr()),
            work_dir: self.config.work_dir.to_string_lossy().into_owned(),
            executor: executor.to_string_lossy().into_owned(),
            // The moment of the start and the port: two agents of a machine share neither.
            run: format!("{now:x}{:04x}", host.addr().port()),
            updates: uuid::Uuid::new_v4().as_u128(),
            seed: now ^ u64::from(host.addr().port()) << 48,
            switch_user: self.config.switch_user,
            parallel_launches: self.config.parallel_launches.max(1),
            completed_tasks: self.config.completed_tasks,
            timeouts: self.config.timeouts(),
        })
    }

    fn info(&self, host: &HostAddr) -> AgentInfo {
        let machine = self.machine.clone();
        AgentInfo {
            hostname: self.config.hostname.clone().unwrap_or(machine.hostname),
            host: host.clone(),
            http: machine.http,
            resources: machine.resources,
            attributes: self.config.attributes.clone(),
            domain: self.config.domain.clone(),
            boot_id: machine.boot_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Takes one input and does what follows from it, in order.
    pub(crate) fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let Some(state) = &mut self.state else { return };
        let before = notes::standing(state.registration());
        let mut effects = std::mem::take(&mut self.effects);
        state.step(ctx.now(), input, &mut effects);
        notes::registration(before, state.registration());
        if let Err(error) = self.perform_all(&mut effects, ctx) {
            // The checkpoint may or may not have it: what is on disk is the truth.
            ctx.fail(notes::chain(&error));
        }
        effects.clear();
        self.effects = effects;
    }

    fn perform_all(
        &mut self,
        effects: &mut Vec<Effect>,
        ctx: &mut Context<Self>,
    ) -> Result<(), JournalError> {
        let Some(mut checkpoints) = self.checkpoints.take() else { return Ok(()) };
        for effect in effects.drain(..) {
            if let Effect::Persist(record) = effect {
                checkpoints.push(&record)?;
            } else {
                checkpoints.flush()?;
                self.perform(effect, ctx);
            }
        }
        checkpoints.flush()?;
        if let Some(state) = &self.state {
            checkpoints.compact(state.checkpoint())?;
        }
        self.checkpoints = Some(checkpoints);
        Ok(())
    }

    fn tell(&mut self, input: Input, ctx: &mut Context<Self>) -> Outcome<()> {
        self.take(input, ctx);
        Outcome::Reply(())
    }

    fn relink(&mut self, name: &'static str, ctx: &mut Context<Self>) {
        let actor = ctx.local(name);
        ctx.link(&actor);
        self.take(
            if name == UPDATES { Input::UpdatesRestarted } else { Input::IsolatorRestarted },
            ctx,
        );
    }
}

/// The actors of this host that it works with.
pub(crate) const UPDATES: &str = "updates";
pub(crate) const ISOLATOR: &str = "isolator";

impl Actor for Agent {
    const ABOUT: &'static str = "the tasks and executors of this machine, and their checkpoints";
    type Timer = Alarm;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<LeaderChanged>()
            .on::<Ping>()
            .on::<RunTasks>()
            .on::<KillAgentTask>()
            .on::<UpdateAcknowledged>()
            .on::<ShutdownFramework>()
            .on::<ShutdownAgentExecutor>()
            .on::<DeliverMessage>()
            .on::<UpdateFramework>()
            .on::<ResizeAgentTask>()
            .on::<ApplyOperation>()
            .on::<OperationAcknowledged>()
            .on::<RegisterExecutor>()
            .on::<ReportStatus>()
            .on::<SendToScheduler>()
            .on::<FindExecutor>()
            .on::<SubscribeExecutor>()
            .on::<ExecutorDisconnected>()
            .on::<ContainerExited>()
            .on::<GetAgentState>()
            .on::<ReadSandbox>()
            .on::<StopAgent>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Err(error) = self.begin(ctx) {
            return ctx.fail(notes::chain(&error));
        }
        for name in [ISOLATOR, UPDATES] {
            let actor = ctx.local(name);
            ctx.link(&actor);
        }
        self.take(Input::Started, ctx);
        self.find_leader(ctx);
    }

    fn timer(&mut self, alarm: Alarm, ctx: &mut Context<Self>) {
        match alarm {
            Alarm::Core(timer) => self.take(Input::TimerFired(timer), ctx),
            Alarm::FindLeader => self.find_leader(ctx),
            Alarm::Relink(name) => self.relink(name, ctx),
        }
    }

    fn exited(&mut self, exited: Exited, ctx: &mut Context<Self>) {
        for name in [ISOLATOR, UPDATES] {
            if exited.actor == ctx.local(name) {
                tracing::warn!(actor = name, reason = ?exited.reason, "an actor of this host ended");
                return ctx.set_timer(Alarm::Relink(name), RELINK);
            }
        }
        self.take(Input::MasterExited(exited.actor), ctx);
    }

    fn inspect(&self) -> serde_json::Value {
        let Some(state) = &self.state else { return json!({}) };
        let executors =
            state.executors().map(|(id, state)| (id.to_string(), json!(state.as_str())));
        json!({
            "agent_id": state.checkpoint().agent_id,
            "registration": state.registration(),
            "executors": executors.collect::<serde_json::Map<_, _>>(),
            "tasks": state.checkpoint().tasks.len(),
            "completed": state.checkpoint().completed.len(),
            "used": state.used().to_string(),
            "waiting_callers": self.calls.len(),
            "checkpoint_bytes": self.checkpoints.as_ref().map(Checkpoints::size),
            "invariants": state.check().err().unwrap_or_else(|| "hold".to_owned()),
        })
    }
}

macro_rules! told {
    ($($message:ident),+ $(,)?) => {$(
        impl Handler<$message> for Agent {
            fn handle(&mut self, message: $message, ctx: &mut Context<Self>) -> Outcome<()> {
                self.tell(Input::$message(message), ctx)
            }
        }
    )+};
}

told! {
    Ping, RunTasks, KillAgentTask, UpdateAcknowledged, ShutdownFramework, ShutdownAgentExecutor,
    DeliverMessage, UpdateFramework, ResizeAgentTask,
    ApplyOperation, OperationAcknowledged, SendToScheduler, ContainerExited,
}

impl Handler<RegisterExecutor> for Agent {
    fn handle(
        &mut self,
        message: RegisterExecutor,
        ctx: &mut Context<Self>,
    ) -> Outcome<ExecutorRegistered> {
        let sender = ctx.sender().clone();
        let call = self.calls.add(ctx.defer::<ExecutorRegistered>());
        self.take(Input::RegisterExecutor { call, sender, message }, ctx);
        Outcome::Later
    }
}

impl Handler<FindExecutor> for Agent {
    fn handle(&mut self, message: FindExecutor, ctx: &mut Context<Self>) -> Outcome<ExecutorFound> {
        let call = self.calls.add(ctx.defer::<ExecutorFound>());
        self.take(Input::FindExecutor { call, message }, ctx);
        Outcome::Later
    }
}

impl Handler<SubscribeExecutor> for Agent {
    fn handle(
        &mut self,
        message: SubscribeExecutor,
        ctx: &mut Context<Self>,
    ) -> Outcome<ExecutorRegistered> {
        let sender = ctx.sender().clone();
        let call = self.calls.add(ctx.defer::<ExecutorRegistered>());
        self.take(Input::SubscribeExecutor { call, sender, message }, ctx);
        Outcome::Later
    }
}

impl Handler<ExecutorDisconnected> for Agent {
    fn handle(&mut self, message: ExecutorDisconnected, ctx: &mut Context<Self>) -> Outcome<()> {
        let sender = ctx.sender().clone();
        self.tell(Input::ExecutorDisconnected { sender, message }, ctx)
    }
}

impl Handler<ReportStatus> for Agent {
    fn handle(&mut self, message: ReportStatus, ctx: &mut Context<Self>) -> Outcome<()> {
        let call = self.calls.add(ctx.defer::<()>());
        self.take(Input::ReportStatus { call, message }, ctx);
        Outcome::Later
    }
}

impl Handler<GetAgentState> for Agent {
    fn handle(&mut self, _: GetAgentState, ctx: &mut Context<Self>) -> Outcome<AgentStateReply> {
        let call = self.calls.add(ctx.defer::<AgentStateReply>());
        self.take(Input::GetAgentState { call }, ctx);
        Outcome::Later
    }
}

impl Handler<ReadSandbox> for Agent {
    fn handle(&mut self, message: ReadSandbox, ctx: &mut Context<Self>) -> Outcome<SandboxChunk> {
        let call = self.calls.add(ctx.defer::<SandboxChunk>());
        self.take(Input::ReadSandbox { call, message }, ctx);
        Outcome::Later
    }
}

impl Handler<StopAgent> for Agent {
    fn handle(&mut self, message: StopAgent, ctx: &mut Context<Self>) -> Outcome<()> {
        if ctx.sender().host() != ctx.host().addr() {
            let text = "an agent is stopped from its own host only";
            return Outcome::Refuse(Failure::refused(text));
        }
        let kill = message.kill.unwrap_or(self.config.on_shutdown == OnShutdown::Kill);
        let call = self.calls.add(ctx.defer::<()>());
        self.take(Input::Stop { call, kill }, ctx);
        Outcome::Later
    }
}
