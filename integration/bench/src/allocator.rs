//! The allocator's core: how long a pass takes and what a change costs, by the number of agents and
//! of frameworks, and how much memory a large cluster takes.

use std::time::Instant;

use allocator_core::{Effect, Input, Options, State, Timer};
use anyhow::Context as _;
use hdrhistogram::Histogram;
use protocol::allocator::{AddAgent, AddFramework, RecoverResources, RemoveAgent, ResetAllocator};
use protocol::framework::{AgentInfo, Allocation, Filters, FrameworkInfo};
use protocol::id::Epoch;
use protocol::{Generation, HostAddr, Resources, Time};

use crate::report::{Measure, Report};

const AGENTS: [usize; 5] = [1_000, 5_000, 10_000, 20_000, 50_000];
const FRAMEWORKS: [usize; 6] = [100, 200, 500, 1_000, 2_000, 5_000];
/// Of so many pairs of an agent and a framework everyone declines every agent. More take minutes
/// and gigabytes: a filter is remembered for each.
const FILTERED_PAIRS: usize = 2_500_000;
/// Frameworks are spread over so many roles, of two levels.
const ROLES: usize = 40;
const CHANGES: usize = 2_000;
/// The best of so many is taken: what else the machine does is not the allocator's.
const RUNS: usize = 5;
/// As in the benchmarks of Mesos' allocator.
const AGENT: &str = "cpus=24;mem=4096;disk=4096;ports=[31000-32000]";

/// Every size in turn.
pub(crate) fn run(report: &mut Report) -> anyhow::Result<()> {
    memory(report)?;
    for agents in AGENTS {
        for frameworks in FRAMEWORKS {
            measure(agents, frameworks, report);
        }
    }
    Ok(())
}

fn measure(agents: usize, frameworks: usize, report: &mut Report) {
    let name = |what: &str| format!("{what}, {agents} x {frameworks}");
    let mut cluster = Cluster::new(agents, frameworks);
    let mut pass = f64::INFINITY;
    let mut offers = Vec::new();
    for _ in 0..RUNS {
        cluster.take_back(std::mem::take(&mut offers));
        let start = Instant::now();
        offers = cluster.settle();
        pass = pass.min(start.elapsed().as_secs_f64() * 1e3);
        assert_eq!(offers.len(), agents, "every agent is offered");
    }
    let target = target(agents, frameworks);
    report.add(Measure::new(name("full pass"), pass, "ms").target(target));
    cluster.one_change(offers, |what, micros| {
        report.add(Measure::new(name(what), micros, "us").target("< 100"));
    });
    if agents * frameworks <= FILTERED_PAIRS {
        let mut cluster = Cluster::new(agents, frameworks);
        cluster.decline_everything();
        let pass = (0..RUNS).map(|_| {
            let start = Instant::now();
            assert_eq!(cluster.full_pass().len(), 0, "everyone has declined everything");
            start.elapsed().as_secs_f64() * 1e3
        });
        let pass = pass.fold(f64::INFINITY, f64::min);
        report.add(Measure::new(name("full pass, all filtered"), pass, "ms").target(target));
    }
}

/// What the project wants, where it says so.
fn target(agents: usize, frameworks: usize) -> &'static str {
    match (agents, frameworks) {
        (1_000, 200) => "< 2",
        (10_000, 200) => "< 20",
        (20_000, 2_000) => "< 100",
        _ => "",
    }
}

fn memory(report: &mut Report) -> anyhow::Result<()> {
    let before = resident()?;
    let mut cluster = Cluster::new(50_000, 1_000);
    let offers = cluster.settle();
    drop(offers);
    let used = resident()?.saturating_sub(before) as f64 / f64::from(1 << 20);
    report.add(Measure::new("memory, 50000 x 1000", used, "MiB").target("< 1024"));
    Ok(())
}

/// Resident memory of this process in bytes.
fn resident() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status").context("failed to read /proc")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).context("no VmRSS in /proc")?;
    Ok(kib.parse::<u64>()? * 1024)
}

/// An allocator that has been told of a cluster, and a clock.
struct Cluster {
    state: State,
    now: Time,
    effects: Vec<Effect>,
}

impl Cluster {
    fn new(agents: usize, frameworks: usize) -> Self {
        let state = State::new(Options::default());
        let mut cluster = Self { state, now: Time::from_millis(1), effects: Vec::new() };
        cluster.step(Input::ResetAllocator(ResetAllocator { epoch: Epoch(1), round: 1 }));
        for i in 0..frameworks {
            let role = i % ROLES;
            let roles = vec![format!("team-{}/role-{role}", role % 8)];
            cluster.step(Input::AddFramework(AddFramework {
                framework_id: format!("framework-{i}").into(),
                info: FrameworkInfo { roles, ..FrameworkInfo::new("root", "bench") },
                suppressed_roles: Vec::new(),
                active: true,
                offer_constraints: None,
            }));
        }
        let info = agent_info();
        for i in 0..agents {
            cluster.step(Input::AddAgent(AddAgent {
                agent_id: format!("agent-{i}").into(),
                generation: Generation(1),
                info: info.clone(),
                used: Vec::new(),
            }));
        }
        cluster.effects.clear();
        cluster
    }

    fn step(&mut self, input: Input) {
        self.state.step(self.now, input, &mut self.effects);
    }

    /// Passes until everything has been looked at; what was offered.
    fn settle(&mut self) -> Vec<Allocation> {
        while !self.state.is_quiet() {
            self.step(Input::TimerFired(Timer::Pass));
        }
        let offer = |effect| match effect {
            Effect::Offer(offer) => Some(offer.allocations),
            _ => None,
        };
        self.effects.drain(..).filter_map(offer).flatten().collect()
    }

    fn full_pass(&mut self) -> Vec<Allocation> {
        self.step(Input::TimerFired(Timer::FullPass));
        self.settle()
    }

    fn give_back(&mut self, offer: Allocation, filters: Option<Filters>) {
        self.step(Input::RecoverResources(RecoverResources {
            agent_id: offer.agent_id,
            generation: offer.generation,
            framework_id: offer.framework_id,
            role: offer.role,
            resources: offer.resources,
            filters,
        }));
    }

    /// Everything that was offered comes back without a filter.
    fn take_back(&mut self, offers: Vec<Allocation>) {
        offers.into_iter().for_each(|offer| self.give_back(offer, None));
    }

    /// Until everyone has declined every agent, for long.
    fn decline_everything(&mut self) {
        loop {
            let offers = self.settle();
            if offers.is_empty() {
                return;
            }
            for offer in offers {
                self.give_back(offer, Some(Filters { refuse_ms: Filters::MAX_REFUSE_MS }));
            }
        }
    }

    /// From one fact to the offer that follows from it: the median and the 99th percentile.
    fn one_change(&mut self, offers: Vec<Allocation>, mut add: impl FnMut(&str, f64)) {
        let times = || Histogram::<u64>::new_with_max(10_000_000_000, 3).expect("they are bounds");
        let mut times = [times(), times()];
        for (i, offer) in offers.into_iter().take(CHANGES).enumerate() {
            let agent_id = offer.agent_id.clone();
            let filters = Some(Filters { refuse_ms: 5000 });
            let start = Instant::now();
            self.give_back(offer, filters);
            assert_eq!(self.settle().len(), 1, "another is offered it");
            record(&mut times[0], start);
            let generation = Generation(1);
            self.step(Input::RemoveAgent(RemoveAgent { agent_id, generation }));
            self.settle();
            let joins = AddAgent {
                agent_id: format!("new-agent-{i}").into(),
                generation,
                info: agent_info(),
                used: Vec::new(),
            };
            let start = Instant::now();
            self.step(Input::AddAgent(joins));
            assert_eq!(self.settle().len(), 1, "it is offered");
            record(&mut times[1], start);
        }
        for (what, times) in ["a decline", "a new agent"].into_iter().zip(&times) {
            add(&format!("{what}, p50"), times.value_at_quantile(0.5) as f64 / 1e3);
            add(&format!("{what}, p99"), times.value_at_quantile(0.99) as f64 / 1e3);
        }
    }
}

fn record(times: &mut Histogram<u64>, start: Instant) {
    let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    times.saturating_record(nanos);
}

fn agent_info() -> AgentInfo {
    AgentInfo {
        hostname: "node".into(),
        host: HostAddr::parse("10.0.0.1:7051").expect("it is an address"),
        http: "10.0.0.1:5051".into(),
        resources: Resources::parse(AGENT).expect("they are resources"),
        attributes: std::collections::BTreeMap::new(),
        boot_id: "boot".into(),
        version: "1".into(),
        domain: None,
    }
}
