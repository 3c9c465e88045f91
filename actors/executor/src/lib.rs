//! The tasks of one executor.
