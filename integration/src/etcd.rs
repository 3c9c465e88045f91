//! A real etcd with one member.

use std::path::Path;
use std::time::Duration;

use crate::process::Process;
use crate::{http, ports, within};

/// A running etcd.
pub struct Etcd {
    process: Process,
    endpoint: String,
}

impl Etcd {
    /// Starts one that keeps its data in `dir`.
    pub fn start(dir: &Path) -> Self {
        let (client, peer) = (ports::free(), ports::free());
        let client_url = format!("http://127.0.0.1:{client}");
        let peer_url = format!("http://127.0.0.1:{peer}");
        let data = dir.join("data").display().to_string();
        let arguments = [
            ("--name", "test"),
            ("--data-dir", &data),
            ("--listen-client-urls", &client_url),
            ("--advertise-client-urls", &client_url),
            ("--listen-peer-urls", &peer_url),
            ("--initial-advertise-peer-urls", &peer_url),
            ("--initial-cluster", &format!("test={peer_url}")),
            // A test's data need not outlive the machine.
            ("--unsafe-no-fsync", "true"),
        ];
        let arguments = arguments.map(|(flag, value)| format!("{flag}={value}")).to_vec();
        let program = std::env::var("ETCD").unwrap_or_else(|_| "etcd".to_owned());
        let mut process = Process::new("etcd", dir, program.into(), arguments);
        drop(process.launch());
        let endpoint = format!("127.0.0.1:{client}");
        within(Duration::from_secs(20), "etcd is healthy", || {
            http::get(&endpoint, "/health").map_err(|e| e.to_string()).and_then(|answer| {
                if answer.body.contains("true") { Ok(()) } else { Err(answer.body) }
            })
        });
        Self { process, endpoint }
    }

    /// `host:port` for clients.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The process, for those who want it to suffer.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
