//! An executor in one file: its tasks are threads that count to a number, given as the task's data.
//!
//! A framework names this program as the `command` of a custom `ExecutorInfo`; the agent starts it
//! once and gives it every task that names the same executor.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use driver::{Executor, ExecutorConfig, ExecutorDriver, start_executor, status};
use protocol::executor::TaskProcess;
use protocol::task::{KillPolicy, TaskInfo, TaskState};
use protocol::{AgentId, TaskId};
use runtime::{Host, HostConfig};

/// Between two numbers.
const PACE: Duration = Duration::from_millis(100);

/// The tasks that were launched.
#[derive(Default)]
struct Counter {
    tasks: BTreeMap<TaskId, Counting>,
}

/// A task: a thread that counts until its goal, or until the other end of its channel is gone.
struct Counting {
    go_on: Option<Sender<()>>,
    thread: JoinHandle<()>,
}

impl Executor for Counter {
    fn registered(&mut self, _: &ExecutorDriver, agent_id: &AgentId) {
        println!("registered with agent {agent_id}");
    }

    fn launch(&mut self, driver: &ExecutorDriver, task: TaskInfo) {
        let text = task.data.as_ref().map(|data| String::from_utf8_lossy(&data.0).into_owned());
        let Some(goal) = text.and_then(|text| text.trim().parse::<u64>().ok()) else {
            let mut failed = status(task.task_id, TaskState::Failed);
            failed.message = "the task's data is not a number".into();
            return driver.update(failed);
        };
        let (go_on, killed) = channel();
        let (task_id, driver) = (task.task_id.clone(), driver.clone());
        let thread = thread::spawn(move || count(&driver, task_id, goal, &killed));
        self.tasks.insert(task.task_id, Counting { go_on: Some(go_on), thread });
    }

    fn kill(&mut self, _: &ExecutorDriver, task_id: TaskId, _: Option<KillPolicy>) {
        if let Some(task) = self.tasks.get_mut(&task_id) {
            task.go_on = None;
        }
    }

    fn shutdown(&mut self, driver: &ExecutorDriver, reason: &str) {
        println!("shutting down: {reason}");
        let (tasks, driver) = (std::mem::take(&mut self.tasks), driver.clone());
        thread::spawn(move || {
            // All are told before the first is waited for.
            let threads: Vec<JoinHandle<()>> =
                tasks.into_values().map(|task| task.thread).collect();
            // One that panicked has ended, too.
            threads.into_iter().for_each(|thread| drop(thread.join()));
            driver.stop();
        });
    }

    fn tasks(&self) -> Vec<TaskProcess> {
        let live = self.tasks.iter().filter(|(_, task)| !task.thread.is_finished());
        live.map(|(id, _)| TaskProcess { task_id: id.clone(), pid: None }).collect()
    }
}

fn count(driver: &ExecutorDriver, task_id: TaskId, goal: u64, killed: &Receiver<()>) {
    driver.update(status(task_id.clone(), TaskState::Running));
    let mut reached = 0;
    while reached < goal && killed.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
        reached += 1;
    }
    let state = if reached < goal { TaskState::Killed } else { TaskState::Finished };
    let mut ended = status(task_id, state);
    ended.message = format!("counted to {reached}");
    driver.update(ended);
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = ExecutorConfig::from_environment()?;
    let address: IpAddr = config.agent.host().host().parse()?;
    let (cluster, listen) = (config.cluster.clone(), Some(SocketAddr::new(address, 0)));
    let host = Host::start(HostConfig { cluster, listen, advertise: None }).await?;
    let (_, ended) = start_executor(&host, config, Counter::default)?;
    ended.wait().await;
    host.shutdown().await;
    Ok(())
}
