//! Operations of accepts: what was not done, and statuses until they are acknowledged.

use driver::SchedulerConfig;
use protocol::framework::{Filters, Operation, OperationState, OperationStatus};
use protocol::frameworks::RefusedOperation;
use protocol::operation::ResourceOperation;
use protocol::scheduler::UpdateOperation;
use protocol::{OperationId, Resources};

use crate::stage::{Asked, Called, Master, Rig, subscribed, task};

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
    let reserve =
        ResourceOperation::Reserve { resources: Resources::EMPTY, source: Resources::EMPTY };
    let operations = vec![
        Operation::Apply { operation_id: None, operation: Box::new(reserve) },
        Operation::Launch { tasks: vec![task("a")] },
    ];
    rig.driver.accept(vec!["offer".into()], operations, Filters::default());
    assert!(matches!(master.asked().await, Asked::Accept(_)));
    assert_eq!(rig.called().await, Called::OperationsRefused(vec!["offer".into()], refused));
    rig.driver.kill("marker".into(), None, None);
    assert!(matches!(master.asked().await, Asked::Kill(_)), "nothing was asked before");
}
