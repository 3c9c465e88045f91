//! A framework in one file: runs a command so many times, wherever there is room, and ends.
//!
//! ```text
//! cargo run -p meseta-driver --example scheduler -- 127.0.0.1:7050 3 'echo hello from $MESETA_TASK_ID'
//! ```

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use driver::{Scheduler, SchedulerConfig, SchedulerDriver, Subscribed, start_scheduler};
use protocol::framework::{Filters, FrameworkInfo, Offer};
use protocol::task::{CommandInfo, TaskInfo, TaskStatus};
use protocol::{HostAddr, Resources, TaskId};
use runtime::{Host, HostConfig};
use tokio::sync::mpsc;

/// What has been launched and what has not.
struct Repeat {
    command: String,
    /// Distinguishes the tasks of this run from those of another.
    run: u64,
    left: usize,
    live: BTreeSet<TaskId>,
    done: mpsc::UnboundedSender<()>,
}

impl Repeat {
    /// What one of the tasks takes.
    fn need() -> Resources {
        Resources::parse("cpus:0.1;mem:32").expect("a constant that parses")
    }

    fn task(&mut self, offer: &Offer) -> TaskInfo {
        let task_id = TaskId::from(format!("repeat-{}-{}", self.run, self.left));
        self.left -= 1;
        self.live.insert(task_id.clone());
        let command = CommandInfo::shell(&self.command);
        TaskInfo::new(task_id, offer.agent_id.clone(), Self::need(), command)
    }
}

impl Scheduler for Repeat {
    fn subscribed(&mut self, _: &SchedulerDriver, subscribed: &Subscribed) {
        println!("subscribed as {} with {}", subscribed.framework_id, subscribed.master);
    }

    fn offers(&mut self, driver: &SchedulerDriver, offers: Vec<Offer>) {
        for offer in offers {
            let mut rest = offer.resources.clone();
            let mut tasks = Vec::new();
            while self.left > 0
                && let Ok(less) = rest.checked_sub(&Self::need())
            {
                rest = less;
                tasks.push(self.task(&offer));
            }
            match tasks.is_empty() {
                true => driver.decline(vec![offer.offer_id], Filters::default()),
                false => driver.launch(vec![offer.offer_id], tasks),
            }
        }
    }

    fn update(&mut self, _: &SchedulerDriver, status: TaskStatus) {
        println!("{} {} {}", status.task_id, status.state, status.message);
        if status.state.is_terminal() {
            self.live.remove(&status.task_id);
        }
        if self.live.is_empty() && self.left == 0 {
            // Nobody listens any more if `main` has ended.
            let _ = self.done.send(());
        }
    }

    fn error(&mut self, _: &SchedulerDriver, message: &str) {
        eprintln!("the master says: {message}");
        let _ = self.done.send(());
    }
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: scheduler MASTER_HOST:PORT COUNT COMMAND";
    let master: HostAddr = arguments.next().ok_or(usage)?.parse()?;
    let left: usize = arguments.next().ok_or(usage)?.parse()?;
    let command = arguments.next().ok_or(usage)?;
    let cluster = std::env::var("MESETA_CLUSTER").unwrap_or_else(|_| "meseta".into());

    // It needs no port: the master answers over the connection that the driver opens.
    let host = Host::start(HostConfig { cluster, listen: None, advertise: None }).await?;
    let info = FrameworkInfo::new("root", "repeat");
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (done, mut finished) = mpsc::unbounded_channel();
    let scheduler = move || Repeat {
        command: command.clone(),
        run,
        left,
        live: BTreeSet::new(),
        done: done.clone(),
    };
    let driver = start_scheduler(&host, SchedulerConfig::new(info, vec![master]), scheduler)?;
    finished.recv().await;
    driver.teardown();
    host.shutdown().await;
    Ok(())
}
