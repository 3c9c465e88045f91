//! The service scheduler: apps that stay up.
