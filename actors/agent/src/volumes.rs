//! The directories of persistent volumes: made, deleted, and reached from sandboxes by links.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::path::{Component, Path, PathBuf};

use agent_core::VolumeLink;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{User, symlinkat};

/// As the isolator makes sandboxes: others of the machine's users may not look into them.
const SANDBOX_MODE: u32 = 0o750;
/// Volumes that are being deleted are moved there first, so that a new one of the same name is empty.
const TRASH: &str = "volumes/trash";
const ROLES: &str = "volumes/roles";

/// Makes the directories of `volumes` that are missing, and moves all others away. Returns what is
/// to be deleted. May be repeated.
pub(crate) fn settle(work_dir: &Path, volumes: &[String]) -> io::Result<Vec<PathBuf>> {
    let wanted: BTreeSet<PathBuf> = volumes.iter().map(PathBuf::from).collect();
    for volume in &wanted {
        fs::create_dir_all(volume)?;
    }
    let trash = work_dir.join(TRASH);
    for role in entries(&work_dir.join(ROLES))? {
        for volume in entries(&role)? {
            if !wanted.contains(&volume) {
                fs::create_dir_all(&trash)?;
                fs::rename(&volume, free_name(&trash))?;
            }
        }
        // Fails while there is a volume for the role.
        let _ = fs::remove_dir(&role);
    }
    entries(&trash)
}

/// Deletes what was moved away. Blocks.
pub(crate) fn delete(trash: &[PathBuf]) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    trash.iter().try_for_each(|path| match fs::remove_dir_all(path) {
        Err(error) if !gone(&error) => Err(error),
        _ => Ok(()),
    })
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(found) => found.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn free_name(trash: &Path) -> PathBuf {
    let numbered = (0u64..).map(|number| trash.join(number.to_string()));
    let mut free = numbered.filter(|path| !path.exists());
    free.next().expect("there are more numbers than directories")
}

/// Makes the sandbox if it is not there, and links in it that lead to volumes; `user` owns these.
pub(crate) fn link(sandbox: &Path, user: Option<&str>, links: &[VolumeLink]) -> io::Result<()> {
    if let Some(parent) = sandbox.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(SANDBOX_MODE).create(sandbox) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for link in links {
        fs::create_dir_all(&link.volume)?;
        user.map_or(Ok(()), |user| own(Path::new(&link.volume), user))?;
        make_link(sandbox, link)?;
    }
    Ok(())
}

fn own(volume: &Path, user: &str) -> io::Result<()> {
    let found = User::from_name(user)?;
    let found = found.ok_or_else(|| io::Error::other(format!("there is no user `{user}`")))?;
    lchown(volume, Some(found.uid.as_raw()), Some(found.gid.as_raw()))
}

/// Follows no link on its way: tasks that run own their sandboxes.
fn make_link(sandbox: &Path, link: &VolumeLink) -> io::Result<()> {
    let path = Path::new(&link.path);
    let normal = |part: Component<'_>| match part {
        Component::Normal(part) => Ok(part.to_owned()),
        _ => Err(io::Error::other(format!("`{}` leads out of the sandbox", link.path))),
    };
    let parts = path.components().map(normal).collect::<io::Result<Vec<OsString>>>()?;
    let Some((name, above)) = parts.split_last() else {
        return Err(io::Error::other("the path of a volume is empty"));
    };
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut directory: OwnedFd = open(sandbox, flags, Mode::empty())?;
    for part in above {
        match mkdirat(&directory, part.as_os_str(), Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        directory = openat(&directory, part.as_os_str(), flags, Mode::empty())?;
    }
    match symlinkat(link.volume.as_str(), &directory, name.as_os_str()) {
        Err(Errno::EEXIST) => {}
        other => return Ok(other?),
    }
    let leads = readlinkat(&directory, name.as_os_str())?;
    if leads.into_vec() == link.volume.as_bytes() {
        return Ok(());
    }
    Err(io::Error::other(format!("`{}` in the sandbox is something else", link.path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(dir: &Path, path: &str) -> Vec<VolumeLink> {
        let volume = dir.join("volumes/roles/dev/v1").to_string_lossy().into_owned();
        vec![VolumeLink { volume, path: path.into() }]
    }

    #[test]
    fn a_volume_keeps_its_data_until_it_is_gone_and_a_new_one_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let volume = dir.path().join("volumes/roles/dev/v1");
        let volumes = [volume.to_string_lossy().into_owned()];
        assert_eq!(settle(dir.path(), &volumes).unwrap(), [""; 0].map(PathBuf::from));
        fs::write(volume.join("file"), "data").unwrap();
        settle(dir.path(), &volumes).unwrap();
        assert_eq!(fs::read(volume.join("file")).unwrap(), b"data");
        let trash = settle(dir.path(), &[]).unwrap();
        assert!(!volume.exists() && trash.len() == 1);
        settle(dir.path(), &volumes).unwrap();
        assert_eq!(fs::read_dir(&volume).unwrap().count(), 0);
        delete(&trash).unwrap();
        delete(&trash).unwrap();
        assert_eq!(settle(dir.path(), &volumes).unwrap().len(), 0);
    }

    #[test]
    fn a_sandbox_leads_to_its_volumes() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = dir.path().join("agents/box");
        for path in ["data", "deep/er/data", "data/"] {
            let links = links(dir.path(), path);
            link(&sandbox, None, &links).unwrap();
            link(&sandbox, None, &links).unwrap();
            fs::write(sandbox.join(path).join("file"), path).unwrap();
            let volume = dir.path().join("volumes/roles/dev/v1/file");
            assert_eq!(fs::read_to_string(volume).unwrap(), path);
        }
    }

    #[test]
    fn no_link_is_made_outside_of_the_sandbox_or_over_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let (sandbox, outside) = (dir.path().join("box"), dir.path().join("outside"));
        fs::create_dir(&sandbox).unwrap();
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, sandbox.join("out")).unwrap();
        fs::write(sandbox.join("taken"), "").unwrap();
        for path in ["../data", "/data", "", "out/data", "taken", "a/../../data"] {
            assert!(link(&sandbox, None, &links(dir.path(), path)).is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}
