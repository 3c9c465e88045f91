//! What the executor is told through its environment.

use std::collections::BTreeMap;

use driver::{ExecutorConfig, MissingVariable};
use isolator::JOIN_VARIABLE;
use protocol::isolator::JoinContainer;

/// Everything that an executor knows when it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    pub driver: ExecutorConfig,
    /// How tasks get into the container.
    pub join: JoinContainer,
    /// The executor's own environment, of which tasks inherit what is not about the executor.
    pub environment: BTreeMap<String, String>,
}

/// Why the environment is not that of an executor.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Variable(#[from] MissingVariable),
    #[error("`{JOIN_VARIABLE}` is not what the isolator writes")]
    Join(#[source] serde_json::Error),
}

impl Settings {
    /// From an environment.
    pub fn new(environment: BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let driver = ExecutorConfig::from_variables(|name| environment.get(name).cloned())?;
        let text = environment.get(JOIN_VARIABLE);
        let text = text.ok_or(MissingVariable::Missing(JOIN_VARIABLE))?;
        let join = serde_json::from_str(text).map_err(SettingsError::Join)?;
        Ok(Self { driver, join, environment })
    }
}
