//! What the privileged tests share: a cgroup root of their own, and processes in it.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use isolator::{
    CONTAINER_VARIABLE, Containment, Entry, IsolatorConfig, Output, Place, Program, ROOT_VARIABLE,
    spawn,
};
use protocol::ContainerId;

/// Whether this machine lets us make cgroups; says so if not, so that a skip is seen.
pub(crate) fn privileged() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// A configuration whose cgroups no other test and no other run has.
pub(crate) fn config(name: &str) -> IsolatorConfig {
    let cgroup_root = format!("meseta-test/{name}-{}", std::process::id());
    IsolatorConfig { cgroup_root, ..IsolatorConfig::default() }
}

/// Removes a test's root cgroups when the test ends, however it ends.
pub(crate) struct Cleanup(pub(crate) IsolatorConfig);

impl Drop for Cleanup {
    fn drop(&mut self) {
        let Ok((containment, _)) = isolator::choose(&self.0) else { return };
        for id in containment.list().unwrap_or_default() {
            let _ = containment.kill(&id);
            let _ = containment.remove(&id);
        }
        let Ok(mounts) = std::fs::read_dir(&self.0.cgroup_mount) else { return };
        for mount in mounts.flatten() {
            let dir = mount.path().join(&self.0.cgroup_root);
            let _ = std::fs::remove_dir(&dir);
            let _ = dir.parent().map(std::fs::remove_dir);
        }
    }
}

/// Starts a shell script in a container that was prepared; its process id.
pub(crate) fn shell(config: &IsolatorConfig, id: &str, entry: &Entry, script: &str) -> i32 {
    let arguments: Vec<String> = ["sh", "-c", script].map(str::to_owned).into();
    let environment = BTreeMap::from(
        [
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            (CONTAINER_VARIABLE, id),
            (ROOT_VARIABLE, &config.cgroup_root),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let program = Program {
        path: "sh",
        arguments: &arguments,
        environment: &environment,
        directory: Path::new("/tmp"),
    };
    let place =
        Place { cgroup_files: &entry.cgroup_files, rlimits: entry.rlimits.clone(), identity: None };
    spawn(&program, &place, Output { stdout: Stdio::null(), stderr: Stdio::null() }).unwrap()
}

/// Waits until the containment finds that many processes, or panics with what it found last.
pub(crate) fn until_processes(containment: &dyn Containment, id: &ContainerId, at_least: u64) {
    let start = Instant::now();
    loop {
        let found = containment.sample(std::slice::from_ref(id));
        let count = found.get(id).map_or(0, |sample| sample.processes);
        if count >= at_least {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{count} of {at_least} processes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reaps a child that was killed.
pub(crate) fn reap(pid: i32) {
    let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None);
}
