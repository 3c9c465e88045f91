//! Artifacts into sandboxes.
