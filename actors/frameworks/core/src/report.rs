//! Events for people and programs that follow along: the shape of each type's data.

use protocol::events::{Report, types};
use protocol::framework::Offer;
use protocol::id::{FrameworkId, OfferId};
use protocol::task::{Task, TaskStatus};
use serde_json::{Value, json};

use crate::framework::Framework;

fn report(kind: &str, data: Value) -> Report {
    Report { kind: kind.to_owned(), data }
}

/// `framework_added`, `framework_updated`, `framework_removed`.
pub(crate) fn framework(kind: &str, framework: &Framework) -> Report {
    report(
        kind,
        json!({
            "framework_id": framework.id,
            "name": framework.info.name,
            "user": framework.info.user,
            "roles": framework.info.roles,
            "principal": framework.info.principal,
            "active": framework.is_active(),
        }),
    )
}

/// `offer_sent`.
pub(crate) fn offer_sent(offer: &Offer) -> Report {
    report(
        types::OFFER_SENT,
        json!({
            "offer_id": offer.offer_id,
            "framework_id": offer.framework_id,
            "agent_id": offer.agent_id,
            "role": offer.role,
            "resources": offer.resources.to_string(),
        }),
    )
}

/// `offer_accepted`, `offer_declined`, `offer_rescinded`: several at once.
pub(crate) fn offers<'a>(
    kind: &str,
    framework_id: &FrameworkId,
    ids: impl IntoIterator<Item = &'a OfferId>,
) -> Report {
    let ids: Vec<_> = ids.into_iter().collect();
    report(kind, json!({ "framework_id": framework_id, "offer_ids": ids }))
}

/// `task_added`.
pub(crate) fn task_added(task: &Task) -> Report {
    report(
        types::TASK_ADDED,
        json!({
            "task_id": task.task_id,
            "framework_id": task.framework_id,
            "agent_id": task.agent_id,
            "executor_id": task.executor_id,
            "name": task.name,
            "role": task.role,
            "resources": task.resources.to_string(),
            "state": task.state,
        }),
    )
}

/// `task_updated`.
pub(crate) fn task_updated(framework_id: &FrameworkId, status: &TaskStatus) -> Report {
    report(
        types::TASK_UPDATED,
        json!({
            "task_id": status.task_id,
            "framework_id": framework_id,
            "agent_id": status.agent_id,
            "state": status.state,
            "source": status.source,
            "reason": status.reason,
            "message": status.message,
            "healthy": status.healthy,
            "timestamp": status.timestamp,
            "update_id": status.update_id,
            "executor_id": status.executor_id,
            "container_id": status.container_id,
        }),
    )
}
