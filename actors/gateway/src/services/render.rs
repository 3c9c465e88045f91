//! Apps, tasks and deployments as Marathon shows them: its members and no others, because real
//! clients refuse what they do not know.

use std::net::IpAddr;

use protocol::Scalar;
use protocol::Time;
use protocol::services::{
    App, AppSpec, AppStatus, Deployment, DeploymentAction, Instance, InstanceFailure,
    KillSelection, PortDefinition,
};
use protocol::task::{TaskState, Uri};
use serde_json::{Map, Value, json};

/// What is shown beside an app.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Embed {
    pub(super) tasks: bool,
    pub(super) last_failure: bool,
    pub(super) readiness: bool,
    pub(super) stats: bool,
}

impl Embed {
    /// Reads the values of `embed=`; unknown ones are ignored.
    pub(super) fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut embed = Self::default();
        for value in values {
            match value.rsplit('.').next() {
                Some("tasks") => embed.tasks = true,
                Some("lastTaskFailure") => embed.last_failure = true,
                Some("readiness") => embed.readiness = true,
                Some("taskStats") => embed.stats = true,
                Some("failures") => (embed.tasks, embed.last_failure) = (true, true),
                _ => {}
            }
        }
        embed
    }
}

/// An app as its definition.
pub(super) fn app(app: &App, role: &str) -> Value {
    let AppSpec { id, cmd, args, user, env, labels, instances, cpus, mem, disk, .. } = &app.spec;
    let mut json = json!({
        "id": id, "env": env, "labels": labels, "instances": instances, "cpus": number(*cpus),
        "mem": number(*mem), "disk": number(*disk), "gpus": 0, "executor": "", "role": role,
        "constraints": [], "dependencies": [], "healthChecks": [], "readinessChecks": [],
        "acceptedResourceRoles": ["*"], "networks": [{ "mode": "host" }],
        "unreachableStrategy": { "inactiveAfterSeconds": 0, "expungeAfterSeconds": 0 },
    });
    let members = json.as_object_mut().expect("an object was just made");
    put(members, "cmd", cmd.as_ref());
    put(members, "args", (!args.is_empty()).then_some(args));
    put(members, "user", user.as_ref());
    members.extend(behaviour(&app.spec));
    members.extend(versions(app));
    json
}

/// How its instances are placed, started and replaced.
fn behaviour(spec: &AppSpec) -> Map<String, Value> {
    let seconds = |ms: u64| ms / 1000;
    let kill_selection = match spec.kill_selection {
        KillSelection::YoungestFirst => "YOUNGEST_FIRST",
        KillSelection::OldestFirst => "OLDEST_FIRST",
    };
    let mut json = json!({
        "portDefinitions": spec.ports.iter().map(port).collect::<Vec<_>>(),
        "requirePorts": spec.require_ports,
        "fetch": spec.fetch.iter().map(fetch).collect::<Vec<_>>(),
        "backoffSeconds": seconds(spec.backoff_ms),
        "backoffFactor": spec.backoff_factor,
        "maxLaunchDelaySeconds": seconds(spec.max_launch_delay_ms),
        "killSelection": kill_selection,
        "upgradeStrategy": {
            "minimumHealthCapacity": spec.upgrade.minimum_health_capacity,
            "maximumOverCapacity": spec.upgrade.maximum_over_capacity,
        },
    });
    let members = json.as_object_mut().map(std::mem::take).unwrap_or_default();
    let mut members = members;
    put(&mut members, "taskKillGracePeriodSeconds", spec.kill_grace_ms.map(seconds));
    members
}

fn versions(app: &App) -> Map<String, Value> {
    let mut members = Map::new();
    put(&mut members, "version", Some(app.version.to_iso()));
    let info = json!({
        "lastScalingAt": app.last_scaling_at.to_iso(),
        "lastConfigChangeAt": app.last_config_change_at.to_iso(),
    });
    put(&mut members, "versionInfo", Some(info));
    members
}

/// Options are left out rather than `null`.
fn put(members: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), json!(value));
    }
}

/// Whole numbers without a fraction, as Marathon prints them.
fn number(scalar: Scalar) -> Value {
    match scalar.milli() % 1000 {
        0 => json!(scalar.milli() / 1000),
        _ => json!(scalar.as_f64()),
    }
}

fn port(port: &PortDefinition) -> Value {
    let mut json = json!({ "port": port.port, "protocol": port.protocol, "labels": port.labels });
    if let Some(name) = &port.name {
        json["name"] = json!(name);
    }
    json
}

fn fetch(uri: &Uri) -> Value {
    let Uri { value, executable, extract, cache, output_file } = uri;
    let mut json =
        json!({ "uri": value, "executable": executable, "extract": extract, "cache": cache });
    if let Some(path) = output_file {
        json["destPath"] = json!(path);
    }
    json
}

/// An app with what is known of its instances; counts and deployments are always there.
pub(super) fn app_info(status: &AppStatus, role: &str, embed: Embed) -> Value {
    let mut json = app(&status.app, role);
    let counts = counts(status.instances.iter());
    for (name, count) in [
        ("tasksStaged", counts.staged),
        ("tasksRunning", counts.running),
        ("tasksHealthy", counts.healthy),
        ("tasksUnhealthy", counts.unhealthy),
    ] {
        json[name] = json!(count);
    }
    json["deployments"] = status.deployments.iter().map(|id| json!({ "id": id })).collect();
    if embed.tasks {
        json["tasks"] = status.instances.iter().map(|i| task(i, role)).collect();
    }
    if embed.readiness {
        json["readinessCheckResults"] = json!([]);
    }
    if let Some(last) = status.last_failure.as_ref().filter(|_| embed.last_failure) {
        json["lastTaskFailure"] = failure(&status.app.spec.id, last);
    }
    if embed.stats {
        json["taskStats"] = stats(status);
    }
    json
}

#[derive(Default)]
struct Counts {
    staged: u32,
    running: u32,
    healthy: u32,
    unhealthy: u32,
}

fn counts<'a>(instances: impl Iterator<Item = &'a Instance>) -> Counts {
    let mut counts = Counts::default();
    for instance in instances {
        match instance.state {
            TaskState::Staging | TaskState::Starting => counts.staged += 1,
            TaskState::Running => counts.running += 1,
            _ => {}
        }
        match instance.healthy {
            Some(true) => counts.healthy += 1,
            Some(false) => counts.unhealthy += 1,
            None => {}
        }
    }
    counts
}

fn stats(status: &AppStatus) -> Value {
    let App { last_scaling_at, last_config_change_at, .. } = status.app;
    let of = |wanted: &dyn Fn(&Instance) -> bool| {
        let Counts { staged, running, healthy, unhealthy } =
            counts(status.instances.iter().filter(|i| wanted(i)));
        json!({ "stats": { "counts": { "staged": staged, "running": running,
            "healthy": healthy, "unhealthy": unhealthy } } })
    };
    json!({
        "startedAfterLastScaling": of(&|i| i.version >= last_scaling_at),
        "withLatestConfig": of(&|i| i.version >= last_config_change_at),
        "withOutdatedConfig": of(&|i| i.version < last_config_change_at),
        "totalSummary": of(&|_| true),
    })
}

/// One instance's present run.
pub(super) fn task(instance: &Instance, role: &str) -> Value {
    let iso = |time: Time| time.to_iso();
    let mut json = json!({
        "appId": instance.app_id, "id": instance.task_id, "host": instance.host,
        "slaveId": instance.agent_id, "state": instance.state, "ports": instance.ports,
        "ipAddresses": ip_addresses(&instance.host), "stagedAt": iso(instance.staged_at),
        "version": iso(instance.version), "healthCheckResults": [], "localVolumes": [],
        "role": role,
    });
    if let Some(at) = instance.started_at {
        json["startedAt"] = json!(iso(at));
    }
    json
}

/// A task shares its agent's network: its address is the agent's, where that is known as one.
fn ip_addresses(host: &str) -> Value {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => json!([{ "ipAddress": host, "protocol": "IPv4" }]),
        Ok(IpAddr::V6(_)) => json!([{ "ipAddress": host, "protocol": "IPv6" }]),
        Err(_) => json!([]),
    }
}

fn failure(app_id: &str, failure: &InstanceFailure) -> Value {
    let mut json = json!({
        "appId": app_id, "host": failure.host, "message": failure.message, "state": failure.state,
        "taskId": failure.task_id, "timestamp": failure.timestamp.to_iso(),
        "version": failure.version.to_iso(),
    });
    if let Some(agent_id) = &failure.agent_id {
        json["slaveId"] = json!(agent_id);
    }
    json
}

/// A change that is being carried out, in one step.
pub(super) fn deployment(deployment: &Deployment) -> Value {
    let Deployment { id, app_id, version, action } = deployment;
    let action = match action {
        DeploymentAction::Start => "StartApplication",
        DeploymentAction::Stop => "StopApplication",
        DeploymentAction::Restart => "RestartApplication",
        DeploymentAction::Scale | DeploymentAction::Unknown => "ScaleApplication",
    };
    json!({
        "id": id, "version": version.to_iso(), "affectedApps": [app_id], "affectedPods": [],
        "steps": [{ "actions": [{ "action": action, "app": app_id }] }],
        "currentActions": [{ "action": action, "app": app_id, "readinessCheckResults": [] }],
        "currentStep": 1, "totalSteps": 1,
    })
}
