//! `/api/v1/events`: the event stream of the services host, as of the master.

use actix_web::HttpRequest;
use actix_web::web::{Data, Payload};
use protocol::elector::GetLeader;
use protocol::services::GetApps;
use serde_json::{Value, json};

use crate::answer::{Answer, ApiError};
use crate::common::Common;
use crate::websocket::stream_events;

pub(super) async fn events(request: HttpRequest, payload: Payload, common: Data<Common>) -> Answer {
    let actors = common.clone();
    stream_events(&request, payload, &common, async move || snapshot(&actors).await).await
}

/// The data of a `snapshot` event: the apps with their instances, and who leads.
async fn snapshot(common: &Common) -> Result<Value, ApiError> {
    let (apps, leader) = futures_util::try_join!(
        common.ask("services", GetApps {}),
        common.ask("elector", GetLeader {}),
    )?;
    Ok(json!({ "apps": apps.apps, "leader": leader.leader }))
}
