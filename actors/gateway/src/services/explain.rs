//! Why instances of an app run or wait: `/api/v1/explain/app/…`. Not Marathon's.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use protocol::explain::ExplainApp;

use crate::answer::Answer;
use crate::common::Common;

/// The id may be given with or without its first slash.
pub(super) async fn explain(common: Data<Common>, id: Path<String>) -> Answer {
    let id = format!("/{}", id.trim_matches('/'));
    Ok(HttpResponse::Ok().json(common.ask("services", ExplainApp { id }).await?))
}
