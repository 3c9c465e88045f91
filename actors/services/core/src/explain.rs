//! Why instances of an app run or wait: what is known here, and the conclusion with the master's part.

use protocol::explain::{AppExplanation, ExplainApp, Need};
use protocol::resources::Ranges;
use protocol::services::AppSpec;
use protocol::task::TaskState;
use protocol::{CallId, Failure, Resources, Time};

use crate::effect::Effect;
use crate::state::{AppEntry, Leading};

impl Leading {
    pub(crate) fn on_explain_app(
        &mut self,
        now: Time,
        call: CallId,
        question: &ExplainApp,
        out: &mut Vec<Effect>,
    ) {
        match self.entry(&question.id).map(|entry| self.explain(now, entry)) {
            Ok(explanation) => {
                out.push(Effect::Explain { call, explanation: Box::new(explanation) });
            }
            Err(failure) => out.push(Effect::Reply { call, result: Err(failure) }),
        }
    }

    fn explain(&self, now: Time, entry: &AppEntry) -> AppExplanation {
        let spec = &entry.app.spec;
        let states = || self.instances.of_app(&spec.id).map(|instance| instance.state);
        let running = states().filter(|state| *state == TaskState::Running).count();
        AppExplanation {
            id: spec.id.clone(),
            summary: String::new(),
            instances: spec.instances,
            running,
            starting: states().filter(|state| state.is_live()).count() - running,
            waiting: self.demand.wanted().get(&spec.id).copied().unwrap_or(0),
            need: need(spec, &self.config.role),
            framework_id: self.framework_id.clone(),
            connected: self.connected,
            delayed_until: entry.backoff.held_until(now),
            last_failure: entry.last_failure.clone(),
            deployments: self.deployments_of(&spec.id).into_iter().map(|d| d.id).collect(),
            offers: None,
            unexplained: None,
        }
    }
}

/// What one instance takes of one agent.
fn need(spec: &AppSpec, role: &str) -> Need {
    let scalars = Resources::basic(spec.cpus, spec.mem, spec.disk);
    let all = spec.ports.len() as u64;
    let required = spec.require_ports && !spec.ports.is_empty();
    let resources = if required {
        let fixed = spec.ports.iter().map(|p| (u64::from(p.port), u64::from(p.port)));
        &scalars + &Resources::ports(Ranges::from(fixed.collect::<Vec<_>>()))
    } else {
        scalars
    };
    Need { role: role.to_owned(), resources, ports: if required { 0 } else { all } }
}

/// The explanation of a framework for its app, or why there is none; and what follows.
pub fn conclude(
    mut app: AppExplanation,
    offers: Result<protocol::explain::OffersExplanation, Failure>,
) -> AppExplanation {
    match offers {
        Ok(offers) => app.offers = Some(offers),
        Err(failure) => app.unexplained = Some(failure.message),
    }
    app.summary = sentence(&app);
    app
}

fn sentence(app: &AppExplanation) -> String {
    let AppExplanation { instances, running, starting, waiting, .. } = app;
    let counts = format!("{running} of {instances} instances run");
    if *waiting > 0 {
        return format!("{counts}, {waiting} wait for an offer: {}", why_waiting(app));
    }
    if let Some(until) = app.delayed_until {
        let failed = app.last_failure.as_ref().map_or("", |failure| failure.message.as_str());
        let after = if failed.is_empty() { String::new() } else { format!(" (`{failed}`)") };
        let until = until.to_iso();
        return format!("{counts}; starting is held back until {until} after failures{after}");
    }
    if *starting > 0 {
        return format!("{counts}, {starting} are starting");
    }
    match app.deployments.is_empty() {
        true => counts,
        false => format!("{counts}; a change is being carried out"),
    }
}

/// What no agent has comes before what the framework is not offered.
fn why_waiting(app: &AppExplanation) -> String {
    if !app.connected {
        return "the service scheduler is not connected to a master".to_owned();
    }
    let Some(offers) = &app.offers else {
        let why = app.unexplained.as_deref().unwrap_or("it was not asked");
        return format!("the master does not say why: {why}");
    };
    match &offers.fit {
        Some(fit) if fit.free_enough == 0 => fit.summary.clone(),
        Some(fit) => format!("{}, and {}", fit.summary, offers.summary),
        None => offers.summary.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::FailureKind;
    use protocol::allocator::Verdict;
    use protocol::explain::{Fit, FrameworkStanding, OffersExplanation};

    fn app(waiting: usize) -> AppExplanation {
        AppExplanation {
            id: "/a".into(),
            summary: String::new(),
            instances: 3,
            running: 1,
            starting: 0,
            waiting,
            need: Need { role: "*".into(), resources: Resources::EMPTY, ports: 0 },
            framework_id: None,
            connected: true,
            delayed_until: None,
            last_failure: None,
            deployments: vec![],
            offers: None,
            unexplained: None,
        }
    }

    fn offers(free_enough: usize) -> OffersExplanation {
        OffersExplanation {
            framework_id: "f".into(),
            name: "services".into(),
            standing: FrameworkStanding::Active,
            removed_at: None,
            verdict: Verdict::Filter,
            summary: "it has refused what is free on 2 of 2 agents".into(),
            offers: 0,
            offered: Resources::EMPTY,
            used: Resources::EMPTY,
            roles: vec![],
            declined: vec![],
            setbacks: vec![],
            allocator: "allocator@10.0.0.1:7050".parse().unwrap(),
            unexplained: None,
            fit: Some(Fit {
                agents: 2,
                large_enough: free_enough,
                free_enough,
                too_small: Default::default(),
                occupied: Default::default(),
                summary: "none of 2 agents is large enough".into(),
            }),
        }
    }

    #[test]
    fn what_no_agent_has_is_said_before_what_is_not_offered() {
        let text = conclude(app(2), Ok(offers(0))).summary;
        assert_eq!(
            text,
            "1 of 3 instances run, 2 wait for an offer: none of 2 agents is large enough"
        );
        assert!(conclude(app(2), Ok(offers(1))).summary.ends_with("on 2 of 2 agents"));
    }

    #[test]
    fn a_master_that_does_not_answer_is_said_so() {
        let silent = || Err(Failure::new(FailureKind::LinkDown, "not subscribed"));
        assert!(conclude(app(1), silent()).summary.ends_with("does not say why: not subscribed"));
        let lost = AppExplanation { connected: false, ..app(1) };
        assert!(conclude(lost, silent()).summary.contains("is not connected"));
        assert_eq!(conclude(app(0), silent()).summary, "1 of 3 instances run");
    }
}
