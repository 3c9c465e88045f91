//! Tasks from accept to running and to their end, through a real master, a real agent and one real
//! executor process for each task. Beside it, what the machine needs at least: the same executor
//! program started and reaped, without the system around it.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use driver::{Scheduler, SchedulerConfig, SchedulerDriver, start_scheduler};
use hdrhistogram::Histogram;
use integration::Cluster;
use protocol::Resources;
use protocol::framework::{Filters, FrameworkInfo, Offer, Operation};
use protocol::task::{CommandInfo, TaskInfo, TaskState, TaskStatus};
use runtime::{Host, HostConfig};
use tokio::sync::mpsc;

use crate::report::{Measure, Report};

/// Launches one after the other, for the latency.
const SINGLE: usize = 200;
/// Tasks in one accept, and how many such accepts.
const BATCH: usize = 200;
const BATCHES: usize = 5;
/// Everything together takes seconds; a task that is lost would be waited for until here.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::builder("bench").resources("cpus=64;mem=16384;disk=16384").start();
    let master = cluster.masters[0].ready().actors.clone();
    let config = HostConfig { cluster: cluster.name().to_owned(), listen: None, advertise: None };
    let host = Host::start(config).await?;
    let (results, mut found) = mpsc::unbounded_channel();
    let config = SchedulerConfig::new(framework(), vec![master]);
    let driver = start_scheduler(&host, config, move || Launcher::new(results.clone()))?;
    let waiting = tokio::time::timeout(PATIENCE, found.recv());
    let result = waiting.await.context("tasks were lost: not all of them ended")?;
    let result = result.context("the scheduler ended")?;
    driver.teardown();
    host.shutdown().await;
    drop(cluster);
    say(report, &result)
}

fn say(report: &mut Report, result: &Outcome) -> anyhow::Result<()> {
    let bound = bare_start()?;
    let latency = |quantile| result.running.value_at_quantile(quantile) as f64 / 1000.0;
    report.add(
        Measure::new("launch, accept to TASK_RUNNING, p50", latency(0.5), "ms")
            .bound(bound)
            .target("< 20"),
    );
    report.add(
        Measure::new("launch, accept to TASK_RUNNING, p99", latency(0.99), "ms").target("< 50"),
    );
    let rate = (BATCH * BATCHES) as f64 / result.batches.as_secs_f64();
    report.add(
        Measure::new("short tasks, 200 in each accept, to the end", rate, "task/s")
            .bound(1000.0 / bound)
            .target(">= 100"),
    );
    let lost = BATCH * BATCHES + SINGLE - result.finished;
    report.add(Measure::new("tasks lost of 1200", lost as f64, "tasks").target("0"));
    ensure!(lost == 0, "{lost} tasks did not finish: {:?}", result.ends);
    Ok(())
}

fn framework() -> FrameworkInfo {
    FrameworkInfo::new("root", "bench")
}

/// What was measured.
struct Outcome {
    /// Accept to TASK_RUNNING, in microseconds.
    running: Histogram<u64>,
    /// The time of all batches together.
    batches: Duration,
    finished: usize,
    ends: BTreeMap<TaskState, usize>,
}

/// Launches single tasks, then batches; the next when the one before has ended.
struct Launcher {
    accepted: Instant,
    launched: usize,
    live: usize,
    batch: bool,
    outcome: Option<Outcome>,
    results: mpsc::UnboundedSender<Outcome>,
}

impl Launcher {
    fn new(results: mpsc::UnboundedSender<Outcome>) -> Self {
        let running = Histogram::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
        let ends = BTreeMap::new();
        let outcome = Outcome { running, batches: Duration::ZERO, finished: 0, ends };
        let accepted = Instant::now();
        Self { accepted, launched: 0, live: 0, batch: false, outcome: Some(outcome), results }
    }

    fn next(&mut self) -> usize {
        self.batch = self.launched >= SINGLE;
        let left = SINGLE + BATCH * BATCHES - self.launched;
        if self.batch { left.min(BATCH) } else { 1 }
    }

    fn tasks(&mut self, offer: &Offer) -> Vec<TaskInfo> {
        let count = self.next();
        self.launched += count;
        self.live = count;
        (self.launched - count..self.launched).map(|n| task(n, offer)).collect()
    }

    fn ended(&mut self, state: TaskState) {
        let Some(outcome) = &mut self.outcome else { return };
        *outcome.ends.entry(state).or_default() += 1;
        outcome.finished += usize::from(state == TaskState::Finished);
        self.live -= 1;
        if self.live > 0 {
            return;
        }
        if self.batch {
            outcome.batches += self.accepted.elapsed();
        }
        if self.launched == SINGLE + BATCH * BATCHES
            && let Some(outcome) = self.outcome.take()
        {
            // Nobody listens if the measurement was given up.
            let _ = self.results.send(outcome);
        }
    }
}

impl Scheduler for Launcher {
    fn offers(&mut self, driver: &SchedulerDriver, offers: Vec<Offer>) {
        for offer in offers {
            let done = self.outcome.is_none();
            if self.live > 0 || done {
                driver.decline(vec![offer.offer_id], Filters::NONE);
                continue;
            }
            let tasks = self.tasks(&offer);
            self.accepted = Instant::now();
            let launch = vec![Operation::Launch { tasks }];
            driver.accept(vec![offer.offer_id], launch, Filters { refuse_ms: 0 });
        }
    }

    fn update(&mut self, _: &SchedulerDriver, status: TaskStatus) {
        if status.state == TaskState::Running && !self.batch {
            let took = self.accepted.elapsed().as_micros() as u64;
            if let Some(outcome) = &mut self.outcome {
                outcome.running.saturating_record(took);
            }
        } else if status.state.is_terminal() {
            self.ended(status.state);
        }
    }
}

fn task(n: usize, offer: &Offer) -> TaskInfo {
    let resources = Resources::parse("cpus=0.01;mem=32").expect("a constant that parses");
    let command = CommandInfo::shell("true");
    TaskInfo::new(format!("bench-{n}"), offer.agent_id.clone(), resources, command)
}

/// Milliseconds to start and reap the executor's program and a shell, one after the other: what a
/// launch cannot do without. The median of a hundred.
fn bare_start() -> anyhow::Result<f64> {
    let executor = integration::binaries::path("meseta-executor");
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        for (program, argument) in [(executor.as_os_str(), "--version"), ("/bin/sh".as_ref(), "-c")]
        {
            let mut command = Command::new(program);
            command.arg(argument).stdout(Stdio::null()).stderr(Stdio::null());
            if argument == "-c" {
                command.arg("true");
            }
            command.status().with_context(|| format!("failed to run {program:?}"))?;
        }
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
