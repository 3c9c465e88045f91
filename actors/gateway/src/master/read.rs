//! What is there, as the actors answer it: `/api/v1/meseta/…`, and all of it as a snapshot. Nothing is
//! left out, so it is for those who may see everything.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Query, ServiceConfig};
use protocol::agents::GetAgents;
use protocol::allocator::GetRoles;
use protocol::elector::GetLeader;
use protocol::frameworks::{GetFrameworks, GetOffers, GetTasks};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::answer::{Answer, ApiError};
use crate::common::Common;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/agents", web::get().to(agents))
        .route("/frameworks", web::get().to(frameworks))
        .route("/tasks", web::get().to(tasks))
        .route("/offers", web::get().to(offers))
        .route("/roles", web::get().to(roles))
        .route("/leader", web::get().to(leader));
}

async fn agents(common: Data<Common>, caller: Caller) -> Answer {
    caller.may_see_everything()?;
    Ok(HttpResponse::Ok().json(common.ask("agents", GetAgents {}).await?))
}

async fn frameworks(common: Data<Common>, caller: Caller) -> Answer {
    caller.may_see_everything()?;
    Ok(HttpResponse::Ok().json(common.ask("frameworks", GetFrameworks::default()).await?))
}

/// `?framework_id=…&task_id=…&completed=true`
async fn tasks(common: Data<Common>, caller: Caller, which: Query<GetTasks>) -> Answer {
    caller.may_see_everything()?;
    Ok(HttpResponse::Ok().json(common.ask("frameworks", which.into_inner()).await?))
}

async fn offers(common: Data<Common>, caller: Caller) -> Answer {
    caller.may_see_everything()?;
    Ok(HttpResponse::Ok().json(common.ask("frameworks", GetOffers {}).await?))
}

async fn roles(common: Data<Common>, caller: Caller) -> Answer {
    caller.may_see_everything()?;
    Ok(HttpResponse::Ok().json(common.ask("allocator", GetRoles {}).await?))
}

/// Also for those who may not: every standby tells it, too.
async fn leader(common: Data<Common>) -> Answer {
    Ok(HttpResponse::Ok().json(common.ask("elector", GetLeader {}).await?))
}

/// The data of a `snapshot` event. Its parts are asked for at the same time; each is of a moment
/// after the position from which events follow.
pub(super) async fn snapshot(common: &Common) -> Result<Value, ApiError> {
    let (agents, frameworks, tasks, offers, leader) = futures_util::try_join!(
        common.ask("agents", GetAgents {}),
        common.ask("frameworks", GetFrameworks::default()),
        common.ask("frameworks", GetTasks::default()),
        common.ask("frameworks", GetOffers {}),
        common.ask("elector", GetLeader {}),
    )?;
    Ok(json!({
        "agents": agents.agents,
        "frameworks": frameworks.frameworks,
        "tasks": tasks.tasks,
        "offers": offers.offers,
        "leader": leader.leader,
    }))
}
