//! Watching a process until it ends: our child, or one that an earlier life of ours started.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use protocol::task::Termination;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::IsolatorError;

/// Where pidfds cannot be had (before Linux 5.3, some sandboxes) processes are looked at this often.
const POLL: Duration = Duration::from_millis(20);

/// A process that is being watched. While the watch is open its pid is not mistaken for another's.
#[derive(Debug)]
pub struct Watch {
    pid: i32,
    fd: Option<AsyncFd<OwnedFd>>,
}

impl Watch {
    /// Watches a process. Belongs on a tokio runtime; fails if the process is gone.
    pub fn open(pid: i32) -> Result<Self, IsolatorError> {
        let failed = |source| IsolatorError::Watch { pid, source };
        let fd = match pidfd_open(pid) {
            Ok(fd) => Some(register(fd).map_err(failed)?),
            Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => None,
            Err(e) => return Err(failed(e)),
        };
        Ok(Self { pid, fd })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits until it has ended, and how; `None` if it was not our child: only a parent learns.
    pub async fn ended(&self) -> Option<Termination> {
        loop {
            self.readable().await;
            match waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, code)) => return Some(Termination::Exited(code)),
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    return Some(Termination::Signaled(signal as i32));
                }
                Ok(_) => {}
                Err(Errno::ECHILD) if self.fd.is_some() || !self.exists() => return None,
                Err(_) => {}
            }
            // A pidfd is readable once and for all; only a poll comes here more than once.
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends SIGKILL to this very process, never to another that has got its number since.
    pub fn kill(&self) {
        match &self.fd {
            Some(fd) => pidfd_kill(fd.get_ref()),
            None => crate::proc::signal_kill(self.pid),
        }
    }

    async fn readable(&self) {
        if let Some(fd) = &self.fd {
            // An error of the reactor means that the runtime ends, and this future with it.
            let _ = fd.readable().await;
        }
    }

    fn exists(&self) -> bool {
        nix::sys::signal::kill(Pid::from_raw(self.pid), None) != Err(Errno::ESRCH)
    }
}

fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: a system call on plain numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, libc::PIDFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives, and the
    // `AsyncFd` deregisters it before it drops it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

fn pidfd_kill(fd: &OwnedFd) {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, and a null siginfo is what kill(2) amounts to. The only
    // failure is that the process is gone, which is what was wanted.
    unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), libc::SIGKILL, info, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[actix_rt::test]
    #[allow(clippy::zombie_processes, reason = "the watch is what waits")]
    async fn the_end_of_a_child_is_seen_with_its_cause() {
        let exits = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
        let watch = Watch::open(exits.id() as i32).unwrap();
        assert_eq!(watch.ended().await, Some(Termination::Exited(3)));
        let sleeps = Command::new("sleep").arg("100").spawn().unwrap();
        let watch = Watch::open(sleeps.id() as i32).unwrap();
        watch.kill();
        assert_eq!(watch.ended().await, Some(Termination::Signaled(libc::SIGKILL)));
    }

    #[actix_rt::test]
    async fn the_end_of_a_strangers_child_is_seen_without_its_cause() {
        let shell = Command::new("sh")
            .args(["-c", "sleep 0.2 & echo $!"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = shell.wait_with_output().unwrap();
        let pid: i32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let Ok(watch) = Watch::open(pid) else { return };
        assert_eq!(watch.ended().await, None);
    }
}
