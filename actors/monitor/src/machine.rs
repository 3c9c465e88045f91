//! What a machine has to offer: found, or stated, or some of each.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use procfs::{Current, Meminfo, ProcError};
use protocol::resources::{ParseError, Ranges, Resource, Value};
use protocol::{Resources, Scalar};

const MB: u64 = 1024 * 1024;
const GB: u64 = 1024 * MB;

/// The ports that tasks get unless others are stated: as in Mesos, below those that the kernel
/// gives to clients (net.ipv4.ip_local_port_range begins at 32768).
const PORTS: (u64, u64) = (31_000, 32_000);

/// Why a machine's resources are not known.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    #[error("`resources` cannot be read")]
    Text(#[source] ParseError),
    #[error("failed to find out how many CPUs there are; state `cpus`")]
    Cpus(#[source] std::io::Error),
    #[error("failed to find out how much memory there is; state `mem`")]
    Memory(#[source] ProcError),
    #[error("failed to find out how large the disk of `{}` is; state `disk`", path.display())]
    Disk {
        path: PathBuf,
        #[source]
        source: nix::Error,
    },
}

/// The resources of this machine: what `text` states (`cpus=4;cpus(web)=2;mem=2048;disk=0`), and of
/// what it does not name, what is found here.
///
/// Found are the CPUs that this process may use; the memory of the machine, or of the cgroup that
/// this process is in if that is less, and the file system of `work_dir`, both less
/// [`headroom`] for the system, in MB; and the ports from 31000 to 32000.
pub fn resources(text: Option<&str>, work_dir: &Path) -> Result<Resources, MachineError> {
    let stated = Resources::parse_parts(text.unwrap_or_default()).map_err(MachineError::Text)?;
    let is_missing = |name: &str| !stated.iter().any(|stated| stated.name == name);
    let mut found = Vec::new();
    if is_missing("cpus") {
        found.push(("cpus", Value::Scalar(cpus()?)));
    }
    if is_missing("mem") {
        found.push(("mem", Value::Scalar(megabytes(memory()?, 2 * GB, GB))));
    }
    if is_missing("disk") {
        found.push(("disk", Value::Scalar(megabytes(disk(work_dir)?, 10 * GB, 5 * GB))));
    }
    if is_missing("ports") {
        found.push(("ports", Value::Ranges(Ranges::single(PORTS.0, PORTS.1))));
    }
    let found = found.into_iter().map(|(name, value)| Resource::new(name, value));
    Ok(stated.iter().cloned().chain(found).collect())
}

/// What of `bytes` is left to the system: `amount` where there is at least `enough`, else a half.
/// The amounts are those of Mesos: 1 GB of at least 2 GB of memory, 5 GB of at least 10 GB of disk.
pub fn headroom(bytes: u64, enough: u64, amount: u64) -> u64 {
    if bytes >= enough { amount } else { bytes / 2 }
}

fn megabytes(bytes: u64, enough: u64, amount: u64) -> Scalar {
    let offered = (bytes - headroom(bytes, enough, amount)) / MB;
    Scalar::from_f64(offered as f64).unwrap_or(Scalar::ZERO)
}

/// Respects the affinity of this process and the CFS quota of its cgroup.
fn cpus() -> Result<Scalar, MachineError> {
    let cpus = std::thread::available_parallelism().map_err(MachineError::Cpus)?;
    Ok(Scalar::from_f64(NonZero::get(cpus) as f64).unwrap_or(Scalar::ZERO))
}

fn memory() -> Result<u64, MachineError> {
    let machine = Meminfo::current().map_err(MachineError::Memory)?.mem_total;
    Ok(cgroup_limit(Path::new("/")).map_or(machine, |limit| limit.min(machine)))
}

fn disk(work_dir: &Path) -> Result<u64, MachineError> {
    // The work directory may not have been made yet; the disk that it will be on is there.
    let path = work_dir.ancestors().find(|path| path.exists()).unwrap_or_else(|| Path::new("/"));
    let disk =
        statvfs(path).map_err(|source| MachineError::Disk { path: path.to_owned(), source })?;
    Ok(disk.blocks() * disk.fragment_size())
}

/// The memory limit of this process's own cgroup, of version 2 or 1, where it can be seen; `root`
/// is `/`, or a test's.
fn cgroup_limit(root: &Path) -> Option<u64> {
    let cgroups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    cgroups.lines().filter_map(|line| limit_of(root, line)).min()
}

/// The limit that one line of `/proc/self/cgroup` (`id:controllers:path`) leads to.
fn limit_of(root: &Path, line: &str) -> Option<u64> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let path = path.trim_start_matches('/');
    let mount = root.join("sys/fs/cgroup");
    let file = match controllers {
        "" => mount.join(path).join("memory.max"),
        "memory" => mount.join("memory").join(path).join("memory.limit_in_bytes"),
        _ => return None,
    };
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(resources: &Resources, name: &str) -> f64 {
        resources.scalar(name).as_f64()
    }

    #[test]
    fn everything_is_found_on_this_machine() {
        let found = resources(None, Path::new("/no/such/directory")).unwrap();
        for name in ["cpus", "mem", "disk"] {
            assert!(scalar(&found, name) > 0.0, "{name} of {found}");
        }
        assert_eq!(found.ranges("ports").intervals(), [(31_000, 32_000)]);
    }

    #[test]
    fn what_is_stated_is_believed_and_the_rest_is_found() {
        let stated = resources(Some("cpus=64;ports=[1-2];gpus=1"), Path::new("/")).unwrap();
        assert_eq!((scalar(&stated, "cpus"), scalar(&stated, "gpus")), (64.0, 1.0));
        assert_eq!(stated.ranges("ports").intervals(), [(1, 2)]);
        assert!(scalar(&stated, "mem") > 0.0);
        let nothing = resources(Some("cpus(web)=2;disk=0"), Path::new("/")).unwrap();
        assert_eq!((scalar(&nothing, "cpus"), scalar(&nothing, "disk")), (2.0, 0.0));
    }

    #[test]
    fn text_that_cannot_be_read_is_refused() {
        assert!(resources(Some("cpus=many"), Path::new("/")).is_err());
    }

    #[test]
    fn the_system_keeps_its_share() {
        assert_eq!(headroom(16 * GB, 2 * GB, GB), GB);
        assert_eq!(headroom(GB, 2 * GB, GB), GB / 2);
        assert_eq!(megabytes(3 * GB, 2 * GB, GB), Scalar::from_f64(2048.0).unwrap());
    }

    #[test]
    fn a_limit_of_the_own_cgroup_is_found_in_both_versions() {
        for (line, file, limit) in [
            ("0::/a/b", "sys/fs/cgroup/a/b/memory.max", "1048576\n"),
            ("4:memory:/a", "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n"),
        ] {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in [("proc/self/cgroup", line), (file, limit)] {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            assert_eq!(cgroup_limit(root.path()), Some(1_048_576), "{line}");
            fs::write(root.path().join(file), "max\n").unwrap();
            assert_eq!(cgroup_limit(root.path()), None);
        }
    }
}
