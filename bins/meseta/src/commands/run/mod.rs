//! One task, as its own framework: found resources for, launched, watched, and its output passed
//! through.
//!
//! The last update is acknowledged only when the output has been read to its end: until then the
//! agent keeps the task.

mod scheduler;

use std::time::{Duration, Instant};

use boot::{Shutdown, exit};
use driver::{SchedulerConfig, SchedulerDriver, start_scheduler};
use protocol::framework::FrameworkInfo;
use protocol::runtime::Describe;
use protocol::task::{CommandInfo, TaskInfo, TaskStatus, Termination};
use protocol::{Resources, TaskId};
use tokio::sync::watch;

use crate::cli::Run;
use crate::client::Client;
use crate::commands::sandbox::{SandboxFile, agent_actor};
use crate::error::CliError;
use crate::output;
use scheduler::{OneTask, Progress};

/// How long to wait for resources unless `--timeout` says otherwise.
const OFFER: Duration = Duration::from_secs(30);
/// Between two looks at the output: soon enough to seem immediate.
const POLL: Duration = Duration::from_millis(40);
/// How long the output of a task that has ended may be out of reach before it is given up.
const LAST_OUTPUT: Duration = Duration::from_secs(10);
/// A master that fails is replaced within this; the task outlives that, and little more.
const FAILOVER_MS: u64 = 15_000;

pub(crate) async fn run(client: &Client, options: &Run) -> Result<u8, CliError> {
    let mut shutdown = Shutdown::on_signals()
        .map_err(|e| CliError::Failed(format!("cannot hear signals: {e}")))?;
    // Says at once that there is no cluster, rather than after having waited for an offer.
    client.master().await?;
    let (task, info) = (task_of(options), framework_of(options));
    let progress = watch::Sender::new(Progress::default());
    let mut seen = progress.subscribe();
    let config = SchedulerConfig {
        explicit_acknowledgements: true,
        ..SchedulerConfig::new(info, client.global.master.clone())
    };
    let name = config.name.clone();
    let scheduler = OneTask::new(task.clone(), options.role.clone(), progress);
    let driver = start_scheduler(&client.host, config, move || scheduler.clone())
        .map_err(|e| CliError::Failed(format!("cannot start the scheduler: {e}")))?;
    let outcome = tokio::select! {
        launched = launched(client, &mut seen, &task) => launched.map(|()| None),
        () = shutdown.asked() => Ok(Some(exit::INTERRUPTED)),
    };
    let outcome = match outcome {
        Ok(Some(code)) => Ok(code),
        Ok(None) => {
            let asked_to_end = false;
            let mut follower =
                Follower { client, driver: &driver, seen, output: None, asked_to_end };
            follower.follow(&mut shutdown).await
        }
        Err(error) => Err(error),
    };
    leave(client, &driver, &name).await;
    outcome
}

fn task_of(options: &Run) -> TaskInfo {
    let program = options.command.first().map_or("", String::as_str);
    let name = options.name.clone().unwrap_or_else(|| {
        program.split_whitespace().next().and_then(|p| p.rsplit('/').next()).unwrap_or("run").into()
    });
    let id = format!("{}.{}", name.replace(['/', '\\'], "_"), uuid::Uuid::new_v4());
    let value = if options.shell { options.command.join(" ") } else { program.to_owned() };
    let arguments = if options.shell { Vec::new() } else { options.command.clone() };
    let resources = Resources::basic(options.cpus, options.mem, options.disk);
    let command = CommandInfo {
        value: Some(value),
        shell: options.shell,
        arguments,
        environment: options.env.iter().cloned().collect(),
        user: options.user.clone(),
        uris: Vec::new(),
    };
    // The agent is that of the offer that is taken.
    TaskInfo { name, ..TaskInfo::new(id, "", resources, command) }
}

fn framework_of(options: &Run) -> FrameworkInfo {
    let uid = nix::unistd::getuid();
    let own = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    FrameworkInfo {
        failover_timeout_ms: FAILOVER_MS,
        roles: vec![options.role.clone()],
        hostname: boot::net::hostname(),
        checkpoint: true,
        capabilities: [
            protocol::framework::Capability::MultiRole,
            protocol::framework::Capability::PartitionAware,
            protocol::framework::Capability::TaskKillingState,
        ]
        .into(),
        ..FrameworkInfo::new(
            own.unwrap_or_else(|| uid.to_string()),
            format!("meseta run {}", options.command.first().map_or("", String::as_str)),
        )
    }
}

/// Waits until the task has been given to an agent, and says why if it is not.
async fn launched(
    client: &Client,
    seen: &mut watch::Receiver<Progress>,
    task: &TaskInfo,
) -> Result<(), CliError> {
    let limit = client.global.timeout.unwrap_or(OFFER);
    let decided = seen.wait_for(|now| now.agent_id.is_some() || now.error.is_some());
    let Ok(decided) = tokio::time::timeout(limit, decided).await else {
        let now = seen.borrow();
        let why = match (now.subscribed, now.largest.as_ref()) {
            (false, _) => "no master has accepted this framework".to_owned(),
            (true, None) => "there was no offer; are there agents? see `meseta agents`".to_owned(),
            (true, Some(largest)) => format!("no offer was large enough; the largest: {largest}"),
        };
        let wanted = &task.resources;
        return Err(CliError::Timeout(format!(
            "no resources for {wanted} within {limit:?}: {why}"
        )));
    };
    let now = decided.map_err(|_| CliError::Failed("the scheduler has ended".to_owned()))?;
    match &now.error {
        Some(error) => Err(CliError::Failed(error.clone())),
        None => Ok(()),
    }
}

/// Follows a task that has been launched to its end.
struct Follower<'a> {
    client: &'a Client,
    driver: &'a SchedulerDriver,
    seen: watch::Receiver<Progress>,
    /// Of the present attempt.
    output: Option<Output>,
    asked_to_end: bool,
}

/// What a task writes.
struct Output {
    task_id: TaskId,
    stdout: SandboxFile,
    stderr: SandboxFile,
}

impl Follower<'_> {
    async fn follow(&mut self, shutdown: &mut Shutdown) -> Result<u8, CliError> {
        let mut ended: Option<Instant> = None;
        loop {
            let last = self.last_status()?;
            let more = tokio::select! {
                more = self.pass_on() => more?,
                () = shutdown.asked(), if !self.asked_to_end => {
                    self.kill();
                    continue;
                }
            };
            if let Some(last) = last {
                let since = *ended.get_or_insert_with(Instant::now);
                if more == Some(false) || since.elapsed() > LAST_OUTPUT {
                    self.driver.acknowledge(&last);
                    return Ok(code_of(&last));
                }
            }
            if more != Some(true) {
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    () = shutdown.asked(), if !self.asked_to_end => self.kill(),
                }
            }
        }
    }

    /// The last status, if it is terminal.
    fn last_status(&self) -> Result<Option<TaskStatus>, CliError> {
        let now = self.seen.borrow();
        if let Some(error) = &now.error {
            return Err(CliError::Failed(error.clone()));
        }
        Ok(now.status.clone().filter(|status| status.state.is_terminal()))
    }

    /// Passes on what is there. `None`: it cannot be read, perhaps not yet; else whether there was
    /// any.
    async fn pass_on(&mut self) -> Result<Option<bool>, CliError> {
        let (task_id, agent_id) = {
            let now = self.seen.borrow();
            (now.task_id.clone(), now.agent_id.clone())
        };
        let Some(agent_id) = agent_id else { return Ok(None) };
        if self.output.as_ref().is_none_or(|output| output.task_id != task_id) {
            let Ok(agent) = agent_actor(self.client, &agent_id).await else { return Ok(None) };
            let file = |path| SandboxFile::new(&agent, &task_id, path);
            let (stdout, stderr) = (file("stdout"), file("stderr"));
            self.output = Some(Output { task_id, stdout, stderr });
        }
        let Some(output) = &mut self.output else { return Ok(None) };
        let Ok(out) = output.stdout.next(self.client).await else { return Ok(None) };
        output::bytes(std::io::stdout(), &out.data.0)?;
        let Ok(err) = output.stderr.next(self.client).await else { return Ok(None) };
        output::bytes(std::io::stderr(), &err.data.0)?;
        Ok(Some(!(out.data.0.is_empty() && err.data.0.is_empty())))
    }

    fn kill(&mut self) {
        self.asked_to_end = true;
        output::note("meseta: killing the task");
        let now = self.seen.borrow();
        self.driver.kill(now.task_id.clone(), now.agent_id.clone(), None);
    }
}

/// The task's own code, as a shell would have it; and why, if it did not end by itself.
fn code_of(status: &TaskStatus) -> u8 {
    if let Some(Termination::Exited(code)) = status.termination
        && status.reason.is_none_or(|r| r == protocol::task::Reason::CommandExecutorFailed)
    {
        return u8::try_from(code & 0xff).unwrap_or(exit::FAILED);
    }
    let reason = status.reason.and_then(|reason| serde_json::to_value(reason).ok());
    let reason = reason.as_ref().and_then(|reason| reason.as_str()).unwrap_or("no reason given");
    output::note(format_args!("meseta: {}: {reason}: {}", status.state, status.message));
    match status.termination {
        Some(Termination::Signaled(signal)) => {
            u8::try_from(128 + (signal & 0x7f)).unwrap_or(exit::FAILED)
        }
        Some(Termination::Exited(code)) if code != 0 => {
            u8::try_from(code & 0xff).unwrap_or(exit::FAILED)
        }
        _ if status.state == protocol::task::TaskState::Finished => 0,
        _ => exit::FAILED,
    }
}

/// Ends the framework, and with it whatever is left of the task.
async fn leave(client: &Client, driver: &SchedulerDriver, name: &str) {
    driver.teardown();
    // Answered, or refused because the driver has stopped, after the teardown was passed on.
    let _ = client.host.ask(&client.host.address_of(name), Describe {}, client.timeout()).await;
    client.host.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Time;
    use protocol::task::{Reason, Source, TaskState};

    fn ended(state: TaskState, reason: Option<Reason>, how: Option<Termination>) -> TaskStatus {
        let mut status =
            TaskStatus::new(TaskId::from("t"), state, Source::Executor, Time::default());
        (status.reason, status.termination) = (reason, how);
        status
    }

    #[test]
    fn the_exit_code_is_the_tasks_own() {
        use TaskState::{Failed, Finished, Killed, Lost};
        let failed = Some(Reason::CommandExecutorFailed);
        let oom = Some(Reason::ContainerLimitationMemory);
        for (status, code) in [
            (ended(Finished, None, Some(Termination::Exited(0))), 0),
            (ended(Failed, failed, Some(Termination::Exited(3))), 3),
            (ended(Failed, oom, Some(Termination::Signaled(9))), 137),
            (ended(Killed, None, Some(Termination::Signaled(15))), 143),
            (ended(Lost, Some(Reason::AgentRemoved), None), 1),
            (ended(Finished, None, None), 0),
        ] {
            assert_eq!(code_of(&status), code, "{status:?}");
        }
    }
}
