//! The first process of a container: its program, and what its environment tells it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use protocol::isolator::ContainerProcess;
use protocol::task::CommandInfo;

use crate::executor::SavedExecutor;
use crate::state::State;

/// What is executed where a process says nothing about it.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl State {
    pub(crate) fn process_of(&self, executor: &SavedExecutor) -> ContainerProcess {
        let mut environment = BTreeMap::from([("PATH".to_owned(), DEFAULT_PATH.to_owned())]);
        let command = executor.info.command.as_ref().filter(|_| !executor.is_command());
        if let Some(command) = command {
            environment.extend(command.environment.clone());
            environment.extend(self.v1_environment(executor));
        }
        environment.extend(self.own_environment(executor));
        ContainerProcess {
            arguments: match command {
                Some(command) => arguments_of(command),
                None => vec![self.settings.executor.clone()],
            },
            environment,
            inside: command.is_some(),
        }
    }

    /// For executors that speak MessagePack.
    fn own_environment(&self, executor: &SavedExecutor) -> Vec<(String, String)> {
        let recovery = self.settings.timeouts.executor_recovery;
        let variables = [
            ("AGENT", self.settings.agent.to_string()),
            ("CLUSTER", self.settings.cluster.clone()),
            ("FRAMEWORK_ID", executor.framework_id.to_string()),
            ("EXECUTOR_ID", executor.info.executor_id.to_string()),
            ("CONTAINER_ID", executor.container_id.to_string()),
            ("SANDBOX", executor.sandbox.clone()),
            ("RECOVERY_TIMEOUT_MS", recovery.as_millis().to_string()),
        ];
        variables.map(|(name, value)| (format!("MESETA_{name}"), value)).to_vec()
    }

    /// For executors that speak the v1 API: the variables of Mesos.
    fn v1_environment(&self, executor: &SavedExecutor) -> Vec<(String, String)> {
        let http = &self.settings.info.http;
        let agent_id = self.durable.agent_id.as_ref().map_or("", |id| id.as_str());
        let checkpoint = self.is_checkpointing(&executor.framework_id);
        let grace = executor.info.shutdown_grace_ms.map(Duration::from_millis);
        let grace = grace.unwrap_or(self.settings.timeouts.executor_shutdown);
        let mut variables = vec![
            ("MESOS_FRAMEWORK_ID", executor.framework_id.to_string()),
            ("MESOS_EXECUTOR_ID", executor.info.executor_id.to_string()),
            ("MESOS_DIRECTORY", executor.sandbox.clone()),
            ("MESOS_SANDBOX", executor.sandbox.clone()),
            ("MESOS_SLAVE_ID", agent_id.to_owned()),
            ("MESOS_SLAVE_PID", format!("slave(1)@{http}")),
            ("MESOS_AGENT_ENDPOINT", http.clone()),
            ("MESOS_CHECKPOINT", u8::from(checkpoint).to_string()),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", duration_text(grace)),
            ("MESOS_HTTP_COMMAND_EXECUTOR", "0".to_owned()),
            ("LIBPROCESS_PORT", "0".to_owned()),
        ];
        variables.extend(ip_of(http).map(|ip| ("LIBPROCESS_IP", ip)));
        if checkpoint {
            let timeouts = &self.settings.timeouts;
            let recovery = duration_text(timeouts.executor_recovery);
            variables.push(("MESOS_RECOVERY_TIMEOUT", recovery));
            let backoff = duration_text(timeouts.executor_backoff);
            variables.push(("MESOS_SUBSCRIPTION_BACKOFF_MAX", backoff));
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// argv of a custom executor, the path of the program first.
fn arguments_of(command: &CommandInfo) -> Vec<String> {
    let value = command.value.clone().unwrap_or_default();
    if command.shell {
        return vec!["/bin/sh".to_owned(), "-c".to_owned(), value];
    }
    std::iter::once(value).chain(command.arguments.iter().skip(1).cloned()).collect()
}

/// The host of `host:port`, where it is an address.
fn ip_of(http: &str) -> Option<String> {
    let (host, _) = http.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().ok().map(|ip| ip.to_string())
}

/// As Mesos writes durations, `15mins`: in the largest unit that is not larger than the duration, or
/// the next smaller one if that takes a fraction.
fn duration_text(duration: Duration) -> String {
    const UNITS: [(&str, u128); 8] = [
        ("weeks", 7 * 24 * 3_600_000_000_000),
        ("days", 24 * 3_600_000_000_000),
        ("hrs", 3_600_000_000_000),
        ("mins", 60_000_000_000),
        ("secs", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let nanoseconds = duration.as_nanos();
    let largest = UNITS.iter().position(|(_, unit)| *unit <= nanoseconds);
    let largest = largest.unwrap_or(UNITS.len() - 1);
    let (name, unit) = UNITS[largest];
    if nanoseconds.is_multiple_of(unit) {
        return format!("{}{name}", nanoseconds / unit);
    }
    // Nanoseconds have no fraction, so there is a smaller one.
    let (name, unit) = UNITS[largest + 1];
    format!("{}{name}", nanoseconds as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_mesos_writes_them() {
        for (duration, text) in [
            (Duration::from_secs(15 * 60), "15mins"),
            (Duration::from_secs(5), "5secs"),
            (Duration::from_millis(500), "500ms"),
            (Duration::from_millis(1500), "1500ms"),
            (Duration::from_millis(61_500), "61.5secs"),
            (Duration::from_secs(90 * 60), "90mins"),
            (Duration::from_secs(3 * 86_400), "3days"),
            (Duration::ZERO, "0ns"),
        ] {
            assert_eq!(duration_text(duration), text);
        }
    }

    #[test]
    fn the_address_is_told_only_where_there_is_one() {
        assert_eq!(ip_of("10.0.0.1:5051").as_deref(), Some("10.0.0.1"));
        assert_eq!(ip_of("[::1]:5051").as_deref(), Some("::1"));
        assert_eq!(ip_of("agent-1:5051"), None);
    }
}
