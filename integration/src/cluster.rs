//! A cluster of real processes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::cli::Meseta;
use crate::etcd::Etcd;
use crate::process::Process;
use crate::{binaries, cgroups, eventually, ports, processes};

/// How many ports every agent offers.
const TASK_PORTS: u16 = 20;

static CLUSTERS: AtomicU32 = AtomicU32::new(0);

/// What a cluster is to be made of.
#[derive(Clone, Debug)]
pub struct Builder {
    name: String,
    masters: usize,
    agents: usize,
    services: bool,
    etcd: bool,
    lease_ttl_ms: Option<u64>,
    isolation: Option<String>,
    on_shutdown: String,
    resources: String,
    allocator: Option<String>,
    allocation: Option<String>,
    access: Option<String>,
    agent_keys: Option<String>,
    machines: bool,
}

/// Processes that belong together. Dropped, it leaves nothing.
pub struct Cluster {
    name: String,
    dir: PathBuf,
    /// Dropped last of the processes: the others complain loudly when it goes first.
    pub masters: Vec<Process>,
    pub agents: Vec<Process>,
    pub services: Option<Process>,
    pub etcd: Option<Etcd>,
}

impl Builder {
    /// How many masters; more than one need etcd.
    #[must_use]
    pub fn masters(mut self, count: usize) -> Self {
        self.masters = count;
        self
    }

    /// How many agents.
    #[must_use]
    pub fn agents(mut self, count: usize) -> Self {
        self.agents = count;
        self
    }

    /// With a service scheduler.
    #[must_use]
    pub fn services(mut self) -> Self {
        self.services = true;
        self
    }

    /// With a real etcd instead of embedded stores.
    #[must_use]
    pub fn etcd(mut self) -> Self {
        self.etcd = true;
        self
    }

    /// How long a lost leader is believed in.
    #[must_use]
    pub fn lease_ttl_ms(mut self, ttl: u64) -> Self {
        self.lease_ttl_ms = Some(ttl);
        self
    }

    /// What every agent offers beside its ports.
    #[must_use]
    pub fn resources(mut self, resources: &str) -> Self {
        self.resources = resources.to_owned();
        self
    }

    /// `auto`, `cgroups` or `processes`.
    #[must_use]
    pub fn isolation(mut self, isolation: &str) -> Self {
        self.isolation = Some(isolation.to_owned());
        self
    }

    /// What agents do with their tasks when they are asked to end: `keep` or `kill`.
    #[must_use]
    pub fn on_shutdown(mut self, what: &str) -> Self {
        self.on_shutdown = what.to_owned();
        self
    }

    /// The masters' allocator is this one, elsewhere.
    #[must_use]
    pub fn allocator(mut self, address: &str) -> Self {
        self.allocator = Some(address.to_owned());
        self
    }

    /// Keys of the allocator's section of the masters' configuration.
    #[must_use]
    pub fn allocation(mut self, keys: &str) -> Self {
        self.allocation = Some(keys.to_owned());
        self
    }

    /// Keys of the section of the masters' configuration that says who must authenticate.
    #[must_use]
    pub fn access(mut self, keys: &str) -> Self {
        self.access = Some(keys.to_owned());
        self
    }

    /// Keys of the agent's section of the agents' configuration.
    #[must_use]
    pub fn agent_keys(mut self, keys: &str) -> Self {
        self.agent_keys = Some(keys.to_owned());
        self
    }

    /// Every agent is on a machine of its own, of the agent's name.
    #[must_use]
    pub fn machines(mut self) -> Self {
        self.machines = true;
        self
    }

    /// Starts everything and waits until it is healthy.
    pub fn start(self) -> Cluster {
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", self.name, std::process::id());
        let dir = std::env::temp_dir().join("meseta-stories").join(&name);
        let etcd = self.etcd.then(|| Etcd::start(&dir.join("etcd")));
        let mut cluster =
            Cluster { name, dir, masters: Vec::new(), agents: Vec::new(), services: None, etcd };
        for index in 0..self.masters {
            let process = self.master(&cluster, index);
            cluster.masters.push(process);
        }
        for master in &mut cluster.masters {
            master.start();
        }
        for index in 0..self.agents {
            let process = self.agent(&cluster, index);
            cluster.agents.push(process);
        }
        for agent in &mut cluster.agents {
            agent.start();
        }
        if self.services {
            let process = self.service_scheduler(&cluster);
            cluster.services.insert(process).start();
        }
        cluster.wait_healthy();
        cluster
    }

    fn store(&self, cluster: &Cluster, dir: &Path) -> String {
        match &cluster.etcd {
            Some(etcd) => format!("etcd:{}", etcd.endpoint()),
            None => format!("embedded:{}", dir.join("store.redb").display()),
        }
    }

    fn master(&self, cluster: &Cluster, index: usize) -> Process {
        let name = format!("master-{}", index + 1);
        let dir = cluster.dir.join(&name);
        let mut keys = cluster.common_keys();
        keys.push(format!("store = {:?}", self.store(cluster, &dir)));
        if let Some(ttl) = self.lease_ttl_ms {
            keys.push(format!("lease_ttl_ms = {ttl}"));
        }
        if let Some(allocator) = &self.allocator {
            keys.push(format!("[frameworks]\nallocator = {allocator:?}"));
        }
        if let Some(allocation) = &self.allocation {
            keys.push(format!("[allocator]\n{allocation}"));
        }
        if let Some(access) = &self.access {
            keys.push(format!("[access]\n{access}"));
        }
        configured(&name, &dir, "meseta-master", &keys)
    }

    fn agent(&self, cluster: &Cluster, index: usize) -> Process {
        let name = format!("agent-{}", index + 1);
        let dir = cluster.dir.join(&name);
        let (first, last) = ports::range(TASK_PORTS);
        let mut keys = cluster.common_keys();
        keys.push(format!("resources = \"{};ports=[{first}-{last}]\"", self.resources));
        keys.push(format!("[agent]\nmasters = {:?}", cluster.master_addresses()));
        keys.push(format!("work_dir = {:?}", dir.join("work").display().to_string()));
        keys.push(format!("on_shutdown = {:?}", self.on_shutdown));
        keys.extend(self.agent_keys.clone());
        if self.machines {
            keys.push(format!("hostname = {name:?}"));
        }
        keys.push(format!("[isolator]\ncgroup_root = {:?}", cluster.cgroup(&name)));
        if let Some(isolation) = &self.isolation {
            keys.push(format!("isolation = {isolation:?}"));
        }
        configured(&name, &dir, "meseta-agent", &keys)
    }

    fn service_scheduler(&self, cluster: &Cluster) -> Process {
        let dir = cluster.dir.join("services");
        let mut keys = cluster.common_keys();
        keys.push(format!("masters = {:?}", cluster.master_addresses()));
        keys.push(format!("store = {:?}", self.store(cluster, &dir)));
        configured("services", &dir, "meseta-services", &keys)
    }
}

fn configured(name: &str, dir: &Path, program: &str, keys: &[String]) -> Process {
    let config = dir.join("config.toml");
    let arguments =
        ["--config".to_owned(), config.display().to_string(), "--die-with-parent".into()];
    let process = Process::new(name, dir, binaries::path(program), arguments.to_vec());
    std::fs::write(&config, keys.join("\n") + "\n").expect("a test's directory can be written");
    process
}

impl Cluster {
    /// One master, one agent, no services, the embedded store; `name` is that of the story.
    pub fn builder(name: &str) -> Builder {
        Builder {
            name: name.to_owned(),
            masters: 1,
            agents: 1,
            services: false,
            etcd: false,
            lease_ttl_ms: None,
            isolation: None,
            on_shutdown: "kill".to_owned(),
            resources: "cpus=4;mem=2048;disk=4096".to_owned(),
            allocator: None,
            allocation: None,
            access: None,
            agent_keys: None,
            machines: false,
        }
    }

    /// Where everything of it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cgroup of an agent.
    pub fn cgroup(&self, agent: &str) -> String {
        format!("meseta/{}-{agent}", self.name)
    }

    fn common_keys(&self) -> Vec<String> {
        vec![
            format!("cluster = {:?}", self.name),
            format!("http = \"127.0.0.1:{}\"", ports::free()),
            format!("listen = \"127.0.0.1:{}\"", ports::free()),
            "log = \"debug\"".to_owned(),
        ]
    }

    fn master_addresses(&self) -> Vec<String> {
        self.masters.iter().map(|master| master.ready().actors.to_string()).collect()
    }

    /// The command line for this cluster.
    pub fn meseta(&self) -> Meseta {
        let services = self.services.as_ref().map(|s| s.ready().actors.to_string());
        let masters = self.master_addresses().join(",");
        Meseta::new(&self.name, &masters, &services.unwrap_or_default())
    }

    /// The service scheduler.
    pub fn services(&self) -> &Process {
        self.services.as_ref().expect("the story asked for a service scheduler")
    }

    /// Waits until every agent is registered and the service scheduler subscribed.
    pub fn wait_healthy(&self) {
        eventually("every agent is registered", || self.agents_registered());
        if let Some(services) = &self.services {
            let address = services.actor("services");
            eventually("the service scheduler is subscribed", || {
                let info = self.meseta().send(&address, "GetServicesInfo", "{}")?;
                if info["connected"] == true { Ok(()) } else { Err(info.to_string()) }
            });
        }
    }

    fn agents_registered(&self) -> Result<(), String> {
        let found = self.meseta().json(&["agents"])?;
        let agents = found["agents"].as_array().cloned().unwrap_or_default();
        let active = agents.iter().filter(|agent| agent["state"] == "active").count();
        if active == self.agents.len() { Ok(()) } else { Err(found.to_string()) }
    }

    /// Which of the masters leads.
    pub fn leader(&self) -> Result<usize, String> {
        let address = self.masters.iter().map(|master| master.actor("elector"));
        let mut seen = Vec::new();
        for (index, elector) in address.enumerate() {
            match self.meseta().send(&elector, "GetLeader", "{}") {
                Ok(answer) if answer["leading"] == true => return Ok(index),
                Ok(answer) => seen.push(answer.to_string()),
                Err(error) => seen.push(error),
            }
        }
        Err(seen.join("; "))
    }

    /// The tasks that the leading master knows of, those that have ended included if `all`.
    pub fn tasks(&self, all: bool) -> Result<Vec<Value>, String> {
        let arguments: &[&str] = if all { &["tasks", "--all"] } else { &["tasks"] };
        let found = self.meseta().json(arguments)?;
        Ok(found["tasks"].as_array().cloned().unwrap_or_default())
    }

    /// Every process that the cluster has started, tasks included.
    pub fn all_processes(&self) -> Vec<processes::Found> {
        processes::that_mention(&self.dir)
    }

    fn report_failure(&self) {
        eprintln!("--- the files of this cluster stay in {}", self.dir.display());
        let others = self.agents.iter().chain(self.services.iter());
        for process in self.masters.iter().chain(others) {
            eprintln!("--- the end of the log of {}:\n{}", process.name(), process.last_of_log());
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.report_failure();
        }
        let all = self.services.iter_mut().chain(&mut self.agents).chain(&mut self.masters);
        for process in all {
            process.kill();
        }
        if let Some(etcd) = &mut self.etcd {
            etcd.process().kill();
        }
        processes::kill_all_that_mention(&self.dir);
        for agent in &self.agents {
            cgroups::remove(&self.cgroup(agent.name()));
        }
        if !std::thread::panicking() {
            // What cannot be removed is in the way of nobody.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
