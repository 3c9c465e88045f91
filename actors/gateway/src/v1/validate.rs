//! What must be said in a call, beyond the fields that are always required.

use super::convert::update_id;
use super::error::WireError;
use super::wire::mesos::{FrameworkId, FrameworkInfo};
use super::wire::scheduler::Call;
use super::wire::scheduler::call::Type;

/// Whether `call` of a scheduler says what its type needs, and nothing in contradiction to itself
/// or to the principal that the request was authenticated as.
///
/// A call of type `UNKNOWN` passes: its answer is 501, not 400.
///
/// # Errors
/// 400 with Mesos's text.
pub fn scheduler_call(call: &Call, principal: Option<&str>) -> Result<(), WireError> {
    check(call, principal).map_err(WireError::invalid::<Call>)
}

fn check(call: &Call, principal: Option<&str>) -> Result<(), String> {
    if call.r#type.is_none() {
        return Err(expecting("type"));
    }
    if call.r#type() == Type::Subscribe {
        let subscribe = call.subscribe.as_ref().ok_or_else(|| expecting("subscribe"))?;
        check_same_id(call, &subscribe.framework_info, "subscribe")?;
        return check_principal(&subscribe.framework_info, principal);
    }
    if call.framework_id.is_none() {
        return Err(expecting("framework_id"));
    }
    check_body(call)?;
    check_contents(call, principal)
}

/// The part that is named after the type, where it is not optional.
fn check_body(call: &Call) -> Result<(), String> {
    let (there, name) = match call.r#type() {
        Type::Unknown | Type::Subscribe | Type::Teardown | Type::Revive | Type::Suppress => {
            return Ok(());
        }
        Type::Accept => (call.accept.is_some(), "accept"),
        Type::Decline => (call.decline.is_some(), "decline"),
        Type::AcceptInverseOffers => {
            (call.accept_inverse_offers.is_some(), "accept_inverse_offers")
        }
        Type::DeclineInverseOffers => {
            (call.decline_inverse_offers.is_some(), "decline_inverse_offers")
        }
        Type::Kill => (call.kill.is_some(), "kill"),
        Type::Shutdown => (call.shutdown.is_some(), "shutdown"),
        Type::Acknowledge => (call.acknowledge.is_some(), "acknowledge"),
        Type::AcknowledgeOperationStatus => {
            (call.acknowledge_operation_status.is_some(), "acknowledge_operation_status")
        }
        Type::Reconcile => (call.reconcile.is_some(), "reconcile"),
        Type::ReconcileOperations => (call.reconcile_operations.is_some(), "reconcile_operations"),
        Type::Message => (call.message.is_some(), "message"),
        Type::Request => (call.request.is_some(), "request"),
        Type::UpdateFramework => (call.update_framework.is_some(), "update_framework"),
    };
    if there { Ok(()) } else { Err(expecting(name)) }
}

fn check_contents(call: &Call, principal: Option<&str>) -> Result<(), String> {
    match call.r#type() {
        Type::Acknowledge => call.acknowledge.iter().try_for_each(|body| check_uuid(&body.uuid)),
        Type::AcknowledgeOperationStatus => {
            call.acknowledge_operation_status.iter().try_for_each(|body| {
                check_uuid(&body.uuid)?;
                body.agent_id.as_ref().map(|_| ()).ok_or_else(|| expecting("agent_id"))
            })
        }
        Type::UpdateFramework => call.update_framework.iter().try_for_each(|body| {
            check_same_id(call, &body.framework_info, "update_framework")?;
            check_principal(&body.framework_info, principal)
        }),
        _ => Ok(()),
    }
}

/// The id of the call and the one inside are the same; an empty one is none.
fn check_same_id(call: &Call, info: &FrameworkInfo, part: &str) -> Result<(), String> {
    if id(call.framework_id.as_ref()) == id(info.id.as_ref()) {
        return Ok(());
    }
    Err(format!("'framework_id' differs from '{part}.framework_info.id'"))
}

fn id(id: Option<&FrameworkId>) -> &str {
    id.map_or("", |id| &id.value)
}

fn check_principal(info: &FrameworkInfo, principal: Option<&str>) -> Result<(), String> {
    match (principal, info.principal.as_deref()) {
        (Some(authenticated), Some(stated)) if authenticated != stated => Err(format!(
            "Authenticated principal '{authenticated}' does not match principal '{stated}' set in `FrameworkInfo`"
        )),
        _ => Ok(()),
    }
}

fn check_uuid(bytes: &[u8]) -> Result<(), String> {
    match update_id::from_bytes(bytes) {
        Some(_) => Ok(()),
        None => Err("Invalid UUID: not one of a status update".to_owned()),
    }
}

fn expecting(field: &str) -> String {
    format!("Expecting '{field}' to be present")
}
