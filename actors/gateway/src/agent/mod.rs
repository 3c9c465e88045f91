//! The agent's edge: health, what is here, sandboxes, usage, and the v1 executor API.

mod files;

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use protocol::agent::GetAgentState;
use protocol::monitor::GetUsage;
use tokens::TokenSecret;

use crate::answer::Answer;
use crate::common::Common;
use crate::master::{STATS, stats, version};
use crate::server::Edge;
use crate::v1::executor::{self, ExecutorApi};

/// What an agent serves.
#[derive(Clone, Debug)]
pub struct AgentEdge {
    executors: ExecutorApi,
}

impl AgentEdge {
    /// The edge of an agent that lets its executors hear a heartbeat so often, which is not zero.
    pub fn new(heartbeat: Duration) -> Self {
        Self { executors: ExecutorApi { heartbeat, secret: None } }
    }

    /// Lets in those executors only that have a token which is signed with this.
    #[must_use]
    pub fn with_tokens(mut self, secret: Option<TokenSecret>) -> Self {
        self.executors.secret = secret;
        self
    }
}

impl Edge for AgentEdge {
    fn open_paths(&self) -> Option<&'static [&'static str]> {
        None
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config
            .route("/health", web::get().to(HttpResponse::Ok))
            .route("/version", web::get().to(version))
            .route(STATS, web::get().to(stats))
            .route("/api/v1/meseta/state", web::get().to(state))
            .route("/monitor/usage", web::get().to(usage))
            .route("/files/read", web::get().to(files::read))
            .route("/files/download", web::get().to(files::download));
        executor::routes(config, &self.executors);
    }
}

async fn state(common: Data<Common>) -> Answer {
    Ok(HttpResponse::Ok().json(common.ask("agent", GetAgentState {}).await?))
}

async fn usage(common: Data<Common>) -> Answer {
    Ok(HttpResponse::Ok().json(common.ask("monitor", GetUsage {}).await?))
}
