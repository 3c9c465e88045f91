//! Why a framework is or is not getting offers: what is known here, and what the allocator adds.

use protocol::allocator::{FrameworkExplanation, RoleExplanation, Verdict};
use protocol::explain::{ExplainOffers, Fit, FrameworkStanding, Need, OffersExplanation};
use protocol::framework::AgentInfo;
use protocol::resources::{Resources, Value};
use protocol::{Address, Failure, FailureKind};

use crate::agents::Agent;
use crate::framework::{Framework, FrameworkState};
use crate::state::{State, Term};

impl State {
    /// What is known here; [`complete`] adds the allocator's part.
    pub fn explain(
        &self,
        question: &ExplainOffers,
        allocator: Address,
    ) -> Result<OffersExplanation, Failure> {
        let term = self.term().ok_or_else(|| self.leadership.not_leader())?;
        let framework = term.framework(&question.framework_id)?;
        Ok(term.explain(framework, question.need.as_ref(), allocator))
    }
}

impl Term {
    fn explain(
        &self,
        framework: &Framework,
        need: Option<&Need>,
        allocator: Address,
    ) -> OffersExplanation {
        let id = &framework.id;
        let summary = self.summarize(framework);
        OffersExplanation {
            framework_id: id.clone(),
            name: framework.info.name.clone(),
            standing: standing(framework.state),
            removed_at: framework.removed_at,
            verdict: Verdict::Unknown,
            summary: String::new(),
            offers: summary.offers,
            offered: summary.offered,
            used: summary.used,
            roles: Vec::new(),
            declined: Vec::new(),
            setbacks: self.setbacks.of(id).cloned().collect(),
            allocator,
            unexplained: None,
            fit: need.map(|need| self.fit(need)),
        }
    }

    /// Which agents have what is needed.
    fn fit(&self, need: &Need) -> Fit {
        let mut fit = Fit {
            agents: 0,
            large_enough: 0,
            free_enough: 0,
            too_small: Default::default(),
            occupied: Default::default(),
            summary: String::new(),
        };
        for agent in self.agents.values().filter(|agent| agent.here().is_some()) {
            let Some(info) = &agent.info else { continue };
            fit.agents += 1;
            count(&mut fit, agent, info, need);
        }
        fit.summary = sentence_of_fit(&fit);
        fit
    }
}

fn standing(state: FrameworkState) -> FrameworkStanding {
    match state {
        FrameworkState::Active => FrameworkStanding::Active,
        FrameworkState::Recovered => FrameworkStanding::Recovered,
        FrameworkState::Disconnected | FrameworkState::Removed => FrameworkStanding::Disconnected,
    }
}

fn count(fit: &mut Fit, agent: &Agent, info: &AgentInfo, need: &Need) {
    let lacking = missing(&info.resources, need);
    if !lacking.is_empty() {
        for name in lacking {
            *fit.too_small.entry(name).or_default() += 1;
        }
        return;
    }
    fit.large_enough += 1;
    let lacking = missing(&agent.free(), need);
    if lacking.is_empty() {
        fit.free_enough += 1;
    }
    for name in lacking {
        *fit.occupied.entry(name).or_default() += 1;
    }
}

/// The resources of which there is less than is needed. Volumes and what is revocable or reserved
/// for others is of no use.
fn missing(bag: &Resources, need: &Need) -> Vec<String> {
    let usable = bag.filter(|resource| {
        let ours = resource.reserved_role().is_none_or(|role| role == need.role);
        ours && !resource.revocable && resource.disk.is_none()
    });
    let mut missing = Vec::new();
    let mut ports = need.ports;
    for resource in need.resources.iter() {
        let enough = match &resource.value {
            Value::Scalar(amount) => usable.scalar(&resource.name) >= *amount,
            Value::Ranges(ranges) => {
                ports += ranges.len();
                usable.ranges(&resource.name).contains(ranges)
            }
            // Sets are tags: nobody needs an amount of them.
            Value::Set(_) => true,
        };
        if !enough {
            missing.push(resource.name.clone());
        }
    }
    if usable.ranges("ports").len() < ports && !missing.iter().any(|name| name == "ports") {
        missing.push("ports".to_owned());
    }
    missing
}

fn sentence_of_fit(fit: &Fit) -> String {
    let listed = |counts: &std::collections::BTreeMap<String, usize>| {
        let each = counts.iter().map(|(name, count)| format!("{name} on {count}"));
        each.collect::<Vec<_>>().join(", ")
    };
    let agents = fit.agents;
    if agents == 0 {
        "no agent is registered".to_owned()
    } else if fit.large_enough == 0 {
        format!("none of {agents} agents is large enough: too little {}", listed(&fit.too_small))
    } else if fit.free_enough == 0 {
        let large = fit.large_enough;
        let occupied = listed(&fit.occupied);
        format!("{large} of {agents} agents are large enough, and too little is free: {occupied}")
    } else {
        format!("{} of {agents} agents have enough free", fit.free_enough)
    }
}

/// Adds what the allocator answered, or why it did not: `away` says that nothing is offered at all.
pub fn complete(
    mut told: OffersExplanation,
    answer: Result<FrameworkExplanation, Failure>,
    away: Option<&str>,
) -> OffersExplanation {
    match (away, answer) {
        (Some(why), _) => told.unexplained = Some(format!("the allocator is away: {why}")),
        (None, Err(failure)) => told.unexplained = Some(unanswered(&told.allocator, &failure)),
        (None, Ok(answer)) => {
            told.roles = answer.roles;
            told.declined = answer.recent;
        }
    }
    (told.verdict, told.summary) = conclusion(&told, away.is_some());
    told
}

fn unanswered(allocator: &Address, failure: &Failure) -> String {
    match failure.kind {
        FailureKind::UnknownMessage => {
            format!("{allocator} does not explain itself: it has no ExplainFramework")
        }
        _ => format!("{allocator} does not answer: {failure}"),
    }
}

/// The reason that comes before all others.
fn conclusion(told: &OffersExplanation, away: bool) -> (Verdict, String) {
    if told.standing != FrameworkStanding::Active {
        return (Verdict::Inactive, absence(told));
    }
    let unexplained = told.unexplained.as_deref();
    if let (true, Some(why)) = (away, unexplained) {
        return (Verdict::NoAllocator, format!("nothing is offered to anybody: {why}"));
    }
    if told.offers > 0 {
        let (offers, offered) = (told.offers, &told.offered);
        let text = format!("it has {offers} offers that it has not answered, of {offered}");
        return (Verdict::Offered, text);
    }
    if let Some(why) = unexplained {
        return (Verdict::Unknown, format!("why it has no offers is not known: {why}"));
    }
    match &told.roles[..] {
        [] => (Verdict::Inactive, "it has no role, and so gets no offers".to_owned()),
        [role] => (role.verdict, role.summary.clone()),
        roles => (first_of(roles), sentences(roles)),
    }
}

fn absence(told: &OffersExplanation) -> String {
    let gone = match told.standing {
        FrameworkStanding::Recovered => "its scheduler has not subscribed since this master leads",
        _ => "its scheduler is not connected",
    };
    match told.removed_at {
        Some(at) => format!("{gone}; unless it is there by {}, it is removed", at.to_iso()),
        None => gone.to_owned(),
    }
}

/// Offers for one of its roles are offers.
fn first_of(roles: &[RoleExplanation]) -> Verdict {
    let good = roles.iter().find(|role| role.verdict == Verdict::Offerable);
    good.or_else(|| roles.first()).map_or(Verdict::Unknown, |role| role.verdict)
}

fn sentences(roles: &[RoleExplanation]) -> String {
    let each = roles.iter().map(|role| format!("for {}, {}", role.role, role.summary));
    each.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(standing: FrameworkStanding, offers: usize) -> OffersExplanation {
        OffersExplanation {
            framework_id: "f".into(),
            name: "demo".into(),
            standing,
            removed_at: None,
            verdict: Verdict::Unknown,
            summary: String::new(),
            offers,
            offered: Resources::parse("cpus=1").unwrap(),
            used: Resources::EMPTY,
            roles: vec![],
            declined: vec![],
            setbacks: vec![],
            allocator: "allocator@10.0.0.1:7050".parse().unwrap(),
            unexplained: None,
            fit: None,
        }
    }

    fn answer(verdicts: &[Verdict]) -> FrameworkExplanation {
        let role = |(i, verdict): (usize, &Verdict)| RoleExplanation {
            role: format!("r{i}"),
            verdict: *verdict,
            summary: format!("{verdict:?}").to_lowercase(),
            allocated: Resources::EMPTY,
            dominant_share: 0.0,
            ahead: 0,
            agents: Default::default(),
        };
        let roles = verdicts.iter().enumerate().map(role).collect();
        FrameworkExplanation { framework_id: "f".into(), active: true, roles, recent: vec![] }
    }

    #[test]
    fn the_reason_that_comes_first_is_said_first() {
        use FrameworkStanding::{Active, Disconnected};
        let say = |standing, offers, answer, away| {
            let told = complete(told(standing, offers), answer, away);
            (told.verdict, told.summary)
        };
        let filter = || Ok(answer(&[Verdict::Filter]));
        assert_eq!(say(Disconnected, 0, filter(), Some("gone")).0, Verdict::Inactive);
        let (verdict, text) = say(Active, 1, filter(), Some("gone"));
        assert_eq!(verdict, Verdict::NoAllocator);
        assert!(text.contains("gone"), "{text}");
        assert_eq!(say(Active, 1, filter(), None).0, Verdict::Offered);
        assert_eq!(say(Active, 0, filter(), None), (Verdict::Filter, "filter".into()));
        let both = Ok(answer(&[Verdict::Filter, Verdict::Offerable]));
        let (verdict, text) = say(Active, 0, both, None);
        assert_eq!(verdict, Verdict::Offerable);
        assert_eq!(text, "for r0, filter; for r1, offerable");
    }

    #[test]
    fn an_allocator_that_cannot_explain_is_told_from_one_that_does_not_answer() {
        let say = |kind| {
            let failure = Failure::new(kind, "no such message");
            complete(told(FrameworkStanding::Active, 0), Err(failure), None).summary
        };
        assert!(say(FailureKind::UnknownMessage).contains("has no ExplainFramework"));
        assert!(say(FailureKind::Timeout).contains("does not answer"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let need = |text: &str, ports| Need {
            role: "dev".into(),
            resources: Resources::parse(text).unwrap(),
            ports,
        };
        let bag = Resources::parse("cpus=2;mem=100;ports=[10-12]").unwrap();
        assert!(missing(&bag, &need("cpus=2;mem=100;ports=[10-11]", 1)).is_empty());
        assert_eq!(missing(&bag, &need("cpus=3;mem=100", 4)), ["cpus", "ports"]);
        assert_eq!(missing(&bag, &need("disk=1;ports=[13-13]", 0)), ["disk", "ports"]);
    }
}
