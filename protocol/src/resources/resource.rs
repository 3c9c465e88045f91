//! One resource: a named amount of something, whose it is, and what may be done with it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Value;

/// One layer of a reservation. A resource's stack goes from the outermost role to the most
/// refined; an empty stack is unreserved.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Reservation {
    /// The role that it is held for.
    pub role: String,
    /// Made by a framework or operator at run time, rather than by the agent's configuration.
    #[serde(default)]
    pub dynamic: bool,
    /// Who made it.
    #[serde(default)]
    pub principal: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// What makes a piece of disk a persistent volume.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Disk {
    /// The volume's id, unique per role and agent.
    pub persistence_id: String,
    /// Where a container sees it.
    pub container_path: String,
    /// Who made it.
    #[serde(default)]
    pub principal: Option<String>,
}

/// A named amount of something on one agent.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Resource {
    /// `cpus`, `mem` (MB), `disk` (MB), `gpus`, `ports`, or any other.
    pub name: String,
    pub value: Value,
    #[serde(default)]
    pub reservations: Vec<Reservation>,
    #[serde(default)]
    pub disk: Option<Disk>,
    /// May be taken back while it is used (oversubscribed).
    #[serde(default)]
    pub revocable: bool,
    /// Several may use it at once (a persistent volume): a bag has it once for each of them, and
    /// counts it once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

impl Resource {
    /// Unreserved and not revocable.
    pub fn new(name: impl Into<String>, value: Value) -> Self {
        Self {
            name: name.into(),
            value,
            reservations: Vec::new(),
            disk: None,
            revocable: false,
            shared: false,
        }
    }

    /// The role it is reserved for now; `None` if it is unreserved.
    pub fn reserved_role(&self) -> Option<&str> {
        self.reservations.last().map(|r| r.role.as_str())
    }

    /// The disk that a volume is made of; the resource itself if it is none.
    #[must_use]
    pub fn without_disk(&self) -> Self {
        Self { disk: None, shared: false, ..self.clone() }
    }

    /// Whether `wanted`, of the same kind, can be taken away once. A volume goes whole.
    pub(super) fn has(&self, wanted: &Self) -> bool {
        match self.disk {
            Some(_) => self.value == wanted.value,
            None => self.value.contains(&wanted.value),
        }
    }

    pub(super) fn same_kind(&self, other: &Self) -> bool {
        self.cmp_kind(other) == Ordering::Equal && self.value.same_kind(&other.value)
    }

    /// The order of a bag: by everything but the amount. What compares equal is one entry, or the
    /// same shared thing.
    pub(super) fn cmp_entry(&self, other: &Self) -> Ordering {
        self.cmp_kind(other).then_with(|| match self.shared {
            true => self.value.cmp(&other.value),
            false => kind_rank(&self.value).cmp(&kind_rank(&other.value)),
        })
    }

    /// Order by everything but the value.
    fn cmp_kind(&self, other: &Self) -> Ordering {
        (&self.name, &self.reservations, &self.disk, self.revocable, self.shared).cmp(&(
            &other.name,
            &other.reservations,
            &other.disk,
            other.revocable,
            other.shared,
        ))
    }
}

fn kind_rank(value: &Value) -> u8 {
    match value {
        Value::Scalar(_) => 0,
        Value::Ranges(_) => 1,
        Value::Set(_) => 2,
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(role) = self.reserved_role() {
            write!(f, "({role})")?;
        }
        if self.revocable {
            f.write_str("{revocable}")?;
        }
        if self.shared {
            f.write_str("{shared}")?;
        }
        match &self.value {
            Value::Scalar(s) => write!(f, ":{s}"),
            Value::Ranges(r) => {
                f.write_str(":[")?;
                for (i, (begin, end)) in r.intervals().iter().enumerate() {
                    write!(f, "{}{begin}-{end}", if i > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Value::Set(s) => {
                write!(f, ":{{{}}}", s.iter().map(String::as_str).collect::<Vec<_>>().join(","))
            }
        }
    }
}
