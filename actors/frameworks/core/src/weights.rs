//! Weights that an operator sets: durable first, then told to the allocator.

use protocol::Failure;
use protocol::allocator::SetWeight;
use protocol::explain::SetbackKind;
use protocol::frameworks::UpdateWeights;
use protocol::id::CallId;
use protocol::quota::is_within;
use protocol::registrar::RegistryOperation;
use serde::Serialize;

use crate::effect::{Answer, ToAllocator};
use crate::roles::check_roles;
use crate::state::{Term, Turn};
use crate::writes::Change;

/// A change of weights whose form is right.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct WeightChange {
    pub(crate) call: CallId,
    message: UpdateWeights,
}

impl Term {
    pub(crate) fn on_update_weights(
        &mut self,
        call: CallId,
        message: UpdateWeights,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        if let Err(failure) = check(&message) {
            return Some(Err(failure));
        }
        self.change(Change::Weights(WeightChange { call, message }), turn);
        None
    }

    /// Goes on with a change whose turn has come.
    pub(crate) fn begin_weights(&mut self, change: WeightChange, turn: &mut Turn<'_>) {
        let weights = change.message.weights.iter();
        let operations = weights.map(|(role, weight)| RegistryOperation::SetWeight {
            role: role.clone(),
            weight: Some(*weight),
        });
        self.record(operations.collect(), Change::Weights(change), turn);
    }

    pub(crate) fn on_weights_recorded(
        &mut self,
        change: WeightChange,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        if let Err(failure) = result {
            return turn.reply(change.call, Err(failure));
        }
        let UpdateWeights { weights } = change.message;
        // Told first: what is rescinded then goes by the new weights.
        for (role, weight) in &weights {
            let (role, weight) = (role.clone(), Some(*weight));
            turn.allocator(ToAllocator::SetWeight(SetWeight { role, weight }));
        }
        let concerns = |role: &String| weights.keys().any(|above| is_within(role, above));
        if self.frameworks.values().any(|framework| framework.info.roles.iter().any(concerns)) {
            let all = self.offers.iter().map(|o| o.offer.offer_id.clone()).collect();
            let why = (SetbackKind::OfferRescinded, "the weights of roles were changed");
            self.rescind(all, why, turn);
        }
        self.settings.weights.extend(weights);
        turn.reply(change.call, Ok(Answer::Done));
    }
}

fn check(message: &UpdateWeights) -> Result<(), Failure> {
    for (role, weight) in &message.weights {
        check_roles(std::slice::from_ref(role))?;
        if !weight.is_finite() || *weight <= 0.0 {
            return Err(Failure::refused(format!(
                "role '{role}': Invalid weight '{weight}': Weights must be positive"
            )));
        }
    }
    Ok(())
}
