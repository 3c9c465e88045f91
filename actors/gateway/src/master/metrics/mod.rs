//! The metrics of a master, under the names of Mesos: what there is, and what has happened since it
//! leads.
//!
//! What there is is summed up here, from lists that the owners hand out; what has happened is counted
//! by the actor to which it happens.

mod counted;
mod frameworks;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use protocol::agents::AgentState;
use protocol::framework::OperationState;
use protocol::task::TaskState;

pub(crate) use self::counted::counted;

use super::cluster::Cluster;
use super::totals::{BASIC, Totals};
use crate::common::Common;

/// The states that are counted while tasks are in them.
const LIVE: [(TaskState, &str); 5] = [
    (TaskState::Staging, "master/tasks_staging"),
    (TaskState::Starting, "master/tasks_starting"),
    (TaskState::Running, "master/tasks_running"),
    (TaskState::Killing, "master/tasks_killing"),
    (TaskState::Unreachable, "master/tasks_unreachable"),
];
/// The operations that there are; none: all of them.
const OPERATIONS: [Option<&str>; 6] = [
    Some("RESERVE"),
    Some("UNRESERVE"),
    Some("CREATE"),
    Some("DESTROY"),
    Some("GROW_VOLUME"),
    Some("SHRINK_VOLUME"),
];
const KIB: f64 = 1024.0;

/// By name.
pub(crate) type Metrics = BTreeMap<String, f64>;

/// All of them: `counted` is what the actors say.
pub(crate) fn metrics(common: &Common, cluster: &Cluster, counted: Metrics) -> Metrics {
    let mut metrics = machine(common);
    metrics.extend(counted);
    put(&mut metrics, "master/elected", 1.0);
    agents(cluster, &mut metrics);
    frameworks(cluster, &mut metrics);
    frameworks::each(cluster, &mut metrics);
    operations(cluster, &mut metrics);
    resources(cluster, &mut metrics);
    let subscribers = common.subscribers.count();
    put(&mut metrics, "master/operator_event_stream_subscribers", subscribers as f64);
    put(&mut metrics, "master/http_cache_hits", common.polls.shared() as f64);
    metrics
}

/// Those of a master that does not lead.
pub(crate) fn machine(common: &Common) -> Metrics {
    let mut metrics = Metrics::new();
    let uptime = common.host().now().since(common.started());
    put(&mut metrics, "master/elected", 0.0);
    put(&mut metrics, "master/uptime_secs", uptime.as_secs_f64());
    system(&mut metrics);
    metrics
}

fn put(metrics: &mut Metrics, name: &str, value: f64) {
    metrics.insert(name.to_owned(), value);
}

fn agents(cluster: &Cluster, metrics: &mut Metrics) {
    let count = |state| cluster.agents_in(state).count() as f64;
    let (active, disconnected) = (count(AgentState::Active), count(AgentState::Disconnected));
    put(metrics, "master/slaves_active", active);
    put(metrics, "master/slaves_connected", active);
    put(metrics, "master/slaves_inactive", disconnected);
    put(metrics, "master/slaves_disconnected", disconnected);
    put(metrics, "master/slaves_unreachable", count(AgentState::Unreachable));
}

fn frameworks(cluster: &Cluster, metrics: &mut Metrics) {
    let all = cluster.frameworks().count();
    let active = cluster.frameworks().filter(|f| f.active).count();
    put(metrics, "master/frameworks_active", active as f64);
    put(metrics, "master/frameworks_inactive", (all - active) as f64);
    put(metrics, "master/frameworks_connected", active as f64);
    put(metrics, "master/frameworks_disconnected", (all - active) as f64);
    put(metrics, "master/outstanding_offers", cluster.offers().count() as f64);
    for (_, name) in LIVE {
        put(metrics, name, 0.0);
    }
    for task in cluster.tasks().chain(cluster.unreachable_tasks()) {
        let name = LIVE.iter().find(|(state, _)| *state == task.state).map(|(_, name)| *name);
        if let Some(count) = name.and_then(|name| metrics.get_mut(name)) {
            *count += 1.0;
        }
    }
}

/// Those that are on their way, or whose outcome was not acknowledged.
fn operations(cluster: &Cluster, metrics: &mut Metrics) {
    let unreachable: BTreeSet<_> =
        cluster.agents_in(AgentState::Unreachable).map(|agent| &agent.agent_id).collect();
    for kind in OPERATIONS.into_iter().chain([None]) {
        let prefix = kind.map_or_else(String::new, |kind| format!("{}/", kind.to_lowercase()));
        let name = |state| format!("master/operations/{prefix}{state}");
        let mut counts = ["total", "pending", "recovering", "unreachable"].map(|it| (it, 0.0));
        let named = |name: &str| kind.is_none_or(|kind| kind == name);
        for view in cluster.operations().filter(|it| named(it.report.operation.operation.name())) {
            counts[0].1 += 1.0;
            let lost = unreachable.contains(&view.agent_id);
            match view.report.status.state {
                OperationState::Pending if lost => counts[3].1 += 1.0,
                OperationState::Pending => counts[1].1 += 1.0,
                OperationState::Recovering => counts[2].1 += 1.0,
                _ => {}
            }
        }
        metrics.extend(counts.map(|(state, count)| (name(state), count)));
    }
}

fn resources(cluster: &Cluster, metrics: &mut Metrics) {
    let (mut all, mut used) = (Totals::default(), Totals::default());
    cluster.agents().for_each(|agent| all.add(&agent.agent_id, &agent.info.resources));
    cluster.used_by_agent().for_each(|(agent_id, bag)| used.add(agent_id, bag));
    for name in BASIC {
        for (infix, revocable) in [("", false), ("_revocable", true)] {
            let amount = |of: &Totals| of.amount(name, revocable).as_f64();
            let (total, used) = (amount(&all), amount(&used));
            let percent = if total > 0.0 { used / total } else { 0.0 };
            put(metrics, &format!("master/{name}{infix}_total"), total);
            put(metrics, &format!("master/{name}{infix}_used"), used);
            put(metrics, &format!("master/{name}{infix}_percent"), percent);
        }
    }
}

/// The machine that answers. What it does not tell is left out.
fn system(metrics: &mut Metrics) {
    if let Ok(cpus) = std::thread::available_parallelism() {
        put(metrics, "system/cpus_total", cpus.get() as f64);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let names = ["system/load_1min", "system/load_5min", "system/load_15min"];
    for (name, value) in names.into_iter().zip(load.split_whitespace()) {
        if let Ok(value) = value.parse() {
            put(metrics, name, value);
        }
    }
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    for (key, name) in
        [("MemTotal:", "system/mem_total_bytes"), ("MemFree:", "system/mem_free_bytes")]
    {
        let line = memory.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        if let Some(kib) = kib {
            put(metrics, name, kib * KIB);
        }
    }
}
