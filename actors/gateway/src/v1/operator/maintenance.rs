//! Maintenance: the schedule, how far it is, and machines that go down and come up.

use actix_web::HttpResponse;
use protocol::frameworks::{
    GetMaintenance, GetMaintenanceStatus, StartMaintenance, StopMaintenance,
    UpdateMaintenanceSchedule,
};

use super::calls::respond;
use super::refusal::Refusal;
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
    call: &Call,
    media: MediaType,
) -> Result<HttpResponse, Refusal> {
    let nothing = Response::default();
    let kind = call.r#type();
    let response = match kind {
        Type::GetMaintenanceSchedule => {
            let part = response::GetMaintenanceSchedule { schedule: schedule(common).await? };
            Response { get_maintenance_schedule: Some(part), ..nothing }
        }
        Type::GetMaintenanceStatus => {
            let part = response::GetMaintenanceStatus { status: status(common).await? };
            Response { get_maintenance_status: Some(part), ..nothing }
        }
        Type::UpdateMaintenanceSchedule => {
            let part = call.update_maintenance_schedule.clone().unwrap_or_default();
            return update_schedule(common, &part.schedule).await;
        }
        Type::StartMaintenance => {
            let part = call.start_maintenance.clone().unwrap_or_default();
            return start(common, &part.machines).await;
        }
        _ => {
            let part = call.stop_maintenance.clone().unwrap_or_default();
            return stop(common, &part.machines).await;
        }
    };
    Ok(respond(kind, response, media))
}

/// What is planned.
pub(crate) async fn schedule(common: &Common) -> Result<Schedule, Refusal> {
    Ok(schedule_to(&common.question("frameworks", GetMaintenance {}).await?))
}

/// How far it is.
pub(crate) async fn status(common: &Common) -> Result<maintenance::ClusterStatus, Refusal> {
    Ok(status_to(&common.question("frameworks", GetMaintenanceStatus {}).await?))
}

/// Plans this instead of what was planned.
pub(crate) async fn update_schedule(
    common: &Common,
    schedule: &Schedule,
) -> Result<HttpResponse, Refusal> {
    let windows = windows_from(schedule).map_err(|fault| Refusal::BadRequest(fault.to_string()))?;
    common.question("frameworks", UpdateMaintenanceSchedule { windows }).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Brings these machines down.
pub(crate) async fn start(
    common: &Common,
    machines: &[MachineId],
) -> Result<HttpResponse, Refusal> {
    let machines = machines_from(machines);
    common.question("frameworks", StartMaintenance { machines }).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Brings these machines up.
pub(crate) async fn stop(common: &Common, machines: &[MachineId]) -> Result<HttpResponse, Refusal> {
    let machines = machines_from(machines);
    common.question("frameworks", StopMaintenance { machines }).await?;
    Ok(HttpResponse::Ok().finish())
}
