//! Launching a container, step by step, and taking one apart. Everything here blocks or waits and
//! runs beside the actor.
//!
//! Invariant: whichever step fails, what the earlier ones made is gone when the failure is told.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use protocol::fetcher::FetchUris;
use protocol::isolator::{JoinContainer, LaunchContainer, Limitation};
use protocol::{Address, ContainerId};
use runtime::Host;
use tokio::sync::{Semaphore, oneshot};

use crate::config::IsolatorConfig;
use crate::containment::{Containment, Entry};
use crate::error::{IsolatorError, chain};
use crate::limits::Limits;
use crate::proc::{CONTAINER_VARIABLE, ROOT_VARIABLE, signal_kill};
use crate::sandbox::{STDERR, STDOUT, Sandbox};
use crate::spawn::{Output, Place, Program, spawn};
use crate::user::Identity;
use crate::watch::Watch;

/// The variable that tells our executor how its tasks get into the container.
pub const JOIN_VARIABLE: &str = "MESETA_CONTAINER";
/// The fetcher gives up by itself when nothing comes any more; this only bounds the ask.
const FETCH_DEADLINE: Duration = Duration::from_secs(3600);
/// How long to leave a container alone whose processes do not die.
const RETRY: Duration = Duration::from_secs(10);
/// Launches that work at the same time: more than the cores only make each of them slower.
const LAUNCHES_PER_CORE: usize = 2;

/// What every launch needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Launcher {
    pub(crate) containment: Arc<dyn Containment>,
    pub(crate) config: Arc<IsolatorConfig>,
    /// Tasks may run as another user.
    pub(crate) switch_user: bool,
    launches: Arc<Semaphore>,
}

/// A container with everything but its process.
struct Prepared {
    sandbox: Sandbox,
    identity: Option<Identity>,
    entry: Entry,
}

impl Launcher {
    pub(crate) fn new(containment: Arc<dyn Containment>, config: IsolatorConfig) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            containment,
            switch_user: config.switch_user && nix::unistd::geteuid().is_root(),
            config: Arc::new(config),
            launches: Arc::new(Semaphore::new(cores * LAUNCHES_PER_CORE)),
        }
    }

    /// From nothing to a running process.
    pub(crate) async fn launch(
        self,
        request: LaunchContainer,
        host: Host,
        cancelled: oneshot::Receiver<()>,
    ) -> Result<Watch, IsolatorError> {
        let request = Arc::new(request);
        let prepared = self.prepare(&request).await?;
        let launched = match fetch(&request, &prepared, &host, cancelled).await {
            Ok(()) => self.start(&request, &prepared).await,
            Err(error) => Err(error),
        };
        if launched.is_err() {
            self.discard(&request.container_id, prepared).await;
        }
        launched
    }

    async fn prepare(
        &self,
        request: &Arc<LaunchContainer>,
    ) -> Result<Arc<Prepared>, IsolatorError> {
        let (launcher, request) = (self.clone(), Arc::clone(request));
        self.limited(move || launcher.prepare_now(&request).map(Arc::new)).await
    }

    fn prepare_now(&self, request: &LaunchContainer) -> Result<Prepared, IsolatorError> {
        let user = request.user.as_ref().filter(|_| self.switch_user);
        let identity = user.map(|user| Identity::of(user)).transpose()?;
        let sandbox = Sandbox::make(&request.sandbox, identity.as_ref())?;
        let limits = Limits::of(&request.resources);
        match self.containment.prepare(&request.container_id, &limits) {
            Ok(entry) => Ok(Prepared { sandbox, identity, entry }),
            Err(error) => {
                sandbox.discard();
                Err(error)
            }
        }
    }

    async fn start(
        &self,
        request: &Arc<LaunchContainer>,
        prepared: &Arc<Prepared>,
    ) -> Result<Watch, IsolatorError> {
        let (launcher, request, prepared) =
            (self.clone(), Arc::clone(request), Arc::clone(prepared));
        let pid = self.limited(move || launcher.start_now(&request, &prepared)).await?;
        // Nobody would notice its end: better none at all.
        Watch::open(pid).inspect_err(|_| signal_kill(pid))
    }

    fn start_now(
        &self,
        request: &LaunchContainer,
        prepared: &Prepared,
    ) -> Result<i32, IsolatorError> {
        let identity = prepared.identity.as_ref();
        let process = &request.process;
        let mut environment = process.environment.clone();
        environment.insert(ROOT_VARIABLE.into(), self.config.cgroup_root.clone());
        environment.insert(CONTAINER_VARIABLE.into(), request.container_id.to_string());
        let mut place = Place::default();
        if process.inside {
            let rlimits = prepared.entry.rlimits.clone();
            place = Place { cgroup_files: &prepared.entry.cgroup_files, rlimits, identity };
        } else {
            environment.insert(JOIN_VARIABLE.into(), join_text(request, prepared));
        }
        let open = |name| prepared.sandbox.output(name, identity).map(Stdio::from);
        let output = Output { stdout: open(STDOUT)?, stderr: open(STDERR)? };
        let program = Program {
            path: process.arguments.first().ok_or(IsolatorError::NoProgram)?,
            arguments: &process.arguments,
            environment: &environment,
            directory: prepared.sandbox.path(),
        };
        spawn(&program, &place, output)
    }

    async fn discard(&self, id: &ContainerId, prepared: Arc<Prepared>) {
        self.destroy(id.clone()).await;
        let discard = move || prepared.sandbox.discard();
        if let Err(error) = tokio::task::spawn_blocking(discard).await {
            tracing::warn!(%error, "sandbox not removed");
        }
    }

    /// Kills everything in a container and removes it; again and again until that has worked.
    pub(crate) async fn destroy(&self, id: ContainerId) {
        loop {
            let (containment, container) = (Arc::clone(&self.containment), id.clone());
            let destroyed = blocking(move || {
                containment.kill(&container)?;
                containment.remove(&container)
            });
            match destroyed.await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(container = %id, error = chain(&error), "container not removed");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// What a container ran into, as far as the kernel still knows.
    pub(crate) async fn limitation(&self, id: ContainerId, limits: Limits) -> Option<Limitation> {
        let containment = Arc::clone(&self.containment);
        let look = move || {
            let sample = containment.sample(std::slice::from_ref(&id)).remove(&id);
            Ok(sample.and_then(|sample| containment.exceeded(&limits, &sample)))
        };
        blocking(look).await.unwrap_or_default()
    }

    /// Blocking work of a launch, in its turn.
    async fn limited<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, IsolatorError> + Send + 'static,
    ) -> Result<T, IsolatorError> {
        let _turn = self.launches.acquire().await.expect("the semaphore is never closed");
        blocking(work).await
    }
}

/// Work that blocks, on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IsolatorError> + Send + 'static,
) -> Result<T, IsolatorError> {
    tokio::task::spawn_blocking(work).await.map_err(IsolatorError::Abandoned)?
}

async fn fetch(
    request: &LaunchContainer,
    prepared: &Prepared,
    host: &Host,
    cancelled: oneshot::Receiver<()>,
) -> Result<(), IsolatorError> {
    if request.uris.is_empty() {
        return Ok(());
    }
    let message = FetchUris {
        uris: request.uris.clone(),
        sandbox: request.sandbox.clone(),
        user: prepared.identity.as_ref().map(|identity| identity.name().to_owned()),
    };
    let fetcher: Address = host.address_of("fetcher");
    tokio::select! {
        fetched = host.ask(&fetcher, message, FETCH_DEADLINE) => fetched.map_err(IsolatorError::Fetch),
        Ok(()) = cancelled => Err(IsolatorError::Cancelled),
    }
}

fn join_text(request: &LaunchContainer, prepared: &Prepared) -> String {
    let join = JoinContainer {
        cgroup_files: prepared.entry.cgroup_files.clone(),
        user: prepared.identity.as_ref().map(|identity| identity.name().to_owned()),
        sandbox: request.sandbox.clone(),
        rlimits: prepared.entry.rlimits.clone(),
    };
    serde_json::to_string(&join).expect("strings and numbers are always JSON")
}
