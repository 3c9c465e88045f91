//! Operations of accepts: what was not done, and statuses until they are acknowledged.

use std::sync::atomic::Ordering;

use driver::SchedulerConfig;
use protocol::framework::{Filters, Operation, OperationState, OperationStatus};
use protocol::frameworks::RefusedOperation;
use protocol::operation::ResourceOperation;
use protocol::scheduler::UpdateOperation;
use protocol::{Failure, FailureKind, OperationId, Resources};

use crate::stage::{Asked, Called, Elected, Master, Rig, subscribed, task};

fn finished(update: Option<&str>) -> OperationStatus {
    let mut status = OperationStatus::new(Some("o1".into()), OperationState::Finished);
    status.agent_id = Some("agent".into());
    status.update_id = update.map(Into::into);
    status
}

fn tell(master: &Master, rig: &Rig, status: &OperationStatus) {
    let message = UpdateOperation { framework_id: "new".into(), status: status.clone() };
    master.tell(&rig.address(), message);
}

fn reserve(id: Option<&str>) -> Operation {
    let resources = Resources::EMPTY;
    let operation = ResourceOperation::Reserve { resources, source: Resources::EMPTY };
    Operation::Apply { operation_id: id.map(Into::into), operation: Box::new(operation) }
}

/// Accepts an offer for an operation with an id, one without, and a task.
fn accept(rig: &Rig) {
    let operations =
        vec![reserve(Some("o1")), reserve(None), Operation::Launch { tasks: vec![task("a")] }];
    rig.driver.accept(vec!["offer".into()], operations, Filters::default());
}

fn refused(why: &str) -> Called {
    let refused = vec![RefusedOperation { at: 1, why: why.into() }];
    Called::OperationsRefused(vec!["offer".into()], refused)
}

/// All of an accept is told as not done.
async fn dropped(rig: &mut Rig, why: &str) {
    assert_eq!(rig.update().await.task_id, "a".into());
    let Called::Operation(status) = rig.called().await else { panic!() };
    assert_eq!(status.operation_id, Some("o1".into()));
    assert_eq!((status.state, status.message.as_str()), (OperationState::Dropped, why));
    assert_eq!(status.update_id, None);
    assert_eq!(rig.called().await, refused(why));
}

/// All of an accept that can be asked after is.
async fn asked_after(master: &mut Master) {
    let Asked::Reconcile(tasks) = master.asked().await else { panic!() };
    assert_eq!(tasks.tasks[0].task_id, "a".into());
    let Asked::ReconcileOperations(asked) = master.asked().await else { panic!() };
    assert_eq!((asked.framework_id.as_str(), asked.operations.len()), ("new", 1));
    assert_eq!(asked.operations[0].operation_id, "o1".into());
}

async fn acknowledged(master: &mut Master) -> OperationId {
    let Asked::AcknowledgeOperation(message) = master.asked().await else { panic!() };
    assert_eq!((message.framework_id.as_str(), message.agent_id.as_str()), ("new", "agent"));
    assert_eq!(message.update_id, "u1".into());
    message.operation_id
}

#[actix_rt::test]
async fn statuses_of_operations_are_acknowledged_after_the_callback_or_by_hand() {
    let (mut master, mut rig) = subscribed().await;
    let status = finished(Some("u1"));
    tell(&master, &rig, &status);
    assert_eq!(rig.called().await, Called::Operation(status.clone()));
    assert_eq!(acknowledged(&mut master).await, "o1".into());

    let explicit = |config: &mut SchedulerConfig| config.explicit_acknowledgements = true;
    let mut by_hand = Rig::start_with(&[&master], explicit).await;
    by_hand.subscribed().await;
    master.subscription().await;
    tell(&master, &by_hand, &status);
    assert_eq!(by_hand.called().await, Called::Operation(status.clone()));
    by_hand.driver.kill("marker".into(), None, None);
    assert!(matches!(master.asked().await, Asked::Kill(_)), "not acknowledged before");
    by_hand.driver.acknowledge_operation(&status);
    acknowledged(&mut master).await;
}

#[actix_rt::test]
async fn the_masters_own_word_on_an_operation_wants_no_acknowledgement() {
    let (mut master, mut rig) = subscribed().await;
    tell(&master, &rig, &finished(None));
    rig.called().await;
    rig.driver.kill("marker".into(), None, None);
    assert!(matches!(master.asked().await, Asked::Kill(_)));
}

#[actix_rt::test]
async fn what_of_an_accept_was_not_done_is_called_back_and_its_tasks_are_not_in_doubt() {
    let (mut master, mut rig) = subscribed().await;
    let refused = vec![RefusedOperation { at: 0, why: "no resources are named".into() }];
    master.refused.lock().unwrap().clone_from(&refused);
    let operations = vec![reserve(None), Operation::Launch { tasks: vec![task("a")] }];
    rig.driver.accept(vec!["offer".into()], operations, Filters::default());
    assert!(matches!(master.asked().await, Asked::Accept(_)));
    assert_eq!(rig.called().await, Called::OperationsRefused(vec!["offer".into()], refused));
    rig.driver.kill("marker".into(), None, None);
    assert!(matches!(master.asked().await, Asked::Kill(_)), "nothing was asked before");
}

#[actix_rt::test]
async fn what_became_of_an_accept_that_may_have_arrived_is_asked() {
    let (mut master, mut rig) = subscribed().await;
    let failing = |kind| *master.answer.lock().unwrap() = Some(Failure::new(kind, "no"));
    failing(FailureKind::ActorDied);
    accept(&rig);
    assert!(matches!(master.asked().await, Asked::Accept(_)));
    asked_after(&mut master).await;
    *master.answer.lock().unwrap() = Some(Failure::refused("the offer is void"));
    accept(&rig);
    assert!(matches!(master.asked().await, Asked::Accept(_)));
    asked_after(&mut master).await;
    assert_eq!(
        rig.called().await,
        refused("not done: the offer is void"),
        "the first of all calls"
    );
}

#[actix_rt::test]
async fn what_was_sent_to_a_master_that_died_is_asked_of_the_next() {
    let elected = Elected::default();
    let (mut first, mut second, mut rig) = Rig::with_the_first_of_two(&elected).await;
    first.silent.store(true, Ordering::Relaxed);
    accept(&rig);
    assert!(matches!(first.asked().await, Asked::Accept(_)));
    second.leads(&elected, 2);
    first.host.shutdown().await;
    assert_eq!(rig.called().await, Called::Disconnected);
    rig.subscribed().await;
    second.subscription().await;
    asked_after(&mut second).await;
}

#[actix_rt::test]
async fn what_has_certainly_not_been_done_is_told_at_once() {
    let (mut master, mut rig) = subscribed().await;
    *master.answer.lock().unwrap() = Some(Failure::new(FailureKind::Overloaded, "too much"));
    accept(&rig);
    assert!(matches!(master.asked().await, Asked::Accept(_)));
    dropped(&mut rig, "not done: too much").await;

    let alone = Master::start(&Elected::default(), 1).await;
    let mut rig = Rig::start(&[&alone]).await;
    accept(&rig);
    dropped(&mut rig, "not done: not subscribed with any master").await;
}
