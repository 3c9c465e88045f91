//! Maintenance: the schedule, how far it is, and machines that go down and come up.

use actix_web::HttpResponse;
use protocol::access::Action;
use protocol::frameworks::{
    GetMaintenance, GetMaintenanceStatus, StartMaintenance, StopMaintenance,
    UpdateMaintenanceSchedule,
};
use protocol::maintenance as machine;

use super::calls::respond;
use super::refusal::Refusal;
use crate::access::Caller;
use crate::common::Common;
use crate::v1::MediaType;
use crate::v1::convert::schedule::{machines_from, schedule_to, status_to, windows_from};
use crate::v1::wire::master::call::Type;
use crate::v1::wire::master::response;
use crate::v1::wire::master::{Call, Response};
use crate::v1::wire::mesos::maintenance::Schedule;
use crate::v1::wire::mesos::{MachineId, maintenance};

/// Answers one of the five calls.
pub(super) async fn maintenance(
    common: &Common,
    caller: &Caller,
    call: &Call,
    media: MediaType,
) -> Result<HttpResponse, Refusal> {
    let nothing = Response::default();
    let kind = call.r#type();
    let response = match kind {
        Type::GetMaintenanceSchedule => {
            let part =
                response::GetMaintenanceSchedule { schedule: schedule(common, caller).await? };
            Response { get_maintenance_schedule: Some(part), ..nothing }
        }
        Type::GetMaintenanceStatus => {
            let part = response::GetMaintenanceStatus { status: status(common, caller).await? };
            Response { get_maintenance_status: Some(part), ..nothing }
        }
        Type::UpdateMaintenanceSchedule => {
            let part = call.update_maintenance_schedule.clone().unwrap_or_default();
            return update_schedule(common, caller, &part.schedule).await;
        }
        Type::StartMaintenance => {
            let part = call.start_maintenance.clone().unwrap_or_default();
            return start(common, caller, &part.machines).await;
        }
        _ => {
            let part = call.stop_maintenance.clone().unwrap_or_default();
            return stop(common, caller, &part.machines).await;
        }
    };
    Ok(respond(kind, response, media))
}

/// What is planned.
pub(crate) async fn schedule(common: &Common, caller: &Caller) -> Result<Schedule, Refusal> {
    let mut planned = common.question("frameworks", GetMaintenance {}).await?;
    let seen =
        |machine: &machine::MachineId| caller.can_on(Action::GetMaintenanceSchedules, machine);
    for window in &mut planned.windows {
        window.machines.retain(seen);
    }
    planned.windows.retain(|window| !window.machines.is_empty());
    Ok(schedule_to(&planned))
}

/// How far it is.
pub(crate) async fn status(
    common: &Common,
    caller: &Caller,
) -> Result<maintenance::ClusterStatus, Refusal> {
    let mut status = common.question("frameworks", GetMaintenanceStatus {}).await?;
    let seen =
        |machine: &machine::MachineId| caller.can_on(Action::GetMaintenanceStatuses, machine);
    status.draining.retain(|draining| seen(&draining.machine));
    status.down.retain(seen);
    Ok(status_to(&status))
}

/// Plans this instead of what was planned.
pub(crate) async fn update_schedule(
    common: &Common,
    caller: &Caller,
    schedule: &Schedule,
) -> Result<HttpResponse, Refusal> {
    let windows = windows_from(schedule).map_err(|fault| Refusal::BadRequest(fault.to_string()))?;
    let action = Action::UpdateMaintenanceSchedules;
    if !caller.can_always(action) {
        let planned = common.question("frameworks", GetMaintenance {}).await?.windows;
        // What is no longer in the schedule is changed, too.
        let changed = windows.iter().chain(&planned).flat_map(|window| &window.machines);
        caller.may_on(action, changed)?;
    }
    common.question("frameworks", UpdateMaintenanceSchedule { windows }).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Brings these machines down.
pub(crate) async fn start(
    common: &Common,
    caller: &Caller,
    machines: &[MachineId],
) -> Result<HttpResponse, Refusal> {
    let machines = machines_from(machines);
    caller.may_on(Action::StartMaintenances, &machines)?;
    common.question("frameworks", StartMaintenance { machines }).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Brings these machines up.
pub(crate) async fn stop(
    common: &Common,
    caller: &Caller,
    machines: &[MachineId],
) -> Result<HttpResponse, Refusal> {
    let machines = machines_from(machines);
    caller.may_on(Action::StopMaintenances, &machines)?;
    common.question("frameworks", StopMaintenance { machines }).await?;
    Ok(HttpResponse::Ok().finish())
}
