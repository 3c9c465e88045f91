//! Configuration: default < TOML file < environment (`MESETA_…`) < flag.

use std::fmt;
use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::value::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit;
use crate::invalid::Invalid;
use crate::logs::Logging;
use crate::net::Place;
use crate::origin::{Layer, file_layer, flag_of, leaves, nested, present, value_of, variable_of};

/// The configuration of one role. Its structs are `#[serde(default, deny_unknown_fields)]`; what is
/// common to all roles is fields of each, as serde cannot both flatten and deny.
pub trait Settings: Serialize + DeserializeOwned + Default {
    /// What cannot be seen from a key alone; `logging` and `place` are seen to already.
    fn validate(&self) -> Result<(), Invalid>;
    /// The `log` and `log_format` keys.
    fn logging(&self) -> Logging;
    /// The `cluster`, `http`, `listen` and `advertise` keys.
    fn place(&self) -> Place<'_>;
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{origin}: {message}")]
    File { origin: String, message: String },
    #[error("{origin}: `{key}`: {message}")]
    Key { origin: String, key: String, message: String },
}

impl ConfigError {
    /// The process's exit code for it.
    pub fn exit_code(&self) -> u8 {
        exit::USAGE
    }
}

/// A configuration that is valid, and where its values come from.
pub struct Loaded<T> {
    pub settings: T,
    figment: Figment,
}

/// Reads the layers. `variable` is the environment, `flags` serialises to the keys that were given.
pub fn load<T: Settings>(
    file: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
    flags: &impl Serialize,
) -> Result<Loaded<T>, ConfigError> {
    let figment = layers::<T>(file, variable, flags)?;
    let settings: T = figment.extract().map_err(|e| explain(&figment, &e))?;
    let common = settings.logging().validate().and_then(|()| settings.place().validate());
    let checked = common.and_then(|()| settings.validate());
    checked.map_err(|invalid| ConfigError::Key {
        origin: origin_of(&figment, &invalid.key),
        key: invalid.key,
        message: invalid.message,
    })?;
    Ok(Loaded { settings, figment })
}

fn layers<T: Settings>(
    file: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
    flags: &impl Serialize,
) -> Result<Figment, ConfigError> {
    let unreadable =
        |origin: &str, message: String| ConfigError::File { origin: origin.to_owned(), message };
    let defaults = T::default();
    let values = present(&defaults).map_err(|e| unreadable("default", e))?;
    let mut figment = Figment::from(Layer { origin: "default".to_owned(), values });
    if let Some(path) = file {
        let layer = file_layer(path).map_err(|m| unreadable(&path.display().to_string(), m))?;
        figment = figment.merge(layer);
    }
    let known = leaves(&defaults).map_err(|e| unreadable("default", e))?;
    for (key, default) in &known {
        for name in variables_of(key) {
            if let Some(text) = variable(&name) {
                let values = nested(key, value_of(&text, default));
                figment = figment.merge(Layer { origin: format!("environment {name}"), values });
            }
        }
    }
    for (key, value) in leaves(flags).map_err(|e| unreadable("flags", e))? {
        if !matches!(value, Value::Empty(..)) {
            let origin = format!("flag {}", flag_of(&key));
            figment = figment.merge(Layer { origin, values: nested(&key, value) });
        }
    }
    Ok(figment)
}

/// The variables that set a key, the strongest last. `RUST_LOG` is what everyone tries first.
fn variables_of(key: &str) -> Vec<String> {
    let own = variable_of(key);
    if key == "log" { vec!["RUST_LOG".to_owned(), own] } else { vec![own] }
}

fn origin_of(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or_else(|| "default".to_owned(), |m| m.name.to_string())
}

/// Names the origin, the key and what is accepted.
fn explain(figment: &Figment, error: &figment::Error) -> ConfigError {
    let mut path = error.path.clone();
    let message = match &error.kind {
        Kind::UnknownField(field, expected) => {
            // figment has it in the path already where a value of a layer is to blame.
            if path.last() != Some(field) {
                path.push(field.clone());
            }
            format!("there is no such key; expected one of {}", expected.join(", "))
        }
        Kind::MissingField(field) => {
            path.push(field.to_string());
            "is missing".to_owned()
        }
        Kind::UnknownVariant(found, expected) => {
            format!("found {found}; expected one of {}", expected.join(", "))
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("found {found}; expected {expected}")
        }
        Kind::InvalidLength(found, expected) => {
            format!("found {found} elements; expected {expected}")
        }
        other => other.to_string(),
    };
    let key = path.join(".");
    let named = error.metadata.as_ref().map(|m| m.name.to_string());
    let origin = figment.find_metadata(&key).map(|m| m.name.to_string()).or(named);
    ConfigError::Key { origin: origin.unwrap_or_else(|| "default".to_owned()), key, message }
}

/// The configuration as TOML that can be loaded again, with the origin of every value.
impl<T: Settings> fmt::Display for Loaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = leaves(&self.settings).map_err(|_| fmt::Error)?;
        let (top, tables): (Vec<_>, Vec<_>) = known.iter().partition(|(key, _)| !key.contains('.'));
        let mut section = "";
        for (key, value) in top.into_iter().chain(tables) {
            let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
            if table != section {
                section = table;
                writeln!(f, "\n[{table}]")?;
            }
            match toml_of(value) {
                Some(text) => {
                    writeln!(f, "{:<40} # {}", format!("{name} = {text}"), self.origin(key))?;
                }
                None => writeln!(f, "{:<40} # not set", format!("# {name} ="))?,
            }
        }
        Ok(())
    }
}

impl<T: Settings> Loaded<T> {
    fn origin(&self, key: &str) -> String {
        origin_of(&self.figment, key)
    }
}

/// Numbers, booleans, strings and lists of them are written alike in JSON and TOML.
fn toml_of(value: &Value) -> Option<String> {
    match value {
        Value::Empty(..) => None,
        Value::Dict(..) => Some("{}".to_owned()),
        other => serde_json::to_string(other).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogFormat;
    use serde::Deserialize;
    use std::time::Duration;

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        cluster: String,
        http: std::net::SocketAddr,
        advertise: Option<String>,
        log: String,
        pings: Pings,
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Pings {
        #[serde(with = "crate::duration")]
        interval: Duration,
        missed: u32,
    }

    impl Default for Sample {
        fn default() -> Self {
            let http = "127.0.0.1:5050".parse().unwrap();
            let (cluster, log) = ("meseta".to_owned(), "info".to_owned());
            Self { cluster, http, advertise: None, log, pings: Pings::default() }
        }
    }

    impl Default for Pings {
        fn default() -> Self {
            Self { interval: Duration::from_secs(15), missed: 5 }
        }
    }

    impl Settings for Sample {
        fn validate(&self) -> Result<(), Invalid> {
            if self.pings.missed == 0 {
                return Err(Invalid::new("pings.missed", "expected 1 or more"));
            }
            Ok(())
        }
        fn logging(&self) -> Logging {
            Logging { filter: self.log.clone(), format: LogFormat::Human }
        }
        fn place(&self) -> Place<'_> {
            let advertise = self.advertise.as_deref();
            Place { cluster: &self.cluster, http: self.http, listen: None, advertise }
        }
    }

    #[derive(Default, Serialize)]
    struct Flags {
        cluster: Option<String>,
    }

    fn load_text(toml: &str, env: &[(&str, &str)]) -> Result<Loaded<Sample>, ConfigError> {
        load_with(toml, env, &Flags::default())
    }

    fn load_with(
        toml: &str,
        env: &[(&str, &str)],
        flags: &Flags,
    ) -> Result<Loaded<Sample>, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sample.toml");
        std::fs::write(&path, toml).unwrap();
        let variable =
            |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        load(Some(&path), variable, flags)
    }

    #[test]
    fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
        let file = "cluster = \"file\"\n[pings]\ninterval = \"1s\"\nmissed = 2\n";
        let env = [("MESETA_CLUSTER", "42"), ("MESETA_PINGS_MISSED", "3")];
        let loaded = load_text(file, &env).unwrap();
        assert_eq!(loaded.settings.cluster, "42");
        assert_eq!(loaded.settings.pings.missed, 3);
        assert_eq!(loaded.settings.pings.interval, Duration::from_secs(1));
        assert_eq!(loaded.settings.http.port(), 5050);
        let flags = Flags { cluster: Some("flag".to_owned()) };
        assert_eq!(load_with(file, &env, &flags).unwrap().settings.cluster, "flag");
    }

    #[test]
    fn the_printed_configuration_names_origins_and_loads_again() {
        let env = [("MESETA_PINGS_MISSED", "3")];
        let flags = Flags { cluster: Some("flag".to_owned()) };
        let printed = load_with("[pings]\ninterval = \"1s\"", &env, &flags).unwrap().to_string();
        let origin = |key: &str| {
            let line = printed.lines().find(|l| l.starts_with(key)).unwrap();
            line.split_once('#').unwrap().1.trim().to_owned()
        };
        assert_eq!(origin("cluster ="), "flag --cluster");
        assert_eq!(origin("missed ="), "environment MESETA_PINGS_MISSED");
        assert!(origin("interval =").ends_with("sample.toml"));
        assert_eq!(origin("http ="), "default");
        assert!(printed.contains("# advertise ="));
        assert_eq!(load_text(&printed, &[]).unwrap().settings.pings.missed, 3);
    }

    #[test]
    fn an_error_names_the_origin_the_key_and_what_is_accepted() {
        let message = |toml: &str| load_text(toml, &[]).err().unwrap().to_string();
        let unknown = message("[pings]\nintervall = \"1s\"");
        assert!(unknown.contains("sample.toml: `pings.intervall`"), "{unknown}");
        assert!(unknown.contains("interval, missed"), "{unknown}");
        let typed = message("[pings]\nmissed = \"many\"");
        assert!(typed.contains("sample.toml: `pings.missed`"), "{typed}");
        let duration = message("[pings]\ninterval = \"soon\"");
        assert!(duration.contains("sample.toml: `pings.interval`"), "{duration}");
        assert!(duration.contains("250ms"), "{duration}");
        let checked = message("[pings]\nmissed = 0");
        assert!(checked.contains("sample.toml: `pings.missed`: expected 1"), "{checked}");
        let log = message("log = \"=,=\"");
        assert!(log.contains("`log`") && log.contains("info,runtime=debug"), "{log}");
        let place = message("cluster = \"a/b\"");
        assert!(place.contains("sample.toml: `cluster`: expected a name without `/`"), "{place}");
        let syntax = message("cluster = ");
        assert!(syntax.contains("sample.toml"), "{syntax}");
    }

    #[test]
    fn a_bad_variable_is_named() {
        let error = load_text("", &[("MESETA_PINGS_MISSED", "x")]).err().unwrap().to_string();
        assert!(error.contains("environment MESETA_PINGS_MISSED: `pings.missed`"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let error = load::<Sample>(Some(Path::new("/no/such.toml")), |_| None, &Flags::default());
        assert!(error.err().unwrap().to_string().starts_with("/no/such.toml: cannot be read"));
    }
}
