//! Starting a process inside a container: the one place where a fork is prepared.
//!
//! Invariants: the child is the leader of its own session, so that neither a terminal nor the end
//! of its parent touches it; it is in its cgroups before it drops its rights, and has dropped them
//! before the program starts; it inherits no file but the three that it is given.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use crate::error::IsolatorError;
use crate::user::Identity;

/// A program just fetched may still be open for writing in a child that another launch forked at
/// that moment; that child executes its own program within milliseconds.
const BUSY_ATTEMPTS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// What is to be started.
#[derive(Debug)]
pub struct Program<'a> {
    /// Found along the new environment's `PATH` if it has no slash.
    pub path: &'a str,
    /// argv, `argv[0]` first.
    pub arguments: &'a [String],
    /// The whole environment.
    pub environment: &'a BTreeMap<String, String>,
    pub directory: &'a Path,
}

/// Where it is to be started.
#[derive(Debug, Default)]
pub struct Place<'a> {
    /// Files that it enters cgroups by.
    pub cgroup_files: &'a [String],
    /// Limits by the names of setrlimit(2), in lower case and without `RLIMIT_`.
    pub rlimits: BTreeMap<String, u64>,
    /// Whom it becomes.
    pub identity: Option<&'a Identity>,
}

/// Its standard output and error; standard input is empty.
#[derive(Debug)]
pub struct Output {
    pub stdout: Stdio,
    pub stderr: Stdio,
}

/// Starts it. Returns its process id once the program has taken over, or what went wrong before.
pub fn spawn(
    program: &Program<'_>,
    place: &Place<'_>,
    output: Output,
) -> Result<i32, IsolatorError> {
    let mut steps = Steps::new(place)?;
    let name = program.arguments.first().ok_or(IsolatorError::NoProgram)?;
    let failed = |step: &'static str, source: io::Error| IsolatorError::Spawn {
        program: program.path.to_owned(),
        step,
        source,
    };
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .map_err(|errno| failed("make a pipe", errno.into()))?;
    let report: RawFd = writer.as_raw_fd();

    let mut command = Command::new(program.path);
    command.arg0(name).args(&program.arguments[1..]);
    command.env_clear().envs(program.environment).current_dir(program.directory);
    command.stdin(Stdio::null()).stdout(output.stdout).stderr(output.stderr);
    // SAFETY: the closure runs in the forked child before exec and makes async-signal-safe system
    // calls only, on memory that was prepared before the fork; `report` stays open until then.
    unsafe {
        command.pre_exec(move || steps.perform(report));
    }
    let child = start(&mut command);
    drop(writer);
    match child {
        Ok(pid) => Ok(pid),
        Err(source) => Err(failed(failed_step(reader), source)),
    }
}

/// Starts it, again if its file is busy.
fn start(command: &mut Command) -> io::Result<i32> {
    let mut attempt = 0;
    loop {
        match command.spawn() {
            // A pid always fits: pid_max is below 2^22.
            Ok(child) => return Ok(child.id() as i32),
            Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy && attempt < BUSY_ATTEMPTS => {
                attempt += 1;
                std::thread::sleep(BUSY_PAUSE);
            }
            Err(e) => return Err(e),
        }
    }
}

/// What the child was about to do when it failed: it wrote one byte if before the exec.
fn failed_step(reader: OwnedFd) -> &'static str {
    let mut byte = [0_u8];
    match File::from(reader).read(&mut byte) {
        Ok(1) => Step::from_byte(byte[0]).describe(),
        _ => "execute the program",
    }
}

/// What the child does before exec, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Session,
    Cgroups,
    Limits,
    Groups,
    Group,
    User,
}

impl Step {
    const ALL: [Self; 6] =
        [Self::Session, Self::Cgroups, Self::Limits, Self::Groups, Self::Group, Self::User];

    fn from_byte(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).copied().unwrap_or(Self::Session)
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Session => "start a session",
            Self::Cgroups => "join the cgroups",
            Self::Limits => "set the limits",
            Self::Groups => "set the groups",
            Self::Group => "set the group",
            Self::User => "set the user",
        }
    }
}

/// Everything that the child needs, made before the fork: the child may not allocate.
struct Steps {
    cgroup_files: Vec<CString>,
    rlimits: Vec<(u32, libc::rlimit)>,
    identity: Option<(libc::uid_t, libc::gid_t, Vec<libc::gid_t>)>,
}

impl Steps {
    fn new(place: &Place<'_>) -> Result<Self, IsolatorError> {
        let path = |path: &String| {
            CString::new(path.as_str())
                .map_err(|e| IsolatorError::file("name", Path::new(path), e.into()))
        };
        let rlimit = |(name, value): (&String, &u64)| {
            let limit = libc::rlimit { rlim_cur: *value, rlim_max: *value };
            Ok::<_, IsolatorError>((rlimit_number(name)?, limit))
        };
        let identity = place.identity.map(|identity| {
            let groups = identity.groups.iter().map(|gid| gid.as_raw()).collect();
            (identity.uid.as_raw(), identity.gid.as_raw(), groups)
        });
        Ok(Self {
            cgroup_files: place.cgroup_files.iter().map(path).collect::<Result<_, _>>()?,
            rlimits: place.rlimits.iter().map(rlimit).collect::<Result<_, _>>()?,
            identity,
        })
    }

    /// In the child. On failure the step's number goes to `report`, the errno to std's own pipe.
    fn perform(&mut self, report: RawFd) -> io::Result<()> {
        for (number, step) in Step::ALL.into_iter().enumerate() {
            if let Err(error) = self.perform_step(step) {
                let byte = [number as u8];
                // SAFETY: writes one byte from a live buffer to an open descriptor.
                unsafe { libc::write(report, byte.as_ptr().cast(), 1) };
                return Err(error);
            }
        }
        Ok(())
    }

    fn perform_step(&self, step: Step) -> io::Result<()> {
        // SAFETY of each call: async-signal-safe, and its pointers are to memory that `self` owns
        // and that outlives the call.
        match step {
            Step::Session => check(unsafe { libc::setsid() }),
            Step::Cgroups => self.cgroup_files.iter().try_for_each(enter),
            Step::Limits => self
                .rlimits
                .iter()
                .try_for_each(|(number, limit)| check(unsafe { libc::setrlimit(*number, limit) })),
            Step::Groups => self.identity.as_ref().map_or(Ok(()), |(_, _, groups)| {
                check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })
            }),
            Step::Group => self
                .identity
                .as_ref()
                .map_or(Ok(()), |(_, gid, _)| check(unsafe { libc::setgid(*gid) })),
            Step::User => self
                .identity
                .as_ref()
                .map_or(Ok(()), |(uid, _, _)| check(unsafe { libc::setuid(*uid) })),
        }
    }
}

/// Writes the calling process into a cgroup; `0` stands for the writer.
fn enter(procs: &CString) -> io::Result<()> {
    // SAFETY: open, write and close are async-signal-safe; the path is NUL-terminated and the
    // buffer is static.
    unsafe {
        let fd = libc::open(procs.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(fd)?;
        let written = libc::write(fd, c"0".as_ptr().cast(), 1);
        let error = io::Error::last_os_error();
        libc::close(fd);
        if written == 1 { Ok(()) } else { Err(error) }
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn rlimit_number(name: &str) -> Result<u32, IsolatorError> {
    Ok(match name {
        "as" => libc::RLIMIT_AS,
        "core" => libc::RLIMIT_CORE,
        "cpu" => libc::RLIMIT_CPU,
        "data" => libc::RLIMIT_DATA,
        "fsize" => libc::RLIMIT_FSIZE,
        "memlock" => libc::RLIMIT_MEMLOCK,
        "nofile" => libc::RLIMIT_NOFILE,
        "nproc" => libc::RLIMIT_NPROC,
        "stack" => libc::RLIMIT_STACK,
        _ => return Err(IsolatorError::UnknownRlimit(name.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;
    use crate::watch::Watch;

    fn run(
        arguments: &[&str],
        place: &Place<'_>,
    ) -> Result<(i32, tempfile::TempDir), IsolatorError> {
        let directory = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let environment = BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]);
        let program = Program {
            path: &arguments[0],
            arguments: &arguments,
            environment: &environment,
            directory: directory.path(),
        };
        let file = |name| Stdio::from(File::create(directory.path().join(name)).unwrap());
        let pid = spawn(&program, place, Output { stdout: file("out"), stderr: file("err") })?;
        Ok((pid, directory))
    }

    async fn output(arguments: &[&str], place: &Place<'_>) -> String {
        let (pid, directory) = run(arguments, place).unwrap();
        Watch::open(pid).unwrap().ended().await;
        std::fs::read_to_string(directory.path().join("out")).unwrap()
    }

    #[actix_rt::test]
    async fn the_child_leads_its_own_session_and_has_only_the_given_environment() {
        let script = "ps -o sid= -p $$ | tr -d ' '; echo $$; env | grep -v '^_=\\|^PWD=' | sort";
        let text = output(&["sh", "-c", script], &Place::default()).await;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], lines[1], "{text}");
        assert_eq!(lines[2..], ["PATH=/usr/bin:/bin"], "{text}");
    }

    #[actix_rt::test]
    async fn limits_hold_in_the_child() {
        let rlimits = BTreeMap::from([("nofile".to_owned(), 77), ("core".to_owned(), 0)]);
        let place = Place { rlimits, ..Place::default() };
        assert_eq!(output(&["sh", "-c", "ulimit -n"], &place).await, "77\n");
    }

    #[test]
    fn each_way_to_fail_is_named() {
        let text = |result: Result<_, IsolatorError>| chain(&result.map(|_| ()).unwrap_err());
        let missing = text(run(&["/no/such/program"], &Place::default()));
        assert_eq!(
            missing,
            "failed to execute the program for `/no/such/program`: No such file or directory \
             (os error 2)"
        );
        let cgroups = ["/no/such/cgroup.procs".to_owned()];
        let place = Place { cgroup_files: &cgroups, ..Place::default() };
        assert!(text(run(&["sh"], &place)).starts_with("failed to join the cgroups for `sh`"));
        let rlimits = BTreeMap::from([("weight".to_owned(), 1)]);
        let place = Place { rlimits, ..Place::default() };
        assert_eq!(text(run(&["sh"], &place)), "`weight` is not a limit that setrlimit has");
    }
}
