//! What the actors of this master count, and what waits before them. Whoever does not answer soon is
//! left out.

use std::time::Duration;

use protocol::metrics::GetMetrics;
use protocol::runtime::{ActorList, ListActors};

use super::{Metrics, put};
use crate::common::Common;

/// They answer from what they have; one that is busy for longer has nothing to say for this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Under their full names.
pub(crate) async fn counted(common: &Common) -> Metrics {
    let (agents, allocator, frameworks, registrar, queues) = futures_util::join!(
        count(common, "agents"),
        count(common, "allocator"),
        count(common, "frameworks"),
        count(common, "registrar"),
        queues(common),
    );
    [agents, allocator, frameworks, registrar, queues].into_iter().flatten().collect()
}

async fn count(common: &Common, actor: &str) -> Metrics {
    let address = common.host().address_of(actor);
    let answer = common.host().ask(&address, GetMetrics {}, PATIENCE).await;
    answer.map(|metrics| metrics.values).unwrap_or_default()
}

/// How many messages wait.
async fn queues(common: &Common) -> Metrics {
    let mut metrics = Metrics::new();
    let address = common.host().address_of("host");
    let Ok(list) = common.host().ask(&address, ListActors {}, PATIENCE).await else {
        return metrics;
    };
    let managers = waiting(&list, "agents") + waiting(&list, "frameworks");
    put(&mut metrics, "master/event_queue_messages", managers);
    let allocator = waiting(&list, "allocator");
    put(&mut metrics, "allocator/mesos/event_queue_dispatches", allocator);
    metrics
}

fn waiting(list: &ActorList, name: &str) -> f64 {
    let actor = list.actors.iter().find(|actor| actor.address.name() == name);
    actor.map_or(0.0, |actor| actor.mailbox_depth as f64)
}
