//! The actor: messages in, `State::step`, effects out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use journal::{Journal, JournalError};
use protocol::CallId;
use protocol::updates::{
    ConfirmUpdate, ForgetFramework, GetPendingUpdates, PendingUpdateList, QueueUpdate, SetMaster,
    UpdateConfirmed,
};
use runtime::{Actor, Context, Handler, Handlers, Outcome, ReplyTo, SpawnOptions};
use serde_json::json;
use updates_core::{Effect, Input, Record, Reply, State, Timer};

use crate::config::UpdatesConfig;
use crate::log::{Log, Write};

/// Its name on an agent's host.
pub const NAME: &str = "updates";

/// Messages that may wait. The agent asks for one update of each task at a time; this is more
/// tasks than a machine runs, and a full mailbox only makes the agent ask again.
const CAPACITY: usize = 65_536;

enum Waiting {
    Queue(ReplyTo<()>),
    Confirm(ReplyTo<UpdateConfirmed>),
    Pending(ReplyTo<PendingUpdateList>),
}

/// See the crate.
pub struct Updates {
    config: UpdatesConfig,
    path: PathBuf,
    state: State,
    /// Open from the start of the actor on.
    log: Option<Log>,
    waiting: BTreeMap<CallId, Waiting>,
    calls: CallId,
    /// Empty between inputs; kept for its capacity.
    effects: Vec<Effect>,
}

impl Updates {
    /// With its log in that directory, which is read when the actor starts.
    pub fn new(config: UpdatesConfig, work_dir: &std::path::Path) -> Self {
        Self {
            state: State::new(config.core(), []),
            path: UpdatesConfig::journal(work_dir),
            config,
            log: None,
            waiting: BTreeMap::new(),
            calls: CallId::default(),
            effects: Vec::new(),
        }
    }

    /// How it is meant to be spawned.
    pub fn spawn_options() -> SpawnOptions {
        SpawnOptions { capacity: CAPACITY, ..SpawnOptions::default() }
    }

    fn open(&mut self) -> Result<(), JournalError> {
        let opened = Journal::open::<Record>(&self.path)?;
        if opened.discarded > 0 {
            tracing::warn!(
                path = %self.path.display(), bytes = opened.discarded,
                "the log of updates ended in the middle of a record, which was cut off"
            );
        }
        self.state = State::new(self.config.core(), opened.records);
        self.log = Some(Log::new(opened.journal, self.config.sync));
        tracing::info!(unacknowledged = self.state.unacknowledged(), "log of updates read");
        Ok(())
    }

    fn wait(&mut self, waiting: Waiting) -> CallId {
        self.calls = self.calls.next();
        self.waiting.insert(self.calls, waiting);
        self.calls
    }

    fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.state.step(ctx.now(), input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
        self.write(ctx);
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Append { sequence, record } => {
                let appended = self.log.as_mut().map(|log| log.append(sequence, &record));
                if let Some(Err(error)) = appended {
                    ctx.fail(describe(&error));
                }
            }
            Effect::Forward { to, message } => ctx.tell(&to, message),
            Effect::Reply { call, reply } => self.answer(call, reply),
            Effect::SetTimer { timer, at } => ctx.set_timer_at(timer, at),
            Effect::CancelTimer { timer } => ctx.cancel_timer(&timer),
        }
    }

    fn answer(&mut self, call: CallId, reply: Reply) {
        let Some(waiting) = self.waiting.remove(&call) else { return };
        match (waiting, reply) {
            (Waiting::Queue(to), Reply::Queued) => to.reply(()),
            (Waiting::Queue(to), Reply::Refused(failure)) => to.refuse(failure),
            (Waiting::Confirm(to), Reply::Confirmed(confirmed)) => to.reply(confirmed),
            (Waiting::Pending(to), Reply::Pending(list)) => to.reply(list),
            // Dropped, it tells the asker that there will be no answer.
            (_, reply) => debug_assert!(false, "a call was answered with {reply:?}"),
        }
    }

    /// Begins the next write, if one is due.
    fn write(&mut self, ctx: &mut Context<Self>) {
        let Some(log) = &mut self.log else { return };
        match log.begin(|| self.state.snapshot()) {
            Ok(None) => {}
            Ok(Some(write)) => {
                let writing = tokio::task::spawn_blocking(move || write.perform());
                ctx.run(writing, |actor, written, ctx| match written {
                    Ok(Ok(write)) => actor.on_written(write, ctx),
                    Ok(Err(error)) => ctx.fail(describe(&error)),
                    Err(error) => ctx.fail(format!("a write to the log panicked: {error}")),
                });
            }
            Err(error) => ctx.fail(describe(&error)),
        }
    }

    fn on_written(&mut self, write: Write, ctx: &mut Context<Self>) {
        let sequence = write.sequence;
        if let Some(log) = &mut self.log {
            log.end(write);
        }
        self.take(Input::Durable { sequence }, ctx);
    }
}

impl Actor for Updates {
    const ABOUT: &'static str = "status updates of this agent's tasks until they are acknowledged";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers
            .on::<QueueUpdate>()
            .on::<ConfirmUpdate>()
            .on::<SetMaster>()
            .on::<ForgetFramework>()
            .on::<GetPendingUpdates>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Err(error) = self.open() {
            ctx.fail(describe(&error));
        }
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
        self.take(Input::TimerFired(timer), ctx);
    }

    fn stopping(&mut self, _: &mut Context<Self>) {
        if let Some(log) = &mut self.log {
            log.close();
        }
    }

    fn inspect(&self) -> serde_json::Value {
        json!({
            "state": self.state.summary(),
            "log_bytes": self.log.as_ref().map(|log| log.size),
            "invariants": self.state.check().err().unwrap_or_else(|| "hold".to_owned()),
        })
    }
}

impl Handler<QueueUpdate> for Updates {
    fn handle(&mut self, message: QueueUpdate, ctx: &mut Context<Self>) -> Outcome<()> {
        let call = self.wait(Waiting::Queue(ctx.defer()));
        self.take(Input::Queue { call, message }, ctx);
        Outcome::Later
    }
}

impl Handler<ConfirmUpdate> for Updates {
    fn handle(
        &mut self,
        message: ConfirmUpdate,
        ctx: &mut Context<Self>,
    ) -> Outcome<UpdateConfirmed> {
        let call = self.wait(Waiting::Confirm(ctx.defer()));
        self.take(Input::Confirm { call, message }, ctx);
        Outcome::Later
    }
}

impl Handler<SetMaster> for Updates {
    fn handle(&mut self, message: SetMaster, ctx: &mut Context<Self>) -> Outcome<()> {
        self.take(Input::SetMaster(message), ctx);
        Outcome::Reply(())
    }
}

impl Handler<ForgetFramework> for Updates {
    fn handle(&mut self, message: ForgetFramework, ctx: &mut Context<Self>) -> Outcome<()> {
        self.take(Input::ForgetFramework(message), ctx);
        Outcome::Reply(())
    }
}

impl Handler<GetPendingUpdates> for Updates {
    fn handle(
        &mut self,
        _: GetPendingUpdates,
        ctx: &mut Context<Self>,
    ) -> Outcome<PendingUpdateList> {
        let call = self.wait(Waiting::Pending(ctx.defer()));
        self.take(Input::GetPending { call }, ctx);
        Outcome::Later
    }
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
