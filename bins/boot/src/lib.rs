//! What every binary does first and last: configuration, logs, signals, exit codes.
