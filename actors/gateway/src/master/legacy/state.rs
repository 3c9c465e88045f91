//! `/state`, and its parts under paths of their own.

use std::collections::BTreeMap;

use actix_web::web::Bytes;
use foldhash::{HashMap, HashMapExt};
use protocol::agents::AgentState;
use protocol::elector::Leader;
use protocol::frameworks::FrameworkView;
use protocol::id::{AgentId, FrameworkId};
use protocol::task::{Task, TaskState};
use serde::{Serialize, Serializer};

use super::model::{FrameworkHead, FrameworkModel, Holding, Owned, RecoveredSlave, Slave, domain};
use super::pieces::Pieces;
use crate::aside::{both, each, in_turns};
use crate::master::about::About;
use crate::master::ahead::read_ahead;
use crate::master::cluster::Cluster;
use crate::v1::MESOS_VERSION;
use crate::v1::convert::master::{capability_names, id, pid, split};

/// What everything is written from.
pub(super) struct Scene<'a> {
    pub(super) cluster: &'a Cluster,
    by_agent: HashMap<&'a AgentId, Holding<'a>>,
    by_framework: HashMap<&'a FrameworkId, Owned<'a>>,
    /// In the order of the cluster.
    completed: Vec<Owned<'a>>,
    nothing: Owned<'a>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        let remembered = cluster.completed_frameworks().map(|framework| Owned {
            completed_tasks: cluster.ended_tasks_of(framework).iter().map(AsRef::as_ref).collect(),
            ..Owned::default()
        });
        let (by_agent, by_framework) = both(|| holdings(cluster), || belongings(cluster));
        Self {
            cluster,
            by_agent,
            by_framework,
            completed: remembered.collect(),
            nothing: Owned::default(),
        }
    }

    pub(super) fn of_agent(&self, id: &AgentId) -> &Holding<'a> {
        self.by_agent.get(id).unwrap_or(&self.nothing.held)
    }

    fn of_framework(&self, id: &FrameworkId) -> &Owned<'a> {
        self.by_framework.get(id).unwrap_or(&self.nothing)
    }

    pub(super) fn slaves(&self) -> impl Iterator<Item = Slave<'_>> {
        self.cluster.agents().map(|agent| Slave::new(agent, self.of_agent(&agent.agent_id)))
    }

    pub(super) fn recovered_slaves(&self) -> impl Iterator<Item = RecoveredSlave<'_>> {
        self.cluster.recovered_agents().map(RecoveredSlave::new)
    }

    /// Frameworks with all that they have.
    pub(super) fn frameworks(&self) -> impl Iterator<Item = FrameworkModel<'_>> {
        self.cluster.frameworks().map(|framework| self.framework(framework))
    }

    fn framework<'b>(&'b self, framework: &'b FrameworkView) -> FrameworkModel<'b> {
        let owned = self.of_framework(&framework.framework_id);
        FrameworkModel::new(self.cluster, framework, owned)
    }

    pub(super) fn completed_frameworks(&self) -> impl Iterator<Item = FrameworkModel<'_>> {
        let all = self.cluster.completed_frameworks().zip(&self.completed);
        all.map(|(framework, owned)| FrameworkModel::new(self.cluster, framework, owned))
    }
}

/// What is used and what is offered on each agent; nobody asks for both together.
fn holdings(cluster: &Cluster) -> HashMap<&AgentId, Holding<'_>> {
    let mut all: HashMap<&AgentId, Holding<'_>> = HashMap::new();
    for share in in_turns(cluster.used()) {
        all.entry(share.agent_id).or_default().used.add(share.agent_id, share.resources);
    }
    for share in in_turns(cluster.offered()) {
        all.entry(share.agent_id).or_default().offered.add(share.agent_id, share.resources);
    }
    all
}

/// What is of each framework.
fn belongings(cluster: &Cluster) -> HashMap<&FrameworkId, Owned<'_>> {
    let mut all: HashMap<&FrameworkId, Owned<'_>> = HashMap::new();
    for task in cluster.frameworks().flat_map(|framework| cluster.ended_tasks_of(framework)) {
        all.entry(&task.framework_id).or_default().completed_tasks.push(task);
    }
    for task in in_turns(read_ahead(cluster.every_unfinished_task())) {
        let owned = all.entry(&task.framework_id).or_default();
        let shown = cluster.shows_tasks_of(&task.framework_id);
        match task.state {
            TaskState::Unreachable if !shown => {}
            state if state.is_terminal() && !shown => {}
            TaskState::Unreachable => owned.unreachable_tasks.push(task),
            state if state.is_terminal() => owned.completed_tasks.push(task),
            _ => {
                owned.held.add_used(&task.agent_id, &task.resources);
                if shown {
                    owned.tasks.push(task);
                }
            }
        }
    }
    for executor in cluster.every_executor() {
        let owned = all.entry(&executor.framework_id).or_default();
        owned.held.add_used(&executor.agent_id, &executor.info.resources);
        if cluster.shows_executors_of(&executor.framework_id) {
            owned.executors.push(executor);
        }
    }
    for offer in cluster.offers() {
        let owned = all.entry(&offer.framework_id).or_default();
        owned.held.add_offered(&offer.agent_id, &offer.resources);
        owned.offers.push(offer);
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

/// `/state` but for the agents and frameworks that are here.
#[derive(Serialize)]
struct State<'a> {
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
    recovered_slaves: Vec<RecoveredSlave<'a>>,
    completed_frameworks: Vec<FrameworkModel<'a>>,
    /// These two are of the past, and always empty.
    orphan_tasks: [(); 0],
    unregistered_frameworks: [(); 0],
}

/// What an agent and a task take in `/state`, more or less, in bytes: a guess that spares copies of
/// what is written so far.
const AGENT_LENGTH: usize = 1024;
const TASK_LENGTH: usize = 512;

/// One of the parts of `/state` that the threads share out.
enum Part<'a> {
    Slaves,
    Framework(&'a FrameworkView),
}

impl Part<'_> {
    fn write(&self, scene: &Scene<'_>) -> serde_json::Result<Bytes> {
        let mut text;
        match self {
            Self::Slaves => {
                text = Vec::with_capacity(4096 + scene.cluster.agents().count() * AGENT_LENGTH);
                serde_json::to_writer(&mut text, &Slaves(scene))?;
            }
            Self::Framework(framework) => {
                let owned = scene.of_framework(&framework.framework_id);
                text = Vec::with_capacity(4096 + owned.count_tasks() * TASK_LENGTH);
                serde_json::to_writer(&mut text, &scene.framework(framework))?;
            }
        }
        Ok(text.into())
    }
}

/// Writes `/state`, by two threads.
pub(super) fn write(scene: &Scene<'_>, speaker: &Speaker<'_>) -> serde_json::Result<Pieces> {
    let frameworks = scene.cluster.frameworks().map(Part::Framework);
    let parts: Vec<_> = std::iter::once(Part::Slaves).chain(frameworks).collect();
    let mut written = each(&parts, |part| part.write(scene)).into_iter();
    let mut head = serde_json::to_vec(&State::new(scene, speaker))?;
    // The object goes on.
    head.pop();
    head.extend_from_slice(b",\"slaves\":");
    let mut pieces = vec![Bytes::from(head)];
    pieces.extend(written.next().transpose()?);
    let mut before = ",\"frameworks\":[";
    for framework in written {
        pieces.extend([Bytes::from_static(before.as_bytes()), framework?]);
        before = ",";
    }
    let end = if before == "," { "]}" } else { ",\"frameworks\":[]}" };
    pieces.push(Bytes::from_static(end.as_bytes()));
    Ok(pieces.into())
}

/// All of them. Each is made while it is written: there are many.
struct Slaves<'a>(&'a Scene<'a>);

impl Serialize for Slaves<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(in_turns(self.0.slaves()))
    }
}

/// Who answers, and since when.
pub(super) struct Speaker<'a> {
    pub(super) about: &'a About,
    pub(super) leader: Option<Leader>,
    pub(super) started: f64,
    pub(super) elected: Option<f64>,
}

impl<'a> State<'a> {
    fn new(scene: &'a Scene<'a>, speaker: &'a Speaker<'a>) -> Self {
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
            recovered_slaves: scene.recovered_slaves().collect(),
            completed_frameworks: scene.completed_frameworks().collect(),
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
                framework: FrameworkHead::new(framework, &scene.of_framework(id).held),
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
