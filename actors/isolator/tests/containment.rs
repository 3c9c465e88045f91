//! The containments against the real kernel (version 1 of cgroups, and processes) and against a
//! fixture tree (version 2). What needs root says so and is skipped without.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Cleanup, config, privileged, reap, shell, until_processes};
use isolator::{Cgroups, Containment, Isolation, IsolatorConfig, Limits, Processes};
use protocol::isolator::JoinContainer;
use protocol::task::Reason;
use protocol::{ContainerId, Resources};

fn limits(text: &str) -> Limits {
    Limits::of(&Resources::parse(text).unwrap())
}

fn id(name: &str) -> ContainerId {
    ContainerId::from(name)
}

fn mounted(controller: &str, config: &IsolatorConfig, id: &str, file: &str) -> String {
    let dir = config.cgroup_mount.join(controller).join(&config.cgroup_root).join(id);
    fs::read_to_string(dir.join(file)).unwrap().trim().to_owned()
}

#[test]
fn limits_reach_the_kernel_and_follow_updates() {
    if !privileged() {
        return;
    }
    let config = IsolatorConfig { cfs_quota: true, pids_max: 50, ..config("limits") };
    let _cleanup = Cleanup(config.clone());
    let cgroups = Cgroups::open(&config).unwrap();
    cgroups.prepare(&id("c"), &limits("cpus:0.5;mem:64")).unwrap();
    assert_eq!(mounted("cpu", &config, "c", "cpu.shares"), "512");
    assert_eq!(mounted("cpu", &config, "c", "cpu.cfs_quota_us"), "50000");
    assert_eq!(mounted("memory", &config, "c", "memory.limit_in_bytes"), "67108864");
    assert_eq!(mounted("memory", &config, "c", "memory.memsw.limit_in_bytes"), "67108864");
    assert_eq!(mounted("pids", &config, "c", "pids.max"), "50");
    let mut before = limits("cpus:0.5;mem:64");
    for mem in ["128", "40"] {
        let wanted = limits(&format!("cpus:2;mem:{mem}"));
        cgroups.update(&id("c"), &before, &wanted).unwrap();
        before = wanted;
        let bytes = (mem.parse::<u64>().unwrap() << 20).to_string();
        assert_eq!(mounted("memory", &config, "c", "memory.limit_in_bytes"), bytes);
        assert_eq!(mounted("memory", &config, "c", "memory.memsw.limit_in_bytes"), bytes);
    }
    assert_eq!(mounted("cpu", &config, "c", "cpu.shares"), "2048");
    assert_eq!(cgroups.list().unwrap(), [id("c")]);
    cgroups.remove(&id("c")).unwrap();
    assert_eq!(cgroups.list().unwrap(), []);
}

#[test]
fn a_container_over_its_memory_is_found_out_with_request_and_use() {
    if !privileged() {
        return;
    }
    let config = config("oom");
    let _cleanup = Cleanup(config.clone());
    let cgroups = Cgroups::open(&config).unwrap();
    let wanted = limits("cpus:1;mem:32");
    let entry = cgroups.prepare(&id("c"), &wanted).unwrap();
    let join = JoinContainer { cgroup_files: entry.cgroup_files.clone(), ..Default::default() };
    assert_eq!(isolator::out_of_memory(&join), None);
    let pid = shell(&config, "c", &entry, "head -c 200m /dev/zero | tail -c 200m | wc -c");
    reap(pid);
    let sample = cgroups.sample(&[id("c")])[&id("c")];
    assert!(sample.oom_kills > 0, "{sample:?}");
    assert!(sample.cpu_seconds > 0.0, "{sample:?}");
    let limitation = cgroups.exceeded(&wanted, &sample).unwrap();
    assert_eq!(limitation.reason, Reason::ContainerLimitationMemory);
    let message = "memory limit exceeded: requested 32MB, maximum used 32MB";
    assert_eq!(limitation.message, message);
    assert_eq!(isolator::out_of_memory(&join).unwrap(), limitation);
    cgroups.kill(&id("c")).unwrap();
    cgroups.remove(&id("c")).unwrap();
}

/// Doubles in every generation until it is stopped; each process also ignores what can be ignored.
const FORK_BOMB: &str = "trap '' TERM HUP INT; bomb() { bomb & bomb & sleep 1; bomb; }; bomb";

#[test]
fn a_fork_bomb_is_held_and_killed() {
    if !privileged() {
        return;
    }
    let config = IsolatorConfig { pids_max: 150, ..config("bomb") };
    let _cleanup = Cleanup(config.clone());
    let cgroups = Cgroups::open(&config).unwrap();
    let entry = cgroups.prepare(&id("c"), &limits("cpus:0.1;mem:128")).unwrap();
    let pid = shell(&config, "c", &entry, FORK_BOMB);
    until_processes(&cgroups, &id("c"), 100);
    let start = Instant::now();
    cgroups.kill(&id("c")).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    reap(pid);
    cgroups.remove(&id("c")).unwrap();
    assert_eq!(cgroups.list().unwrap(), []);
}

#[test]
fn cgroups_that_a_task_made_inside_its_own_go_with_it() {
    if !privileged() {
        return;
    }
    let config = config("nested");
    let _cleanup = Cleanup(config.clone());
    let cgroups = Cgroups::open(&config).unwrap();
    let entry = cgroups.prepare(&id("c"), &limits("cpus:0.1;mem:64")).unwrap();
    let procs = entry.cgroup_files.iter().find(|path| path.contains("/memory/")).unwrap();
    let inner = Path::new(procs).parent().unwrap().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    let script = format!("sleep 100 & echo $! > {}/cgroup.procs; wait", inner.display());
    let pid = shell(&config, "c", &entry, &script);
    until_processes(&cgroups, &id("c"), 2);
    cgroups.kill(&id("c")).unwrap();
    reap(pid);
    cgroups.remove(&id("c")).unwrap();
    assert!(!inner.exists());
}

#[test]
fn without_cgroups_everything_with_the_mark_is_found_and_killed() {
    let config = IsolatorConfig { isolation: Isolation::Processes, ..config("processes") };
    let processes = Processes::new(&config.cgroup_root);
    let wanted = limits("cpus:0.1;mem:64");
    let entry = processes.prepare(&id("c"), &wanted).unwrap();
    let script = "setsid sleep 100 & (sleep 100 &) ; env -i sleep 100 & wait";
    let pid = shell(&config, "c", &entry, script);
    until_processes(&processes, &id("c"), 4);
    let sample = processes.sample(&[id("c")])[&id("c")];
    assert!(sample.mem_bytes > 0 && processes.exceeded(&wanted, &sample).is_none(), "{sample:?}");
    assert!(processes.holds(&id("c"), pid) && !processes.holds(&id("other"), pid));
    assert_eq!(processes.list().unwrap(), [id("c")]);
    processes.kill(&id("c")).unwrap();
    reap(pid);
    assert_eq!(processes.list().unwrap(), []);
}

#[test]
fn without_cgroups_memory_over_the_limit_is_noticed() {
    let config = config("processes-memory");
    let processes = Processes::new(&config.cgroup_root);
    let wanted = limits("cpus:0.1;mem:32");
    let entry = processes.prepare(&id("c"), &wanted).unwrap();
    let pid = shell(&config, "c", &entry, "head -c 80m /dev/zero | tail -c 80m | sleep 100");
    let start = Instant::now();
    let limitation = loop {
        let sample = processes.sample(&[id("c")]).remove(&id("c")).unwrap_or_default();
        match processes.exceeded(&wanted, &sample) {
            Some(limitation) => break limitation,
            None => assert!(start.elapsed() < Duration::from_secs(10), "{sample:?}"),
        }
    };
    assert_eq!(limitation.reason, Reason::ContainerLimitationMemory);
    processes.kill(&id("c")).unwrap();
    reap(pid);
}

/// What the kernel shows of version 2, as far as it is looked at before a container is made.
fn v2_fixture() -> (tempfile::TempDir, IsolatorConfig) {
    let mount = tempfile::tempdir().unwrap();
    fs::write(mount.path().join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
    let cgroup_mount = mount.path().to_owned();
    let config = IsolatorConfig { cgroup_mount, cfs_quota: true, ..config("v2") };
    (mount, config)
}

#[test]
fn version_2_gets_the_same_limits_by_its_own_names() {
    let (mount, config) = v2_fixture();
    let cgroups = Cgroups::open(&config).unwrap();
    let root = mount.path().join(&config.cgroup_root);
    for dir in [mount.path(), root.parent().unwrap(), &root] {
        let enabled = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap();
        assert_eq!(enabled, "+cpu +memory +pids");
    }
    let entry = cgroups.prepare(&id("c"), &limits("cpus:0.25;mem:64")).unwrap();
    let dir = root.join("c");
    assert_eq!(entry.cgroup_files, [dir.join("cgroup.procs").to_string_lossy()]);
    let value = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(value("cpu.weight"), "25");
    assert_eq!(value("cpu.max"), "25000 100000");
    assert_eq!(value("memory.max"), "67108864");
    assert_eq!(value("pids.max"), "4096");
    for name in ["memory.swap.max", "memory.oom.group"] {
        fs::write(dir.join(name), "max").unwrap();
    }
    let (before, after) = (limits("cpus:0.25;mem:64"), limits("cpus:1000;mem:128"));
    cgroups.update(&id("c"), &before, &after).unwrap();
    assert_eq!(value("cpu.weight"), "10000");
    assert_eq!(value("memory.max"), "134217728");
    assert_eq!(value("memory.swap.max"), "0");
    assert_eq!(value("memory.oom.group"), "1");
    fs::write(dir.join("memory.current"), (101 << 20).to_string()).unwrap();
    fs::write(dir.join("memory.stat"), "inactive_file 1048576\n").unwrap();
    let refused = cgroups.update(&id("c"), &after, &limits("cpus:1;mem:99")).unwrap_err();
    assert_eq!(refused.to_string(), "104857600 bytes of memory are in use, more than 103809024");
    assert_eq!((value("memory.max"), value("cpu.weight")), ("134217728".into(), "10000".into()));
    cgroups.update(&id("c"), &after, &limits("cpus:1;mem:100")).unwrap();
}

#[test]
fn version_2_is_sampled_and_killed_by_its_own_files() {
    let (mount, config) = v2_fixture();
    let cgroups = Cgroups::open(&config).unwrap();
    let wanted = limits("cpus:1;mem:64");
    cgroups.prepare(&id("c"), &wanted).unwrap();
    let dir = mount.path().join(&config.cgroup_root).join("c");
    let files = [
        ("cpu.stat", "usage_usec 2500000\nuser_usec 2000000\n"),
        ("memory.current", "50000000\n"),
        ("memory.peak", "67108864\n"),
        ("memory.stat", "anon 1\ninactive_file 10000000\n"),
        ("memory.events", "low 0\noom 2\noom_kill 1\n"),
        ("pids.current", "7\n"),
    ];
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
    let sample = cgroups.sample(&[id("c")])[&id("c")];
    assert_eq!((sample.cpu_seconds, sample.mem_bytes), (2.5, 40_000_000));
    assert_eq!((sample.processes, sample.oom_kills), (7, 1));
    let message = "memory limit exceeded: requested 64MB, maximum used 64MB";
    assert_eq!(cgroups.exceeded(&wanted, &sample).unwrap().message, message);

    // A kernel that empties the cgroup when it is told to kill.
    fs::write(dir.join("cgroup.kill"), "").unwrap();
    fs::write(dir.join("cgroup.procs"), "999999999\n").unwrap();
    let kernel = std::thread::spawn(move || {
        let start = Instant::now();
        while fs::read_to_string(dir.join("cgroup.kill")).unwrap() != "1" {
            assert!(start.elapsed() < Duration::from_secs(10), "no kill");
            std::thread::sleep(Duration::from_millis(1));
        }
        fs::write(dir.join("cgroup.procs"), "").unwrap();
    });
    cgroups.kill(&id("c")).unwrap();
    kernel.join().unwrap();
}

#[test]
fn a_mount_without_controllers_is_refused_or_does_without() {
    let mount = tempfile::tempdir().unwrap();
    let bare = IsolatorConfig { cgroup_mount: mount.path().to_owned(), ..config("bare") };
    let strict = IsolatorConfig { isolation: Isolation::Cgroups, ..bare.clone() };
    assert!(isolator::choose(&strict).is_err());
    let (_, text) = isolator::choose(&bare).unwrap();
    assert!(text.starts_with("no cgroups (no cgroup controller is mounted under"), "{text}");
    assert!(text.contains("cpu is not limited"), "{text}");
}
