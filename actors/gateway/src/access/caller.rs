//! What handlers know of who asks.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use protocol::access::{Acls, Action};
use protocol::frameworks::GetFrameworks;
use protocol::id::FrameworkId;
use protocol::{Failure, maintenance};

use super::Sight;
use super::authenticate::Principal;
use crate::common::Common;

/// Everything there is to see.
const VIEWS: [Action; 4] =
    [Action::ViewFrameworks, Action::ViewTasks, Action::ViewExecutors, Action::ViewRoles];

/// Who asks: a principal, or nobody in particular.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    principal: Option<String>,
    acls: Arc<Acls>,
}

impl Caller {
    /// Who has authenticated.
    pub(crate) fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// Whether they may do it to `object`; absent: to one that has no name.
    pub(crate) fn may(&self, action: Action, object: Option<&str>) -> Result<(), Failure> {
        Ok(self.acls.check(self.principal(), action, object)?)
    }

    /// The same as a question.
    pub(crate) fn can(&self, action: Action, object: Option<&str>) -> bool {
        self.acls.check(self.principal(), action, object).is_ok()
    }

    /// Whether they may do it to everything.
    pub(crate) fn can_always(&self, action: Action) -> bool {
        self.acls.check_all(self.principal(), action).is_ok()
    }

    /// Whether they may do it to a framework, by the principal of that. One that is not there is for
    /// others to miss.
    pub(crate) async fn may_to(
        &self,
        common: &Common,
        action: Action,
        framework_id: &FrameworkId,
    ) -> Result<(), Failure> {
        if self.can_always(action) {
            return Ok(());
        }
        let question = GetFrameworks { framework_id: Some(framework_id.clone()) };
        let found = common.question("frameworks", question).await?;
        match found.frameworks.first() {
            Some(framework) => self.may(action, framework.info.principal.as_deref()),
            None => Ok(()),
        }
    }

    /// Whether they may do it to every one of these machines.
    pub(crate) fn may_on<'a>(
        &self,
        action: Action,
        machines: impl IntoIterator<Item = &'a maintenance::MachineId>,
    ) -> Result<(), Failure> {
        machines.into_iter().try_for_each(|machine| self.may(action, Some(name_of(machine))))
    }

    /// The same of one, as a question.
    pub(crate) fn can_on(&self, action: Action, machine: &maintenance::MachineId) -> bool {
        self.can(action, Some(name_of(machine)))
    }

    /// Whether they may see everything, for answers of which nothing is left out.
    pub(crate) fn may_see_everything(&self) -> Result<(), Failure> {
        Ok(VIEWS.iter().try_for_each(|view| self.acls.check_all(self.principal(), *view))?)
    }

    /// What they may see, if that is not everything.
    pub(crate) fn sight(&self) -> Option<Sight> {
        match self.may_see_everything() {
            Ok(()) => None,
            Err(_) => Some(Sight::new(self.clone())),
        }
    }
}

/// By its host's name, or else its address.
fn name_of(machine: &maintenance::MachineId) -> &str {
    match machine.hostname.is_empty() {
        true => &machine.ip,
        false => &machine.hostname,
    }
}

impl FromRequest for Caller {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let principal = request.extensions().get::<Principal>().map(|it| it.0.clone());
        let common = request.app_data::<Data<Common>>().expect("every edge has it");
        let acls = Arc::clone(&common.access.acls);
        ready(Ok(Self { principal, acls }))
    }
}
