//! To `isolator`, on an agent host: containers.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ContainerId, ExecutorId, FrameworkId};
use crate::messages;
use crate::resources::{Resources, Scalar};
use crate::task::{Reason, Uri};

/// A limit that a container ran into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limitation {
    pub reason: Reason,
    /// One line for people: the limit, the use.
    pub message: String,
}

/// The program that is a container's first process. `Debug` shows the names of the environment, and
/// not what is in it: some of that is secret.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerProcess {
    /// argv, `argv[0]` is the path of the program.
    pub arguments: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// The process itself is subject to the container's limits and runs as `user` (a framework's
    /// own executor). If not, only what it puts into the container is (our executor, which stays
    /// outside so that a limit never hits the messenger).
    pub inside: bool,
}

impl fmt::Debug for ContainerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerProcess")
            .field("arguments", &self.arguments)
            .field("environment", &self.environment.keys())
            .field("inside", &self.inside)
            .finish()
    }
}

/// Make a container and start its first process in it. From `agent`. Answered when the process
/// runs; refused with the reason and nothing left behind when it cannot. Its end is told to
/// `agent` as `ContainerExited`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LaunchContainer {
    pub container_id: ContainerId,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    /// The limits.
    pub resources: Resources,
    /// Unix user that the sandbox belongs to and that tasks run as; absent: the agent's own.
    #[serde(default)]
    pub user: Option<String>,
    /// Directory that is made, owned by `user`; `stdout` and `stderr` appear in it.
    pub sandbox: String,
    /// Fetched into the sandbox before the process starts.
    #[serde(default)]
    pub uris: Vec<Uri>,
    pub process: ContainerProcess,
}

/// Answers [`LaunchContainer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerLaunched {
    pub pid: i32,
}

/// How a process that is started by our executor gets into the container; given to the executor
/// in its environment as JSON under `MESETA_CONTAINER`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JoinContainer {
    /// Files that the process writes `0` into, to enter a cgroup by each.
    #[serde(default)]
    pub cgroup_files: Vec<String>,
    /// Unix user it becomes after that.
    #[serde(default)]
    pub user: Option<String>,
    pub sandbox: String,
    /// Limits for setrlimit(2) where there are no cgroups: name (`as`, `nofile`, …) and value.
    #[serde(default)]
    pub rlimits: BTreeMap<String, u64>,
}

/// Change a container's limits. From `agent`. Answered when they are set; refused if they cannot be,
/// and then they are as they were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateContainer {
    pub container_id: ContainerId,
    pub resources: Resources,
    /// Refuse, and change nothing, unless the kernel holds the container to it from now on, and the
    /// container does not use more memory already.
    #[serde(default)]
    pub exact: bool,
}

/// Kill everything in a container and remove it. From `agent`. Answered at once; `ContainerExited`
/// tells when it is done. Unknown containers are done already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DestroyContainer {
    pub container_id: ContainerId,
}

/// A container that should be there, from the checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KnownContainer {
    pub container_id: ContainerId,
    /// Its first process.
    pub pid: i32,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    /// The limits that it was launched or last updated with.
    pub resources: Resources,
}

/// After an agent restart: watch these again, destroy whatever else is there. From `agent`.
/// `ContainerExited` is told for each that is no longer alive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoverContainers {
    pub containers: Vec<KnownContainer>,
}

/// How much does a container use? Absent: all of them. From anyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetContainerUsage {
    #[serde(default)]
    pub container_id: Option<ContainerId>,
}

/// One sample of one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerUsage {
    pub container_id: ContainerId,
    pub framework_id: FrameworkId,
    pub executor_id: ExecutorId,
    /// CPU time since the start, in seconds.
    pub cpu_seconds: f64,
    pub cpus_limit: Scalar,
    pub mem_bytes: u64,
    pub mem_limit_bytes: u64,
    pub processes: u64,
    /// How often the kernel killed something for memory.
    pub oom_kills: u64,
}

/// Answers [`GetContainerUsage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageList {
    pub containers: Vec<ContainerUsage>,
}

messages! {
    LaunchContainer -> ContainerLaunched,
    UpdateContainer,
    DestroyContainer,
    RecoverContainers,
    GetContainerUsage -> UsageList,
}
