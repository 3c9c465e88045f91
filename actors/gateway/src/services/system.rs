//! The scheduler itself: `/ping`, `/v2/info`, `/v2/leader`, `/v2/deployments`.

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use protocol::elector::{GetLeader, Leader, Leadership, Resign};
use protocol::services::{GetDeployments, GetServicesInfo};
use serde_json::json;

use super::error::{Answer, Refusal};
use super::{DEADLINE, ServicesEdge, render};

/// The release of Marathon whose API this is; clients compare it with what they need.
const MARATHON_VERSION: &str = "1.10.0";
/// Where service ports are chosen, as shown to clients.
const LOCAL_PORTS: (u16, u16) = (10_000, 20_000);

/// `/ping`: in the type that was asked for.
pub(super) async fn ping(request: HttpRequest) -> HttpResponse {
    let accepted = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let accepts = |what: &str| accepted.is_some_and(|accepted| accepted.contains(what));
    if accepts("application/json") {
        HttpResponse::Ok().json("pong")
    } else if accepts("text/html") {
        HttpResponse::Ok().content_type("text/html; charset=utf-8").body("pong")
    } else if accepted.is_none() || accepts("text/") || accepts("*/*") {
        HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("pong")
    } else {
        HttpResponse::NoContent().finish()
    }
}

/// `GET /v2/info`
pub(super) async fn info(edge: Data<ServicesEdge>) -> Answer {
    let info = edge.ask(GetServicesInfo {}).await?;
    let port = edge.http.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let host = edge.http.rsplit_once(':').map_or(edge.http.as_str(), |(host, _)| host);
    let body = json!({
        "name": "marathon",
        "version": MARATHON_VERSION,
        "buildref": concat!("meseta ", env!("CARGO_PKG_VERSION")),
        "elected": true,
        "leader": edge.http,
        "frameworkId": info.framework_id,
        "marathon_config": {
            "checkpoint": true, "executor": "//cmd", "features": [], "ha": true,
            "failover_timeout": info.failover_timeout_ms / 1000,
            "framework_name": info.framework_name, "hostname": host,
            "local_port_min": LOCAL_PORTS.0, "local_port_max": LOCAL_PORTS.1,
            "mesos_role": info.role, "mesos_user": info.user,
        },
        "zookeeper_config": {},
        "http_config": { "http_port": port },
    });
    Ok(HttpResponse::Ok().json(body))
}

/// `GET /v2/leader`
pub(super) async fn leader(edge: Data<ServicesEdge>) -> Answer {
    let leadership = edge.elector(GetLeader {}).await?;
    match leadership {
        Leadership { leader: Some(Leader { http, .. }), .. } => {
            Ok(HttpResponse::Ok().json(json!({ "leader": http })))
        }
        Leadership { leader: None, .. } => {
            Err(Refusal::new(StatusCode::NOT_FOUND, "There is no leader"))
        }
    }
}

/// `DELETE /v2/leader`
pub(super) async fn abdicate(edge: Data<ServicesEdge>) -> Answer {
    edge.elector(Resign {}).await?;
    Ok(HttpResponse::Ok().json(json!({ "message": "Leadership abdicated" })))
}

/// `GET /v2/deployments`
pub(super) async fn deployments(edge: Data<ServicesEdge>) -> Answer {
    let list = edge.ask(GetDeployments {}).await?;
    let all: Vec<_> = list.deployments.iter().map(render::deployment).collect();
    Ok(HttpResponse::Ok().json(all))
}

impl ServicesEdge {
    async fn elector<M: protocol::Message>(&self, message: M) -> Result<M::Reply, Refusal> {
        Ok(self.host.ask(&self.host.address_of("elector"), message, DEADLINE).await?)
    }
}
