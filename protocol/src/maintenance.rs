//! Maintenance: which machines are to be away and when, which of them are down, and what those who
//! run something there have said to that.
//!
//! A machine is up, draining (it is in the schedule) or down (it is in the schedule, and was started
//! upon). Agents are on a machine; what is on one that is down is shut down, and does not register.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::framework::{AgentInfo, Unavailability};
use crate::id::FrameworkId;
use crate::time::Time;

/// A machine: by the name of its agents' host, by an address of theirs, or by both. What is empty
/// matches anything. The name is in lower case.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct MachineId {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip: String,
}

/// When some machines are to be away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaintenanceWindow {
    pub machines: Vec<MachineId>,
    pub unavailability: Unavailability,
}

/// Everything that operators have planned and begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Maintenance {
    #[serde(default)]
    pub windows: Vec<MaintenanceWindow>,
    /// All of them are in a window.
    #[serde(default)]
    pub down: BTreeSet<MachineId>,
}

/// What a framework has said to an inverse offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InverseAnswer {
    Accept,
    Decline,
    /// Nothing yet, or what this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a framework stands to an inverse offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InverseOfferStatus {
    pub framework_id: FrameworkId,
    pub answer: InverseAnswer,
    /// When it was given; or, if there is none, when it was asked for.
    pub at: Time,
}

/// A machine that is to be away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrainingMachine {
    pub machine: MachineId,
    /// Of those who were asked to leave it.
    pub statuses: Vec<InverseOfferStatus>,
}

/// Why a schedule cannot be, or cannot be followed. The texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaintenanceError {
    #[error("List of machines in the maintenance window is empty")]
    EmptyWindow,
    #[error("List of machines is empty")]
    NoMachine,
    #[error("Both 'hostname' and 'ip' for a machine are empty")]
    Nameless,
    #[error("Failed to parse the IP '{0}'")]
    Ip(String),
    #[error("Machine '{0}' appears more than once in the schedule")]
    Twice(MachineId),
    #[error("Machine '{0}' is deactivated and cannot be removed from the schedule")]
    Down(MachineId),
    #[error("Machine '{0}' is not part of a maintenance schedule")]
    NotScheduled(MachineId),
    #[error("Machine '{0}' is not in DRAINING mode and cannot be brought down")]
    NotDraining(MachineId),
    #[error("Machine '{0}' is not in DOWN mode and cannot be brought up")]
    NotDown(MachineId),
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&json)
    }
}

impl MachineId {
    /// Whether an agent is on it.
    pub fn has(&self, agent: &AgentInfo) -> bool {
        let named = self.hostname.is_empty() || agent.hostname.eq_ignore_ascii_case(&self.hostname);
        let placed = self.ip.is_empty() || addresses(agent).any(|address| address == self.ip);
        named && placed && self.validate().is_ok()
    }

    fn validate(&self) -> Result<(), MaintenanceError> {
        if self.hostname.is_empty() && self.ip.is_empty() {
            return Err(MaintenanceError::Nameless);
        }
        if !self.ip.is_empty() && self.ip.parse::<Ipv4Addr>().is_err() {
            return Err(MaintenanceError::Ip(self.ip.clone()));
        }
        Ok(())
    }
}

/// The addresses of an agent's actors and of its HTTP edge.
fn addresses(agent: &AgentInfo) -> impl Iterator<Item = String> {
    let ends = [agent.host.to_string(), agent.http.clone()];
    ends.into_iter().filter_map(|end| {
        let (host, _) = end.rsplit_once(':')?;
        host.parse::<IpAddr>().is_ok().then(|| host.to_owned())
    })
}

/// Whether each is a machine, and none comes twice.
fn check_machines<'a>(
    machines: impl IntoIterator<Item = &'a MachineId>,
) -> Result<BTreeSet<&'a MachineId>, MaintenanceError> {
    let mut seen = BTreeSet::new();
    for machine in machines {
        machine.validate()?;
        if !seen.insert(machine) {
            return Err(MaintenanceError::Twice(machine.clone()));
        }
    }
    Ok(seen)
}

impl Maintenance {
    /// What the one schedule of the registry is recorded as.
    pub const CLUSTER: &str = "cluster";

    /// With these windows instead of what was planned. What is down stays down.
    ///
    /// # Errors
    /// If they are none, or leave out a machine that is down.
    pub fn scheduled(&self, windows: Vec<MaintenanceWindow>) -> Result<Self, MaintenanceError> {
        if windows.iter().any(|window| window.machines.is_empty()) {
            return Err(MaintenanceError::EmptyWindow);
        }
        let machines = check_machines(windows.iter().flat_map(|window| &window.machines))?;
        if let Some(down) = self.down.iter().find(|down| !machines.contains(down)) {
            return Err(MaintenanceError::Down(down.clone()));
        }
        Ok(Self { windows, down: self.down.clone() })
    }

    /// With these machines down.
    ///
    /// # Errors
    /// If one of them is not draining.
    pub fn started(&self, machines: &[MachineId]) -> Result<Self, MaintenanceError> {
        self.check_scheduled(machines)?;
        if let Some(machine) = machines.iter().find(|machine| self.down.contains(machine)) {
            return Err(MaintenanceError::NotDraining(machine.clone()));
        }
        let down = self.down.iter().chain(machines).cloned().collect();
        Ok(Self { windows: self.windows.clone(), down })
    }

    /// With these machines up, and no longer planned for.
    ///
    /// # Errors
    /// If one of them is not down.
    pub fn stopped(&self, machines: &[MachineId]) -> Result<Self, MaintenanceError> {
        self.check_scheduled(machines)?;
        if let Some(machine) = machines.iter().find(|machine| !self.down.contains(machine)) {
            return Err(MaintenanceError::NotDown(machine.clone()));
        }
        let mut rest = self.clone();
        rest.down.retain(|machine| !machines.contains(machine));
        for window in &mut rest.windows {
            window.machines.retain(|machine| !machines.contains(machine));
        }
        rest.windows.retain(|window| !window.machines.is_empty());
        Ok(rest)
    }

    fn check_scheduled(&self, machines: &[MachineId]) -> Result<(), MaintenanceError> {
        if machines.is_empty() {
            return Err(MaintenanceError::NoMachine);
        }
        check_machines(machines)?;
        let known = |machine: &&MachineId| self.machines().any(|known| known == *machine);
        match machines.iter().find(|machine| !known(machine)) {
            Some(machine) => Err(MaintenanceError::NotScheduled(machine.clone())),
            None => Ok(()),
        }
    }

    fn machines(&self) -> impl Iterator<Item = &MachineId> {
        self.windows.iter().flat_map(|window| &window.machines)
    }

    /// Machines that are to be away and are not yet.
    pub fn draining(&self) -> impl Iterator<Item = &MachineId> {
        self.machines().filter(|machine| !self.down.contains(machine))
    }

    /// When an agent is to be away.
    pub fn unavailability(&self, agent: &AgentInfo) -> Option<Unavailability> {
        let has = |window: &&MaintenanceWindow| window.machines.iter().any(|it| it.has(agent));
        self.windows.iter().find(has).map(|window| window.unavailability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Resources;

    fn named(hostname: &str) -> MachineId {
        MachineId { hostname: hostname.into(), ip: String::new() }
    }

    fn window(machines: &[MachineId], start: u64) -> MaintenanceWindow {
        let unavailability = Unavailability { start: Time(start), duration_ms: None };
        MaintenanceWindow { machines: machines.to_vec(), unavailability }
    }

    fn agent() -> AgentInfo {
        AgentInfo {
            hostname: "Node-1".into(),
            host: "10.0.0.1:7051".parse().unwrap(),
            http: "node-1.example:5051".into(),
            resources: Resources::EMPTY,
            attributes: Default::default(),
            domain: None,
            boot_id: "b".into(),
            version: "0".into(),
        }
    }

    #[test]
    fn an_agent_is_on_a_machine_by_name_and_address_as_far_as_they_are_given() {
        let machine =
            |hostname: &str, ip: &str| MachineId { hostname: hostname.into(), ip: ip.into() };
        for there in [machine("node-1", ""), machine("", "10.0.0.1"), machine("node-1", "10.0.0.1")]
        {
            assert!(there.has(&agent()), "{there}");
        }
        for elsewhere in
            [machine("node-2", "10.0.0.1"), machine("node-1", "10.0.0.2"), machine("", "")]
        {
            assert!(!elsewhere.has(&agent()), "{elsewhere}");
        }
    }

    #[test]
    fn a_schedule_names_every_machine_once_and_those_that_are_down() {
        let (a, b) = (named("a"), named("b"));
        let none = Maintenance::default();
        let fault = |windows| none.scheduled(windows).unwrap_err();
        assert_eq!(fault(vec![window(&[], 1)]), MaintenanceError::EmptyWindow);
        assert_eq!(fault(vec![window(&[MachineId::default()], 1)]), MaintenanceError::Nameless);
        let bad = MachineId { ip: "::1".into(), ..MachineId::default() };
        assert_eq!(fault(vec![window(&[bad], 1)]), MaintenanceError::Ip("::1".into()));
        let twice = vec![window(std::slice::from_ref(&a), 1), window(&[b.clone(), a.clone()], 2)];
        assert_eq!(fault(twice), MaintenanceError::Twice(a.clone()));
        let planned = none.scheduled(vec![window(&[a.clone(), b.clone()], 1)]).unwrap();
        let down = planned.started(std::slice::from_ref(&a)).unwrap();
        assert_eq!(down.scheduled(vec![window(&[b], 1)]), Err(MaintenanceError::Down(a.clone())));
        assert_eq!(
            MaintenanceError::Down(a.clone()).to_string(),
            "Machine '{\"hostname\":\"a\"}' is deactivated and cannot be removed from the schedule"
        );
        assert_eq!(down.scheduled(vec![window(&[a], 2)]).unwrap().down.len(), 1);
    }

    #[test]
    fn machines_drain_go_down_and_come_up() {
        let (a, b, c) = (named("a"), named("b"), named("c"));
        let none = Maintenance::default();
        let planned = none
            .scheduled(vec![
                window(std::slice::from_ref(&a), 1),
                window(std::slice::from_ref(&b), 2),
            ])
            .unwrap();
        assert_eq!(planned.started(&[]), Err(MaintenanceError::NoMachine));
        assert_eq!(
            planned.started(std::slice::from_ref(&c)),
            Err(MaintenanceError::NotScheduled(c))
        );
        assert_eq!(
            planned.stopped(std::slice::from_ref(&a)),
            Err(MaintenanceError::NotDown(a.clone()))
        );
        let down = planned.started(std::slice::from_ref(&a)).unwrap();
        assert_eq!(down.draining().collect::<Vec<_>>(), [&b]);
        assert_eq!(
            down.started(std::slice::from_ref(&a)),
            Err(MaintenanceError::NotDraining(a.clone()))
        );
        let up = down.stopped(&[a]).unwrap();
        assert_eq!(up, none.scheduled(vec![window(&[b], 2)]).unwrap());
    }
}
