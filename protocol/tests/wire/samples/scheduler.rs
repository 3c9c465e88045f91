//! To `scheduler`.

use protocol::framework::{Domain, Offer};
use protocol::scheduler::*;
use protocol::task::{TaskState, TaskStatus};

use super::common::*;
use super::{Sample, To};

pub(super) fn add(samples: &mut Vec<Sample>) {
    let mut to = To::new("scheduler", samples);
    let domain = Some(Domain { region: "europe".into(), zone: "europe-1".into() });
    let scheduled = Offer { unavailability: Some(unavailability()), domain, ..offer() };
    let status = TaskStatus { unreachable_time: Some(NOW), ..status(TaskState::Unreachable) };
    to.tell(&ResourceOffers { framework_id: framework_id(), offers: vec![scheduled] })
        .tell(&RescindOffers { framework_id: framework_id(), offer_ids: vec![offer_id()] })
        .tell(&InverseOffers {
            framework_id: framework_id(),
            inverse_offers: vec![inverse_offer()],
        })
        .tell(&RescindInverseOffers { framework_id: framework_id(), offer_ids: vec![offer_id()] })
        .tell(&UpdateStatus { framework_id: framework_id(), status })
        .tell(&UpdateOperation { framework_id: framework_id(), status: operation_status() })
        .tell(&ReportFailure {
            framework_id: framework_id(),
            agent_id: agent_id(),
            executor_id: Some(executor_id()),
            status: Some(256),
        })
        .tell(&ExecutorMessage {
            framework_id: framework_id(),
            agent_id: agent_id(),
            executor_id: executor_id(),
            data: data(),
        })
        .tell(&FrameworkError {
            framework_id: framework_id(),
            message: "another scheduler has subscribed".into(),
        })
        .tell(&SchedulerSubscribed { framework_id: framework_id(), epoch: EPOCH, master: host() })
        .tell(&SchedulerDisconnected {});
}
