//! The actor: a sample at every interval, and the newest for whoever asks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::isolator::{ContainerUsage, GetContainerUsage};
use protocol::monitor::{GetUsage, MachineUsage, UsageReport};
use runtime::{Actor, Context, Handler, Handlers, Outcome, ReplyTo, SpawnOptions};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sample::{SampleError, Ticks, sample};

/// Its name on an agent's host.
pub const NAME: &str = "monitor";
const ISOLATOR: &str = "isolator";

/// How long the isolator may take to look at its containers.
const DEADLINE: Duration = Duration::from_secs(5);

/// The `[monitor]` section of an agent's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorConfig {
    /// How often the machine and its containers are looked at.
    pub interval_ms: u64,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        // A thousand containers are some 4,000 small files to read; every 5 s is a fraction of a
        // per cent of a CPU, and as fine as a graph of a day can show.
        Self { interval_ms: 5_000 }
    }
}

/// What can time out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The next sample is due.
    Sample,
}

/// See the crate.
pub struct Monitor {
    interval: Duration,
    work_dir: PathBuf,
    ticks: Ticks,
    newest: Option<UsageReport>,
    /// Those who asked before there was a sample.
    waiting: Vec<ReplyTo<UsageReport>>,
}

impl Monitor {
    /// Takes its first sample when the actor starts.
    pub fn new(config: &MonitorConfig, work_dir: &Path) -> Self {
        Self {
            interval: Duration::from_millis(config.interval_ms.max(100)),
            work_dir: work_dir.to_owned(),
            ticks: Ticks::default(),
            newest: None,
            waiting: Vec::new(),
        }
    }

    /// How it is meant to be spawned.
    pub fn spawn_options() -> SpawnOptions {
        SpawnOptions::default()
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let (work_dir, before) = (self.work_dir.clone(), self.ticks);
        let looking = tokio::task::spawn_blocking(move || sample(&work_dir, before));
        ctx.run(looking, |monitor, looked, ctx| match looked {
            Ok(Ok((machine, ticks))) => {
                monitor.ticks = ticks;
                monitor.look_at_containers(machine, ctx);
            }
            Ok(Err(error)) => monitor.no_sample(&error, ctx),
            Err(error) => ctx.fail(format!("looking at the machine panicked: {error}")),
        });
    }

    fn no_sample(&self, error: &SampleError, ctx: &mut Context<Self>) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(%error, cause, "no sample of the machine");
        ctx.set_timer(Timer::Sample, self.interval);
    }

    fn look_at_containers(&mut self, machine: MachineUsage, ctx: &mut Context<Self>) {
        let isolator = ctx.local(ISOLATOR);
        let question = GetContainerUsage { container_id: None };
        ctx.ask(&isolator, question, DEADLINE, |monitor, answer, ctx| {
            let containers = answer.map(|list| list.containers).unwrap_or_else(|failure| {
                tracing::debug!(%failure, "no sample of the containers");
                Vec::new()
            });
            monitor.keep(machine, containers, ctx);
        });
    }

    fn keep(
        &mut self,
        machine: MachineUsage,
        containers: Vec<ContainerUsage>,
        ctx: &mut Context<Self>,
    ) {
        let report = UsageReport { time: ctx.now(), machine, containers };
        for reply in self.waiting.drain(..) {
            reply.reply(report.clone());
        }
        self.newest = Some(report);
        ctx.set_timer(Timer::Sample, self.interval);
    }
}

impl Actor for Monitor {
    const ABOUT: &'static str = "the newest sample of what this machine and its containers use";
    type Timer = Timer;

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<GetUsage>();
    }

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }

    fn timer(&mut self, Timer::Sample: Timer, ctx: &mut Context<Self>) {
        self.look(ctx);
    }

    fn inspect(&self) -> serde_json::Value {
        json!({ "newest": self.newest, "waiting_callers": self.waiting.len() })
    }
}

impl Handler<GetUsage> for Monitor {
    fn handle(&mut self, _: GetUsage, ctx: &mut Context<Self>) -> Outcome<UsageReport> {
        match &self.newest {
            Some(report) => Outcome::Reply(report.clone()),
            None => {
                self.waiting.push(ctx.defer());
                Outcome::Later
            }
        }
    }
}
