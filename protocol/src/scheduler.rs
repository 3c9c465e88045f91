//! To `scheduler`, on the host of a framework (the driver): what the master tells it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::HostAddr;
use crate::blob::Blob;
use crate::framework::{InverseOffer, Offer, OperationStatus};
use crate::id::{AgentId, Epoch, ExecutorId, FrameworkId, OfferId};
use crate::messages;
use crate::task::TaskStatus;

/// You may use these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceOffers {
    pub framework_id: FrameworkId,
    pub offers: Vec<Offer>,
}

/// You may no longer use these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RescindOffers {
    pub framework_id: FrameworkId,
    pub offer_ids: Vec<OfferId>,
}

/// Please leave these agents, before you are made to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InverseOffers {
    pub framework_id: FrameworkId,
    pub inverse_offers: Vec<InverseOffer>,
}

/// You may stay, or it is too late: these are void.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RescindInverseOffers {
    pub framework_id: FrameworkId,
    pub offer_ids: Vec<OfferId>,
}

/// News of a task. To be acknowledged exactly if `status.update_id` is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateStatus {
    pub framework_id: FrameworkId,
    pub status: TaskStatus,
}

/// News of an operation on offers that has an id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateOperation {
    pub framework_id: FrameworkId,
    pub status: OperationStatus,
}

/// An agent was lost (no executor named), or an executor ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportFailure {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    #[serde(default)]
    pub executor_id: Option<ExecutorId>,
    /// As waitpid reports it.
    #[serde(default)]
    pub status: Option<i32>,
}

/// An executor's bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutorMessage {
    pub framework_id: FrameworkId,
    pub agent_id: AgentId,
    pub executor_id: ExecutorId,
    pub data: Blob,
}

/// You are no longer the scheduler of this framework; stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkError {
    pub framework_id: FrameworkId,
    pub message: String,
}

/// You are subscribed, for the first time or again. From the driver on this host, to an actor that
/// it relays to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulerSubscribed {
    pub framework_id: FrameworkId,
    pub epoch: Epoch,
    /// The leading master's actors.
    pub master: HostAddr,
}

/// The master is out of reach or no longer leads; offers are void. From the driver on this host,
/// to an actor that it relays to. [`SchedulerSubscribed`] follows when there is one again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulerDisconnected {}

messages! {
    ResourceOffers,
    RescindOffers,
    InverseOffers,
    RescindInverseOffers,
    UpdateStatus,
    UpdateOperation,
    ReportFailure,
    ExecutorMessage,
    FrameworkError,
    SchedulerSubscribed,
    SchedulerDisconnected,
}
