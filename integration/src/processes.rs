//! Which processes there are, whoever started them.

use std::path::Path;
use std::time::Duration;

/// A process as /proc shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub pid: i32,
    pub command: String,
}

/// Every process (but this one) that has to do with a directory: runs in it, was started with its
/// path, or has it in its environment.
pub fn that_mention(dir: &Path) -> Vec<Found> {
    let needle = dir.as_os_str().as_encoded_bytes().to_vec();
    let own = std::process::id().cast_signed();
    all().into_iter().filter(|pid| *pid != own && mentions(*pid, dir, &needle)).map(found).collect()
}

fn all() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn found(pid: i32) -> Found {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    Found { pid, command: String::from_utf8_lossy(&command).replace('\0', " ") }
}

fn mentions(pid: i32, dir: &Path, needle: &[u8]) -> bool {
    // A zombie is no longer anything that could be left behind.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    if stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z')) {
        return false;
    }
    let has = |file: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    let inside = std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at.starts_with(dir));
    inside || has("cmdline") || has("environ")
}

/// Looks at what is left after a test. What still appears then is no reason to hang.
const LOOKS: u32 = 50;
/// Between two of them: none of the dead is a child, of whose end this process would be told.
const LOOK: Duration = Duration::from_millis(10);

/// `kill -9` for all that have to do with a directory, until none is left.
pub fn kill_all_that_mention(dir: &Path) {
    for _ in 0..LOOKS {
        let left = that_mention(dir);
        if left.is_empty() {
            return;
        }
        for process in left {
            let pid = nix::unistd::Pid::from_raw(process.pid);
            // It may have ended meanwhile.
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
        std::thread::sleep(LOOK);
    }
}
