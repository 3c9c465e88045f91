//! To `fetcher`, on an agent host: artifacts into sandboxes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages;
use crate::task::Uri;

/// Fetch these into `sandbox`, one after the other. From `isolator`. Answered when all are there;
/// refused with the first that failed and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FetchUris {
    pub uris: Vec<Uri>,
    pub sandbox: String,
    /// Who owns the files afterwards.
    #[serde(default)]
    pub user: Option<String>,
}

messages! { FetchUris }
