//! Where cgroups are: one tree for each controller (version 1), or one tree for all (version 2).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cgroup::{PROCS, Version, file};
use crate::config::IsolatorConfig;
use crate::error::IsolatorError;

const V2_CONTROLLERS: &str = "cgroup.controllers";
const V2_SUBTREE: &str = "cgroup.subtree_control";
/// The controllers of version 2 that we ask for.
const V2_WANTED: [&str; 3] = ["cpu", "memory", "pids"];
/// The controllers of version 1 that we use.
const V1_WANTED: [&str; 5] = ["cpu", "cpuacct", "memory", "pids", "freezer"];

/// A layout of cgroups.
pub trait Hierarchy: Send + Sync {
    fn version(&self) -> Version;
    /// Whether the kernel has this controller.
    fn has(&self, controller: &str) -> bool;
    /// The directory under which the containers' directories are, for a controller.
    fn root(&self, controller: &str) -> PathBuf;
    /// Makes the roots, with their controllers at work.
    fn prepare_root(&self) -> Result<(), IsolatorError>;
}

/// Version 1: `<mount>/<controller>/<root>`.
pub struct V1 {
    /// The mounted directory of each controller. Several may be the same one.
    mounts: BTreeMap<&'static str, PathBuf>,
    root: String,
}

impl V1 {
    /// The controllers that are mounted under their names.
    pub fn detect(config: &IsolatorConfig) -> Result<Self, IsolatorError> {
        let mounted = |name: &'static str| {
            // Resolved, because `cpu` may be a link to `cpu,cpuacct`, the directory of both.
            let dir = fs::canonicalize(config.cgroup_mount.join(name)).ok()?;
            dir.join(PROCS).exists().then_some((name, dir))
        };
        let mounts: BTreeMap<_, _> = V1_WANTED.into_iter().filter_map(mounted).collect();
        if mounts.is_empty() {
            return Err(IsolatorError::NoControllers(config.cgroup_mount.clone()));
        }
        Ok(Self { mounts, root: config.cgroup_root.clone() })
    }
}

impl Hierarchy for V1 {
    fn version(&self) -> Version {
        Version::V1
    }

    fn has(&self, controller: &str) -> bool {
        self.mounts.contains_key(controller)
    }

    fn root(&self, controller: &str) -> PathBuf {
        // Without a freezer, killing goes by the directory of whatever there is.
        let any = || self.mounts.values().next();
        let mount = self.mounts.get(controller).or_else(any).map(PathBuf::as_path);
        mount.unwrap_or_else(|| Path::new("/nonexistent")).join(&self.root)
    }

    fn prepare_root(&self) -> Result<(), IsolatorError> {
        for mount in self.mounts.values() {
            let dir = mount.join(&self.root);
            fs::create_dir_all(&dir).map_err(|e| IsolatorError::file("make cgroup", &dir, e))?;
        }
        Ok(())
    }
}

/// Version 2: `<mount>/<root>`.
pub struct V2 {
    mount: PathBuf,
    root: String,
    /// What the kernel offers at the mount.
    controllers: Vec<String>,
}

impl V2 {
    /// Version 2, if it is what is mounted.
    pub fn detect(config: &IsolatorConfig) -> Option<Self> {
        let mount = config.cgroup_mount.clone();
        let text = file::read(&mount.join(V2_CONTROLLERS)).ok()??;
        let controllers = text.split_whitespace().map(str::to_owned).collect();
        Some(Self { mount, root: config.cgroup_root.clone(), controllers })
    }
}

impl Hierarchy for V2 {
    fn version(&self) -> Version {
        Version::V2
    }

    fn has(&self, controller: &str) -> bool {
        // The freezer is part of the core, not a controller.
        self.controllers.iter().any(|c| c == controller)
    }

    fn root(&self, _controller: &str) -> PathBuf {
        self.mount.join(&self.root)
    }

    fn prepare_root(&self) -> Result<(), IsolatorError> {
        let wanted: Vec<String> =
            V2_WANTED.iter().filter(|name| self.has(name)).map(|name| format!("+{name}")).collect();
        let mut dir = self.mount.clone();
        file::write(&dir.join(V2_SUBTREE), wanted.join(" "))?;
        for part in Path::new(&self.root).components() {
            dir.push(part);
            fs::create_dir_all(&dir).map_err(|e| IsolatorError::file("make cgroup", &dir, e))?;
            file::write(&dir.join(V2_SUBTREE), wanted.join(" "))?;
        }
        Ok(())
    }
}
