//! What a call of an operator must say, beyond the fields that are always required.

use prost_reflect::DynamicMessage;

use crate::v1::error::WireError;
use crate::v1::wire::WireMessage;
use crate::v1::wire::master::Call;
use crate::v1::wire::master::call::Type;

/// Whether `call` says what its type needs: the part that is named like the type, if there is one.
///
/// A call of type `UNKNOWN` passes: its answer is 501, not 400.
///
/// # Errors
/// 400 with Mesos's text.
pub fn operator_call(call: &Call) -> Result<(), WireError> {
    check(call).map_err(WireError::invalid::<Call>)
}

fn check(call: &Call) -> Result<(), String> {
    if call.r#type.is_none() {
        return Err("Expecting 'type' to be present".to_owned());
    }
    let part = call.r#type().as_str_name().to_lowercase();
    if !has_part(call, &part) {
        return Err(format!("Expecting '{part}' to be present"));
    }
    let of_agent = match call.r#type() {
        Type::GrowVolume => call.grow_volume.as_ref().is_some_and(|part| part.agent_id.is_some()),
        Type::ShrinkVolume => call.shrink_volume.as_ref().is_some_and(|it| it.agent_id.is_some()),
        _ => true,
    };
    if of_agent {
        return Ok(());
    }
    let only = "only agent default resources are supported right now";
    Err(format!("Expecting 'agent_id' to be present; {only}"))
}

/// Whether the part is there, or a call of this type has none.
fn has_part(call: &Call, part: &str) -> bool {
    let descriptor = Call::descriptor();
    let Some(field) = descriptor.get_field_by_name(part) else { return true };
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic.transcode_from(call).expect("descriptors and messages are of the same files");
    dynamic.has_field(&field)
}
