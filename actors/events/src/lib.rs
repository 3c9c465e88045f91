//! The ordered event log and its readers.
