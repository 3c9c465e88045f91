//! An executor in one file: its tasks are threads that count to a number, given as the task's data.
//!
//! A framework names this program as the `command` of a custom `ExecutorInfo`; the agent starts it
//! once and gives it every task that names the same executor.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use driver::{Executor, ExecutorConfig, ExecutorDriver, start_executor, status};
use protocol::executor::TaskProcess;
use protocol::task::{KillPolicy, TaskInfo, TaskState};
use protocol::{AgentId, TaskId};
use runtime::{Host, HostConfig};

/// The tasks that run, each with what tells it to end.
#[derive(Default)]
struct Counter {
    tasks: BTreeMap<TaskId, Arc<Counting>>,
}

/// What a thread and the executor share.
#[derive(Default)]
struct Counting {
    stop: AtomicBool,
    ended: AtomicBool,
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
        let counting = Arc::new(Counting::default());
        self.tasks.insert(task.task_id.clone(), Arc::clone(&counting));
        let driver = driver.clone();
        thread::spawn(move || count(&driver, task.task_id, goal, &counting));
    }

    fn kill(&mut self, _: &ExecutorDriver, task_id: TaskId, _: Option<KillPolicy>) {
        if let Some(task) = self.tasks.get(&task_id) {
            task.stop.store(true, Ordering::Relaxed);
        }
    }

    fn shutdown(&mut self, driver: &ExecutorDriver, reason: &str) {
        println!("shutting down: {reason}");
        let (tasks, driver) = (self.tasks.clone(), driver.clone());
        thread::spawn(move || {
            tasks.values().for_each(|task| task.stop.store(true, Ordering::Relaxed));
            while tasks.values().any(|task| !task.ended.load(Ordering::Relaxed)) {
                thread::sleep(Duration::from_millis(10));
            }
            driver.stop();
        });
    }

    fn tasks(&self) -> Vec<TaskProcess> {
        let live = self.tasks.iter().filter(|(_, task)| !task.ended.load(Ordering::Relaxed));
        live.map(|(id, _)| TaskProcess { task_id: id.clone(), pid: None }).collect()
    }
}

fn count(driver: &ExecutorDriver, task_id: TaskId, goal: u64, counting: &Counting) {
    driver.update(status(task_id.clone(), TaskState::Running));
    let mut reached = 0;
    while reached < goal && !counting.stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
        reached += 1;
    }
    let state = if reached < goal { TaskState::Killed } else { TaskState::Finished };
    let mut ended = status(task_id, state);
    ended.message = format!("counted to {reached}");
    driver.update(ended);
    counting.ended.store(true, Ordering::Relaxed);
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
