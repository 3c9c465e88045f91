//! Candidacy, the current leader and its epoch.
