//! What the actors of this master count, and what waits before them. Whoever does not answer soon is
//! left out.

use std::time::Duration;

use protocol::metrics::GetMetrics;

use super::{Metrics, put};
use crate::common::Common;

/// They answer from what they have; one that is busy for longer has nothing to say for this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Under their full names.
pub(crate) async fn counted(common: &Common) -> Metrics {
    let (agents, allocator, frameworks, registrar) = futures_util::join!(
        count(common, "agents"),
        count(common, "allocator"),
        count(common, "frameworks"),
        count(common, "registrar"),
    );
    [agents, allocator, frameworks, registrar, queues(common)].into_iter().flatten().collect()
}

async fn count(common: &Common, actor: &str) -> Metrics {
    let address = common.host().address_of(actor);
    let answer = common.host().ask(&address, GetMetrics {}, PATIENCE).await;
    answer.map(|metrics| metrics.values).unwrap_or_default()
}

/// How many messages wait.
fn queues(common: &Common) -> Metrics {
    let waiting = |name| common.host().mailbox_depth(name);
    let mut metrics = Metrics::new();
    if let (Some(agents), Some(frameworks)) = (waiting("agents"), waiting("frameworks")) {
        put(&mut metrics, "master/event_queue_messages", (agents + frameworks) as f64);
    }
    if let Some(allocator) = waiting("allocator") {
        put(&mut metrics, "allocator/mesos/event_queue_dispatches", allocator as f64);
    }
    metrics
}
