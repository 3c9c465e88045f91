//! The scheduler's driver against stand-ins for masters.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod operations;
mod stage;

use driver::SchedulerConfig;
use protocol::elector::{LeaderChanged, Leadership};
use protocol::framework::{Filters, Operation};
use protocol::scheduler::{FrameworkError, ResourceOffers};
use protocol::task::{Reason, TaskState};
use protocol::{Epoch, Failure, FailureKind, FrameworkId, Scalar};

use stage::{Asked, Called, Elected, Master, Rig, subscribed, task, update};

#[actix_rt::test]
async fn a_size_that_is_refused_is_called_back_and_one_that_is_not_comes_as_an_update() {
    let (mut master, mut rig) = subscribed().await;
    let more = Some(Scalar::from_milli(2000));
    rig.driver.resize("t1".into(), more, None);
    let Asked::Resize(wish) = master.asked().await else { panic!("not a resize") };
    assert_eq!((wish.framework_id.as_str(), wish.task_id.as_str()), ("new", "t1"));
    assert_eq!((wish.cpus, wish.mem), (more, None));
    *master.answer.lock().unwrap() = Some(Failure::refused("no room"));
    rig.driver.resize("t2".into(), None, more);
    master.asked().await;
    let refused = Called::ResizeRefused("t2".into(), "no room".into());
    assert_eq!(rig.called().await, refused, "and nothing was said of t1");
}

#[actix_rt::test]
async fn any_master_leads_to_the_leader() {
    let elected = Elected::default();
    let (standby, mut leader) =
        (Master::start(&elected, 7).await, Master::start(&elected, 7).await);
    leader.leads(&elected, 7);
    let mut rig = Rig::start(&[&standby]).await;
    let (from, message) = leader.subscription().await;
    assert_eq!((from, message.info.id), (rig.address(), None));
    let subscribed = rig.subscribed().await;
    assert_eq!(subscribed.framework_id, FrameworkId::from("new"));
    assert_eq!((subscribed.epoch, &subscribed.master), (Epoch(7), leader.host.addr()));
    leader.tell(&rig.address(), ResourceOffers { framework_id: "new".into(), offers: vec![] });
    assert_eq!(rig.called().await, Called::Offers(0));
}

#[actix_rt::test]
async fn a_new_leader_is_subscribed_with_as_the_same_framework() {
    let elected = Elected::default();
    let (first, mut second, mut rig) = Rig::with_the_first_of_two(&elected).await;
    second.leads(&elected, 2);
    let leadership = Leadership { leader: None, leading: true };
    second.tell(&second.host.address_of("elector"), LeaderChanged { leadership });
    let (_, message) = second.subscription().await;
    assert_eq!(message.info.id, Some("new".into()));
    assert_eq!(rig.called().await, Called::Disconnected);
    assert_eq!(rig.subscribed().await.epoch, Epoch(2));
    // The deposed one does not know yet, and is not listened to.
    first.tell(&rig.address(), ResourceOffers { framework_id: "new".into(), offers: vec![] });
    first.tell(&rig.address(), update("t"));
    second.tell(&rig.address(), update("t"));
    assert_eq!(rig.update().await.task_id, "t".into());
    assert!(matches!(second.asked().await, Asked::Acknowledge(_)));
}

#[actix_rt::test]
async fn a_leader_that_dies_and_comes_back_is_subscribed_with_again() {
    let elected = Elected::default();
    let (first, mut second) = (Master::start(&elected, 1).await, Master::start(&elected, 2).await);
    first.leads(&elected, 1);
    let mut rig = Rig::start(&[&first, &second]).await;
    rig.subscribed().await;
    first.host.shutdown().await;
    assert_eq!(rig.called().await, Called::Disconnected);
    second.leads(&elected, 2);
    assert_eq!(second.subscription().await.1.info.id, Some("new".into()));
    assert_eq!(rig.subscribed().await.master, *second.host.addr());
}

#[actix_rt::test]
async fn updates_are_acknowledged_after_the_callback_or_by_hand() {
    let (mut master, mut rig) = subscribed().await;
    master.tell(&rig.address(), update("t"));
    let status = rig.update().await;
    let Asked::Acknowledge(acknowledged) = master.asked().await else { panic!() };
    assert_eq!(acknowledged.framework_id, "new".into());
    assert_eq!((acknowledged.task_id, acknowledged.update_id), ("t".into(), "u1".into()));

    let explicit = |config: &mut SchedulerConfig| config.explicit_acknowledgements = true;
    let mut by_hand = Rig::start_with(&[&master], explicit).await;
    by_hand.subscribed().await;
    master.subscription().await;
    master.tell(&by_hand.address(), update("t"));
    by_hand.update().await;
    by_hand.driver.kill("marker".into(), None, None);
    assert!(matches!(master.asked().await, Asked::Kill(_)), "not acknowledged before");
    by_hand.driver.acknowledge(&status);
    assert!(matches!(master.asked().await, Asked::Acknowledge(_)));
}

#[actix_rt::test]
async fn without_a_master_tasks_are_dropped_and_kills_wait() {
    let elected = Elected::default();
    let mut master = Master::start(&elected, 1).await;
    let mut rig = Rig::start(&[&master]).await;
    rig.driver.launch(vec!["o1".into()], vec![task("a"), task("b")]);
    for id in ["a", "b"] {
        let status = rig.update().await;
        assert_eq!((status.task_id, status.state), (id.into(), TaskState::Lost));
        assert_eq!(status.reason, Some(Reason::MasterDisconnected));
        assert_eq!(status.update_id, None);
    }
    rig.driver.kill("old".into(), Some("agent".into()), None);
    rig.driver.suppress(vec!["web".into()]);
    master.leads(&elected, 1);
    assert_eq!(master.subscription().await.1.suppressed_roles, ["web"]);
    rig.subscribed().await;
    let Asked::Kill(kill) = master.asked().await else { panic!() };
    assert_eq!((kill.framework_id, kill.task_id), ("new".into(), "old".into()));
}

#[actix_rt::test]
async fn what_became_of_a_launch_that_failed_is_asked_unless_it_is_certain() {
    let (mut master, mut rig) = subscribed().await;
    let failing = |kind| *master.answer.lock().unwrap() = Some(Failure::new(kind, "no"));
    failing(FailureKind::Refused);
    let operations = vec![Operation::Launch { tasks: vec![task("a")] }];
    rig.driver.accept(vec!["o1".into()], operations, Filters::default());
    let Asked::Accept(accepted) = master.asked().await else { panic!() };
    assert_eq!(accepted.framework_id, "new".into());
    let Asked::Reconcile(reconcile) = master.asked().await else { panic!() };
    assert_eq!(reconcile.tasks[0].task_id, "a".into());
    assert_eq!(reconcile.tasks[0].agent_id, Some("agent".into()));
    *master.answer.lock().unwrap() = Some(Failure::new(FailureKind::Overloaded, "too much"));
    rig.driver.launch(vec!["o2".into()], vec![task("b")]);
    let status = rig.update().await;
    assert_eq!((status.task_id, status.state), ("b".into(), TaskState::Lost));
    assert_eq!(status.message, "not launched: too much");
}

#[actix_rt::test]
async fn a_refusal_or_an_error_of_the_master_ends_the_driver() {
    let elected = Elected::default();
    let master = Master::start_with(&elected, 1, true).await;
    master.leads(&elected, 1);
    let mut rig = Rig::start(&[&master]).await;
    assert_eq!(rig.called().await, Called::Error("this framework was torn down".into()));

    let (master, mut rig) = subscribed().await;
    let message = "Framework failed over".to_owned();
    master.tell(&rig.address(), FrameworkError { framework_id: "new".into(), message });
    assert_eq!(rig.called().await, Called::Error("Framework failed over".into()));
}

#[actix_rt::test]
async fn a_teardown_ends_the_driver_once_the_master_has_it() {
    let (mut master, mut rig) = subscribed().await;
    rig.driver.teardown();
    assert!(matches!(master.asked().await, Asked::Teardown));
    assert_eq!(rig.called.recv().await, None, "the scheduler is dropped");
}
