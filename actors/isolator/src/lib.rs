//! Containers: cgroups, limits, processes.
