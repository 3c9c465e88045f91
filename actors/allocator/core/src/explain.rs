//! Why a framework is or is not getting offers: the same questions as in a pass, asked of every
//! agent for this framework alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use protocol::allocator::{ExplainFramework, FrameworkExplanation, RoleExplanation, Verdict};

use crate::effect::Answer;
use crate::model::{Agent, Client, Framework, Share};
use crate::state::State;

impl State {
    /// Answers `ExplainFramework`.
    pub(crate) fn explain(&self, question: &ExplainFramework) -> Answer {
        let id = &question.framework_id;
        let Some(slot) = self.book.frameworks.find(id) else {
            return Answer::Unknown(format!("framework {id} is not known to the allocator"));
        };
        let framework = &self.book.frameworks[slot];
        let clients = framework.clients.values();
        Answer::Explanation(FrameworkExplanation {
            framework_id: id.clone(),
            active: framework.active,
            roles: clients.map(|client| self.explain_role(framework, *client)).collect(),
            recent: framework.recent.iter().cloned().collect(),
        })
    }

    pub(crate) fn explain_role(&self, framework: &Framework, client: Client) -> RoleExplanation {
        let share = &self.book.clients[client];
        let mut agents = BTreeMap::new();
        for (_, agent) in self.book.agents.iter() {
            *agents.entry(self.verdict_on(client, agent)).or_insert(0) += 1;
        }
        let verdict = self.verdict(framework, share, &agents);
        let ahead = self.ahead(client);
        let total = self.book.counted_total();
        RoleExplanation {
            role: self.book.roles[share.role].name.to_string(),
            verdict,
            summary: self.sentence(share, verdict, &agents, ahead),
            allocated: self.book.names.bag(&share.allocated),
            dominant_share: share.allocated.dominant(&total).map_or(0.0, |(share, _)| share),
            ahead,
            agents,
        }
    }

    /// What becomes of one agent for a client, whether or not the client wants offers.
    fn verdict_on(&self, client: Client, agent: &Agent) -> Verdict {
        if !agent.active {
            return Verdict::AgentInactive;
        }
        if agent.free.is_empty() {
            return Verdict::NothingFree;
        }
        match self.offer_to(client, agent) {
            Err(obstacle) => obstacle.verdict,
            // Free, wanted and not offered yet: the pass comes in a moment.
            Ok(_) => Verdict::Offerable,
        }
    }

    /// The one reason that matters most: of the framework itself, or of most agents that could be
    /// another's.
    fn verdict(
        &self,
        framework: &Framework,
        share: &Share,
        agents: &BTreeMap<Verdict, usize>,
    ) -> Verdict {
        if !framework.active || !share.subscribed {
            return Verdict::Inactive;
        }
        if share.suppressed {
            return Verdict::Suppressed;
        }
        if agents.contains_key(&Verdict::Offerable) {
            return Verdict::Offerable;
        }
        let specific = agents.iter().filter(|(verdict, _)| **verdict != Verdict::NothingFree);
        let most = specific.max_by_key(|(_, count)| **count).map(|(verdict, _)| *verdict);
        // All is in use. If some of it is in offers to others, it is their turn.
        most.unwrap_or(Verdict::NothingFree)
    }

    /// How many that want offers are served before a client.
    fn ahead(&self, client: Client) -> usize {
        let mut before = 0;
        let found = self.book.in_order(&mut |other| {
            if other == client {
                return ControlFlow::Break(());
            }
            before += 1;
            ControlFlow::Continue(())
        });
        // Who wants none has no place.
        if found.is_break() { before } else { 0 }
    }

    fn sentence(
        &self,
        share: &Share,
        verdict: Verdict,
        agents: &BTreeMap<Verdict, usize>,
        ahead: usize,
    ) -> String {
        let count = |verdict| agents.get(&verdict).copied().unwrap_or(0);
        let all: usize = agents.values().sum();
        let of = format!("{} of {all} agents", count(verdict));
        match verdict {
            Verdict::Offerable => format!("it is about to be offered what is free on {of}"),
            Verdict::Inactive => "its scheduler is not connected, or has left the role".to_owned(),
            Verdict::Suppressed => "it has suppressed the role; a revive ends that".to_owned(),
            Verdict::Filter => format!("it has refused what is free on {of}"),
            Verdict::Limit => format!("the quota of its role is used up; it bounds {of}"),
            Verdict::HeldBack => {
                format!("what is free on {of} is held back for the guarantees of others")
            }
            Verdict::Reserved => format!("what is free on {of} is reserved for others"),
            Verdict::Capability => format!("it lacks a capability that {of} ask for"),
            Verdict::Constraint => {
                match share.constraints.as_ref().and_then(|c| c.fault.as_ref()) {
                    Some(fault) => format!("its offer constraints exclude everything: {fault}"),
                    None => format!("its offer constraints exclude {of}"),
                }
            }
            Verdict::Minimum => format!("less than makes an offer is free on {of}"),
            Verdict::AgentInactive => format!("{of} are deactivated"),
            _ if all == 0 => "there are no agents".to_owned(),
            _ => format!("nothing is free on any of {all} agents; {ahead} are served before it"),
        }
    }
}
