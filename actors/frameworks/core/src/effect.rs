//! Everything that the frameworks manager can want done. The shell performs effects in order.

use protocol::agents::{
    RouteAcknowledgement, RouteKill, RouteLaunch, RouteMessage, RouteOperation,
    RouteOperationAcknowledgement, RouteShutdownExecutor, RouteShutdownFramework,
    RouteUpdateFramework, SetDownMachines,
};
use protocol::allocator::{
    AddAgent, AddFramework, AnswerInverseOffer, ConvertResources, GrowHolding, RecoverResources,
    RemoveAgent, RemoveFramework, RequestResources, ResetAllocator, ReviveRoles,
    SetFrameworkActive, SetQuota, SetUnavailability, SetWeight, ShareResources, SuppressRoles,
};
use protocol::events::Report;
use protocol::frameworks::{
    FrameworkList, FrameworkSubscribed, FrameworksView, MaintenanceStatus, OfferList,
    OffersAccepted, RoleSettings, TaskList,
};
use protocol::id::{CallId, Epoch, FrameworkId};
use protocol::maintenance::Maintenance;
use protocol::registrar::ApplyOperations;
use protocol::resize::{RouteResize, TaskResized};
use protocol::scheduler::{
    ExecutorMessage, FrameworkError, InverseOffers, ReportFailure, RescindInverseOffers,
    RescindOffers, ResourceOffers, UpdateOperation, UpdateStatus,
};
use protocol::{Address, Failure, Time};
use serde::Serialize;

use crate::ledger::TaskKey;
use crate::writes::Subject;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Ask the registrar for the registry; `Input::RegistryLoaded` has the answer.
    LoadRegistry { epoch: Epoch },
    /// Ask the registrar to make records durable; `Input::Recorded` has the answer.
    Record { subject: Subject, operations: ApplyOperations },
    /// Tell a scheduler.
    ToScheduler { scheduler: Address, message: ToScheduler },
    /// Tell the agents manager of this host.
    ToAgents(ToAgents),
    /// Tell the allocator.
    ToAllocator(ToAllocator),
    /// Ask the allocator; `Input::AllocatorAnswered` has the answer.
    AskAllocator { question: QuestionId, message: AllocatorQuestion },
    /// Answer a call.
    Reply { call: CallId, result: Result<Answer, Failure> },
    /// Want `Input::SchedulerExited` when this scheduler goes.
    LinkScheduler(Address),
    /// No longer.
    UnlinkScheduler(Address),
    /// Want `Input::AllocatorExited` when the allocator goes.
    LinkAllocator,
    /// Want `Input::TimerFired` at this time; replaces an earlier setting of the same timer.
    SetTimer { timer: Timer, at: Time },
    /// No longer.
    CancelTimer { timer: Timer },
    /// Tell `events`.
    Emit(Report),
}

/// To a scheduler.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ToScheduler {
    Offers(ResourceOffers),
    Rescind(RescindOffers),
    Inverse(InverseOffers),
    RescindInverse(RescindInverseOffers),
    Update(UpdateStatus),
    Operation(UpdateOperation),
    Failure(ReportFailure),
    Message(ExecutorMessage),
    Error(FrameworkError),
}

/// To `agents`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ToAgents {
    Launch(RouteLaunch),
    Kill(RouteKill),
    Acknowledge(RouteAcknowledgement),
    ShutdownFramework(RouteShutdownFramework),
    ShutdownExecutor(RouteShutdownExecutor),
    Message(RouteMessage),
    UpdateFramework(RouteUpdateFramework),
    Resize(RouteResize),
    SetDownMachines(SetDownMachines),
    Operate(RouteOperation),
    AcknowledgeOperation(RouteOperationAcknowledgement),
}

/// To `allocator`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ToAllocator {
    Reset(ResetAllocator),
    AddFramework(AddFramework),
    SetActive(SetFrameworkActive),
    RemoveFramework(RemoveFramework),
    AddAgent(AddAgent),
    RemoveAgent(RemoveAgent),
    Recover(RecoverResources),
    Convert(ConvertResources),
    Share(ShareResources),
    Revive(ReviveRoles),
    Suppress(SuppressRoles),
    SetQuota(SetQuota),
    SetWeight(SetWeight),
    Request(RequestResources),
    AnswerInverse(AnswerInverseOffer),
    SetUnavailability(SetUnavailability),
}

/// Names a question to the allocator, for the life of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct QuestionId {
    /// Of the allocator when it was asked: with it, the question is void.
    pub round: u64,
    pub number: u64,
}

/// What only the allocator can decide, because it alone knows what is free.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum AllocatorQuestion {
    Convert(ConvertResources),
    Grow(GrowHolding),
}

/// What a call is answered with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Answer {
    Done,
    Accepted(OffersAccepted),
    Subscribed(FrameworkSubscribed),
    Frameworks(FrameworkList),
    Tasks(TaskList),
    Offers(OfferList),
    RoleSettings(RoleSettings),
    View(FrameworksView),
    Resized(TaskResized),
    Maintenance(Maintenance),
    MaintenanceStatus(MaintenanceStatus),
}

/// Everything that can time out here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Timer {
    /// The oldest outstanding offers have been held too long.
    OffersExpire,
    /// The framework's scheduler has not come back in time.
    Failover(FrameworkId),
    /// An agent has not said what became of a change of this task's resources.
    Resize(TaskKey),
    /// Try again to read the registry.
    LoadRegistry,
    /// Try again to reach the allocator.
    ResetAllocator,
    /// The grace of what is taken back for others is over.
    Claims,
}
