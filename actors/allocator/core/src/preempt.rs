//! Taking back what others have a better claim to: a guarantee that its role lacks and wants, or,
//! with a policy that says so, a request for a role of higher priority.
//!
//! Never more than needed: what is free and what is already on its way back is counted first; from
//! nobody more than exceeds its own guarantees; and from as few agents as will do. The core decides
//! what goes; `frameworks` rescinds offers, waits the grace, and chooses the tasks.
//!
//! What is on its way back covers first what it was asked for, then what others lack. When nobody
//! whom it was asked for, below or above that role, wants anything any more, it is withdrawn; when
//! they want no more than they have, once that has been so for a while: what somebody is offered
//! meanwhile from elsewhere may not be what it can use. For the same reason a part of it never is.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::allocator::RequestResources;
use protocol::framework::{Reclaim, Withdrawal};
use protocol::frameworks::{ReclaimResources, WithdrawReclaims};
use protocol::quota::is_within;
use protocol::{Resource, Resources, Time};

use crate::effect::Effect;
use crate::input::Timer;
use crate::model::{Agent, Client, Role};
use crate::quantities::Quantities;
use crate::reclaims::{Coming, Place, settle, sum};
use crate::slab::Slot;
use crate::state::State;

/// Between two looks for what to take back, while somebody lacks something.
const EVERY: Duration = Duration::from_millis(500);
/// How long after the grace tasks may take to be gone before it is asked again: a kill and a lost
/// message.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long somebody has enough before what was asked for is withdrawn, unless half the grace is
/// less. What is offered counts as had, and a scheduler that declines it does so within seconds.
const CONSIDERATION: Duration = Duration::from_secs(5);

/// Who holds something on an agent, and how much could be taken.
type Victim = (Client, Quantities);

/// Somebody lacks something that others have.
struct Claim {
    role: Slot<Role>,
    lacks: Quantities,
    /// From lower priorities only, instead of from whoever has more than is guaranteed.
    by_priority: bool,
}

impl State {
    /// Whether there is anything to look for.
    pub(crate) fn may_preempt(&self) -> bool {
        let lacking = || !self.book.roles[self.book.root].need.is_zero();
        let requested = || self.book.policy.preempts_by_priority() && !self.wishes.is_empty();
        let coming = || !self.reclaims.coming.is_empty();
        self.options.preempt_grace_ms.is_some() && (lacking() || requested() || coming())
    }

    /// Sets the timer if there may be something to take back, or to withdraw.
    pub(crate) fn arm_preemption(&mut self, now: Time, out: &mut Vec<Effect>) {
        if !self.may_preempt() {
            return;
        }
        let doubtful = std::mem::take(&mut self.reclaims.doubtful);
        let at = now + if doubtful { self.options.coalesce() } else { EVERY };
        if self.armed.preempt.is_none_or(|armed| at < armed && doubtful) {
            self.armed.preempt = Some(at);
            out.push(Effect::SetTimer { timer: Timer::Preempt, at });
        }
    }

    /// All that a framework would like to have for a role, instead of what it said before.
    pub(crate) fn on_request_resources(&mut self, fact: &RequestResources) {
        let named = self.named_clients(&fact.framework_id, std::slice::from_ref(&fact.role));
        for client in named {
            let wish = self.book.names.quantities(&fact.resources);
            match wish.is_zero() {
                true => self.wishes.remove(&client),
                false => self.wishes.insert(client),
            };
            self.book.clients[client].wish = wish;
        }
        self.reclaims.doubt();
    }

    pub(crate) fn on_preempt(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.armed.preempt = None;
        let (Some(term), Some(grace_ms)) = (self.term, self.options.preempt_grace_ms) else {
            return;
        };
        self.reclaims.forget(|_, coming| coming.until <= now);
        let mut claims = self.claims();
        let withdrawals = self.withdraw(now, &claims, grace_ms);
        if !withdrawals.is_empty() {
            out.push(Effect::Withdraw(WithdrawReclaims { round: term.round, withdrawals }));
        }
        // What is free is offered first.
        if !self.is_quiet() {
            return;
        }
        self.count_coming(&mut claims);
        let mut supply = self.book.pool.clone();
        let mut reclaims = Vec::new();
        for mut claim in claims {
            settle(&mut claim.lacks, &mut supply);
            self.reclaim(now, claim, grace_ms, &mut reclaims);
        }
        if !reclaims.is_empty() {
            out.push(Effect::Reclaim(ReclaimResources { round: term.round, reclaims }));
        }
    }

    /// Gives up what was asked for on behalf of those who want nothing any more, or have enough.
    fn withdraw(&mut self, now: Time, claims: &[Claim], grace_ms: u64) -> Vec<Withdrawal> {
        let consideration = CONSIDERATION.min(Duration::from_millis(grace_ms / 2));
        let (book, reclaims) = (&self.book, &mut self.reclaims);
        let given_up = reclaims.forget(|_, coming| {
            let theirs = |claim: &&Claim| {
                let (role, whose) = (&*book.roles[claim.role].name, &*coming.for_role);
                is_within(role, whose) || is_within(whose, role)
            };
            let mut theirs = claims.iter().filter(theirs).peekable();
            let wanted = theirs.peek().is_some();
            if theirs.any(|claim| !claim.lacks.is_zero()) {
                coming.enough_since = None;
                return false;
            }
            !wanted || *coming.enough_since.get_or_insert(now) + consideration <= now
        });
        let withdrawal = |((at, client), for_role): (Place, Arc<str>)| {
            let (agent, share) = (&self.book.agents[at], &self.book.clients[client]);
            Withdrawal {
                framework_id: self.book.frameworks[share.framework].id.clone(),
                role: self.book.roles[share.role].name.to_string(),
                agent_id: agent.id.clone(),
                generation: agent.generation,
                for_role: for_role.to_string(),
            }
        };
        given_up.into_iter().map(withdrawal).collect()
    }

    /// What is on its way back covers what it was asked for, and what is left of it anything else.
    fn count_coming(&self, claims: &mut [Claim]) {
        let mut coming = self.reclaims.by_role();
        for own in [true, false] {
            for claim in claims.iter_mut() {
                let name = &self.book.roles[claim.role].name;
                let theirs = coming.iter_mut().filter(|(role, _)| !own || *role == name);
                theirs.for_each(|(_, sums)| settle(&mut claim.lacks, sums));
            }
        }
    }

    /// Who wants something that there is a claim to, and what they lack of it, if anything; those
    /// first that others are part of.
    fn claims(&self) -> Vec<Claim> {
        let mut claims = Vec::new();
        let guaranteed = |(_, role): &(_, &Role)| !role.quota.guarantees.is_empty();
        let mut roles: Vec<_> = self.book.roles.iter().filter(guaranteed).collect();
        roles.sort_by_key(|(slot, role)| (std::cmp::Reverse(role.depth), *slot));
        // What a role's descendants claim is claimed for the role.
        let mut below: BTreeMap<Slot<Role>, Quantities> = BTreeMap::new();
        for (slot, role) in roles {
            let mut wanting = BTreeSet::new();
            self.book.wanting_within(slot, &mut wanting);
            let claimed = below.get(&slot).cloned().unwrap_or_default();
            let lacks = role.lacks().above(&claimed);
            if !wanting.is_empty() {
                for above in self.book.path(slot) {
                    below.entry(above).or_default().add(&lacks);
                }
                claims.push(Claim { role: slot, lacks, by_priority: false });
            }
        }
        if self.book.policy.preempts_by_priority() {
            let mut wishers: Vec<_> = self.wishes.iter().copied().collect();
            wishers.retain(|client| self.book.wanting.contains(*client));
            wishers.sort_by(|a, b| self.book.compare(*a, *b));
            claims.extend(wishers.into_iter().map(|client| {
                let share = &self.book.clients[client];
                let lacks = share.wish.above(&share.allocated);
                Claim { role: share.role, lacks, by_priority: true }
            }));
        }
        claims
    }

    /// Finds whom to take from.
    fn reclaim(&mut self, now: Time, claim: Claim, grace_ms: u64, found: &mut Vec<Reclaim>) {
        let mut lacks = claim.lacks.clone();
        if lacks.is_zero() {
            return;
        }
        let until = now + Duration::from_millis(grace_ms) + PATIENCE;
        let for_role = Arc::clone(&self.book.roles[claim.role].name);
        let mut spared = self.spared();
        let mut agents = self.victims(&claim).into_iter();
        while let Some((at, victims)) = agents.next().filter(|_| !lacks.is_zero()) {
            for (client, has) in victims {
                let slack = self.slack(client, &claim, &spared);
                let takes = lacks.least(&has).least(&slack);
                if takes.is_zero() {
                    continue;
                }
                lacks.subtract(&takes);
                let share = &self.book.clients[client];
                for role in self.book.path(share.role) {
                    spared.entry(role).or_default().add(&takes);
                }
                let agent = &self.book.agents[at];
                found.push(Reclaim {
                    framework_id: self.book.frameworks[share.framework].id.clone(),
                    role: self.book.roles[share.role].name.to_string(),
                    agent_id: agent.id.clone(),
                    generation: agent.generation,
                    resources: self.book.names.bag(&takes),
                    for_role: for_role.to_string(),
                    grace_ms,
                });
                let for_role = Arc::clone(&for_role);
                let coming = Coming { left: takes, until, for_role, enough_since: None };
                self.reclaims.coming.entry((at, client)).or_default().push(coming);
            }
        }
    }

    /// What is already on its way back, by role, counted up to the root.
    fn spared(&self) -> BTreeMap<Slot<Role>, Quantities> {
        let mut spared: BTreeMap<_, Quantities> = BTreeMap::new();
        for ((_, client), coming) in &self.reclaims.coming {
            for role in self.book.path(self.book.clients[*client].role) {
                spared.entry(role).or_default().add(&sum(coming.iter()));
            }
        }
        spared
    }

    /// From whom something can be taken for a claim, agent by agent: the lowest priority first, and
    /// of one priority the agents that give most.
    fn victims(&self, claim: &Claim) -> Vec<(Slot<Agent>, Vec<Victim>)> {
        let mut levels: BTreeMap<_, BTreeMap<_, Vec<Victim>>> = BTreeMap::new();
        for (at, agent) in self.book.agents.iter() {
            let held = agent.holdings.iter().filter(|(client, _)| self.may_take(claim, **client));
            for (client, holding) in held {
                let has = self.takeable(at, *client, &holding.resources);
                if !has.least(&claim.lacks).is_zero() {
                    let level = self.level(self.book.clients[*client].role);
                    let agents = levels.entry(level).or_default();
                    agents.entry(at).or_default().push((*client, has));
                }
            }
        }
        let by_gain = |agents: BTreeMap<_, _>| self.by_gain(claim, agents);
        levels.into_values().flat_map(by_gain).collect()
    }

    /// What of a holding would be of use to others.
    fn takeable(&self, at: Slot<Agent>, client: Client, held: &Resources) -> Quantities {
        let plain = |r: &Resource| r.reservations.is_empty() && !r.revocable && r.disk.is_none();
        let has = self.book.names.known(&held.filter(plain));
        has.above(&self.reclaims.at(&(at, client)))
    }

    fn by_gain(
        &self,
        claim: &Claim,
        agents: BTreeMap<Slot<Agent>, Vec<Victim>>,
    ) -> Vec<(Slot<Agent>, Vec<Victim>)> {
        let mut agents: Vec<_> = agents
            .into_iter()
            .map(|(at, mut victims)| {
                victims.sort_by(|(a, _), (b, _)| self.by_share(*a, *b));
                let mut gives = Quantities::default();
                victims.iter().for_each(|(_, has)| gives.add(has));
                let gives = gives.least(&claim.lacks);
                let part: f64 = gives.fractions(&claim.lacks).map(|(_, part)| part).sum();
                (part, at, victims)
            })
            .collect();
        agents.sort_by(|(a, x, _), (b, y, _)| b.total_cmp(a).then(x.cmp(y)));
        agents.into_iter().map(|(_, at, victims)| (at, victims)).collect()
    }

    /// The priorities from the root down to a role, for an order among all roles.
    fn level(&self, role: Slot<Role>) -> Vec<i64> {
        let mut level: Vec<_> = self.book.path(role).map(|r| self.book.roles[r].priority).collect();
        level.reverse();
        level
    }

    fn may_take(&self, claim: &Claim, client: Client) -> bool {
        let role = self.book.clients[client].role;
        if claim.by_priority {
            return self.priority(claim.role, role) == Ordering::Greater;
        }
        self.book.path(role).all(|above| above != claim.role)
    }

    /// Compares the priorities of two roles where their ways from the root part.
    fn priority(&self, one: Slot<Role>, other: Slot<Role>) -> Ordering {
        let (one, other) = self.book.parting(one, other);
        let of = |role: Option<Slot<Role>>| role.map_or(0, |role| self.book.roles[role].priority);
        of(one).cmp(&of(other))
    }

    /// Who is taken from first: the largest share.
    fn by_share(&self, one: Client, other: Client) -> Ordering {
        let share = |client: Client| {
            let dominant = self.book.clients[client].allocated.dominant(&self.book.ranked);
            dominant.map_or(0.0, |(share, _)| share)
        };
        share(other).total_cmp(&share(one)).then(one.cmp(&other))
    }

    /// How much more than its guarantees, and those of the roles above it, a client's role has.
    fn slack(
        &self,
        client: Client,
        claim: &Claim,
        spared: &BTreeMap<Slot<Role>, Quantities>,
    ) -> Quantities {
        let mut slack = self.book.clients[client].allocated.clone();
        for slot in self.book.path(self.book.clients[client].role) {
            // What stays below a role that both are in is not missed there.
            if self.book.path(claim.role).any(|above| above == slot) {
                break;
            }
            let role = &self.book.roles[slot];
            let taken = spared.get(&slot);
            for (index, guarantee) in &role.quota.guarantees {
                let taken = taken.map_or(0, |taken| taken.get(*index));
                let left = (role.consumed(*index) - taken - guarantee).max(0);
                let slack = slack.at(*index);
                *slack = (*slack).min(left);
            }
        }
        slack
    }
}
