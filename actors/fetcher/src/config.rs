//! What an operator decides about fetching.

use serde::{Deserialize, Serialize};

/// Settings of the fetcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetcherConfig {
    /// Fetches that run at the same time; the others wait their turn. Enough to fill a fast link
    /// with slow servers, few enough that a burst of launches does not exhaust descriptors.
    pub concurrency: usize,
    /// A download from which nothing comes for this long is given up, in milliseconds. As in Mesos.
    pub stall_timeout_ms: u64,
    /// The largest download, in bytes: a disk is not to be filled by a typo.
    pub max_download_bytes: u64,
    /// What one archive may become, in bytes: some are small and have no end.
    pub max_extracted_bytes: u64,
}

impl Default for FetcherConfig {
    fn default() -> Self {
        const GB: u64 = 1 << 30;
        Self {
            concurrency: 16,
            stall_timeout_ms: 60_000,
            max_download_bytes: 16 * GB,
            max_extracted_bytes: 64 * GB,
        }
    }
}
