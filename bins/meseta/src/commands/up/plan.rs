//! Which process is started with which flags.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use boot::net::ACTOR_PORT_OFFSET;
use monitor::machine::{self, MachineError};
use protocol::{HostAddr, Resources};

use crate::cli::Up;
use crate::error::CliError;

/// Everything listens here: nothing of this is protected against the network.
const LOOPBACK: &str = "127.0.0.1";
/// cpus are shares, not pieces: even a small machine can run the examples.
const LEAST_CPUS: f64 = 4.0;

/// A program and how to start it.
pub(crate) struct Command {
    /// What it is called in messages, and its directory.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) log: PathBuf,
}

/// What `up` starts.
pub(crate) struct Plan {
    pub(crate) cluster: String,
    pub(crate) agents: u16,
    /// Absolute.
    pub(crate) data: PathBuf,
    options: Up,
    programs: PathBuf,
}

/// The name of the agent with this index, from 0.
pub(crate) fn agent_name(index: usize) -> String {
    format!("agent-{}", index + 1)
}

impl Plan {
    /// Finds the programs, makes the directories and sees whether the ports are free.
    pub(crate) fn new(options: &Up, cluster: &str) -> Result<Self, CliError> {
        let own = std::env::current_exe()
            .map_err(|e| CliError::Failed(format!("cannot tell where this program is: {e}")))?;
        let programs = own.parent().map(Path::to_path_buf).unwrap_or_default();
        for name in ["meseta-master", "meseta-agent", "meseta-executor", "meseta-services"] {
            if !programs.join(name).is_file() {
                return Err(CliError::Usage(format!(
                    "there is no {name} beside {}; `make build` builds all of them",
                    own.display()
                )));
            }
        }
        check_ports(options)?;
        if let Some(text) = &options.resources {
            let bad = |e| CliError::Usage(format!("--resources: {e}"));
            Resources::parse(text).map_err(bad)?;
        }
        let data = std::path::absolute(&options.data)
            .map_err(|e| CliError::Usage(format!("--data {}: {e}", options.data.display())))?;
        let (agents, cluster) = (options.agents, cluster.to_owned());
        Ok(Self { cluster, agents, data, options: options.clone(), programs })
    }

    pub(crate) fn master(&self) -> Command {
        let store = self.store("master");
        self.command("master", "meseta-master", self.options.master_port, &["--store", &store])
    }

    pub(crate) fn services(&self, master: &HostAddr) -> Command {
        let store = self.store("services");
        let own = ["--store", &store, "--masters", master.as_str()];
        self.command("services", "meseta-services", self.options.services_port, &own)
    }

    pub(crate) fn agent(&self, index: u16, master: &HostAddr) -> Result<Command, CliError> {
        let name = agent_name(usize::from(index));
        let port = offset(self.options.agent_port, index);
        let work_dir = self.data.join(&name).display().to_string();
        let resources = match &self.options.resources {
            Some(text) => text.clone(),
            None => self.share(index)?,
        };
        let own = [
            "--work-dir",
            &work_dir,
            "--masters",
            master.as_str(),
            "--resources",
            &resources,
            "--on-shutdown",
            "kill",
        ];
        Ok(self.command(&name, "meseta-agent", port, &own))
    }

    fn store(&self, name: &str) -> String {
        format!("embedded:{}", self.data.join(name).join("store.redb").display())
    }

    fn command(&self, name: &str, program: &str, port: u16, own: &[&str]) -> Command {
        let actors = match port {
            0 => 0,
            port => port + ACTOR_PORT_OFFSET,
        };
        let common = [
            "--cluster",
            &self.cluster,
            "--http",
            &format!("{LOOPBACK}:{port}"),
            "--listen",
            &format!("{LOOPBACK}:{actors}"),
            "--log",
            &self.options.log,
            "--die-with-parent",
        ];
        Command {
            name: name.to_owned(),
            program: self.programs.join(program),
            arguments: common.iter().chain(own).map(|text| (*text).to_owned()).collect(),
            log: self.data.join(name).join("log"),
        }
    }

    /// What the agent with this index offers: its part of what one agent alone finds here.
    fn share(&self, index: u16) -> Result<String, CliError> {
        let machine = machine::resources(None, &self.data).map_err(|e| undetected(&e))?;
        let (count, index) = (usize::from(self.agents), usize::from(index));
        let part = |name: &str| machine.scalar(name).as_f64() as usize / count;
        let (mem, disk) = (part("mem"), part("disk"));
        let cpus = machine.scalar("cpus").as_f64().max(LEAST_CPUS);
        let ports: Vec<u64> = machine.ranges("ports").iter().collect();
        let each = ports.len() / count;
        let (first, last) = (ports[index * each], ports[(index + 1) * each - 1]);
        Ok(format!("cpus={cpus};mem={mem};disk={disk};ports=[{first}-{last}]"))
    }
}

fn undetected(error: &MachineError) -> CliError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    CliError::Failed(format!("{error} ({source}); --resources states what agents offer"))
}

fn offset(first: u16, index: u16) -> u16 {
    if first == 0 { 0 } else { first + index }
}

/// Says at once, and with its flag, which port is taken; the child could only say it later.
fn check_ports(options: &Up) -> Result<(), CliError> {
    check_port(options.master_port, "master", "--master-port")?;
    check_port(options.services_port, "service scheduler", "--services-port")?;
    let last = u32::from(options.agent_port) + u32::from(options.agents) - 1;
    if last + u32::from(ACTOR_PORT_OFFSET) > u32::from(u16::MAX) {
        return Err(CliError::Usage("--agent-port is too high for that many agents".to_owned()));
    }
    for index in 0..options.agents {
        check_port(offset(options.agent_port, index), "agent", "--agent-port")?;
    }
    Ok(())
}

fn check_port(http: u16, what: &str, flag: &str) -> Result<(), CliError> {
    if http == 0 {
        return Ok(());
    }
    let Some(actors) = http.checked_add(ACTOR_PORT_OFFSET) else {
        return Err(CliError::Usage(format!("{flag} {http} leaves no room for the actors' port")));
    };
    for (port, use_) in [(http, "HTTP"), (actors, "actors")] {
        if let Err(error) = TcpListener::bind((LOOPBACK, port)) {
            return Err(CliError::Usage(format!(
                "port {port} ({what}, {use_}) cannot be used: {error}; another cluster may be \
                 running here; choose other ports with {flag}"
            )));
        }
    }
    Ok(())
}
