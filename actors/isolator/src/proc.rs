//! The processes of this machine: what `/proc` says about them, and the signal that ends one.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::ContainerId;

/// The variable by which a process is recognised as part of a container, wherever it was
/// reparented to: every process inherits it.
pub const CONTAINER_VARIABLE: &str = "MESETA_CONTAINER_ID";
/// The variable that says whose container it is: several agents may run on one machine.
pub const ROOT_VARIABLE: &str = "MESETA_ISOLATOR";

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    /// The container that its environment names, with the root that it belongs to.
    pub(crate) container: Option<(String, ContainerId)>,
    /// User and system time.
    pub(crate) cpu_ticks: u64,
    pub(crate) resident_pages: u64,
}

/// Every process that runs (a zombie does not), as far as we may look.
pub(crate) fn snapshot() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(pid).filter_map(read).collect()
}

/// One process, if it is there and not a zombie.
pub(crate) fn read(pid: i32) -> Option<Process> {
    let dir = Path::new("/proc").join(pid.to_string());
    let stat = fs::read_to_string(dir.join("stat")).ok()?;
    let mut process = parse_stat(pid, &stat)?;
    let environment = fs::read(dir.join("environ")).unwrap_or_default();
    process.container = container_in(&environment);
    Some(process)
}

/// The fields of proc(5) after the command's name, which may itself contain anything.
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        container: None,
        cpu_ticks: number(11)? + number(12)?,
        resident_pages: number(21)?,
    })
}

fn container_in(environment: &[u8]) -> Option<(String, ContainerId)> {
    let value = |name: &str| {
        let entry = environment
            .split(|byte| *byte == 0)
            .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        Some(String::from_utf8_lossy(entry).into_owned())
    };
    Some((value(ROOT_VARIABLE)?, ContainerId::from(value(CONTAINER_VARIABLE)?)))
}

/// SIGKILL. A process that is gone is what was wanted; one that we may not signal shows up again
/// in the next look.
pub(crate) fn signal_kill(pid: i32) {
    // 0 and negative numbers would address groups; a cgroup shows 0 for a process of another
    // pid namespace.
    if pid > 1 {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) Z (b)) S 3 7 5 0 -1 4194304 1 0 0 0 10 20 0 0 20 0 1 0 9 1000 44 1";
        let process = parse_stat(7, stat).unwrap();
        assert_eq!((process.parent, process.session), (3, 5));
        assert_eq!((process.cpu_ticks, process.resident_pages), (30, 44));
    }

    #[test]
    fn a_zombie_does_not_run() {
        assert_eq!(parse_stat(7, "7 (sh) Z 3 7 5 0 -1 0 0"), None);
    }

    #[test]
    fn an_environment_names_root_and_container_or_nothing() {
        let both = b"A=1\0MESETA_ISOLATOR=meseta/x\0MESETA_CONTAINER_ID=c1\0";
        assert_eq!(container_in(both), Some(("meseta/x".into(), "c1".into())));
        assert_eq!(container_in(b"MESETA_CONTAINER_ID=c1\0"), None);
    }
}
