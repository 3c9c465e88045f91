//! Why things are as they are: `/api/v1/explain/…`. Reasons name others, so they are for those who may
//! see everything.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use protocol::explain::{ExplainOffers, ExplainRole};

use crate::access::Caller;
use crate::answer::Answer;
use crate::common::Common;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/framework/{id}", web::get().to(framework))
        .route("/role/{name:.+}", web::get().to(role));
}

async fn framework(common: Data<Common>, caller: Caller, id: Path<String>) -> Answer {
    caller.may_see_everything()?;
    let framework_id = id.into_inner().into();
    let question = ExplainOffers { framework_id, need: None };
    Ok(HttpResponse::Ok().json(common.ask("frameworks", question).await?))
}

/// A role's name has slashes.
async fn role(common: Data<Common>, caller: Caller, name: Path<String>) -> Answer {
    caller.may_see_everything()?;
    let question = ExplainRole { role: name.into_inner() };
    Ok(HttpResponse::Ok().json(common.ask("frameworks", question).await?))
}
