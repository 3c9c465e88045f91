//! The actor `fetcher`: as many fetches at the same time as is sensible.

use std::sync::Arc;

use protocol::Failure;
use protocol::fetcher::FetchUris;
use runtime::{Actor, Context, Handler, Handlers, Host, HostError, Outcome, SpawnOptions};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::config::FetcherConfig;
use crate::download::client;
use crate::error::FetchError;
use crate::fetch::fetch;

/// The actor's name on its host.
pub const NAME: &str = "fetcher";

/// Brings artifacts into sandboxes.
pub struct Fetcher {
    client: reqwest::Client,
    config: Arc<FetcherConfig>,
    turns: Arc<Semaphore>,
    fetching: usize,
    fetched: u64,
    failed: u64,
}

/// Why the fetcher does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot make an HTTP client")]
    Client(#[source] FetchError),
    #[error(transparent)]
    Host(#[from] HostError),
}

/// Starts the actor `fetcher` on `host`.
pub fn start(host: &Host, config: FetcherConfig) -> Result<(), StartError> {
    let client = client(&config).map_err(StartError::Client)?;
    let turns = Arc::new(Semaphore::new(config.concurrency.max(1)));
    let config = Arc::new(config);
    host.spawn(NAME, SpawnOptions::default(), move || Fetcher {
        client: client.clone(),
        config: Arc::clone(&config),
        turns: Arc::clone(&turns),
        fetching: 0,
        fetched: 0,
        failed: 0,
    })?;
    Ok(())
}

impl Actor for Fetcher {
    const ABOUT: &'static str = "artifacts on their way into sandboxes";
    type Timer = ();

    fn install(handlers: &mut Handlers<Self>) {
        handlers.on::<FetchUris>();
    }

    fn inspect(&self) -> serde_json::Value {
        json!({ "fetching": self.fetching, "fetched": self.fetched, "failed": self.failed })
    }
}

impl Handler<FetchUris> for Fetcher {
    fn handle(&mut self, message: FetchUris, ctx: &mut Context<Self>) -> Outcome<()> {
        let (turns, client, config) =
            (Arc::clone(&self.turns), self.client.clone(), Arc::clone(&self.config));
        let work = async move {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            fetch(message, client, config).await
        };
        self.fetching += 1;
        let reply = ctx.defer();
        ctx.run(work, |actor, fetched: Result<(), Failure>, _| {
            actor.fetching -= 1;
            match fetched {
                Ok(()) => {
                    actor.fetched += 1;
                    reply.reply(());
                }
                Err(failure) => {
                    actor.failed += 1;
                    tracing::warn!(%failure, "fetch failed");
                    reply.refuse(failure);
                }
            }
        });
        Outcome::Later
    }
}
