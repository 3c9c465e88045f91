//! What frameworks would like to have: told to the allocator, and told again whenever it forgets.

use std::collections::BTreeMap;

use protocol::allocator;
use protocol::frameworks::{RequestResources, ResourceRequest};
use protocol::resources::Resources;
use protocol::{Address, Failure};

use crate::effect::ToAllocator;
use crate::framework::Framework;
use crate::roles::check_subset;
use crate::state::{Term, Turn};

impl Framework {
    /// Of roles that it no longer has.
    pub(crate) fn drop_wishes(&mut self) {
        let roles = &self.info.roles;
        self.wishes.retain(|role, _| roles.contains(role));
    }
}

impl Term {
    /// All that is requested, instead of all that was: a role that is no longer named wants nothing.
    pub(crate) fn on_request_resources(
        &mut self,
        from: &Address,
        message: RequestResources,
        turn: &mut Turn<'_>,
    ) -> Result<(), Failure> {
        let RequestResources { framework_id, requests } = message;
        let framework = self.caller(&framework_id, from)?;
        let wishes = by_role(&framework.info.roles, requests)?;
        let Some(framework) = self.frameworks.get_mut(&framework_id) else { return Ok(()) };
        let before = std::mem::replace(&mut framework.wishes, wishes.clone());
        let given_up = before.into_keys().filter(|role| !wishes.contains_key(role));
        let given_up: Vec<_> = given_up.map(|role| (role, Resources::EMPTY)).collect();
        for (role, resources) in given_up.into_iter().chain(wishes) {
            let framework_id = framework_id.clone();
            request(allocator::RequestResources { framework_id, role, resources }, turn);
        }
        Ok(())
    }

    /// To an allocator that has just heard of the framework.
    pub(crate) fn repeat_wishes(&self, framework: &Framework, turn: &mut Turn<'_>) {
        for (role, resources) in &framework.wishes {
            let (framework_id, role) = (framework.id.clone(), role.clone());
            let resources = resources.clone();
            request(allocator::RequestResources { framework_id, role, resources }, turn);
        }
    }
}

fn request(message: allocator::RequestResources, turn: &mut Turn<'_>) {
    turn.allocator(ToAllocator::Request(message));
}

/// The sum of the requests for each role.
fn by_role(
    roles: &[String],
    requests: Vec<ResourceRequest>,
) -> Result<BTreeMap<String, Resources>, Failure> {
    let mut wishes: BTreeMap<String, Resources> = BTreeMap::new();
    for ResourceRequest { role, resources } in requests {
        let role = match (role, roles) {
            (Some(role), _) => role,
            (None, [only]) => only.clone(),
            (None, _) => {
                return Err(Failure::refused(format!(
                    "a request names the role that it is for, which is one of: {}",
                    roles.join(", ")
                )));
            }
        };
        check_subset(std::slice::from_ref(&role), roles)?;
        wishes.entry(role).or_default().add_all(&resources);
    }
    wishes.retain(|_, resources| !resources.is_empty());
    Ok(wishes)
}
