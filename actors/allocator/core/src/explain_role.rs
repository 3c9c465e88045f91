//! Where a role stands in the tree, and what it waits for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::Scalar;
use protocol::allocator::Verdict;
use protocol::explain::{ExplainRole, RoleMember, RoleStanding};

use crate::effect::Answer;
use crate::model::{Branch, Role};
use crate::slab::Slot;
use crate::state::State;

/// Those beside a role that want offers, in the order in which they are served.
struct Siblings {
    ahead: Vec<String>,
    behind: Vec<String>,
}

impl State {
    /// Answers `ExplainRole`.
    pub(crate) fn explain_role_standing(&self, question: &ExplainRole) -> Answer {
        let name = question.role.as_str();
        match self.book.roles.find(name).filter(|_| !name.is_empty()) {
            Some(slot) => Answer::Role(Box::new(self.standing(slot))),
            None => Answer::Unknown(format!(
                "role {name} is not known to the allocator: no framework has subscribed to it, \
                 and it has no quota and no reservation"
            )),
        }
    }

    fn standing(&self, slot: Slot<Role>) -> RoleStanding {
        let role = &self.book.roles[slot];
        let summary = self.summary(role);
        let siblings = self.siblings(slot);
        let limited_by = self.limited_by(slot);
        let frameworks = self.members(role);
        let (wants, lacks) = (role.place.is_some(), self.book.names.by_name(&role.lacks()));
        let verdict = self.verdict_of_role(role, wants, limited_by.is_some(), &frameworks);
        let sentence = sentence(verdict, &lacks, limited_by.as_deref(), &siblings);
        RoleStanding {
            role: summary.role,
            verdict,
            summary: sentence,
            policy: self.book.policy.name().to_owned(),
            parent: role.parent.filter(|above| *above != self.book.root).map(|it| self.name_of(it)),
            children: role.children.iter().map(|child| self.name_of(*child)).collect(),
            weight: role.weight,
            priority: role.priority,
            allocated: summary.allocated,
            dominant_share: summary.dominant_share,
            dominant_resource: summary.dominant_resource,
            quota: summary.quota,
            consumed: summary.consumed,
            lacks,
            limited_by,
            wants,
            ahead: siblings.ahead,
            behind: siblings.behind,
            frameworks,
        }
    }

    fn name_of(&self, slot: Slot<Role>) -> String {
        self.book.roles[slot].name.to_string()
    }

    fn siblings(&self, slot: Slot<Role>) -> Siblings {
        let role = &self.book.roles[slot];
        let mut siblings = Siblings { ahead: Vec::new(), behind: Vec::new() };
        // One that wants nothing has no place among them.
        let (Some(parent), Some(own)) = (role.parent, &role.place) else { return siblings };
        for place in &self.book.roles[parent].branches {
            let is_ahead = place < own;
            match place.slot {
                Branch::Child(child) if child == slot => {}
                _ if is_ahead => siblings.ahead.push(place.name.to_string()),
                _ => siblings.behind.push(place.name.to_string()),
            }
        }
        siblings
    }

    /// The lowest role, from this one up, of whose limit nothing is left.
    fn limited_by(&self, slot: Slot<Role>) -> Option<String> {
        let is_used_up = |slot: &Slot<Role>| {
            let role = &self.book.roles[*slot];
            role.quota.limits.iter().any(|(index, limit)| role.consumed(*index) >= *limit)
        };
        self.book.path(slot).find(is_used_up).map(|slot| self.name_of(slot))
    }

    fn members(&self, role: &Role) -> Vec<RoleMember> {
        let subscribed = role.members.iter().filter(|c| self.book.clients[**c].subscribed);
        let member = |client| {
            let framework = &self.book.frameworks[self.book.clients[client].framework];
            let why = self.explain_role(framework, client);
            RoleMember { framework_id: framework.id.clone(), why }
        };
        subscribed.map(|client| member(*client)).collect()
    }

    /// What keeps offers from it: of the role itself, or of the frameworks that want some.
    fn verdict_of_role(
        &self,
        role: &Role,
        wants: bool,
        limited: bool,
        members: &[RoleMember],
    ) -> Verdict {
        let verdicts = || members.iter().map(|member| member.why.verdict);
        if !wants {
            let suppressed = verdicts().any(|verdict| verdict == Verdict::Suppressed);
            return if suppressed { Verdict::Suppressed } else { Verdict::Inactive };
        }
        if limited {
            return Verdict::Limit;
        }
        let asleep = [Verdict::Suppressed, Verdict::Inactive];
        let mut awake = verdicts().filter(|verdict| !asleep.contains(verdict));
        match awake.clone().find(|verdict| *verdict == Verdict::Offerable) {
            Some(verdict) => verdict,
            // Those that want offers are further down.
            None => awake.next().unwrap_or(if role.children.is_empty() {
                Verdict::NothingFree
            } else {
                Verdict::Share
            }),
        }
    }
}

fn sentence(
    verdict: Verdict,
    lacks: &BTreeMap<String, Scalar>,
    limited_by: Option<&str>,
    siblings: &Siblings,
) -> String {
    let mut text = match verdict {
        Verdict::Suppressed => "every framework of it that is connected has suppressed it".into(),
        Verdict::Inactive => "no framework of it is connected".into(),
        Verdict::Limit => {
            format!("the limit of role {} is used up", limited_by.unwrap_or("it"))
        }
        Verdict::Offerable => "it is about to be offered what is free".into(),
        Verdict::NothingFree => "nothing is free that it could be offered".into(),
        Verdict::Share => "its descendants wait; ask for these".into(),
        Verdict::Filter => "its frameworks have refused what is free".to_owned(),
        Verdict::HeldBack => "what is free is held back for the guarantees of others".to_owned(),
        Verdict::Reserved => "what is free is reserved for others".to_owned(),
        Verdict::Constraint => {
            "the offer constraints of its frameworks exclude what is free".into()
        }
        Verdict::Capability => "its frameworks lack a capability that what is free asks for".into(),
        Verdict::Minimum => "less is free than makes an offer".to_owned(),
        _ => "agents with something free are deactivated".to_owned(),
    };
    if !lacks.is_empty() {
        let lacks: Vec<_> = lacks.iter().map(|(name, sum)| format!("{name}:{sum}")).collect();
        // A `String` takes everything.
        let _ = write!(text, "; of what it is guaranteed it lacks {}", lacks.join(", "));
    }
    if !siblings.ahead.is_empty() {
        let (first, count) = (siblings.ahead.iter().take(3), siblings.ahead.len());
        let names = first.cloned().collect::<Vec<_>>().join(", ");
        let more = if count > 3 { ", …" } else { "" };
        let _ = write!(text, "; {count} beside it are served before it ({names}{more})");
    }
    text
}
