//! What operators can tune.

use std::path::PathBuf;
use std::time::Duration;

use protocol::time::millis;
use serde::{Deserialize, Serialize};
use updates_core::Settings;

/// The `[updates]` section of an agent's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpdatesConfig {
    /// An update that is not acknowledged is forwarded again after this, and then after twice the
    /// time, and so on.
    pub resend_min_ms: u64,
    /// The longest of these times.
    pub resend_max_ms: u64,
    /// Wait until the disk has an update before anybody is told of it. Off: updates survive the
    /// end of the agent, and not that of the machine; the tasks themselves do not survive that
    /// either, but what had become of them is then forgotten.
    pub sync: bool,
}

impl Default for UpdatesConfig {
    fn default() -> Self {
        let core = Settings::default();
        Self {
            resend_min_ms: millis(core.resend_min),
            resend_max_ms: millis(core.resend_max),
            sync: true,
        }
    }
}

impl UpdatesConfig {
    pub(crate) fn core(&self) -> Settings {
        Settings {
            resend_min: Duration::from_millis(self.resend_min_ms.max(1)),
            resend_max: Duration::from_millis(self.resend_max_ms.max(1)),
        }
    }

    /// Where the log is.
    pub(crate) fn journal(work_dir: &std::path::Path) -> PathBuf {
        work_dir.join("updates.journal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        assert_eq!(UpdatesConfig::default().core(), Settings::default());
    }
}
