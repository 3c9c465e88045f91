//! To `services`.

use protocol::explain::{AppExplanation, ExplainApp};
use protocol::services::*;
use protocol::task::TaskState;
use protocol::{Scalar, Time};

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("services", samples);
    changes(&mut to);
    questions(&mut to);
}

fn id() -> String {
    "/shop/web".into()
}

fn spec() -> AppSpec {
    AppSpec {
        id: id(),
        cmd: Some("python3 -m http.server $PORT0".into()),
        args: vec!["python3".into()],
        user: Some("nobody".into()),
        env: one("MODE", "production".to_owned()),
        labels: one("tier", "front".to_owned()),
        instances: 3,
        cpus: Scalar::from_milli(250),
        mem: Scalar::from_milli(128_000),
        disk: Scalar::from_milli(64_000),
        ports: vec![PortDefinition {
            port: 10_001,
            protocol: "udp,tcp".into(),
            name: Some("http".into()),
            labels: one("VIP_0", "10.0.0.9:80".to_owned()),
        }],
        require_ports: true,
        fetch: uris(),
        backoff_ms: 1000,
        backoff_factor: 1.15,
        max_launch_delay_ms: 300_000,
        kill_grace_ms: Some(3000),
        kill_selection: KillSelection::OldestFirst,
        upgrade: UpgradeStrategy { minimum_health_capacity: 0.5, maximum_over_capacity: 0.25 },
    }
}

fn app() -> App {
    App { spec: spec(), version: NOW, last_scaling_at: Time(1), last_config_change_at: Time(2) }
}

fn instance() -> Instance {
    Instance {
        task_id: task_id(),
        app_id: id(),
        version: NOW,
        state: TaskState::Staging,
        agent_id: agent_id(),
        host: "node-1".into(),
        ports: vec![31_000],
        staged_at: NOW,
        started_at: Some(NOW),
        healthy: Some(true),
        killing: true,
    }
}

fn status_of_app() -> AppStatus {
    AppStatus {
        app: app(),
        instances: vec![instance()],
        last_failure: Some(InstanceFailure {
            task_id: task_id(),
            host: "node-1".into(),
            state: TaskState::Failed,
            message: "exited with status 1".into(),
            timestamp: NOW,
            version: NOW,
            agent_id: Some(agent_id()),
        }),
        deployments: vec!["deployment-1".into()],
        delayed_until: Some(NOW),
    }
}

fn accepted() -> AppAccepted {
    AppAccepted {
        deployment_id: "deployment-1".into(),
        version: NOW,
        created: true,
        app: Some(status_of_app()),
    }
}

fn changes(to: &mut To<'_>) {
    let put = PutApp { spec: spec(), mode: PutMode::Update, force: true, if_version: Some(NOW) };
    let kill = KillInstances {
        id: id(),
        task_id: Some(task_id()),
        host: Some("node-1".into()),
        scale: true,
        force: true,
    };
    let killed = InstancesKilled { instances: vec![instance()], accepted: Some(accepted()) };
    to.ask(&put, &accepted())
        .ask(&ScaleApp { id: id(), instances: 300, force: true }, &accepted())
        .ask(&RestartApp { id: id(), force: true }, &accepted())
        .ask(&DeleteApp { id: id(), force: false }, &accepted())
        .ask(&kill, &killed);
}

fn questions(to: &mut To<'_>) {
    let deployment = Deployment {
        id: "deployment-1".into(),
        app_id: id(),
        version: NOW,
        action: DeploymentAction::Restart,
    };
    let info = ServicesInfo {
        framework_id: Some(framework_id()),
        framework_name: "services".into(),
        role: "*".into(),
        user: "nobody".into(),
        failover_timeout_ms: 604_800_000,
        connected: true,
    };
    to.ask(&GetApp { id: id() }, &status_of_app())
        .ask(&GetApps {}, &AppList { apps: vec![status_of_app()] })
        .ask(&GetAppVersions { id: id() }, &AppVersions { versions: vec![app()] })
        .ask(&GetDeployments {}, &DeploymentList { deployments: vec![deployment] })
        .ask(&GetServicesInfo {}, &info)
        .ask(&ExplainApp { id: id() }, &explanation());
}

fn explanation() -> AppExplanation {
    AppExplanation {
        id: id(),
        summary: "1 of 3 instances run".into(),
        instances: 3,
        running: 1,
        starting: 300,
        waiting: 2,
        need: super::frameworks::need(),
        framework_id: Some(framework_id()),
        connected: true,
        delayed_until: Some(NOW),
        last_failure: status_of_app().last_failure,
        deployments: vec!["deployment-1".into()],
        offers: Some(super::frameworks::offers_explanation()),
        unexplained: Some("not subscribed".into()),
    }
}
