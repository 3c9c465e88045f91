//! Between the wire and the vocabulary of the actors.

use std::collections::{BTreeMap, BTreeSet};

use gateway::v1::convert::ConvertError;
use gateway::v1::convert::resource::{Dialect, resource_from, resource_to};
use gateway::v1::convert::{framework, offer, status, task};
use gateway::v1::wire::{WireMessage, mesos};
use gateway::v1::{MediaType, decode, encode};
use proptest::prelude::*;
use protocol::framework::{Attribute, Capability, Filters, Offer, Operation};
use protocol::resources::{Disk, Ranges, Reservation, Resource, Resources, Scalar, Value};
use protocol::task::{ExecutorKind, KillPolicy, Reason, Source, TaskState, TaskStatus};
use protocol::{AgentId, ContainerId, ExecutorId, FrameworkId, OfferId, TaskId, Time, UpdateId};

const STACKED: Dialect = Dialect { stacked: true, allocated: true };
const FLAT: Dialect = Dialect { stacked: false, allocated: false };

fn read<M: WireMessage>(json: &str) -> M {
    decode(MediaType::Json, json.as_bytes()).expect("JSON of the message")
}

fn written<M: WireMessage>(message: &M) -> String {
    String::from_utf8(encode(MediaType::Json, message)).expect("JSON is text")
}

/// The words of a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, ConvertError>) -> String {
    result.expect_err("not to be converted").to_string()
}

#[test]
fn a_framework_introduces_itself() {
    let info = framework::info_from(&read(
        r#"{"user":"u","name":"n","id":{"value":"f-1"},"failover_timeout":0.5,"checkpoint":true,"roles":["a","b/c"],
            "hostname":"h","principal":"p","webui_url":"","labels":{"labels":[{"key":"k"}]},
            "capabilities":[{"type":"MULTI_ROLE"},{"type":"LATER"},{},{"type":"REGION_AWARE"}]}"#,
    ))
    .unwrap();
    assert_eq!((info.user.as_str(), info.name.as_str(), info.hostname.as_str()), ("u", "n", "h"));
    assert_eq!(info.id, Some(FrameworkId::from("f-1")));
    assert_eq!((info.failover_timeout_ms, info.checkpoint), (500, true));
    assert_eq!(info.roles, ["a", "b/c"]);
    assert_eq!((info.principal.as_deref(), info.webui_url.as_deref()), (Some("p"), None));
    assert_eq!(info.labels[0].key, "k");
    assert_eq!(info.capabilities, BTreeSet::from([Capability::MultiRole, Capability::RegionAware]));
    assert_eq!(framework::dialect(&info), Dialect { stacked: false, allocated: true });
}

#[test]
fn a_framework_without_multi_role_has_one_role() {
    let roles = |more: &str| {
        framework::info_from(&read(&format!(r#"{{"user":"u","name":"n"{more}}}"#)))
            .map(|info| info.roles)
    };
    assert_eq!(roles(""), Ok(vec!["*".to_owned()]));
    assert_eq!(roles(r#","role":"r""#), Ok(vec!["r".to_owned()]));
    assert_eq!(refusal(roles(r#","roles":["r"]"#)), "'roles' must not be set without MULTI_ROLE");
    let both = r#","role":"r","capabilities":[{"type":"MULTI_ROLE"}]"#;
    assert_eq!(refusal(roles(both)), "'role' must not be set with MULTI_ROLE");
}

#[test]
fn every_capability_is_known() {
    for number in 1..=8 {
        let kind = mesos::framework_info::capability::Type::try_from(number).unwrap();
        let json = format!(
            r#"{{"user":"u","name":"n","capabilities":[{{"type":"{}"}}]}}"#,
            kind.as_str_name()
        );
        let info = framework::info_from(&read(&json));
        let capabilities = info.map_or_else(|_| BTreeSet::new(), |info| info.capabilities);
        assert!(capabilities.len() == 1 && !capabilities.contains(&Capability::Unknown), "{json}");
    }
}

#[test]
fn times_that_are_none_are_refused_or_the_default() {
    for timeout in ["-1", "\"Infinity\"", "\"NaN\"", "1e10"] {
        let info = read(&format!(r#"{{"user":"u","name":"n","failover_timeout":{timeout}}}"#));
        assert!(refusal(framework::info_from(&info)).starts_with("'failover_timeout' ("));
    }
    let refuse = |json: &str| framework::filters_from(Some(&read(json))).refuse_ms;
    assert_eq!(framework::filters_from(None), Filters::default());
    assert_eq!(refuse("{}"), 5000);
    assert_eq!(refuse(r#"{"refuse_seconds":-1}"#), 5000);
    assert_eq!(refuse(r#"{"refuse_seconds":"NaN"}"#), 5000);
    assert_eq!(refuse(r#"{"refuse_seconds":0}"#), 0);
    assert_eq!(refuse(r#"{"refuse_seconds":1.5}"#), 1500);
    assert_eq!(refuse(r#"{"refuse_seconds":4294967295}"#), Filters::MAX_REFUSE_MS);
    assert_eq!(refuse(r#"{"refuse_seconds":"Infinity"}"#), Filters::MAX_REFUSE_MS);
}

fn reserved(role: &str, dynamic: bool) -> Reservation {
    let labels =
        if dynamic { BTreeMap::from([("k".to_owned(), "v".to_owned())]) } else { BTreeMap::new() };
    Reservation { role: role.into(), dynamic, principal: dynamic.then(|| "p".into()), labels }
}

#[test]
fn reservations_have_two_formats() {
    let mut cpus = Resource::new("cpus", Value::Scalar(Scalar::from_milli(1500)));
    let start = r#"{"name":"cpus","type":"SCALAR","scalar":{"value":1.5}"#;
    let forms = |cpus: &Resource| {
        [FLAT, STACKED].map(|it| resource_to(cpus, "a/b", &it).map(|it| written(&it)))
    };

    let [flat, stacked] = forms(&cpus);
    assert_eq!(flat, Some(format!(r#"{start},"role":"*"}}"#)));
    assert_eq!(stacked, Some(format!(r#"{start},"allocation_info":{{"role":"a/b"}}}}"#)));

    cpus.reservations = vec![reserved("a", true)];
    let by = r#""principal":"p","labels":{"labels":[{"key":"k","value":"v"}]}"#;
    let [flat, stacked] = forms(&cpus);
    assert_eq!(flat, Some(format!(r#"{start},"role":"a","reservation":{{{by}}}}}"#)));
    let layers = format!(r#""reservations":[{{{by},"role":"a","type":"DYNAMIC"}}]"#);
    assert_eq!(stacked, Some(format!(r#"{start},"allocation_info":{{"role":"a/b"}},{layers}}}"#)));

    cpus.reservations.push(reserved("a/b", false));
    assert_eq!(forms(&cpus)[0], None);
}

#[test]
fn what_a_resource_cannot_be_is_named() {
    let cases = [
        (r#""type":"SCALAR""#, "'scalar' must be set"),
        (r#""type":"SCALAR","scalar":{"value":-1}"#, "'scalar.value' must be a quantity, not -1"),
        (
            r#""type":"SCALAR","scalar":{"value":"NaN"}"#,
            "'scalar.value' must be a quantity, not NaN",
        ),
        (r#""type":"TEXT""#, "'type' must be SCALAR, RANGES or SET"),
        (
            r#""type":"RANGES","ranges":{"range":[{"begin":1,"end":1},{"begin":2,"end":1}]}"#,
            "'ranges.range[1].end' must not be less than 'begin'",
        ),
        (
            r#""type":"SET","set":{},"reservation":{}"#,
            "'reservation' needs 'role' to be other than '*'",
        ),
        (
            r#""type":"SET","set":{},"role":"a","reservations":[{"type":"STATIC","role":"a"}]"#,
            "'reservations' excludes 'role' and 'reservation'",
        ),
        (
            r#""type":"SET","set":{},"reservations":[{"role":"a"}]"#,
            "'reservations[0].type' must be set",
        ),
        (r#""type":"SET","set":{},"shared":{}"#, "'shared' is for persistent volumes only"),
        (
            r#""type":"SET","set":{},"disk":{"source":{"type":"RAW"}}"#,
            "'disk.source' is not supported yet",
        ),
    ];
    for (fields, reason) in cases {
        let resource = read(&format!(r#"{{"name":"x",{fields}}}"#));
        assert_eq!(refusal(resource_from(&resource)), reason);
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..1_000_000_i64).prop_map(|milli| Value::Scalar(Scalar::from_milli(milli))),
        proptest::collection::vec((any::<u64>(), any::<u64>()), 0..4)
            .prop_map(|ranges| Value::Ranges(Ranges::from(ranges))),
        proptest::collection::btree_set("[a-z]{1,3}", 0..4).prop_map(Value::Set),
    ]
}

fn resource() -> impl Strategy<Value = Resource> {
    let disk = Disk {
        persistence_id: "v".into(),
        container_path: "data".into(),
        principal: Some("p".into()),
    };
    let layers = proptest::collection::vec(("[a-z]{1,3}", any::<bool>()), 0..3);
    let flags = (any::<bool>(), any::<bool>());
    (value(), layers, proptest::option::of(Just(disk)), flags).prop_map(
        |(value, layers, disk, (revocable, shared))| {
            let shared = shared && disk.is_some();
            let reservations =
                layers.iter().map(|(role, dynamic)| reserved(role, *dynamic)).collect();
            Resource { name: "any".into(), value, reservations, disk, revocable, shared }
        },
    )
}

proptest! {
    #[test]
    fn a_resource_is_the_same_through_either_format(resource in resource()) {
        let stacked = resource_to(&resource, "r", &STACKED);
        prop_assert_eq!(stacked.map(|wire| resource_from(&wire)), Some(Ok(resource.clone())));
        match resource_to(&resource, "r", &FLAT) {
            Some(wire) => prop_assert_eq!(resource_from(&wire), Ok(resource)),
            None => prop_assert!(resource.reservations.len() > 1),
        }
    }
}

#[test]
fn an_offer_says_where_its_agent_is() {
    let mut given = Offer {
        offer_id: OfferId::from("O1"),
        framework_id: FrameworkId::from("f"),
        agent_id: AgentId::from("S1"),
        hostname: "n1".into(),
        http: "10.0.0.1:5051".into(),
        role: "a".into(),
        resources: Resources::ports(Ranges::single(31000, 31001)),
        attributes: BTreeMap::from([("rack".to_owned(), Attribute::Text("r1".into()))]),
        executor_ids: vec![ExecutorId::from("e")],
        unavailability: None,
        domain: None,
    };
    let start = concat!(
        r#"{"id":{"value":"O1"},"framework_id":{"value":"f"},"agent_id":{"value":"S1"},"hostname":"n1","#,
        r#""resources":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31001}]},"#,
        r#""role":"*"}],"executor_ids":[{"value":"e"}],"#,
        r#""attributes":[{"name":"rack","type":"TEXT","text":{"value":"r1"}}],"url":"#,
    );
    let address = r#"{"scheme":"http","address":{"hostname":"n1","ip":"10.0.0.1","port":5051}}"#;
    assert_eq!(written(&offer::offer_to(&given, &FLAT)), format!("{start}{address}}}"));

    let allocated = offer::offer_to(&given, &STACKED);
    assert_eq!(allocated.allocation_info.unwrap().role.as_deref(), Some("a"));
    given.http = "n1.local:5051".into();
    let address = offer::offer_to(&given, &FLAT).url.unwrap().address;
    assert_eq!((address.hostname.as_deref(), address.ip), (Some("n1.local"), None));
}

#[test]
fn a_task_is_launched() {
    let (_, operations) = offer::operations_from(&[read(
        r#"{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":"t1"},"agent_id":{"value":"S1"},
            "resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1},"role":"*"},
                {"name":"gpus","type":"SCALAR","scalar":{"value":0}}],
            "command":{"value":"env","user":"","environment":{"variables":[{"name":"A","value":"1"}]},
                "uris":[{"value":"http://x/y.tgz","cache":true}]},
            "kill_policy":{"grace_period":{"nanoseconds":1500000000}},
            "labels":{"labels":[{"key":"k","value":"v"}]},"data":"AQI="}]}}"#,
    )]);
    let [Operation::Launch { tasks }] = operations.as_slice() else { panic!("{operations:?}") };
    let task = &tasks[0];
    assert_eq!(
        (task.task_id.as_str(), task.agent_id.as_str(), task.name.as_str()),
        ("t1", "S1", "t")
    );
    assert_eq!(task.resources.scalar("cpus"), Scalar::from_milli(100));
    assert_eq!(task.kill_policy, Some(KillPolicy { grace_ms: Some(1500) }));
    assert_eq!(task.data.as_ref().unwrap().0, [1, 2]);
    let command = task.command.as_ref().unwrap();
    assert_eq!((command.shell, &command.user), (true, &None));
    assert_eq!(command.environment, BTreeMap::from([("A".to_owned(), "1".to_owned())]));
    assert!(command.uris[0].extract && command.uris[0].cache && !command.uris[0].executable);
}

#[test]
fn a_custom_executor_brings_its_command() {
    let executor = task::executor_from(&read(
        r#"{"executor_id":{"value":"e"},"framework_id":{"value":"f"},"name":"x","source":"s","command":{"shell":false,
            "value":"/bin/x","arguments":["x","y"]},"shutdown_grace_period":{"nanoseconds":2000000}}"#,
    ))
    .unwrap();
    assert_eq!((executor.kind, executor.shutdown_grace_ms), (ExecutorKind::Custom, Some(2)));
    assert_eq!(executor.command.unwrap().arguments, ["x", "y"]);
    let without = read(r#"{"executor_id":{"value":"e"}}"#);
    assert_eq!(refusal(task::executor_from(&without)), "'command' must be set");
}

#[test]
fn what_is_not_supported_is_named_by_its_path() {
    let task = |more: &str| {
        let task = format!(
            r#"{{"name":"t","task_id":{{"value":"t"}},"agent_id":{{"value":"a"}},{more}}}"#
        );
        let launch = format!(r#"{{"type":"LAUNCH","launch":{{"task_infos":[{task}]}}}}"#);
        refused(&offer::operations_from(&[read(&launch)]).1)
    };
    let path = "operations[0].launch.task_infos[0]";
    for (field, content) in [
        ("container", r#"{"type":"MESOS"}"#),
        ("health_check", "{}"),
        ("check", "{}"),
        ("discovery", r#"{"visibility":"CLUSTER"}"#),
        ("max_completion_time", r#"{"nanoseconds":1}"#),
        ("limits", r#"{"cpus":{"value":1}}"#),
    ] {
        let said = task(&format!(r#""{field}":{content}"#));
        assert_eq!(said, format!("'{path}.{field}' is not supported yet"));
    }
    let secret = r#"{"name":"A","type":"SECRET","secret":{}}"#;
    assert_eq!(
        task(&format!(r#""command":{{"environment":{{"variables":[{secret}]}}}}"#)),
        format!("'{path}.command.environment.variables[0].secret' is not supported yet")
    );
    let negative = r#""kill_policy":{"grace_period":{"nanoseconds":-1}}"#;
    assert_eq!(task(negative), format!("'{path}.kill_policy.grace_period' must not be negative"));
    let create = r#"{"type":"CREATE_DISK","id":{"value":"o"},"create_disk":{"source":SOURCE,"target_type":"MOUNT"}}"#;
    let source = r#"{"name":"disk","type":"SCALAR","scalar":{"value":1}}"#;
    let (_, operations) = offer::operations_from(&[read(&create.replace("SOURCE", source))]);
    let said = refused(&operations);
    assert!(said.contains("create_disk.source' must be of a resource provider"), "{said}");
    let Operation::Refused { operation_id, .. } = &operations[0] else { panic!("{operations:?}") };
    assert_eq!(operation_id.as_ref().unwrap().as_str(), "o");
}

/// What is said of the first operation.
fn refused(operations: &[Operation]) -> String {
    match &operations[0] {
        Operation::Refused { message, .. } => message.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_task_that_cannot_be_expressed_does_not_keep_its_siblings_from_being_launched() {
    let task = |id: &str, more: &str| {
        format!(r#"{{"name":"t","task_id":{{"value":"{id}"}},"agent_id":{{"value":"a"}}{more}}}"#)
    };
    let (good, bad) = (task("good", ""), task("bad", r#","check":{}"#));
    let launch = format!(r#"{{"type":"LAUNCH","launch":{{"task_infos":[{bad},{good}]}}}}"#);
    let (_, operations) = offer::operations_from(&[read(&launch)]);
    let [Operation::Refused { task_ids, reason, .. }, Operation::Launch { tasks }] =
        operations.as_slice()
    else {
        panic!("{operations:?}")
    };
    assert_eq!((task_ids[0].as_str(), *reason), ("bad", Reason::TaskInvalid));
    assert_eq!(tasks[0].task_id.as_str(), "good");

    let group = format!(
        r#"{{"type":"LAUNCH_GROUP","launch_group":{{"executor":{{"executor_id":{{"value":"e"}}}},"task_group":{{"tasks":[{good},{bad}]}}}}}}"#
    );
    let (_, operations) = offer::operations_from(&[read(&group)]);
    let [Operation::Refused { task_ids, reason, .. }] = operations.as_slice() else {
        panic!("{operations:?}")
    };
    assert_eq!((task_ids.len(), *reason), (2, Reason::TaskGroupInvalid));
}

#[test]
fn a_status_has_a_uuid_if_it_must_be_acknowledged() {
    let mut given =
        TaskStatus::new(TaskId::from("t"), TaskState::Failed, Source::Executor, Time(1_500_000))
            .because(Reason::ContainerLimitationMemory, "out of memory");
    assert_eq!(
        written(&status::status_to(&given)),
        concat!(
            r#"{"task_id":{"value":"t"},"state":"TASK_FAILED","message":"out of memory","timestamp":1.5,"#,
            r#""source":"SOURCE_EXECUTOR","reason":"REASON_CONTAINER_LIMITATION_MEMORY"}"#
        )
    );
    given.update_id = Some(UpdateId::from("07070707-0707-0707-0707-070707070707"));
    given.container_id = Some(ContainerId::from("c"));
    let wire = status::status_to(&given);
    assert_eq!(wire.uuid.as_deref(), Some([7; 16].as_slice()));
    assert_eq!(wire.container_status.unwrap().container_id.unwrap().value, "c");
}

#[test]
fn every_state_and_reason_has_its_name_on_the_wire() {
    for state in TaskState::ALL {
        let given = TaskStatus::new(TaskId::from("t"), state, Source::Master, Time(0));
        assert_eq!(status::status_to(&given).state().as_str_name(), state.as_str());
    }
    for number in 0..=34 {
        let Ok(wire) = mesos::task_status::Reason::try_from(number) else { continue };
        let reason: Reason = serde_json::from_value(wire.as_str_name().into()).unwrap();
        let given = TaskStatus::new(TaskId::from("t"), TaskState::Lost, Source::Agent, Time(0))
            .because(reason, "");
        let expected = (reason != Reason::Other).then_some(number);
        assert_eq!(status::status_to(&given).reason, expected, "{reason:?}");
    }
}
