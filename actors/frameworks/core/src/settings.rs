//! What is set for roles: the quotas and weights of the configuration, and over them those that
//! operators have set, which the registry has. The allocator is told of them whenever it begins anew.

use protocol::Failure;
use protocol::allocator::{SetQuota, SetWeight};
use protocol::frameworks::RoleSettings;
use protocol::maintenance::Maintenance;
use protocol::quota::Quota;
use protocol::registrar::{Registry, RegistrySnapshot};

use crate::effect::{Effect, Timer, ToAllocator};
use crate::lead::RETRY_REGISTRY;
use crate::state::{Term, Turn};
use crate::writes::{Change, Subject};

impl Term {
    /// What roles have: quotas that somebody has set and nobody has taken away, and weights.
    pub(crate) fn role_settings(&self) -> RoleSettings {
        let mut all = self.all_settings();
        all.quotas.retain(|_, quota| !quota.is_default());
        all
    }

    /// The same, with the quotas of the configuration that an operator has taken away as default
    /// ones.
    fn all_settings(&self) -> RoleSettings {
        let mut all = self.config.roles.clone();
        all.quotas.extend(self.settings.quotas.clone());
        all.weights.extend(self.settings.weights.clone());
        all
    }

    /// Tells the allocator, which knows none of it.
    pub(crate) fn introduce_settings(&self, turn: &mut Turn<'_>) {
        let RoleSettings { quotas, weights } = self.all_settings();
        for (role, quota) in quotas {
            turn.allocator(ToAllocator::SetQuota(SetQuota { role, quota }));
        }
        for (role, weight) in weights {
            turn.allocator(ToAllocator::SetWeight(SetWeight { role, weight: Some(weight) }));
        }
    }

    /// Asks for the registry, of which nobody knows whether it has the last change.
    pub(crate) fn reread_registry(&self, turn: &mut Turn<'_>) {
        if self.is_in_doubt() {
            turn.out.push(Effect::LoadRegistry { epoch: self.epoch });
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.writes.get(&Subject::Cluster).is_some_and(|write| write.change == Change::Reread)
    }

    pub(crate) fn on_registry_reread(
        &mut self,
        result: Result<RegistrySnapshot, Failure>,
        turn: &mut Turn<'_>,
    ) {
        if !self.is_in_doubt() {
            return;
        }
        match result {
            Ok(mut snapshot) if snapshot.epoch == self.epoch => {
                let maintenance = snapshot.registry.maintenance.remove(Maintenance::CLUSTER);
                self.adopt_maintenance(maintenance.unwrap_or_default(), turn);
                self.adopt_settings(snapshot.registry, turn);
                if let Some(write) = self.writes.remove(&Subject::Cluster) {
                    self.resume(write.waiting, turn);
                }
            }
            Ok(_) | Err(_) => turn.set(Timer::LoadRegistry, turn.now + RETRY_REGISTRY),
        }
    }

    /// What is durable is what holds; the allocator hears of what that changes.
    fn adopt_settings(&mut self, registry: Registry, turn: &mut Turn<'_>) {
        let before = self.role_settings();
        self.settings = RoleSettings { quotas: registry.quotas, weights: registry.weights };
        let gone = |role: &String| !self.settings.quotas.contains_key(role);
        for role in before.quotas.into_keys().filter(gone) {
            turn.allocator(ToAllocator::SetQuota(SetQuota { role, quota: Quota::default() }));
        }
        let gone = |role: &String| !self.settings.weights.contains_key(role);
        for role in before.weights.into_keys().filter(gone) {
            turn.allocator(ToAllocator::SetWeight(SetWeight { role, weight: None }));
        }
        self.introduce_settings(turn);
    }
}
