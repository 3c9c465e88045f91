//! A framework's word on what it is from now on, while it is subscribed: all of it or nothing.

use std::collections::BTreeSet;

use protocol::constraints::OfferConstraints;
use protocol::events::types;
use protocol::framework::FrameworkInfo;
use protocol::frameworks::UpdateFramework;
use protocol::id::{CallId, FrameworkId};
use protocol::registrar::FrameworkRecord;
use protocol::{Address, Failure, FailureKind};
use serde::Serialize;

use crate::authority::may_register;
use crate::effect::Answer;
use crate::report;
use crate::roles::{check_wishes, complete_roles};
use crate::state::{Term, Turn};
use crate::writes::Change;

/// A change whose form is right: roles are well-formed, suppressed and constrained ones are among
/// them, and constraints and filters can be used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Revision {
    pub(crate) id: FrameworkId,
    pub(crate) call: CallId,
    info: FrameworkInfo,
    suppressed: BTreeSet<String>,
    constraints: Option<OfferConstraints>,
}

impl Term {
    pub(crate) fn on_update_framework(
        &mut self,
        call: CallId,
        from: &Address,
        message: UpdateFramework,
        turn: &mut Turn<'_>,
    ) -> Option<Result<Answer, Failure>> {
        match self.revised(call, from, message) {
            Ok(revision) => {
                self.change(Change::Revise(Box::new(revision)), turn);
                None
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    fn revised(
        &self,
        call: CallId,
        from: &Address,
        message: UpdateFramework,
    ) -> Result<Revision, Failure> {
        let UpdateFramework { framework_id, mut info, suppressed_roles, offer_constraints } =
            message;
        self.caller(&framework_id, from)?;
        complete_roles(&mut info);
        check_wishes(&info, &suppressed_roles, offer_constraints.as_ref())?;
        may_register(&self.config.acls, &info)?;
        info.id = Some(framework_id.clone());
        let suppressed = suppressed_roles.into_iter().collect();
        Ok(Revision { id: framework_id, call, info, suppressed, constraints: offer_constraints })
    }

    /// Goes on with a change whose turn has come.
    pub(crate) fn begin_revision(&mut self, new: Revision, turn: &mut Turn<'_>) {
        let Some(known) = self.frameworks.get(&new.id) else {
            let text = format!("Framework has been removed: {}", new.id);
            return turn.reply(new.call, Err(Failure::new(FailureKind::Conflict, text)));
        };
        if let Err(failure) = check_unchangeable(&known.info, &new.info) {
            return turn.reply(new.call, Err(failure));
        }
        if known.recorded && known.info == new.info {
            return self.complete_revision(new, turn);
        }
        let registered = known.registered;
        let record = FrameworkRecord { info: new.info.clone(), registered, removed: None };
        self.record_framework(record, Change::Revise(Box::new(new)), turn);
    }

    pub(crate) fn on_revision_recorded(
        &mut self,
        revision: Revision,
        result: Result<(), Failure>,
        turn: &mut Turn<'_>,
    ) {
        match result {
            Ok(()) => self.complete_revision(revision, turn),
            Err(failure) => turn.reply(revision.call, Err(failure)),
        }
    }

    fn complete_revision(&mut self, new: Revision, turn: &mut Turn<'_>) {
        let id = &new.id;
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let changed = framework.info != new.info;
        framework.recorded = true;
        framework.info = new.info;
        framework.suppressed = new.suppressed;
        framework.constraints = new.constraints;
        framework.drop_wishes();
        self.rescind_other_roles(id, turn);
        self.introduce_framework(id, turn);
        if changed {
            self.spread_info(id, turn);
        }
        turn.emit(report::framework(types::FRAMEWORK_UPDATED, &self.frameworks[id]));
        turn.reply(new.call, Ok(Answer::Done));
    }
}

/// What stays as it was when the framework came.
fn check_unchangeable(known: &FrameworkInfo, new: &FrameworkInfo) -> Result<(), Failure> {
    let refused =
        |what: &str| Err(Failure::refused(format!("Changing framework's {what} is not allowed.")));
    if known.principal != new.principal {
        return refused("principal");
    }
    if known.user != new.user {
        return refused("user");
    }
    if known.checkpoint != new.checkpoint {
        return refused("checkpoint");
    }
    Ok(())
}
