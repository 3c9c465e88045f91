//! What goes to and fro between the master and schedulers, counted where it comes in and goes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::framework::{FrameworkInfo, Operation, OperationState};
use protocol::metrics::{Counts, FrameworkCounts};
use protocol::{Address, FrameworkId, TaskId};

use crate::effect::{Answer, Effect, ToScheduler};
use crate::input::Request;
use crate::state::{State, Term};

/// What a call counts as.
pub(crate) struct Call {
    /// In all.
    message: Option<&'static str>,
    /// If it is done, and if it is refused.
    validity: Option<(&'static str, &'static str)>,
}

impl State {
    /// What has been counted, by full names; nothing while this host does not lead.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        self.term().map_or_else(BTreeMap::new, |term| term.counters.values())
    }
}

impl Term {
    /// A scheduler has called. `None`: it is a question, or comes from somebody else.
    pub(crate) fn count_call(&mut self, from: &Address, request: &Request) -> Option<Call> {
        let (id, name, call) = read(request)?;
        if let Some(id) = id.filter(|id| self.caller(id, from).is_ok()) {
            self.counters.count_of(id, name, 1);
            self.counters.count_of(id, "calls", 1);
        }
        if let Some(message) = call.message {
            self.counters.count(message);
        }
        Some(call)
    }

    /// It was answered.
    pub(crate) fn count_answer(&mut self, call: &Call, done: bool) {
        if !done {
            self.counters.count("dropped_messages");
        }
        if let Some((valid, invalid)) = call.validity {
            self.counters.count(if done { valid } else { invalid });
        }
    }

    /// These are on their way.
    pub(crate) fn count_events(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::ToScheduler { message, .. } => self.count_event(message),
                Effect::Reply { result: Ok(Answer::Subscribed(subscribed)), .. } => {
                    let id = &subscribed.framework_id;
                    for name in ["calls", "calls/subscribe", "events", "events/subscribed"] {
                        self.counters.count_of(id, name, 1);
                    }
                }
                _ => {}
            }
        }
    }

    fn count_event(&mut self, message: &ToScheduler) {
        let (id, name, times) = event(message);
        // The last words to one that is removed are not kept.
        if !self.frameworks.contains_key(id) {
            return;
        }
        self.counters.count_of(id, name, times);
        self.counters.count_of(id, "events", times);
        if let ToScheduler::Offers(message) = message {
            self.counters.count_of(id, "offers/sent", message.offers.len());
        }
    }

    /// One that its edge could not express: of an operation other than a launch nothing is known.
    pub(crate) fn count_refused(&mut self, task_ids: &[TaskId]) {
        if task_ids.is_empty() {
            self.counters.operation_end(None, OperationState::Error);
        }
    }

    /// Counts of a framework as they are shown.
    pub(crate) fn shown_counts(id: &FrameworkId, counts: &Counts) -> Arc<FrameworkCounts> {
        let counts = counts.iter().map(|(name, times)| (name.to_owned(), times)).collect();
        Arc::new(FrameworkCounts { framework_id: id.clone(), counts })
    }
}

/// Whose call it is, its name, and what it counts as. A subscription is counted of its framework
/// when it is answered.
fn read(request: &Request) -> Option<(Option<&FrameworkId>, &'static str, Call)> {
    use Request as R;
    let (id, name, message) = match request {
        R::Subscribe(m) => return Some((None, "calls/subscribe", subscription(&m.info))),
        R::Teardown(m) => {
            (&m.framework_id, "calls/teardown", Some("messages_unregister_framework"))
        }
        R::Accept(m) => (&m.framework_id, "calls/accept", Some(of_accept(&m.operations))),
        R::Decline(m) => (&m.framework_id, "calls/decline", Some("messages_decline_offers")),
        R::AnswerInverse(m) if m.accepted => (&m.framework_id, "calls/accept_inverse_offers", None),
        R::AnswerInverse(m) => (&m.framework_id, "calls/decline_inverse_offers", None),
        R::RequestResources(m) => {
            (&m.framework_id, "calls/request", Some("messages_resource_request"))
        }
        R::Revive(m) => (&m.framework_id, "calls/revive", Some("messages_revive_offers")),
        R::Suppress(m) => (&m.framework_id, "calls/suppress", Some("messages_suppress_offers")),
        R::Kill(m) => (&m.framework_id, "calls/kill", Some("messages_kill_task")),
        R::ShutdownExecutor(m) => (&m.framework_id, "calls/shutdown", None),
        R::Acknowledge(m) => {
            (&m.framework_id, "calls/acknowledge", Some("messages_status_update_acknowledgement"))
        }
        R::AcknowledgeOperation(m) => (
            &m.framework_id,
            "calls/acknowledge_operation_status",
            Some("messages_operation_status_update_acknowledgement"),
        ),
        R::Reconcile(m) => (&m.framework_id, "calls/reconcile", Some("messages_reconcile_tasks")),
        R::ReconcileOperations(m) => {
            (&m.framework_id, "calls/reconcile_operations", Some("messages_reconcile_operations"))
        }
        R::UpdateFramework(m) => (&m.framework_id, "calls/update_framework", None),
        R::Message(m) => (&m.framework_id, "calls/message", Some("messages_framework_to_executor")),
        _ => return None,
    };
    Some((Some(id), name, Call { message, validity: validity(request) }))
}

fn subscription(info: &FrameworkInfo) -> Call {
    let known = info.id.as_ref().is_some_and(|id| !id.as_str().is_empty());
    let message =
        if known { "messages_reregister_framework" } else { "messages_register_framework" };
    Call { message: Some(message), validity: None }
}

/// An accept that uses nothing declines, as in Mesos.
fn of_accept(operations: &[Operation]) -> &'static str {
    if operations.iter().any(crate::accept::is_use) {
        "messages_launch_tasks"
    } else {
        "messages_decline_offers"
    }
}

fn validity(request: &Request) -> Option<(&'static str, &'static str)> {
    match request {
        Request::Message(_) => {
            Some(("valid_framework_to_executor_messages", "invalid_framework_to_executor_messages"))
        }
        Request::Acknowledge(_) => {
            Some(("valid_status_update_acknowledgements", "invalid_status_update_acknowledgements"))
        }
        Request::AcknowledgeOperation(_) => Some((
            "valid_operation_status_update_acknowledgements",
            "invalid_operation_status_update_acknowledgements",
        )),
        _ => None,
    }
}

/// To whom it goes, its name, and how many of it are in there: HTTP tells those one by one.
fn event(message: &ToScheduler) -> (&FrameworkId, &'static str, usize) {
    match message {
        ToScheduler::Offers(m) => (&m.framework_id, "events/offers", 1),
        ToScheduler::Rescind(m) => (&m.framework_id, "events/rescind", m.offer_ids.len()),
        ToScheduler::Inverse(m) => (&m.framework_id, "events/inverse_offers", 1),
        ToScheduler::RescindInverse(m) => {
            (&m.framework_id, "events/rescind_inverse_offer", m.offer_ids.len())
        }
        ToScheduler::Update(m) => (&m.framework_id, "events/update", 1),
        ToScheduler::Operation(m) => (&m.framework_id, "events/update_operation_status", 1),
        ToScheduler::Failure(m) => (&m.framework_id, "events/failure", 1),
        ToScheduler::Message(m) => (&m.framework_id, "events/message", 1),
        ToScheduler::Error(m) => (&m.framework_id, "events/error", 1),
    }
}
