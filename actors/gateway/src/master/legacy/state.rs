//! `/state`, and its parts under paths of their own.

use std::collections::BTreeMap;

use protocol::agents::AgentState;
use protocol::elector::Leader;
use protocol::id::{AgentId, FrameworkId};
use protocol::task::{Task, TaskState};
use serde::Serialize;

use super::model::{
    Belongings, ExecutorModel, FrameworkHead, FrameworkModel, Holding, OfferModel, RecoveredSlave,
    Slave, TaskModel, domain,
};
use crate::master::about::About;
use crate::master::cluster::{Cluster, Share};
use crate::v1::MESOS_VERSION;
use crate::v1::convert::master::{capability_names, id, pid, split};
use protocol::frameworks::FrameworkView as Framework;

/// What an agent and a task take in `/state`, more or less, in bytes: a guess that spares a copy of
/// what is written so far.
const AGENT_LENGTH: usize = 800;
const TASK_LENGTH: usize = 450;

/// How long `/state` is going to be, more or less.
pub(super) fn length(cluster: &Cluster) -> usize {
    let (agents, tasks) = cluster.sizes();
    4096 + agents * AGENT_LENGTH + tasks * TASK_LENGTH
}

/// What everything is written from.
pub(super) struct Scene<'a> {
    pub(super) cluster: &'a Cluster,
    by_agent: BTreeMap<&'a AgentId, Holding>,
    by_framework: BTreeMap<&'a FrameworkId, Holding>,
    nothing: Holding,
}

impl<'a> Scene<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            by_agent: holdings(cluster, |share| share.agent_id),
            by_framework: holdings(cluster, |share| share.framework_id),
            nothing: Holding::default(),
        }
    }

    pub(super) fn of_agent(&self, id: &AgentId) -> &Holding {
        self.by_agent.get(id).unwrap_or(&self.nothing)
    }

    pub(super) fn of_framework(&self, id: &FrameworkId) -> &Holding {
        self.by_framework.get(id).unwrap_or(&self.nothing)
    }

    pub(super) fn slaves(&self) -> impl Iterator<Item = Slave<'_>> {
        self.cluster.agents().map(|agent| {
            let held = self.of_agent(&agent.agent_id);
            Slave::new(agent, &held.used, &held.offered)
        })
    }

    pub(super) fn recovered_slaves(&self) -> impl Iterator<Item = RecoveredSlave<'_>> {
        self.cluster.recovered_agents().map(RecoveredSlave::new)
    }

    /// Frameworks with all that they have.
    pub(super) fn frameworks(&self) -> Vec<FrameworkModel<'_>> {
        let mut belongings = self.belongings();
        let models = self.cluster.frameworks().map(|framework| {
            let id = &framework.framework_id;
            self.framework(framework, belongings.remove(id).unwrap_or_default())
        });
        models.collect()
    }

    pub(super) fn completed_frameworks(&self) -> Vec<FrameworkModel<'_>> {
        let models = self.cluster.completed_frameworks().map(|framework| {
            let completed = framework.completed.iter();
            let completed_tasks =
                completed.map(|task| TaskModel::new(self.cluster, task)).collect();
            self.framework(framework, Belongings { completed_tasks, ..Belongings::default() })
        });
        models.collect()
    }

    fn framework<'b>(
        &'b self,
        framework: &'b Framework,
        belongings: Belongings<'b>,
    ) -> FrameworkModel<'b> {
        FrameworkModel::new(framework, self.of_framework(&framework.framework_id), belongings)
    }

    fn belongings(&self) -> BTreeMap<&FrameworkId, Belongings<'_>> {
        let mut all: BTreeMap<&FrameworkId, Belongings<'_>> = BTreeMap::new();
        let model = |task: &'a Task| TaskModel::new(self.cluster, task);
        for task in self.cluster.tasks() {
            all.entry(&task.framework_id).or_default().tasks.push(model(task));
        }
        for task in self.cluster.unreachable_tasks() {
            all.entry(&task.framework_id).or_default().unreachable_tasks.push(model(task));
        }
        for task in self.cluster.completed_tasks() {
            all.entry(&task.framework_id).or_default().completed_tasks.push(model(task));
        }
        for offer in self.cluster.offers() {
            all.entry(&offer.framework_id).or_default().offers.push(OfferModel::new(offer));
        }
        for executor in self.cluster.executors() {
            let of = all.entry(&executor.framework_id).or_default();
            of.executors.push(ExecutorModel::new(executor));
        }
        all
    }
}

fn holdings<'a, K: Ord>(
    cluster: &'a Cluster,
    key: fn(&Share<'a>) -> &'a K,
) -> BTreeMap<&'a K, Holding> {
    let mut all: BTreeMap<&'a K, Holding> = BTreeMap::new();
    for share in cluster.used() {
        let held = all.entry(key(&share)).or_default();
        held.used.add_all(share.resources);
    }
    for share in cluster.offered() {
        let held = all.entry(key(&share)).or_default();
        held.offered.add_all(share.resources);
    }
    for held in all.values_mut() {
        held.both = held.used.clone();
        held.both.add_all(&held.offered);
    }
    all
}

#[derive(Serialize)]
struct LeaderInfo {
    id: String,
    pid: String,
    port: u16,
    hostname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<serde_json::Value>,
}

/// `/state`.
#[derive(Serialize)]
pub(super) struct State<'a> {
    version: &'static str,
    meseta_version: &'static str,
    build_date: &'static str,
    build_time: f64,
    build_user: &'static str,
    start_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    elected_time: Option<f64>,
    id: String,
    pid: String,
    hostname: String,
    capabilities: Vec<&'static str>,
    activated_slaves: usize,
    deactivated_slaves: usize,
    unreachable_slaves: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader_info: Option<LeaderInfo>,
    cluster: &'a str,
    flags: &'a BTreeMap<String, String>,
    slaves: Vec<Slave<'a>>,
    recovered_slaves: Vec<RecoveredSlave<'a>>,
    frameworks: Vec<FrameworkModel<'a>>,
    completed_frameworks: Vec<FrameworkModel<'a>>,
    /// These two are of the past, and always empty.
    orphan_tasks: [(); 0],
    unregistered_frameworks: [(); 0],
}

/// Who answers, and since when.
pub(super) struct Speaker<'a> {
    pub(super) about: &'a About,
    pub(super) leader: Option<Leader>,
    pub(super) started: f64,
    pub(super) elected: Option<f64>,
}

impl<'a> State<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, speaker: &'a Speaker<'a>) -> Self {
        let count = |state| scene.cluster.agents_in(state).count();
        let leader = speaker.leader.as_ref();
        let hostname = leader.map(|leader| split(&leader.http).0.to_owned()).unwrap_or_default();
        let domain = speaker.about.domain.as_ref().map(domain);
        Self {
            version: MESOS_VERSION,
            meseta_version: env!("CARGO_PKG_VERSION"),
            build_date: "",
            build_time: 0.0,
            build_user: "",
            start_time: speaker.started,
            elected_time: speaker.elected,
            // Only the leader answers.
            id: leader.map(id).unwrap_or_default(),
            pid: leader.map(pid).unwrap_or_default(),
            hostname: hostname.clone(),
            capabilities: capability_names().collect(),
            activated_slaves: count(AgentState::Active),
            deactivated_slaves: count(AgentState::Disconnected),
            unreachable_slaves: count(AgentState::Unreachable),
            domain: domain.clone(),
            leader: leader.map(pid),
            leader_info: leader.map(|leader| LeaderInfo {
                id: id(leader),
                pid: pid(leader),
                port: split(&leader.http).1,
                hostname,
                domain,
            }),
            cluster: &speaker.about.cluster,
            flags: &speaker.about.flags,
            slaves: scene.slaves().collect(),
            recovered_slaves: scene.recovered_slaves().collect(),
            frameworks: scene.frameworks(),
            completed_frameworks: scene.completed_frameworks(),
            orphan_tasks: [],
            unregistered_frameworks: [],
        }
    }
}

/// How many tasks are in each state.
type Counts = BTreeMap<&'static str, usize>;

#[derive(Serialize)]
struct SlaveSummary<'a> {
    #[serde(flatten)]
    slave: Slave<'a>,
    #[serde(flatten)]
    tasks: Counts,
    framework_ids: Vec<&'a FrameworkId>,
}

#[derive(Serialize)]
struct FrameworkSummary<'a> {
    #[serde(flatten)]
    framework: FrameworkHead<'a>,
    #[serde(flatten)]
    tasks: Counts,
    slave_ids: Vec<&'a AgentId>,
}

/// `/state-summary`.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    hostname: String,
    cluster: &'a str,
    slaves: Vec<SlaveSummary<'a>>,
    frameworks: Vec<FrameworkSummary<'a>>,
}

/// Counts of tasks, and whose or where they are.
struct Tally<'a, O> {
    counts: Counts,
    others: Vec<&'a O>,
}

impl<O: Ord> Tally<'_, O> {
    fn none() -> Self {
        let counts = TaskState::ALL.iter().map(|state| (state.as_str(), 0)).collect();
        Self { counts, others: Vec::new() }
    }
}

fn tally<'a, K: Ord, O: Ord>(
    cluster: &'a Cluster,
    key: fn(&'a Task) -> &'a K,
    other: fn(&'a Task) -> &'a O,
) -> BTreeMap<&'a K, Tally<'a, O>> {
    let mut all: BTreeMap<&'a K, Tally<'a, O>> = BTreeMap::new();
    let tasks = cluster.tasks().chain(cluster.unreachable_tasks());
    for task in tasks.chain(cluster.completed_tasks()) {
        let tally = all.entry(key(task)).or_insert_with(Tally::none);
        *tally.counts.entry(task.state.as_str()).or_default() += 1;
        if !task.state.is_terminal() {
            tally.others.push(other(task));
        }
    }
    for tally in all.values_mut() {
        tally.others.sort_unstable();
        tally.others.dedup();
    }
    all
}

impl<'a> Summary<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, speaker: &'a Speaker<'a>) -> Self {
        let mut by_agent = tally(scene.cluster, |t| &t.agent_id, |t| &t.framework_id);
        let mut by_framework = tally(scene.cluster, |t| &t.framework_id, |t| &t.agent_id);
        let slaves = scene.slaves().map(|slave| {
            let tally = by_agent.remove(slave.id).unwrap_or_else(Tally::none);
            SlaveSummary { slave, tasks: tally.counts, framework_ids: tally.others }
        });
        let slaves = slaves.collect();
        let frameworks = scene.cluster.frameworks().map(|framework| {
            let id = &framework.framework_id;
            let tally = by_framework.remove(id).unwrap_or_else(Tally::none);
            FrameworkSummary {
                framework: FrameworkHead::new(framework, scene.of_framework(id)),
                tasks: tally.counts,
                slave_ids: tally.others,
            }
        });
        let leader = speaker.leader.as_ref();
        Self {
            hostname: leader.map(|it| split(&it.http).0.to_owned()).unwrap_or_default(),
            cluster: &speaker.about.cluster,
            slaves,
            frameworks: frameworks.collect(),
        }
    }
}
