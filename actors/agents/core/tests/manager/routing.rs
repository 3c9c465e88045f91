//! What reaches agents, and what becomes of the rest.

use crate::common::*;
use agents_core::{Effect, Input, ToAgent, ToFrameworks};
use protocol::agents::{
    RouteAcknowledgement, RouteKill, RouteLaunch, RouteMessage, RouteOperationAcknowledgement,
    RouteShutdownExecutor, RouteShutdownFramework, RouteUpdateFramework,
};
use protocol::framework::FrameworkInfo;
use protocol::registrar::AgentStanding;
use protocol::resize::RouteResize;
use protocol::task::{Reason, TaskInfo};
use protocol::{AgentId, Generation};

fn framework() -> FrameworkInfo {
    FrameworkInfo {
        id: Some("f1".into()),
        roles: vec![],
        checkpoint: true,
        ..FrameworkInfo::new("root", "f")
    }
}

fn launch(agent_id: &AgentId, generation: Generation) -> RouteLaunch {
    let task = TaskInfo {
        task_id: "t1".into(),
        name: String::new(),
        agent_id: agent_id.clone(),
        resources: Default::default(),
        command: None,
        executor: None,
        kill_policy: None,
        labels: vec![],
        data: None,
    };
    RouteLaunch {
        agent_id: agent_id.clone(),
        generation,
        framework: framework(),
        role: "*".into(),
        tasks: vec![task],
    }
}

fn kill(agent_id: &AgentId, task: &str) -> Input {
    Input::RouteKill(RouteKill {
        agent_id: agent_id.clone(),
        framework_id: "f1".into(),
        task_id: task.into(),
        kill_policy: None,
    })
}

#[test]
fn a_launch_for_the_present_registration_reaches_the_agent() {
    let mut manager = Manager::leading(vec![]);
    let agent = manager.join(1);
    manager.give(Input::RouteLaunch(launch(&agent.agent_id, agent.generation)));
    let [ToAgent::Run(run)] = &manager.told(&agent_at(1))[..] else { panic!("one RunTasks") };
    assert_eq!((run.epoch, run.generation, run.tasks.len()), (EPOCH, agent.generation, 1));
}

#[test]
fn a_launch_that_cannot_be_handed_over_goes_back_with_its_reason() {
    let mut manager = Manager::leading(vec![("s9", 9, AgentStanding::Admitted)]);
    let agent = manager.join(1);
    let away = manager.join(2);
    manager.give(Input::AgentExited { actor: agent_at(2) });
    for (launch, reason) in [
        (launch(&agent.agent_id, Generation(1)), Reason::AgentReregistered),
        (launch(&away.agent_id, away.generation), Reason::AgentDisconnected),
        (launch(&"s9".into(), Generation(0)), Reason::AgentDisconnected),
        (launch(&"nobody".into(), Generation(1)), Reason::AgentUnknown),
    ] {
        manager.give(Input::RouteLaunch(launch));
        assert_eq!(manager.out.len(), 1);
        let [back] = &manager.undeliverable()[..] else { panic!("one goes back") };
        assert_eq!((back.reason, back.framework_id.as_str()), (reason, "f1"));
        assert_eq!(back.task_ids, ["t1".into()]);
    }
}

#[test]
fn an_acknowledgement_stays_one_of_the_registration_in_which_it_was_given() {
    let mut manager = Manager::leading(vec![]);
    let agent = manager.join(1);
    let before = Some(Generation(agent.generation.0 - 1));
    manager.give(Input::RouteAcknowledgement(RouteAcknowledgement {
        agent_id: agent.agent_id.clone(),
        framework_id: "f1".into(),
        task_id: "t1".into(),
        update_id: "u1".into(),
        generation: before,
    }));
    let [ToAgent::Acknowledged(update)] = &manager.told(&agent_at(1))[..] else { panic!("one") };
    assert_eq!(update.generation, before);
    let route = RouteOperationAcknowledgement {
        agent_id: agent.agent_id,
        update_id: "u1".into(),
        generation: before,
    };
    manager.give(Input::RouteOperationAcknowledgement(route));
    let told = manager.told(&agent_at(1));
    let [ToAgent::OperationAcknowledged(outcome)] = &told[..] else { panic!("one") };
    assert_eq!(outcome.generation, before);
}

fn resize(agent_id: &AgentId, generation: Generation) -> Input {
    Input::RouteResize(RouteResize {
        agent_id: agent_id.clone(),
        generation,
        framework_id: "f1".into(),
        task_id: "t1".into(),
        number: 3,
        resources: Default::default(),
    })
}

#[test]
fn a_change_of_size_reaches_the_registration_it_is_for_or_is_answered_here() {
    let mut manager = Manager::leading(vec![]);
    let agent = manager.join(1);
    manager.give(resize(&agent.agent_id, agent.generation));
    let [ToAgent::Resize(resized)] = &manager.told(&agent_at(1))[..] else { panic!("one") };
    assert_eq!((resized.epoch, resized.generation), (EPOCH, agent.generation));
    manager.give(resize(&agent.agent_id, Generation(1)));
    manager.give(resize(&agent.agent_id, Generation(1)));
    let [Effect::ToFrameworks(ToFrameworks::Resized(back))] = &manager.out[..] else {
        panic!("{:?}", manager.out)
    };
    assert_eq!((back.number, back.task_id.as_str()), (3, "t1"));
    assert!(back.refused.as_deref().is_some_and(|why| why.contains("registered anew")));
    manager.give(Input::AgentExited { actor: agent_at(1) });
    manager.give(resize(&agent.agent_id, agent.generation));
    assert!(manager.told(&agent_at(1)).is_empty());
}

#[test]
fn kills_are_remembered_while_the_agent_is_away_and_sent_when_it_is_back() {
    let mut manager = Manager::leading(vec![]);
    let id = manager.join(1).agent_id;
    manager.give(kill(&id, "t0"));
    assert_eq!(manager.told(&agent_at(1)).len(), 1);
    manager.give(Input::AgentExited { actor: agent_at(1) });
    for task in ["t1", "t2", "t1"] {
        assert_eq!(manager.give(kill(&id, task)), []);
    }
    manager.register(registration(1, Some(id.as_str()), 1, 2)).unwrap();
    let told = manager.told(&agent_at(1));
    let killed = told.iter().map(|message| match message {
        ToAgent::Kill(kill) => kill.task_id.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(killed.collect::<Vec<_>>(), ["t1", "t2"]);
    manager.register(registration(1, Some(id.as_str()), 1, 3)).unwrap();
    assert!(manager.told(&agent_at(1)).is_empty(), "once");
}

#[test]
fn everything_else_is_passed_to_active_agents_and_dropped_for_others() {
    let mut manager = Manager::leading(vec![]);
    let here = manager.join(1).agent_id;
    let away = manager.join(2).agent_id;
    manager.give(Input::AgentExited { actor: agent_at(2) });
    let routes = |agent_id: &AgentId| {
        let (framework_id, executor_id) = ("f1".into(), "e1".into());
        let agents = vec![agent_id.clone()];
        let agent_id = agent_id.clone();
        [
            Input::RouteAcknowledgement(RouteAcknowledgement {
                agent_id: agent_id.clone(),
                framework_id: "f1".into(),
                task_id: "t1".into(),
                update_id: "u1".into(),
                generation: None,
            }),
            Input::RouteShutdownExecutor(RouteShutdownExecutor {
                agent_id: agent_id.clone(),
                framework_id: "f1".into(),
                executor_id: "e1".into(),
            }),
            Input::RouteMessage(RouteMessage {
                agent_id,
                framework_id,
                executor_id,
                data: vec![1].into(),
            }),
            Input::RouteShutdownFramework(RouteShutdownFramework {
                framework_id: "f1".into(),
                agents: agents.clone(),
            }),
            Input::RouteUpdateFramework(RouteUpdateFramework { framework: framework(), agents }),
        ]
    };
    for input in routes(&here) {
        manager.give(input);
        assert_eq!(manager.told(&agent_at(1)).len(), 1, "{:?}", manager.out);
    }
    for input in routes(&away) {
        assert_eq!(manager.give(input), []);
    }
}
