//! What is counted, for those who watch a master. The names are those of Mesos.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::FrameworkId;
use crate::messages;

/// What have you counted? From anyone, to `agents`, `allocator`, `frameworks` and `registrar` of a
/// master. Nothing is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMetrics {}

/// By name. Answers [`GetMetrics`]: counts are those since this master leads, and there are none
/// while it does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    pub values: BTreeMap<String, f64>,
}

/// How often something has happened, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// None of these has happened yet.
    pub fn of(names: impl IntoIterator<Item = &'static str>) -> Self {
        Self(names.into_iter().map(|name| (name, 0)).collect())
    }

    /// It has happened once more.
    pub fn count(&mut self, name: &'static str) {
        self.add(name, 1);
    }

    /// It has happened so often.
    pub fn add(&mut self, name: &'static str, times: u64) {
        *self.0.entry(name).or_default() += times;
    }

    /// How often it has happened.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(name, times)| (*name, *times))
    }
}

/// What has happened between the master and one framework; what has not is not there. The names are
/// those of the framework's metrics, as `calls/accept`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkCounts {
    pub framework_id: FrameworkId,
    pub counts: BTreeMap<String, u64>,
}

messages! {
    GetMetrics -> Metrics,
}
