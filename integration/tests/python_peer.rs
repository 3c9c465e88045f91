//! Peers that are not written in Rust: `protocol/README.md` is enough to write one. One joins, asks,
//! links and hears of the end; another is the allocator of a cluster.

#![allow(clippy::unwrap_used, reason = "a story's helpers")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use integration::{Cluster, Lines, binaries, eventually, ports};
use serde_json::Value;

/// For starting Python and for every answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The MessagePack library that is installed where there is none.
const MSGPACK: &str = "msgpack==1.1.2";

/// A Python that has MessagePack: the machine's, or one of our own in the target directory.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let own = binaries::dir().with_file_name("python-peer");
        let candidates = ["python3".into(), "/usr/bin/python3".into(), own.join("bin/python")];
        let found = candidates.into_iter().find(|python| has_msgpack(python));
        found.unwrap_or_else(|| install(&own))
    })
}

fn has_msgpack(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import msgpack"]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn install(dir: &Path) -> PathBuf {
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(dir));
    let python = dir.join("bin/python");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", MSGPACK]));
    python
}

fn run(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `integration/peers/peer.py`, told where to join.
fn peer(host: &str, cluster: &str) -> Command {
    script(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/peer.py"), &[host, cluster])
}

/// `config/examples/allocator.py`, told where to listen.
fn allocator(at: &str, cluster: &str) -> Command {
    script(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/examples/allocator.py"), &[at, cluster])
}

fn script(path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(python());
    command.arg(path).args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A peer that runs, and what it says.
struct Running {
    child: Child,
    lines: Lines,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// What the next line says of a step.
    #[track_caller]
    fn hear(&mut self, step: &str) -> Value {
        let Ok(line) = self.lines.find(PATIENCE, |line| Some(line.to_owned())) else {
            panic!("the peer did not get to `{step}`: {}", self.complaint());
        };
        let said: Value = serde_json::from_str(&line).unwrap();
        assert!(said[step].is_object() || said[step].is_string(), "not `{step}`: {said}");
        said[step].clone()
    }

    /// Ends it, for what it wrote to stderr.
    fn complaint(&mut self) -> String {
        let _ = self.child.kill();
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and usually has.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_peer_in_another_language_joins_asks_links_and_hears_of_the_end() {
    let mut cluster = Cluster::builder("python-peer").agents(0).start();
    let host = cluster.masters[0].ready().actors.to_string();
    let mut peer = Running::start(peer(&host, cluster.name()));

    let joined = peer.hear("joined");
    assert_eq!((&joined["version"], &joined["host"]), (&1.into(), &host.as_str().into()));
    assert!(joined["incarnation"].is_u64(), "{joined}");

    let roles = &peer.hear("roles")["reply"];
    assert_eq!(roles["policy"], "drf", "{roles}");
    assert!(roles["roles"].is_array() && roles["total"].is_object(), "{roles}");

    let mistake = &peer.hear("mistake")["error"];
    assert_eq!(mistake["kind"], "unknown_message");
    let text = mistake["message"].as_str().unwrap();
    assert!(text.contains("GetRolls") && text.contains("GetRoles"), "{text}");

    assert_eq!(peer.hear("linked"), "allocator");
    let (status, _) = cluster.masters[0].terminate();
    assert!(status.success(), "{status}");
    let exited = peer.hear("exited");
    assert_eq!(exited["actor"], format!("allocator@{host}"));
    assert_eq!(exited["reason"], "stopped");
    assert!(peer.child.wait().unwrap().success());
}

#[test]
fn a_peer_of_another_cluster_is_refused_with_the_reason() {
    let cluster = Cluster::builder("python-stranger").agents(0).start();
    let host = cluster.masters[0].ready().actors.to_string();
    let Output { status, stdout, stderr } = peer(&host, "another").output().unwrap();
    assert_eq!((status.code(), stdout), (Some(1), Vec::new()));
    let reason = String::from_utf8(stderr).unwrap();
    for cluster in ["`another`".to_owned(), format!("`{}`", cluster.name())] {
        assert!(reason.starts_with("refused: ") && reason.contains(&cluster), "{reason}");
    }
}

/// Why nothing is offered, in the words of the frameworks manager; null if something may be.
fn no_offers(cluster: &Cluster) -> Result<Value, String> {
    let frameworks = cluster.masters[0].actor("frameworks");
    Ok(cluster.meseta().json(&["inspect", &frameworks])?["state"]["no_offers"].clone())
}

#[test]
fn an_allocator_in_another_language_decides_and_without_it_nothing_is_offered() {
    // The cluster is named by its builder, and the allocator has to be there before it.
    let at = format!("127.0.0.1:{}", ports::free());
    let address = format!("allocator@{at}");
    let cluster = Cluster::builder("python-allocator").allocator(&address).start();
    let absent = eventually("it is said that there is no allocator", || {
        no_offers(&cluster)?.as_str().map(str::to_owned).ok_or_else(|| "nothing is said".to_owned())
    });
    assert!(absent.contains(&at), "{absent}");

    let mut command = cluster.meseta().command(&["run", "--", "echo", "decided in Python"]);
    let waiting = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it waits for an offer", || {
        let frameworks = cluster.meseta().json(&["frameworks"])?;
        if frameworks.to_string().contains("meseta") { Ok(()) } else { Err(frameworks.to_string()) }
    });
    let mut decider = Running::start(allocator(&at, cluster.name()));
    assert_eq!(decider.hear("listening"), at);
    let Output { status, stdout, .. } = waiting.wait_with_output().unwrap();
    assert_eq!((status.code(), &*stdout), (Some(0), &b"decided in Python\n"[..]));
    assert_eq!(no_offers(&cluster), Ok(Value::Null));
    let roles = cluster.meseta().send(&address, "GetRoles", "{}").unwrap();
    assert!(roles["policy"].as_str().unwrap().contains("Python"), "{roles}");
    let services = cluster.meseta().json(&["frameworks"]).unwrap();
    if let Some(id) = services["frameworks"][0]["framework_id"].as_str() {
        let told = cluster.meseta().json(&["explain", "framework", id]).unwrap();
        let said = told["unexplained"].as_str().unwrap_or_default();
        assert!(said.contains("does not explain itself"), "{told}");
    }

    drop(decider);
    eventually("it is said that the allocator has gone", || {
        no_offers(&cluster)?.as_str().map(drop).ok_or_else(|| "nothing is said".to_owned())
    });
    let mut successor = Running::start(allocator(&at, cluster.name()));
    assert_eq!(successor.hear("listening"), at);
    let again = cluster.meseta().run(&["run", "--", "echo", "and again"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, "and again\n"), "{again:?}");
}
