//! What an executor is told by the agent that starts it, through its environment.

use std::time::Duration;

use protocol::{Address, ContainerId, ExecutorId, FrameworkId};

/// How long an executor goes on without its agent before it ends its tasks: an upgrade of the
/// agent, even with a reboot of its service manager, is shorter. As in Mesos.
pub const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Who an executor is and whom it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorConfig {
    /// The cluster's name, which hosts agree on when they meet.
    pub cluster: String,
    /// `agent@host:port`.
    pub agent: Address,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    pub container_id: ContainerId,
    /// Where its files are; tasks start there.
    pub sandbox: String,
    pub recovery_timeout: Duration,
}

/// A variable that the agent sets is not there, or not what it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingVariable {
    #[error("`{0}` is not set: an executor is started by the agent, not by hand")]
    Missing(&'static str),
    #[error("`{name}` is `{value}`: {why}")]
    Bad { name: &'static str, value: String, why: String },
}

impl ExecutorConfig {
    /// From the variables that `get` knows: `std::env::var(name).ok()`, or a test's own.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, MissingVariable> {
        let required = |name| get(name).ok_or(MissingVariable::Missing(name));
        let agent = required("MESETA_AGENT")?;
        let address =
            agent.parse().map_err(|why: protocol::address::AddressError| MissingVariable::Bad {
                name: "MESETA_AGENT",
                value: agent.clone(),
                why: why.to_string(),
            })?;
        Ok(Self {
            cluster: required("MESETA_CLUSTER")?,
            agent: address,
            framework_id: required("MESETA_FRAMEWORK_ID")?.into(),
            executor_id: required("MESETA_EXECUTOR_ID")?.into(),
            container_id: required("MESETA_CONTAINER_ID")?.into(),
            sandbox: required("MESETA_SANDBOX")?,
            recovery_timeout: recovery_timeout(get("MESETA_RECOVERY_TIMEOUT_MS"))?,
        })
    }

    /// From the environment of this process.
    pub fn from_environment() -> Result<Self, MissingVariable> {
        Self::from_variables(|name| std::env::var(name).ok())
    }
}

fn recovery_timeout(value: Option<String>) -> Result<Duration, MissingVariable> {
    let Some(value) = value else { return Ok(RECOVERY_TIMEOUT) };
    let milliseconds = value.parse().map_err(|why: std::num::ParseIntError| {
        let (name, why) = ("MESETA_RECOVERY_TIMEOUT_MS", why.to_string());
        MissingVariable::Bad { name, value: value.clone(), why }
    })?;
    Ok(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        let value = match name {
            "MESETA_CLUSTER" => "test",
            "MESETA_AGENT" => "agent@10.0.0.1:7051",
            "MESETA_FRAMEWORK_ID" => "f",
            "MESETA_EXECUTOR_ID" => "e",
            "MESETA_CONTAINER_ID" => "c",
            "MESETA_SANDBOX" => "/tmp",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn a_complete_environment_is_a_configuration() {
        let config = ExecutorConfig::from_variables(variables).unwrap();
        assert_eq!(config.agent.to_string(), "agent@10.0.0.1:7051");
        assert_eq!(config.recovery_timeout, RECOVERY_TIMEOUT);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let without = |name: &'static str| {
            ExecutorConfig::from_variables(|n| (n != name).then(|| variables(n)).flatten())
        };
        let missing = without("MESETA_SANDBOX").unwrap_err();
        assert_eq!(missing, MissingVariable::Missing("MESETA_SANDBOX"));
        let bad = ExecutorConfig::from_variables(|name| match name {
            "MESETA_AGENT" => Some("here".into()),
            name => variables(name),
        });
        assert!(
            bad.unwrap_err().to_string().starts_with("`MESETA_AGENT` is `here`: `here` is not")
        );
    }
}
