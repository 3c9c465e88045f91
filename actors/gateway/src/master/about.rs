//! What a master can say of itself.

use std::collections::BTreeMap;

use protocol::framework::Domain;
use serde_json::Value;

/// How this master was started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The name of the cluster.
    pub cluster: String,
    /// The configuration by key, as text; keys of sections as `section.key`.
    pub flags: BTreeMap<String, String>,
    /// Where it is, if that is known.
    pub domain: Option<Domain>,
}

impl About {
    /// With the configuration as its tree has it.
    #[must_use]
    pub fn new(cluster: impl Into<String>, settings: &Value) -> Self {
        let mut flags = BTreeMap::new();
        flatten(String::new(), settings, &mut flags);
        Self { cluster: cluster.into(), flags, domain: None }
    }

    /// The same, for those who may not know how it was started.
    pub(crate) fn without_flags(&self) -> Self {
        Self { flags: BTreeMap::new(), ..self.clone() }
    }

    /// The same, where it is known where this master is.
    #[must_use]
    pub fn at(self, domain: Option<Domain>) -> Self {
        Self { domain, ..self }
    }
}

fn flatten(key: String, value: &Value, flags: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(section) => {
            for (name, value) in section {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(key, value, flags);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(flags.insert(key, text.clone())),
        other => drop(flags.insert(key, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flags_are_the_leaves_of_the_configuration() {
        let settings = json!({ "log": "info", "store": null, "agents": { "ping_ms": 5 } });
        let about = About::new("c", &settings);
        let flags: Vec<_> = about.flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(flags, [("agents.ping_ms", "5"), ("log", "info")]);
    }
}
