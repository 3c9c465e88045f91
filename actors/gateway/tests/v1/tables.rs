//! The tables in the docs list every call and event of the API, done or not.

use gateway::v1::wire::WireMessage;
use gateway::v1::wire::{executor, master, scheduler};

/// The values of the enum `Type` of a message.
fn types<M: WireMessage>() -> Vec<String> {
    let descriptor = M::descriptor();
    let field = descriptor.get_field_by_name("type").expect("a union has a type");
    let kind = field.kind();
    let kind = kind.as_enum().expect("a type is an enum");
    kind.values().map(|value| value.name().to_owned()).collect()
}

/// Those that no row of a table begins with, alone or in a list.
fn missing(table: &str, names: &[String]) -> Vec<String> {
    let rows: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix('|')).collect();
    let first = rows.iter().filter_map(|row| row.split('|').next());
    let listed: Vec<&str> = first.flat_map(|cell| cell.split([' ', ',', '`'])).collect();
    names.iter().filter(|name| !listed.contains(&name.as_str())).cloned().collect()
}

const NONE: [String; 0] = [];

#[test]
fn every_call_and_event_of_the_scheduler_api_is_in_its_table() {
    let table = include_str!("../../SCHEDULER.md");
    assert_eq!(missing(table, &types::<scheduler::Call>()), NONE);
    assert_eq!(missing(table, &types::<scheduler::Event>()), NONE);
    let operations = types::<gateway::v1::wire::mesos::offer::Operation>();
    assert_eq!(missing(table, &operations), NONE);
}

#[test]
fn every_call_and_event_of_the_executor_api_is_in_its_table() {
    let table = include_str!("../../EXECUTOR.md");
    assert_eq!(missing(table, &types::<executor::Call>()), NONE);
    assert_eq!(missing(table, &types::<executor::Event>()), NONE);
}

#[test]
fn every_call_and_event_of_the_operator_api_is_in_its_table() {
    let table = include_str!("../../OPERATOR.md");
    assert_eq!(missing(table, &types::<master::Call>()), NONE);
    assert_eq!(missing(table, &types::<master::Event>()), NONE);
}

/// Those of `mesos.v1.agent.Call`, which no code here reads yet.
const OF_AGENTS: [&str; 33] = [
    "UNKNOWN",
    "GET_HEALTH",
    "GET_FLAGS",
    "GET_VERSION",
    "GET_METRICS",
    "GET_LOGGING_LEVEL",
    "SET_LOGGING_LEVEL",
    "LIST_FILES",
    "READ_FILE",
    "GET_STATE",
    "GET_CONTAINERS",
    "GET_FRAMEWORKS",
    "GET_EXECUTORS",
    "GET_OPERATIONS",
    "GET_TASKS",
    "GET_AGENT",
    "GET_RESOURCE_PROVIDERS",
    "LAUNCH_CONTAINER",
    "WAIT_CONTAINER",
    "KILL_CONTAINER",
    "REMOVE_CONTAINER",
    "LAUNCH_NESTED_CONTAINER",
    "WAIT_NESTED_CONTAINER",
    "KILL_NESTED_CONTAINER",
    "REMOVE_NESTED_CONTAINER",
    "LAUNCH_NESTED_CONTAINER_SESSION",
    "ATTACH_CONTAINER_INPUT",
    "ATTACH_CONTAINER_OUTPUT",
    "ADD_RESOURCE_PROVIDER_CONFIG",
    "UPDATE_RESOURCE_PROVIDER_CONFIG",
    "REMOVE_RESOURCE_PROVIDER_CONFIG",
    "MARK_RESOURCE_PROVIDER_GONE",
    "PRUNE_IMAGES",
];

#[test]
fn every_call_of_the_agents_api_is_in_its_table() {
    let names = OF_AGENTS.map(str::to_owned);
    assert_eq!(missing(include_str!("../../AGENT.md"), &names), NONE);
}
