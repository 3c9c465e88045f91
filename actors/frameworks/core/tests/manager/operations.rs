//! Reservations and volumes: in accepts, by operators, and what is heard of them.

use frameworks_core::{
    AllocatorQuestion, Effect, Input, News, QuestionId, Request, Timer, ToAgents,
};
use frameworks_core::{ToAllocator, ToScheduler};
use protocol::allocator::ConvertResources;
use protocol::framework::{Capability, Filters, Operation, OperationState, OperationStatus};
use protocol::frameworks::{
    AcceptOffers, AcknowledgeOperation, AgentJoined, AgentLossCause, ForwardOperation,
    OperateOnAgent, OperationQuestion, OperationUndeliverable, ReconcileOperations,
};
use protocol::id::{Generation, OfferId};
use protocol::operation::{AgentOperation, OperationReport, ResourceOperation};
use protocol::resources::{Disk, Reservation, Resource, Scalar};
use protocol::task::Reason;
use protocol::{Failure, FailureKind, FrameworkId, Resources};

use crate::fixture::*;

fn reserved(text: &str) -> Resources {
    let layer =
        Reservation { role: "dev".into(), dynamic: true, principal: None, labels: [].into() };
    let reserve = |r: &Resource| Resource { reservations: vec![layer.clone()], ..r.clone() };
    bag(text).iter().map(reserve).collect()
}

fn volume(size: &str, id: &str) -> Resources {
    let disk = Disk { persistence_id: id.into(), container_path: "data".into(), principal: None };
    let made = |r: &Resource| Resource { disk: Some(disk.clone()), ..r.clone() };
    reserved(&format!("disk={size}")).iter().map(made).collect()
}

fn only(bag: &Resources) -> Resource {
    bag.iter().next().unwrap().clone()
}

fn reserve(text: &str) -> ResourceOperation {
    ResourceOperation::Reserve { resources: reserved(text), source: Resources::EMPTY }
}

fn apply(id: Option<&str>, operation: ResourceOperation) -> Operation {
    Operation::Apply { operation_id: id.map(Into::into), operation: Box::new(operation) }
}

fn joined_with(generation: u64, resources: &Resources, done: Vec<OperationReport>) -> News {
    let mut info = agent_info("cpus=4");
    info.resources = resources.clone();
    News::AgentJoined(AgentJoined { info, operations: done, ..joined("a1", generation, vec![]) })
}

fn ready() -> (Bench, FrameworkId) {
    let mut bench = Bench::leading();
    let id = bench.subscribe();
    bench.tell(joined_with(1, &bag("cpus=4;mem=4000;disk=100"), vec![]));
    (bench, id)
}

impl Bench {
    fn operate(&mut self, id: &FrameworkId, offer: OfferId, operations: Vec<Operation>) -> Out {
        let filters = Filters { refuse_ms: 9000 };
        let accept =
            AcceptOffers { framework_id: id.clone(), offer_ids: vec![offer], operations, filters };
        self.call(Request::Accept(accept))
    }

    /// Offers this, does that with it.
    fn use_offer(&mut self, id: &FrameworkId, offer: &Resources, all: Vec<Operation>) -> Out {
        let offer = self.hold(id, offer);
        self.operate(id, offer, all)
    }

    /// Offers this.
    fn hold(&mut self, id: &FrameworkId, offer: &Resources) -> OfferId {
        let mut allocation = allocation(id, "a1", self.generation(), "cpus=1");
        allocation.resources = offer.clone();
        let allocations = protocol::frameworks::OfferAllocations {
            round: self.round,
            allocations: vec![allocation],
        };
        let out = self.tell(News::Allocations(allocations));
        out.offers()[0].offer_id.clone()
    }

    fn generation(&self) -> u64 {
        let term = self.state.term().unwrap();
        let (_, agent) = term.agents().next().unwrap();
        match agent.standing() {
            frameworks_core::Standing::Here { generation } => generation.0,
            other => panic!("{other:?}"),
        }
    }

    fn total(&self) -> Resources {
        let (_, agent) = self.state.term().unwrap().agents().next().unwrap();
        agent.info().unwrap().resources.clone()
    }

    fn wish(&mut self, operation: ResourceOperation) -> Out {
        let operate = OperateOnAgent { agent_id: "a1".into(), operation, principal: None };
        self.ask(&address("gateway@10.0.0.1:7050"), Request::Operate(operate))
    }

    fn allocator_says(&mut self, question: QuestionId, result: Result<(), Failure>) -> Out {
        self.step(Input::AllocatorAnswered { question, result })
    }
}

impl Out {
    fn sent(&self) -> Vec<AgentOperation> {
        let sent = |m: &&ToAgents| match m {
            ToAgents::Operate(route) => Some(route.operation.clone()),
            _ => None,
        };
        self.to_agents().iter().filter_map(sent).collect()
    }

    fn operations(&self) -> Vec<OperationStatus> {
        let told = |m: &&ToScheduler| match m {
            ToScheduler::Operation(update) => Some(update.status.clone()),
            _ => None,
        };
        self.to_scheduler().iter().filter_map(told).collect()
    }

    fn verdicts(&self) -> Vec<OperationState> {
        self.operations().into_iter().map(|status| status.state).collect()
    }

    fn converted(&self) -> Vec<&ConvertResources> {
        let converted = self.to_allocator().into_iter().filter_map(|m| match m {
            ToAllocator::Convert(convert) => Some(convert),
            _ => None,
        });
        converted.collect()
    }

    fn question(&self) -> (QuestionId, &ConvertResources) {
        let asked = self.0.iter().find_map(|effect| match effect {
            Effect::AskAllocator { question, message: AllocatorQuestion::Convert(convert) } => {
                Some((*question, convert))
            }
            _ => None,
        });
        asked.unwrap_or_else(|| panic!("nothing is asked in {self:?}"))
    }

    /// The registrations of which something is acknowledged.
    fn acknowledged(&self) -> Vec<Option<Generation>> {
        let acknowledged = |m: &&ToAgents| match m {
            ToAgents::AcknowledgeOperation(route) => Some(route.generation),
            _ => None,
        };
        self.to_agents().iter().filter_map(acknowledged).collect()
    }
}

fn finished(operation: &AgentOperation) -> OperationReport {
    let mut status = OperationStatus::new(operation.operation_id.clone(), OperationState::Finished);
    status.converted = operation.conversion.produced.clone();
    status.update_id = Some("u1".into());
    OperationReport { operation: operation.clone(), status }
}

fn forward(operation: &AgentOperation) -> News {
    let report = finished(operation);
    News::Operation(Box::new(ForwardOperation { agent_id: "a1".into(), report }))
}

#[test]
fn what_is_reserved_is_there_for_the_launch_behind_it() {
    let (mut bench, id) = ready();
    let mut task = command("t1", "a1", "cpus=1");
    task.resources = reserved("cpus=1");
    let out = bench.use_offer(
        &id,
        &bag("cpus=3;mem=100"),
        vec![apply(None, reserve("cpus=2")), Operation::Launch { tasks: vec![task] }],
    );
    out.done();
    assert!(matches!(out.to_agents()[0], ToAgents::Operate(_)));
    assert!(matches!(out.to_agents()[1], ToAgents::Launch(_)));
    let convert = out.converted()[0];
    assert_eq!((&convert.consumed, &convert.produced), (&bag("cpus=2"), &reserved("cpus=2")));
    assert_eq!(bench.total(), &bag("cpus=2;mem=4000;disk=100") + &reserved("cpus=2"));
}

#[test]
fn what_was_made_is_offered_again_at_once_and_what_was_not_touched_later() {
    let (mut bench, id) = ready();
    let out = bench.use_offer(&id, &bag("cpus=3;mem=100"), vec![apply(None, reserve("cpus=2"))]);
    let back: Vec<_> = out.recovered().iter().map(|r| (&r.resources, r.filters)).collect();
    let filters = Some(Filters { refuse_ms: 9000 });
    let untouched = bag("cpus=1;mem=100");
    assert_eq!(back, [(&reserved("cpus=2"), None), (&untouched, filters)]);
}

#[test]
fn a_volume_is_made_grown_shrunk_and_destroyed() {
    let (mut bench, id) = ready();
    let create = ResourceOperation::Create { volumes: volume("5", "v") };
    let all = vec![apply(None, reserve("disk=10")), apply(None, create)];
    bench.use_offer(&id, &bag("disk=20"), all).done();
    let grow = ResourceOperation::GrowVolume {
        volume: only(&volume("5", "v")),
        addition: only(&reserved("disk=1")),
    };
    let have = &volume("5", "v") + &reserved("disk=5");
    bench.use_offer(&id, &have, vec![apply(None, grow)]).done();
    let shrink = ResourceOperation::ShrinkVolume {
        volume: only(&volume("6", "v")),
        subtract: Scalar::from_milli(2000),
    };
    bench.use_offer(&id, &volume("6", "v"), vec![apply(None, shrink)]).done();
    let destroy = ResourceOperation::Destroy { volumes: volume("4", "v") };
    let unreserve = ResourceOperation::Unreserve { resources: reserved("disk=4") };
    let all = vec![apply(None, destroy), apply(None, unreserve)];
    bench.use_offer(&id, &volume("4", "v"), all).done();
    assert_eq!(bench.total(), &bag("cpus=4;mem=4000;disk=94") + &reserved("disk=6"));
}

#[test]
fn a_volume_that_has_grown_is_not_for_use_in_the_same_accept() {
    let (mut bench, id) = ready();
    let create = ResourceOperation::Create { volumes: volume("5", "v") };
    let all = vec![apply(None, reserve("disk=10")), apply(None, create)];
    bench.use_offer(&id, &bag("disk=20"), all).done();
    let grow = ResourceOperation::GrowVolume {
        volume: only(&volume("5", "v")),
        addition: only(&reserved("disk=1")),
    };
    let destroy = ResourceOperation::Destroy { volumes: volume("6", "v") };
    let have = &volume("5", "v") + &reserved("disk=5");
    let out = bench.use_offer(&id, &have, vec![apply(None, grow), apply(Some("o1"), destroy)]);
    out.done();
    assert_eq!(out.verdicts(), [OperationState::Error]);
    assert_eq!(out.given_back(), &volume("6", "v") + &reserved("disk=4"));
}

#[test]
fn an_invalid_operation_is_told_of_and_the_others_are_done() {
    let (mut bench, id) = ready();
    let all = vec![
        apply(Some("o1"), reserve("cpus=9")),
        apply(Some("o2"), ResourceOperation::Unreserve { resources: bag("cpus=1") }),
        apply(Some("o3"), reserve("cpus=1")),
    ];
    let out = bench.use_offer(&id, &bag("cpus=3"), all);
    out.done();
    assert_eq!(out.verdicts(), [OperationState::Error; 2]);
    assert!(out.operations()[0].message.contains("more than the available"));
    assert!(out.operations()[1].message.contains("not dynamically reserved"));
    assert_eq!(out.sent().len(), 1);
    assert_eq!(out.given_back(), &bag("cpus=2") + &reserved("cpus=1"));
    let refused = Operation::Refused {
        operation_id: None,
        task_ids: vec![],
        reason: Reason::TaskInvalid,
        message: "not understood".into(),
    };
    let all = vec![apply(None, reserve("cpus=1")), apply(None, reserve("cpus=9")), refused];
    let not_done = bench.use_offer(&id, &bag("cpus=2"), all).not_done();
    assert_eq!(not_done.iter().map(|it| it.at).collect::<Vec<_>>(), [1, 2]);
    assert!(not_done[0].why.starts_with("RESERVE: the offers do not have what it needs"));
    assert_eq!(not_done[1].why, "not understood");
    let out = bench.operate(&id, "gone".into(), vec![apply(Some("o4"), reserve("cpus=1"))]);
    assert_eq!(out.verdicts(), [OperationState::Error]);
    out.refused();
}

#[test]
fn an_outcome_is_told_until_it_is_acknowledged() {
    let (mut bench, id) = ready();
    let out = bench.use_offer(&id, &bag("cpus=3"), vec![apply(Some("o1"), reserve("cpus=1"))]);
    let sent = out.sent().remove(0);
    for _ in 0..2 {
        let told = bench.tell(forward(&sent)).operations().remove(0);
        assert_eq!(told.state, OperationState::Finished);
        assert_eq!(told.converted, reserved("cpus=1"));
        assert!(told.update_id.is_some() && told.agent_id.is_some());
    }
    let ask = |bench: &mut Bench| {
        let operations = vec![OperationQuestion { operation_id: "o1".into(), agent_id: None }];
        let ask = ReconcileOperations { framework_id: id.clone(), operations };
        bench.call(Request::ReconcileOperations(ask)).operations().remove(0)
    };
    let known = ask(&mut bench);
    assert_eq!((known.state, known.update_id), (OperationState::Finished, None));
    let acknowledge = AcknowledgeOperation {
        framework_id: id.clone(),
        agent_id: "a1".into(),
        operation_id: "o1".into(),
        update_id: "u1".into(),
    };
    let out = bench.call(Request::AcknowledgeOperation(acknowledge));
    out.done();
    assert_eq!(out.acknowledged(), [Some(Generation(1))]);
    assert_eq!(ask(&mut bench).state, OperationState::Unknown);
}

#[test]
fn what_nobody_waits_for_is_acknowledged_by_the_master() {
    let (mut bench, id) = ready();
    let out = bench.use_offer(&id, &bag("cpus=3"), vec![apply(None, reserve("cpus=1"))]);
    let out = bench.tell(forward(&out.sent()[0]));
    assert_eq!((out.acknowledged(), out.operations().len()), (vec![Some(Generation(1))], 0));
}

#[test]
fn an_agent_that_is_back_says_what_was_done_and_what_was_not() {
    let (mut bench, id) = ready();
    let all = vec![apply(Some("o1"), reserve("cpus=1")), apply(Some("o2"), reserve("mem=10"))];
    let sent = bench.use_offer(&id, &bag("cpus=3;mem=100"), all).sent();
    bench.leave("a1", 1, AgentLossCause::Disconnected);
    let has = &bag("cpus=3;mem=4000;disk=100") + &reserved("cpus=1");
    let out = bench.tell(joined_with(2, &has, vec![finished(&sent[0])]));
    let told: Vec<_> = out.operations().iter().map(|s| (s.operation_id.clone(), s.state)).collect();
    assert_eq!(told, [(Some("o2".into()), OperationState::Dropped)]);
    assert_eq!(bench.total(), has);
    assert_eq!(out.added_agent().info.resources, has);
    assert_eq!(bench.tell(forward(&sent[0])).verdicts(), [OperationState::Finished]);
}

#[test]
fn what_cannot_be_handed_over_is_dropped_and_what_is_lost_with_its_agent_is_told_of() {
    let (mut bench, id) = ready();
    let all = vec![apply(Some("o1"), reserve("cpus=1")), apply(Some("o2"), reserve("mem=10"))];
    let sent = bench.use_offer(&id, &bag("cpus=3;mem=100"), all).sent();
    let undeliverable = OperationUndeliverable {
        agent_id: "a1".into(),
        conversion_id: sent[0].conversion_id.clone(),
        message: "the agent is disconnected".into(),
    };
    let out = bench.tell(News::OperationUndeliverable(undeliverable));
    assert_eq!(out.verdicts(), [OperationState::Dropped]);
    let out = bench.leave("a1", 1, AgentLossCause::Unreachable);
    assert_eq!(out.verdicts(), [OperationState::Unreachable]);
    let out = bench.leave("a1", 1, AgentLossCause::Gone);
    assert_eq!(out.verdicts(), [OperationState::GoneByOperator]);
}

// --- operators -----------------------------------------------------------------------------------

#[test]
fn an_operators_wish_is_put_to_the_allocator_and_then_sent() {
    let (mut bench, _) = ready();
    let out = bench.wish(reserve("cpus=2"));
    let (question, convert) = out.question();
    assert_eq!((&convert.holder, &convert.consumed), (&None, &bag("cpus=2")));
    assert!(!out.is_answered() && out.sent().is_empty());
    let out = bench.allocator_says(question, Ok(()));
    out.done();
    assert_eq!(out.sent()[0].framework_id, None);
    assert_eq!(bench.total(), &bag("cpus=2;mem=4000;disk=100") + &reserved("cpus=2"));
    assert_eq!(bench.tell(forward(&out.sent()[0])).acknowledged(), [Some(Generation(1))]);
    assert_eq!(bench.allocator_says(question, Ok(())).0, [], "it is answered once");
}

#[test]
fn offers_of_what_an_operator_needs_are_rescinded_and_no_others() {
    let (mut bench, id) = ready();
    for what in ["cpus=1", "mem=1000", "cpus=2"] {
        bench.offer(&id, "a1", what);
    }
    let out = bench.wish(reserve("cpus=2"));
    assert_eq!(out.rescinded(), 1, "one cpu is free, and one comes back");
    assert_eq!(out.given_back(), bag("cpus=1"));
    let rescinded = out.place(|e| matches!(e, Effect::ToAllocator(ToAllocator::Recover(_))));
    assert!(rescinded < out.place(|e| matches!(e, Effect::AskAllocator { .. })));
}

#[test]
fn a_wish_that_cannot_be_is_refused() {
    let (mut bench, id) = ready();
    let offer = bench.offer(&id, "a1", "cpus=3");
    bench.accept(&id, &[offer], vec![command("t1", "a1", "cpus=3")]).done();
    bench.wish(reserve("cpus=2")).refused_as(FailureKind::Conflict, "Insufficient resources");
    let nonsense = ResourceOperation::Unreserve { resources: bag("cpus=1") };
    bench.wish(nonsense).refused_as(FailureKind::Refused, "not dynamically reserved");
    let elsewhere =
        OperateOnAgent { agent_id: "a9".into(), operation: reserve("cpus=1"), principal: None };
    let out = bench.ask(&address("gateway@10.0.0.1:7050"), Request::Operate(elsewhere));
    out.refused_as(FailureKind::NotFound, "No agent found");
    let question = bench.wish(reserve("cpus=1")).question().0;
    let out = bench.allocator_says(question, Err(Failure::refused("cpus:1 is offered")));
    out.refused_as(FailureKind::Conflict, "is offered");
    assert_eq!(bench.total(), bag("cpus=4;mem=4000;disk=100"));
}

#[test]
fn a_wish_is_answered_when_the_allocator_is_lost_or_stuck_or_the_agent_comes_anew() {
    let (mut bench, _) = ready();
    let question = bench.wish(reserve("cpus=1")).question().0;
    bench.step(Input::AllocatorExited).refused_as(FailureKind::Conflict, "try again");
    assert_eq!(bench.allocator_says(question, Ok(())).0, [], "that was another round");
    bench.fire(Timer::ResetAllocator);
    let question = bench.wish(reserve("cpus=1")).question().0;
    let stuck = Err(Failure::new(FailureKind::Timeout, "no answer"));
    let out = bench.allocator_says(question, stuck);
    out.refused_as(FailureKind::Conflict, "no answer");
    assert!(out.timer(&Timer::ResetAllocator).is_some(), "it may have done it");
    bench.fire(Timer::ResetAllocator);
    let question = bench.wish(reserve("cpus=1")).question().0;
    bench.tell(joined_with(2, &bag("cpus=4;mem=4000;disk=100"), vec![]));
    let out = bench.allocator_says(question, Ok(()));
    out.refused_as(FailureKind::Conflict, "registered anew");
    assert_eq!(bench.total(), bag("cpus=4;mem=4000;disk=100"));
    assert_eq!(Generation(bench.generation()), Generation(2));
}

#[test]
fn no_more_wishes_wait_than_there_is_room_for_and_a_deposed_leader_answers_all() {
    let (mut bench, _) = ready();
    for _ in 0..1024 {
        assert!(!bench.wish(reserve("cpus=1")).is_answered());
    }
    bench.wish(reserve("cpus=1")).refused_as(FailureKind::Conflict, "too many");
    let leadership = leadership(false);
    let out = bench.step(Input::LeaderChanged { leadership, run: "run".into() });
    assert_eq!(out.0.iter().filter(|e| matches!(e, Effect::Reply { .. })).count(), 1024);
}

#[test]
fn an_operation_ends_once_in_the_counts_whoever_says_so() {
    let (mut bench, id) = ready();
    let out = bench.use_offer(&id, &bag("cpus=1"), vec![apply(Some("o1"), reserve("cpus=1"))]);
    let done = out.sent()[0].clone();
    bench.tell(forward(&done));
    bench.tell(forward(&done));
    let out = bench.use_offer(&id, &bag("cpus=1"), vec![apply(Some("o2"), reserve("cpus=1"))]);
    let conversion_id = out.sent()[0].conversion_id.clone();
    let (agent_id, message) = ("a1".into(), "for the test".to_owned());
    let lost = OperationUndeliverable { agent_id, conversion_id, message };
    bench.tell(News::OperationUndeliverable(lost.clone()));
    bench.tell(News::OperationUndeliverable(lost));
    let bad = ResourceOperation::Unreserve { resources: bag("cpus=1") };
    bench.use_offer(&id, &bag("cpus=1"), vec![apply(Some("o3"), bad)]);
    for (name, times) in [
        ("operations/finished", 1.0),
        ("operations/reserve/finished", 1.0),
        ("operations/reserve/dropped", 1.0),
        ("operations/unreserve/error", 1.0),
        ("messages_operation_status_update", 2.0),
        ("valid_operation_status_updates", 2.0),
    ] {
        assert_eq!(bench.count(name), times, "{name}");
    }
    let counts = bench.counts(&id);
    assert_eq!((counts["operations"], counts["operations/reserve"]), (3, 2));
    assert_eq!(counts["events/update_operation_status"], 4);
}

fn shared(size: &str, id: &str) -> Resources {
    volume(size, id).iter().map(|r| Resource { shared: true, ..r.clone() }).collect()
}

/// A framework that understands sharing, and an agent with a shared volume.
fn sharing() -> (Bench, FrameworkId) {
    let mut bench = Bench::leading();
    let mut info = info("sharing");
    info.capabilities.insert(Capability::SharedResources);
    let id = bench.subscribe_as(&scheduler(), info);
    bench.tell(joined_with(1, &(&bag("cpus=4;mem=4000") + &shared("5", "v")), vec![]));
    (bench, id)
}

fn sharer(name: &str) -> protocol::task::TaskInfo {
    let mut task = command(name, "a1", "cpus=1");
    task.resources.add_all(&shared("5", "v"));
    task
}

#[test]
fn two_tasks_of_an_accept_use_one_volume() {
    let (mut bench, id) = sharing();
    let offer = &bag("cpus=3") + &shared("5", "v");
    let tasks = vec![sharer("t1"), sharer("t2")];
    let out = bench.use_offer(&id, &offer, vec![Operation::Launch { tasks }]);
    let launched = |m: &&&ToAgents| matches!(m, ToAgents::Launch(route) if route.tasks.len() == 2);
    assert_eq!(out.to_agents().iter().filter(launched).count(), 1, "{out:?}");
    let more = out.to_allocator().into_iter().find_map(|m| match m {
        ToAllocator::Share(share) => Some(share.resources.clone()),
        _ => None,
    });
    assert_eq!(more, Some(shared("5", "v")), "the offer had it once");
    let back: Vec<_> = out.recovered().iter().map(|r| &r.resources).collect();
    assert_eq!(back, [&bag("cpus=1")]);
    // It is offered again while it is used.
    let out = bench.use_offer(&id, &(&bag("cpus=1") + &shared("5", "v")), vec![]);
    let back: Vec<_> = out.recovered().iter().map(|r| &r.resources).collect();
    assert_eq!(back, [&(&bag("cpus=1") + &shared("5", "v"))]);
}

#[test]
fn a_shared_volume_is_not_destroyed_under_a_task() {
    let (mut bench, id) = sharing();
    let have = |cpus: &str| &bag(cpus) + &shared("5", "v");
    let destroy = || ResourceOperation::Destroy { volumes: shared("5", "v") };
    let launch = Operation::Launch { tasks: vec![sharer("t1")] };
    bench.use_offer(&id, &have("cpus=1"), vec![launch]).done();
    let out = bench.use_offer(&id, &have("cpus=1"), vec![apply(Some("o1"), destroy())]);
    assert_eq!(out.verdicts(), [OperationState::Error]);
    assert!(out.operations()[0].message.contains("a task uses it"), "{out:?}");
    let refused = bench.wish(destroy()).refused();
    assert_eq!(refused.kind, FailureKind::Refused);
}

#[test]
fn others_lose_their_offers_of_a_shared_volume_that_is_destroyed() {
    let (mut bench, id) = sharing();
    let mut other = allocation(&id, "a1", 1, "cpus=1");
    other.resources = &bag("cpus=1") + &shared("5", "v");
    let allocations =
        protocol::frameworks::OfferAllocations { round: bench.round, allocations: vec![other] };
    let late = allocations.clone();
    bench.tell(News::Allocations(allocations));
    let destroy = ResourceOperation::Destroy { volumes: shared("5", "v") };
    let out =
        bench.use_offer(&id, &(&bag("cpus=1") + &shared("5", "v")), vec![apply(None, destroy)]);
    assert_eq!(out.rescinded(), 1);
    assert_eq!(bench.total(), &bag("cpus=4;mem=4000") + &reserved("disk=5"));
    // What the allocator decided before it heard of that goes back.
    let out = bench.tell(News::Allocations(late));
    assert_eq!(out.recovered().len(), 1);
}

#[test]
fn a_shared_volume_that_two_of_the_offers_have_is_not_destroyed() {
    let (mut bench, id) = sharing();
    let have = &bag("cpus=1") + &shared("5", "v");
    let total = bench.total();
    for named in [shared("5", "v"), &shared("5", "v") + &shared("5", "v")] {
        let offer_ids = vec![bench.hold(&id, &have), bench.hold(&id, &have)];
        let destroy = ResourceOperation::Destroy { volumes: named };
        let operations = vec![apply(Some("o1"), destroy)];
        let filters = Filters::default();
        let accept = AcceptOffers { framework_id: id.clone(), offer_ids, operations, filters };
        let out = bench.call(Request::Accept(accept));
        out.done();
        assert_eq!(out.verdicts(), [OperationState::Error]);
        assert_eq!((out.sent().len(), out.converted().len()), (0, 0));
        assert_eq!(out.given_back(), &have + &have);
        assert_eq!(bench.total(), total);
    }
}
