//! What makes an app complete and valid, whoever sends it: the one list of rules, with Marathon's
//! paths and words, so that the edge and the scheduler cannot disagree.

use std::collections::{BTreeMap, BTreeSet};

use super::{AppSpec, PortDefinition};
use crate::resources::Scalar;

/// Names that cannot end an app's path: the HTTP API uses them as verbs.
const RESERVED: [&str; 3] = ["restart", "tasks", "versions"];

/// The longest app id in bytes: `<id>.instance-<uuid>._app.<n>` has to stay below the 255 bytes
/// that an id may have.
pub const MAX_APP_ID_LEN: usize = 180;

/// The most text an app may consist of, in bytes. It is written twice (as what is wanted and as a
/// version) in one transaction of the store, and etcd takes 1.5 MB by default.
pub const MAX_APP_TEXT: usize = 400 * 1024;

/// The rule for app ids, as Marathon prints it.
const ID_PATTERN: &str = "^(\\/?((\\.\\.)|(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9]))?($|\\/))+$";

/// Something about an app that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a path of Marathon's JSON: `/portDefinitions(0)/port`, `/` for the whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl Violation {
    /// `message` is wrong at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl AppSpec {
    /// Everything that is wrong with it; empty: it can be run.
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        found.extend(check_id(&self.id).err().map(|message| Violation::new("/id", message)));
        check_command(self, &mut found);
        check_quantities(self, &mut found);
        check_ports(&self.ports, &mut found);
        check_upgrade(self, &mut found);
        let size = text_size(self);
        if size > MAX_APP_TEXT {
            let message = format!("is {size} bytes of text, at most {MAX_APP_TEXT} are accepted");
            found.push(Violation::new("/", message));
        }
        for (i, uri) in self.fetch.iter().enumerate() {
            if !is_uri(&uri.value) {
                found.push(Violation::new(format!("/fetch({i})/uri"), "URI has invalid syntax."));
            }
        }
        found
    }
}

/// Whether `id` is an absolute path of an app.
pub fn check_id(id: &str) -> Result<(), String> {
    if id.len() > MAX_APP_ID_LEN {
        return Err(format!("is {} bytes long, at most {MAX_APP_ID_LEN} are accepted", id.len()));
    }
    let path = id.strip_prefix('/').ok_or("must be an absolute path")?;
    if path.is_empty() {
        return Err("must not be the root path".to_owned());
    }
    if !path.split('/').all(|segment| segment.split('.').all(is_label)) {
        return Err(format!("must fully match regular expression '{ID_PATTERN}'"));
    }
    match path.rsplit('/').next() {
        Some(last) if RESERVED.contains(&last) => {
            Err(format!("must not end with any of the reserved words: {}", RESERVED.join(", ")))
        }
        _ => Ok(()),
    }
}

fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !label.is_empty()
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_command(spec: &AppSpec, found: &mut Vec<Violation>) {
    if spec.cmd.is_some() != spec.args.is_empty() {
        found.push(Violation::new(
            "/",
            "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
        ));
    }
    if spec.cmd.as_deref().is_some_and(|cmd| cmd.trim().is_empty()) {
        found.push(Violation::new("/cmd", "must not be an empty string"));
    }
    if spec.args.first().is_some_and(String::is_empty) {
        found.push(Violation::new("/args(0)", "must not be an empty string"));
    }
    let nul = "must not contain a NUL character";
    if spec.cmd.iter().chain(&spec.args).any(|text| text.contains('\0')) {
        found.push(Violation::new(if spec.cmd.is_some() { "/cmd" } else { "/args" }, nul));
    }
    for (name, value) in &spec.env {
        if name.is_empty() {
            found.push(Violation::new("/env", "must not contain an empty name"));
        } else if name.contains(['=', '\0']) || value.contains('\0') {
            found.push(Violation::new(
                format!("/env({name})"),
                "name must not contain `=`, and neither it nor its value a NUL character",
            ));
        }
    }
}

fn check_quantities(spec: &AppSpec, found: &mut Vec<Violation>) {
    if !spec.cpus.is_positive() {
        found.push(Violation::new("/cpus", "must be greater than or equal to 0.001"));
    }
    for (path, scalar) in [("/mem", spec.mem), ("/disk", spec.disk)] {
        if scalar < Scalar::ZERO {
            found.push(Violation::new(path, "must be greater than or equal to 0"));
        }
    }
    if !(spec.backoff_factor.is_finite() && spec.backoff_factor >= 1.0) {
        found.push(Violation::new("/backoffFactor", "must be greater than or equal to 1.0"));
    }
}

fn check_ports(ports: &[PortDefinition], found: &mut Vec<Violation>) {
    let fixed: Vec<u16> = ports.iter().map(|p| p.port).filter(|port| *port != 0).collect();
    if fixed.iter().collect::<BTreeSet<_>>().len() < fixed.len() {
        found.push(Violation::new("/portDefinitions", "Ports must be unique."));
    }
    let names: Vec<&String> = ports.iter().filter_map(|p| p.name.as_ref()).collect();
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        found.push(Violation::new("/portDefinitions", "Port names must be unique."));
    }
    for (i, port) in ports.iter().enumerate() {
        if !matches!(port.protocol.as_str(), "tcp" | "udp" | "udp,tcp") {
            found.push(Violation::new(
                format!("/portDefinitions({i})/protocol"),
                "must be one of tcp, udp and udp,tcp",
            ));
        }
    }
}

fn check_upgrade(spec: &AppSpec, found: &mut Vec<Violation>) {
    let shares = [
        ("minimumHealthCapacity", spec.upgrade.minimum_health_capacity),
        ("maximumOverCapacity", spec.upgrade.maximum_over_capacity),
    ];
    for (name, share) in shares {
        let message = match share {
            share if (0.0..=1.0).contains(&share) => continue,
            share if share > 1.0 => "is greater than 1",
            _ => "is less than 0",
        };
        found.push(Violation::new(format!("/upgradeStrategy/{name}"), message));
    }
}

/// How much text there is in everything that can be long.
fn text_size(spec: &AppSpec) -> usize {
    let map = |map: &BTreeMap<String, String>| -> usize {
        map.iter().map(|(name, value)| name.len() + value.len()).sum()
    };
    let ports = spec.ports.iter().map(|p| p.name.as_ref().map_or(0, String::len) + map(&p.labels));
    spec.cmd.iter().chain(&spec.args).chain(&spec.user).map(String::len).sum::<usize>()
        + map(&spec.env)
        + map(&spec.labels)
        + ports.sum::<usize>()
        + spec.fetch.iter().map(|uri| uri.value.len()).sum::<usize>()
}

/// An absolute path, or a scheme with something behind it.
fn is_uri(text: &str) -> bool {
    let scheme = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let readable = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let located = text.starts_with('/')
        || text.split_once(':').is_some_and(|(s, rest)| scheme(s) && !rest.is_empty());
    readable && located
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{AppSpec, UpgradeStrategy};

    fn valid() -> AppSpec {
        let json = serde_json::json!({
            "id": "/web-app", "cmd": "sleep 1", "instances": 1, "cpus": 0.5, "mem": 16, "disk": 0,
            "backoff_ms": 1000, "backoff_factor": 1.15, "max_launch_delay_ms": 300_000,
        });
        serde_json::from_value(json).unwrap()
    }

    #[track_caller]
    fn only(spec: &AppSpec, path: &str, message: &str) {
        let found = spec.check();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, path);
        assert!(found[0].message.contains(message), "{found:?}");
    }

    #[test]
    fn a_plain_app_is_valid() {
        assert_eq!(valid().check(), []);
    }

    #[test]
    fn ids_are_lower_case_paths() {
        for good in ["/a", "/web-app", "/a/b/c", "/v1.2/x"] {
            assert_eq!(check_id(good), Ok(()), "{good}");
        }
        for bad in ["", "/", "a", "/A", "/a_b", "/a//b", "/-a", "/a-", "/a/", "/..", "/a b"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
        assert!(check_id("/a/restart").is_err() && check_id("/restart/a").is_ok());
        assert!(check_id(&format!("/{}", "a".repeat(MAX_APP_ID_LEN))).is_err());
    }

    #[test]
    fn exactly_one_of_cmd_and_args_is_wanted() {
        let both = AppSpec { args: vec!["a".into()], ..valid() };
        only(&both, "/", "'cmd' or 'args'");
        only(&AppSpec { cmd: None, ..valid() }, "/", "'cmd' or 'args'");
        only(&AppSpec { cmd: Some(" ".into()), ..valid() }, "/cmd", "empty");
        assert_eq!(AppSpec { cmd: None, args: vec!["ls".into()], ..valid() }.check(), []);
    }

    #[test]
    fn what_exec_cannot_take_is_named() {
        only(&AppSpec { cmd: Some("a\0b".into()), ..valid() }, "/cmd", "NUL");
        let env = [("A=B".to_owned(), String::new())].into();
        only(&AppSpec { env, ..valid() }, "/env(A=B)", "=");
    }

    #[test]
    fn quantities_have_their_bounds() {
        only(&AppSpec { cpus: Scalar::ZERO, ..valid() }, "/cpus", "0.001");
        only(&AppSpec { mem: Scalar::from_milli(-1), ..valid() }, "/mem", "0");
        only(&AppSpec { backoff_factor: 0.5, ..valid() }, "/backoffFactor", "1.0");
        only(&AppSpec { backoff_factor: f64::NAN, ..valid() }, "/backoffFactor", "1.0");
        let upgrade = UpgradeStrategy { minimum_health_capacity: 1.5, ..Default::default() };
        let path = "/upgradeStrategy/minimumHealthCapacity";
        only(&AppSpec { upgrade, ..valid() }, path, "is greater than 1");
    }

    #[test]
    fn what_the_store_could_not_take_is_refused() {
        let env = [("A".to_owned(), "x".repeat(MAX_APP_TEXT))].into();
        only(&AppSpec { env, ..valid() }, "/", "bytes of text");
    }

    #[test]
    fn ports_and_their_names_are_unique() {
        let port = |port, name: Option<&str>| PortDefinition {
            port,
            protocol: "tcp".into(),
            name: name.map(Into::into),
            labels: Default::default(),
        };
        let ports = |ports| AppSpec { ports, ..valid() };
        assert_eq!(ports(vec![port(0, None), port(0, None)]).check(), []);
        only(&ports(vec![port(80, None), port(80, None)]), "/portDefinitions", "Ports");
        let named = ports(vec![port(0, Some("a")), port(0, Some("a"))]);
        only(&named, "/portDefinitions", "names");
    }

    #[test]
    fn uris_have_a_scheme_or_are_absolute_paths() {
        for good in ["http://h/x.tgz", "file:///etc/hosts", "/etc/hosts", "s3:x"] {
            assert!(is_uri(good), "{good}");
        }
        for bad in ["", "x.tgz", "http ://x", "://x", "http:", "a b"] {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}
