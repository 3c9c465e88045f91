//! What people want of apps: making, changing, restarting and ending them.

use std::collections::BTreeSet;

use protocol::services::{
    App, AppAccepted, AppSpec, DeleteApp, DeploymentAction, InstancesKilled, KillInstances, PutApp,
    PutMode, RestartApp, ScaleApp,
};
use protocol::{CallId, Failure, FailureKind, TaskId, Time};

use crate::backoff::Backoff;
use crate::effect::{Answer, AppEvent, Effect, Event, Write};
use crate::state::{AppEntry, Leading};

/// How many versions of an app are kept.
const MAX_VERSIONS: usize = 20;

/// A change that may be carried out.
struct Change {
    spec: AppSpec,
    action: DeploymentAction,
}

impl Leading {
    pub(crate) fn on_put_app(
        &mut self,
        now: Time,
        call: CallId,
        put: PutApp,
        out: &mut Vec<Effect>,
    ) {
        match self.admit(put) {
            Ok(change) => self.carry_out(now, call, change, out),
            Err(failure) => self.reply(call, Err(failure), out),
        }
    }

    pub(crate) fn on_scale_app(
        &mut self,
        now: Time,
        call: CallId,
        scale: &ScaleApp,
        out: &mut Vec<Effect>,
    ) {
        let admitted = self.entry(&scale.id).and_then(|entry| {
            let spec = AppSpec { instances: scale.instances, ..entry.app.spec.clone() };
            self.check_unlocked(&scale.id, scale.force)?;
            Ok(Change { spec, action: DeploymentAction::Scale })
        });
        match admitted {
            Ok(change) => self.carry_out(now, call, change, out),
            Err(failure) => self.reply(call, Err(failure), out),
        }
    }

    pub(crate) fn on_restart_app(
        &mut self,
        now: Time,
        call: CallId,
        restart: &RestartApp,
        out: &mut Vec<Effect>,
    ) {
        let admitted = self.entry(&restart.id).and_then(|entry| {
            let spec = entry.app.spec.clone();
            self.check_unlocked(&restart.id, restart.force)?;
            Ok(Change { spec, action: DeploymentAction::Restart })
        });
        match admitted {
            Ok(change) => self.carry_out(now, call, change, out),
            Err(failure) => self.reply(call, Err(failure), out),
        }
    }

    /// The app is forgotten at once; its instances are killed, which the deployment waits for.
    pub(crate) fn on_delete_app(
        &mut self,
        now: Time,
        call: CallId,
        delete: &DeleteApp,
        out: &mut Vec<Effect>,
    ) {
        if let Err(failure) = self.check_unlocked(&delete.id, delete.force) {
            return self.reply(call, Err(failure), out);
        }
        let Some(entry) = self.apps.remove(&delete.id) else {
            return self.reply(call, Err(missing(&delete.id)), out);
        };
        let id = delete.id.clone();
        let version = later_version(now, Some(&entry.app));
        let deployment_id = self.begin_deployment(&id, version, DeploymentAction::Stop);
        let accepted = AppAccepted {
            deployment_id: deployment_id.clone(),
            version,
            created: false,
            app: None,
        };
        let event = AppEvent { id: id.clone(), version, deployment_id, instances: 0 };
        let then = vec![
            Effect::Emit(Event::AppDeleted(event)),
            Effect::Reply { call, result: Ok(Answer::Accepted(accepted)) },
        ];
        self.durable.persist(forget(&entry), then, out);
        self.converge(now, &id, out);
    }

    pub(crate) fn on_kill_instances(
        &mut self,
        now: Time,
        call: CallId,
        kill: &KillInstances,
        out: &mut Vec<Effect>,
    ) {
        match self.admit_kill(kill) {
            Ok(victims) if kill.scale => self.kill_and_scale(now, call, kill, &victims, out),
            Ok(victims) => {
                self.kill_instances(now, &victims, out);
                self.converge(now, &kill.id, out);
                let killed = InstancesKilled { instances: self.those(&victims), accepted: None };
                self.reply(call, Ok(Answer::Killed(killed)), out);
            }
            Err(failure) => self.reply(call, Err(failure), out),
        }
    }

    /// Which instances the request means.
    fn admit_kill(&self, kill: &KillInstances) -> Result<Vec<TaskId>, Failure> {
        self.entry(&kill.id)?;
        if kill.scale {
            self.check_unlocked(&kill.id, kill.force)?;
        }
        let meant = |task_id: &TaskId, host: &str| {
            kill.task_id.as_ref().is_none_or(|wanted| wanted == task_id)
                && kill.host.as_ref().is_none_or(|wanted| wanted == "*" || wanted == host)
        };
        let all = self.instances.of_app(&kill.id);
        let victims: Vec<TaskId> =
            all.filter(|i| meant(&i.task_id, &i.host)).map(|i| i.task_id.clone()).collect();
        match &kill.task_id {
            Some(task_id) if victims.is_empty() => {
                Err(Failure::new(FailureKind::NotFound, format!("task '{task_id}' does not exist")))
            }
            _ => Ok(victims),
        }
    }

    fn kill_and_scale(
        &mut self,
        now: Time,
        call: CallId,
        kill: &KillInstances,
        victims: &[TaskId],
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.apps.get(&kill.id) else { return };
        let fewer = u32::try_from(victims.len()).unwrap_or(u32::MAX);
        let instances = entry.app.spec.instances.saturating_sub(fewer);
        let spec = AppSpec { instances, ..entry.app.spec.clone() };
        let change = Change { spec, action: DeploymentAction::Scale };
        // The named ones go first, so that the smaller count does not choose others.
        self.kill_instances(now, victims, out);
        let instances = self.those(victims);
        let accepted = Some(self.apply(now, change, out));
        let killed = InstancesKilled { instances, accepted };
        self.reply(call, Ok(Answer::Killed(killed)), out);
    }

    fn those(&self, ids: &[TaskId]) -> Vec<protocol::services::Instance> {
        ids.iter().filter_map(|id| self.instances.get(id)).cloned().collect()
    }

    fn admit(&self, put: PutApp) -> Result<Change, Failure> {
        check(&put.spec)?;
        let present = self.apps.get(&put.spec.id).map(|entry| &entry.app);
        match (put.mode, present) {
            (PutMode::Create, Some(_)) => {
                let text = format!("an app with id '{}' already exists", put.spec.id);
                return Err(Failure::new(FailureKind::AlreadyExists, text));
            }
            (PutMode::Update, None) => return Err(missing(&put.spec.id)),
            _ => self.check_unlocked(&put.spec.id, put.force)?,
        }
        if put.if_version.is_some() && put.if_version != present.map(|app| app.version) {
            let text = format!("app '{}' was changed meanwhile", put.spec.id);
            return Err(Failure::new(FailureKind::Conflict, text));
        }
        let spec = self.with_service_ports(put.spec, present)?;
        Ok(Change { action: action(&spec, present), spec })
    }

    /// Chooses the service ports that the app leaves open: those that it had, or the lowest free.
    fn with_service_ports(
        &self,
        mut spec: AppSpec,
        present: Option<&App>,
    ) -> Result<AppSpec, Failure> {
        let ports = |spec: &AppSpec| spec.ports.iter().map(|p| p.port).collect::<Vec<_>>();
        let others = self.apps.values().filter(|entry| entry.app.spec.id != spec.id);
        let mut taken: BTreeSet<u16> = others.flat_map(|entry| ports(&entry.app.spec)).collect();
        taken.extend(ports(&spec));
        let had = present.map(|app| ports(&app.spec)).unwrap_or_default();
        let (first, end) = self.config.service_ports;
        for (i, definition) in spec.ports.iter_mut().enumerate().filter(|(_, p)| p.port == 0) {
            let before = had.get(i).copied().filter(|port| *port != 0 && !taken.contains(port));
            let chosen = before.or_else(|| (first..end).find(|port| !taken.contains(port)));
            definition.port = chosen.ok_or_else(|| {
                Failure::refused(format!("all ports in the range [{first}-{end}) are in use"))
            })?;
            taken.insert(definition.port);
        }
        Ok(spec)
    }

    fn carry_out(&mut self, now: Time, call: CallId, change: Change, out: &mut Vec<Effect>) {
        let accepted = self.apply(now, change, out);
        self.reply(call, Ok(Answer::Accepted(accepted)), out);
    }

    /// Makes the change, and takes the first step towards it.
    fn apply(&mut self, now: Time, change: Change, out: &mut Vec<Effect>) -> AppAccepted {
        let id = change.spec.id.clone();
        let present = self.apps.get(&id).map(|entry| entry.app.clone());
        let created = present.is_none();
        let app = match present {
            // The same again is done already.
            Some(present) if present.spec == change.spec && !is_restart(&change) => {
                let deployment_id = self.ids.uuid();
                let app = self.status(now, &id);
                return AppAccepted { deployment_id, version: present.version, created, app };
            }
            present => next_app(now, &change, present.as_ref()),
        };
        let version = app.version;
        let deployment_id = self.begin_deployment(&id, version, change.action);
        let instances = app.spec.instances;
        let writes = self.install(app);
        let event =
            AppEvent { id: id.clone(), version, deployment_id: deployment_id.clone(), instances };
        let event = if created { Event::AppCreated(event) } else { Event::AppUpdated(event) };
        let app = self.status(now, &id);
        self.durable.persist(writes, vec![Effect::Emit(event)], out);
        self.converge(now, &id, out);
        AppAccepted { deployment_id, version, created, app }
    }

    /// Puts the app's new version in its place; what of that is to be written.
    fn install(&mut self, app: App) -> Vec<Write> {
        let id = app.spec.id.clone();
        let mut writes = vec![Write::PutApp(self.record(&app)), Write::PutVersion(app.clone())];
        let entry = self.apps.entry(id.clone()).or_insert_with(|| AppEntry::new(app.clone()));
        if app.last_config_change_at == app.version {
            entry.backoff.reset();
            entry.vacant.clear();
            self.demand.on_changed();
        }
        if entry.app != app {
            entry.versions.insert(0, app.clone());
            entry.app = app;
        }
        let beyond = entry.versions.len().min(MAX_VERSIONS);
        for dropped in entry.versions.drain(beyond..) {
            writes.push(Write::DeleteVersion { id: id.clone(), version: dropped.version });
        }
        writes
    }

    pub(crate) fn entry(&self, id: &str) -> Result<&AppEntry, Failure> {
        self.apps.get(id).ok_or_else(|| missing(id))
    }

    /// Answers when everything that the answer is made of is durable.
    pub(crate) fn reply(
        &mut self,
        call: CallId,
        result: Result<Answer, Failure>,
        out: &mut Vec<Effect>,
    ) {
        self.durable.after_all(Effect::Reply { call, result }, out);
    }
}

impl AppEntry {
    /// An app that has done nothing yet.
    pub(crate) fn new(app: App) -> Self {
        Self {
            versions: vec![app.clone()],
            app,
            backoff: Backoff::default(),
            last_failure: None,
            vacant: Vec::new(),
        }
    }
}

fn missing(id: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("app '{id}' does not exist"))
}

fn check(spec: &AppSpec) -> Result<(), Failure> {
    let found = spec.check();
    if found.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = found.iter().map(|v| format!("{} {}", v.path, v.message)).collect();
    Err(Failure::refused(format!("the app is not valid: {}", lines.join("; "))))
}

/// What a new spec means for the app.
fn action(spec: &AppSpec, present: Option<&App>) -> DeploymentAction {
    match present {
        None => DeploymentAction::Start,
        Some(app) if AppSpec { instances: app.spec.instances, ..spec.clone() } == app.spec => {
            DeploymentAction::Scale
        }
        Some(_) => DeploymentAction::Restart,
    }
}

/// The same spec, and yet a change.
fn is_restart(change: &Change) -> bool {
    change.action == DeploymentAction::Restart
}

fn next_app(now: Time, change: &Change, present: Option<&App>) -> App {
    let version = later_version(now, present);
    let spec = change.spec.clone();
    let mut app = App { spec, version, last_scaling_at: version, last_config_change_at: version };
    if let Some(present) = present {
        if change.action == DeploymentAction::Scale {
            app.last_config_change_at = present.last_config_change_at;
        } else if app.spec == present.spec {
            app.last_scaling_at = present.last_scaling_at;
        }
    }
    app
}

/// Versions are whole milliseconds (that is what their text shows), and grow.
fn later_version(now: Time, present: Option<&App>) -> Time {
    let now = now.as_millis();
    let after = present.map_or(0, |app| app.version.as_millis() + 1);
    Time::from_millis(now.max(after))
}

/// Everything durable of an app, but its instances: those are forgotten as they end.
fn forget(entry: &AppEntry) -> Vec<Write> {
    let id = &entry.app.spec.id;
    let versions = entry.versions.iter().map(|app| app.version);
    let mut writes = vec![Write::DeleteApp { id: id.clone() }];
    writes.extend(versions.map(|version| Write::DeleteVersion { id: id.clone(), version }));
    writes.push(Write::DeleteFailure { app_id: id.clone() });
    writes
}
