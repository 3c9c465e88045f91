//! Isolator, executor and task together, as on an agent's host; the agent itself is a stand-in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use isolator::{Isolation, IsolatorConfig};
use protocol::Resources;
use protocol::agent::{ContainerExited, ExecutorRegistered, RegisterExecutor, ReportStatus};
use protocol::executor::LaunchTask;
use protocol::isolator::{ContainerProcess, LaunchContainer};
use protocol::task::{CommandInfo, Reason, TaskInfo, TaskState, TaskStatus, Termination};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use tokio::sync::mpsc;

const DEADLINE: Duration = Duration::from_secs(60);
const RESOURCES: &str = "cpus:0.1;mem:32";

#[derive(Debug)]
enum Heard {
    Status(TaskStatus),
    Exited(ContainerExited),
}

/// Gives every executor that registers its one task, whose script is the executor's id.
struct Agent(mpsc::UnboundedSender<Heard>, BTreeMap<String, String>);

impl Actor for Agent {
    const ABOUT: &'static str = "what executors and the isolator say, for a test";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<RegisterExecutor>().on::<ReportStatus>().on::<ContainerExited>();
    }
}

impl Handler<RegisterExecutor> for Agent {
    fn handle(
        &mut self,
        message: RegisterExecutor,
        ctx: &mut Context<Self>,
    ) -> Outcome<ExecutorRegistered> {
        let executor = ctx.sender().clone();
        let id = message.executor_id.as_str();
        let task = task(id, &self.1[id]);
        ctx.tell(&executor, LaunchTask { framework_id: message.framework_id, task });
        Outcome::Reply(ExecutorRegistered { agent_id: "agent-1".into() })
    }
}

impl Handler<ReportStatus> for Agent {
    fn handle(&mut self, message: ReportStatus, _: &mut Context<Self>) -> Outcome<()> {
        let _ = self.0.send(Heard::Status(message.status));
        Outcome::Reply(())
    }
}

impl Handler<ContainerExited> for Agent {
    fn handle(&mut self, message: ContainerExited, _: &mut Context<Self>) -> Outcome<()> {
        let _ = self.0.send(Heard::Exited(message));
        Outcome::Reply(())
    }
}

fn task(id: &str, script: &str) -> TaskInfo {
    let resources = Resources::parse(RESOURCES).unwrap();
    TaskInfo::new(id, "agent-1", resources, CommandInfo::shell(script))
}

struct Rig {
    host: Host,
    heard: mpsc::UnboundedReceiver<Heard>,
    work: tempfile::TempDir,
}

impl Rig {
    /// A host that knows these scripts by their ids.
    async fn start(name: &str, isolation: Isolation, scripts: &[(&str, &str)]) -> Self {
        let cgroup_root = format!("meseta-test/{name}-{}", std::process::id());
        let config = IsolatorConfig { isolation, cgroup_root, ..IsolatorConfig::default() };
        let work = tempfile::tempdir().unwrap();
        fs::set_permissions(work.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let host_config = HostConfig { cluster: "test".into(), listen, advertise: None };
        let host = Host::start(host_config).await.unwrap();
        let (tell, heard) = mpsc::unbounded_channel();
        let own = |(id, script): &(&str, &str)| ((*id).to_owned(), (*script).to_owned());
        let scripts: BTreeMap<String, String> = scripts.iter().map(own).collect();
        let agent = move || Agent(tell.clone(), scripts.clone());
        host.spawn("agent", SpawnOptions::own(), agent).unwrap();
        isolator::start(&host, config).unwrap();
        Self { host, heard, work }
    }

    fn launch(&self, id: &str, user: Option<&str>) -> LaunchContainer {
        let sandbox = self.work.path().join(id).to_str().unwrap().to_owned();
        let container_id = format!("container-of-{id}");
        let variables = [
            ("MESETA_AGENT", self.host.address_of("agent").to_string()),
            ("MESETA_CLUSTER", "test".to_owned()),
            ("MESETA_FRAMEWORK_ID", "f".to_owned()),
            ("MESETA_EXECUTOR_ID", id.to_owned()),
            ("MESETA_CONTAINER_ID", container_id.clone()),
            ("MESETA_SANDBOX", sandbox.clone()),
        ];
        let environment = variables.map(|(name, value)| (name.to_owned(), value));
        LaunchContainer {
            container_id: container_id.into(),
            framework_id: "f".into(),
            executor_id: id.into(),
            resources: Resources::parse(RESOURCES).unwrap(),
            user: user.map(str::to_owned),
            sandbox,
            uris: Vec::new(),
            process: ContainerProcess {
                arguments: vec![env!("CARGO_BIN_EXE_meseta-executor").to_owned()],
                environment: BTreeMap::from(environment),
                inside: false,
            },
        }
    }

    async fn run(&self, id: &str, user: Option<&str>) {
        let isolator = self.host.address_of("isolator");
        self.host.ask(&isolator, self.launch(id, user), DEADLINE).await.unwrap();
    }

    async fn heard(&mut self) -> Heard {
        tokio::time::timeout(DEADLINE, self.heard.recv()).await.unwrap().unwrap()
    }

    /// The terminal status and the end of one container.
    async fn outcome(&mut self) -> (TaskStatus, ContainerExited) {
        let mut terminal = None;
        loop {
            match self.heard().await {
                Heard::Status(status) if status.state.is_terminal() => terminal = Some(status),
                Heard::Status(_) => {}
                Heard::Exited(exited) => return (terminal.unwrap(), exited),
            }
        }
    }

    fn output(&self, id: &str, name: &str) -> String {
        fs::read_to_string(self.work.path().join(id).join(name)).unwrap_or_default()
    }
}

fn privileged() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

#[actix_rt::test]
async fn a_task_runs_as_its_user_inside_and_the_executor_as_the_agent_outside() {
    if !privileged() {
        return;
    }
    let script = "id -un; grep -c meseta-test /proc/self/cgroup; echo $HOME; touch mine; \
                  grep -c meseta-test /proc/$PPID/cgroup; exit 5";
    let mut rig = Rig::start("chain-user", Isolation::Cgroups, &[("t", script)]).await;
    rig.run("t", Some("nobody")).await;
    let (status, exited) = rig.outcome().await;
    assert_eq!(
        (status.state, status.termination),
        (TaskState::Failed, Some(Termination::Exited(5)))
    );
    assert_eq!((exited.termination, exited.limitation), (Some(Termination::Exited(0)), None));
    assert_eq!(rig.output("t", "stdout"), "nobody\n5\n/nonexistent\n0\n");
    assert_eq!(rig.output("t", "stderr"), "");
    let owner = |name: &str| fs::metadata(rig.work.path().join("t").join(name)).unwrap().uid();
    assert_eq!(owner("mine"), owner("stdout"));
    rig.host.shutdown().await;
    let root = format!("/sys/fs/cgroup/memory/meseta-test/chain-user-{}", std::process::id());
    assert!(!std::path::Path::new(&root).exists(), "the root goes with the isolator");
}

#[actix_rt::test]
async fn a_task_over_its_memory_says_so_and_its_neighbour_goes_on() {
    if !privileged() {
        return;
    }
    let scripts = [
        ("greedy", "exec tail /dev/zero"),
        ("family", "tail /dev/zero & sleep 1000"),
        ("modest", "while [ ! -e stop ]; do sleep 0.05; done"),
    ];
    let mut rig = Rig::start("chain-memory", Isolation::Cgroups, &scripts).await;
    rig.run("modest", None).await;
    for id in ["greedy", "family"] {
        rig.run(id, None).await;
        let (status, exited) = rig.outcome().await;
        assert_eq!((status.task_id.as_str(), status.state), (id, TaskState::Failed), "{status:?}");
        assert_eq!(status.reason, Some(Reason::ContainerLimitationMemory), "{status:?}");
        assert_eq!(exited.limitation.unwrap().message, status.message);
    }
    fs::write(rig.work.path().join("modest/stop"), "").unwrap();
    let (status, exited) = rig.outcome().await;
    assert_eq!((status.state, exited.limitation), (TaskState::Finished, None));
    rig.host.shutdown().await;
}

#[actix_rt::test]
async fn without_cgroups_the_same_task_runs_and_what_it_leaves_is_ended() {
    let script = "setsid sleep 1000 & echo $! > left; exit 0";
    let mut rig = Rig::start("chain-processes", Isolation::Processes, &[("t", script)]).await;
    rig.run("t", None).await;
    let (status, _) = rig.outcome().await;
    assert_eq!(status.state, TaskState::Finished);
    let left: i32 = rig.output("t", "left").trim().parse().unwrap();
    let there = fs::read_to_string(format!("/proc/{left}/stat")).unwrap_or_default();
    assert!(there.is_empty() || there.contains(") Z"), "{there}");
    rig.host.shutdown().await;
}

#[actix_rt::test]
async fn a_hundred_short_tasks_at_once_all_run_and_are_gone() {
    if !privileged() {
        return;
    }
    let ids: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let scripts: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "exit 0")).collect();
    let mut rig = Rig::start("chain-many", Isolation::Cgroups, &scripts).await;
    let isolator = rig.host.address_of("isolator");
    let start = Instant::now();
    for id in &ids {
        let launched = rig.host.ask(&isolator, rig.launch(id, None), DEADLINE);
        tokio::task::spawn_local(async move { launched.await.unwrap() });
    }
    let (mut finished, mut gone) = (BTreeSet::new(), 0);
    while gone < ids.len() {
        match rig.heard().await {
            Heard::Exited(_) => gone += 1,
            Heard::Status(status) if status.state == TaskState::Finished => {
                assert!(finished.insert(status.task_id));
            }
            Heard::Status(status) => assert_eq!(status.state, TaskState::Running, "{status:?}"),
        }
    }
    assert_eq!(finished.len(), ids.len());
    println!("{} tasks in {:?}", ids.len(), start.elapsed());
    rig.host.shutdown().await;
}
