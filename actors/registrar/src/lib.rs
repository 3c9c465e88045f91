//! The only writer of the registry.
