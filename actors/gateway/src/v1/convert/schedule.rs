//! Schedules of maintenance, and how far it is.

use protocol::Time;
use protocol::framework::Unavailability;
use protocol::frameworks::MaintenanceStatus;
use protocol::maintenance::{
    DrainingMachine, InverseAnswer, InverseOfferStatus, MachineId, Maintenance, MaintenanceWindow,
};
use thiserror::Error;

use super::maintenance::{time_to, unavailability_to};
use crate::v1::wire::mesos;
use crate::v1::wire::mesos::{allocator, maintenance};
use allocator::inverse_offer_status::Status;

/// Why a schedule has no counterpart. The texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    #[error("Unavailability 'duration' is negative")]
    NegativeDuration,
    #[error("Unavailability 'start' is negative")]
    NegativeStart,
}

/// When machines are to be away. Whether it is a schedule is for the actors to say.
///
/// # Errors
/// If a time or a duration is negative.
pub fn windows_from(
    schedule: &maintenance::Schedule,
) -> Result<Vec<MaintenanceWindow>, ScheduleError> {
    schedule.windows.iter().map(window_from).collect()
}

fn window_from(window: &maintenance::Window) -> Result<MaintenanceWindow, ScheduleError> {
    let start = u64::try_from(window.unavailability.start.nanoseconds)
        .map_err(|_| ScheduleError::NegativeStart)?;
    let duration = window.unavailability.duration.as_ref().map(|it| u64::try_from(it.nanoseconds));
    let duration = duration.transpose().map_err(|_| ScheduleError::NegativeDuration)?;
    let unavailability = Unavailability {
        start: Time(start / 1000),
        duration_ms: duration.map(|nanoseconds| nanoseconds / 1_000_000),
    };
    let machines = machines_from(&window.machine_ids);
    Ok(MaintenanceWindow { machines, unavailability })
}

/// Names of hosts are the same in whatever case.
#[must_use]
pub fn machines_from(machines: &[mesos::MachineId]) -> Vec<MachineId> {
    let machine = |machine: &mesos::MachineId| MachineId {
        hostname: machine.hostname().to_lowercase(),
        ip: machine.ip().to_owned(),
    };
    machines.iter().map(machine).collect()
}

fn machine_to(machine: &MachineId) -> mesos::MachineId {
    let given = |text: &String| Some(text).filter(|text| !text.is_empty()).cloned();
    mesos::MachineId { hostname: given(&machine.hostname), ip: given(&machine.ip) }
}

/// The schedule.
#[must_use]
pub fn schedule_to(planned: &Maintenance) -> maintenance::Schedule {
    let window = |window: &MaintenanceWindow| maintenance::Window {
        machine_ids: window.machines.iter().map(machine_to).collect(),
        unavailability: unavailability_to(&window.unavailability),
    };
    maintenance::Schedule { windows: planned.windows.iter().map(window).collect() }
}

/// How far it is.
#[must_use]
pub fn status_to(status: &MaintenanceStatus) -> maintenance::ClusterStatus {
    maintenance::ClusterStatus {
        draining_machines: status.draining.iter().map(draining_to).collect(),
        down_machines: status.down.iter().map(machine_to).collect(),
    }
}

fn draining_to(draining: &DrainingMachine) -> maintenance::cluster_status::DrainingMachine {
    maintenance::cluster_status::DrainingMachine {
        id: machine_to(&draining.machine),
        statuses: draining.statuses.iter().map(answer_to).collect(),
    }
}

fn answer_to(status: &InverseOfferStatus) -> allocator::InverseOfferStatus {
    let answer = match status.answer {
        InverseAnswer::Unknown => Status::Unknown,
        InverseAnswer::Accept => Status::Accept,
        InverseAnswer::Decline => Status::Decline,
    };
    allocator::InverseOfferStatus {
        status: answer.into(),
        framework_id: mesos::FrameworkId { value: status.framework_id.to_string() },
        timestamp: time_to(status.at),
    }
}
