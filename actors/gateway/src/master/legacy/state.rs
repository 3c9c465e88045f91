//! `/state`, and its parts under paths of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::Bytes;
use foldhash::{HashMap, HashMapExt};
use protocol::agents::{AgentState, AgentSummary};
use protocol::elector::Leader;
use protocol::framework::Offer;
use protocol::frameworks::{ExecutorView, FrameworkView};
use protocol::id::{AgentId, FrameworkId};
use protocol::resources::Resources;
use protocol::task::{Task, TaskState};
use serde::Serialize;

use super::model::{
    ExecutorModel, FrameworkHead, FrameworkModel, Holding, OfferModel, OnAgent, RecoveredSlave,
    Slave, TaskModel, domain,
};
use super::pieces::Draft;
use super::texts::{ChunkText, Run, item};
use crate::aside::{each, in_turns};
use crate::master::about::About;
use crate::master::cluster::Cluster;
use crate::master::totals::Totals;
use crate::v1::MESOS_VERSION;
use crate::v1::convert::master::{capability_names, id, pid, split};

/// What everything is written from.
pub(super) struct Scene<'a> {
    pub(super) cluster: &'a Cluster,
    on_agents: OnAgents<'a>,
    by_framework: HashMap<&'a FrameworkId, Owned<'a>>,
    nothing: Owned<'a>,
}

impl<'a> Scene<'a> {
    /// With the tasks of the cluster as they are written.
    pub(super) fn new(cluster: &'a Cluster, tasks: &'a [Arc<ChunkText>]) -> Self {
        Self {
            cluster,
            on_agents: OnAgents::new(cluster),
            by_framework: belongings(cluster, tasks),
            nothing: Owned::default(),
        }
    }

    fn of_framework(&self, id: &FrameworkId) -> &Owned<'a> {
        self.by_framework.get(id).unwrap_or(&self.nothing)
    }

    fn slave(&self, agent: &'a AgentSummary) -> Slave<'_> {
        Slave::new(agent, self.on_agents.of(&agent.agent_id))
    }

    /// A framework with all that it has.
    pub(super) fn framework(&self, framework: &FrameworkView) -> serde_json::Result<Draft> {
        let owned = self.of_framework(&framework.framework_id);
        self.write(framework, owned)
    }

    /// One that has ended.
    pub(super) fn completed(&self, framework: &FrameworkView) -> serde_json::Result<Draft> {
        self.write(framework, &self.nothing)
    }

    fn write(&self, framework: &FrameworkView, owned: &Owned<'_>) -> serde_json::Result<Draft> {
        let mut ended = Vec::new();
        for task in self.cluster.ended_tasks_of(framework) {
            item(&mut ended, &TaskModel::new(task))?;
        }
        let mut draft = Draft::default();
        draft.open_object(&FrameworkModel::new(framework, &owned.held))?;
        draft.text(",\"tasks\":[");
        draft.list(owned.runs.iter().map(|run| &run.live));
        draft.text("],\"unreachable_tasks\":[");
        draft.list(owned.runs.iter().map(|run| &run.unreachable));
        draft.text("],\"completed_tasks\":[");
        let unacknowledged = owned.runs.iter().map(|run| &run.ended);
        draft.list(std::iter::once(&ended.into()).chain(unacknowledged));
        draft.text("],\"offers\":");
        let offers: Vec<_> = owned.offers.iter().map(|offer| OfferModel::new(offer)).collect();
        draft.json(&offers)?;
        draft.text(",\"executors\":");
        let executors: Vec<_> = owned.executors.iter().map(|it| ExecutorModel::new(it)).collect();
        draft.json(&executors)?;
        draft.text("}");
        Ok(draft)
    }
}

/// What is used and what is offered on each agent.
pub(super) struct OnAgents<'a> {
    used: HashMap<&'a AgentId, &'a Resources>,
    offered: HashMap<&'a AgentId, Totals>,
    nothing: (Resources, Totals),
}

impl<'a> OnAgents<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        let mut offered: HashMap<&AgentId, Totals> = HashMap::new();
        for share in cluster.offered() {
            offered.entry(share.agent_id).or_default().add(share.agent_id, share.resources);
        }
        let nothing = (Resources::EMPTY, Totals::default());
        Self { used: cluster.used_by_agent().collect(), offered, nothing }
    }

    pub(super) fn of(&self, id: &AgentId) -> OnAgent<'_> {
        OnAgent {
            used: self.used.get(id).copied().unwrap_or(&self.nothing.0),
            offered: self.offered.get(id).unwrap_or(&self.nothing.1),
        }
    }
}

/// What is held of each agent, and by each framework.
pub(super) struct Holdings<'a> {
    agents: OnAgents<'a>,
    frameworks: HashMap<&'a FrameworkId, Holding>,
    nothing: Holding,
}

impl<'a> Holdings<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        let mut frameworks: HashMap<&FrameworkId, Holding> = HashMap::new();
        for share in cluster.used() {
            let held = frameworks.entry(share.framework_id).or_default();
            held.used.add(share.agent_id, share.resources);
        }
        for share in cluster.offered() {
            let held = frameworks.entry(share.framework_id).or_default();
            held.offered.add(share.agent_id, share.resources);
        }
        Self { agents: OnAgents::new(cluster), frameworks, nothing: Holding::default() }
    }

    fn of_framework(&self, id: &FrameworkId) -> &Holding {
        self.frameworks.get(id).unwrap_or(&self.nothing)
    }
}

/// What is of one framework.
#[derive(Default)]
struct Owned<'a> {
    held: Holding,
    runs: Vec<&'a Run>,
    offers: Vec<&'a Offer>,
    executors: Vec<&'a ExecutorView>,
}

fn belongings<'a>(
    cluster: &'a Cluster,
    tasks: &'a [Arc<ChunkText>],
) -> HashMap<&'a FrameworkId, Owned<'a>> {
    let mut all: HashMap<&FrameworkId, Owned<'_>> = HashMap::new();
    for run in in_turns(tasks.iter().flat_map(|chunk| &chunk.runs)) {
        let owned = all.entry(&run.framework_id).or_default();
        owned.held.used.add_totals(&run.used);
        if cluster.shows_tasks_of(&run.framework_id) {
            owned.runs.push(run);
        }
    }
    for executor in cluster.every_executor() {
        let owned = all.entry(&executor.framework_id).or_default();
        owned.held.used.add(&executor.agent_id, &executor.info.resources);
        if cluster.shows_executors_of(&executor.framework_id) {
            owned.executors.push(executor);
        }
    }
    for offer in cluster.offers() {
        let owned = all.entry(&offer.framework_id).or_default();
        owned.held.offered.add(&offer.agent_id, &offer.resources);
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
    /// These two are of the past, and always empty.
    orphan_tasks: [(); 0],
    unregistered_frameworks: [(); 0],
}

/// What an agent takes in `/state`, more or less, in bytes: a guess that spares copies of what is
/// written so far.
const AGENT_LENGTH: usize = 1024;
/// Agents that a thread writes at a time.
const AGENTS_AT_ONCE: usize = 16;

/// Writes `/state`, by two threads.
pub(super) fn write(scene: &Scene<'_>, speaker: &Speaker<'_>) -> serde_json::Result<Draft> {
    let agents: Vec<_> = scene.cluster.agents().collect();
    let agents: Vec<_> = agents.chunks(AGENTS_AT_ONCE).collect();
    let slaves = each(&agents, |agents| slaves(scene, agents)).into_iter();
    let slaves = slaves.collect::<serde_json::Result<Vec<_>>>()?;
    let frameworks: Vec<_> = scene.cluster.frameworks().collect();
    let here = each(&frameworks, |framework| scene.framework(framework)).into_iter();
    let ended = scene.cluster.completed_frameworks().map(|framework| scene.completed(framework));

    let mut answer = Draft::default();
    answer.open_object(&State::new(scene, speaker))?;
    answer.text(",\"slaves\":[");
    answer.list(slaves.iter());
    answer.text("],\"frameworks\":[");
    answer.all(here.collect::<serde_json::Result<Vec<_>>>()?);
    answer.text("],\"completed_frameworks\":[");
    answer.all(ended.collect::<serde_json::Result<Vec<_>>>()?);
    answer.text("]}");
    Ok(answer)
}

/// Each after a comma.
fn slaves(scene: &Scene<'_>, agents: &[&AgentSummary]) -> serde_json::Result<Bytes> {
    let mut text = Vec::with_capacity(agents.len() * AGENT_LENGTH);
    for agent in agents {
        item(&mut text, &scene.slave(agent))?;
    }
    Ok(text.into())
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
            recovered_slaves: scene.cluster.recovered_agents().map(RecoveredSlave::new).collect(),
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
    pub(super) fn new(
        cluster: &'a Cluster,
        held: &'a Holdings<'a>,
        speaker: &'a Speaker<'a>,
    ) -> Self {
        let mut by_agent = tally(cluster, |t| &t.agent_id, |t| &t.framework_id);
        let mut by_framework = tally(cluster, |t| &t.framework_id, |t| &t.agent_id);
        let slaves = cluster.agents().map(|agent| {
            let slave = Slave::new(agent, held.agents.of(&agent.agent_id));
            let tally = by_agent.remove(slave.id).unwrap_or_else(Tally::none);
            SlaveSummary { slave, tasks: tally.counts, framework_ids: tally.others }
        });
        let slaves = slaves.collect();
        let frameworks = cluster.frameworks().map(|framework| {
            let id = &framework.framework_id;
            let tally = by_framework.remove(id).unwrap_or_else(Tally::none);
            FrameworkSummary {
                framework: FrameworkHead::new(framework, held.of_framework(id)),
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
