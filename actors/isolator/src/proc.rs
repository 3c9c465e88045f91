//! The processes of this machine: what `/proc` says about them, and the signal that ends one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::ContainerId;

/// The variable by which a process is recognised as part of a container, wherever it was
/// reparented to: every process inherits it.
pub const CONTAINER_VARIABLE: &str = "MESETA_CONTAINER_ID";
/// The variable that says whose container it is: several agents may run on one machine.
pub const ROOT_VARIABLE: &str = "MESETA_ISOLATOR";

/// In the middle of an exec, a process has no environment by which it could be known. It has one
/// again within a fraction of a millisecond, or as soon as it gets a cpu; nothing tells when.
const MANY_LOOKS: u32 = 50;
/// There are programs that are started without an environment: they must not hold up every look.
const FEW_LOOKS: u32 = 3;
const LOOK_PAUSE: Duration = Duration::from_millis(1);

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
    let mut looks = 0;
    loop {
        let stat = fs::read_to_string(dir.join("stat")).ok()?;
        let mut process = parse_stat(pid, &stat)?;
        // That of another user's process is not for us; it is not ours then.
        let Ok(environment) = environment(&dir) else { return Some(process) };
        looks += 1;
        if !environment.is_empty() || looks >= looks_for(&stat) {
            process.container = container_in(&environment);
            return Some(process);
        }
        thread::sleep(LOOK_PAUSE);
    }
}

/// All of it by one call, unless it is unusually long: a process that executes another program
/// between two would show half of the one, and nothing of the other.
fn environment(dir: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(dir.join("environ"))?;
    let mut bytes = vec![0; 128 * 1024];
    let read = file.read(&mut bytes)?;
    let whole = read < bytes.len();
    bytes.truncate(read);
    if !whole {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// How many looks it takes to believe that an environment is empty.
fn looks_for(stat: &str) -> u32 {
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let memory = fields.nth(20);
    match (memory, fields.nth(26), fields.next()) {
        // A kernel thread.
        (Some("0"), _, _) => 1,
        // Empty for good, unless the kernel is just about to fill it.
        (_, start, end) if start == end && end != Some("0") => FEW_LOOKS,
        _ => MANY_LOOKS,
    }
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
    fn a_process_is_known_also_while_it_executes_another_program() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("again");
        fs::write(&script, "exec /bin/sh $0").unwrap();
        let mut command = std::process::Command::new("/bin/sh");
        command.arg(&script).env(ROOT_VARIABLE, "r").env(CONTAINER_VARIABLE, "c");
        let mut child = command.spawn().unwrap();
        let pid = child.id().cast_signed();
        let unknown = (0..2000).filter(|_| read(pid).is_none_or(|it| it.container.is_none()));
        let unknown = unknown.count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(unknown, 0);
    }

    #[test]
    fn an_empty_environment_is_believed_at_once_where_there_can_be_none() {
        let stat = |memory: u64, start: u64, end: u64| {
            let fields = |n| vec!["1"; n].join(" ");
            format!("7 (sh) S {} {memory} {} {start} {end} 0", fields(19), fields(26))
        };
        assert_eq!(looks_for(&stat(4096, 10, 20)), MANY_LOOKS, "it was replaced in between");
        assert_eq!(looks_for(&stat(4096, 0, 0)), MANY_LOOKS, "it is being set up");
        assert_eq!(looks_for(&stat(4096, 10, 10)), FEW_LOOKS, "started with an empty one");
        assert_eq!(looks_for(&stat(0, 0, 0)), 1, "a kernel thread");
    }

    #[test]
    fn an_environment_names_root_and_container_or_nothing() {
        let both = b"A=1\0MESETA_ISOLATOR=meseta/x\0MESETA_CONTAINER_ID=c1\0";
        assert_eq!(container_in(both), Some(("meseta/x".into(), "c1".into())));
        assert_eq!(container_in(b"MESETA_CONTAINER_ID=c1\0"), None);
    }
}
