//! The conservation law, and the agreement of every cache and index with what it is made from.

use protocol::id::AgentId;
use protocol::resources::Resources;

use crate::agents::Agent;
use crate::framework::Framework;
use crate::state::Term;
use crate::violation::Violation;

impl Term {
    /// Every invariant; the first that does not hold.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        if !self.ledger.index_is_exact() {
            return Err(Violation::BrokenIndex("tasks"));
        }
        if !self.offers.indexes_are_exact() {
            return Err(Violation::BrokenIndex("offers"));
        }
        if !self.operations.index_is_exact() {
            return Err(Violation::BrokenIndex("operations"));
        }
        if !self.inverse.indexes_are_exact() {
            return Err(Violation::BrokenIndex("inverse offers"));
        }
        if !self.claims.are_open() {
            return Err(Violation::BrokenIndex("claims"));
        }
        if !self.schedulers.is_exact(&self.frameworks) {
            return Err(Violation::BrokenIndex("schedulers"));
        }
        self.agents.iter().try_for_each(|(id, agent)| self.check_agent(id, agent))?;
        self.frameworks.values().try_for_each(|framework| self.check_framework(framework))?;
        self.check_offers_are_live()?;
        self.check_tasks_have_a_home()
    }

    /// Every resource is free, in one offer, or held by one task or executor, unless it is shared.
    /// An agent that has come back with less than its tasks hold can still offer what they leave.
    fn check_agent(&self, id: &AgentId, agent: &Agent) -> Result<(), Violation> {
        let held = self.ledger.total_held(id);
        miscounted(id, "used", &agent.used, held)?;
        let offers: Vec<_> = self.offers.on_agent(id).map(|o| &o.offer.resources).collect();
        miscounted(id, "offered", &agent.offered, offers.iter().copied().sum())?;
        let Some(info) = &agent.info else { return Ok(()) };
        let mut free = info.resources.clone();
        let tasks: Vec<_> = self.ledger.shares_on(id).map(|share| share.resources).collect();
        if info.resources.checked_use(&agent.used).is_ok() {
            tasks.iter().try_for_each(|held| take(id, &mut free, held))?;
        } else {
            free.remove_all(&agent.used.exclusive());
        }
        offers.into_iter().try_for_each(|held| take(id, &mut free, held))
    }

    fn check_framework(&self, framework: &Framework) -> Result<(), Violation> {
        if framework.is_active() != framework.scheduler.is_some() {
            return Err(Violation::SchedulerMismatch(framework.id.clone()));
        }
        if self.removed.contains(&framework.id) {
            return Err(Violation::RemovedFrameworkKnown(framework.id.clone()));
        }
        Ok(())
    }

    fn check_offers_are_live(&self) -> Result<(), Violation> {
        for outstanding in self.offers.iter() {
            let offer = &outstanding.offer;
            if self.generation(&offer.agent_id) != Some(outstanding.generation) {
                return Err(Violation::OfferOfAbsentAgent(offer.offer_id.clone()));
            }
            if !self.frameworks.get(&offer.framework_id).is_some_and(Framework::is_active) {
                return Err(Violation::OfferToInactiveFramework(offer.offer_id.clone()));
            }
        }
        Ok(())
    }

    fn check_tasks_have_a_home(&self) -> Result<(), Violation> {
        for (key, _) in self.ledger.iter() {
            let (framework, task) = (key.framework_id.clone(), key.task_id.to_string());
            if !self.frameworks.contains_key(&key.framework_id) {
                return Err(Violation::OrphanTask { framework, task });
            }
            if !self.agents.contains_key(&key.agent_id) {
                let agent = key.agent_id.clone();
                return Err(Violation::HomelessTask { framework, task, agent });
            }
        }
        Ok(())
    }
}

/// Takes what one holder has: what is no longer there is in two hands.
fn take(agent: &AgentId, free: &mut Resources, held: &Resources) -> Result<(), Violation> {
    *free = free.checked_use(held).map_err(|shortage| Violation::Overcommitted {
        agent: agent.clone(),
        by: held.to_string(),
        what: shortage.to_string(),
    })?;
    Ok(())
}

fn miscounted(
    agent: &AgentId,
    kind: &'static str,
    counted: &Resources,
    held: Resources,
) -> Result<(), Violation> {
    if *counted == held {
        return Ok(());
    }
    Err(Violation::Miscounted { agent: agent.clone(), kind, counted: counted.clone(), held })
}
