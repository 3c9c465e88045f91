//! The real binary against a stand-in for the agent, over real connections.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use protocol::agent::{ExecutorRegistered, RegisterExecutor, ReportStatus};
use protocol::executor::{GetExecutorState, KillExecutorTask, LaunchTask, ShutdownThisExecutor};
use protocol::isolator::JoinContainer;
use protocol::task::{
    CommandInfo, KillPolicy, Reason, TaskInfo, TaskState, TaskStatus, Termination,
};
use protocol::{Address, Failure, Resources};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use tokio::sync::{Mutex, mpsc};

const DEADLINE: Duration = Duration::from_secs(30);
const CLUSTER: &str = "test";

/// What the stand-in hears, in order.
#[derive(Debug)]
enum Heard {
    Registered(Address, RegisterExecutor),
    Status(TaskStatus),
}

/// Stands in for `agent`. Fails the first reports if told to, and keeps what it confirmed.
struct Agent {
    heard: mpsc::UnboundedSender<Heard>,
    refusals: usize,
}

impl Actor for Agent {
    const ABOUT: &'static str = "what an executor says, for a test";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<RegisterExecutor>().on::<ReportStatus>();
    }
}

impl Handler<RegisterExecutor> for Agent {
    fn handle(
        &mut self,
        message: RegisterExecutor,
        ctx: &mut Context<Self>,
    ) -> Outcome<ExecutorRegistered> {
        let _ = self.heard.send(Heard::Registered(ctx.sender().clone(), message));
        Outcome::Reply(ExecutorRegistered { agent_id: "agent-1".into() })
    }
}

impl Handler<ReportStatus> for Agent {
    fn handle(&mut self, message: ReportStatus, _: &mut Context<Self>) -> Outcome<()> {
        if self.refusals > 0 {
            self.refusals -= 1;
            let kind = protocol::FailureKind::Overloaded;
            return Outcome::Refuse(Failure::new(kind, "the disk is slow today"));
        }
        let _ = self.heard.send(Heard::Status(message.status));
        Outcome::Reply(())
    }
}

/// An agent's host, a sandbox and the executor's process.
struct Rig {
    host: Host,
    heard: Mutex<mpsc::UnboundedReceiver<Heard>>,
    sandbox: tempfile::TempDir,
    child: RefCell<Option<Child>>,
    executor: RefCell<Option<Address>>,
    started: RefCell<Instant>,
}

async fn agent_host(listen: &str, refusals: usize) -> (Host, mpsc::UnboundedReceiver<Heard>) {
    let listen = Some(listen.parse().unwrap());
    let config = HostConfig { cluster: CLUSTER.into(), listen, advertise: None };
    let host = Host::start(config).await.unwrap();
    let (tell, heard) = mpsc::unbounded_channel();
    let agent = move || Agent { heard: tell.clone(), refusals };
    host.spawn("agent", SpawnOptions::default(), agent).unwrap();
    (host, heard)
}

impl Rig {
    async fn start() -> Rc<Self> {
        Self::start_with(0, JoinContainer::default(), &[]).await
    }

    /// Starts the executor and waits until it has registered.
    async fn start_with(refusals: usize, join: JoinContainer, more: &[(&str, &str)]) -> Rc<Self> {
        let (host, heard) = agent_host("127.0.0.1:0", refusals).await;
        let sandbox = tempfile::tempdir().unwrap();
        let rig = Rc::new(Self {
            host,
            heard: Mutex::new(heard),
            sandbox,
            child: RefCell::new(None),
            executor: RefCell::new(None),
            started: RefCell::new(Instant::now()),
        });
        rig.run(join, more);
        let (address, message) = rig.registration().await;
        assert_eq!(message.executor_id.as_str(), "e");
        *rig.executor.borrow_mut() = Some(address);
        rig
    }

    fn run(&self, join: JoinContainer, more: &[(&str, &str)]) {
        let path = self.sandbox.path().to_str().unwrap().to_owned();
        let join = JoinContainer { sandbox: path.clone(), ..join };
        let agent = self.host.address_of("agent").to_string();
        let file = |name| Stdio::from(File::create(self.sandbox.path().join(name)).unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_meseta-executor"));
        command.env_clear().env("GREETING", "hello").envs(more.iter().copied());
        command.env("MESETA_AGENT", agent).env("MESETA_CLUSTER", CLUSTER);
        command.env("MESETA_FRAMEWORK_ID", "f").env("MESETA_EXECUTOR_ID", "e");
        command.env("MESETA_CONTAINER_ID", "c").env("MESETA_SANDBOX", path);
        command.env("MESETA_CONTAINER", serde_json::to_string(&join).unwrap());
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        *self.started.borrow_mut() = Instant::now();
        *self.child.borrow_mut() = Some(command.spawn().unwrap());
    }

    async fn next(&self) -> Heard {
        let mut heard = self.heard.lock().await;
        tokio::time::timeout(DEADLINE, heard.recv()).await.unwrap().unwrap()
    }

    async fn registration(&self) -> (Address, RegisterExecutor) {
        match self.next().await {
            Heard::Registered(from, message) => (from, message),
            other => panic!("expected a registration: {other:?}"),
        }
    }

    async fn status(&self) -> TaskStatus {
        match self.next().await {
            Heard::Status(status) => status,
            other => panic!("expected a status: {other:?}"),
        }
    }

    fn executor(&self) -> Address {
        self.executor.borrow().clone().unwrap()
    }

    fn launch(&self, task: TaskInfo) {
        self.host.tell(&self.executor(), LaunchTask { framework_id: "f".into(), task });
    }

    fn kill(&self, grace_ms: Option<u64>) {
        let kill_policy = Some(KillPolicy { grace_ms });
        let message = KillExecutorTask { task_id: "t".into(), kill_policy };
        self.host.tell(&self.executor(), message);
    }

    /// Runs a script to its end; the terminal status and what it wrote.
    async fn run_to_end(&self, task: TaskInfo) -> (TaskStatus, String) {
        self.launch(task);
        assert_eq!(self.status().await.state, TaskState::Running);
        (self.status().await, self.output("stdout"))
    }

    fn output(&self, name: &str) -> String {
        fs::read_to_string(self.sandbox.path().join(name)).unwrap_or_default()
    }

    async fn first_output(&self) {
        let start = Instant::now();
        while self.output("stdout").is_empty() {
            assert!(start.elapsed() < DEADLINE, "no output");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn exit_code(&self) -> Option<i32> {
        let mut child = self.child.borrow_mut().take().unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < DEADLINE, "the executor does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.borrow_mut().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn script(text: &str) -> TaskInfo {
    task(CommandInfo::shell(text))
}

fn task(command: CommandInfo) -> TaskInfo {
    TaskInfo::new("t", "agent-1", Resources::EMPTY, command)
}

#[actix_rt::test]
async fn a_task_runs_ends_and_takes_the_executor_with_it() {
    let rig = Rig::start().await;
    rig.launch(script("echo out; echo err >&2; exit 3"));
    let running = rig.status().await;
    assert_eq!(running.state, TaskState::Running);
    let failed = rig.status().await;
    assert_eq!(failed.state, TaskState::Failed);
    assert_eq!(failed.reason, Some(Reason::CommandExecutorFailed));
    assert_eq!(failed.message, "command exited with status 3");
    assert_eq!(failed.termination, Some(Termination::Exited(3)));
    assert!(failed.update_id.is_some() && failed.update_id != running.update_id);
    assert_eq!(failed.container_id, Some("c".into()));
    assert!(failed.timestamp >= running.timestamp);
    assert_eq!(rig.exit_code().await, Some(0));
    assert_eq!((rig.output("stdout").as_str(), rig.output("stderr").as_str()), ("out\n", "err\n"));
}

#[actix_rt::test]
async fn the_environment_is_the_tasks_own_and_says_where_it_is() {
    let rig = Rig::start_with(0, JoinContainer::default(), &[("MESETA_ISOLATOR", "root")]).await;
    let wanted = [("MINE", "1"), ("MESETA_CONTAINER_ID", "forged"), ("PORT0", "31000")];
    let environment = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let command = CommandInfo {
        environment: BTreeMap::from(environment),
        ..CommandInfo::shell("env; pwd; tty; ps -o sid= -p $$; echo $$")
    };
    let (status, text) = rig.run_to_end(task(command)).await;
    assert_eq!(status.state, TaskState::Finished, "{text}");
    let sandbox = rig.sandbox.path().to_str().unwrap();
    for line in [
        "GREETING=hello",
        "MINE=1",
        "PORT0=31000",
        "MESETA_TASK_ID=t",
        "MESOS_TASK_ID=t",
        "MESETA_CONTAINER_ID=c",
        "MESETA_ISOLATOR=root",
        "not a tty",
        sandbox,
        &format!("MESOS_SANDBOX={sandbox}"),
    ] {
        assert!(text.lines().any(|l| l == line), "no line `{line}` in {text}");
    }
    assert!(!text.contains("MESETA_AGENT="), "{text}");
    let last: Vec<&str> = text.lines().rev().take(2).map(str::trim).collect();
    assert_eq!(last[0], last[1], "it leads its own session");
}

#[actix_rt::test]
async fn an_argument_vector_needs_no_shell() {
    let rig = Rig::start().await;
    let arguments = ["printf", "%s|", "a b", "$HOME"].map(str::to_owned).into();
    let command =
        CommandInfo { value: Some("/usr/bin/printf".into()), arguments, ..CommandInfo::default() };
    let (status, text) = rig.run_to_end(task(command)).await;
    assert_eq!((status.state, text.as_str()), (TaskState::Finished, "a b|$HOME|"));
}

#[actix_rt::test]
async fn a_program_that_is_not_there_fails_the_task_with_the_reason() {
    let rig = Rig::start().await;
    let command = CommandInfo { value: Some("/no/such/program".into()), ..CommandInfo::default() };
    rig.launch(task(command));
    let status = rig.status().await;
    assert_eq!(status.state, TaskState::Failed);
    assert!(status.message.contains("No such file or directory"), "{}", status.message);
    assert_eq!(rig.exit_code().await, Some(0));
}

#[actix_rt::test]
async fn a_kill_asks_first() {
    let rig = Rig::start().await;
    rig.launch(script("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"));
    assert_eq!(rig.status().await.state, TaskState::Running);
    rig.first_output().await;
    rig.kill(None);
    let status = rig.status().await;
    assert_eq!(status.state, TaskState::Killed);
    assert_eq!(status.termination, Some(Termination::Exited(0)));
    assert_eq!(rig.output("stdout"), "ready\nbye\n");
}

#[actix_rt::test]
async fn a_kill_that_is_not_heard_is_enforced_after_the_grace_which_can_be_shortened() {
    let rig = Rig::start().await;
    rig.launch(script("trap '' TERM; echo ready; sleep 1000 & wait; wait"));
    assert_eq!(rig.status().await.state, TaskState::Running);
    rig.first_output().await;
    rig.kill(Some(100_000));
    rig.kill(Some(50));
    rig.kill(Some(200_000));
    let status = rig.status().await;
    assert_eq!(status.state, TaskState::Killed);
    assert_eq!(status.message, "command terminated by signal 9");
    assert_eq!(rig.exit_code().await, Some(0));
}

#[actix_rt::test]
async fn a_shutdown_ends_the_task_reports_it_and_ends_the_executor() {
    let rig = Rig::start().await;
    rig.launch(script("sleep 1000"));
    assert_eq!(rig.status().await.state, TaskState::Running);
    rig.host.tell(&rig.executor(), ShutdownThisExecutor { reason: "test".into() });
    assert_eq!(rig.status().await.state, TaskState::Killed);
    assert_eq!(rig.exit_code().await, Some(0));
}

#[actix_rt::test]
async fn a_shutdown_without_tasks_just_ends() {
    let rig = Rig::start().await;
    rig.host.tell(&rig.executor(), ShutdownThisExecutor { reason: "test".into() });
    assert_eq!(rig.exit_code().await, Some(0));
}

#[actix_rt::test]
async fn a_report_that_fails_is_repeated_in_order() {
    let rig = Rig::start_with(3, JoinContainer::default(), &[]).await;
    rig.launch(script("true"));
    assert_eq!(rig.status().await.state, TaskState::Running);
    assert_eq!(rig.status().await.state, TaskState::Finished);
    assert_eq!(rig.exit_code().await, Some(0));
}

#[actix_rt::test]
async fn a_second_launch_of_a_task_is_ignored_and_its_state_can_be_asked() {
    let rig = Rig::start().await;
    rig.launch(script("echo once; sleep 1000"));
    assert_eq!(rig.status().await.state, TaskState::Running);
    rig.first_output().await;
    rig.launch(script("echo twice; sleep 1000"));
    let state = rig.host.ask(&rig.executor(), GetExecutorState {}, DEADLINE).await.unwrap();
    assert_eq!(state.tasks.len(), 1);
    assert!(state.tasks[0].pid.is_some());
    rig.kill(Some(0));
    assert_eq!(rig.status().await.state, TaskState::Killed);
    assert_eq!(rig.output("stdout"), "once\n");
}

#[actix_rt::test]
async fn an_agent_that_restarts_is_told_what_runs_and_what_happened_meanwhile() {
    let rig = Rig::start().await;
    rig.launch(script("sleep 0.3; exit 4"));
    let running = rig.status().await;
    assert_eq!(running.state, TaskState::Running);
    let addr = rig.host.addr().to_string();
    rig.host.shutdown().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let (_host, heard) = agent_host(&addr, 0).await;
    *rig.heard.lock().await = heard;
    let (_, message) = rig.registration().await;
    assert_eq!(message.tasks, []);
    assert_eq!(message.unconfirmed.len(), 1);
    assert_eq!(message.unconfirmed[0].termination, Some(Termination::Exited(4)));
    let failed = rig.status().await;
    assert_eq!(failed, message.unconfirmed[0]);
    assert_eq!(rig.exit_code().await, Some(0));
}

#[actix_rt::test]
async fn an_executor_whose_agent_does_not_come_back_ends_its_tasks() {
    let timeout = [("MESETA_RECOVERY_TIMEOUT_MS", "300")];
    let rig = Rig::start_with(0, JoinContainer::default(), &timeout).await;
    rig.launch(script("echo $$ > pid; sleep 1000"));
    assert_eq!(rig.status().await.state, TaskState::Running);
    let state = rig.host.ask(&rig.executor(), GetExecutorState {}, DEADLINE).await.unwrap();
    let pid = state.tasks[0].pid.unwrap();
    rig.host.shutdown().await;
    assert_eq!(rig.exit_code().await, Some(0));
    let gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None);
    assert_eq!(gone, Err(nix::errno::Errno::ESRCH));
}

#[actix_rt::test]
async fn a_task_in_its_container_is_limited_and_the_executor_tells_why_it_ended() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let cgroup_root = format!("meseta-test/executor-{}", std::process::id());
    let config = isolator::IsolatorConfig { cgroup_root, ..isolator::IsolatorConfig::default() };
    let (containment, _) = isolator::choose(&config).unwrap();
    let limits = isolator::Limits::of(&Resources::parse("cpus:1;mem:32").unwrap());
    let id = protocol::ContainerId::from("c");
    let entry = containment.prepare(&id, &limits).unwrap();
    let join = JoinContainer {
        cgroup_files: entry.cgroup_files,
        user: Some("nobody".into()),
        ..JoinContainer::default()
    };
    let rig = Rig::start_with(0, join, &[]).await;
    fs::set_permissions(rig.sandbox.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    let text = "id -un; echo $USER; grep -c meseta-test /proc/self/cgroup; \
                exec tail /dev/zero";
    let (status, output) = rig.run_to_end(script(text)).await;
    containment.kill(&id).unwrap();
    containment.remove(&id).unwrap();
    for mount in fs::read_dir(&config.cgroup_mount).unwrap().flatten() {
        let dir = mount.path().join(&config.cgroup_root);
        let _ = fs::remove_dir(&dir);
        let _ = fs::remove_dir(dir.parent().unwrap());
    }
    assert_eq!(output, "nobody\nnobody\n5\n");
    assert_eq!(status.state, TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ContainerLimitationMemory));
    let message = "memory limit exceeded: requested 32MB, maximum used 32MB";
    assert_eq!(status.message, message);
}

#[actix_rt::test]
async fn from_exec_to_registration_takes_a_few_milliseconds() {
    let mut times = Vec::new();
    for _ in 0..20 {
        let rig = Rig::start().await;
        times.push(rig.started.borrow().elapsed());
    }
    times.sort();
    println!("from exec to registered: median {:?}, worst {:?}", times[10], times[19]);
    // The machine that tests is busy with other tests; this only catches a wait.
    assert!(times[10] < Duration::from_millis(200), "{times:?}");
}

#[test]
fn by_hand_it_explains_itself() {
    let run = |argument: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meseta-executor"));
        command.args(argument).env_clear().output().unwrap()
    };
    let help = run(Some("--help"));
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("started by meseta-agent"));
    let bare = run(None);
    assert_eq!(bare.status.code(), Some(64));
    let text = String::from_utf8(bare.stderr).unwrap();
    assert!(text.contains("`MESETA_AGENT` is not set"), "{text}");
    assert_eq!(run(Some("x")).status.code(), Some(64));
}
