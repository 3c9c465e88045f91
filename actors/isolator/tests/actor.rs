//! The actor `isolator` on a real host, with a stand-in for the agent and the fetcher.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{Cleanup, config, privileged};
use isolator::{Isolation, IsolatorConfig};
use protocol::agent::ContainerExited;
use protocol::fetcher::FetchUris;
use protocol::isolator::{
    ContainerLaunched, ContainerProcess, DestroyContainer, GetContainerUsage, JoinContainer,
    KnownContainer, LaunchContainer, RecoverContainers, UpdateContainer, UsageList,
};
use protocol::task::{Reason, Termination, Uri};
use protocol::{ContainerId, Failure, Message, Resources};
use runtime::{Actor, Context, Handler, Handlers, Host, HostConfig, Outcome, SpawnOptions};
use tokio::sync::mpsc;

const DEADLINE: Duration = Duration::from_secs(30);

/// Stands in for `agent`: what is told goes to the test.
struct Agent(mpsc::UnboundedSender<ContainerExited>);

impl Actor for Agent {
    const ABOUT: &'static str = "the ends of containers, for a test";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<ContainerExited>();
    }
}

impl Handler<ContainerExited> for Agent {
    fn handle(&mut self, message: ContainerExited, _: &mut Context<Self>) -> Outcome<()> {
        self.0.send(message).unwrap();
        Outcome::Reply(())
    }
}

/// Stands in for `fetcher`: fails, takes for ever, or leaves one file, by the uri's text.
struct Fetcher;

impl Actor for Fetcher {
    const ABOUT: &'static str = "no artifacts, for a test";
    type Timer = ();
    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<FetchUris>();
    }
}

impl Handler<FetchUris> for Fetcher {
    fn handle(&mut self, message: FetchUris, ctx: &mut Context<Self>) -> Outcome<()> {
        match message.uris[0].value.as_str() {
            "bad" => Outcome::Refuse(Failure::refused("`bad`: not found")),
            "slow" => {
                let reply = ctx.defer();
                ctx.run(tokio::time::sleep(DEADLINE), move |_, (), _| reply.reply(()));
                Outcome::Later
            }
            name => {
                fs::write(PathBuf::from(message.sandbox).join(name), "fetched").unwrap();
                Outcome::Reply(())
            }
        }
    }
}

/// A host with the isolator on it.
struct Rig {
    host: Host,
    ends: mpsc::UnboundedReceiver<ContainerExited>,
    work: PathBuf,
    config: IsolatorConfig,
}

impl Rig {
    async fn start(config: &IsolatorConfig, work: &tempfile::TempDir) -> Self {
        let cluster = "test".to_owned();
        let host_config = HostConfig { cluster, listen: None, advertise: None };
        let host = Host::start(host_config).await.unwrap();
        let (tell, ends) = mpsc::unbounded_channel();
        host.spawn("agent", SpawnOptions::default(), move || Agent(tell.clone())).unwrap();
        host.spawn("fetcher", SpawnOptions::default(), || Fetcher).unwrap();
        isolator::start(&host, config.clone()).unwrap();
        Self { host, ends, work: work.path().to_owned(), config: config.clone() }
    }

    async fn ask<M: Message>(&self, message: M) -> Result<M::Reply, Failure> {
        self.host.ask(&self.host.address_of("isolator"), message, DEADLINE).await
    }

    fn launch(&self, id: &str, script: &str) -> LaunchContainer {
        let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        LaunchContainer {
            container_id: id.into(),
            framework_id: "f".into(),
            executor_id: "e".into(),
            resources: Resources::parse("cpus:0.5;mem:64").unwrap(),
            user: None,
            sandbox: self.sandbox(id).to_str().unwrap().to_owned(),
            uris: Vec::new(),
            process: ContainerProcess {
                arguments: ["sh", "-c", script].map(str::to_owned).into(),
                environment,
                inside: true,
            },
        }
    }

    fn sandbox(&self, id: &str) -> PathBuf {
        self.work.join("sandboxes").join(id)
    }

    async fn run(&self, id: &str, script: &str) -> i32 {
        let ContainerLaunched { pid } = self.ask(self.launch(id, script)).await.unwrap();
        pid
    }

    async fn end(&mut self) -> ContainerExited {
        tokio::time::timeout(DEADLINE, self.ends.recv()).await.unwrap().unwrap()
    }

    async fn usage(&self) -> UsageList {
        self.ask(GetContainerUsage { container_id: None }).await.unwrap()
    }

    fn nothing_left(&self, id: &str) {
        let dir = self.config.cgroup_mount.join("memory").join(&self.config.cgroup_root).join(id);
        assert!(!dir.exists(), "{} is left", dir.display());
    }
}

fn fetch(name: &str) -> Vec<Uri> {
    let value = name.to_owned();
    vec![Uri { value, executable: false, extract: true, cache: false, output_file: None }]
}

fn alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_rt::test]
async fn a_process_runs_in_its_sandbox_and_its_end_is_told_when_nothing_is_left() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-run"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let mut rig = Rig::start(&config, &work).await;
    let script = "pwd; cat file; echo oops >&2; sleep 100 & sleep 100 & exit 7";
    let mut launch = rig.launch("c", script);
    launch.uris = fetch("file");
    rig.ask(launch).await.unwrap();
    let end = rig.end().await;
    assert_eq!(end.container_id, ContainerId::from("c"));
    assert_eq!(end.termination, Some(Termination::Exited(7)));
    assert_eq!(end.limitation, None);
    rig.nothing_left("c");
    let sandbox = rig.sandbox("c");
    let stdout = fs::read_to_string(sandbox.join("stdout")).unwrap();
    assert_eq!(stdout, format!("{}\nfetched", sandbox.display()));
    assert_eq!(fs::read_to_string(sandbox.join("stderr")).unwrap(), "oops\n");
    assert_eq!(fs::metadata(&sandbox).unwrap().mode() & 0o777, 0o750);
}

#[actix_rt::test]
async fn running_out_of_memory_is_the_limitation_even_if_the_first_process_lives_on() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-oom"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let mut rig = Rig::start(&config, &work).await;
    rig.run("c", "head -c 300m /dev/zero | tail -c 300m > /dev/null; sleep 100").await;
    rig.run("neighbour", "sleep 100").await;
    let end = rig.end().await;
    let limitation = end.limitation.unwrap();
    assert_eq!(limitation.reason, Reason::ContainerLimitationMemory);
    let message = "memory limit exceeded: requested 64MB, maximum used 64MB";
    assert_eq!(limitation.message, message);
    let usage = rig.usage().await;
    assert_eq!(usage.containers.len(), 1, "{usage:?}");
    assert_eq!(usage.containers[0].container_id, ContainerId::from("neighbour"));
}

#[actix_rt::test]
async fn a_destroyed_container_takes_everything_with_it() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-destroy"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let mut rig = Rig::start(&config, &work).await;
    let script = "trap '' TERM; setsid sleep 100 & sleep 100 & echo $! > inner; wait";
    let pid = rig.run("c", script).await;
    let inner = rig.sandbox("c").join("inner");
    until("inner process", || fs::read_to_string(&inner).is_ok_and(|t| t.ends_with('\n'))).await;
    let inner: i32 = fs::read_to_string(inner).unwrap().trim().parse().unwrap();
    assert!(alive(pid) && alive(inner));
    rig.ask(DestroyContainer { container_id: "c".into() }).await.unwrap();
    assert_eq!(rig.end().await.termination, Some(Termination::Signaled(9)));
    assert!(!alive(pid) && !alive(inner));
    rig.nothing_left("c");
    rig.ask(DestroyContainer { container_id: "c".into() }).await.unwrap();
    assert_eq!(rig.end().await.termination, None, "gone already is told, too");
}

#[actix_rt::test]
async fn a_launch_that_fails_says_why_and_leaves_nothing() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-fail"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let rig = Rig::start(&config, &work).await;
    let mut no_program = rig.launch("c", "");
    no_program.process.arguments = vec!["/no/such/program".into()];
    let mut no_user = rig.launch("c", "true");
    no_user.user = Some("no-such-user".into());
    let mut no_file = rig.launch("c", "true");
    no_file.uris = fetch("bad");
    let mut bad_id = rig.launch("c", "true");
    bad_id.container_id = "../c".into();
    let cases = [
        (no_program, "failed to execute the program for `/no/such/program`: No such file"),
        (no_user, "there is no user `no-such-user` on this machine"),
        (no_file, "failed to fetch: `bad`: not found"),
        (bad_id, "container id `../c`: id must not contain `/`"),
    ];
    for (launch, why) in cases {
        let failure = rig.ask(launch).await.unwrap_err();
        assert!(failure.message.starts_with(why), "{failure}");
        rig.nothing_left("c");
        assert!(!rig.sandbox("c").exists());
    }
    assert!(rig.usage().await.containers.is_empty());
}

#[actix_rt::test]
async fn a_launch_is_cancelled_while_it_fetches() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-cancel"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let mut rig = Rig::start(&config, &work).await;
    let mut launch = rig.launch("c", "true");
    launch.uris = fetch("slow");
    let launched = rig.ask(launch);
    let destroyed = async {
        until("sandbox", || rig.sandbox("c").exists()).await;
        rig.ask(DestroyContainer { container_id: "c".into() }).await.unwrap();
    };
    let (launched, ()) = tokio::join!(launched, destroyed);
    assert_eq!(launched.unwrap_err().message, "destroyed while it was being launched");
    assert_eq!(rig.end().await.container_id, ContainerId::from("c"));
    rig.nothing_left("c");
}

#[actix_rt::test]
async fn a_user_owns_the_sandbox_and_is_what_the_process_becomes() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-user"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    nix::sys::stat::fchmodat(
        nix::fcntl::AT_FDCWD,
        work.path(),
        nix::sys::stat::Mode::from_bits_truncate(0o755),
        nix::sys::stat::FchmodatFlags::FollowSymlink,
    )
    .unwrap();
    let mut rig = Rig::start(&config, &work).await;
    let mut launch = rig.launch("c", "id -un; id -Gn; touch made; stat -c %U .");
    launch.user = Some("nobody".into());
    rig.ask(launch).await.unwrap();
    assert_eq!(rig.end().await.termination, Some(Termination::Exited(0)));
    let stdout = fs::read_to_string(rig.sandbox("c").join("stdout")).unwrap();
    assert_eq!(stdout, "nobody\nnogroup\nnobody\n");
    let owner = |name| fs::metadata(rig.sandbox("c").join(name)).unwrap().uid();
    assert_eq!(owner("made"), owner("stdout"));
}

#[actix_rt::test]
async fn our_executor_stays_outside_and_is_told_how_its_tasks_get_in() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-outside"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let mut rig = Rig::start(&config, &work).await;
    let mut launch = rig.launch("c", "cat /proc/self/cgroup >&2; echo \"$MESETA_CONTAINER\"; env");
    launch.process.inside = false;
    launch.user = Some("nobody".into());
    rig.ask(launch).await.unwrap();
    rig.end().await;
    let read = |name| fs::read_to_string(rig.sandbox("c").join(name)).unwrap();
    assert!(!read("stderr").contains("meseta-test"), "{}", read("stderr"));
    let stdout = read("stdout");
    let join: JoinContainer = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!(join.user.as_deref(), Some("nobody"));
    assert_eq!(join.cgroup_files.len(), 5, "{join:?}");
    assert!(join.cgroup_files.iter().all(|path| path.ends_with("/c/tasks")), "{join:?}");
    assert!(stdout.contains("MESETA_CONTAINER_ID=c\n"), "{stdout}");
}

fn update(resources: &str) -> UpdateContainer {
    let resources = Resources::parse(resources).unwrap();
    UpdateContainer { container_id: "c".into(), resources, exact: true }
}

#[actix_rt::test]
async fn memory_that_is_in_use_is_not_taken_away() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-in-use"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let rig = Rig::start(&config, &work).await;
    rig.ask(LaunchContainer {
        resources: Resources::parse("cpus:1;mem:256").unwrap(),
        ..rig.launch("c", "head -c 100m /dev/zero | tail -c 100m | (sleep 100; cat)")
    })
    .await
    .unwrap();
    let start = Instant::now();
    while rig.usage().await.containers[0].mem_bytes < 100 << 20 {
        assert!(start.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = rig.ask(update("cpus:2;mem:64")).await.unwrap_err();
    assert!(refused.message.contains("are in use"), "{refused}");
    let usage = rig.usage().await.containers.remove(0);
    assert_eq!((usage.mem_limit_bytes, usage.cpus_limit.milli()), (256 << 20, 1000));
    let memory = config.cgroup_mount.join("memory").join(&config.cgroup_root).join("c");
    let limit = fs::read_to_string(memory.join("memory.limit_in_bytes")).unwrap();
    assert_eq!(limit.trim().parse::<u64>().unwrap(), 256 << 20);
}

#[actix_rt::test]
async fn without_cgroups_a_running_container_keeps_its_limits() {
    let config = IsolatorConfig { isolation: Isolation::Processes, ..config("actor-fixed-limits") };
    let work = tempfile::tempdir().unwrap();
    let rig = Rig::start(&config, &work).await;
    rig.run("c", "sleep 100").await;
    let before = rig.usage().await.containers.remove(0).mem_limit_bytes;
    let refused = rig.ask(update("cpus:2;mem:256")).await.unwrap_err();
    assert!(refused.message.contains("without cgroups"), "{refused}");
    assert_eq!(rig.usage().await.containers[0].mem_limit_bytes, before);
    // Those of an executor follow its tasks as far as they can.
    let loose = UpdateContainer { exact: false, ..update("cpus:2;mem:256") };
    rig.ask(loose).await.unwrap();
    assert_eq!(rig.usage().await.containers[0].mem_limit_bytes, 256 << 20);
}

#[actix_rt::test]
async fn limits_of_a_running_container_change_and_its_use_is_told() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-update"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let rig = Rig::start(&config, &work).await;
    rig.run("c", "sleep 100 & sleep 100").await;
    rig.ask(update("cpus:2;mem:256")).await.unwrap();
    let start = Instant::now();
    let usage = loop {
        let usage = rig.usage().await.containers.remove(0);
        if usage.processes >= 2 && usage.mem_bytes > 0 && usage.cpu_seconds > 0.0 {
            break usage;
        }
        assert!(start.elapsed() < DEADLINE, "{usage:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(usage.mem_limit_bytes, 256 << 20);
    assert_eq!(usage.cpus_limit.milli(), 2000);
    let unknown = GetContainerUsage { container_id: Some("x".into()) };
    assert_eq!(rig.ask(unknown).await.unwrap_err().message, "there is no container x");
}

#[actix_rt::test]
async fn a_restarted_isolator_finds_its_containers_and_ends_those_that_nobody_knows() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-recover"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let first = Rig::start(&config, &work).await;
    let mut outside = first.launch("orphan", "sleep 100");
    outside.process.inside = false;
    let orphan = first.ask(outside).await.unwrap().pid;
    let kept = first.run("kept", "sleep 100").await;
    let gone = first.run("gone", "true").await;
    first.host.shutdown().await;
    assert!(alive(kept) && alive(orphan), "they outlive their isolator");

    let mut second = Rig::start(&config, &work).await;
    let known = |id: &str, pid: i32| KnownContainer {
        container_id: id.into(),
        pid,
        framework_id: "f".into(),
        executor_id: "e".into(),
        resources: Resources::parse("cpus:1;mem:64").unwrap(),
    };
    // The pid of a container that has ended may belong to another process by now: to this one.
    let reused = known("reused", std::process::id() as i32);
    let containers = vec![known("kept", kept), known("gone", gone), reused];
    second.ask(RecoverContainers { containers }).await.unwrap();
    until("orphan is killed", || !alive(orphan)).await;
    let mut ended = [second.end().await.container_id, second.end().await.container_id];
    ended.sort();
    assert_eq!(ended, ["gone", "reused"].map(ContainerId::from));
    assert!(alive(kept));
    assert_eq!(second.usage().await.containers.len(), 1);
    second.ask(DestroyContainer { container_id: "kept".into() }).await.unwrap();
    assert_eq!(second.end().await.container_id, ContainerId::from("kept"));
    for id in ["orphan", "kept", "gone"] {
        second.nothing_left(id);
    }
    second.host.shutdown().await;
    second.nothing_left("");
}

#[actix_rt::test]
async fn two_hundred_launches_at_once_all_run_and_end() {
    if !privileged() {
        return;
    }
    let (config, work) = (config("actor-many"), tempfile::tempdir().unwrap());
    let _cleanup = Cleanup(config.clone());
    let mut rig = Rig::start(&config, &work).await;
    let start = Instant::now();
    let isolator = rig.host.address_of("isolator");
    let launch = |n| rig.host.ask(&isolator, rig.launch(&format!("c{n}"), "exit 0"), DEADLINE);
    let launches: Vec<_> = (0..200).map(|n| tokio::task::spawn_local(launch(n))).collect();
    for launched in launches {
        launched.await.unwrap().unwrap();
    }
    let launched = start.elapsed();
    let mut ended = Vec::new();
    while ended.len() < 200 {
        let end = rig.end().await;
        assert_eq!(end.termination, Some(Termination::Exited(0)));
        ended.push(end.container_id);
    }
    ended.sort();
    ended.dedup();
    assert_eq!(ended.len(), 200);
    println!("200 launched in {launched:?}, ended after {:?}", start.elapsed());
    assert!(rig.usage().await.containers.is_empty());
}

#[actix_rt::test]
async fn without_cgroups_containers_run_and_are_destroyed_all_the_same() {
    let config = IsolatorConfig { isolation: Isolation::Processes, ..config("actor-processes") };
    let work = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&config, &work).await;
    let pid = rig.run("c", "setsid sleep 100 & sleep 100").await;
    assert!(alive(pid));
    // A process that is just becoming another program has no memory for a moment.
    let mut usage = rig.usage().await.containers.remove(0);
    for _ in 0..100 {
        if usage.processes >= 1 && usage.mem_bytes > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        usage = rig.usage().await.containers.remove(0);
    }
    assert!(usage.processes >= 1 && usage.mem_bytes > 0, "{usage:?}");
    rig.ask(DestroyContainer { container_id: "c".into() }).await.unwrap();
    assert_eq!(rig.end().await.termination, Some(Termination::Signaled(9)));
    rig.run("d", "exit 3").await;
    assert_eq!(rig.end().await.termination, Some(Termination::Exited(3)));
}
