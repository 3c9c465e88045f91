//! After a restart of the agent: which containers of the checkpoints still run, and what else is
//! there that nobody knows any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::ContainerId;
use protocol::isolator::KnownContainer;

use crate::error::chain;
use crate::launch::{Launcher, blocking};
use crate::limits::Limits;
use crate::proc;
use crate::watch::Watch;

/// Watches what is known and still runs; kills and removes everything that is not in `keep`. What
/// no longer runs comes back without a watch.
pub(crate) async fn recover(
    launcher: Launcher,
    known: Vec<KnownContainer>,
    keep: Vec<ContainerId>,
) -> Vec<(ContainerId, Option<Watch>)> {
    let orphans = orphans(&launcher, keep).await;
    for id in orphans {
        tracing::warn!(container = %id, "unknown container is destroyed");
        kill_marked(&launcher, &id).await;
        launcher.destroy(id).await;
    }
    let mut found = Vec::new();
    for KnownContainer { container_id, pid, resources, .. } in known {
        let watch = rewatch(&launcher, &container_id, pid).await;
        if watch.is_some() {
            restore_limits(&launcher, &container_id, Limits::of(&resources)).await;
        }
        found.push((container_id, watch));
    }
    found
}

/// The agent may have ended between a change of the limits and the record of it.
async fn restore_limits(launcher: &Launcher, id: &ContainerId, limits: Limits) {
    let containment = Arc::clone(&launcher.containment);
    let container = id.clone();
    // From anything: more than is recorded may be in use.
    let any = Limits { mem_bytes: limits.mem_bytes.saturating_add(1), ..limits };
    let restore = blocking(move || containment.update(&container, &any, &limits));
    if let Err(error) = restore.await {
        tracing::warn!(container = %id, error = chain(&error), "limits are not as recorded");
    }
}

/// The containers that the kernel has, or that processes are marked with, and nobody knows.
async fn orphans(launcher: &Launcher, keep: Vec<ContainerId>) -> BTreeSet<ContainerId> {
    let (containment, root) =
        (Arc::clone(&launcher.containment), launcher.config.cgroup_root.clone());
    let list = blocking(move || {
        let mut found: BTreeSet<ContainerId> = containment.list()?.into_iter().collect();
        found.extend(marked(&root).into_iter().map(|(id, _)| id));
        found.retain(|id| !keep.contains(id));
        Ok(found)
    });
    list.await.unwrap_or_else(|error| {
        tracing::error!(error = chain(&error), "cannot list containers; orphans may be left");
        BTreeSet::new()
    })
}

/// Our executors stay outside of the cgroups of their containers; their mark tells whose they are.
async fn kill_marked(launcher: &Launcher, id: &ContainerId) {
    let (root, id) = (launcher.config.cgroup_root.clone(), id.clone());
    let kill = move || {
        let processes = marked(&root).into_iter().filter(|(container, _)| *container == id);
        processes.for_each(|(_, pid)| crate::proc::signal_kill(pid));
        Ok(())
    };
    if let Err(error) = blocking(kill).await {
        tracing::error!(error = chain(&error), "marked processes not killed");
    }
}

fn marked(root: &str) -> Vec<(ContainerId, i32)> {
    let ours = |process: proc::Process| {
        let (mark, id) = process.container?;
        (mark == root).then_some((id, process.pid))
    };
    proc::snapshot().into_iter().filter_map(ours).collect()
}

/// A watch on the process if it is still the one that was launched, and not another that got its
/// number since.
async fn rewatch(launcher: &Launcher, id: &ContainerId, pid: i32) -> Option<Watch> {
    // Watched first: from then on the number cannot change hands unnoticed.
    let watch = Watch::open(pid).ok()?;
    let (containment, root, id) =
        (Arc::clone(&launcher.containment), launcher.config.cgroup_root.clone(), id.clone());
    let is_ours = blocking(move || {
        let mark = proc::read(pid).and_then(|process| process.container);
        Ok(mark == Some((root, id.clone())) || containment.holds(&id, pid))
    });
    is_ours.await.unwrap_or(false).then_some(watch)
}
