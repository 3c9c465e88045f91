//! Why things are as they are: `/api/v1/explain/…`.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use protocol::explain::{ExplainOffers, ExplainRole};

use crate::answer::Answer;
use crate::common::Common;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/framework/{id}", web::get().to(framework))
        .route("/role/{name:.+}", web::get().to(role));
}

async fn framework(common: Data<Common>, id: Path<String>) -> Answer {
    let framework_id = id.into_inner().into();
    let question = ExplainOffers { framework_id, need: None };
    Ok(HttpResponse::Ok().json(common.ask("frameworks", question).await?))
}

/// A role's name has slashes.
async fn role(common: Data<Common>, name: Path<String>) -> Answer {
    let question = ExplainRole { role: name.into_inner() };
    Ok(HttpResponse::Ok().json(common.ask("frameworks", question).await?))
}
