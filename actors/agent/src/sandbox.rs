//! Files of sandboxes: reading a part of one, and nothing beside it; removing a whole one.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};

use agent_core::SandboxRead;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use protocol::agent::SandboxChunk;
use protocol::{Blob, Failure, FailureKind};

/// The longest path that may be asked for: PATH_MAX.
const MAX_PATH: usize = 4096;

/// Reads what was asked for. Blocks.
pub(crate) fn read(read: &SandboxRead) -> Result<SandboxChunk, Failure> {
    let path = relative(&read.path)?;
    let file =
        open_beneath(Path::new(&read.sandbox), path).map_err(|error| refusal(error, read))?;
    let metadata = file.metadata().map_err(|error| failed(&error, read))?;
    if !metadata.is_file() {
        return Err(Failure::refused(format!("`{}` is not a regular file", read.path)));
    }
    let rest = metadata.len().saturating_sub(read.offset).min(read.length);
    let mut data = vec![0; usize::try_from(rest).unwrap_or(usize::MAX)];
    let len = read_at(&file, &mut data, read.offset).map_err(|error| failed(&error, read))?;
    data.truncate(len);
    Ok(SandboxChunk { size: metadata.len(), data: Blob(data), state: read.state })
}

/// Removes a sandbox, and the directories above it that are empty then, up to `work_dir`. Blocks.
pub(crate) fn remove(sandbox: &Path, work_dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(sandbox) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let above = sandbox.ancestors().skip(1);
    for directory in above.take_while(|d| *d != work_dir && d.starts_with(work_dir)) {
        // Fails on the first that still has something in it.
        if std::fs::remove_dir(directory).is_err() {
            break;
        }
    }
    Ok(())
}

/// The path, if it cannot lead out of a directory by its words alone.
fn relative(path: &str) -> Result<&Path, Failure> {
    let wrong = |what: &str| Err(Failure::refused(format!("`path` {what}, for example `stdout`")));
    if path.is_empty() || path.len() > MAX_PATH || path.contains('\0') {
        return wrong("must name a file in the sandbox in at most 4096 bytes");
    }
    let path = Path::new(path);
    if path.components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
        return wrong("must be relative to the sandbox and stay in it");
    }
    Ok(path)
}

/// Opens a file so that the kernel sees to it that no symbolic link on the way leads out of
/// `directory`: tasks own their sandboxes, and may change them between any look and any use.
/// Absolute links are refused, too, wherever they lead. Devices and fifos do not block.
fn open_beneath(directory: &Path, path: &Path) -> Result<File, nix::Error> {
    let directory = open(directory, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())?;
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let file: OwnedFd = openat2(&directory, path, how)?;
    Ok(File::from(file))
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn refusal(error: nix::Error, read: &SandboxRead) -> Failure {
    use nix::errno::Errno::{ELOOP, ENOENT, ENOTDIR, EXDEV};
    match error {
        ENOENT | ENOTDIR => {
            let text = format!("there is no file `{}` in the sandbox", read.path);
            Failure::new(FailureKind::NotFound, text)
        }
        EXDEV | ELOOP => {
            Failure::refused(format!("`{}` is a link that leads out of the sandbox", read.path))
        }
        error => failed(&error.into(), read),
    }
}

fn failed(error: &io::Error, read: &SandboxRead) -> Failure {
    Failure::refused(format!("failed to read `{}`: {error}", read.path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use protocol::task::TaskState;

    use super::*;

    struct Sandbox {
        dir: tempfile::TempDir,
    }

    impl Sandbox {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("box")).unwrap();
            std::fs::write(dir.path().join("secret"), "secret").unwrap();
            std::fs::write(dir.path().join("box/stdout"), "0123456789").unwrap();
            Self { dir }
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join("box").join(name)
        }

        fn read(&self, path: &str, offset: u64, length: u64) -> Result<SandboxChunk, Failure> {
            let sandbox = self.dir.path().join("box").to_str().unwrap().to_owned();
            let state = TaskState::Running;
            read(&SandboxRead { sandbox, path: path.into(), offset, length, state })
        }
    }

    #[test]
    fn a_part_of_a_file_is_read_with_its_whole_size() {
        let sandbox = Sandbox::new();
        let chunk = sandbox.read("stdout", 2, 3).unwrap();
        assert_eq!((chunk.size, chunk.data.0.as_slice()), (10, &b"234"[..]));
        assert_eq!(sandbox.read("./stdout", 8, 100).unwrap().data.0, b"89");
        assert_eq!(sandbox.read("stdout", 10, 100).unwrap().data.0, b"");
        assert_eq!(sandbox.read("stdout", 1 << 40, 100).unwrap().data.0, b"", "beyond the end");
    }

    #[test]
    fn no_path_leads_out_of_the_sandbox() {
        let sandbox = Sandbox::new();
        std::fs::create_dir(sandbox.path("sub")).unwrap();
        symlink("../secret", sandbox.path("relative")).unwrap();
        symlink(sandbox.dir.path().join("secret"), sandbox.path("absolute")).unwrap();
        symlink("..", sandbox.path("up")).unwrap();
        symlink("/proc/self/root", sandbox.path("magic")).unwrap();
        let long = "x/".repeat(3000);
        for path in [
            "../secret",
            "sub/../../secret",
            "/etc/passwd",
            "",
            "\0",
            ".",
            "sub",
            "relative",
            "absolute",
            "up/secret",
            "magic/etc/passwd",
            "..",
            &long,
        ] {
            let failure = sandbox.read(path, 0, 100).unwrap_err();
            assert!(!failure.message.is_empty() && !failure.message.contains("0123"), "{path}");
        }
    }

    #[test]
    fn a_link_that_stays_in_the_sandbox_is_followed() {
        let sandbox = Sandbox::new();
        symlink("stdout", sandbox.path("latest")).unwrap();
        assert_eq!(sandbox.read("latest", 0, 1).unwrap().data.0, b"0");
    }

    #[test]
    fn a_file_that_is_not_there_is_not_found() {
        let sandbox = Sandbox::new();
        for path in ["stderr", "stdout/x", "no/such"] {
            let failure = sandbox.read(path, 0, 1).unwrap_err();
            assert_eq!(failure.kind, FailureKind::NotFound, "{path}");
        }
    }

    #[test]
    fn a_fifo_does_not_block() {
        let sandbox = Sandbox::new();
        nix::unistd::mkfifo(&sandbox.path("fifo"), Mode::S_IRUSR).unwrap();
        assert!(sandbox.read("fifo", 0, 1).unwrap_err().message.contains("regular"));
    }

    #[test]
    fn removing_a_sandbox_removes_what_is_empty_above_it_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("agents/a/frameworks/f/executors/e/runs");
        for run in ["c1", "c2"] {
            std::fs::create_dir_all(runs.join(run).join("sub")).unwrap();
        }
        remove(&runs.join("c1"), dir.path()).unwrap();
        assert!(runs.join("c2").exists());
        remove(&runs.join("c1"), dir.path()).unwrap();
        remove(&runs.join("c2"), dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
