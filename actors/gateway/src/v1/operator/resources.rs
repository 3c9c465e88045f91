//! An operator's reservations and volumes: 202 when it is on its way to the agent.

use actix_web::HttpResponse;
use protocol::frameworks::OperateOnAgent;
use protocol::operation::ResourceOperation;
use protocol::{Failure, FailureKind};

use super::refusal::Refusal;
use crate::access::Caller;
use crate::common::Common;
use crate::v1::convert::ConvertError;
use crate::v1::convert::operation::{
    create_from, destroy_from, grow_from, reserve_from, shrink_from, unreserve_from,
};
use crate::v1::wire::master::Call;
use crate::v1::wire::master::call::{self, Type};
use crate::v1::wire::mesos::AgentId;

/// An agent, and what is wanted of it.
pub(crate) type Wanted = (String, Result<ResourceOperation, ConvertError>);

/// What a call wants, if it is one of these; the parts are there, that was checked.
fn wanted(call: Call) -> Option<Wanted> {
    match call.r#type() {
        Type::ReserveResources => call.reserve_resources.map(reserve),
        Type::UnreserveResources => call.unreserve_resources.map(unreserve),
        Type::CreateVolumes => call.create_volumes.map(create),
        Type::DestroyVolumes => call.destroy_volumes.map(destroy),
        Type::GrowVolume => call.grow_volume.map(grow),
        Type::ShrinkVolume => call.shrink_volume.map(shrink),
        _ => None,
    }
}

pub(crate) fn reserve(part: call::ReserveResources) -> Wanted {
    (part.agent_id.value, reserve_from(&part.resources, &part.source))
}

pub(crate) fn unreserve(part: call::UnreserveResources) -> Wanted {
    (part.agent_id.value, unreserve_from(&part.resources))
}

pub(crate) fn create(part: call::CreateVolumes) -> Wanted {
    (part.agent_id.value, create_from(&part.volumes))
}

pub(crate) fn destroy(part: call::DestroyVolumes) -> Wanted {
    (part.agent_id.value, destroy_from(&part.volumes))
}

fn grow(part: call::GrowVolume) -> Wanted {
    (id(part.agent_id), grow_from(&part.volume, &part.addition))
}

fn shrink(part: call::ShrinkVolume) -> Wanted {
    (id(part.agent_id), shrink_from(&part.volume, part.subtract.value))
}

fn id(id: Option<AgentId>) -> String {
    id.map_or_else(String::new, |id| id.value)
}

/// Has `frameworks` do it.
pub(crate) async fn operate(
    common: &Common,
    caller: &Caller,
    (agent_id, operation): Wanted,
) -> Result<(), Failure> {
    let operation = operation.map_err(|error| Failure::refused(error.to_string()))?;
    let principal = caller.principal().map(str::to_owned);
    let message = OperateOnAgent { agent_id: agent_id.into(), operation, principal };
    let invalid = |failure: Failure| match failure.kind {
        FailureKind::Refused => Failure::refused(format!("Invalid operation: {failure}")),
        _ => failure,
    };
    common.question("frameworks", message).await.map_err(invalid)
}

pub(super) async fn change(
    common: &Common,
    caller: &Caller,
    call: Call,
) -> Result<HttpResponse, Refusal> {
    let kind = call.r#type();
    let wanted = wanted(call).ok_or(Refusal::NotSupported(kind.as_str_name()))?;
    match operate(common, caller, wanted).await {
        Ok(()) => Ok(HttpResponse::Accepted().finish()),
        Err(failure) => match failure.kind {
            FailureKind::NotFound => Err(Refusal::BadRequest(failure.message)),
            FailureKind::Conflict => Err(Refusal::Conflict(failure.message)),
            _ => Err(failure.into()),
        },
    }
}
