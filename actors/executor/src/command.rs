//! The executor of command tasks: one process for each task.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use driver::{Ended, Executor, ExecutorDriver, start_executor, status};
use isolator::{Watch, chain, out_of_memory};
use protocol::TaskId;
use protocol::executor::TaskProcess;
use protocol::task::{KillPolicy, TaskInfo, TaskState};
use runtime::{Host, HostError};
use tokio::sync::mpsc;

use crate::outcome;
use crate::settings::Settings;
use crate::task::{self, DEFAULT_GRACE, Kills};

/// Starts the actor `executor` on `host`.
pub fn start(host: &Host, settings: Settings) -> Result<Ended, HostError> {
    let config = settings.driver.clone();
    let factory = move || CommandExecutor::new(Rc::new(settings.clone()));
    start_executor(host, config, factory).map(|(_, ended)| ended)
}

/// Runs command tasks. Ends itself when all tasks that it was given have ended.
pub struct CommandExecutor {
    settings: Rc<Settings>,
    tasks: BTreeMap<TaskId, Running>,
    /// How many of them have not ended.
    running: Rc<Cell<usize>>,
}

/// A task that was started. Its future owns the process; this is what can be told to it.
struct Running {
    pid: i32,
    grace: Duration,
    kill: mpsc::UnboundedSender<Duration>,
}

impl CommandExecutor {
    fn new(settings: Rc<Settings>) -> Self {
        Self { settings, tasks: BTreeMap::new(), running: Rc::default() }
    }

    /// Waits for the task's end and reports it.
    fn attend(&self, driver: &ExecutorDriver, task_id: TaskId, watch: Watch, kills: Kills) {
        let (driver, running) = (driver.clone(), Rc::clone(&self.running));
        let join = self.settings.join.clone();
        running.set(running.get() + 1);
        tokio::task::spawn_local(async move {
            let (termination, killed) = task::attend(&watch, kills).await;
            driver.update(outcome::of(task_id, termination, killed, out_of_memory(&join)));
            running.set(running.get() - 1);
            if running.get() == 0 {
                driver.stop();
            }
        });
    }
}

impl Executor for CommandExecutor {
    fn launch(&mut self, driver: &ExecutorDriver, task: TaskInfo) {
        let watch = match task::start(&self.settings, &task) {
            Ok(watch) => watch,
            Err(error) => {
                driver.update(outcome::of_failed_start(task.task_id, chain(&error)));
                if self.running.get() == 0 {
                    driver.stop();
                }
                return;
            }
        };
        driver.update(status(task.task_id.clone(), TaskState::Running));
        let (kill, kills) = mpsc::unbounded_channel();
        let grace = grace_of(task.kill_policy, DEFAULT_GRACE);
        let running = Running { pid: watch.pid(), grace, kill };
        self.tasks.insert(task.task_id.clone(), running);
        self.attend(driver, task.task_id, watch, kills);
    }

    fn kill(&mut self, _: &ExecutorDriver, task_id: TaskId, kill_policy: Option<KillPolicy>) {
        match self.tasks.get(&task_id) {
            Some(task) => task.end(grace_of(kill_policy, task.grace)),
            None => tracing::warn!(task = %task_id, "unknown task is not killed"),
        }
    }

    fn shutdown(&mut self, driver: &ExecutorDriver, reason: &str) {
        tracing::debug!(reason, tasks = self.running.get(), "shutting down");
        for task in self.tasks.values() {
            task.end(task.grace);
        }
        if self.running.get() == 0 {
            driver.stop();
        }
    }

    fn tasks(&self) -> Vec<TaskProcess> {
        let live = self.tasks.iter().filter(|(_, task)| !task.kill.is_closed());
        let process = |(id, task): (&TaskId, &Running)| TaskProcess {
            task_id: id.clone(),
            pid: Some(task.pid),
        };
        live.map(process).collect()
    }
}

impl Running {
    fn end(&self, grace: Duration) {
        // A task that has ended does not listen any more: nothing to do.
        let _ = self.kill.send(grace);
    }
}

fn grace_of(policy: Option<KillPolicy>, default: Duration) -> Duration {
    policy.and_then(|policy| policy.grace_ms).map_or(default, Duration::from_millis)
}
