//! The JSON of an app, whole or in part, into what it changes.

use std::collections::BTreeMap;

use protocol::Scalar;
use protocol::services::{AppSpec, KillSelection, PortDefinition, UpgradeStrategy};
use protocol::task::Uri;
use serde_json::Value;

use super::fields::{Fetch, PlainPort, PlainUri, Variable, default_ports};
use super::{Faults, Members, Read, unsupported};

/// What an app's JSON says; what it leaves out is `None`. Read-only members (`tasks`, `version`,
/// …) and members that Marathon does not know are ignored, as by Marathon.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AppPatch {
    /// As it was written: relative or absolute.
    pub(crate) id: Option<String>,
    /// The version to go back to, when the JSON says nothing else.
    pub(crate) roll_back_to: Option<String>,
    cmd: Option<String>,
    args: Option<Vec<String>>,
    user: Option<String>,
    env: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
    instances: Option<u32>,
    cpus: Option<Scalar>,
    mem: Option<Scalar>,
    disk: Option<Scalar>,
    ports: Option<Vec<PortDefinition>>,
    require_ports: Option<bool>,
    fetch: Option<Vec<Uri>>,
    backoff_ms: Option<u64>,
    backoff_factor: Option<f64>,
    max_launch_delay_ms: Option<u64>,
    kill_grace_ms: Option<u64>,
    kill_selection: Option<KillSelection>,
    upgrade: Option<UpgradeStrategy>,
}

impl AppPatch {
    /// Reads it, with what is wrong in `faults`. `role` is the one role there is.
    pub(crate) fn read(value: &Value, path: &str, role: &str, faults: &mut Faults) -> Self {
        let Some(members) = Members::of(value, path, faults) else { return Self::default() };
        unsupported::check(&members, role, faults);
        let f = faults;
        Self {
            id: members.get("id", f),
            roll_back_to: None,
            cmd: members.get("cmd", f),
            args: members.get("args", f),
            user: members.get("user", f),
            env: read_env(&members, f),
            labels: members.get("labels", f),
            instances: members.get("instances", f),
            cpus: members.get::<Quantity>("cpus", f).map(|q| q.0),
            mem: members.get::<Quantity>("mem", f).map(|q| q.0),
            disk: members.get::<Quantity>("disk", f).map(|q| q.0),
            ports: read_ports(&members, f),
            require_ports: members.get("requirePorts", f),
            fetch: read_fetch(&members, f),
            backoff_ms: read_seconds(&members, "backoffSeconds", f),
            backoff_factor: members.get("backoffFactor", f),
            max_launch_delay_ms: read_seconds(&members, "maxLaunchDelaySeconds", f),
            kill_grace_ms: read_seconds(&members, "taskKillGracePeriodSeconds", f),
            kill_selection: members.get("killSelection", f),
            upgrade: members.get("upgradeStrategy", f),
        }
    }

    /// Reads an update: the whole of one may be to go back to a version.
    pub(crate) fn read_update(value: &Value, path: &str, role: &str, faults: &mut Faults) -> Self {
        let mut patch = Self::read(value, path, role, faults);
        let Some(members) = Members::of(value, path, &mut Faults::default()) else { return patch };
        if let Some(version) = members.get::<String>("version", faults) {
            if members.names().any(|name| name != "version" && name != "id") {
                let message = "The 'version' field may only be combined with the 'id' field.";
                faults.meaning("/version", message);
            }
            patch.roll_back_to = Some(version);
        }
        patch
    }

    /// What `base` becomes by it. Every member replaces the whole old one.
    pub(crate) fn apply(self, base: AppSpec) -> AppSpec {
        // Whoever says how it is run says it whole.
        let (cmd, args) = match (self.cmd, self.args) {
            (None, None) => (base.cmd, base.args),
            (cmd, args) => (cmd, args.unwrap_or_default()),
        };
        AppSpec {
            id: base.id,
            cmd,
            args,
            user: self.user.or(base.user),
            env: self.env.unwrap_or(base.env),
            labels: self.labels.unwrap_or(base.labels),
            instances: self.instances.unwrap_or(base.instances),
            cpus: self.cpus.unwrap_or(base.cpus),
            mem: self.mem.unwrap_or(base.mem),
            disk: self.disk.unwrap_or(base.disk),
            ports: self.ports.unwrap_or(base.ports),
            require_ports: self.require_ports.unwrap_or(base.require_ports),
            fetch: self.fetch.unwrap_or(base.fetch),
            backoff_ms: self.backoff_ms.unwrap_or(base.backoff_ms),
            backoff_factor: self.backoff_factor.unwrap_or(base.backoff_factor),
            max_launch_delay_ms: self.max_launch_delay_ms.unwrap_or(base.max_launch_delay_ms),
            kill_grace_ms: self.kill_grace_ms.or(base.kill_grace_ms),
            kill_selection: self.kill_selection.unwrap_or(base.kill_selection),
            upgrade: self.upgrade.unwrap_or(base.upgrade),
        }
    }
}

/// An app of which nothing was said but its id: Marathon's defaults.
pub(crate) fn default_spec(id: String) -> AppSpec {
    AppSpec {
        id,
        cmd: None,
        args: vec![],
        user: None,
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        instances: 1,
        cpus: Scalar::from_milli(1000),
        mem: Scalar::from_milli(128_000),
        disk: Scalar::ZERO,
        ports: default_ports(),
        require_ports: false,
        fetch: vec![],
        backoff_ms: 1000,
        backoff_factor: 1.15,
        max_launch_delay_ms: 300_000,
        kill_grace_ms: None,
        kill_selection: KillSelection::YoungestFirst,
        upgrade: UpgradeStrategy::default(),
    }
}

/// An amount of something.
struct Quantity(Scalar);

impl Read for Quantity {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let number = f64::read(value, path, faults)?;
        if number < 0.0 {
            faults.shape(path, "error.min");
            return None;
        }
        let scalar = Scalar::from_f64(number);
        if scalar.is_none() {
            faults.shape(path, "error.max");
        }
        scalar.map(Self)
    }
}

fn read_seconds(members: &Members<'_>, name: &str, faults: &mut Faults) -> Option<u64> {
    members.get::<u32>(name, faults).map(|seconds| u64::from(seconds) * 1000)
}

fn read_env(members: &Members<'_>, faults: &mut Faults) -> Option<BTreeMap<String, String>> {
    let env: BTreeMap<String, Variable> = members.get("env", faults)?;
    Some(env.into_iter().map(|(name, variable)| (name, variable.0)).collect())
}

/// `portDefinitions`, or its short form `ports`; both only if they say the same.
fn read_ports(members: &Members<'_>, faults: &mut Faults) -> Option<Vec<PortDefinition>> {
    let plain: Option<Vec<PlainPort>> = members.get("ports", faults);
    let full: Option<Vec<PortDefinition>> = members.get("portDefinitions", faults);
    match (plain, full) {
        (None, full) => full,
        (Some(plain), None) => Some(plain.into_iter().map(|port| port.0).collect()),
        (Some(plain), Some(full)) => {
            if !plain.iter().map(|port| port.0.port).eq(full.iter().map(|port| port.port)) {
                let message = "cannot specify both ports and port definitions";
                faults.meaning("/ports", message);
            }
            Some(full)
        }
    }
}

/// `fetch`, or its short form `uris`; not both, unless one is empty.
fn read_fetch(members: &Members<'_>, faults: &mut Faults) -> Option<Vec<Uri>> {
    let plain: Option<Vec<PlainUri>> = members.get("uris", faults);
    let full: Option<Vec<Fetch>> = members.get("fetch", faults);
    let plain: Option<Vec<Uri>> = plain.map(|uris| uris.into_iter().map(|uri| uri.0).collect());
    let full: Option<Vec<Uri>> = full.map(|uris| uris.into_iter().map(|uri| uri.0).collect());
    match (plain, full) {
        (Some(plain), Some(full)) if plain.is_empty() => Some(full),
        (Some(plain), Some(full)) => {
            if !full.is_empty() {
                faults.meaning("/uris", "cannot specify both uris and fetch");
            }
            Some(plain)
        }
        (plain, full) => full.or(plain),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn app(value: Value) -> AppSpec {
        let mut faults = Faults::default();
        let patch = AppPatch::read(&value, "", "*", &mut faults);
        assert!(faults.shape.is_empty() && faults.meaning.is_empty(), "{faults:?}");
        patch.apply(default_spec("/a".into()))
    }

    #[track_caller]
    fn refused(value: Value, path: &str) {
        let mut faults = Faults::default();
        AppPatch::read_update(&value, "", "*", &mut faults);
        let found: Vec<_> = faults.shape.iter().chain(&faults.meaning).collect();
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        assert_eq!(found[0].path, path);
    }

    #[test]
    fn what_is_left_out_is_as_in_marathon() {
        let app = app(json!({ "cmd": "x" }));
        assert_eq!((app.instances, app.cpus.as_f64(), app.mem.as_f64()), (1, 1.0, 128.0));
        assert_eq!((app.backoff_ms, app.max_launch_delay_ms), (1000, 300_000));
        assert_eq!(app.ports[0].name.as_deref(), Some("default"));
        assert_eq!(app.check(), []);
    }

    #[test]
    fn archives_among_uris_are_extracted_and_other_files_are_not() {
        let app = app(json!({ "uris": ["http://h/a.tgz", "http://h/b.sh", "/c.tar.gz"] }));
        let extracted: Vec<bool> = app.fetch.iter().map(|uri| uri.extract).collect();
        assert_eq!(extracted, [true, false, true]);
    }

    #[test]
    fn both_forms_of_ports_say_the_same() {
        let short = app(json!({ "ports": [8080, 0] }));
        assert_eq!(short.ports.iter().map(|p| p.port).collect::<Vec<_>>(), [8080, 0]);
        let full = app(json!({ "portDefinitions": [{ "port": 80, "name": "http" }] }));
        assert_eq!(full.ports[0].name.as_deref(), Some("http"));
        assert_eq!(app(json!({ "portDefinitions": [] })).ports, []);
        refused(json!({ "ports": [1], "portDefinitions": [{ "port": 2 }] }), "/ports");
    }

    #[test]
    fn a_command_replaces_arguments_and_the_other_way_round() {
        let base = app(json!({ "args": ["ls"] }));
        let patch = |value| AppPatch::read(&value, "", "*", &mut Faults::default());
        let with_cmd = patch(json!({ "cmd": "ls" })).apply(base);
        assert_eq!((with_cmd.cmd.as_deref(), with_cmd.args.len()), (Some("ls"), 0));
        let with_args = patch(json!({ "args": ["ps"] })).apply(with_cmd);
        assert_eq!((with_args.cmd, with_args.args), (None, vec!["ps".to_owned()]));
    }

    #[test]
    fn null_is_as_good_as_nothing_and_unknown_members_are_ignored() {
        let app = app(json!({ "cmd": "x", "user": null, "tasks": [1], "nonsense": true }));
        assert_eq!(app.user, None);
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        refused(json!({ "id": 1 }), "/id");
        refused(json!({ "cpus": -1 }), "/cpus");
        refused(json!({ "mem": 1e300 }), "/mem");
        refused(json!({ "instances": "2" }), "/instances");
        refused(json!({ "env": { "A": 1 } }), "/env/A");
        refused(json!({ "env": { "A": { "secret": "s" } } }), "/env/A");
        refused(json!({ "fetch": [{}] }), "/fetch(0)/uri");
        refused(json!({ "fetch": [{ "uri": "/a" }], "uris": ["/b"] }), "/uris");
        refused(
            json!({ "upgradeStrategy": { "minimumHealthCapacity": 1 } }),
            "/upgradeStrategy/maximumOverCapacity",
        );
        refused(json!({ "killSelection": "RANDOM" }), "/killSelection");
        refused(json!({ "version": "x", "cmd": "y" }), "/version");
        refused(json!([]), "/");
    }
}
