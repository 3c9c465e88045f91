//! `POST /api/v1/tasks/{id}/resize`: a running task gets more or less. Not an API of Mesos.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use protocol::Scalar;
use protocol::access::Action;
use protocol::id::{AgentId, FrameworkId};
use protocol::resize::ResizeTask;
use serde::Deserialize;

use crate::access::Caller;
use crate::answer::{Answer, ApiError};
use crate::common::Common;

/// The body: whose task, and what it is to have in all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    framework_id: FrameworkId,
    #[serde(default)]
    agent_id: Option<AgentId>,
    #[serde(default)]
    cpus: Option<Scalar>,
    #[serde(default)]
    mem: Option<Scalar>,
}

/// Answered when the task has it.
pub(super) async fn resize(
    common: Data<Common>,
    caller: Caller,
    task: Path<String>,
    body: Bytes,
) -> Answer {
    let wish: Wish = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_request(format!("failed to read the JSON body: {error}")))?;
    let Wish { framework_id, agent_id, cpus, mem } = wish;
    caller.may_to(&common, Action::ResizeTasks, &framework_id).await?;
    let task_id = task.into_inner().into();
    let message = ResizeTask { framework_id, task_id, agent_id, cpus, mem };
    Ok(HttpResponse::Ok().json(common.ask("frameworks", message).await?))
}
