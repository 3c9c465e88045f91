//! Whether those who ask may have what they ask for: a framework's principal, or an operator.
//!
//! A framework is of the principal that it states. Where schedulers must be authenticated the edge
//! lets them state no other than their own.

use protocol::access::{Acls, Action, Denied};
use protocol::framework::FrameworkInfo;
use protocol::operation::ResourceOperation;
use protocol::resources::{Reservation, Resource, Resources};
use protocol::task::TaskInfo;

use crate::conversion::Move;

/// Whether a framework may be in all of its roles.
pub(crate) fn may_register(acls: &Acls, info: &FrameworkInfo) -> Result<(), Denied> {
    let principal = info.principal.as_deref();
    info.roles
        .iter()
        .try_for_each(|role| acls.check(principal, Action::RegisterFrameworks, Some(role)))
}

/// Whether a framework may run a task, and the executor that it comes with, as the users that they
/// name; its own, where they name none.
pub(crate) fn may_run(acls: &Acls, info: &FrameworkInfo, task: &TaskInfo) -> Result<(), Denied> {
    let principal = info.principal.as_deref();
    let executor = task.executor.as_ref().and_then(|executor| executor.command.as_ref());
    task.command.iter().chain(executor).try_for_each(|command| {
        match command.user.as_ref().unwrap_or(&info.user).as_str() {
            // It runs as the agent does, whoever that is.
            "" => acls.check_all(principal, Action::RunTasks),
            user => acls.check(principal, Action::RunTasks, Some(user)),
        }
    })
}

/// Whether a principal may do an operation.
pub(crate) fn may_operate(
    acls: &Acls,
    principal: Option<&str>,
    operation: &ResourceOperation,
) -> Result<(), Denied> {
    let each = |resources: &Resources, action, object: fn(&Resource) -> Option<&str>| {
        resources.iter().try_for_each(|it| acls.check(principal, action, object(it)))
    };
    match operation {
        ResourceOperation::Reserve { resources, source } if !source.is_empty() => {
            may_move(acls, principal, source, resources)
        }
        ResourceOperation::Reserve { resources, .. } => {
            each(resources, Action::ReserveResources, role)
        }
        ResourceOperation::Unreserve { resources } => {
            each(resources, Action::UnreserveResources, reserver)
        }
        ResourceOperation::Create { volumes } => each(volumes, Action::CreateVolumes, role),
        ResourceOperation::Destroy { volumes } => each(volumes, Action::DestroyVolumes, creator),
        ResourceOperation::GrowVolume { volume, .. }
        | ResourceOperation::ShrinkVolume { volume, .. } => {
            acls.check(principal, Action::ResizeVolumes, role(volume))
        }
    }
}

/// Whether a principal may make one stack of reservations into another: take away each layer down to
/// what both have in common, and make each of the others.
fn may_move(
    acls: &Acls,
    principal: Option<&str>,
    source: &Resources,
    resources: &Resources,
) -> Result<(), Denied> {
    // Both bags are of one kind each, that was checked.
    let Some(change) = Move::between(source, resources) else { return Ok(()) };
    for layer in change.undone {
        acls.check(principal, Action::UnreserveResources, layer.principal.as_deref())?;
    }
    for layer in change.made {
        acls.check(principal, Action::ReserveResources, Some(&layer.role))?;
    }
    Ok(())
}

/// The innermost reservation: the one that an operation makes or takes away.
fn reservation(resource: &Resource) -> Option<&Reservation> {
    resource.reservations.last()
}

fn role(resource: &Resource) -> Option<&str> {
    reservation(resource).map(|layer| layer.role.as_str())
}

fn reserver(resource: &Resource) -> Option<&str> {
    reservation(resource).and_then(|layer| layer.principal.as_deref())
}

fn creator(resource: &Resource) -> Option<&str> {
    resource.disk.as_ref().and_then(|disk| disk.principal.as_deref())
}
