//! A real etcd for tests, on free ports, in a folder of its own; and waiting.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(unreachable_pub, reason = "included by path, also from other crates")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use store::{Store, StoreConfig};
use tempfile::TempDir;

/// An etcd of one member. Killed, and its folder removed, when it is dropped.
pub struct EtcdServer {
    process: Child,
    client_url: String,
    peer_url: String,
    folder: TempDir,
}

impl EtcdServer {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        for _ in 0..5 {
            let [client, peer] = free_ports();
            let client_url = format!("http://127.0.0.1:{client}");
            let peer_url = format!("http://127.0.0.1:{peer}");
            let folder = tempfile::tempdir().unwrap();
            let process = spawn(&folder, &client_url, &peer_url);
            let mut server = Self { process, client_url, peer_url, folder };
            // Somebody may have taken a port since; then it ends at once.
            if server.answers().await {
                return server;
            }
        }
        panic!("etcd did not start; its output is on stderr with ETCD_LOG=1");
    }

    async fn answers(&mut self) -> bool {
        let store = self.store("probe", "probe");
        for _ in 0..100 {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            let loaded = tokio::time::timeout(Duration::from_millis(500), store.load("")).await;
            if matches!(loaded, Ok(Ok(_))) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    pub fn endpoint(&self) -> &str {
        &self.client_url
    }

    pub fn config(&self) -> StoreConfig {
        StoreConfig::etcd([self.endpoint()])
    }

    /// A store of its own connections, as another process would have.
    pub fn store(&self, cluster: &str, scope: &str) -> Arc<dyn Store> {
        store::open(&self.config(), cluster, scope).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// Ends it and starts it again with the same data at the same address.
    pub fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(&self.folder, &self.client_url, &self.peer_url);
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &TempDir, client_url: &str, peer_url: &str) -> Child {
    let log =
        || if std::env::var_os("ETCD_LOG").is_some() { Stdio::inherit() } else { Stdio::null() };
    Command::new("etcd")
        .args(["--name", "test", "--data-dir"])
        .arg(folder.path())
        .args(["--listen-client-urls", client_url, "--advertise-client-urls", client_url])
        .args(["--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url])
        .args(["--initial-cluster", &format!("test={peer_url}")])
        .stdin(Stdio::null())
        .stdout(log())
        .stderr(log())
        .spawn()
        .expect("`etcd` must be on the PATH for these tests (Debian: apt-get install etcd-server)")
}

fn free_ports() -> [u16; 2] {
    let listeners = [0; 2].map(|_: i32| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The result of `future`, which must come soon, and how long it took.
pub async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let value = soon(future).await;
    (value, begun.elapsed())
}

/// The result of `future`, which must come within 20 s.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("takes too long")
}

/// What is still pending after a while.
pub async fn stays_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_millis(300), future).await.is_err()
}
