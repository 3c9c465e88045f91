//! The parts that an app's JSON is made of.

use protocol::services::{KillSelection, PortDefinition, UpgradeStrategy};
use protocol::task::Uri;
use serde_json::Value;

use super::{Faults, Members, Read};

/// Longer ones are refused, as by Marathon.
const MAX_URI_LEN: usize = 1024;

/// What is extracted when only a URI is given, without saying so.
const ARCHIVES: [&str; 9] =
    [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".gz", ".tgz", ".tbz2", ".txz", ".zip"];

/// A member of `fetch`.
pub(super) struct Fetch(pub(super) Uri);

impl Read for Fetch {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let members = Members::of(value, path, faults)?;
        let value = members.need::<String>("uri", faults)?;
        check_length(&value, &members.path_of("uri"), faults);
        Some(Self(Uri {
            value,
            executable: members.get("executable", faults).unwrap_or(false),
            extract: members.get("extract", faults).unwrap_or(true),
            cache: members.get("cache", faults).unwrap_or(false),
            output_file: members.get("destPath", faults),
        }))
    }
}

/// A member of `uris`: only archives are extracted.
pub(super) struct PlainUri(pub(super) Uri);

impl Read for PlainUri {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let value = String::read(value, path, faults)?;
        check_length(&value, path, faults);
        let extract = ARCHIVES.iter().any(|suffix| value.ends_with(suffix));
        let (executable, cache, output_file) = (false, false, None);
        Some(Self(Uri { value, executable, extract, cache, output_file }))
    }
}

fn check_length(uri: &str, path: &str, faults: &mut Faults) {
    match uri.len() {
        0 => faults.shape(path, "error.minLength"),
        len if len > MAX_URI_LEN => faults.shape(path, "error.maxLength"),
        _ => {}
    }
}

impl Read for PortDefinition {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let members = Members::of(value, path, faults)?;
        Some(Self {
            port: members.get("port", faults).unwrap_or(0),
            protocol: members.get("protocol", faults).unwrap_or_else(|| "tcp".to_owned()),
            name: members.get("name", faults),
            labels: members.get("labels", faults).unwrap_or_default(),
        })
    }
}

/// A member of `ports`.
pub(super) struct PlainPort(pub(super) PortDefinition);

impl Read for PlainPort {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let port = u16::read(value, path, faults)?;
        Some(Self(PortDefinition { port, ..default_port() }))
    }
}

/// A port without a name, chosen by the scheduler.
fn default_port() -> PortDefinition {
    let (port, protocol, name) = (0, "tcp".to_owned(), None);
    PortDefinition { port, protocol, name, labels: Default::default() }
}

/// What an app that says nothing about ports gets: one, named `default`.
pub(super) fn default_ports() -> Vec<PortDefinition> {
    vec![PortDefinition { name: Some("default".to_owned()), ..default_port() }]
}

impl Read for UpgradeStrategy {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        let members = Members::of(value, path, faults)?;
        let minimum = members.need("minimumHealthCapacity", faults);
        let maximum = members.need("maximumOverCapacity", faults);
        Some(Self { minimum_health_capacity: minimum?, maximum_over_capacity: maximum? })
    }
}

impl Read for KillSelection {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        match String::read(value, path, faults)?.as_str() {
            "YOUNGEST_FIRST" => Some(Self::YoungestFirst),
            "OLDEST_FIRST" => Some(Self::OldestFirst),
            _ => {
                faults.shape(path, "error.unknown.enum.literal");
                None
            }
        }
    }
}

/// The value of an environment variable; a reference to a secret is not one here.
pub(super) struct Variable(pub(super) String);

impl Read for Variable {
    fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Self> {
        if value.get("secret").is_some() {
            faults.meaning(path, "secrets are not supported");
            return None;
        }
        String::read(value, path, faults).map(Self)
    }
}
